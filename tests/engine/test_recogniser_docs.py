"""docs/recognisers.md and the reference define the same recognisers, by the same expressions."""

from __future__ import annotations

import re
from pathlib import Path

from reference.recognisers import ALTERNATIVES, FRAGMENTS

from fairpost.engine.vocabulary import RECOGNISERS

PAGE = Path(__file__).parents[2] / "docs" / "recognisers.md"


def blocks() -> list[list[str]]:
    return [block.splitlines() for block in re.findall(r"```regex\n(.*?)\n```", PAGE.read_text("utf-8"), re.DOTALL)]


def test_fragments() -> None:
    assert dict(re.split(r" *= ", line, maxsplit=1) for line in blocks()[0]) == FRAGMENTS


def test_alternatives_in_the_order_of_the_vocabulary() -> None:
    assert [tuple(block) for block in blocks()[1:]] == [ALTERNATIVES[name] for name in RECOGNISERS]


def test_every_recogniser_has_its_section() -> None:
    headings = re.findall(r"^## (\S+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [h for h in headings if h in RECOGNISERS] == list(RECOGNISERS)
