"""`make eval`: how well the shipped rules judge real posts, and posts by someone who had not seen the rules.

    python benchmarks/evaluate.py [CORPORA] [--only PART ...] [--show N] [--seed S]

CORPORA holds labelled.jsonl (text, spam, source) and posts.txt (a post a line); parts that need them are left out,
with a message, where they are absent. Exit status 1 if a bound that the project promises does not hold.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from evaluate_alarms import evaluate_alarms
from evaluate_bulk import evaluate_bulk
from evaluate_folds import evaluate_folds
from evaluate_model import evaluate_model
from evaluate_mutations import evaluate_mutations
from evaluate_unseen import UNSEEN, evaluate_unseen

from fairpost.engine import RuleSet
from fairpost.rules import shipped_bundle


def main() -> int:
    """Evaluate, and say which promise does not hold."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("corpora", type=Path, nargs="?")
    options.add_argument("--only", action="append", help="these parts alone")
    options.add_argument("--show", type=int, default=0, help="print so many of the posts that were judged wrongly")
    options.add_argument("--seed", type=int, default=0, help="which ones")
    chosen = options.parse_args()
    rules = RuleSet.open(shipped_bundle())
    print(f"revision {rules.revision}, {len(rules.meta['rules'])} rules, {rules.pattern_count:,} patterns")
    labelled, posts = (chosen.corpora / name if chosen.corpora else None for name in ("labelled.jsonl", "posts.txt"))
    parts: dict[str, tuple[Path | None, Callable[[Path], bool]]] = {
        "alarms": (labelled, lambda path: evaluate_alarms(rules, path, chosen.show, chosen.seed)),
        "unseen": (UNSEEN, lambda _: evaluate_unseen(rules, chosen.show)),
        "folds": (labelled, evaluate_folds),
        "model": (labelled, lambda path: evaluate_model(rules, path, chosen.show)),
        "mutations": (chosen.corpora / "evasion" if chosen.corpora else None, evaluate_mutations),
        "bulk": (posts, evaluate_bulk),
    }
    failed = []
    for name in chosen.only or parts:
        if name not in parts:
            options.error(f"no part {name!r}; there are {', '.join(parts)}")
        path, evaluate = parts[name]
        if path is None or not path.exists():
            print(f"\n== {name}: left out, {path or 'the corpora'} is not there")
            continue
        print(f"\n== {name}")
        if not evaluate(path):
            failed.append(name)
    if failed:
        print(f"\ndoes not hold: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    raise SystemExit(main())
