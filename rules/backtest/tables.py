"""The tables of a backtest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from fairpost.engine.vocabulary import CATEGORIES, Action

from ..tables import Cell, Column, Table
from ..truth import CLEAN, VIOLATING
from .comparison import Kind
from .counts import Group
from .run import Backtest

__all__ = ["KIND_NAMES", "matrix", "summary", "tables"]

_APPEARED, _REDEFINED, _VANISHED = 2, 1, 0
KIND_NAMES: Final = {
    Kind.ACTION: "another action",
    Kind.LABELS: "other categories",
    Kind.EXPOSURE: "another exposure",
    Kind.COMMERCE: "another commerce score",
}


def per_million(count: int, posts: int) -> float:
    return 1e6 * count / max(posts, 1)


def summary(backtest: Backtest) -> list[str]:
    """What came out, in sentences."""
    counts = backtest.counts
    pace = counts.posts / max(counts.seconds_old + counts.seconds_new, 1e-9)
    lines = [
        f"{backtest.old.revision} -> {backtest.new.revision}: of {counts.posts:,} posts {counts.flips:,} are judged "
        f"otherwise ({per_million(counts.flips, counts.posts):,.1f} per million); "
        f"{counts.stricter:,} get a stricter action, {counts.milder:,} a milder one"
    ]
    if counts.at_fault:
        lines.append(f"{counts.at_fault:,} posts could not be judged")
    if counts.seconds:
        lines.append(
            f"{counts.seconds:.2f} s: {counts.posts / counts.seconds:,.0f} posts/s from file to table, "
            f"{pace:,.0f} posts/s through both rule sets "
            f"(old {counts.seconds_old:.2f} s, new {counts.seconds_new:.2f} s)"
        )
    return lines


def tables(backtest: Backtest, top: int | None = None, *, sellers: int | None = None) -> list[Table]:
    """Every table that has rows; `top` bounds those by rule, channel and (unless `sellers` does) seller."""
    found = [matrix(backtest), *_kinds(backtest), by_rule(backtest, top), by_category(backtest)]
    counts = backtest.counts
    found.append(_by_group("By channel", "channel", counts.channels, top, with_posts=True))
    found.append(_by_group("By seller", "seller", counts.sellers, sellers or top, with_posts=False))
    found += [agreement(backtest), shadows(backtest, top)]
    return [table for table in found if table.rows]


def matrix(backtest: Backtest) -> Table:
    """Posts by old and new action."""
    counts = backtest.counts.matrix
    columns = (Column("old \\ new", "text"), *(Column(action.name) for action in Action), Column("all"))
    rows: list[tuple[Cell, ...]] = [
        (action.name, *(int(n) for n in counts[action]), int(counts[action].sum())) for action in Action
    ]
    rows.append(("all", *(int(n) for n in counts.sum(axis=0)), int(counts.sum())))
    return Table("By action: old in rows, new in columns", columns, rows)


def _kinds(backtest: Backtest) -> Iterator[Table]:
    counts, bounds = backtest.counts, backtest.bounds
    rows: list[tuple[Cell, ...]] = [
        (KIND_NAMES[kind], int(n), per_million(int(n), counts.posts))
        for kind, n in zip(Kind, counts.kinds, strict=True)
        if n
    ]
    note = f"exposure counts beyond a difference of {bounds.exposure:g}, commerce beyond {bounds.commerce:g}"
    yield Table(
        "By kind of flip",
        (Column("kind", "text"), Column("flips"), Column("per million", "rate")),
        rows,
        f"a flip may be of several kinds; {note}",
    )


def by_rule(backtest: Backtest, top: int | None = None) -> Table:
    """The rules responsible, those of most flips first."""
    counts, table = backtest.counts, backtest.table
    total = counts.change.sum(axis=1)
    order = sorted((k for k in range(len(table.names)) if total[k]), key=lambda k: (-int(total[k]), table.names[k]))
    rows: list[tuple[Cell, ...]] = []
    for k in order[:top]:
        row: list[Cell] = [table.names[k], table.category.get(table.names[k], ""), int(total[k])]
        row += [int(counts.change[k, _APPEARED]), int(counts.change[k, _VANISHED])]
        row += [int(counts.change[k, _REDEFINED]) if k != table.elsewhere else 0, int(counts.alone[k])]
        row += [int(counts.rule_stricter[k]), int(counts.rule_milder[k])]
        row += [int(counts.hits[0, k]), int(counts.hits[1, k])]
        if backtest.labelled:
            row += [int(counts.truth[k, VIOLATING]), int(counts.truth[k, CLEAN])]
        rows.append(tuple(row))
    columns = [Column("rule", "text"), Column("category", "text"), Column("flips")]
    columns += [Column(name) for name in ("+", "−", "~", "alone", "stricter", "milder")]
    columns += [Column("old hits"), Column("new hits")]
    if backtest.labelled:
        columns += [Column("violating"), Column("clean")]
    hidden = len(order) - len(rows)
    note = "+ it fires in new only; − in old only; ~ in both, with another weight, severity, category or group; "
    note += "alone: no other rule differs"
    return Table("By rule", tuple(columns), rows, note + (f"; {hidden} more rules" if hidden else ""))


def by_category(backtest: Backtest) -> Table:
    """Posts by label category."""
    counts = backtest.counts
    rows: list[tuple[Cell, ...]] = []
    for k, name in enumerate(CATEGORIES):
        old, new = int(counts.labelled[0, k]), int(counts.labelled[1, k])
        appeared, vanished = int(counts.labels_appeared[k]), int(counts.labels_vanished[k])
        if appeared or vanished:
            rows.append((name, old, new, appeared, vanished, per_million(new - old, counts.posts)))
    rows.sort(key=lambda row: (-(int(row[3] or 0) + int(row[4] or 0)), str(row[0])))
    columns = (Column("category", "text"), *(Column(name) for name in ("old", "new", "appeared", "vanished")))
    return Table("By category", (*columns, Column("per million", "rate")), rows)


def _by_group(title: str, what: str, groups: Mapping[str, Group], top: int | None, *, with_posts: bool) -> Table:
    flipped = sorted(((name, g) for name, g in groups.items() if g.flips), key=lambda x: (-x[1].flips, x[0]))
    rows: list[tuple[Cell, ...]] = []
    for name, group in flipped[:top]:
        of = (group.posts, per_million(group.flips, group.posts)) if with_posts else ()
        rows.append((name, group.flips, group.stricter, group.milder, *of))
    columns = [Column(what, "text"), Column("flips"), Column("stricter"), Column("milder")]
    if with_posts:
        columns += [Column("posts"), Column("per million", "rate")]
    hidden = len(flipped) - len(rows)
    return Table(title, tuple(columns), rows, f"{hidden:,} more" if hidden else "")


def agreement(backtest: Backtest) -> Table:
    """What each rule set finds among posts of which it is known whether they violate anything."""
    columns = (
        Column("rule set", "text"),
        *(Column(name) for name in ("found", "missed", "false alarms", "passed")),
        *(Column(name, "share") for name in ("precision", "recall", "false alarm rate")),
    )
    counts = backtest.counts.agreement
    if not counts.sum():
        return Table("Against the labels", columns, [])
    rows: list[tuple[Cell, ...]] = []
    for name, flagged in (("old", counts.sum(axis=2)), ("new", counts.sum(axis=1))):
        (passed, alarms), (missed, found) = flagged.tolist()
        precision = found / (found + alarms) if found + alarms else None
        recall = found / (found + missed) if found + missed else None
        rate = alarms / (alarms + passed) if alarms + passed else None
        rows.append((name, found, missed, alarms, passed, precision, recall, rate))
    return Table("Against the labels", columns, rows, "found, false alarm: the action is not ALLOW")


def shadows(backtest: Backtest, top: int | None = None) -> Table:
    """What the shadow rules of the new rule set would have done."""
    effects, rules, posts = backtest.shadows.effects, backtest.new, backtest.counts.posts
    modes = {entry["id"]: entry["mode"] for entry in rules.meta["rules"]}
    rows: list[tuple[Cell, ...]] = []
    for number, name in enumerate(rules.rule_ids):
        if modes[name] == "shadow":
            hits = int(backtest.counts.hits[1, backtest.table.new[number]])
            decides = int(effects.decides[number])
            rows.append((name, rules.rule_category(number), hits, per_million(hits, posts), decides))
    rows.sort(key=lambda row: (-int(row[2] or 0), str(row[0])))
    columns = (Column("shadow rule", "text"), Column("category", "text"), Column("hits"), Column("per million", "rate"))
    note = "posts whose action would be stricter if this rule, and no other shadow rule, were enforced"
    return Table("Shadow rules of new", (*columns, Column("stricter")), rows[:top], note)
