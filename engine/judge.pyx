"""Judges posts column-wise: fold -> match -> conditions -> scores -> verdict columns, without the GIL."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fairpost.engine.answer cimport answer_t, append_evidence, evidence_t, reserve_evidence
from fairpost.engine.bars cimport Bars
from fairpost.engine.conditions cimport (
    ASKS_CONTEXT,
    HOLDS,
    HOLDS_NOT,
    MAX_WITNESSES,
    NOT_READ,
    SELLER_FOUND,
    SELLER_NONE,
    evaluate,
    holds,
)
from fairpost.engine.context cimport Context
from fairpost.engine.image cimport NO_PATTERN, Image, rule_t
from fairpost.engine.native cimport (
    ALL_RECOGNISERS,
    CHUNK_BYTES,
    EVIDENCE_CAPPED,
    MAX_HITS,
    PAIR_LIMIT,
    TEXT_OK,
    TEXT_TOO_LONG,
    UNSORTED_HITS,
    WORK_CAPPED,
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
    column_u16_reserve,
    column_u32_free,
    column_u32_reserve,
    count_leads,
    count_units,
    hit_t,
    match_t,
    model_logit,
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
    trailing_zeros,
    unique_hits,
)
from fairpost.engine.program cimport Program
from fairpost.engine.scanner cimport Scanner
from fairpost.engine.scores cimport SHADOW, category_score, commerce_probability, conclude

cdef enum:
    STATUS_OK = 0
    STATUS_EMPTY = 2  # the others are the faults of a text, TEXT_...
    NO_TEXT = 0xFFFFFFFF
    EVIDENCE_MAX = 1024  # rows for one post
    AHEAD = 8  # how many matches ahead what a match reads is fetched
    ALL_DECIDED = 0xFFFFFFFF

prepare_recognisers()
prepare_seeds()


cdef inline int64_t first_text(const request_t *request, size_t post) noexcept nogil:
    return request.segments[post] if request.segments != NULL else <int64_t>post


cdef inline size_t text_count(const request_t *request, size_t post) noexcept nogil:
    return <size_t>(first_text(request, post + 1) - first_text(request, post))


cdef class Judge:
    """Working memory for judging with one bundle. Not thread-safe: one Judge for each call under way."""

    def __cinit__(self, Image image not None):
        self.image = image
        self.view = &image.view
        self.scanner = Scanner(image)
        if image.plan is None:  # two threads may both make it: they make the same
            context = Context(image)
            bars = Bars(image)
            image.plan = (context, Program(image, context, bars), bars)
        self.context, self.program, self.bars = image.plan
        cdef size_t rules = image.view.rule_count, lists = image.view.list_count
        self.head = <uint32_t*>calloc(lists + 1, sizeof(uint32_t))
        self.known = <uint64_t*>calloc(self.program.known_words, sizeof(uint64_t))
        self.candidates = <uint64_t*>calloc(rules // 64 + 1, sizeof(uint64_t))
        self.fired = <uint8_t*>calloc(rules + 1, 1)
        self.allows = <uint8_t*>calloc(lists + 1, 1)
        self.wanted = <uint32_t*>calloc(lists + 1, sizeof(uint32_t))
        if not (self.head and self.known and self.candidates and self.fired and self.allows and self.wanted):
            raise MemoryError
        if reader_open(&self.reader, self.view) != 0:
            raise MemoryError
        self.reader.wanted = recognisers_used(self.view)
        cdef size_t k
        while self.signal_rules < rules and image.view.rules[self.signal_rules].category == 0:
            self.signal_rules += 1
        for k in range(image.view.allow_offsets[lists]):
            self.allows[image.view.allow_lists[k]] = 1

    def __dealloc__(self):
        column_hit_free(&self.hits_)
        column_u32_free(&self.mixed)
        reader_close(&self.reader)
        free(self.head)
        free(self.known)
        free(self.candidates)
        free(self.fired)
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

    cdef int run(self, const request_t *request, answer_t *answer) noexcept nogil:
        """Judge every post of the request, a chunk of them at a time. Returns 0, or -1 when memory runs out."""
        cdef size_t first = 0, post, end, text
        while first < request.posts:
            end = self.stage(request, first)
            if end == 0 or self.scanner.run(True) != 0:
                return -1
            self.match = self.writing = text = 0
            for post in range(first, end):
                if self.judge_post(request, answer, post, text) != 0:
                    return -1
                answer.label_end[post] = <uint32_t>answer.label_category.count
                answer.evidence_end[post] = <uint32_t>answer.evidence.count
                answer.fired_end[post] = <uint32_t>answer.fired_rule.count
                text += text_count(request, post)
            first = end
        return 0

    cdef size_t stage(self, const request_t *request, size_t post) noexcept nogil:
        """Put the texts of the posts from `post` on into the chunk. Returns the post after the last, or 0 (memory)."""
        cdef size_t end = post, texts = 0, length
        cdef int64_t first = first_text(request, post), k
        while end < request.posts and (
            end == post or request.offsets[first_text(request, end + 1)] - request.offsets[first] <= CHUNK_BYTES
        ):
            texts += text_count(request, end)
            end += 1
        if chunk_begin(
            &self.scanner.chunk,
            texts,
            <size_t>(request.offsets[first + <int64_t>texts] - request.offsets[first]),
            request.bytes + request.offsets[first_text(request, request.posts)],
        ):
            return 0
        while post < end:
            for k in range(first_text(request, post), first_text(request, post + 1)):
                length = <size_t>(request.offsets[k + 1] - request.offsets[k])
                if length > request.max_characters and (
                    length > 4 * <size_t>request.max_characters
                    or count_leads(request.bytes + request.offsets[k], length) > request.max_characters
                ):
                    length = length if length < 0xFFFFFFFFu else 0xFFFFFFFFu
                    chunk_add_fault(&self.scanner.chunk, TEXT_TOO_LONG, <uint32_t>length, <uint32_t>post)
                else:
                    chunk_add(&self.scanner.chunk, request.bytes + request.offsets[k], length, <uint32_t>post)
            post += 1
        return end

    cdef int judge_post(self, const request_t *request, answer_t *answer, size_t post, size_t first) noexcept nogil:
        """Judge the post whose texts begin at text `first` of the chunk."""
        cdef size_t count = text_count(request, post), k
        cdef const text_t *texts = self.scanner.chunk.texts + first
        cdef bint is_empty = True
        self.flags = 0
        for k in range(count):
            if texts[k].fault != TEXT_OK:
                answer.status[post] = <uint8_t>texts[k].fault
                answer.status_text[post] = <uint16_t>k
                answer.status_offset[post] = texts[k].fault_at
                return 0
            is_empty = is_empty and texts[k].length == 0
        if is_empty:
            answer.status[post] = STATUS_EMPTY
            return 0
        if self.view.model_weights != NULL:
            self.facts.model = answer.model[post] = self.model_of(texts, count)
        if self.find_hits(first, count) != 0:
            return -1
        return self.examine(request, answer, post, count)

    cdef int examine(self, const request_t *request, answer_t *answer, size_t post, size_t count) noexcept nogil:
        """The verdict on a post from its hits."""
        cdef facts_t *facts = &self.facts
        cdef size_t first_fired = answer.fired_rule.count, first_evidence = answer.evidence.count
        cdef uint16_t *fired
        cdef int32_t day = request.days[post] if request.days != NULL else request.day
        cdef int32_t seller = request.sellers[post] if request.sellers != NULL else SELLER_NONE
        cdef size_t k
        self.shadow_rows = 0
        facts.image = self.view
        facts.hits = self.hits_.at
        facts.texts = self.texts
        facts.text_count = <uint32_t>count
        facts.quotation_count = NOT_READ
        facts.head = self.head
        facts.known = self.known
        facts.seller_state = SELLER_FOUND if seller >= 0 else seller
        facts.seller = &request.standings[seller] if seller >= 0 else NULL
        facts.channel = request.channels[post] if request.channels != NULL else request.channel
        facts.language = request.languages[post] if request.languages != NULL else request.language
        facts.fired = self.fired
        facts.steps = self.program.steps
        facts.programs = self.program.first
        facts.contexts = self.context.first
        if self.fire_rules(answer, day) != 0:
            return -1
        fired = answer.fired_rule.at + first_fired
        for k in range(answer.fired_rule.count - first_fired):
            # The condition is evaluated again for its witnesses: only fired rules pay, and they are few.
            if self.view.rules[fired[k]].category != 0:
                if not self.is_sorted:
                    self.sort_and_chain()
                if self.view.rules[fired[k]].mode == SHADOW:
                    self.exchange_pairs()
                evaluate(facts, &self.view.rules[fired[k]])
                if self.view.rules[fired[k]].mode == SHADOW:
                    self.exchange_pairs()
                if self.add_evidence(request, answer, fired[k], first_evidence) != 0:
                    return -1
        if facts.pairs > PAIR_LIMIT:
            self.flags |= WORK_CAPPED
        for k in range(answer.fired_rule.count - first_fired):
            self.fired[fired[k]] = 0
        answer.flags[post] = <uint16_t>self.flags
        return conclude(facts, answer, post, first_fired)

    cdef float model_of(self, const text_t *texts, size_t count) noexcept nogil:
        """The text model's logit of a post of these texts, as they stand or as they were meant: the greater one."""
        cdef const text_t *text
        cdef int64_t total = 0, meant = 0
        cdef uint64_t shapes = 0, meant_shapes = 0
        cdef float logit, other
        cdef bint is_restored = False
        cdef size_t k
        for k in range(count):
            text = &texts[k]
            total += text.weights
            shapes += text.shape_end - text.shape_begin
            if text.restored:
                is_restored = True
                text = &self.scanner.restorer.chunk.texts[text.restored - 1]
            meant += text.weights
            meant_shapes += text.shape_end - text.shape_begin
        logit = model_logit(self.view, total, shapes)
        if is_restored:
            other = model_logit(self.view, meant, meant_shapes)
            return other if other > logit else logit
        return logit

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
        self.facts.pairs = self.shadow_pairs = 0
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

    cdef int add_context(self, uint32_t first, int32_t day) noexcept nogil:
        """Hits of the context lists that rule `first` and the candidates behind it read. Returns 0, or -1 (memory).

        Candidates that are decided without, by not holding, are no longer candidates.
        """
        cdef size_t k, hits = self.hits_.count
        cdef uint64_t bits
        cdef uint32_t rule, c
        cdef const rule_t *record
        cdef uint64_t asked = 0
        self.mark += 1
        if self.mark == 0:  # after 2**32 posts: old marks would look new
            memset(self.wanted, 0, self.view.list_count * sizeof(uint32_t))
            self.mark = 1
        self.facts.undecided = first
        for k in range(first >> 6, self.bars.words):
            bits = self.candidates[k]
            if k == first >> 6:
                bits &= ~<uint64_t>0 << (first & 63)
            while bits:
                rule = <uint32_t>(k * 64 + trailing_zeros(bits))
                bits &= bits - 1
                record = &self.view.rules[rule]
                if not (record.from_day <= day < record.until_day) or self.ask(rule) == HOLDS_NOT:
                    self.candidates[k] &= ~(<uint64_t>1 << (rule & 63))
                    continue
                for c in range(self.context.first[rule], self.context.first[rule + 1]):
                    self.wanted[self.context.lists[c]] = self.mark
                    asked |= self.context.indexes[self.context.lists[c]]
        self.facts.undecided = ALL_DECIDED
        self.facts.has_context = True
        if self.everything or not self.texts.is_examined:
            return 0
        if self.find_context(asked) != 0 or self.take_context() != 0:
            return -1
        for k in range(self.post_texts):
            self.flags |= self.texts[k].flags
        self.facts.hits = self.hits_.at
        if self.hits_.count == hits:
            return 0
        for k in range(hits):  # they are unique: no pattern's hits in the same list came before and come now
            self.hits_.at[k].next = 0
        self.chain()
        return 0

    cdef int ask(self, uint32_t rule) noexcept nogil:
        """What holds() says of the rule."""
        cdef int outcome
        if self.view.rules[rule].mode != SHADOW:
            return holds(&self.facts, rule)
        self.exchange_pairs()
        outcome = holds(&self.facts, rule)
        self.exchange_pairs()
        return outcome

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

    cdef int fire_rules(self, answer_t *answer, int32_t day) noexcept nogil:
        """Evaluate the rules that a hit may fire, in order; append those that hold to answer.fired_rule."""
        cdef size_t k, place, first = answer.fired_rule.count
        cdef uint32_t list_id, rule, t
        cdef double commerce
        if self.hits_.count == 0 and self.bars.is_idle and self.facts.seller_state == SELLER_NONE:
            self.facts.commerce = self.commerce_of(answer, first)
            return 0
        memcpy(self.candidates, self.bars.always, self.bars.words * sizeof(uint64_t))
        for k in range(self.hits_.count):
            list_id = self.hits_.at[k].list
            if self.head[list_id] != k:  # only the list's first hit
                continue
            for t in range(self.view.trigger_offsets[list_id], self.view.trigger_offsets[list_id + 1]):
                rule = self.view.triggers[t]
                self.candidates[rule >> 6] |= <uint64_t>1 << (rule & 63)
        if self.facts.seller_state == SELLER_NONE:
            self.keep_candidates(self.bars.without_seller)
        self.know_commerce(0.0, self.bars.nothing)
        self.facts.has_context = False
        self.facts.undecided = ALL_DECIDED
        if self.fire_some(answer, day, 0, self.signal_rules) != 0:
            return -1
        commerce = self.commerce_of(answer, first)
        place = self.bars.place_at(commerce)
        self.know_commerce(commerce, place)
        self.keep_candidates(self.bars.by_commerce + place * self.bars.words)
        return self.fire_some(answer, day, self.signal_rules, self.view.rule_count)

    cdef void keep_candidates(self, const uint64_t *rules) noexcept nogil:
        """Only rules of this set stay candidates."""
        cdef size_t k
        for k in range(self.bars.words):
            self.candidates[k] &= rules[k]

    cdef int fire_some(self, answer_t *answer, int32_t day, size_t begin, size_t end) noexcept nogil:
        """Evaluate the candidates among rules begin .. end."""
        cdef const rule_t *rule
        cdef size_t k
        cdef uint32_t number
        cdef uint64_t bits
        cdef int outcome
        for k in range(begin >> 6, (end + 63) >> 6):
            bits = self.candidates[k]
            if k == begin >> 6:
                bits &= ~<uint64_t>0 << (begin & 63)
            if k == end >> 6:
                bits &= (<uint64_t>1 << (end & 63)) - 1
            while bits:
                number = <uint32_t>(k * 64 + trailing_zeros(bits))
                bits &= bits - 1
                rule = &self.view.rules[number]
                if not (rule.from_day <= day < rule.until_day):
                    continue
                outcome = self.ask(number)
                # Its witnesses may be of context lists, even where it holds without them.
                if outcome == ASKS_CONTEXT or (
                    outcome == HOLDS
                    and not self.facts.has_context
                    and self.context.first[number] != self.context.first[number + 1]
                ):
                    if self.add_context(number, day) != 0:
                        return -1
                    bits &= self.candidates[k]
                    outcome = self.ask(number)
                if outcome != HOLDS:
                    continue
                if column_u16_reserve(&answer.fired_rule, 1):
                    return -1
                answer.fired_rule.at[answer.fired_rule.count] = <uint16_t>number
                answer.fired_rule.count += 1
                self.fired[number] = 1
        return 0

    cdef void exchange_pairs(self) noexcept nogil:
        """Shadow rules count the pairs that they look at apart: what they spend must be missing to no other."""
        self.facts.pairs, self.shadow_pairs = self.shadow_pairs, self.facts.pairs

    cdef double commerce_of(self, const answer_t *answer, size_t first) noexcept nogil:
        """The commerce score, once its rules were evaluated: they come before all others."""
        cdef size_t count = answer.fired_rule.count - first
        if self.view.model_signals != NULL:
            return commerce_probability(self.view, self.facts.model, answer.fired_rule.at + first, count)
        return category_score(self.view, answer.fired_rule.at + first, count, 0, NULL)

    cdef void know_commerce(self, double commerce, size_t place) noexcept nogil:
        """Note the score, which is at this place of the bars, and what comparisons with it answer."""
        cdef uint64_t *known = self.known + self.program.answers_from // 64
        cdef size_t k
        self.facts.commerce = commerce
        for k in range(self.bars.answer_words):
            known[k] = self.bars.answers[place * self.bars.answer_words + k]

    cdef int add_evidence(self, const request_t *request, answer_t *answer, size_t rule, size_t first) noexcept nogil:
        """One row for each witness of a fired rule, by position; one row without a span where it has none."""
        cdef facts_t *facts = &self.facts
        cdef evidence_t *evidence = &answer.evidence
        cdef size_t row = evidence.count, k, n, own
        cdef bint is_shadow = self.view.rules[rule].mode == SHADOW
        cdef uint32_t order[MAX_WITNESSES]
        cdef uint32_t number
        cdef const hit_t *hit
        cdef const hit_t *previous = NULL
        cdef const uint8_t *bytes
        cdef uint32_t text = NO_TEXT, byte = 0, units = 0  # how many units stand before `byte` of the text
        n = facts.witness_count
        own = self.shadow_rows if is_shadow else row - first - self.shadow_rows  # each kind has its own room
        if own + n + 1 > EVIDENCE_MAX:
            if not is_shadow:
                self.flags |= EVIDENCE_CAPPED
            return 0
        if reserve_evidence(evidence, n + 1):
            return -1
        for k in range(n):  # hits are sorted, so their numbers order them by position
            number = facts.witnesses[k]
            row = k
            while row > 0 and order[row - 1] > number:
                order[row] = order[row - 1]
                row -= 1
            order[row] = number
        for k in range(n):
            hit = &self.hits_.at[order[k]]
            if previous != NULL and previous.text == hit.text and previous.begin == hit.begin and (
                previous.end == hit.end
            ):
                continue
            previous = hit
            append_evidence(evidence, <uint16_t>rule, hit, is_shadow)
            self.shadow_rows += is_shadow
            row = evidence.count - 1
            if request.unit != 0:
                if hit.text != text:
                    text, byte, units = hit.text, 0, 0
                bytes = self.texts[text].bytes
                units += count_units(bytes + byte, hit.begin - byte, request.unit == 1)
                byte = hit.begin
                evidence.start[row] = units
                evidence.stop[row] = units + count_units(bytes + byte, hit.end - byte, request.unit == 1)
        if n == 0:
            append_evidence(evidence, <uint16_t>rule, NULL, is_shadow)
            self.shadow_rows += is_shadow
        return 0
