"""Finds the hits of posts: texts in a chunk, scanned, and each post's hits chained by list; no rule is asked."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fairpost.engine.bars cimport Bars
from fairpost.engine.context cimport Context
from fairpost.engine.image cimport NO_PATTERN, Image
from fairpost.engine.native cimport (
    ALL_RECOGNISERS,
    CHUNK_BYTES,
    MAX_HITS,
    TEXT_OK,
    TEXT_TOO_LONG,
    UNSORTED_HITS,
    append_hits,
    chain_hits,
    chain_unsorted,
    chunk_add,
    chunk_add_fault,
    chunk_begin,
    chunk_offsets,
    chunk_symbols,
    chunk_t,
    LISTS_ALL,
    LISTS_CONTEXT,
    LISTS_EAGER,
    column_hit_free,
    column_match,
    column_u32_free,
    column_u32_reserve,
    count_leads,
    hit_t,
    match_t,
    origin_t,
    prefetch,
    prepare_recognisers,
    prepare_seeds,
    reader_close,
    reader_open,
    reader_t,
    recognise_text,
    recognisers_used,
    remove_allowed,
    remove_allowed_unsorted,
    sort_hits,
    text_t,
    unique_hits,
)
from fairpost.engine.program cimport Program
from fairpost.engine.scanner cimport Scanner

cdef enum:
    AHEAD = 8  # how many matches ahead what a match reads is fetched

prepare_recognisers()
prepare_seeds()


cdef class Finder:
    """Working memory for finding the hits of posts with one bundle. Not thread-safe: one for each call under way."""

    def __cinit__(self, Image image not None):
        self.image = image
        self.view = &image.view
        self.scanner = Scanner(image)
        if image.plan is None:  # two threads may both make it: they make the same
            context = Context(image)
            bars = Bars(image)
            image.plan = (context, Program(image, context, bars), bars)
        self.context, self.program, self.bars = image.plan
        cdef size_t lists = image.view.list_count
        self.head = <uint32_t*>calloc(lists + 1, sizeof(uint32_t))
        self.known = <uint64_t*>calloc(self.program.known_words, sizeof(uint64_t))
        self.allows = <uint8_t*>calloc(lists + 1, 1)
        self.wanted = <uint32_t*>calloc(lists + 1, sizeof(uint32_t))
        if not (self.head and self.known and self.allows and self.wanted):
            raise MemoryError
        if reader_open(&self.reader, self.view) != 0:
            raise MemoryError
        self.reader.wanted = recognisers_used(self.view)
        cdef size_t k
        for k in range(image.view.allow_offsets[lists]):
            self.allows[image.view.allow_lists[k]] = 1

    def __dealloc__(self):
        column_hit_free(&self.hits_)
        column_u32_free(&self.mixed)
        reader_close(&self.reader)
        free(self.head)
        free(self.known)
        free(self.allows)
        free(self.wanted)

    cdef int scan_one(self, bytes text) except -1:
        """Scan one text as a chunk of its own. Raises ValueError, the byte at fault, if it is not UTF-8."""
        cdef chunk_t *chunk = &self.scanner.chunk
        if chunk_begin(chunk, 1, len(text), <const uint8_t*>text + len(text)):
            raise MemoryError
        chunk_add(chunk, <const uint8_t*>text, len(text), 0)
        if self.scanner.run(True) != 0:
            raise MemoryError
        if chunk.texts[0].fault != TEXT_OK:
            raise ValueError(chunk.texts[0].fault_at)
        return 0

    def hits(self, bytes text not None):
        """[(pattern or None for a recogniser, list, begin, end)] of one text, in bytes; allowed ones removed.

        Raises:
            ValueError: the text is not UTF-8; the argument is the byte at fault.
        """
        cdef const hit_t *hit
        cdef size_t k
        cdef int outcome
        self.scan_one(text)
        self.flags = 0
        self.match = self.writing = 0
        self.reader.wanted = ALL_RECOGNISERS
        self.everything = True
        outcome = self.find_hits(0, 1)
        self.everything = False
        self.reader.wanted = recognisers_used(self.view)
        if outcome != 0:
            raise MemoryError
        if not self.is_sorted:
            self.sort_and_chain()
        found = []
        for k in range(self.hits_.count):
            hit = &self.hits_.at[k]
            found.append((None if hit.pattern == NO_PATTERN else hit.pattern, hit.list, hit.begin, hit.end))
        return found

    def restored(self, bytes text not None):
        """[(symbol, byte where it begins)] of one text as it was meant; None where it stands as it was meant.

        Raises:
            ValueError: the text is not UTF-8; the argument is the byte at fault.
        """
        cdef Scanner scanner = self.scanner
        cdef const text_t *meant
        cdef const origin_t *origin
        cdef uint16_t symbol
        cdef size_t k
        self.scan_one(text)
        if not scanner.chunk.texts[0].restored:
            return None
        meant = &scanner.restorer.chunk.texts[0]
        found = []
        for k in range(meant.symbol_begin, meant.symbol_end):
            origin = &scanner.restorer.origins.at[k]
            symbol = chunk_symbols(&scanner.restorer.chunk)[k]
            if not origin.how:  # it may have been blotted out
                symbol = chunk_symbols(&scanner.chunk)[origin.begin]
            found.append((symbol, chunk_offsets(&scanner.restorer.chunk)[k]))
        return found

    cdef size_t stage(self, const request_t *request, size_t post) noexcept nogil:
        """Put the texts of the posts from `post` on into the chunk. Returns the post after the last, or 0 (memory)."""
        cdef size_t end = post, texts = 0, bytes = 0, length
        cdef int64_t k
        while end < request.posts:
            length = 0
            for k in range(first_text(request, end), first_text(request, end + 1)):
                length += <size_t>(request.ends[k] - request.begins[k])
            if end != post and bytes + length > CHUNK_BYTES:
                break
            bytes += length
            texts += text_count(request, end)
            end += 1
        if chunk_begin(&self.scanner.chunk, texts, bytes, request.readable):
            return 0
        while post < end:
            for k in range(first_text(request, post), first_text(request, post + 1)):
                length = <size_t>(request.ends[k] - request.begins[k])
                if length > request.max_characters and (
                    length > 4 * <size_t>request.max_characters
                    or count_leads(request.bytes + request.begins[k], length) > request.max_characters
                ):
                    length = length if length < 0xFFFFFFFFu else 0xFFFFFFFFu
                    chunk_add_fault(&self.scanner.chunk, TEXT_TOO_LONG, <uint32_t>length, <uint32_t>post)
                else:
                    chunk_add(&self.scanner.chunk, request.bytes + request.begins[k], length, <uint32_t>post)
            post += 1
        return end

    cdef int find_hits(self, size_t first, size_t count) noexcept nogil:
        """Hits of the post's texts, unique, rid of allowed ones, chained by list; sorted where that matters. Those of
        context lists are left out unless everything is wanted, see add_context().

        Takes the chunk's next matches: posts are looked at in order.
        """
        cdef chunk_t *chunk = &self.scanner.chunk
        cdef column_match *matches = &self.scanner.matches
        cdef column_match *writings = &self.scanner.writings
        cdef reader_t *reader = &self.reader
        cdef size_t k
        self.texts = chunk.texts + first
        self.hits_.count = 0
        self.facts.pairs = 0
        while self.match < matches.count and matches.at[self.match].text < first:
            self.match += 1
        while self.writing < writings.count and writings.at[self.writing].text < first:
            self.writing += 1
        self.post_match, self.post_writing = self.match, self.writing
        self.post_text, self.post_texts = first, count
        self.is_context_found = False
        if not self.texts.is_examined:
            self.chain()
            return 0
        if self.everything and self.find_context(~<uint64_t>0) != 0:
            return -1
        if self.take_hits() != 0:
            return -1
        reader.symbols = chunk_symbols(chunk)
        reader.offsets = chunk_offsets(chunk)
        reader.hits = &self.hits_
        reader.hit_limit = MAX_HITS
        reader.flags = 0
        for k in range(count):
            self.flags |= self.texts[k].flags
            reader.text = &self.texts[k]
            reader.text_index = <uint32_t>k
            if recognise_text(reader) != 0:
                return -1
        self.flags |= reader.flags
        self.chain()
        return 0

    cdef int find_context(self, uint64_t asked) noexcept nogil:
        """Find the post's matches of the context patterns that these ask for, a bit each. Returns 0, or -1 (memory)."""
        self.is_context_found = True
        return self.scanner.find_context(asked, self.post_text, self.post_texts, True)

    cdef int take_hits(self) noexcept nogil:
        """Append the hits of the post's matches in lists that are no context; where everything is wanted, in all."""
        cdef int which = LISTS_ALL if self.everything else LISTS_EAGER, outcome
        cdef const column_match *matches = &self.scanner.matches
        cdef size_t k, end = self.behind(matches, self.post_match)
        self.match = end
        self.mixed.count = 0
        if column_u32_reserve(&self.mixed, end - self.post_match):
            return -1
        for k in range(self.post_match, end):
            if k + AHEAD < end:
                prefetch(&self.context.owners.runs[matches.at[k + AHEAD].pattern])
            outcome = self.take(&matches.at[k], which)
            if outcome < 0:
                return -1
            self.mixed.at[self.mixed.count] = <uint32_t>k
            self.mixed.count += outcome
        self.writing = self.behind(&self.scanner.writings, self.post_writing)
        if self.take_range(&self.scanner.writings, self.post_writing, self.writing, which) != 0:
            return -1
        if not self.is_context_found:
            return 0
        return self.take_found_context(which)

    cdef int take_context(self) noexcept nogil:
        """Append the hits in the lists of context that are wanted."""
        cdef size_t k
        for k in range(self.mixed.count):
            if self.take(&self.scanner.matches.at[self.mixed.at[k]], LISTS_CONTEXT) < 0:
                return -1
        if self.take_range(&self.scanner.writings, self.post_writing, self.writing, LISTS_CONTEXT) != 0:
            return -1
        return self.take_found_context(LISTS_CONTEXT)

    cdef int take_found_context(self, int which) noexcept nogil:
        """Append the hits of the matches of find_context()."""
        if self.take_range(&self.scanner.context, 0, self.scanner.context.count, which) != 0:
            return -1
        return self.take_range(&self.scanner.context_writings, 0, self.scanner.context_writings.count, which)

    cdef size_t behind(self, const column_match *matches, size_t first) noexcept nogil:
        """The end of the post's matches, which begin at `first`."""
        cdef size_t end = self.post_text + self.post_texts
        while first < matches.count and matches.at[first].text < end:
            first += 1
        return first

    cdef int take_range(self, const column_match *matches, size_t first, size_t end, int which) noexcept nogil:
        cdef size_t k
        for k in range(first, end):
            if self.take(&matches.at[k], which) < 0:
                return -1
        return 0

    cdef int take(self, const match_t *match, int which) noexcept nogil:
        """append_hits() of one match."""
        return append_hits(
            self.view, &self.context.owners, &self.scanner.chunk, match, match.text - <uint32_t>self.post_text, which,
            self.wanted, self.mark, &self.hits_, MAX_HITS, &self.flags
        )

    cdef void chain(self) noexcept nogil:
        """Chain the hits by list, rid of repeated and allowed ones, sorted where there are many."""
        self.facts.hits = self.hits_.at
        self.is_sorted = self.hits_.count > UNSORTED_HITS
        if self.is_sorted:
            self.sort_and_chain()
            return
        self.begin_chains()
        self.hits_.count = remove_allowed_unsorted(self.view, self.allows, self.hits_.at, self.hits_.count)
        self.hits_.count = chain_unsorted(self.hits_.at, self.hits_.count, self.head, self.known)

    cdef void sort_and_chain(self) noexcept nogil:
        """Sort the hits by position, drop repeated and allowed ones, and chain them anew."""
        self.begin_chains()
        sort_hits(self.hits_.at, self.hits_.count)
        self.hits_.count = unique_hits(self.hits_.at, self.hits_.count)
        self.hits_.count = remove_allowed(
            self.view, self.allows, self.hits_.at, self.hits_.count, &self.facts.pairs
        )
        chain_hits(self.hits_.at, self.hits_.count, self.head, self.known)
        self.is_sorted = True

    cdef void begin_chains(self) noexcept nogil:
        """No list has a hit."""
        memset(self.known, 0, self.program.answers_from // 8)
