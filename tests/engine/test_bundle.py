"""A bundle is hostile input until it was checked: every damage is refused with its reason, none crashes."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from reference.sample import EXPOSURE, sample_source

from fairpost.engine import InvalidBundle, RuleSet, layout
from fairpost.engine.build import build, build_patterns
from fairpost.engine.folds import DEFAULT
from fairpost.engine.image import Image
from fairpost.engine.layout import PatternFlag
from fairpost.engine.source import InvalidSource, Pattern

TABLE = layout.HEADER_DTYPE.itemsize


def seal(content: bytearray) -> bytes:
    """Make the checksum right again, as an attacker would."""
    content[32:64] = digest(content)
    return bytes(content)


def digest(content: bytes | bytearray) -> bytes:
    pieces = [content[begin : begin + (1 << 20)] for begin in range(64, len(content), 1 << 20)]
    return hashlib.sha256(content[:32] + b"".join(hashlib.sha256(piece).digest() for piece in pieces)).digest()


def section(content: bytes | bytearray, tag: str) -> np.ndarray:
    """A section's items, writable if `content` is."""
    table = np.frombuffer(content, layout.SECTION_DTYPE, len(layout.SECTIONS), TABLE)
    record = table[list(layout.SECTIONS).index(tag)]
    return np.frombuffer(content, layout.SECTIONS[tag], int(record["count"]), int(record["offset"]))


def test_build_is_deterministic(sample_bundle: bytes) -> None:
    assert build(sample_source()) == sample_bundle


def test_the_digest_names_the_content(sample_bundle: bytes, sample_ruleset: RuleSet) -> None:
    expected = digest(sample_bundle).hex()
    assert sample_ruleset.digest == expected
    assert sample_ruleset.revision == expected[:12]


def test_opens_a_mapped_file(tmp_path: Path, sample_bundle: bytes) -> None:
    path = tmp_path / "rules.fpb"
    path.write_bytes(sample_bundle)
    ruleset = RuleSet.open(path)
    os.replace(path, tmp_path / "moved.fpb")  # the mapping outlives the name
    assert ruleset.check("根治糖尿病").action.name == "SHIELD"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b[:40], "40 bytes is shorter than a bundle's header"),
        (lambda b: b"PK\x03\x04" + b[4:], "not a compiled rule set"),
        (lambda b: b[:8] + (1).to_bytes(4, "little") + b[12:], "format version 1, this fairpost reads version 4"),
        (lambda b: b[: len(b) // 2], "truncated"),
        (lambda b: b + b"\0", "longer than written"),
        (lambda b: b[:-1000] + bytes([b[-1000] ^ 1]) + b[-999:], "checksum does not match: the file is damaged"),
        (lambda b: b[:24] + b"\1" + b[25:], "checksum does not match"),
    ],
)
def test_damage_is_refused(
    tmp_path: Path, sample_bundle: bytes, damage: Callable[[bytes], bytes], message: str
) -> None:
    path = tmp_path / "rules.fpb"
    path.write_bytes(damage(sample_bundle))
    with pytest.raises(InvalidBundle) as error:
        RuleSet.open(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_what_was_checked_is_not_checked_again(tmp_path: Path, sample_bundle: bytes) -> None:
    """Another process's word counts for the very content it was given for; the seal is looked at in any case."""
    forged = bytearray(sample_bundle)
    section(forged, "RULE")["category"] = 77
    path = tmp_path / "rules.fpb"
    path.write_bytes(seal(forged))
    good, bad = digest(sample_bundle).hex(), digest(forged).hex()
    for checked in ("", good):
        with pytest.raises(InvalidBundle, match="section RULE"):
            Image.open(path, checked=checked)
    assert Image.open(path, checked=bad).digest == bad
    path.write_bytes(sample_bundle)
    opened = RuleSet.open(path, checked=good)
    assert opened.check("根治糖尿病").action.name == "SHIELD"
    assert opened.meta == RuleSet.open(path).meta
    path.write_bytes(sample_bundle[:-1] + b"x")
    with pytest.raises(InvalidBundle, match="checksum"):
        RuleSet.open(path, checked=good)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.fpb"
    path.touch()
    with pytest.raises(InvalidBundle, match="the file is empty"):
        RuleSet.open(path)


def test_every_flipped_bit_is_noticed(sample_bundle: bytes) -> None:
    for position in random.Random(1).sample(range(len(sample_bundle)), 200):
        damaged = bytearray(sample_bundle)
        damaged[position] ^= 1 << (position % 8)
        with pytest.raises(InvalidBundle):
            RuleSet.from_bytes(bytes(damaged))


@pytest.mark.parametrize(
    ("tag", "field", "value", "message"),
    [
        ("FBLK", None, 60000, "section FBLK: a block number is out of range"),
        ("FSYM", None, layout.Symbol.BOUNDARY, "folds to the boundary symbol"),
        ("FEXP", "start", 2**31, "section FEXP: reaches past FEXS"),
        ("SLOT", "start", 2**31, "section SLOT: a bucket starts past the end of ENTR"),
        ("ENTR", "pattern", 9999, "section ENTR: a pattern number is out of range"),
        ("ENTR", "length", 9, "section ENTR: a length differs from its pattern's"),
        ("ENTR", "flags", layout.PatternFlag.REGULAR, "section ENTR: flags differ from the pattern's"),
        ("ENTR", "flags", 1 << layout.ENTRY_CONTEXT, "section ENTR: who asks for it is out of range (entry 0)"),
        ("CENT", "flags", 63 << layout.ENTRY_CONTEXT, "section CENT: who asks for it is out of range (entry 0)"),
        ("CTXI", None, 200, "section CTXI: a category is out of range"),
        ("CTXI", None, 1, "section CENT: a pattern is not asked for as it says"),
        ("ENTR", "anchor", 255, "section ENTR: an anchor is outside its pattern"),
        ("ENTR", "head", 1, "section ENTR: a head differs from its pattern's first symbols (entry 0)"),
        ("PATT", "flags", layout.PatternFlag.FINE, "section PATT: a fine pattern is out of range (pattern 0)"),
        ("PATT", "lists", 2**31, "section PATT: lists reach past PLST (pattern 0)"),
        ("PATT", "list_count", 3, "section PATT: the lists of two patterns overlap"),
        ("PSYM", None, layout.Symbol.EXPANDS, "section PSYM: holds a reserved symbol"),
        ("FINE", "lead", 9, "section FINE: a lead is not inside its pattern"),
        ("ALLW", None, 999, "section ALLW: a list number is out of range"),
        ("TRIG", None, 999, "section TRIG: a rule number is out of range"),
        ("PATT", "start", 2**31, "section PATT: symbols reach past PSYM"),
        ("PATT", "length", 0, "section PATT: a length is outside 1..255"),
        ("RGXR", "pattern", 9999, "section RGXR: a pattern is out of range"),
        ("RGXR", "words", 0, "section RGXR: a set of states is not of 1..4 words"),
        ("RGXR", "words", 5, "section RGXR: a set of states is not of 1..4 words"),
        ("RGXR", "words", 4, "section RGXR: an alphabet reaches past RGXC"),
        ("RGXR", "branches", 999, "section RGXR: sets of states reach past RGXM"),
        ("RGXR", "branches", 0, "section RGXC: a branch is out of range"),
        ("RGXR", "masks", 2**31, "section RGXR: sets of states reach past RGXM"),
        ("RGXR", "branches", 9999, "section RGXR: sets of states reach past RGXM"),
        ("RGXR", "pieces", 0, "section RGXR: an alphabet is empty"),
        ("RGXR", "pieces", 999, "section RGXR: an alphabet reaches past RGXC"),
        ("RGXR", "starts", 2**31, "section RGXR: an alphabet reaches past RGXC"),
        ("RGXR", "longest", 0, "section RGXR: a longest match is empty"),
        ("RGXA", "regular", 99, "section RGXA: a regular pattern is out of range"),
        ("RGXA", "least", 255, "section RGXA: a distance ends before it begins"),
        ("RGXA", "ahead", 0, "section RGXA: looks not 1..32 ahead"),
        ("RGXA", "ahead", 33, "section RGXA: looks not 1..32 ahead"),
        ("RGXA", "before", 9999, "section RGXN: a set of symbols is out of range"),
        ("RGXA", "second", 9999, "section RGXN: a set of symbols is out of range"),
        ("RGXR", "opening", 9999, "section RGXN: a set of symbols is out of range"),
        ("PLST", None, 9999, "section PLST: a list number is out of range"),
        ("PSYM", None, layout.Symbol.SKIP, "section PSYM: holds a reserved symbol"),
        ("TRGO", None, 5, "section TRGO: not ascending from 0 to"),
        ("RULE", "category", 99, "section RULE: a category is out of range"),
        ("RULE", "weight", np.nan, "section RULE: a weight is outside 0..1"),
        ("RULE", "code", 10_000, "section RULE: a condition reaches past CODE"),
        ("CODE", "op", 99, "unknown operation 99"),
        ("CODE", "op", layout.Op.AND, "the stack is out of bounds"),
        ("CODE", "a", 999, "an operand is out of range"),
        ("OPND", "list", 999, "section OPND: a list is out of range"),
        ("GCAP", None, 2.0, "section GCAP: a cap is outside 0..1"),
        ("THRE", None, np.nan, "section THRE: a threshold is no number"),
        ("POLI", "limit", np.inf, "section POLI: limit is no number >= 0"),
        ("PTXO", None, 7, "section PTXO: not ascending"),
        ("ESYM", None, 3, "section ESYM: a symbol becomes a boundary, or a boundary a symbol"),
        ("ESYM", None, layout.EvasionSymbol.LETTER | 97, "section ESYM: a letter is not one of a..z"),
        ("ELOK", "rare", 0xFFFF, "section ELOK: not sorted"),
        ("ELOK", "rare", 0, "section ELOK: not the symbols marked in ESYM"),
        ("ESPL", "whole", 3, "section ESPL: holds a reserved symbol"),
        ("ESPL", "parts", 0, "section ESPL: holds a reserved symbol"),
        ("ELET", "children", 2**31, "section ELET: a letter is not one of 26"),
        ("ELET", "first", 9999, "section ELET: children reach past the end"),
        ("ELET", "syllable", 3, "section ELET: a reserved symbol"),
        ("ELET", "syllable", 0x1000, "section ELET: a syllable is out of range"),
        ("EMOJ", "code_point", 0x10FFFF, "section EMOJ: not sorted"),
        ("EMOJ", "length", 5, "section EMOJ: a word is not of 1..4 symbols"),
        ("EMOJ", "start", 2**31, "section EMOJ: reaches past EMOS"),
        ("EMOS", None, 3, "section EMOS: holds a reserved symbol"),
        ("ELOK", "common", 3, "section ELOK: holds a reserved symbol"),
        ("EALO", None, 1, "section EALO: not ascending to the end of EALI"),
        ("EMOO", None, 1, "section EMOO: not ascending to the end of EMOA"),
        ("EWRD", "length", 1, "section EWRD: a word is not of 2..32 symbols"),
        ("EWRD", "length", 33, "section EWRD: a word is not of 2..32 symbols"),
        ("EWRD", "start", 2**31, "section EWRD: symbols reach past EWSY"),
        ("EWRD", "classes", 16, "section EWRD: unknown fold classes"),
        ("EWSY", None, 3, "section EWSY: holds a reserved symbol"),
        ("EFRM", "word", 9999, "section EFRM: a word is out of range"),
        ("EFRM", "start", 2**31, "section EFRM: sounds reach past EFSY"),
        ("EFSY", None, 0x1000, "section EFSY: a sound is out of range"),
        ("EFSY", None, 0, "section EFSY: holds a reserved symbol"),
        ("EKEY", "form", 9999 << 8, "section EKEY: a form is out of range"),
        ("EKEY", "form", 32, "section EKEY: a place is not inside its word"),
        ("EKYO", None, 1, "section EKYO: not 2**b + 1 offsets that ascend to the end of EKEY"),
        ("ELVA", None, 16, "section ELVA: unknown fold classes"),
    ],
)
def test_a_forged_section_is_refused(
    sample_bundle: bytes, tag: str, field: str | None, value: float, message: str
) -> None:
    forged = bytearray(sample_bundle)
    column = section(forged, tag)
    at = np.flatnonzero(column["key"])[0] if tag in ("SLOT", "CSLT") else 0  # a used slot
    if field is None:
        column[at] = value
    else:
        column[field][at] = value
    with pytest.raises(InvalidBundle) as error:
        RuleSet.from_bytes(seal(forged))
    assert message in str(error.value)


def test_a_state_that_turns_nowhere_is_refused(sample_bundle: bytes) -> None:
    forged = bytearray(sample_bundle)
    record = section(forged, "RGXR")
    behind = int(record["starts"][0] + record["pieces"][0])
    section(forged, "RGXC")[behind : behind + 64] = 0
    record["branches"][0] = 0
    with pytest.raises(InvalidBundle, match="section RGXM: a state turns without a branch"):
        RuleSet.from_bytes(seal(forged))


@pytest.mark.parametrize("tag", ["ENTR", "CENT"])
def test_buckets_that_never_end_are_refused(sample_bundle: bytes, tag: str) -> None:
    forged = bytearray(sample_bundle)
    section(forged, "ENTR")["flags"][-1] &= np.uint16(0x7FFF)
    with pytest.raises(InvalidBundle, match="section ENTR: the last bucket has no end"):
        RuleSet.from_bytes(seal(forged))


@pytest.mark.parametrize(
    ("tag", "count", "message"),
    [
        ("ESYM", 65535, "section ESYM: 65535 symbols, expected 65536"),
        ("EUSU", 1, "section EUSU: 1 words, expected 32768"),
        ("ESPM", 1, "section ESPM: 1 words, expected 2048"),
        ("ELET", 0, "section ELET: is empty"),
        ("EALO", 1, "section EALO: not ascending to the end of EALI"),
        ("EALS", 0, "section EALS: 0 sounds, expected"),
        ("EFRM", 0, "section EFRM: a word is out of range"),
        ("EKEY", 0, "section EKYO: not 2..b . 1 offsets that ascend to the end of EKEY"),
        ("EKYO", 2, "section EKYO: not 2..b . 1 offsets that ascend to the end of EKEY"),
        ("EKYM", 3, r"section EKYM: 192 bits, expected 2\*\*6 to 2\*\*26"),
        ("EPAI", 0, "section EPAI: 0 words, expected 4096"),
        ("EADJ", 0, "section EADJ: 0 words, expected 4096"),
        ("ELVA", 0, "section ELVA: 0 lists, expected"),
        ("EMOO", 1, "section EMOO: not ascending to the end of EMOA"),
    ],
)
def test_an_evasion_scan_is_whole(sample_bundle: bytes, tag: str, count: int, message: str) -> None:
    forged = bytearray(sample_bundle)
    table = np.frombuffer(forged, layout.SECTION_DTYPE, len(layout.SECTIONS), TABLE)
    table["count"][list(layout.SECTIONS).index(tag)] = count
    with pytest.raises(InvalidBundle, match=message):
        RuleSet.from_bytes(seal(forged))


def test_a_scan_without_words_has_no_tables(sample_bundle: bytes) -> None:
    forged = bytearray(sample_bundle)
    table = np.frombuffer(forged, layout.SECTION_DTYPE, len(layout.SECTIONS), TABLE)
    table["count"][list(layout.SECTIONS).index("EWRD")] = 0
    with pytest.raises(InvalidBundle, match=r"section E[A-Z]+: \d+ items without words in disguise"):
        RuleSet.from_bytes(seal(forged))


def test_a_character_that_passes_for_too_many_is_refused(sample_bundle: bytes) -> None:
    for tag, message in (
        ("EALO", "section EALO: a character passes for more"),
        ("EMOO", "section EMOO: an emoji has more"),
    ):
        forged = bytearray(sample_bundle)
        section(forged, tag)[1:] = section(forged, tag)[-1]
        with pytest.raises(InvalidBundle, match=message):
            RuleSet.from_bytes(seal(forged))


def test_a_pattern_both_fine_and_repeat_is_refused(sample_bundle: bytes) -> None:
    forged = bytearray(sample_bundle)
    patterns = section(forged, "PATT")
    fine = np.flatnonzero(patterns["flags"] & layout.PatternFlag.FINE)[0]
    patterns["flags"][fine] |= layout.PatternFlag.REPEAT
    with pytest.raises(InvalidBundle, match=rf"section PATT: fine and repeat at once \(pattern {fine}\)"):
        RuleSet.from_bytes(seal(forged))


@pytest.mark.parametrize(
    ("op", "field", "value", "message"),
    [
        (layout.Op.NEAR, "b", 999, "an operand is out of range"),
        (layout.Op.NEAR, "n", -1, "a distance of -1"),
        (layout.Op.RULE, "a", 0, "refers to rule 0, which is not evaluated before it"),
        (layout.Op.LICENCE, "a", 32, "licence bit 32"),
        (layout.Op.STRIKES, "a", 32, "strikes of category 32"),
        (layout.Op.COUNT, "cmp", 5, "unknown comparison 5"),
        (layout.Op.CHANNEL, "value", np.inf, "a number is not finite"),
        (layout.Op.NOT, "a", 0, "the stack is out of bounds"),
    ],
)
def test_forged_code_is_refused(sample_bundle: bytes, op: int, field: str, value: float, message: str) -> None:
    forged = bytearray(sample_bundle)
    code = section(forged, "CODE")
    code[0] = (op, 0, 0, 0, 0, 0, 0.0)
    code[field][0] = value
    with pytest.raises(InvalidBundle) as error:
        RuleSet.from_bytes(seal(forged))
    assert str(error.value) == f"section CODE: rule 0: {message}"


WORDS = ["最好", "根治疗法", "\U00020bb7野家", "v"]
PLAIN = build_patterns(WORDS, frozenset(), False, {})
FOLDED = build_patterns(WORDS, DEFAULT, False, {})


@pytest.mark.parametrize(
    ("tag", "field", "value", "message"),
    [
        ("RARE", None, 97, "section RARE: a code point that needs no symbol of the pool"),
        ("RARE", None, 0x110000, "section RARE: a code point that needs no symbol of the pool"),
        ("PATT", "start", 2**31, "section PATT: symbols reach past PSYM (pattern 0)"),
        ("PATT", "list_count", 1, "section PATT: lists reach past PLST (pattern 0)"),
        ("PATT", "flags", layout.PatternFlag.FINE, "section PATT: a fine pattern is out of range (pattern 0)"),
        ("ENTR", "pattern", 4, "section ENTR: a pattern number is out of range (entry 0)"),
        ("META", None, ord("["), "section META is not JSON"),
    ],
)
def test_a_forged_pattern_set_is_refused(tag: str, field: str | None, value: int, message: str) -> None:
    forged = bytearray(PLAIN)
    column = section(forged, tag)
    (column if field is None else column[field])[0] = value
    with pytest.raises(InvalidBundle) as error:
        Image(seal(forged))
    assert message in str(error.value)


def test_a_header_that_lies_about_its_kind_is_refused(sample_bundle: bytes) -> None:
    for content, flags, message in (
        (PLAIN, 2, "header: unknown flags 2"),
        (PLAIN, 4, "header: unknown flags 4"),
        (PLAIN, 1, "section RARE: 1 items in a pattern set, expected none"),
        (PLAIN, 0, "section RARE: 1 items in a rule set, expected none"),
        (FOLDED, 3, "section FBLK: 8704 items in a pattern set without folds, expected none"),
        (FOLDED, 0, "section VBLK: 0 blocks"),
        (sample_bundle, 1, "items in a pattern set, expected none"),
    ):
        forged = bytearray(content)
        forged[24] = flags
        with pytest.raises(InvalidBundle, match=message):
            Image(seal(forged))


def test_a_pattern_set_is_no_rule_set() -> None:
    with pytest.raises(InvalidBundle, match="a pattern set without rules, expected a rule set"):
        RuleSet.from_bytes(PLAIN)


def test_what_a_pattern_set_says_of_itself_is_checked() -> None:
    for meta, message in (
        ({"folds": 1}, "folds is not a list of names"),
        ({"folds": [], "word_boundaries": 1}, "word_boundaries is neither true nor false"),
        ([], "section META is not a JSON object"),
    ):
        forged = bytearray(PLAIN)
        column = section(forged, "META")
        column[:] = np.frombuffer(json.dumps(meta).encode().ljust(column.size), np.uint8)
        with pytest.raises(InvalidBundle, match=message):
            Image(seal(forged))


@pytest.mark.parametrize(
    ("tag", "count", "message"),
    [
        ("UMAP", 1023, "section UMAP: 1023 words, expected 1024"),
        ("FMAP", 100, "section FMAP: 100 words of 64 bits"),
        ("DISP", 0, "section DISP: 0 displacements"),
        ("SLOT", 0, "section SLOT: 0 slots"),
    ],
)
def test_a_short_section_is_refused(tag: str, count: int, message: str) -> None:
    forged = bytearray(FOLDED)
    table = np.frombuffer(forged, layout.SECTION_DTYPE, len(layout.SECTIONS), TABLE)
    table["count"][list(layout.SECTIONS).index(tag)] = count
    with pytest.raises(InvalidBundle, match=message):
        Image(seal(forged))


def test_a_large_bundle_is_verified_in_pieces() -> None:
    patterns = [f"{k:x}" * 3 for k in range(120_000)]
    content = build_patterns(patterns, frozenset(), False, {})
    assert len(content) > 5 << 20  # so that several threads hash it
    assert Image(content).digest == digest(content).hex()
    for position in (70, len(content) // 2, len(content) - 1):
        damaged = bytearray(content)
        damaged[position] ^= 1
        with pytest.raises(InvalidBundle, match="checksum does not match"):
            Image(bytes(damaged))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("fine", 999, "section PATT: an anchor is out of range"),
        ("flags", PatternFlag.REGULAR | PatternFlag.FINE, "section PATT: "),
        ("flags", PatternFlag.REGULAR | PatternFlag.REPEAT, "section PATT: regular, and fine or repeat"),
    ],
)
def test_a_forged_anchor_is_refused(sample_bundle: bytes, field: str, value: int, message: str) -> None:
    forged = bytearray(sample_bundle)
    column = section(forged, "PATT")
    column[field][np.flatnonzero(column["flags"] & PatternFlag.REGULAR)[0]] = value
    with pytest.raises(InvalidBundle, match=message):
        RuleSet.from_bytes(seal(forged))


def test_sections_out_of_place_are_refused(sample_bundle: bytes) -> None:
    for field, value, message in (
        ("offset", 1 << 40, "reach past the end of the file"),
        ("offset", 65, "is not a multiple of 64"),
        ("offset", 64, "overlaps what comes before"),
        ("item", 3, "items of 3 bytes"),
        ("count", 1 << 60, "reach past the end of the file"),
        ("tag", b"XXXX", "where FEXS was expected"),
    ):
        forged = bytearray(sample_bundle)
        table = np.frombuffer(forged, layout.SECTION_DTYPE, len(layout.SECTIONS), TABLE)
        table[field][list(layout.SECTIONS).index("FEXS")] = value
        with pytest.raises(InvalidBundle, match=message):
            RuleSet.from_bytes(seal(forged))


def test_forged_bytes_never_crash(sample_bundle: bytes) -> None:
    """Random bytes in random sections, with a right checksum: refused, or judged without a fault."""
    chance = random.Random(20240)
    texts = [
        "根 治*糖尿病 加我个薇信 最最好 v 100% ㎏ 加v：abc12345 138-0013-8000 ￥99.5",
        "最好" * 100,
        "100%" * 50,
    ]
    table = np.frombuffer(sample_bundle, layout.SECTION_DTYPE, len(layout.SECTIONS), TABLE)
    spans = [(int(r["offset"]), int(r["count"] * r["item"])) for r in table if r["count"]]
    opened = refused = 0
    for _ in range(600):
        forged = bytearray(sample_bundle)
        for _ in range(chance.choice((1, 1, 2, 4))):
            offset, size = chance.choice(spans)
            forged[offset + chance.randrange(size)] = chance.choice((0, 255, chance.randrange(256)))
        try:
            ruleset = RuleSet.from_bytes(seal(forged))
        except InvalidBundle:
            refused += 1
            continue
        opened += 1
        assert len(list(ruleset.check_batch(texts))) == len(texts)  # objects too: names, laws, spans
    assert opened > 50
    assert refused > 50


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (Pattern("！！", DEFAULT, True, (7,)), "folds to nothing"),
        (Pattern("好" * 256, DEFAULT, True, (7,)), "has 256 symbols: the format holds 255"),
        (Pattern("/好*/", DEFAULT, True, (7,), regular=True), "pattern '/好\\*/': column 2: '\\*' has no bound"),
        (
            Pattern("/好/", frozenset({"case"}), True, (7,), regular=True),
            "a regular pattern takes the default folds",
        ),
        (Pattern("好评", frozenset({"case", "repeat"}), True, (7,)), "repeat works on top of default"),
        (Pattern("好评", frozenset({"case", "glyph"}), True, (7,)), "glyph works on top of default"),
    ],
)
def test_patterns_that_cannot_be_built(pattern: Pattern, message: str) -> None:
    source = sample_source()
    with pytest.raises(InvalidSource, match=message):
        build(type(source)(**{**{k: getattr(source, k) for k in source.__slots__}, "patterns": [pattern]}))


def test_exposure_numbers_must_be_known() -> None:
    source = sample_source()
    for exposure, message in (({**EXPOSURE, "bonus": 1.0}, "unknown number 'bonus'"), ({}, "exposure lacks clean")):
        policy = type(source.policy)(source.policy.severity_weights, [0.3], source.policy.thresholds, exposure)
        with pytest.raises(InvalidSource, match=message):
            build(type(source)(**{**{k: getattr(source, k) for k in source.__slots__}, "policy": policy}))
