"""The bundle file: one header, a table of sections, sections. Written by `build`, checked by `image`.

All numbers are little-endian. The in-memory form is the on-disk form: opening maps the file, checks
every invariant that the kernels rely on, and points into it.

Header (64 bytes)
    0   8s   magic, b"fairpost"
    8   u4   format version
    12  u4   number of sections
    16  u8   file size in bytes
    24  u4   flags (`BundleFlag`)
    28  u4   reserved (0)
    32  32s  digest: SHA-256 of bytes 0..31 and of the SHA-256s of each MiB (DIGEST_PIECE) from byte 64 on, so that
             several threads may compute it; its first 12 hex digits are the revision
Section table: one `SECTION_DTYPE` record a section, from byte 64.
Sections start at multiples of 64; the file ends with at least 64 zero bytes (padding for the widest load).
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

import numpy as np

__all__ = [
    "ALIGNMENT",
    "CODE_POINT_BLOCKS",
    "CONTEXT",
    "DIGEST_PIECE",
    "EMOJI_MOST",
    "ENTRY_CONTEXT",
    "ENTRY_DTYPE",
    "ENTRY_LAST",
    "EXPANSION_DTYPE",
    "FILTER_BITS",
    "FINE_DTYPE",
    "FINE_FOLD_DROP",
    "FINE_FOLD_EXPANDS",
    "FIRST_SYMBOL",
    "FORMAT_VERSION",
    "FORM_DTYPE",
    "HAN",
    "HAN_END",
    "HEADER_DTYPE",
    "INDEX",
    "INSTRUCTION_DTYPE",
    "LETTER_ALONE",
    "LETTER_DTYPE",
    "LONGEST_DISGUISED",
    "LOOKALIKE_DTYPE",
    "MAGIC",
    "MAX_AHEAD",
    "MAX_PATTERN_SYMBOLS",
    "MAX_REGULAR_WORDS",
    "MAX_STACK",
    "MODEL_BITS",
    "MODEL_DTYPE",
    "MODEL_LENGTHS",
    "MODEL_MAX",
    "MOST_ALIKE",
    "NO_FINE",
    "OPERAND_DTYPE",
    "PADDING",
    "PAIR_MAP_BITS",
    "PATTERN_DTYPE",
    "PLACE_DTYPE",
    "POLICY_DTYPE",
    "REGULAR_ANCHOR_DTYPE",
    "REGULAR_DTYPE",
    "RULE_DTYPE",
    "SECTIONS",
    "SECTION_DTYPE",
    "SIGNAL_MAX",
    "SIGNAL_STEP",
    "SLOT_DTYPE",
    "SPLIT_DTYPE",
    "SPLIT_MAP_BITS",
    "SYMBOL_SET_DTYPE",
    "UNQUOTED",
    "USUAL_BITS",
    "WORD_DTYPE",
    "BundleFlag",
    "Cmp",
    "EvasionClass",
    "EvasionSymbol",
    "Op",
    "PatternFlag",
    "Symbol",
    "Writing",
]

MAGIC: Final = b"fairpost"
FORMAT_VERSION: Final = 4
ALIGNMENT: Final = 64
PADDING: Final = 64
DIGEST_PIECE: Final = 1 << 20
MAX_PATTERN_SYMBOLS: Final = 255
MAX_REGULAR_WORDS: Final = 4
"""Words of 64 bits that hold the states of a regular pattern."""
MAX_AHEAD: Final = 32
"""Symbols behind an anchor that are looked at: fewer than the SYMBOL_SLACK boundaries behind a chunk."""
MAX_STACK: Final = 32
CODE_POINT_BLOCKS: Final = 0x110000 >> 7
"""The fold tables are two-stage: code point >> 7 selects a block of 128 entries."""


class BundleFlag(IntFlag):
    """Bits of the header's flags."""

    PATTERN_SET = 1  # patterns only: the sections of lists, rules and policy are empty
    IDENTITY = 2  # the scan folds nothing, and no fold table is stored (see section RARE)


class Symbol(IntEnum):
    """Reserved symbols; every other one is a folded code point or comes from the pool of the surrogates."""

    SKIP = 0  # dropped
    SKIP_CLAUSE = 1  # dropped, and ends a clause
    SKIP_SENTENCE = 2  # dropped, and ends a sentence
    BOUNDARY = 3  # between texts; no character folds to it
    OTHER = 4  # a character that no pattern contains and that has no symbol of its own
    EXPANDS = 0xFFFF  # looked up in the table of expansions


FIRST_SYMBOL: Final = 5


class PatternFlag(IntEnum):
    """Bits of `PATTERN_DTYPE.flags`."""

    REPEAT = 1
    LEFT_LATIN = 2
    LEFT_DIGIT = 4
    RIGHT_LATIN = 8
    RIGHT_DIGIT = 16
    FINE = 32
    REGULAR = 64


class EvasionSymbol(IntEnum):
    """What section ESYM makes of a symbol, for the evasion scan.

    Digits and Latin letters are their own; a character that has a syllable is SYLLABLE + its number, a rare look-alike
    that of the character for which it passes. Bits tell what else it may be.
    """

    OTHER = 4
    SYLLABLE = 0x400
    VALUE = 0xFFF  # mask of the value
    RARE = 0x2000  # a rare look-alike
    SPLIT = 0x4000  # may be the first part of a split character
    LETTER = 0x8000


class EvasionClass(IntFlag):
    """What a list is looked for in; section ELVA, and of a word in EWRD what all its lists are."""

    PHONETIC = 1
    GLYPH = 2
    EMOJI = 4
    REPEAT = 8


class Writing(IntFlag):
    """How a match of the evasion scan is written; 0: as the pattern stands."""

    HOMOPHONE = 1  # another character of the same syllable
    PINYIN = 2  # in Latin letters
    LOOKALIKE = 4
    SPLIT = 8  # a character in its parts
    EMOJI = 16
    REPEAT = 32  # a character several times


class Op(IntEnum):
    """Operations of the condition code (postfix, one bit a stack cell)."""

    ANY = 0  # a = operand
    COUNT = 1  # a = operand, cmp, n
    COUNT_DISTINCT = 2  # a = operand, cmp, n
    NEAR = 3  # a, b = operands, n = most symbols between
    BEFORE = 4  # a, b = operands, n
    RULE = 5  # a = rule, lower than the rule that asks
    COMMERCE = 6  # cmp, value
    REGISTERED = 7
    UNREGISTERED = 8
    UNAVAILABLE = 9
    LICENCE = 10  # a = bit
    STRIKES = 11  # a = category or 255 for all, cmp, n
    TENURE = 12  # cmp, n days
    ENFORCEMENT = 13  # cmp, n = position in ENFORCEMENT
    LISTING = 14  # cmp, n = position in LISTING
    CHANNEL = 15  # a = channel
    LANGUAGE = 16  # a = language
    MODEL = 17  # cmp, value; only in a bundle with a model
    NOT = 18
    AND = 19
    OR = 20


class Cmp(IntEnum):
    """Comparisons of the condition code."""

    GE = 0
    GT = 1
    LE = 2
    LT = 3
    EQ = 4


HEADER_DTYPE: Final = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("sections", "<u4"),
        ("size", "<u8"),
        ("flags", "<u4"),
        ("reserved", "<u4"),
        ("digest", "V32"),
    ]
)
SECTION_DTYPE: Final = np.dtype(
    [("tag", "S4"), ("item", "<u4"), ("offset", "<u8"), ("count", "<u8"), ("reserved", "<u8")]
)
EXPANSION_DTYPE: Final = np.dtype([("code_point", "<u4"), ("start", "<u4"), ("length", "<u4")])
FILTER_BITS: Final = (13, 22)
"""Least and greatest log2 of the filter's bits: 1 KB to 512 KB."""
SLOT_DTYPE: Final = np.dtype([("key", "<u4"), ("start", "<u4")])
"""One anchor's key and where its bucket starts in ENTR. An empty slot has key 0."""
ENTRY_LAST: Final = 0x8000
"""In `ENTRY_DTYPE.flags`: the last entry of its bucket. The lower 8 bits are the pattern's flags."""
ENTRY_CONTEXT: Final = 8
"""In `ENTRY_DTYPE.flags` six bits from this one on: who asks for the pattern, an item of CTXI; 0 in ENTR."""
ENTRY_DTYPE: Final = np.dtype(
    [
        ("head", "<u8"),  # the pattern's first 4 symbols, the first one in the lowest 16 bits; 0 where it has fewer
        ("pattern", "<u4"),
        ("anchor", "u1"),  # place of the anchor's first symbol in the pattern
        ("length", "u1"),  # symbols of the pattern
        ("flags", "<u2"),
    ]
)
PATTERN_DTYPE: Final = np.dtype(
    [
        ("start", "<u4"),  # first symbol in PSYM
        ("fine", "<u4"),  # record in FINE, in RGXA for the anchor of a regular pattern, or NO_FINE
        ("lists", "<u4"),  # first list in PLST
        ("length", "u1"),
        ("flags", "u1"),
        ("list_count", "<u2"),
    ]
)
NO_FINE: Final = 0xFFFFFFFF
FINE_DTYPE: Final = np.dtype(
    [
        ("start", "<u4"),  # first code point in FSYM
        ("length", "<u2"),
        ("lead", "<u2"),  # code points before the first one that the scan keeps
        ("fold", "<u4"),  # which fine fold
    ]
)
FINE_FOLD_DROP: Final = 0xFFFFFFFF
FINE_FOLD_EXPANDS: Final = 0x80000000
SYMBOL_SET_DTYPE: Final = np.dtype([("places", "<u8", (4,))])
"""A set of symbols, hashed to 256 places (kernels/regular.h)."""
REGULAR_DTYPE: Final = np.dtype(
    [
        ("pattern", "<u4"),  # the pattern that its matches are matches of: its first anchor
        (
            "masks",
            "<u4",
        ),  # in RGXM: first, last, chain, turning; what else may follow, by branch; takers of each piece
        ("starts", "<u4"),  # of the pieces, in RGXC; behind them the branch of each of 64 * words states
        ("opening", "<u4"),  # symbols with which a match may begin: a set of RGXN
        ("pieces", "<u2"),
        ("branches", "<u2"),
        ("words", "u1"),  # of a mask, 1..4
        ("longest", "u1"),  # symbols of the longest match
        ("has_edges", "u1"),  # a match must not begin or end inside a word
        ("reserved", "u1"),
    ]
)
"""One automaton, see `regular.automaton`."""
REGULAR_ANCHOR_DTYPE: Final = np.dtype(
    [
        ("regular", "<u4"),
        ("least", "u1"),  # symbols of a match before the anchor
        ("most", "u1"),
        ("ahead", "u1"),  # how many symbols behind it are looked at, 1..MAX_AHEAD
        ("reserved", "u1"),
        # Sets of RGXN, of which one stands there if a match holds the anchor
        ("before", "<u4"),
        ("behind", "<u4"),  # one of these `ahead`
        ("second", "<u4"),  # behind that one
    ]
)
"""A literal's distance from the begin of a match of a regular pattern. The literal is a pattern flagged REGULAR."""
SPLIT_MAP_BITS: Final = 1 << 17
EMOJI_MOST: Final = 4
"""Symbols of the word for which an emoji stands."""
LOOKALIKE_DTYPE: Final = np.dtype([("rare", "<u2"), ("common", "<u2"), ("sound", "<u2")])
"""A rare character, the common one that it passes for, and how the rare one itself sounds; 0 where nobody knows."""
SPLIT_DTYPE: Final = np.dtype([("parts", "<u2", (3,)), ("whole", "<u2")])
"""Symbols of a character's parts in writing order (the third one 0 where there are two), and the character."""
LETTER_DTYPE: Final = np.dtype([("children", "<u4"), ("first", "<u2"), ("syllable", "<u2")])
"""A node of the tree of spellings. children: bit k = letter k of the alphabet goes on; those nodes stand together from
`first` on. syllable: the evasion symbol of the syllable that ends here, or 0; with LETTER_ALONE that of a letter which
stands for it only where it is no part of a longer word. Node 0 is the root."""
LETTER_ALONE: Final = 0x8000
INDEX: Final = ("UMAP", "FMAP", "DISP", "SLOT", "ENTR", "PATT", "PSYM")
"""The scan's index: what finds anchors, and the patterns filed under them."""
WORD_DTYPE: Final = np.dtype([("start", "<u4"), ("length", "u1"), ("classes", "u1"), ("reserved", "<u2")])
"""A word that is recognised in disguise: symbols start .. start + length of EWSY."""
FORM_DTYPE: Final = np.dtype([("word", "<u4"), ("start", "<u4")])
"""One way in which a word sounds: as many evasion symbols as it has symbols, from `start` on in EFSY."""
PLACE_DTYPE: Final = np.dtype([("form", "<u4"), ("meant", "<u2"), ("sound", "<u2")])
"""A form may stand around a symbol. form: its number << 8 | how many of its symbols stand before; meant, sound: what it
has in its place, and in the upper 4 bits of the sound those of the key's hash."""
LONGEST_DISGUISED: Final = 32
"""Symbols of the longest word of EWRD."""
USUAL_BITS: Final = 21
PAIR_MAP_BITS: Final = 1 << 18
MOST_ALIKE: Final = 24
"""Characters that one passes for, and other syllables of an emoji."""
HAN: Final = 0x4E00
HAN_END: Final = 0xA000
"""Characters that have look-alikes lie between."""
CONTEXT: Final = ("CUMP", "CFMP", "CDSP", "CSLT", "CENT")
"""The index of context patterns (`asking`), which ENTR lacks. PATT and PSYM have the patterns of both."""
OPERAND_DTYPE: Final = np.dtype([("list", "<u2"), ("free_of", "<i2"), ("within", "<u4")])
UNQUOTED: Final = 0x80000000
"""In `within` of an operand, beside the distance: only hits that do not stand between quotation marks."""
INSTRUCTION_DTYPE: Final = np.dtype(
    [("op", "u1"), ("cmp", "u1"), ("a", "<u2"), ("b", "<u2"), ("reserved", "<u2"), ("n", "<i4"), ("value", "<f4")]
)
RULE_DTYPE: Final = np.dtype(
    [
        ("code", "<u4"),
        ("code_count", "<u4"),
        ("weight", "<f8"),
        ("from_day", "<i4"),
        ("until_day", "<i4"),
        ("group", "<i4"),
        ("category", "u1"),
        ("severity", "u1"),
        ("mode", "u1"),
        ("reserved", "u1"),
    ]
)
POLICY_DTYPE: Final = np.dtype(
    [
        ("severity_weight", "<f8", (4,)),
        ("limit", "<f8"),
        ("review", "<f8"),
        ("unregistered", "<f8"),
        ("clean", "<f8"),
        ("per_year", "<f8"),
        ("per_strike", "<f8"),
        ("max", "<f8"),
        ("commerce", "<f8"),
        ("floor", "<f8"),
        ("per_complaint", "<f8"),
        ("clean_risk", "<f8"),
    ]
)
MODEL_BITS: Final = (8, 22)
"""Least and most log2 of a text model's weights."""
MODEL_MAX: Final = 1e15
"""Greatest size of a text model's scale and bias: no logit reaches infinity."""
SIGNAL_STEP: Final = 1 / 256
"""What a COMMERCE rule adds to the logit is a multiple of this: sums are exact, and one more rule always counts."""
SIGNAL_MAX: Final = 32.0
MODEL_LENGTHS: Final = (12, 48)
"""Between these numbers of shapes a model's `length` counts in proportion; below not at all, above in full."""
MODEL_DTYPE: Final = np.dtype(
    [
        ("scale", "<f8"),
        ("bias", "<f8"),
        ("bits", "<u4"),
        ("length", "<f4"),
        ("examined_from", "<f8"),
    ]
)

SECTIONS: Final[dict[str, np.dtype]] = {
    "META": np.dtype("u1"),  # JSON, UTF-8: names, messages, laws
    "RARE": np.dtype("<u4"),  # identity scan: code points with symbols from the pool, ascending
    "FBLK": np.dtype("<u2"),  # scan fold: block of code point >> 7
    "FSYM": np.dtype("<u2"),  # scan fold: symbol, 128 a block
    "FEXP": EXPANSION_DTYPE,  # one-to-many folds, sorted by code point
    "FEXS": np.dtype("<u2"),  # their symbols
    "VBLK": np.dtype("<u2"),  # fine folds: block of code point >> 7, CODE_POINT_BLOCKS a fold
    "VCPT": np.dtype("<u4"),  # fine folds: code point ^ folded, FINE_FOLD_DROP, or FINE_FOLD_EXPANDS | expansion
    "VEXP": EXPANSION_DTYPE,  # fine folds: expansions (code_point unused)
    "VEXS": np.dtype("<u4"),
    "UMAP": np.dtype("<u8"),  # bitmap of patterns of one symbol, 65,536 bits
    "FMAP": np.dtype("<u8"),  # filter: bitmap of hashed bigrams and trigrams, 2**b bits with b in FILTER_BITS
    "DISP": np.dtype("<u2"),  # perfect hash: displacement of each bucket
    "SLOT": SLOT_DTYPE,  # perfect hash: anchors
    "ENTR": ENTRY_DTYPE,  # buckets: the patterns of each anchor
    "PATT": PATTERN_DTYPE,
    "PSYM": np.dtype("<u2"),  # their symbols
    "PLST": np.dtype("<u2"),  # their lists
    # Who asks for context patterns, by the numbers in ENTRY_CONTEXT: rules of one category alone, of several
    # (`asking.SHARED`), or none (`asking.UNASKED`); ascending. All empty without any.
    "CTXI": np.dtype("u1"),
    "CUMP": np.dtype("<u8"),  # see CONTEXT
    "CFMP": np.dtype("<u8"),
    "CDSP": np.dtype("<u2"),
    "CSLT": SLOT_DTYPE,
    "CENT": ENTRY_DTYPE,
    "FINE": FINE_DTYPE,  # patterns that take fewer folds than the scan
    "FCPT": np.dtype("<u4"),  # their code points
    "RGXR": REGULAR_DTYPE,  # regular patterns: automata
    "RGXA": REGULAR_ANCHOR_DTYPE,  # their anchors
    "RGXC": np.dtype("<u2"),  # pieces of their alphabets: the first symbol of each, ascending from 0
    "RGXM": np.dtype("<u8"),  # sets of their states
    "RGXN": SYMBOL_SET_DTYPE,  # symbols that stand around their anchors, and with which they begin
    "PTXT": np.dtype("u1"),  # pattern texts, UTF-8
    "PTXO": np.dtype("<u4"),  # their offsets, one more than patterns
    "ALST": np.dtype("<u4"),  # lists: offsets into ALLW, one more than lists
    "ALLW": np.dtype("<u2"),  # allow lists of each list
    "TRGO": np.dtype("<u4"),  # lists: offsets into TRIG, one more than lists
    "TRIG": np.dtype("<u2"),  # rules that a hit of the list may fire
    "ALWA": np.dtype("<u2"),  # rules that are always evaluated, ascending
    "OPND": OPERAND_DTYPE,
    "CODE": INSTRUCTION_DTYPE,
    "RULE": RULE_DTYPE,  # in order of evaluation, COMMERCE first
    "GCAP": np.dtype("<f8"),  # cap of each group
    "POLI": POLICY_DTYPE,  # one record
    "THRE": np.dtype("<f4"),  # channels x MAX_CATEGORIES x 5: least score for each action
    "MODW": np.dtype("i1"),  # text model: 1 << bits weights; none without a model
    "MODP": MODEL_DTYPE,  # one record; none without a model
    "MODR": np.dtype("<f8"),  # by rule: what it adds to the logit that is `commerce`; none where that is a noisy-or
    # The evasion scan; all are empty where no list takes a fold of it.
    "ESYM": np.dtype("<u2"),  # symbol -> evasion symbol (`EvasionSymbol`), 65,536
    "ELOK": LOOKALIKE_DTYPE,  # what each rare look-alike passes for, sorted
    "ESPL": SPLIT_DTYPE,  # split characters, sorted by their parts
    "ESPM": np.dtype("<u8"),  # bitmap of their first two parts, hashed: SPLIT_MAP_BITS
    "ELET": LETTER_DTYPE,  # the spellings of syllables
    "EMOJ": EXPANSION_DTYPE,  # emoji that stand for words, sorted by code point
    "EMOS": np.dtype("<u2"),  # the symbols of the words
    "EMOA": np.dtype("<u2"),  # other syllables that emoji are used for, as evasion symbols ...
    "EMOO": np.dtype("<u2"),  # ... offsets of each emoji, one more than there are
    "EUSU": np.dtype("<u8"),  # bitmap of the pairs of symbols that running text has often (`writings.usual`)
    "EALI": np.dtype("<u2"),  # what the characters from HAN on pass for because they look like it ...
    "EALS": np.dtype("<u2"),  # ... their sounds ...
    "EALO": np.dtype("<u4"),  # ... offsets of each character, to HAN_END
    "EWRD": WORD_DTYPE,
    "EWSY": np.dtype("<u2"),
    "EFRM": FORM_DTYPE,
    "EFSY": np.dtype("<u2"),
    "EKEY": PLACE_DTYPE,  # hash of what stands around a symbol -> words, by bucket (`writings.places`)
    "EKYO": np.dtype("<u4"),  # offsets of the buckets, 2**b + 1
    "EKYM": np.dtype("<u8"),  # bitmap of the keys, 2**b bits
    "EPAI": np.dtype("<u8"),  # bitmap of the pairs of sounds that words of two symbols have, PAIR_MAP_BITS
    "EADJ": np.dtype("<u8"),  # the same of sounds side by side in longer words, as they sound or as they are written
    "ELVA": np.dtype("u1"),  # `EvasionClass` of each list
}
