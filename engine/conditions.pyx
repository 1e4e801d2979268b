"""Evaluates the condition code of rules on the hits of one post.

The stack holds bits. Beside each bit stands where its witnesses begin in one buffer: the hits that made it
true. Witnesses of the two topmost cells are adjacent, so AND joins them and NOT or a false cell drops them
by moving one number.
"""

from libc.stdint cimport int32_t, uint32_t

from fairpost.engine.image cimport SYMBOL_SKIP_CLAUSE, SYMBOL_SKIP_SENTENCE, operand_t
from fairpost.engine.native cimport (
    NO_HIT,
    PAIR_LIMIT,
    delimiter_between,
    find_quotations,
    first_hit_of,
    has_bit,
    quotation_t,
    text_t,
)

cdef enum:
    ACTIVE = 2  # position in vocabulary.REGISTRATION


cdef bint is_registered(const facts_t *facts) noexcept nogil:
    return facts.seller_state == SELLER_FOUND and facts.seller.registration == ACTIVE


cdef bint is_unregistered(const facts_t *facts) noexcept nogil:
    return facts.seller_state == SELLER_NOT_FOUND or (
        facts.seller_state == SELLER_FOUND and facts.seller.registration != ACTIVE
    )


cdef uint32_t total_strikes(const facts_t *facts) noexcept nogil:
    cdef uint32_t total = 0, k
    if facts.seller_state == SELLER_FOUND:
        for k in range(32):
            total += facts.seller.strikes[k]
    return total


cdef inline uint32_t first_hit(const facts_t *facts, uint32_t list_id) noexcept nogil:
    return first_hit_of(facts.head, facts.known, list_id)


cdef bint is_quoted(facts_t *facts, const hit_t *hit) noexcept nogil:
    """Whether the hit stands between quotation marks; the post is read for them at the first question."""
    cdef uint32_t k
    cdef size_t count = 0
    cdef const quotation_t *quotation
    if facts.quotation_count == NOT_READ:
        for k in range(facts.text_count):
            count = find_quotations(&facts.texts[k], k, facts.quotations, count)
        facts.quotation_count = <uint32_t>count
    for k in range(facts.quotation_count):
        quotation = &facts.quotations[k]
        if quotation.text == hit.text and quotation.begin <= hit.begin and hit.end <= quotation.end:
            return True
    return False


cdef bint is_free(facts_t *facts, const operand_t *operand, const hit_t *hit) noexcept nogil:
    """Whether no hit of the operand's second list stands closely before `hit`, in its clause."""
    cdef uint32_t k = first_hit(facts, <uint32_t>operand.free_of)
    cdef const text_t *text = &facts.texts[hit.text]
    cdef const hit_t *other
    while k != NO_HIT:
        other = &facts.hits[k]
        facts.pairs += 1
        if facts.pairs > PAIR_LIMIT:
            return True
        if (
            other.text == hit.text
            and other.end <= hit.begin
            and hit.symbol_begin - other.symbol_end <= operand.within & ~<uint32_t>UNQUOTED
            and not delimiter_between(facts.image, text, other.end, hit.begin, SYMBOL_SKIP_CLAUSE, &facts.pairs)
        ):
            return False
        k = other.next
    return True


cdef inline uint32_t next_hit(facts_t *facts, const operand_t *operand, uint32_t k) noexcept nogil:
    """The first hit of the operand at or after `k` in its list's chain."""
    while k != NO_HIT:
        if (operand.free_of < 0 or is_free(facts, operand, &facts.hits[k])) and (
            not operand.within & UNQUOTED or not is_quoted(facts, &facts.hits[k])
        ):
            return k
        k = facts.hits[k].next
    return NO_HIT


cdef inline void witness(facts_t *facts, uint32_t hit) noexcept nogil:
    if facts.witness_count < MAX_WITNESSES:
        facts.witnesses[facts.witness_count] = hit
        facts.witness_count += 1


cdef bint any_hit(facts_t *facts, const operand_t *operand) noexcept nogil:
    cdef uint32_t k = next_hit(facts, operand, first_hit(facts, operand.list)), shown = 0
    if k == NO_HIT:
        return False
    while k != NO_HIT and shown < ANY_WITNESSES:
        witness(facts, k)
        shown += 1
        k = next_hit(facts, operand, facts.hits[k].next)
    return True


cdef int32_t count_hits(facts_t *facts, const operand_t *operand, bint distinct) noexcept nogil:
    cdef uint32_t k = next_hit(facts, operand, first_hit(facts, operand.list)), other
    cdef int32_t count = 0, shown = 0
    cdef bint known
    while k != NO_HIT:
        known = False
        if distinct:
            other = next_hit(facts, operand, first_hit(facts, operand.list))
            while other != k and not known:
                known = facts.hits[other].pattern == facts.hits[k].pattern
                facts.pairs += 1
                if facts.pairs > PAIR_LIMIT:
                    return count
                other = next_hit(facts, operand, facts.hits[other].next)
        if not known:
            count += 1
            if shown < ANY_WITNESSES:
                witness(facts, k)
                shown += 1
        k = next_hit(facts, operand, facts.hits[k].next)
    return count


cdef inline bint is_near(facts_t *facts, const hit_t *x, const hit_t *y, int32_t within) noexcept nogil:
    if x.text != y.text:
        return False
    if y.symbol_begin >= x.symbol_end and y.begin >= x.end:
        return y.symbol_begin - x.symbol_end <= <uint32_t>within and not delimiter_between(
            facts.image, &facts.texts[x.text], x.end, y.begin, SYMBOL_SKIP_SENTENCE, &facts.pairs
        )
    if x.symbol_begin >= y.symbol_end and x.begin >= y.end:
        return x.symbol_begin - y.symbol_end <= <uint32_t>within and not delimiter_between(
            facts.image, &facts.texts[x.text], y.end, x.begin, SYMBOL_SKIP_SENTENCE, &facts.pairs
        )
    return True


cdef inline bint is_before(facts_t *facts, const hit_t *x, const hit_t *y, int32_t within) noexcept nogil:
    return (
        x.text == y.text
        and x.end <= y.begin
        and y.symbol_begin - x.symbol_end <= <uint32_t>within
        and not delimiter_between(facts.image, &facts.texts[x.text], x.end, y.begin, SYMBOL_SKIP_CLAUSE, &facts.pairs)
    )


cdef bint pair(facts_t *facts, const operand_t *a, const operand_t *b, int32_t within, bint ordered) noexcept nogil:
    cdef uint32_t x, y
    cdef bint holds
    if first_hit(facts, b.list) == NO_HIT:
        return False
    x = next_hit(facts, a, first_hit(facts, a.list))
    while x != NO_HIT:
        y = next_hit(facts, b, first_hit(facts, b.list))
        while y != NO_HIT:
            facts.pairs += 1
            if facts.pairs > PAIR_LIMIT:
                return False
            if ordered:
                holds = is_before(facts, &facts.hits[x], &facts.hits[y], within)
            else:
                holds = is_near(facts, &facts.hits[x], &facts.hits[y], within)
            if holds:
                witness(facts, x)
                witness(facts, y)
                return True
            y = next_hit(facts, b, facts.hits[y].next)
        x = next_hit(facts, a, facts.hits[x].next)
    return False


cdef bint test(facts_t *facts, const instruction_t *i) noexcept nogil:
    """The answer to one question: an operation that pushes a bit."""
    cdef const operand_t *operands = facts.image.operands
    cdef bint found = facts.seller_state == SELLER_FOUND
    cdef uint32_t op = i.op
    if op == OP_ANY:
        return any_hit(facts, &operands[i.a])
    elif op == OP_NEAR or op == OP_BEFORE:
        return pair(facts, &operands[i.a], &operands[i.b], i.n, op == OP_BEFORE)
    elif op == OP_COUNT or op == OP_COUNT_DISTINCT:
        return compare(count_hits(facts, &operands[i.a], op == OP_COUNT_DISTINCT), i.cmp, i.n)
    elif op == OP_RULE:
        return facts.fired[i.a]
    elif op == OP_COMMERCE:
        return compare(<float>facts.commerce, i.cmp, i.value)
    elif op == OP_MODEL:
        return compare(facts.model, i.cmp, i.value)
    elif op == OP_REGISTERED:
        return is_registered(facts)
    elif op == OP_UNREGISTERED:
        return is_unregistered(facts)
    elif op == OP_UNAVAILABLE:
        return facts.seller_state == SELLER_UNAVAILABLE
    elif op == OP_LICENCE:
        return found and (facts.seller.licences >> i.a) & 1
    elif op == OP_STRIKES:
        if i.a == 255:
            return compare(total_strikes(facts), i.cmp, i.n)
        return compare(facts.seller.strikes[i.a] if found else 0, i.cmp, i.n)
    elif op == OP_TENURE:
        return compare(facts.seller.tenure_days if found else 0, i.cmp, i.n)
    elif op == OP_ENFORCEMENT:
        return compare(facts.seller.enforcement if found else 0, i.cmp, i.n)
    elif op == OP_LISTING:
        return compare(facts.seller.listing if found else 0, i.cmp, i.n)
    elif op == OP_CHANNEL:
        return facts.channel == i.a
    return facts.language == i.a  # OP_LANGUAGE: check.py admits no other


cdef int holds(facts_t *facts, uint32_t rule) noexcept nogil:
    """Whether the rule's condition holds, as evaluate() says: without witnesses, with as few questions as will do.

    ASKS_CONTEXT: what is known so far does not decide it, since there are no hits of context lists yet, or it names
    a rule that has not been evaluated.
    """
    cdef const step_t *program
    cdef const step_t *step
    cdef uint32_t first = facts.programs[rule], kind
    cdef uint16_t follows
    cdef bint answer
    if first == NO_PROGRAM:
        if not facts.has_context and facts.contexts[rule] != facts.contexts[rule + 1]:
            return ASKS_CONTEXT
        return HOLDS if evaluate(facts, &facts.image.rules[rule]) else HOLDS_NOT
    step = program = facts.steps + first
    while True:
        # SAFETY: program.pyx wrote the steps; each leads forward in its program, or to an answer.
        kind = step.kind
        if kind == IS_KNOWN:
            answer = has_bit(facts.known, step.question)
        elif kind == HAS_FIRED:
            if step.question >= facts.undecided:
                return ASKS_CONTEXT
            answer = facts.fired[step.question]
        elif kind != IS_ASKED and not facts.has_context:
            return ASKS_CONTEXT
        elif kind == IS_CONTEXT:
            answer = has_bit(facts.known, step.question)
        else:
            facts.witness_count = 0
            answer = test(facts, &facts.image.code[step.question])
        follows = step.yes if answer else step.no
        if follows >= ANSWER_NO:
            return HOLDS if follows == ANSWER_YES else HOLDS_NOT
        step = program + follows


cdef bint evaluate(facts_t *facts, const rule_t *rule) noexcept nogil:
    """Whether the rule's condition holds; its witnesses are then in facts.witnesses, in order of operands."""
    # SAFETY: check.py walked the code: depth stays within 1..MAX_STACK, operands are in range.
    cdef bint stack[MAX_STACK]
    cdef uint32_t begin[MAX_STACK]
    cdef uint32_t depth = 0, k
    cdef const instruction_t *i
    facts.witness_count = 0
    for k in range(rule.code_count):
        i = &facts.image.code[rule.code + k]
        if i.op < OP_NOT:
            begin[depth] = facts.witness_count
            stack[depth] = test(facts, i)
            if not stack[depth]:
                facts.witness_count = begin[depth]
            depth += 1
        elif i.op == OP_NOT:
            stack[depth - 1] = not stack[depth - 1]
            facts.witness_count = begin[depth - 1]
        else:
            depth -= 1
            # A false cell has no witnesses, so that an OR keeps those of the true ones as they stand.
            if i.op == OP_AND:
                stack[depth - 1] = stack[depth - 1] and stack[depth]
                if not stack[depth - 1]:
                    facts.witness_count = begin[depth - 1]
            else:
                stack[depth - 1] = stack[depth - 1] or stack[depth]
    return stack[0]
