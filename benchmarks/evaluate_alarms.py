"""False alarms: actions other than ALLOW on labelled real posts, by source."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fairpost.engine import RuleSet
from fairpost.engine.vocabulary import CATEGORIES, Action

ORDINARY = ("reviews_shop10", "weibo_2018", "weibo_smp2020", "cold")
"""Sources of everyday posts and buyers' reviews: unlabelled for adverts, nearly all of them harmless."""
MOST_FALSE_ALARMS = 0.003
COMMERCE = 0.4
CHUNK = 8192


def chunks(path: Path) -> Iterator[list[dict[str, Any]]]:
    """Rows of labelled.jsonl (text, spam, source), some thousand at a time."""
    rows = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            rows.append(json.loads(line))
            if len(rows) == CHUNK:
                yield rows
                rows = []
    yield rows


def share_of_alarms(rules: RuleSet, path: Path) -> float:
    """Share of the everyday posts with an action other than ALLOW."""
    wrong = posts = 0
    for rows in chunks(path):
        texts = [row["text"] for row in rows if row["source"] in ORDINARY]
        if texts:
            batch = rules.check_batch(texts)
            wrong += int((batch.action != Action.ALLOW).sum())
            posts += int((batch.status == 0).sum())
    return wrong / max(posts, 1)


def evaluate_alarms(rules: RuleSet, path: Path, show: int, seed: int) -> bool:
    """Print actions by source; true if those on everyday posts stay under the bound together."""
    posts: Counter[tuple[str, Any]] = Counter()
    refused: Counter[tuple[str, Any]] = Counter()
    selling: Counter[tuple[str, Any]] = Counter()
    why: defaultdict[str, Counter[str]] = defaultdict(Counter)
    flagged: list[tuple[str, str, str, list[str]]] = []
    names = [rule["id"] for rule in rules.meta["rules"]]
    for rows in chunks(path):
        batch = rules.check_batch([row["text"] for row in rows])
        for i, row in enumerate(rows):
            if batch.status[i]:
                continue
            key = (row["source"], row["spam"])
            posts[key] += 1
            selling[key] += bool(batch.commerce[i] >= COMMERCE)
            if batch.action[i] == Action.ALLOW:
                continue
            refused[key] += 1
            fired = batch.evidence_rule[batch.evidence_begin[i] : batch.evidence_begin[i + 1]]
            found = [CATEGORIES[c] for c in batch.label_category[batch.label_begin[i] : batch.label_begin[i + 1]]]
            why[row["source"]].update(found)
            if row["source"] in ORDINARY:
                flagged.append(
                    (row["source"], Action(batch.action[i]).name, row["text"], sorted({names[r] for r in fired}))
                )
    print(f"{'source':<18} {'spam':>5} {'posts':>8} {'not ALLOW':>10} {'share':>8} {'commerce':>9}")
    for key in sorted(posts, key=str):
        source, spam = key
        print(
            f"{source:<18} {spam!s:>5} {posts[key]:>8,} {refused[key]:>10,} "
            f"{100 * refused[key] / posts[key]:>7.2f}% {100 * selling[key] / posts[key]:>8.1f}%"
        )
    total = sum(n for (name, _), n in posts.items() if name in ORDINARY)
    wrong = sum(n for (name, _), n in refused.items() if name in ORDINARY)
    share = wrong / max(total, 1)
    print(f"everyday posts: {wrong} of {total:,} not ALLOW: {100 * share:.3f}% (at most {100 * MOST_FALSE_ALARMS:g}%)")
    for source in ORDINARY:
        print(f"  {source}: {dict(why[source].most_common(6))}")
    random.Random(seed).shuffle(flagged)
    for source, action, text, names in flagged[:show]:
        print(f"  {source} {action} {','.join(names)}: {' '.join(text.split())[:160]}")
    return share <= MOST_FALSE_ALARMS
