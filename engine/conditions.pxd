"""Conditions of rules: what one evaluation reads (`facts_t`), and the evaluation."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from fairpost.engine.image cimport image_t, instruction_t, rule_t, standing_t
from fairpost.engine.native cimport QUOTATIONS_MAX, hit_t, quotation_t, text_t

cdef enum:
    MAX_STACK = 32
    MAX_WITNESSES = 256  # the witness buffer of one condition
    ANY_WITNESSES = 4  # hits shown for one any() or count()

cdef enum seller_state:
    SELLER_FOUND = 0
    SELLER_NONE = -1
    SELLER_NOT_FOUND = -2
    SELLER_UNAVAILABLE = -3

cdef enum op_t:
    OP_ANY = 0
    OP_COUNT = 1
    OP_COUNT_DISTINCT = 2
    OP_NEAR = 3
    OP_BEFORE = 4
    OP_RULE = 5
    OP_COMMERCE = 6
    OP_REGISTERED = 7
    OP_UNREGISTERED = 8
    OP_UNAVAILABLE = 9
    OP_LICENCE = 10
    OP_STRIKES = 11
    OP_TENURE = 12
    OP_ENFORCEMENT = 13
    OP_LISTING = 14
    OP_CHANNEL = 15
    OP_LANGUAGE = 16
    OP_MODEL = 17
    OP_NOT = 18
    OP_AND = 19
    OP_OR = 20

# One question of a rule's program, and which step follows the answer; or the program's own answer. See program.pyx.
ctypedef struct step_t:
    uint32_t question  # a bit of facts_t.known, or a rule, or an instruction of the image's code
    uint16_t yes, no
    uint16_t kind  # step_kind

cdef enum step_kind:
    IS_KNOWN = 0  # a bit
    IS_CONTEXT = 1  # that of a context list
    HAS_FIRED = 2  # a rule
    IS_ASKED = 3  # an instruction
    NEEDS_CONTEXT = 4  # one that reads a context list

# Whether a condition holds, or whether hits of context lists must be made first.
cdef enum:
    HOLDS_NOT = 0
    HOLDS = 1
    ASKS_CONTEXT = 2

cdef enum:
    ANSWER_NO = 0xFFFE
    ANSWER_YES = 0xFFFF
    NO_PROGRAM = 0xFFFFFFFF

cdef enum:
    UNQUOTED = 0x80000000  # in operand_t.within: only hits outside quotation marks
    NOT_READ = 0xFFFFFFFF  # quotation_count before the post's quotations were asked for

# What is known of one post. Borrowed pointers; hits are chained by list, and sorted where witnesses are wanted.
ctypedef struct facts_t:
    const uint64_t *known  # a bit for each list: whether it has a hit; from `answers_from` on those of Bars.answers
    const step_t *steps
    const uint32_t *programs  # by rule: its first step, or NO_PROGRAM
    const uint8_t *fired  # by rule
    bint has_context  # the hits of the context lists that the candidates read are made
    uint32_t undecided  # this rule and those behind it have not been evaluated
    const uint32_t *head
    const hit_t *hits
    const image_t *image
    const text_t *texts  # of the post: hit_t.text is an index into it
    uint32_t text_count
    const standing_t *seller  # NULL unless seller_state is SELLER_FOUND
    int seller_state
    uint16_t channel, language
    double commerce
    float model  # the text model's logit
    const uint32_t *contexts  # by rule, one more than rules: ascending, apart by the number of its context lists
    uint64_t pairs  # pairs of hits looked at, bounded by PAIR_LIMIT
    uint32_t witnesses[MAX_WITNESSES]  # hits that made the last condition true
    uint32_t witness_count
    quotation_t quotations[QUOTATIONS_MAX]
    uint32_t quotation_count

cdef int holds(facts_t *facts, uint32_t rule) noexcept nogil
cdef bint evaluate(facts_t *facts, const rule_t *rule) noexcept nogil
cdef bint is_registered(const facts_t *facts) noexcept nogil
cdef bint is_unregistered(const facts_t *facts) noexcept nogil
cdef uint32_t total_strikes(const facts_t *facts) noexcept nogil


cdef inline bint compare(double left, uint32_t cmp, double right) noexcept nogil:
    if cmp == 0:
        return left >= right
    if cmp == 1:
        return left > right
    if cmp == 2:
        return left <= right
    if cmp == 3:
        return left < right
    return left == right
