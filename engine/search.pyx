"""Searches texts for the patterns of a set: scanner -> matches in order -> columns, without the GIL."""

cimport numpy as cnp

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fairpost.engine.image cimport Image
from fairpost.engine.native cimport column_u32, column_u32_free, column_u32_reserve, match_t, text_t
from fairpost.engine.scanner cimport Scanner, chunk_of

cdef extern from "spans.h" nogil:
    int column_span_reserve(column_span *c, size_t extra) noexcept
    void column_span_free(column_span *c) noexcept
    uint32_t span_begin(const span_t *s) noexcept
    uint32_t span_end(const span_t *s) noexcept
    void sort_spans(span_t *spans, size_t count) noexcept
    size_t unique_spans(span_t *spans, size_t count) noexcept
    size_t leftmost_longest(span_t *spans, size_t count) noexcept
    void units_free(units_t *u) noexcept
    int units_begin(units_t *u, const uint8_t *text, uint32_t length, bint is_utf16) noexcept
    uint32_t units_before(units_t *u, uint32_t at) noexcept

cnp.import_array()

cdef enum:
    KEPT = 1 << 20  # items of a column


cdef class Search:
    """Working memory for searching with one set. Not thread-safe: one Search for each call under way."""

    def __cinit__(self, Image image not None):
        self.scanner = Scanner(image)

    def __dealloc__(self):
        column_span_free(&self.spans)
        units_free(&self.units)
        column_u32_free(&self.post)
        column_u32_free(&self.pattern)
        column_u32_free(&self.begin)
        column_u32_free(&self.end)
        column_u32_free(&self.bad_post)
        column_u32_free(&self.bad_byte)

    cdef outcome_t run(self, const task_t *task) noexcept nogil:
        """Append what the texts of the task hold to the answer. On TOO_LONG and ILL_FORMED, `fault` is the text."""
        cdef size_t first = task.first, count
        cdef outcome_t outcome
        while first < task.end:
            count = chunk_of(task.offsets, first, task.end)
            if task.offsets[first + 1] - task.offsets[first] > LONGEST_TEXT:
                self.fault = task.base + first
                return TOO_LONG
            if self.scanner.scan(task.bytes, task.offsets, first, count, task.readable):
                return NO_MEMORY
            outcome = self.note_faults(task, first)
            if outcome != DONE:
                return outcome
            if self.collect(task, first):
                return NO_MEMORY
            first += count
        return DONE

    cdef outcome_t note_faults(self, const task_t *task, size_t first) noexcept nogil:
        cdef size_t k
        cdef const text_t *text
        for k in range(self.scanner.chunk.text_count):
            text = &self.scanner.chunk.texts[k]
            if text.fault == 0:
                continue
            if column_u32_reserve(&self.bad_post, 1) or column_u32_reserve(&self.bad_byte, 1):
                return NO_MEMORY
            push(&self.bad_post, <uint32_t>(task.base + first + k))
            push(&self.bad_byte, text.fault_at)
            if task.is_strict:
                self.fault = task.base + first + k
                return ILL_FORMED
        return DONE

    cdef int collect(self, const task_t *task, size_t first) noexcept nogil:
        """Order the matches of the scanned chunk, whose first text is number `first`, and append them."""
        cdef const match_t *matches = self.scanner.matches.at
        cdef size_t total = self.scanner.matches.count, k = 0, count, kept
        cdef uint32_t text
        cdef span_t *spans
        # Where every character is one symbol, symbols count code points.
        cdef bint are_symbols = task.unit == CODE_POINTS and self.scanner.view.is_identity
        cdef uint32_t origin = 0
        if column_u32_reserve(&self.post, total) or column_u32_reserve(&self.pattern, total) \
                or column_u32_reserve(&self.begin, total) or column_u32_reserve(&self.end, total):
            return -1
        while k < total:
            text = matches[k].text
            self.spans.count = count = 0
            if are_symbols:
                origin = self.scanner.chunk.texts[text].symbol_begin
            while k < total and matches[k].text == text:
                if self.spans.capacity == count:
                    self.spans.count = count
                    if column_span_reserve(&self.spans, 1):
                        return -1
                if are_symbols:
                    self.spans.at[count].span = <uint64_t>(matches[k].begin - origin) << 32 | matches[k].end - origin
                else:
                    self.spans.at[count].span = <uint64_t>matches[k].byte_begin << 32 | matches[k].byte_end
                self.spans.at[count].pattern = matches[k].pattern
                count += 1
                k += 1
            spans = self.spans.at
            sort_spans(spans, count)
            kept = unique_spans(spans, count)
            if task.is_longest:
                kept = leftmost_longest(spans, kept)
            if task.counts != NULL:
                task.counts[task.base + first + text] = <uint32_t>kept
            elif are_symbols or task.unit == UTF8:
                self.report(<uint32_t>(task.base + first + text), kept)
            elif self.report_units(task, &self.scanner.chunk.texts[text], <uint32_t>(task.base + first + text), kept):
                return -1
        return 0

    cdef void report(self, uint32_t post, size_t count) noexcept nogil:
        # SAFETY: collect() has made room for all matches of the chunk.
        cdef size_t at = self.post.count, k
        for k in range(count):
            self.post.at[at + k] = post
            self.pattern.at[at + k] = self.spans.at[k].pattern
            self.begin.at[at + k] = span_begin(&self.spans.at[k])
            self.end.at[at + k] = span_end(&self.spans.at[k])
        self.post.count = self.pattern.count = self.begin.count = self.end.count = at + count

    cdef int report_units(self, const task_t *task, const text_t *text, uint32_t post, size_t count) noexcept nogil:
        """The same, with bytes turned into the unit asked for: the text is walked once."""
        cdef size_t at = self.post.count, k
        if units_begin(&self.units, text.bytes, text.length, task.unit == UTF16):
            return -1
        self.report(post, count)
        for k in range(at, at + count):
            self.begin.at[k] = units_before(&self.units, self.begin.at[k])
            self.end.at[k] = units_before(&self.units, self.end.at[k])
        return 0

    def counts(self):
        """(matches, ill-formed texts) found so far."""
        return self.post.count, self.bad_post.count

    def put(self, tuple columns, tuple ill_formed, size_t row, size_t bad_row):
        """Write what was found into uint32 arrays (post, pattern, begin, end) from `row` on and (text, byte) from
        `bad_row` on, and forget it."""
        cdef column_u32 *have[6]
        cdef uint32_t *want[6]
        cdef size_t k
        self.columns(have)
        for k in range(4):
            want[k] = <uint32_t*>cnp.PyArray_DATA(<cnp.ndarray>columns[k]) + row
        for k in range(2):
            want[4 + k] = <uint32_t*>cnp.PyArray_DATA(<cnp.ndarray>ill_formed[k]) + bad_row
        with nogil:
            for k in range(6):
                if have[k].count:
                    memcpy(want[k], have[k].at, have[k].count * sizeof(uint32_t))
            self.forget()

    cdef void columns(self, column_u32 **have) noexcept nogil:
        have[0], have[1], have[2], have[3] = &self.post, &self.pattern, &self.begin, &self.end
        have[4], have[5] = &self.bad_post, &self.bad_byte

    cdef void forget(self) noexcept nogil:
        """Empty the answer. Its memory stays for the next one, unless it is much."""
        cdef column_u32 *have[6]
        cdef size_t k
        self.columns(have)
        for k in range(6):
            if have[k].capacity > KEPT:
                column_u32_free(have[k])
            have[k].count = 0


cdef inline void push(column_u32 *column, uint32_t value) noexcept nogil:
    column.at[column.count] = value
    column.count += 1
