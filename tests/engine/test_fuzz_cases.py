"""What the fuzzer found, kept; and the seeds of all its targets, in the ordinary build (see tests/fuzz)."""

from __future__ import annotations

import pytest
from fuzz import bundles, columns, patterns, standings, texts, wire

TARGETS = {"texts": texts, "patterns": patterns, "bundles": bundles, "wire": wire, "columns": columns}
TARGETS["standings"] = standings

CASES = {
    "an empty text first: nothing was allocated, and 0 was added to NULL": ("texts", b""),
    "a pattern's text that is not UTF-8": (
        "bundles",
        bundles.edited(bundles.SET, "PTXT", 0, 0, 0xA0) + "根治".encode(),
    ),
    "sizes of the buffers of views at an odd address": (
        "columns",
        b"\x02\x40\x01\0" + b"\x0d\0\x04\0\0" + b"a" * 26,
    ),
}


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    seeds = list(TARGETS[name].seeds())
    assert seeds
    for seed in seeds:
        TARGETS[name].check(seed)


@pytest.mark.parametrize("case", CASES)
def test_found(case: str) -> None:
    name, content = CASES[case]
    TARGETS[name].check(content)
