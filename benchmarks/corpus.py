"""Posts and pattern lists to measure on: real ones where the corpora are, else made from the sample posts."""

from __future__ import annotations

import os
import random
from functools import lru_cache
from pathlib import Path

import yaml

from fairpost.engine import RuleSet
from fairpost.rules import shipped_bundle, shipped_packs

POSTS = 20_000
SIZES = {"1k": 1000, "10k": 10_000, "120k": 120_000, "1M": 1_000_000}
SEED = 20260101


def corpora() -> Path | None:
    """The folder with posts.txt and the lexicons, if there is one."""
    named = os.environ.get("FAIRPOST_CORPORA")
    return Path(named) if named and (Path(named) / "posts.txt").exists() else None


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line]


@lru_cache
def samples() -> list[str]:
    """The texts of the sample posts."""
    path = shipped_packs().parent / "samples" / "posts.yaml"
    return [post["text"] for post in yaml.safe_load(path.read_text(encoding="utf-8"))]


def made_posts(count: int) -> list[str]:
    """Lines of the sample posts, mixed anew."""
    chance = random.Random(SEED)
    lines = [line for text in samples() for line in text.splitlines() if line.strip()]
    return ["\n".join(chance.sample(lines, chance.randint(1, 5))) for _ in range(count)]


def made_words(count: int) -> list[str]:
    """Pieces of the sample posts, one in ten at most, and invented words."""
    chance = random.Random(SEED + 1)
    characters = sorted({c for text in samples() for c in text if "一" <= c <= "鿿"})
    found: set[str] = set()
    while len(found) < min(count // 10, 2000):
        text = chance.choice(samples())
        begin = chance.randrange(max(len(text) - 4, 1))
        piece = text[begin : begin + chance.randint(2, 4)]
        if len(piece) > 1 and all("一" <= c <= "鿿" for c in piece):
            found.add(piece)
    while len(found) < count:
        found.add("".join(chance.choices(characters, k=chance.randint(3, 6))))
    return sorted(found)


@lru_cache
def words_of(size: str) -> tuple[str, ...]:
    """A pattern list by the name of its size; 1k is drawn from 10k."""
    folder = corpora()
    if size == "1k":
        return tuple(random.Random(SEED).sample(words_of("10k"), 1000))
    if size == "shipped":
        # Literals only: a regular pattern is shown between slashes, at the first of its anchors.
        found = {pattern for pattern, _ in RuleSet.open(shipped_bundle()).patterns()}
        return tuple(sorted(word for word in found if word and not (word[0] == word[-1] == "/" and len(word) > 2)))
    if folder is None:
        return tuple(made_words(SIZES[size]))
    return tuple(_lines(folder / f"lexicon_{size.lower()}.txt"))


def posts_of(count: int) -> list[str]:
    """Lines of the corpora, evenly spread, or made ones."""
    folder = corpora()
    if folder is None:
        return made_posts(count)
    lines = _lines(folder / "posts.txt")
    return [lines[i * len(lines) // count] for i in range(count)]
