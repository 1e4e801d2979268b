"""Walks over the long columns of a bundle that is being opened: one pass each, nothing allocated.

Each function returns None, or what is wrong and where. Columns are read through pointers: the caller has found each
section inside the file, its items of the right size, and 64 bytes of padding behind the last section.
"""

from libc.math cimport isfinite
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fairpost.engine.conditions cimport (
    MAX_STACK,
    OP_ANY,
    OP_BEFORE,
    OP_COMMERCE,
    OP_COUNT,
    OP_COUNT_DISTINCT,
    OP_ENFORCEMENT,
    OP_LICENCE,
    OP_LISTING,
    OP_MODEL,
    OP_NEAR,
    OP_NOT,
    OP_OR,
    OP_RULE,
    OP_STRIKES,
    OP_TENURE,
)
from fairpost.engine.image cimport (
    ENTRY_CONTEXT,
    ENTRY_LAST,
    PATTERN_FINE,
    PATTERN_REGULAR,
    PATTERN_REPEAT,
    SYMBOL_BOUNDARY,
    SYMBOL_EXPANDS,
    entry_t,
    instruction_t,
    pattern_t,
    rule_t,
    slot_t,
)
from fairpost.engine.native cimport prefetch

__all__ = ["code_fault", "entry_fault", "offset_fault", "pattern_fault", "slot_fault", "symbol_fault"]

cdef enum:
    LAST_CMP = 4  # Cmp.EQ
    ALL_CATEGORIES = 255
    MAX_CATEGORIES = 32
    AHEAD = 16  # entries; buckets with several patterns reach far back and forth in PATT and PSYM


cdef const void* _start(column) except? NULL:
    return <const void*><size_t>column.__array_interface__["data"][0]


def symbol_fault(symbols, tag="PSYM"):
    """PSYM (or EPSY): no symbol that only the scan writes."""
    cdef const uint16_t *at = <const uint16_t*>_start(symbols)
    cdef size_t n = symbols.size, k
    cdef uint16_t bad = 0
    with nogil:
        for k in range(n):
            bad |= (at[k] <= SYMBOL_BOUNDARY) | (at[k] == SYMBOL_EXPANDS)
    return f"section {tag}: holds a reserved symbol" if bad else None


def pattern_fault(
    patterns, size_t symbol_count, size_t list_items, size_t fine_count, size_t anchor_count
):
    """PATT: every start + length inside its column; a fine record or a regular pattern's anchor where one is needed."""
    cdef const pattern_t *at = <const pattern_t*>_start(patterns)
    cdef const pattern_t *p
    cdef size_t n = patterns.size, k
    cdef bint sound = True
    with nogil:
        for k in range(n):
            p = &at[k]
            sound = (
                p.length != 0
                and <uint64_t>p.start + p.length <= symbol_count
                and <uint64_t>p.lists + p.list_count <= list_items
                and (not p.flags & PATTERN_FINE or (p.fine < fine_count and not p.flags & PATTERN_REPEAT))
                and (not p.flags & PATTERN_REGULAR
                     or (p.fine < anchor_count and not p.flags & (PATTERN_REPEAT | PATTERN_FINE)))
            )
            if not sound:
                break
    if sound:
        return None
    if p.length == 0:
        what = "a length is outside 1..255"
    elif <uint64_t>p.start + p.length > symbol_count:
        what = "symbols reach past PSYM"
    elif <uint64_t>p.lists + p.list_count > list_items:
        what = "lists reach past PLST"
    elif p.flags & PATTERN_REGULAR:
        what = "regular, and fine or repeat" if p.fine < anchor_count else "an anchor is out of range"
    elif p.flags & PATTERN_REPEAT:
        what = "fine and repeat at once"
    else:
        what = "a fine pattern is out of range"
    return f"section PATT: {what} (pattern {k})"


def slot_fault(slots, size_t entry_count, tag="SLOT", entries="ENTR"):
    """SLOT (or ESLT): every bucket starts inside ENTR."""
    cdef const slot_t *at = <const slot_t*>_start(slots)
    cdef size_t n = slots.size, k
    cdef int bad = 0
    with nogil:
        for k in range(n):
            bad |= (at[k].key != 0) & (at[k].start >= entry_count)
    return f"section {tag}: a bucket starts past the end of {entries}" if bad else None


def entry_fault(entries, patterns, symbols, uint32_t asking=1, tag="ENTR"):
    """ENTR (or CENT; `asking` is the size of CTXI then): what an entry says of its pattern is so, and the last bucket
    ends. PATT was checked before."""
    cdef const entry_t *at = <const entry_t*>_start(entries)
    cdef const pattern_t *records = <const pattern_t*>_start(patterns)
    cdef const uint16_t *of = <const uint16_t*>_start(symbols)
    cdef const entry_t *e
    cdef const pattern_t *p = NULL
    cdef size_t n = entries.size, count = patterns.size, k
    cdef bint sound = True
    if n == 0:
        return None
    with nogil:
        for k in range(n):
            if k + 2 * AHEAD < n:
                prefetch(records + at[k + 2 * AHEAD].pattern)  # any address may be prefetched
                if at[k + AHEAD].pattern < count:
                    prefetch(of + records[at[k + AHEAD].pattern].start)
            e = &at[k]
            if e.pattern >= count:
                sound = False
                break
            p = &records[e.pattern]
            sound = (
                e.length == p.length
                and (e.flags & 0xFF) == p.flags
                and (e.flags & ~<uint32_t>ENTRY_LAST) >> ENTRY_CONTEXT < asking
                and e.anchor < p.length
                and e.head == _head(of + p.start, p.length)
            )
            if not sound:
                break
    if sound:
        return None if at[n - 1].flags & ENTRY_LAST else f"section {tag}: the last bucket has no end"
    if e.pattern >= count:
        what = "a pattern number is out of range"
    elif e.length != p.length:
        what = "a length differs from its pattern's"
    elif (e.flags & 0xFF) != p.flags:
        what = "flags differ from the pattern's"
    elif (e.flags & ~<uint32_t>ENTRY_LAST) >> ENTRY_CONTEXT >= asking:
        what = "who asks for it is out of range"
    elif e.anchor >= p.length:
        what = "an anchor is outside its pattern"
    else:
        what = "a head differs from its pattern's first symbols"
    return f"section {tag}: {what} (entry {k})"


cdef inline uint64_t _head(const uint16_t *symbols, uint32_t length) noexcept nogil:
    cdef uint64_t head = symbols[0]
    if length > 1:
        head |= <uint64_t>symbols[1] << 16
    if length > 2:
        head |= <uint64_t>symbols[2] << 32
    if length > 3:
        head |= <uint64_t>symbols[3] << 48
    return head


def offset_fault(offsets, size_t end):
    """A column of uint32 offsets (at least one): ascending from 0 to `end`."""
    cdef const uint32_t *at = <const uint32_t*>_start(offsets)
    cdef size_t n = offsets.size, k
    cdef int bad
    bad = at[0] != 0 or at[n - 1] != end
    with nogil:
        for k in range(1, n):
            bad |= at[k] < at[k - 1]
    return "not ascending" if bad else None


def code_fault(rules, code, size_t operand_count, bint has_model):
    """CODE: operands are in range, and each rule's stack holds one bit at the end and 1 to MAX_STACK in between.

    RULE has been checked: the code of each lies inside CODE."""
    cdef const rule_t *rule = <const rule_t*>_start(rules)
    cdef const instruction_t *at = <const instruction_t*>_start(code)
    cdef const instruction_t *i
    cdef size_t count = rules.size, r, k
    cdef int depth
    for r in range(count):
        depth = 0
        for k in range(rule[r].code_count):
            i = &at[rule[r].code + k]
            what = None
            if i.op < OP_NOT:
                depth += 1
            elif i.op > OP_NOT:
                depth -= 1
            if i.op > OP_OR:
                what = f"unknown operation {i.op}"
            elif depth < 1 or depth > MAX_STACK:
                what = "the stack is out of bounds"
            elif _compares(i.op) and i.cmp > LAST_CMP:
                what = f"unknown comparison {i.cmp}"
            elif i.op in (OP_ANY, OP_COUNT, OP_COUNT_DISTINCT, OP_NEAR, OP_BEFORE) and i.a >= operand_count:
                what = "an operand is out of range"
            elif i.op in (OP_NEAR, OP_BEFORE) and i.b >= operand_count:
                what = "an operand is out of range"
            elif i.op in (OP_NEAR, OP_BEFORE) and i.n < 0:
                what = f"a distance of {i.n}"
            elif i.op == OP_RULE and i.a >= r:
                what = f"refers to rule {i.a}, which is not evaluated before it"
            elif i.op == OP_LICENCE and i.a >= 32:
                what = f"licence bit {i.a}"
            elif i.op == OP_STRIKES and i.a >= MAX_CATEGORIES and i.a != ALL_CATEGORIES:
                what = f"strikes of category {i.a}"
            elif i.op == OP_MODEL and not has_model:
                what = "reads the text model, and there is none"
            elif not isfinite(i.value):
                what = "a number is not finite"
            if what is not None:
                return f"section CODE: rule {r}: {what}"
        if depth != 1:
            return f"section CODE: rule {r}: the condition leaves {depth} values, expected 1"
    return None


cdef inline bint _compares(uint8_t op) noexcept nogil:
    return op in (OP_COUNT, OP_COUNT_DISTINCT, OP_COMMERCE, OP_MODEL, OP_STRIKES, OP_TENURE, OP_ENFORCEMENT, OP_LISTING)
