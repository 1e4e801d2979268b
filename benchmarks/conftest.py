"""Posts and pattern lists to measure on: real ones where the corpora are, else made from the sample posts."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import yaml

from fairpost.engine import RuleSet
from fairpost.rules import shipped_bundle, shipped_packs

POSTS = 20_000


def _corpora() -> Path | None:
    named = os.environ.get("FAIRPOST_CORPORA")
    return Path(named) if named and (Path(named) / "posts.txt").exists() else None


@pytest.fixture(scope="session")
def samples() -> list[str]:
    """The texts of the sample posts."""
    path = shipped_packs().parent / "samples" / "posts.yaml"
    return [post["text"] for post in yaml.safe_load(path.read_text(encoding="utf-8"))]


@pytest.fixture(scope="session")
def posts(samples: list[str]) -> list[str]:
    """Twenty thousand posts: lines of the corpora, or lines of the sample posts mixed anew."""
    folder = _corpora()
    if folder is not None:
        with (folder / "posts.txt").open(encoding="utf-8") as file:
            return [line.rstrip("\n") for _, line in zip(range(POSTS), file, strict=False)]
    chance = random.Random(20260101)
    lines = [line for text in samples for line in text.splitlines() if line.strip()]
    return ["\n".join(chance.sample(lines, chance.randint(1, 5))) for _ in range(POSTS)]


@pytest.fixture(scope="session")
def words(samples: list[str]) -> list[str]:
    """Ten thousand patterns: the lexicon of the corpora, or pieces of the sample posts and invented words."""
    folder = _corpora()
    if folder is not None and (folder / "lexicon_10k.txt").exists():
        return (folder / "lexicon_10k.txt").read_text(encoding="utf-8").split("\n")[:10_000]
    chance = random.Random(20260102)
    characters = sorted({c for text in samples for c in text if "一" <= c <= "鿿"})
    found: set[str] = set()
    while len(found) < 1000:
        text = chance.choice(samples)
        begin = chance.randrange(max(len(text) - 4, 1))
        piece = text[begin : begin + chance.randint(2, 4)]
        if len(piece) > 1 and all("一" <= c <= "鿿" for c in piece):
            found.add(piece)
    while len(found) < 10_000:
        found.add("".join(chance.choices(characters, k=chance.randint(2, 5))))
    return sorted(found)


@pytest.fixture(scope="session")
def shipped() -> RuleSet:
    """The shipped packs."""
    return RuleSet.open(shipped_bundle())
