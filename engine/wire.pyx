"""Hot methods of FilterService from a request's bytes to the answer's: no post and no verdict becomes an object.

What is not ordinary is not answered here: a request that is at fault, and a post that is. `PostWire.answer` then gives
None, or asks for that post's result. So there is one place that makes errors, and it is not this one.
"""

cimport numpy as cnp

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from libc.time cimport time

from fairpost.engine.counters cimport PostCounts
from fairpost.engine.image cimport Image
from fairpost.engine.standings cimport StandingTable
from fairpost.engine.wire_desk cimport Desk, WireTerms

from fairpost.engine import phrases
from fairpost.engine.offending import Refused

__all__ = ["CHECK_POST", "CHECK_POSTS", "STREAM_CHECK", "PostWire"]

cnp.import_array()

CHECK_POST, CHECK_POSTS, STREAM_CHECK = range(3)

cdef enum:
    HELD_BYTES = 2048  # a request up to this size takes microseconds: giving the GIL away would cost more than it gives


cdef void* _start(column) except NULL:
    """First item of an array that lives as long as what points there."""
    return cnp.PyArray_DATA(<cnp.ndarray>column)


cdef int _point_names(names_t *out, names) except -1:
    out.bytes = <const uint8_t*>PyBytes_AS_STRING(names.content)
    out.names = <const name_t*>_start(names.names)
    out.count = len(names.names)
    return 0


cdef folded_t _folded


cdef int _point_folded() except -1:
    """The default fold; its columns are made once in a process, and live as long as it."""
    columns = phrases.folded()
    _folded.blocks = <const uint16_t*>_start(columns.blocks)
    _folded.images = <const uint32_t*>_start(columns.images)
    _folded.bytes = <const uint8_t*>PyBytes_AS_STRING(columns.content)
    _folded.longest = columns.longest
    return 0


_word_columns = phrases.standing_words()


cdef int point_words(standing_words_t *words) except -1:
    """The words of standings; they live as long as this module."""
    words.bytes = <const uint8_t*>PyBytes_AS_STRING(_word_columns.content)
    memcpy(words.licences, _start(_word_columns.licences), sizeof(words.licences))
    memcpy(words.categories, _start(_word_columns.categories), sizeof(words.categories))
    words.longest = _word_columns.longest
    return 0


cdef class PostWire:
    """Answers CheckPost, CheckPosts and StreamCheck with one rule set. Any number of threads, each without the GIL
    while it works on more than a single post.

    Args:
        image: the rule set's, rule_set: it itself, for what it says; channels, languages: numbers by name.
    """

    cdef Image image
    cdef object columns  # keep what `phrases` and `terms` point at
    cdef phrases_t phrases
    cdef standing_words_t words
    cdef terms_t terms
    cdef list spare  # Desks not in use: list.append and list.pop are atomic

    def __init__(self, Image image not None, rule_set, channels, languages):
        said = phrases.rule_phrases(rule_set)
        channel_names, language_names = phrases.names_of(channels), phrases.names_of(languages)
        self.image = image
        self.columns = (said, channel_names, language_names)
        self.phrases.bytes = <const uint8_t*>PyBytes_AS_STRING(said.content)
        self.phrases.heads = <const piece_t*>_start(said.heads)
        self.phrases.first = <const uint32_t*>_start(said.first)
        self.phrases.sayings = <const saying_t*>_start(said.sayings)
        self.phrases.longest = said.longest
        self.phrases.longest_category = said.categories["length"].max()
        memcpy(self.phrases.categories, _start(said.categories), sizeof(self.phrases.categories))
        revision = rule_set.revision.encode("ascii")
        if len(revision) != REVISION_LENGTH:
            raise ValueError(f"revision {rule_set.revision!r}, expected {REVISION_LENGTH} characters")
        memcpy(self.phrases.revision, PyBytes_AS_STRING(revision), REVISION_LENGTH)
        point_words(&self.words)
        _point_folded()
        _point_names(&self.terms.channels, channel_names)
        _point_names(&self.terms.languages, language_names)
        self.spare = [Desk(image)]

    def answer(self, int kind, bytes content not None, WireTerms terms not None, StandingTable table not None, int day,
               PostCounts counts not None, refuse, record, hand_over=None):
        """The response of a method as bytes; None if the request is not to be answered here.

        Args:
            kind: CHECK_POST, CHECK_POSTS or STREAM_CHECK: the request's and the response's type.
            day: today, in days since 1970: tenures are counted up to it.
            counts: where the posts are counted, once there is an answer.
            refuse: called with content and [Refused] if posts of a batch could not be judged; gives the serialised
                CheckResult of each, or None: then this gives None, too. Not called for CheckPost.
            record: None, or called with kind, content and [Offending] if there are any and the request is no dry run.
            hand_over: the same with [Held], the posts with one of the actions that `terms` names.

        Raises:
            MemoryError.
        """
        cdef Desk desk
        cdef const uint8_t *bytes = <const uint8_t*>PyBytes_AS_STRING(content)
        cdef size_t length = PyBytes_GET_SIZE(content)
        cdef int outcome, refused = 0
        cdef terms_t reading = self.terms
        if not FOR_CHECK_POST <= kind <= FOR_STREAM_CHECK:
            raise ValueError(f"kind is {kind}, expected 0 to 2")
        reading.max_posts = terms.max_posts
        reading.today = day_in_china(time(NULL))  # for posts that do not say when they were made
        try:
            desk = self.spare.pop()
        except IndexError:
            desk = Desk(self.image)
        # A desk on which something has failed is not kept: its judge may be in the middle of a post.
        desk.style.phrases, desk.style.words, desk.style.folded = &self.phrases, &self.words, &_folded
        if length <= HELD_BYTES:
            outcome = desk.work(kind, bytes, length, &reading, terms, table, day, &refused)
        else:
            with nogil:
                outcome = desk.work(kind, bytes, length, &reading, terms, table, day, &refused)
        if outcome == REQUEST_NO_MEMORY:
            raise MemoryError(f"answering a request of {length} bytes")
        if outcome == REQUEST_READ and refused:
            outcome = self.write_with_refusals(desk, kind, content, refused, refuse)
        if outcome == REQUEST_REFUSED:
            self.spare.append(desk)
            return None
        response = PyBytes_FromStringAndSize(<const char*>desk.pen.out.at, writer_length(&desk.pen.out))
        counts.count(&desk.answer, desk.requests.count)
        if record is not None and not desk.requests.is_dry_run and desk.has_offending():
            record(kind, content, desk.offending(bytes))
        if hand_over is not None and not desk.requests.is_dry_run and desk.has_held(terms.held):
            hand_over(kind, content, desk.held(bytes, terms.held))
        desk.trim()
        self.spare.append(desk)
        return response

    cdef int write_with_refusals(self, Desk desk, int kind, bytes content, size_t refused, refuse) except? -1:
        """Write the answer to a batch with posts that have no verdict."""
        cdef const uint8_t *first = <const uint8_t*>PyBytes_AS_STRING(content)
        cdef const wire_post_t *post
        cdef refusal_t *refusals
        cdef bytes result
        cdef size_t k, row = 0
        cdef int outcome
        found = []
        for k in range(desk.requests.count):
            if desk.answer.status[k] == 0:
                continue
            post = &desk.requests.posts[k]
            found.append(
                Refused(
                    index=k,
                    begin=post.message.at - first,
                    end=post.message.end - first,
                    status=0 if post.is_refused else desk.answer.status[k],
                    part=desk.answer.status_text[k],
                    offset=desk.answer.status_offset[k],
                )
            )
        results = refuse(content, found)
        if results is None:
            return REQUEST_REFUSED
        if len(results) != <Py_ssize_t>refused:
            raise ValueError(f"refuse gave {len(results)} results, expected {refused}")
        refusals = <refusal_t*>malloc(refused * sizeof(refusal_t))
        if refusals == NULL:
            raise MemoryError
        try:
            for result in results:
                refusals[row].bytes = <const uint8_t*>PyBytes_AS_STRING(result)
                refusals[row].length = PyBytes_GET_SIZE(result)
                row += 1
            desk.style.refusals = refusals
            with nogil:
                outcome = desk.write(kind, refused)
        finally:
            free(refusals)
        if outcome != 0:
            raise MemoryError(f"answering a request of {len(content)} bytes")
        return REQUEST_READ
