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
    FIRST_IS_NONE,
    MAX_STACK,
    NEEDS_CONTEXT,
    NO_PROGRAM,
    OP_AND,
    OP_ANY,
    OP_BEFORE,
    OP_COUNT,
    OP_COUNT_DISTINCT,
    OP_NEAR,
    OP_NOT,
    SECOND_IS_NONE,
    UNQUOTED,
    step_t,
)
from fairpost.engine.context cimport Context
from fairpost.engine.image cimport Image, image_t, instruction_t, operand_t

cdef enum:
    MAX_CODE = 512  # a longer condition has no program and is evaluated as it stands, as are all after MAX_STEPS
    MAX_STEPS = 1 << 20
    CONTEXT_COST = 1 << 12  # more than all other questions of a condition


cdef uint32_t question_cost(const image_t *image, const instruction_t *i) noexcept:
    if i.op == OP_ANY:
        return 2 if image.operands[i.a].free_of < 0 and not image.operands[i.a].within & UNQUOTED else 20
    if i.op == OP_COUNT or i.op == OP_COUNT_DISTINCT:
        return 10
    if i.op == OP_NEAR or i.op == OP_BEFORE:
        return 8
    return 1


cdef uint32_t needs_of(const image_t *image, const instruction_t *i, const uint8_t *is_context) noexcept:
    """needs_t of a question."""
    cdef const operand_t *a = &image.operands[i.a]
    cdef const operand_t *b = NULL
    cdef uint32_t needs = 0
    if i.op not in (OP_ANY, OP_COUNT, OP_COUNT_DISTINCT, OP_NEAR, OP_BEFORE):
        return 0
    if i.op in (OP_NEAR, OP_BEFORE):
        b = &image.operands[i.b]
    if not reads_context(a, is_context) and (b == NULL or not reads_context(b, is_context)):
        return 0
    if not is_context[a.list] and i.op not in (OP_COUNT, OP_COUNT_DISTINCT):
        needs |= FIRST_IS_NONE
    if b != NULL and not is_context[b.list]:
        needs |= SECOND_IS_NONE
    return needs | NEEDS_CONTEXT


cdef bint reads_context(const operand_t *operand, const uint8_t *is_context) noexcept:
    return is_context[operand.list] or (operand.free_of >= 0 and is_context[operand.free_of])


cdef class Program:
    """Programs of all rules of a bundle; the Image must live as long."""

    def __cinit__(self, Image image not None, Context context not None):
        cdef const image_t *view = &image.view
        cdef size_t rule, total = 0
        for rule in range(view.rule_count):
            if view.rules[rule].code_count <= MAX_CODE:
                total += view.rules[rule].code_count
        total = min(total, <size_t>MAX_STEPS)
        self.steps = <step_t*>malloc((total + 1) * sizeof(step_t))
        self.first = <uint32_t*>malloc((view.rule_count + 1) * sizeof(uint32_t))
        self.nodes = <node_t*>malloc(MAX_CODE * sizeof(node_t))
        self.operands = <uint32_t*>malloc(MAX_CODE * sizeof(uint32_t))
        self.written = <step_t*>malloc(MAX_CODE * sizeof(step_t))
        if not (self.steps and self.first and self.nodes and self.operands and self.written):
            raise MemoryError
        self.is_context = context.is_context
        for rule in range(view.rule_count):
            self.first[rule] = NO_PROGRAM
            if view.rules[rule].code_count <= MAX_CODE and self.step_count + view.rules[rule].code_count <= total:
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
                node.needs_context = needs_of(image, &image.code[begin + k], self.is_context)
                if node.needs_context:
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
        self.at = MAX_CODE
        self.operand_count = 0
        self.write(image, stack[0], ANSWER_YES, ANSWER_NO)
        # Steps were written from the end, the entry last, and refer to each other by their places there.
        for k in range(self.at, <uint32_t>MAX_CODE):
            if self.written[k].yes < ANSWER_NO:
                self.written[k].yes -= <uint16_t>self.at
            if self.written[k].no < ANSWER_NO:
                self.written[k].no -= <uint16_t>self.at
        self.first[rule] = <uint32_t>self.step_count
        memcpy(self.steps + self.step_count, self.written + self.at, (MAX_CODE - self.at) * sizeof(step_t))
        self.step_count += MAX_CODE - self.at

    cdef uint16_t write(self, const image_t *image, uint32_t node, uint16_t yes, uint16_t no) noexcept:
        """Write the steps that lead to `yes` or `no`; returns the first of them."""
        cdef uint32_t op, first = self.operand_count, k, other
        cdef uint16_t follows
        while self.nodes[node].op == OP_NOT:
            node = self.nodes[node].left
            yes, no = no, yes
        op = self.nodes[node].op
        if op < OP_NOT:
            self.at -= 1
            self.written[self.at].question = image.code[self.nodes[node].code]
            self.written[self.at].yes = yes
            self.written[self.at].no = no
            self.written[self.at].needs_context = <uint16_t>self.nodes[node].needs_context
            return <uint16_t>self.at
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
