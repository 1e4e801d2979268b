"""Judges posts column-wise: fold -> match -> conditions -> scores -> verdict columns, without the GIL."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fairpost.engine.answer cimport answer_t, append_evidence, evidence_t, reserve_evidence
from fairpost.engine.conditions cimport (
    ASKS_CONTEXT,
    HOLDS,
    HOLDS_NOT,
    MAX_WITNESSES,
    NOT_READ,
    SELLER_FOUND,
    SELLER_NONE,
    evaluate,
    facts_t,
    holds,
)
from fairpost.engine.finder cimport Finder, request_t, text_count
from fairpost.engine.image cimport Image, rule_t
from fairpost.engine.native cimport (
    EVIDENCE_CAPPED,
    PAIR_LIMIT,
    TEXT_OK,
    WORK_CAPPED,
    column_u16_reserve,
    count_units,
    hit_t,
    model_logit,
    text_t,
    trailing_zeros,
)
from fairpost.engine.scores cimport SHADOW, category_score, commerce_probability, conclude

cdef enum:
    STATUS_OK = 0
    STATUS_EMPTY = 2  # the others are the faults of a text, TEXT_...
    NO_TEXT = 0xFFFFFFFF
    EVIDENCE_MAX = 1024  # rows for one post
    ALL_DECIDED = 0xFFFFFFFF


cdef class Judge(Finder):
    """A Finder that judges what it finds. Not thread-safe: one Judge for each call under way."""

    def __cinit__(self, Image image not None):
        cdef size_t rules = image.view.rule_count
        self.candidates = <uint64_t*>calloc(rules // 64 + 1, sizeof(uint64_t))
        self.fired = <uint8_t*>calloc(rules + 1, 1)
        if not (self.candidates and self.fired):
            raise MemoryError
        while self.signal_rules < rules and image.view.rules[self.signal_rules].category == 0:
            self.signal_rules += 1

    def __dealloc__(self):
        free(self.candidates)
        free(self.fired)

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
        self.shadow_rows = self.shadow_pairs = 0
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
