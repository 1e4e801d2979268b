"""`make eval`: false alarms on labelled real posts, and speed and memory of a bulk check.

    python benchmarks/evaluate.py CORPORA [--show N] [--seed S]

CORPORA holds labelled.jsonl (text, spam, source) and posts.txt (a post a line). Exit status 1 if a bound that the
project promises does not hold. Sources of ordinary posts may have at most 1% of actions other than ALLOW.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fairpost.engine import RuleSet
from fairpost.engine.vocabulary import CATEGORIES, Action
from fairpost.rules import shipped_bundle

ORDINARY = ("reviews_shop10", "weibo_2018", "cold")
MOST_FALSE_ALARMS = 0.01
LEAST_POSTS_A_SECOND = 300_000
MOST_MEGABYTES = 600
COMMERCE = 0.4
CHUNK = 8192


def chunks(path: Path) -> Iterator[list[dict[str, Any]]]:
    """Rows of labelled.jsonl, some thousand at a time."""
    rows = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            rows.append(json.loads(line))
            if len(rows) == CHUNK:
                yield rows
                rows = []
    yield rows


def false_alarms(rules: RuleSet, path: Path, show: int, seed: int) -> bool:
    """Print actions by source; true if the sources of ordinary posts stay under the bound."""
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
    holds = True
    for source in ORDINARY:
        total = sum(n for (name, _), n in posts.items() if name == source)
        wrong = sum(n for (name, _), n in refused.items() if name == source)
        share = wrong / max(total, 1)
        holds &= share <= MOST_FALSE_ALARMS
        print(
            f"{source}: {100 * share:.2f}% (at most {100 * MOST_FALSE_ALARMS:g}%); {dict(why[source].most_common(6))}"
        )
    random.Random(seed).shuffle(flagged)
    for source, action, text, fired in flagged[:show]:
        print(f"  {source} {action} {','.join(fired)}: {' '.join(text.split())[:160]}")
    return holds


def bulk(path: Path) -> bool:
    """Run `fairpost check` as a user does; true if engine speed and peak memory hold what is promised."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fairpost.cli", "check", str(path), "-o", f"{folder}/verdicts.parquet"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    print(printed)
    megabytes = usage.ru_maxrss / 1024
    print(f"peak memory {megabytes:.0f} MB (at most {MOST_MEGABYTES})")
    found = re.search(r"([\d,]+) posts/s in the engine", printed)
    if os.waitstatus_to_exitcode(status) or found is None:
        return False
    speed = int(found[1].replace(",", ""))
    print(f"engine {speed:,} posts/s on one core (at least {LEAST_POSTS_A_SECOND:,})")
    return speed >= LEAST_POSTS_A_SECOND and megabytes < MOST_MEGABYTES


def main() -> int:
    """Evaluate, and say which promise does not hold."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("corpora", type=Path)
    options.add_argument("--show", type=int, default=0, help="print so many of the flagged ordinary posts")
    options.add_argument("--seed", type=int, default=0, help="which ones")
    chosen = options.parse_args()
    rules = RuleSet.open(shipped_bundle())
    print(f"revision {rules.revision}, {len(rules.meta['rules'])} rules, {rules.pattern_count:,} patterns\n")
    outcomes = []
    for name, evaluate in (
        ("labelled.jsonl", lambda path: false_alarms(rules, path, chosen.show, chosen.seed)),
        ("posts.txt", bulk),
    ):
        path = chosen.corpora / name
        if path.exists():
            print(f"== {name}")
            outcomes.append((name, evaluate(path)))
        else:
            print(f"== {name}: left out, {path} is not there")
    failed = [name for name, holds in outcomes if not holds]
    if failed:
        print(f"does not hold: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    np.seterr(all="raise")
    raise SystemExit(main())
