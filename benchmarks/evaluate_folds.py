"""What the evasion folds cost everyday posts: false alarms with and without them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from evaluate_alarms import share_of_alarms

from fairpost.engine import RuleSet
from fairpost.engine.folds import EVASION
from fairpost.rules import bundle_of, load_packs, shipped_packs

MOST_ADDED = 0.001


def evaluate_folds(path: Path) -> bool:
    """Compare the shipped packs with the same packs of which no list takes phonetic, glyph or emoji."""
    source = load_packs(shipped_packs())
    plain = {name: replace(words, folds=words.folds - EVASION) for name, words in source.lists.items()}
    with_folds = share_of_alarms(RuleSet.from_bytes(bundle_of(source)), path)
    without = share_of_alarms(RuleSet.from_bytes(bundle_of(replace(source, lists=plain))), path)
    print(f"everyday posts not ALLOW: {100 * with_folds:.3f}% with the evasion folds, {100 * without:.3f}% without")
    print(f"they add {100 * (with_folds - without):.3f} percentage points (at most {100 * MOST_ADDED:g})")
    return with_folds - without <= MOST_ADDED
