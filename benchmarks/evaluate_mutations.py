"""How much recall survives evasion: match cases of the shipped rules, rewritten with our tables and with others."""

from __future__ import annotations

from pathlib import Path

from fairpost.rules import load_packs, shipped_packs
from fairpost.rules.mutation import Mutations, mutate_cases, own_tables, read_tables

LEAST_OF_A_KIND = 0.9
LEAST_OF_TWO = 0.8
CASES = 4
"""Cases of a rule that are rewritten."""


def evaluate_mutations(folder: Path) -> bool:
    """Print the share of cases still found by kind; true if the bounds hold. `folder` holds independent tables."""
    source = load_packs(shipped_packs())
    holds = True
    for name, writing in (("own tables", own_tables()), ("independent tables", read_tables(folder))):
        run = Mutations(writing, pairs=2)
        for _ in mutate_cases(source, run, most=CASES):
            pass
        print(f"{name}: {run.texts} cases")
        two = [0, 0]
        for kinds, (made, kept) in run.by_kinds.items():
            if len(kinds) > 1:
                two[0] += made
                two[1] += kept
                continue
            print(f"  {kinds[0]:<16} {kept:>6} of {made:>6}  {100 * kept / made:.1f}%")
            holds &= kept >= LEAST_OF_A_KIND * made
        print(f"  {'two kinds':<16} {two[1]:>6} of {two[0]:>6}  {100 * two[1] / max(two[0], 1):.1f}%")
        holds &= two[1] >= LEAST_OF_TWO * two[0]
    print(f"at least {100 * LEAST_OF_A_KIND:g}% of each kind, {100 * LEAST_OF_TWO:g}% of two")
    return holds
