"""Judges posts column-wise: fold -> match -> conditions -> scores -> verdict columns, without the GIL."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from fairpost.engine.answer cimport answer_t, append_evidence, reserve_evidence
from fairpost.engine.conditions cimport MAX_WITNESSES, SELLER_FOUND, SELLER_NONE, evaluate
from fairpost.engine.image cimport NO_PATTERN, SYMBOL_BOUNDARY, Image, policy_t, rule_t
from fairpost.engine.native cimport (
    EVIDENCE_CAPPED,
    FOLD_INVALID,
    FOLD_NO_MEMORY,
    MAX_HITS,
    PAIR_LIMIT,
    WORK_BASE,
    WORK_CAPPED,
    WORK_PER_SYMBOL,
    chain_hits,
    column_delimiter_free,
    column_f32_reserve,
    column_hit_free,
    column_u8_reserve,
    column_u16_free,
    column_u16_reserve,
    column_u32_free,
    column_u32_reserve,
    count_units,
    fold_text,
    hit_t,
    match_text,
    matcher_t,
    prepare_recognisers,
    recognise_text,
    remove_allowed,
    sort_hits,
    unique_hits,
)
from fairpost.engine.scores cimport ALLOW, category_score, exposure

cdef enum:
    STATUS_OK = 0
    STATUS_INVALID_UTF8 = 1
    STATUS_EMPTY = 2
    STATUS_TOO_LONG = 3
    CATEGORIES_MAX = 32
    SHADOW = 1  # position in vocabulary.MODES
    SYMBOL_SLACK = 16  # a pattern's neighbour is read up to two symbols past a text's end
    EVIDENCE_MAX = 1024  # rows for one post

prepare_recognisers()


cdef class Judge:
    """Working memory for judging with one bundle. Not thread-safe: one Judge for each call under way."""

    def __cinit__(self, Image image not None):
        self.image = image
        self.view = &image.view
        cdef size_t rules = image.view.rule_count, lists = image.view.list_count
        self.head = <uint32_t*>calloc(lists + 1, sizeof(uint32_t))
        self.stamps = <uint32_t*>calloc(lists + 1, sizeof(uint32_t))
        self.candidates = <uint64_t*>calloc(rules // 64 + 1, sizeof(uint64_t))
        self.fired = <uint8_t*>calloc(rules + 1, 1)
        self.allows = <uint8_t*>calloc(lists + 1, 1)
        if not (self.head and self.stamps and self.candidates and self.fired and self.allows):
            raise MemoryError
        cdef size_t k
        for k in range(image.view.allow_offsets[lists]):
            self.allows[image.view.allow_lists[k]] = 1

    def __dealloc__(self):
        column_u16_free(&self.symbols)
        column_u32_free(&self.offsets)
        column_delimiter_free(&self.delimiters)
        column_hit_free(&self.hits_)
        column_u32_free(&self.view_code_points)
        column_u32_free(&self.view_offsets)
        free(self.texts)
        free(self.head)
        free(self.stamps)
        free(self.candidates)
        free(self.fired)
        free(self.allows)

    def hits(self, bytes text not None):
        """[(pattern or None for a recogniser, list, begin, end)] of one text, in bytes; allowed ones removed.

        Raises:
            ValueError: the text is not UTF-8; the argument is the byte at fault.
        """
        cdef request_t request
        cdef answer_t answer
        cdef int64_t[2] offsets
        cdef uint8_t status = 0
        cdef uint32_t status_offset = 0
        cdef uint16_t status_text = 0
        cdef size_t texts = 0, k
        cdef const hit_t *hit
        memset(&request, 0, sizeof(request))
        memset(&answer, 0, sizeof(answer))
        offsets[0], offsets[1] = 0, len(text)
        request.bytes = <const uint8_t*>text
        request.offsets = offsets
        request.posts = 1
        request.max_characters = 1 << 29
        answer.status = &status
        answer.status_offset = &status_offset
        answer.status_text = &status_text
        self.flags = 0
        if self.read_texts(&request, &answer, 0, &texts) < 0 or (status == STATUS_OK and self.find_hits(texts) != 0):
            raise MemoryError
        if status == STATUS_INVALID_UTF8:
            raise ValueError(status_offset)
        found = []
        for k in range(self.hits_.count if status == STATUS_OK else 0):
            hit = &self.hits_.at[k]
            found.append((None if hit.pattern == NO_PATTERN else hit.pattern, hit.list, hit.begin, hit.end))
        return found

    cdef int run(self, const request_t *request, answer_t *answer) noexcept nogil:
        """Judge every post of the request. Returns 0, or -1 when memory runs out."""
        cdef size_t post
        for post in range(request.posts):
            if self.judge_post(request, answer, post) != 0:
                return -1
            answer.label_end[post] = <uint32_t>answer.label_category.count
            answer.evidence_end[post] = <uint32_t>answer.evidence_rule.count
            answer.fired_end[post] = <uint32_t>answer.fired_rule.count
        return 0

    cdef int judge_post(self, const request_t *request, answer_t *answer, size_t post) noexcept nogil:
        cdef facts_t *facts = &self.facts
        cdef size_t texts = 0, first_fired = answer.fired_rule.count, first_evidence = answer.evidence_rule.count
        cdef uint16_t *fired
        cdef int32_t day = request.days[post] if request.days != NULL else request.day
        cdef int32_t seller = request.sellers[post] if request.sellers != NULL else SELLER_NONE
        cdef size_t k
        self.flags = 0
        cdef int outcome = self.read_texts(request, answer, post, &texts)
        if outcome != 0:
            return outcome if outcome < 0 else 0
        if self.find_hits(texts) != 0:
            return -1
        facts.image = self.view
        facts.hits = self.hits_.at
        facts.texts = self.texts
        facts.delimiters = self.delimiters.at
        facts.head = self.head
        facts.stamps = self.stamps
        facts.stamp = self.stamp
        facts.seller_state = SELLER_FOUND if seller >= 0 else seller
        facts.seller = &request.standings[seller] if seller >= 0 else NULL
        facts.channel = request.channels[post] if request.channels != NULL else request.channel
        facts.language = request.languages[post] if request.languages != NULL else request.language
        facts.fired = self.fired
        if self.fire_rules(answer, day) != 0:
            return -1
        fired = answer.fired_rule.at + first_fired
        for k in range(answer.fired_rule.count - first_fired):
            # The condition is evaluated again for its witnesses: only fired rules pay, and they are few.
            if self.view.rules[fired[k]].category != 0:
                evaluate(facts, &self.view.rules[fired[k]])
                if self.add_evidence(request, answer, fired[k], first_evidence) != 0:
                    return -1
        if facts.pairs > PAIR_LIMIT:
            self.flags |= WORK_CAPPED
        return self.conclude(request, answer, post, first_fired)

    cdef int read_texts(self, const request_t *request, answer_t *answer, size_t post, size_t *count) noexcept nogil:
        """Fold the post's texts, with a boundary before, between and after them.

        Returns 0, 1 if the post is at fault (its status says how), or -1 when memory runs out.
        """
        cdef int64_t first = request.segments[post] if request.segments != NULL else <int64_t>post
        cdef int64_t last = request.segments[post + 1] if request.segments != NULL else <int64_t>post + 1
        cdef int64_t k
        cdef size_t length, fault = 0, total = 0, texts = <size_t>(last - first)
        cdef text_t *text
        cdef text_t *grown
        cdef int outcome
        count[0] = texts
        if texts > self.text_capacity:
            grown = <text_t*>realloc(self.texts, texts * sizeof(text_t))
            if grown == NULL:
                return -1
            self.texts = grown
            self.text_capacity = texts
        self.symbols.count = self.offsets.count = self.delimiters.count = 0
        if column_u16_reserve(&self.symbols, 1) or column_u32_reserve(&self.offsets, 1):
            return -1
        self.symbols.at[0] = SYMBOL_BOUNDARY
        self.offsets.at[0] = 0
        self.symbols.count = self.offsets.count = 1
        for k in range(first, last):
            text = &self.texts[k - first]
            text.bytes = request.bytes + request.offsets[k]
            length = <size_t>(request.offsets[k + 1] - request.offsets[k])
            total += length
            if length > request.max_characters and (
                length > 4 * <size_t>request.max_characters
                or count_units(text.bytes, <uint32_t>length, 0) > request.max_characters
            ):
                answer.status[post] = STATUS_TOO_LONG
                answer.status_text[post] = <uint16_t>(k - first)
                answer.status_offset[post] = <uint32_t>length if length < 0xFFFFFFFFu else 0xFFFFFFFFu
                return 1
            text.length = <uint32_t>length
            text.symbol_begin = <uint32_t>self.symbols.count
            text.delimiter_begin = <uint32_t>self.delimiters.count
            outcome = fold_text(
                self.view, text.bytes, length, &self.symbols, &self.offsets, &self.delimiters, &fault
            )
            if outcome == FOLD_NO_MEMORY:
                return -1
            if outcome == FOLD_INVALID:
                answer.status[post] = STATUS_INVALID_UTF8
                answer.status_text[post] = <uint16_t>(k - first)
                answer.status_offset[post] = <uint32_t>fault
                return 1
            text.symbol_end = <uint32_t>self.symbols.count
            text.delimiter_end = <uint32_t>self.delimiters.count
            if column_u16_reserve(&self.symbols, SYMBOL_SLACK) or column_u32_reserve(&self.offsets, SYMBOL_SLACK):
                return -1
            self.symbols.at[self.symbols.count] = SYMBOL_BOUNDARY
            self.offsets.at[self.offsets.count] = text.length
            self.symbols.count += 1
            self.offsets.count += 1
        if total == 0:
            answer.status[post] = STATUS_EMPTY
            return 1
        return 0

    cdef int find_hits(self, size_t count) noexcept nogil:
        """All hits of the folded texts, sorted, unique, rid of allowed ones, chained by list."""
        cdef matcher_t matcher
        cdef size_t k
        self.hits_.count = 0
        matcher.image = self.view
        matcher.symbols = self.symbols.at
        matcher.offsets = self.offsets.at
        matcher.hits = &self.hits_
        matcher.hit_limit = MAX_HITS
        matcher.work = 0
        matcher.work_limit = WORK_BASE + <uint64_t>WORK_PER_SYMBOL * self.symbols.count
        matcher.flags = 0
        matcher.view_code_points = &self.view_code_points
        matcher.view_offsets = &self.view_offsets
        for k in range(count):
            matcher.text = &self.texts[k]
            matcher.text_index = <uint32_t>k
            if match_text(&matcher) != 0 or recognise_text(&matcher) != 0:
                return -1
        self.flags |= matcher.flags
        self.facts.pairs = 0
        self.stamp += 1
        if self.stamp == 0:  # after 2**32 posts: old stamps would look new
            memset(self.stamps, 0, (self.view.list_count + 1) * sizeof(uint32_t))
            self.stamp = 1
        sort_hits(self.hits_.at, self.hits_.count)
        self.hits_.count = unique_hits(self.hits_.at, self.hits_.count)
        self.hits_.count = remove_allowed(
            self.view, self.allows, self.hits_.at, self.hits_.count, &self.facts.pairs
        )
        chain_hits(self.hits_.at, self.hits_.count, self.head, self.stamps, self.stamp)
        return 0

    cdef int fire_rules(self, answer_t *answer, int32_t day) noexcept nogil:
        """Evaluate the rules that a hit may fire, in order; append those that hold to answer.fired_rule."""
        cdef const rule_t *rule
        cdef size_t k, words = self.view.rule_count // 64 + 1, first = answer.fired_rule.count
        cdef uint32_t number, t, list_id
        cdef uint64_t bits
        cdef bint signals = True
        memset(self.candidates, 0, words * sizeof(uint64_t))
        for k in range(self.view.always_count):
            self.candidates[self.view.always[k] >> 6] |= <uint64_t>1 << (self.view.always[k] & 63)
        for k in range(self.hits_.count):
            list_id = self.hits_.at[k].list
            if self.head[list_id] != k:  # only the list's first hit
                continue
            for t in range(self.view.trigger_offsets[list_id], self.view.trigger_offsets[list_id + 1]):
                number = self.view.triggers[t]
                self.candidates[number >> 6] |= <uint64_t>1 << (number & 63)
        self.facts.commerce = 0.0
        for k in range(words):
            bits = self.candidates[k]
            while bits:
                number = <uint32_t>(k * 64 + trailing_zeros(bits))
                bits &= bits - 1
                rule = &self.view.rules[number]
                if signals and rule.category != 0:
                    signals = False
                    self.note_commerce(answer, first)
                if not (rule.from_day <= day < rule.until_day) or not evaluate(&self.facts, rule):
                    continue
                if column_u16_reserve(&answer.fired_rule, 1):
                    return -1
                answer.fired_rule.at[answer.fired_rule.count] = <uint16_t>number
                answer.fired_rule.count += 1
                self.fired[number] = 1
        if signals:
            self.note_commerce(answer, first)
        return 0

    cdef void note_commerce(self, const answer_t *answer, size_t first) noexcept nogil:
        """The commerce score, once its rules were evaluated: they come before all others."""
        self.facts.commerce = category_score(
            self.view, answer.fired_rule.at + first, answer.fired_rule.count - first, 0, NULL
        )

    cdef int add_evidence(self, const request_t *request, answer_t *answer, size_t rule, size_t first) noexcept nogil:
        """One row for each witness of a fired rule, by position; one row without a span where it has none."""
        cdef facts_t *facts = &self.facts
        cdef size_t row = answer.evidence_rule.count, k, n
        cdef uint32_t order[MAX_WITNESSES]
        cdef uint32_t swap
        cdef const hit_t *hit
        cdef const hit_t *previous = NULL
        n = facts.witness_count
        if row - first + n + 1 > EVIDENCE_MAX:
            self.flags |= EVIDENCE_CAPPED
            return 0
        if reserve_evidence(answer, n + 1):
            return -1
        for k in range(n):  # hits are sorted, so their numbers order them by position
            order[k] = facts.witnesses[k]
            row = k
            while row > 0 and order[row - 1] > order[row]:
                swap = order[row]
                order[row] = order[row - 1]
                order[row - 1] = swap
                row -= 1
        for k in range(n):
            hit = &self.hits_.at[order[k]]
            if previous != NULL and previous.text == hit.text and previous.begin == hit.begin and (
                previous.end == hit.end
            ):
                continue
            previous = hit
            append_evidence(answer, <uint16_t>rule, hit, self.view.rules[rule].mode == SHADOW)
            row = answer.evidence_rule.count - 1
            if request.unit != 0:
                answer.evidence_start.at[row] = count_units(self.texts[hit.text].bytes, hit.begin, request.unit == 1)
                answer.evidence_stop.at[row] = count_units(self.texts[hit.text].bytes, hit.end, request.unit == 1)
        if n == 0:
            append_evidence(answer, <uint16_t>rule, NULL, self.view.rules[rule].mode == SHADOW)
        return 0

    cdef int conclude(self, const request_t *request, answer_t *answer, size_t post, size_t first_fired) noexcept nogil:
        """Labels, risk, action and exposure from the rules that fired."""
        cdef const policy_t *policy = self.view.policy
        cdef const uint16_t *fired = answer.fired_rule.at + first_fired
        cdef size_t count = answer.fired_rule.count - first_fired, row, k
        cdef size_t channel = self.facts.channel if self.facts.channel < self.view.channel_count else 0
        cdef const float *thresholds
        cdef uint32_t category, present = 0
        cdef double keep = 1.0, value
        cdef float score
        cdef int severity, action = ALLOW, level
        for k in range(count):
            self.fired[fired[k]] = 0
            if self.view.rules[fired[k]].mode != SHADOW:
                present |= <uint32_t>1 << self.view.rules[fired[k]].category
        for category in range(1, <uint32_t>CATEGORIES_MAX):
            if not (present >> category) & 1:
                continue
            severity = 0
            value = category_score(self.view, fired, count, category, &severity)
            score = <float>value
            keep *= 1.0 - value * policy.severity_weight[severity]
            if (
                column_u8_reserve(&answer.label_category, 1)
                or column_u8_reserve(&answer.label_severity, 1)
                or column_f32_reserve(&answer.label_score, 1)
            ):
                return -1
            row = answer.label_category.count
            answer.label_category.at[row] = <uint8_t>category
            answer.label_severity.at[row] = <uint8_t>severity
            answer.label_score.at[row] = score
            answer.label_category.count = answer.label_severity.count = answer.label_score.count = row + 1
            thresholds = self.view.thresholds + (channel * CATEGORIES_MAX + category) * 5
            for level in range(action + 1, 5):
                if score >= thresholds[level]:
                    action = level
        answer.action[post] = <uint8_t>action
        answer.risk[post] = <float>(1.0 - keep)
        answer.commerce[post] = <float>self.facts.commerce
        answer.flags[post] = <uint16_t>self.flags
        answer.exposure[post] = <float>exposure(&self.facts, policy, action, present >> 1 != 0)
        return 0


cdef extern from *:
    """
    #define trailing_zeros(x) __builtin_ctzll(x)
    """
    int trailing_zeros(uint64_t x) noexcept nogil
