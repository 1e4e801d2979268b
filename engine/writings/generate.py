"""Writes surprise.bin, displacements.bin and syllables.bin: counts of pairs over texts and a word list.

Not needed to build or to run.

    python engine/writings/generate.py CORPORA WORDS [--half]

CORPORA holds labelled.jsonl (text, spam, source) and posts.txt (a post a line): what people write every day, adverts
left out. WORDS has lines of a word and how often text has it (the dictionary of jieba, MIT): its pairs keep words that
the texts lack from surprising. --half counts every second text only, so that the others can judge the outcome.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from fairpost.engine.anchors import bucket_keys
from fairpost.engine.folds import DEFAULT, fold
from fairpost.engine.folds import evasion as tables
from fairpost.engine.index import place_keys, sketch_position
from fairpost.engine.layout import EvasionSymbol
from fairpost.engine.writings.surprise import LEAST_LEVEL, fingerprint

FOLDER = Path(__file__).parent
PER = 1 << 23
SYLLABLES_PER = 1 << 24


def texts(corpora: Path) -> Iterator[str]:
    """Folded everyday texts, each once."""
    seen = set()
    with (corpora / "labelled.jsonl").open(encoding="utf-8") as rows:
        everyday = [row["text"] for row in map(json.loads, rows) if row["spam"] != 1]
    for text in (*everyday, *(corpora / "posts.txt").read_text("utf-8").splitlines()):
        folded = "".join(map(chr, fold(text, DEFAULT)[0]))
        if folded not in seen:
            seen.add(folded)
            yield folded


def pairs_of_words(path: Path) -> Counter[str]:
    """Pairs inside the words of a list, as often as text has the words."""
    pairs: Counter[str] = Counter()
    for line in path.read_text("utf-8").splitlines():
        word, often, *_ = line.split(" ") if " " in line else (line, "1")
        folded = "".join(map(chr, fold(word, DEFAULT)[0]))
        if often.isdigit():
            for k in range(len(folded) - 1):
                pairs[folded[k : k + 2]] += int(often)
    return pairs


def level(count: int, total: int) -> int:
    """floor(2 log2 c) - 1 of c = count in PER pairs, 0 to 15, in whole numbers."""
    squared = (count * PER // total) ** 2
    return 0 if squared < 4 else min(15, squared.bit_length() - 2)


def write_hash(levels: Mapping[tuple[int, int], int]) -> None:
    """The perfect hash of the pairs; of two with one key the more frequent one stays."""
    ordered = sorted(levels, key=lambda pair: (-levels[pair], pair))
    symbols = np.array(ordered, dtype=np.uint16).ravel()
    count = len(ordered)
    whole = np.full(1 << 10, np.uint64(0xFFFFFFFFFFFFFFFF))  # a filter whose groups are full: keys of bigrams
    keys = bucket_keys(symbols, np.arange(0, 2 * count, 2), np.full(count, 2, np.uint8), whole)
    _, first = np.unique(keys, return_index=True)
    chosen = np.sort(first)
    displacement, slot_count, slot_of = place_keys(keys[chosen])
    slots = np.zeros(slot_count, dtype="<u2")
    slots[slot_of] = [fingerprint(*ordered[k]) << 4 | levels[ordered[k]] for k in chosen]
    (FOLDER / "surprise.bin").write_bytes(slots.tobytes())
    (FOLDER / "displacements.bin").write_bytes(displacement.astype("<u2").tobytes())


def main() -> None:
    """Count, and write the files."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("corpora", type=Path)
    options.add_argument("words", type=Path)
    options.add_argument("--half", action="store_true")
    chosen = options.parse_args()
    pairs: Counter[str] = Counter()
    for number, text in enumerate(texts(chosen.corpora)):
        if not (chosen.half and number % 2):
            pairs.update(text[k : k + 2] for k in range(len(text) - 1))
    total = pairs.total()
    of_words = pairs_of_words(chosen.words)
    words_total = of_words.total()
    levels: dict[tuple[int, int], int] = {}
    for counts, all_of_them in ((pairs, total), (of_words, words_total)):
        for text, count in counts.items():
            first, second = map(ord, text)
            found = level(count, all_of_them)
            if max(first, second) < 0x10000 and found >= LEAST_LEVEL:
                levels[first, second] = max(levels.get((first, second), 0), found)
    write_hash(levels)
    syllables = np.zeros(1 << 16)
    for pair, count in pairs.items():
        numbers = [tables.syllable_of.get(ord(c)) for c in pair]
        symbols = [ord(c) if n is None else EvasionSymbol.SYLLABLE + n for c, n in zip(pair, numbers, strict=True)]
        if max(symbols) < 0x10000:
            syllables[sketch_position(*symbols)] += count
    scaled = np.round(8 * np.log2(syllables * SYLLABLES_PER / total + 1)).astype(np.uint8)
    (FOLDER / "syllables.bin").write_bytes(scaled.tobytes())
    print(f"{total:,} pairs, {len(pairs):,} different; {len(levels):,} kept")


if __name__ == "__main__":
    main()
