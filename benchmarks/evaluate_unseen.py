"""Posts written for the project by someone who had not seen the rules: what is found, and what is struck wrongly.

`benchmarks/unseen/*.jsonl`: text; category (of the main violation, null where nothing should happen); also (others that
apply); commerce (whether it sells or promotes); kind; note. A set stays a measure only while nobody writes rules
for its sentences: add new ones rather than mend single misses.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from fairpost.engine import RuleSet
from fairpost.engine.vocabulary import CATEGORIES, Action

UNSEEN = Path(__file__).parent / "unseen"
LEAST_RECALL = 0.75
MOST_WRONG = 0.04
COMMERCE = 0.4


def unseen_posts(folder: Path = UNSEEN) -> list[dict[str, Any]]:
    """All posts, in the order of their files."""
    files = sorted(folder.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def evaluate_unseen(rules: RuleSet, show: int = 0) -> bool:
    """Print recall by category, wrong actions by kind, and how well selling is told; true if the bounds hold."""
    posts = unseen_posts()
    batch = rules.check_batch([post["text"] for post in posts])
    flagged = batch.action != Action.ALLOW
    violating: Counter[str] = Counter()
    found: Counter[str] = Counter()
    named: Counter[str] = Counter()
    lawful: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    shown = []
    for i, post in enumerate(posts):
        labels = {CATEGORIES[c] for c in batch.label_category[batch.label_begin[i] : batch.label_begin[i + 1]]}
        if post["category"] is None:
            lawful[post["kind"]] += 1
            wrong[post["kind"]] += int(flagged[i])
        else:
            violating[post["category"]] += 1
            found[post["category"]] += int(flagged[i])
            named[post["category"]] += bool(labels & {post["category"], *post["also"]})
        if bool(flagged[i]) == (post["category"] is None):
            shown.append(f"  {post['category'] or 'lawful ' + post['kind']}, {sorted(labels)}: {post['text']!r}")
    print(f"{'category':<14} {'posts':>6} {'found':>6} {'rightly named':>14}")
    for category in sorted(violating):
        n = violating[category]
        print(f"{category:<14} {n:>6} {100 * found[category] / n:>5.0f}% {100 * named[category] / n:>13.0f}%")
    for kind in sorted(lawful):
        print(f"lawful {kind:<20} {lawful[kind]:>5}, {wrong[kind]} with an action")
    recall = sum(found.values()) / max(sum(violating.values()), 1)
    struck = sum(wrong.values()) / max(sum(lawful.values()), 1)
    selling = batch.commerce >= COMMERCE
    sells = [post["commerce"] for post in posts]
    right = sum(bool(a) == b for a, b in zip(selling, sells, strict=True))
    missed = sum(b and not a for a, b in zip(selling, sells, strict=True))
    print(
        f"{sum(violating.values())} violating: {100 * recall:.1f}% get an action (at least {100 * LEAST_RECALL:g}%); "
        f"{sum(lawful.values())} lawful: {100 * struck:.1f}% do (at most {100 * MOST_WRONG:g}%)"
    )
    print(
        f"commerce is right for {100 * right / len(posts):.1f}% of {len(posts)}; "
        f"of {sum(sells)} that sell, {missed} are missed"
    )
    for line in shown[:show]:
        print(line)
    return recall >= LEAST_RECALL and struck <= MOST_WRONG
