"""What came out, as tables."""

from __future__ import annotations

from ..source import Source
from ..tables import Cell, Column, Table
from .kinds import KINDS
from .run import Mutations

__all__ = ["by_kind", "by_pair", "by_rule", "tables"]

_KEPT = (Column("mutants"), Column("kept"), Column("recall", "share"))


def tables(run: Mutations, source: Source | None, top: int) -> list[Table]:
    """By kind; by pair of kinds if there are any, the worst first; by rule, the worst first (not for posts)."""
    found = [by_kind(run, "Cases" if source is not None else "Posts")]
    if any(len(kinds) == 2 for kinds in run.by_kinds):
        found.append(by_pair(run, top))
    if source is not None:
        found.append(by_rule(run, source, top))
    return found


def by_kind(run: Mutations, what: str) -> Table:
    """Single kinds, in their order; one without mutants had nothing to change."""
    rows: list[tuple[Cell, ...]] = [
        (kind, *_kept([run.by_kinds.get((kind,), [0, 0])]), KINDS[kind].example) for kind in run.kinds
    ]
    counts = [n for kinds, n in run.by_kinds.items() if len(kinds) == 1]
    rows.append(("all", *_kept(counts), ""))
    columns = (Column("kind", "text"), *_KEPT, Column("such as", "text"))
    return Table(
        f"{what} by kind of evasion; tables: {run.writing.name}, strength: {run.writing.strength}",
        columns,
        rows,
        "a kind that can change no word counts no text",
    )


def by_pair(run: Mutations, top: int) -> Table:
    pairs = {kinds: n for kinds, n in run.by_kinds.items() if len(kinds) == 2}
    ranked = sorted(pairs.items(), key=lambda item: (item[1][1] / item[1][0], item[0]))
    rows: list[tuple[Cell, ...]] = [(" + ".join(kinds), *_kept([n])) for kinds, n in ranked[:top]]
    rows.append(("all", *_kept(list(pairs.values()))))
    return Table(
        f"By pair of kinds, the worst {min(top, len(pairs))} of {len(pairs)}", (Column("kinds", "text"), *_KEPT), rows
    )


def by_rule(run: Mutations, source: Source, top: int) -> Table:
    """Single kinds only. worst: the kind under which most of its mutants are lost."""
    rows: list[tuple[Cell, ...]] = []
    for rule in source.rules:
        alone = {kinds[0]: n for kinds, n in run.by_rule.get(rule.id, {}).items() if len(kinds) == 1}
        if alone:
            worst = max(alone, key=lambda kind: (alone[kind][0] - alone[kind][1], kind))
            lost = alone[worst][0] - alone[worst][1]
            shown = f"{worst} (-{lost})" if lost else ""
            rows.append((rule.id, rule.category, *_kept(list(alone.values())), rule.floor, shown))
    rows.sort(key=lambda row: (row[4], row[0]))
    columns = (
        Column("rule", "text"), Column("category", "text"), *_KEPT, Column("floor", "share"), Column("worst", "text"),
    )  # fmt: skip
    return Table(f"By rule, the worst {min(top, len(rows))} of {len(rows)}", columns, rows[:top])


def _kept(counts: list[list[int]]) -> tuple[Cell, ...]:
    mutants, kept = sum(n[0] for n in counts), sum(n[1] for n in counts)
    return mutants, kept, kept / mutants if mutants else None
