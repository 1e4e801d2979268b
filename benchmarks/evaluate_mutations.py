"""How much recall survives evasion: match cases of the shipped rules, rewritten with our tables and with others.

Each set of tables writes twice: as hard as real adverts disguise themselves (`real_evasions.py`), for which the bounds
are, and drawn uniformly, which is harder to read than anything a seller writes. Both are printed side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fairpost.rules import Source, load_packs, shipped_packs
from fairpost.rules.mutation import KINDS, Mutations, Strength, Writing, mutate_cases, own_tables, read_tables

LEAST_OF_A_KIND = 0.9
LEAST_OF_TWO = 0.8
CASES = 4
"""Cases of a rule that are rewritten."""
TWO = "two kinds"


def kept_by_kind(source: Source, writing: Writing) -> dict[str, tuple[int, int]]:
    """(mutants, those still found) by kind, and of pairs of kinds together."""
    run = Mutations(writing, pairs=2)
    for _ in mutate_cases(source, run, most=CASES):
        pass
    found = dict.fromkeys((*KINDS, TWO), (0, 0))
    for kinds, (made, kept) in run.by_kinds.items():
        name = kinds[0] if len(kinds) == 1 else TWO
        found[name] = (found[name][0] + made, found[name][1] + kept)
    return found


def evaluate_mutations(folder: Path) -> bool:
    """Print the share of cases still found by kind; true if the bounds hold. `folder` holds independent tables."""
    source = load_packs(shipped_packs())
    columns = [
        kept_by_kind(source, writing)
        for writing in (
            *(own_tables(strength) for strength in Strength),
            *(read_tables(folder, strength) for strength in Strength),
        )
    ]
    print(f"{'':<16} {'own tables':>26} {'independent tables':>26}")
    print(f"{'kind':<16}" + "".join(f" {'texts':>7} {'measured':>9} {'uniform':>8}" for _ in range(2)))
    holds = True
    for name in (*KINDS, TWO):
        cells = [column[name] for column in columns]
        print(f"{name:<16}" + "".join(_shown(cells[k : k + 2]) for k in (0, 2)))
        least = LEAST_OF_TWO if name == TWO else LEAST_OF_A_KIND
        holds &= all(kept >= least * made for made, kept in cells[::2])
    print(f"at least {100 * LEAST_OF_A_KIND:g}% of each kind as measured, {100 * LEAST_OF_TWO:g}% of two")
    return holds


def _shown(cells: Sequence[tuple[int, int]]) -> str:
    shares = [f"{100 * kept / made:.1f}%" if made else "" for made, kept in cells]
    return f" {cells[0][0]:>7,} {shares[0]:>9} {shares[1]:>8}"
