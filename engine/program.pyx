"""Compiles the postfix code of conditions into programs that ask as little as will do.

Under an AND the cheap questions come first and the first "no" ends it, under an OR the first "yes"; NOT costs
nothing, it exchanges the two. What reads a list of context comes last: its patterns are looked for only when a program
comes there. Questions change nothing but the count of pairs looked at, so that their order does
not matter. Postfix code stays what is checked, and what finds witnesses: see conditions.pyx.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fairpost.engine.conditions cimport (
    ANSWER_NO,
    ANSWER_YES,
    HAS_FIRED,
    IS_ASKED,
    IS_CONTEXT,
    IS_KNOWN,
    MAX_STACK,
    NEEDS_CONTEXT,
    NO_PROGRAM,
    OP_AND,
    OP_ANY,
    OP_BEFORE,
    OP_COMMERCE,
    OP_COUNT,
    OP_COUNT_DISTINCT,
    OP_NEAR,
    OP_NOT,
    OP_RULE,
    UNQUOTED,
    compare,
    step_t,
)
from fairpost.engine.bars cimport Bars
from fairpost.engine.context cimport Context
from fairpost.engine.image cimport Image, image_t, instruction_t, operand_t

cdef enum:
    MAX_CODE = 512  # a longer condition has no program and is evaluated as it stands, as are all after MAX_STEPS
    MAX_STEPS = 1 << 20
    CONTEXT_COST = 1 << 12  # more than all other questions of a condition
    STEPS_MOST = 3  # of one question: its lists first, where without a hit in them the answer is "no"


cdef uint32_t question_cost(const image_t *image, const instruction_t *i) noexcept:
    if i.op == OP_ANY:
        return 2 if image.operands[i.a].free_of < 0 and not image.operands[i.a].within & UNQUOTED else 20
    if i.op == OP_COUNT or i.op == OP_COUNT_DISTINCT:
        return 10
    if i.op == OP_NEAR or i.op == OP_BEFORE:
        return 8
    return 1


cdef bint reads_context(const operand_t *operand, const uint8_t *is_context) noexcept:
    return is_context[operand.list] or (operand.free_of >= 0 and is_context[operand.free_of])


cdef class Program:
    """Programs of all rules of a bundle; the Image must live as long."""

    def __cinit__(self, Image image not None, Context context not None, Bars bars not None):
        cdef const image_t *view = &image.view
        cdef size_t rule, total = 0
        for rule in range(view.rule_count):
            if view.rules[rule].code_count <= MAX_CODE:
                total += STEPS_MOST * view.rules[rule].code_count
        total = min(total, <size_t>MAX_STEPS)
        self.steps = <step_t*>malloc((total + 1) * sizeof(step_t))
        self.first = <uint32_t*>malloc((view.rule_count + 1) * sizeof(uint32_t))
        self.nodes = <node_t*>malloc(MAX_CODE * sizeof(node_t))
        self.operands = <uint32_t*>malloc(MAX_CODE * sizeof(uint32_t))
        self.written = <step_t*>malloc(STEPS_MOST * MAX_CODE * sizeof(step_t))
        if not (self.steps and self.first and self.nodes and self.operands and self.written):
            raise MemoryError
        self.is_context = context.is_context
        self.bars = bars
        self.answers_from = view.list_count // 64 * 64 + 64
        self.known_words = self.answers_from // 64 + bars.answer_words
        for rule in range(view.rule_count):
            self.first[rule] = NO_PROGRAM
            if (
                view.rules[rule].code_count <= MAX_CODE
                and self.step_count + STEPS_MOST * view.rules[rule].code_count <= total
            ):
                self.compile(view, <uint32_t>rule)

    def __dealloc__(self):
        free(self.steps)
        free(self.first)
        free(self.nodes)
        free(self.operands)
        free(self.written)

    cdef void compile(self, const image_t *image, uint32_t rule) noexcept:
        # SAFETY: check.py walked the code: the stack stays within 1..MAX_STACK and ends with one bit.
        cdef uint32_t[MAX_STACK + 1] stack
        cdef uint32_t depth = 0, k, begin = image.rules[rule].code
        cdef node_t *node
        for k in range(image.rules[rule].code_count):
            node = &self.nodes[k]
            node.op = image.code[begin + k].op
            node.code = begin + k
            if node.op < OP_NOT:
                node.cost = question_cost(image, &image.code[begin + k])
                if self.needs_context(image, &image.code[begin + k]):
                    node.cost += CONTEXT_COST
            elif node.op == OP_NOT:
                depth -= 1
                node.left = stack[depth]
                node.cost = self.nodes[node.left].cost
            else:
                depth -= 2
                node.left = stack[depth]
                node.right = stack[depth + 1]
                node.cost = self.nodes[node.left].cost + self.nodes[node.right].cost
            stack[depth] = k
            depth += 1
        self.at = STEPS_MOST * MAX_CODE
        self.operand_count = 0
        self.write(image, stack[0], ANSWER_YES, ANSWER_NO)
        # Steps were written from the end, the entry last, and refer to each other by their places there.
        for k in range(self.at, <uint32_t>(STEPS_MOST * MAX_CODE)):
            if self.written[k].yes < ANSWER_NO:
                self.written[k].yes -= <uint16_t>self.at
            if self.written[k].no < ANSWER_NO:
                self.written[k].no -= <uint16_t>self.at
        self.first[rule] = <uint32_t>self.step_count
        memcpy(self.steps + self.step_count, self.written + self.at, (STEPS_MOST * MAX_CODE - self.at) * sizeof(step_t))
        self.step_count += STEPS_MOST * MAX_CODE - self.at

    cdef bint needs_context(self, const image_t *image, const instruction_t *i) noexcept:
        """Whether the question reads a context list."""
        if i.op not in (OP_ANY, OP_COUNT, OP_COUNT_DISTINCT, OP_NEAR, OP_BEFORE):
            return False
        return reads_context(&image.operands[i.a], self.is_context) or (
            i.op in (OP_NEAR, OP_BEFORE) and reads_context(&image.operands[i.b], self.is_context)
        )

    cdef uint16_t write_step(self, uint32_t kind, uint32_t question, uint16_t yes, uint16_t no) noexcept:
        cdef step_t *step
        self.at -= 1
        step = &self.written[self.at]
        step.kind = <uint16_t>kind
        step.question = question
        step.yes = yes
        step.no = no
        return <uint16_t>self.at

    cdef uint16_t write_list(self, const operand_t *operand, bint is_context, uint16_t yes, uint16_t no) noexcept:
        """Whether the operand's list has a hit, if it is of this kind."""
        if self.is_context[operand.list] != is_context:
            return yes
        return self.write_step(IS_CONTEXT if is_context else IS_KNOWN, operand.list, yes, no)

    cdef uint16_t write_question(self, const image_t *image, uint32_t code, uint16_t yes, uint16_t no) noexcept:
        cdef const instruction_t *i = &image.code[code]
        cdef const operand_t *a = &image.operands[i.a]
        cdef bint has_two = i.op == OP_NEAR or i.op == OP_BEFORE, is_context
        cdef int comparison
        if i.op == OP_RULE:
            return self.write_step(HAS_FIRED, i.a, yes, no)
        if i.op == OP_COMMERCE:
            comparison = self.bars.comparison(i)
            if comparison >= 0:
                return self.write_step(IS_KNOWN, <uint32_t>(self.answers_from + comparison), yes, no)
        if i.op > OP_BEFORE:
            return self.write_step(IS_ASKED, code, yes, no)
        if i.op != OP_ANY or a.free_of >= 0 or a.within & UNQUOTED:  # else whether the list has a hit is all of it
            yes = self.write_step(NEEDS_CONTEXT if self.needs_context(image, i) else IS_ASKED, code, yes, no)
        if (i.op == OP_COUNT or i.op == OP_COUNT_DISTINCT) and compare(0, i.cmp, i.n):
            return yes
        for is_context in (True, False):  # they are asked in the other order
            if has_two:
                yes = self.write_list(&image.operands[i.b], is_context, yes, no)
            yes = self.write_list(a, is_context, yes, no)
        return yes

    cdef uint16_t write(self, const image_t *image, uint32_t node, uint16_t yes, uint16_t no) noexcept:
        """Write the steps that lead to `yes` or `no`; returns the first of them."""
        cdef uint32_t op, first = self.operand_count, k, other
        cdef uint16_t follows
        while self.nodes[node].op == OP_NOT:
            node = self.nodes[node].left
            yes, no = no, yes
        op = self.nodes[node].op
        if op < OP_NOT:
            return self.write_question(image, self.nodes[node].code, yes, no)
        # All operands of nested ANDs (or ORs) at once, by cost.
        self.operands[first] = node
        self.operand_count = first + 1
        k = first
        while k < self.operand_count:
            node = self.operands[k]
            if self.nodes[node].op != op:
                k += 1
                continue
            self.operands[k] = self.nodes[node].left
            self.operands[self.operand_count] = self.nodes[node].right
            self.operand_count += 1
        for k in range(first + 1, self.operand_count):
            node = self.operands[k]
            other = k
            while other > first and self.nodes[self.operands[other - 1]].cost > self.nodes[node].cost:
                self.operands[other] = self.operands[other - 1]
                other -= 1
            self.operands[other] = node
        follows = yes if op == OP_AND else no
        k = self.operand_count
        while k > first:
            k -= 1
            if op == OP_AND:
                follows = self.write(image, self.operands[k], follows, no)
            else:
                follows = self.write(image, self.operands[k], yes, follows)
        self.operand_count = first
        return follows
