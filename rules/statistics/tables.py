"""The tables of a rule set's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE

from ..tables import Cell, Column, Table
from .rule_counts import RuleCounts
from .run import Statistics

if TYPE_CHECKING:
    from ..mutation import Mutations

__all__ = [
    "agreement",
    "companions",
    "dead_rules",
    "dead_words",
    "folds",
    "lists",
    "rules",
    "summary",
    "tables",
    "words",
]

_NEARLY_ALWAYS: Final = 0.9


def summary(statistics: Statistics) -> list[str]:
    """What was looked at, in sentences."""
    counts = statistics.rules
    lines = [f"revision {statistics.rule_set.revision}: {statistics.rule_set.rule_count:,} rules"]
    if counts.posts:
        lines[0] += f", {counts.posts:,} posts"
    if counts.labelled:
        lines[0] += f", {counts.labelled:,} of them labelled"
    if counts.at_fault:
        lines.append(f"{counts.at_fault:,} posts could not be judged")
    if statistics.seconds:
        pace = counts.posts / max(statistics.engine_seconds, 1e-9)
        lines.append(
            f"{statistics.seconds:.2f} s: {counts.posts / statistics.seconds:,.0f} posts/s from file to table, "
            f"{pace:,.0f} posts/s through the rule set alone"
        )
    return lines


def tables(statistics: Statistics, top: int | None = None) -> list[Table]:
    """Every table that has rows; `top` bounds the long ones."""
    found = []
    if statistics.rules.posts:
        found = [
            rules(statistics, top),
            agreement(statistics.rules),
            companions(statistics, top),
            lists(statistics, top),
        ]
        found += [words(statistics, top), dead_rules(statistics, top), dead_words(statistics, top)]
    found.append(folds(statistics))
    return [table for table in found if table.rows]


def rules(statistics: Statistics, top: int | None = None) -> Table:
    """Rules by hits: how often they decide, how precise they are, what they cost, and with whom they fire."""
    counts, effects, rule_set = statistics.rules, statistics.whatif.effects, statistics.rule_set
    modes = {entry["id"]: entry["mode"] for entry in rule_set.meta["rules"]}
    rows: list[tuple[Cell, ...]] = []
    order = sorted(range(rule_set.rule_count), key=lambda k: (-int(counts.fired[k]), rule_set.rule_ids[k]))
    for rule in order:
        fired = int(counts.fired[rule])
        if not fired:
            continue
        name, category = rule_set.rule_ids[rule], rule_set.rule_category(rule)
        row: list[Cell] = [name, category, "shadow" if modes[name] == "shadow" else "", fired]
        row.append(1e6 * fired / counts.posts)
        counted = category != CATEGORIES[COMMERCE]
        row += [int(effects.decides[rule]) / fired, int(effects.alone[rule]) / fired] if counted else [None, None]
        row.append(1e6 * int(statistics.words.evaluated[rule]) / counts.posts)
        if statistics.labelled:
            row += [int(counts.right[rule]), int(counts.wrong[rule]), counts.precision(rule), counts.lift(rule)]
        rows.append(tuple(row))
    columns = [Column("rule", "text"), Column("category", "text"), Column("mode", "text"), Column("hits")]
    columns += [Column("per million", "rate"), Column("decides", "share"), Column("alone", "share")]
    columns.append(Column("evaluated", "rate"))
    if statistics.labelled:
        columns += [Column("right"), Column("wrong"), Column("precision", "share"), Column("lift", "number")]
    note = "decides: of its hits those whose action would be milder without it (of a shadow rule: stricter with it); "
    note += "alone: no other rule of a violated category fires; evaluated: per million posts those that ask for it"
    hidden = len(rows) - len(rows[:top])
    return Table("Rules", tuple(columns), rows[:top], note + (f"; {hidden} more rules" if hidden else ""))


def companions(statistics: Statistics, top: int | None = None) -> Table:
    """Rules that nearly always fire with another one: one of the two may be enough."""
    counts, names = statistics.rules, statistics.rule_set.rule_ids
    rows = [
        (names[rule], names[other], int(counts.fired[rule]), share)
        for rule, (other, share) in counts.companions().items()
        if share >= _NEARLY_ALWAYS
    ]
    rows.sort(key=lambda row: (-row[2], row[0]))
    columns = (Column("rule", "text"), Column("with", "text"), Column("hits"), Column("of them together", "share"))
    hidden = len(rows) - len(rows[:top])
    note = f"{hidden} more rules" if hidden else ""
    return Table("Rules that nearly always fire with another", columns, rows[:top], note)


def precision(counts: RuleCounts, top: int | None = None) -> Table:
    """Rules that fired on labelled posts, those that are wrong most often first."""
    names = counts.rules.rule_ids
    hit = [k for k in range(len(names)) if counts.right[k] + counts.wrong[k]]
    hit.sort(key=lambda k: (-int(counts.wrong[k]), -int(counts.right[k]), names[k]))
    rows = [
        (names[k], counts.rules.rule_category(k), int(counts.right[k]), int(counts.wrong[k]), counts.precision(k))
        for k in hit[:top]
    ]
    columns = (Column("rule", "text"), Column("category", "text"), Column("right"), Column("wrong"))
    hidden = len(hit) - len(rows)
    note = "labelled posts on which the rule fires, by whether they violate its category"
    note += f"; {hidden} more rules" if hidden else ""
    return Table("Precision by rule", (*columns, Column("precision", "share")), rows, note, whole=True)


def agreement(rule_counts: RuleCounts) -> Table:
    """What the rule set finds among labelled posts."""
    columns = (
        *(Column(name) for name in ("found", "missed", "false alarms", "passed")),
        *(Column(name, "share") for name in ("precision", "recall", "false alarm rate")),
    )
    counts = rule_counts.agreement
    if not counts.sum():
        return Table("Against the labels", columns, [])
    (passed, alarms), (missed, found) = counts.tolist()
    precise = found / (found + alarms) if found + alarms else None
    recall = found / (found + missed) if found + missed else None
    rate = alarms / (alarms + passed) if alarms + passed else None
    row = (found, missed, alarms, passed, precise, recall, rate)
    return Table("Against the labels", columns, [row], "found, false alarm: the action is not ALLOW")


def lists(statistics: Statistics, top: int | None = None) -> Table:
    """Lists by the posts that hold one of their words."""
    found = [entry for entry in statistics.words.lists() if entry.words or entry.hits]
    rows = [
        (e.list, e.words, e.dead, e.hits, e.posts, 1e6 * e.posts / max(statistics.rules.posts, 1)) for e in found[:top]
    ]
    columns = (Column("list", "text"), *(Column(name) for name in ("words", "dead", "hits", "posts")))
    hidden = len(found) - len(rows)
    return Table("Lists", (*columns, Column("per million", "rate")), rows, f"{hidden} more lists" if hidden else "")


def words(statistics: Statistics, top: int | None = None) -> Table:
    """Words by the posts that hold them."""
    found = [word for word in statistics.words.words() if word.hits]
    rows: list[tuple[Cell, ...]] = []
    for word in found[:top]:
        row: tuple[Cell, ...] = (word.word, word.list, word.hits, word.posts)
        rows.append((*row, word.violating, word.clean) if statistics.labelled else row)
    columns = [Column("word", "text"), Column("list", "text"), Column("hits"), Column("posts")]
    if statistics.labelled:
        columns += [Column("violating"), Column("clean")]
    hidden = len(found) - len(rows)
    return Table("Words", tuple(columns), rows, f"{hidden:,} more words that hit" if hidden else "")


def dead_rules(statistics: Statistics, top: int | None = None) -> Table:
    """Rules that fired on no post, those that are evaluated most first."""
    counts, rule_set = statistics.rules, statistics.rule_set
    rows = [
        (name, rule_set.rule_category(k), 1e6 * int(statistics.words.evaluated[k]) / max(counts.posts, 1))
        for k, name in enumerate(rule_set.rule_ids)
        if not counts.fired[k]
    ]
    rows.sort(key=lambda row: (-row[2], row[0]))
    columns = (Column("rule without a hit", "text"), Column("category", "text"), Column("evaluated", "rate"))
    hidden = len(rows) - len(rows[:top])
    note = "evaluated 0: none of its words was found either" + (f"; {hidden} more rules" if hidden else "")
    return Table("Dead rules", columns, rows[:top], note)


def dead_words(statistics: Statistics, top: int | None = None) -> Table:
    """Words that were never found, by list."""
    dead: dict[str, list[str]] = {}
    for word in statistics.words.words():
        if not word.hits:
            dead.setdefault(word.list, []).append(word.word)
    found = sorted(dead.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    shown = 12 if top is not None else None
    rows = [
        (name, len(missing), " ".join(missing[:shown]) + (" …" if shown and len(missing) > shown else ""))
        for name, missing in found[:top]
    ]
    hidden = len(found) - len(rows)
    columns = (Column("list", "text"), Column("dead words"), Column("words without a hit", "text"))
    return Table("Dead words", columns, rows, f"{hidden} more lists" if hidden else "")


def folds(statistics: Statistics) -> Table:
    """What each fold class buys and costs."""
    posts, labelled = statistics.rules.posts, statistics.labelled
    columns = [Column("fold", "text"), Column("lists"), Column("match cases"), Column("pass cases")]
    if posts:
        columns += [Column("struck"), Column("per million", "rate"), Column("stricter"), Column("milder")]
        if labelled:
            columns += [Column("found"), Column("false alarms")]
    rows: list[tuple[Cell, ...]] = []
    for effect in statistics.folds.effects if statistics.folds is not None else ():
        row: list[Cell] = [effect.fold, effect.lists, effect.lost_cases, effect.spared_cases]
        if posts:
            row += [effect.struck, 1e6 * effect.struck / posts, effect.stricter, effect.milder]
            if labelled:
                row += [effect.found, effect.false_alarms]
        rows.append(tuple(row))
    note = "what holds with the fold and not without it: match cases found, pass cases left alone, posts that get an "
    note += "action other than ALLOW, a stricter one, a milder one. Patterns that need the fold for another one keep it"
    return Table("Folds: what each buys and costs", tuple(columns), rows, note, whole=True)


def mutants(run: Mutations) -> Table:
    """What each rule still finds of its own match cases, by kind of evasion."""
    rows = [
        (rule, " + ".join(kinds), made, kept, kept / made)
        for rule, counts in sorted(run.by_rule.items())
        for kinds, (made, kept) in counts.items()
    ]
    columns = (Column("rule", "text"), Column("kind", "text"), Column("mutants"), Column("kept"))
    return Table("Recall under evasion", (*columns, Column("recall", "share")), rows)
