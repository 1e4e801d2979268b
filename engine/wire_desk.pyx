"""A desk: where one request at a time is read, judged and answered. See wire.pyx."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from fairpost.engine.answer cimport answer_t, free_evidence
from fairpost.engine.decision_ids cimport DecisionIds
from fairpost.engine.finder cimport request_t
from fairpost.engine.image cimport Image, standing_t
from fairpost.engine.judge cimport Judge
from fairpost.engine.native cimport (
    column_f32_free,
    column_u8_free,
    column_u16_free,
    seller_ids_t,
)
from fairpost.engine.standings cimport StandingTable
from fairpost.engine.wire cimport (
    DECISION_LENGTH,
    DECISION_PREFIX,
    FOR_CHECK_POST,
    REQUEST_NO_MEMORY,
    REQUEST_READ,
    REQUEST_REFUSED,
    UNIT_BYTES,
    UNIT_CODE_POINTS,
    UNIT_UTF16,
    base32,
    pen_free,
    read_request,
    requests_free,
    requests_t,
    terms_t,
    verdicts_t,
    write_answer,
    writer_free,
)

from fairpost.engine.offending import Held, Offending
from fairpost.engine.vocabulary import STANDING_DTYPE, Action

__all__ = ["WireTerms"]

cdef enum:
    NONE = -1  # SELLER_NONE, SELLER_NOT_FOUND and SELLER_UNAVAILABLE
    NOT_FOUND = -2
    UNAVAILABLE = -3
    SPARE_BYTES = 1 << 20  # what a desk keeps of each of its buffers from call to call, at most
    SPARE_ROWS = 1 << 15

cdef uint8_t _shield = Action.SHIELD


cdef class WireTerms:
    """How a server answers, whatever the rule set.

    Args:
        decisions: where ids come from.
        policy: number of the FailPolicy that answers tell where the registry could not.
        judge_unavailable_as_not_found: what that policy means.
        max_posts, max_characters: of a batch, of a text.
        held: the actions whose posts are handed over.
    """

    def __init__(self, DecisionIds decisions not None, *, policy, judge_unavailable_as_not_found=False,
                 max_posts=10_000, max_characters=100_000, held=()):
        for action in held:
            self.held |= 1 << Action(action)
        self.decisions = decisions
        self.policy = policy
        self.is_unregistered = judge_unavailable_as_not_found
        self.max_posts = max_posts
        self.max_characters = max_characters


cdef class Desk:
    """A judge with memory for a request and its answer. Not thread-safe: one for each call under way."""

    def __cinit__(self, Image image not None):
        self.judge = Judge(image)
        memset(&self.requests, 0, sizeof(self.requests))
        memset(&self.answer, 0, sizeof(self.answer))
        memset(&self.verdicts, 0, sizeof(self.verdicts))
        memset(&self.pen, 0, sizeof(self.pen))
        memset(&self.style, 0, sizeof(self.style))

    def __dealloc__(self):
        requests_free(&self.requests)
        pen_free(&self.pen)
        free(self.sellers)
        free(self.judged_sellers)
        free(self.standings)
        free(self.answer.status)
        free(self.answer.status_offset)
        free(self.answer.status_text)
        free(self.answer.action)
        free(self.answer.risk)
        free(self.answer.commerce)
        free(self.answer.exposure)
        free(self.answer.model)
        free(self.answer.flags)
        free(self.answer.label_end)
        free(self.answer.evidence_end)
        free(self.answer.fired_end)
        self.free_ragged()

    cdef void free_ragged(self) noexcept nogil:
        column_u8_free(&self.answer.label_category)
        column_f32_free(&self.answer.label_score)
        column_u8_free(&self.answer.label_severity)
        column_u16_free(&self.answer.fired_rule)
        free_evidence(&self.answer.evidence)
        memset(&self.answer.evidence, 0, sizeof(self.answer.evidence))

    cdef void trim(self) noexcept nogil:
        """Let go what an unusually large request has left behind."""
        if <size_t>(self.pen.out.end - self.pen.out.begin) > SPARE_BYTES:
            writer_free(&self.pen.out)
        if self.pen.text.capacity > SPARE_BYTES:
            column_u8_free(&self.pen.text)
        if self.answer.evidence.capacity > SPARE_ROWS or self.answer.fired_rule.capacity > SPARE_ROWS:
            self.free_ragged()

    cdef int reserve(self, size_t posts) noexcept nogil:
        """Room for so many posts. Returns 0, or -1 (memory)."""
        cdef answer_t *answer = &self.answer
        if posts <= self.capacity:
            return 0
        if (
            _resize(<void**>&self.sellers, posts * sizeof(int32_t))
            or _resize(<void**>&self.judged_sellers, posts * sizeof(int32_t))
            or _resize(<void**>&self.standings, posts * sizeof(standing_t))
            or _resize(<void**>&answer.status, posts)
            or _resize(<void**>&answer.status_offset, posts * sizeof(uint32_t))
            or _resize(<void**>&answer.status_text, posts * sizeof(uint16_t))
            or _resize(<void**>&answer.action, posts)
            or _resize(<void**>&answer.risk, posts * sizeof(float))
            or _resize(<void**>&answer.commerce, posts * sizeof(float))
            or _resize(<void**>&answer.exposure, posts * sizeof(float))
            or _resize(<void**>&answer.model, posts * sizeof(float))
            or _resize(<void**>&answer.flags, posts * sizeof(uint16_t))
            or _resize(<void**>&answer.label_end, posts * sizeof(uint32_t))
            or _resize(<void**>&answer.evidence_end, posts * sizeof(uint32_t))
            or _resize(<void**>&answer.fired_end, posts * sizeof(uint32_t))
        ):
            return -1
        self.capacity = posts
        return 0

    cdef int work(self, int kind, const uint8_t *bytes, size_t length, const terms_t *reading, WireTerms terms,
                  StandingTable table, int32_t day, int *refused) noexcept nogil:
        """All from the request to the answer; where posts are refused, all but writing it. Returns REQUEST_...."""
        cdef int outcome = read_request(&self.requests, reading, kind, bytes, length)
        if outcome != REQUEST_READ:
            return outcome
        self.style.unit = _unit_of(self.requests.unit)
        if self.style.unit < 0 or (kind == FOR_CHECK_POST and self.requests.refused):
            return REQUEST_REFUSED
        refused[0] = self.judge_request(bytes, length, terms, table, day)
        if refused[0] < 0:
            return REQUEST_NO_MEMORY
        if refused[0] and kind == FOR_CHECK_POST:
            return REQUEST_REFUSED
        self.style.policy = terms.policy
        self.style.decision = terms.decisions.reserve(self.requests.count, self.style.decisions)
        if refused[0] == 0 and self.write(kind, 0) != 0:
            return REQUEST_NO_MEMORY
        return REQUEST_READ

    cdef int judge_request(self, const uint8_t *bytes, size_t length, WireTerms terms, StandingTable table,
                           int32_t day) noexcept nogil:
        """Look the sellers up and judge the posts. Returns the number of posts without a verdict, or -1 (memory)."""
        cdef requests_t *given = &self.requests
        cdef answer_t *answer = &self.answer
        cdef seller_ids_t ids
        cdef request_t request
        cdef int64_t sequence
        cdef size_t k
        cdef int refused = 0
        cdef bint has_sellers = False
        if self.reserve(given.capacity) != 0:
            return -1
        for k in range(given.count):
            self.sellers[k] = NONE
            has_sellers |= given.seller_begins[k] != given.seller_ends[k]
        if has_sellers:
            ids.bytes, ids.begins, ids.ends, ids.count = bytes, given.seller_begins, given.seller_ends, given.count
            table.look_up(&ids, day, self.sellers, self.standings, &sequence)
        request.sellers = self.sellers
        if terms.is_unregistered:
            for k in range(given.count):
                self.judged_sellers[k] = NOT_FOUND if self.sellers[k] == UNAVAILABLE else self.sellers[k]
            request.sellers = self.judged_sellers
        request.bytes = bytes
        request.readable = bytes + length
        request.begins, request.ends, request.segments = given.text_begins, given.text_ends, given.segments
        request.posts = given.count
        request.standings = self.standings
        request.channels, request.languages, request.days = given.channels, given.languages, given.days
        request.channel = request.language = 0
        request.day = 0
        request.max_characters = terms.max_characters
        request.unit = UNIT_BYTES
        memset(answer.status, 0, given.count)
        memset(answer.status_text, 0, given.count * sizeof(uint16_t))
        memset(answer.status_offset, 0, given.count * sizeof(uint32_t))
        answer.label_category.count = answer.label_score.count = answer.label_severity.count = 0
        answer.evidence.count = answer.fired_rule.count = 0
        if self.judge.run(&request, answer) != 0:
            return -1
        for k in range(given.count):
            refused += answer.status[k] != 0
        return refused

    cdef int write(self, int kind, size_t refused) noexcept nogil:
        """Write the answer. Returns 0, or -1 (memory)."""
        cdef verdicts_t *v = &self.verdicts
        cdef const answer_t *answer = &self.answer
        v.status, v.action, v.flags = answer.status, answer.action, answer.flags
        v.risk, v.commerce, v.exposure = answer.risk, answer.commerce, answer.exposure
        v.label_end, v.evidence_end = answer.label_end, answer.evidence_end
        v.label_category, v.label_severity = answer.label_category.at, answer.label_severity.at
        v.label_score = answer.label_score.at
        v.evidence_rule, v.evidence_text = answer.evidence.rule, answer.evidence.text
        v.evidence_start, v.evidence_stop = answer.evidence.start, answer.evidence.stop
        v.evidence_shadow = answer.evidence.shadow
        v.sellers, v.standings = self.sellers, self.standings
        return write_answer(&self.pen, &self.style, &self.requests, v, kind, refused)

    cdef bint has_offending(self) noexcept nogil:
        cdef size_t k
        for k in range(self.requests.count):
            if self.is_offending(k):
                return True
        return False

    cdef bint is_offending(self, size_t k) noexcept nogil:
        return self.answer.status[k] == 0 and self.answer.action[k] >= _shield and self.sellers[k] >= 0

    cdef bint has_held(self, uint32_t actions) noexcept nogil:
        cdef size_t k
        for k in range(self.requests.count):
            if self.is_held(k, actions):
                return True
        return False

    cdef bint is_held(self, size_t k, uint32_t actions) noexcept nogil:
        return self.answer.status[k] == 0 and (actions >> self.answer.action[k]) & 1

    cdef list held(self, const uint8_t *bytes, uint32_t actions):
        """[Held], in order."""
        cdef size_t k
        cdef int32_t seller
        found = []
        for k in range(self.requests.count):
            if not self.is_held(k, actions):
                continue
            seller = self.sellers[k]
            found.append(
                Held(
                    k,
                    self.requests.days[k],
                    seller,
                    (<const char*>&self.standings[seller])[:sizeof(standing_t)] if seller >= 0 else b"",
                    self.decision_id(k),
                    self.requests.posts[k].message.at - bytes,
                    self.requests.posts[k].message.end - bytes,
                )
            )
        return found

    cdef str decision_id(self, size_t k):
        cdef uint8_t[DECISION_LENGTH] decision
        memcpy(decision, self.style.decisions, DECISION_PREFIX)
        base32(decision + DECISION_PREFIX, self.style.decision + k, DECISION_LENGTH - DECISION_PREFIX)
        return decision[:DECISION_LENGTH].decode("ascii")

    cdef list offending(self, const uint8_t *bytes):
        """[Offending], in order."""
        cdef const answer_t *answer = &self.answer
        cdef size_t k, row, first
        found = []
        for k in range(self.requests.count):
            if not self.is_offending(k):
                continue
            first = answer.label_end[k - 1] if k else 0
            labels = tuple([
                (answer.label_category.at[row], answer.label_score.at[row])
                for row in range(first, answer.label_end[k])
            ])
            first = answer.evidence_end[k - 1] if k else 0
            rules = tuple(dict.fromkeys([
                answer.evidence.rule[row]
                for row in range(first, answer.evidence_end[k])
                if not answer.evidence.shadow[row]
            ]))
            standing = (<const char*>&self.standings[self.sellers[k]])[:sizeof(standing_t)]
            found.append(
                Offending(
                    index=k,
                    day=self.requests.days[k],
                    action=Action(answer.action[k]),
                    labels=labels,
                    rules=rules,
                    standing=np.frombuffer(standing, STANDING_DTYPE)[0],
                    decision_id=self.decision_id(k),
                    begin=self.requests.posts[k].message.at - bytes,
                    end=self.requests.posts[k].message.end - bytes,
                )
            )
        return found


cdef int _resize(void **column, size_t bytes) noexcept nogil:
    cdef void *larger = realloc(column[0], bytes)
    if larger == NULL:
        return -1
    column[0] = larger
    return 0


cdef int _unit_of(int32_t number) noexcept nogil:
    """UNIT_... of a SpanUnit, or -1."""
    if number == 0 or number == 3:
        return UNIT_CODE_POINTS
    if number == 1:
        return UNIT_BYTES
    return UNIT_UTF16 if number == 2 else -1
