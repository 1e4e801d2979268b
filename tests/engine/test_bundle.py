"""A bundle is hostile input until it was checked: every damage is refused with its reason, none crashes."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from reference.sample import EXPOSURE, sample_source

from fairpost.engine import InvalidBundle, RuleSet, layout
from fairpost.engine.build import InvalidSource, Pattern, build
from fairpost.engine.folds import DEFAULT

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
        (lambda b: b[:8] + (1).to_bytes(4, "little") + b[12:], "format version 1, this fairpost reads version 2"),
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
        ("ENTR", "anchor", 255, "section ENTR: an anchor is outside its pattern"),
        ("ENTR", "head", 1, "section ENTR: a head differs from its pattern's first symbols"),
        ("PATT", "start", 2**31, "section PATT: symbols reach past PSYM"),
        ("PATT", "length", 0, "section PATT: a length is outside 1..255"),
        ("PLST", None, 9999, "section PLST: a list number is out of range"),
        ("PSYM", None, layout.Symbol.SKIP, "section PSYM: holds a reserved symbol"),
        ("TRGO", None, 5, "section TRGO: not ascending"),
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
    ],
)
def test_a_forged_section_is_refused(
    sample_bundle: bytes, tag: str, field: str | None, value: float, message: str
) -> None:
    forged = bytearray(sample_bundle)
    column = section(forged, tag)
    at = np.flatnonzero(column["key"])[0] if tag == "SLOT" else 0  # a used slot
    if field is None:
        column[at] = value
    else:
        column[field][at] = value
    with pytest.raises(InvalidBundle) as error:
        RuleSet.from_bytes(seal(forged))
    assert message in str(error.value)


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
    texts = ["根 治*糖尿病 最最最好 v 100% ㎏ 加v：abc12345 138-0013-8000 ￥99.5", "最好" * 100, "100%" * 50]
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
        (Pattern("好评", frozenset({"case", "repeat"}), True, (7,)), "repeat works on top of default"),
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
