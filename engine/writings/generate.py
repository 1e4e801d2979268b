"""Writes usual.bin: counts of pairs over texts and a word list.

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
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fairpost.engine.columns import bitmap
from fairpost.engine.folds import DEFAULT, fold
from fairpost.engine.layout import USUAL_BITS
from fairpost.engine.writings.usual import LEAST_OFTEN, usual_bits

FILE = Path(__file__).parent / "usual.bin"
PER = 1 << 23


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


def main() -> None:
    """Count, and write the file."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("corpora", type=Path)
    options.add_argument("words", type=Path)
    options.add_argument("--half", action="store_true")
    chosen = options.parse_args()
    pairs: Counter[str] = Counter()
    for number, text in enumerate(texts(chosen.corpora)):
        if not (chosen.half and number % 2):
            pairs.update(text[k : k + 2] for k in range(len(text) - 1))
    of_words = pairs_of_words(chosen.words)
    usual = {
        text
        for counts, total in ((pairs, pairs.total()), (of_words, of_words.total()))
        for text, count in counts.items()
        if count * PER // total >= LEAST_OFTEN and max(map(ord, text)) < 0x10000
    }
    marked = bitmap(1 << USUAL_BITS, [bit for text in usual for bit in usual_bits(*map(ord, text))])
    FILE.write_bytes(marked.tobytes())
    share = np.bitwise_count(marked).sum() / (1 << USUAL_BITS)
    print(f"{pairs.total():,} pairs, {len(pairs):,} different; {len(usual):,} usual, {share:.1%} of the bits")


if __name__ == "__main__":
    main()
