"""Posts to be read by a person: what the shipped rules struck, and adverts that they let pass.

    python benchmarks/error_study.py CORPORA -o FILE [--also POSTS.jsonl ...] [--flagged 300] [--missed 200] [--seed 0]

CORPORA holds labelled.jsonl (text, spam, source) and posts.txt (a post a line); POSTS.jsonl, text and category (null:
lawful). Two draws by seed, each spread evenly over the sources as far as they go: posts with an action other than
ALLOW, and posts labelled as adverts (spam 1, or with a category) with the action ALLOW. Of labelled adverts only those
are drawn that hold one of the words that regulators watch (adlaw_words.tsv), since most adverts promise nothing.

FILE gets a JSON line a post: number, draw, source, action, commerce, labels, rules, quotes (what the rules found),
text. The texts are other people's: keep FILE outside the repository. What was read is told in docs/errors.md.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from evaluate_alarms import CHUNK

from fairpost.engine import RuleSet
from fairpost.engine.vocabulary import CATEGORIES, Action
from fairpost.rules import shipped_bundle

Found = dict[str, list[dict[str, Any]]]


def read_posts(corpora: Path, also: Sequence[Path]) -> Iterator[tuple[str, str, bool]]:
    """(source, text, is an advert) of each post; those of a labelled source are told apart by their label."""
    words = watched_words(corpora / "adlaw_words.tsv")
    with (corpora / "labelled.jsonl").open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            advert = row["spam"] == 1
            source = f"{row['source']}{'/advert' if advert else ''}"
            yield source, row["text"], advert and any(word in row["text"] for word in words)
    with (corpora / "posts.txt").open(encoding="utf-8") as file:
        for line in file:
            yield "posts.txt", line.rstrip("\n"), False
    for path in also:
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            advert = row["category"] is not None
            yield f"also/{'advert' if advert else 'lawful'}", row["text"], advert


def watched_words(path: Path) -> list[str]:
    """Words of two symbols or more that regulators watch: second column of the table, which has a header."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return sorted({word for line in lines if len(word := line.split("\t")[1]) >= 2})


def judged(rules: RuleSet, posts: Iterable[tuple[str, str, bool]]) -> tuple[Found, Found]:
    """What was flagged and what adverts were not, by source, in the order of `posts`; a text counts once."""
    names = [rule["id"] for rule in rules.meta["rules"]]
    flagged: Found = defaultdict(list)
    missed: Found = defaultdict(list)
    seen: set[str] = set()
    chunk: list[tuple[str, str, bool]] = []

    def judge() -> None:
        batch = rules.check_batch([text for _, text, _ in chunk])
        for i, (source, text, advert) in enumerate(chunk):
            allowed = batch.action[i] == Action.ALLOW
            if batch.status[i] or text in seen or (allowed and not advert):
                continue
            seen.add(text)
            evidence = range(batch.evidence_begin[i], batch.evidence_begin[i + 1])
            labels = batch.label_category[batch.label_begin[i] : batch.label_begin[i + 1]]
            spans = {(int(batch.evidence_start[n]), int(batch.evidence_stop[n])) for n in evidence}
            entry = {
                "source": source,
                "action": Action(batch.action[i]).name,
                "commerce": round(float(batch.commerce[i]), 3),
                "labels": [CATEGORIES[c] for c in labels],
                "rules": sorted({names[batch.evidence_rule[n]] for n in evidence}),
                "quotes": [text[start:stop] for start, stop in sorted(spans)],
                "text": text,
            }
            (missed if allowed else flagged)[source].append(entry)
        chunk.clear()

    for post in posts:
        chunk.append(post)
        if len(chunk) == CHUNK:
            judge()
    judge()
    return flagged, missed


def drawn(found: Found, number: int, seed: int) -> list[dict[str, Any]]:
    """`number` posts by `seed`: one of each source in turn until they are there or the sources are empty."""
    draw = random.Random(seed)
    heaps = {source: draw.sample(entries, len(entries)) for source, entries in sorted(found.items())}
    result: list[dict[str, Any]] = []
    while len(result) < number and any(heaps.values()):
        for heap in heaps.values():
            if heap and len(result) < number:
                result.append(heap.pop())
    return sorted(result, key=lambda entry: str(entry["source"]))


def main() -> None:
    """Draw, write the file, print how many of which source."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("corpora", type=Path)
    options.add_argument("-o", "--output", type=Path, required=True)
    options.add_argument("--also", type=Path, nargs="*", default=[])
    options.add_argument("--flagged", type=int, default=300)
    options.add_argument("--missed", type=int, default=200)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    repository = Path(__file__).resolve().parents[1]
    if chosen.output.resolve().is_relative_to(repository):
        options.error(f"{chosen.output} is inside the repository; the texts may not be kept there")
    rules = RuleSet.open(shipped_bundle())
    flagged, missed = judged(rules, read_posts(chosen.corpora, chosen.also))
    draws = {
        "flagged": (flagged, drawn(flagged, chosen.flagged, chosen.seed)),
        "missed": (missed, drawn(missed, chosen.missed, chosen.seed)),
    }
    number = 0
    with chosen.output.open("w", encoding="utf-8") as file:
        for draw, (_, entries) in draws.items():
            for entry in entries:
                number += 1
                file.write(json.dumps({"number": number, "draw": draw, **entry}, ensure_ascii=False) + "\n")
    print(f"revision {rules.revision}; {number} posts in {chosen.output}")
    for draw, (found, entries) in draws.items():
        for source in sorted(found):
            taken = sum(entry["source"] == source for entry in entries)
            print(f"{draw:<8} {source:<24} {taken:>4} of {len(found[source]):,}")


if __name__ == "__main__":
    main()
