"""Mutants of cases and of posts, judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, islice
from random import Random
from typing import Final

from fairpost.engine import RuleSet
from fairpost.engine.verdict import VerdictBatch
from fairpost.engine.vocabulary import CATEGORIES, COMMERCE, Action

from ..cases import judge_cases
from ..compiler import bundle_of
from ..source import CaseSource, RuleSource, Source
from .cells import cells_of, text_of
from .kinds import KINDS
from .writing import Writing

__all__ = ["Mutant", "Mutations", "mutate_cases", "mutate_posts"]

Spans = tuple[tuple[int, int], ...]
BATCH: Final = 4096
_COMMERCE: Final = CATEGORIES[COMMERCE]
_STAND_IN: Final = "ABSOLUTE"
"""A category whose rules give evidence."""


@dataclass(frozen=True)
class Mutant:
    """A text and one evasion of it. rule: whose hits were changed and who must still find it; "" for a post.

    kept: the rule fires on the mutant too; for a post: its action is not ALLOW.
    """

    rule: str
    category: str
    kinds: tuple[str, ...]
    text: str
    written: str
    kept: bool


@dataclass
class Mutations:
    """What to mutate with, and what came out: (mutants, kept) by kinds, by rule, by rule and kinds."""

    writing: Writing
    kinds: Sequence[str] = tuple(KINDS)
    seed: int = 0
    pairs: int = 0
    """Pairs of kinds drawn for every text."""
    samples: int = 0
    """Lost mutants kept for each single kind."""
    by_kinds: dict[tuple[str, ...], list[int]] = field(default_factory=dict)
    by_rule: dict[str, dict[tuple[str, ...], list[int]]] = field(default_factory=dict)
    lost: dict[tuple[str, ...], list[Mutant]] = field(default_factory=dict)
    texts: int = 0
    without: int = 0
    """Texts whose evidence has no words, such as those that fire on the seller's standing."""

    def count(self, mutant: Mutant) -> None:
        for counts in (self.by_kinds, self.by_rule.setdefault(mutant.rule, {})):
            found = counts.setdefault(mutant.kinds, [0, 0])
            found[0] += 1
            found[1] += mutant.kept
        if not mutant.kept and len(mutant.kinds) == 1 and len(self.lost.setdefault(mutant.kinds, [])) < self.samples:
            self.lost[mutant.kinds].append(mutant)

    def combinations(self, rng: Random) -> list[tuple[str, ...]]:
        """The kinds alone, then pairs drawn from all there are."""
        alone: list[tuple[str, ...]] = [(kind,) for kind in self.kinds]
        two: list[tuple[str, ...]] = list(combinations(self.kinds, 2))
        return alone + (rng.sample(two, len(two)) if self.pairs else [])

    def written(self, text: str, spans: Spans, name: str) -> Iterator[tuple[tuple[str, ...], str]]:
        """All mutants of a text: every kind that can change it, and as many pairs as are asked for."""
        rng = Random(f"{self.seed}:{name}:{text}")
        drawn = 0
        for kinds in self.combinations(rng):
            if len(kinds) > 1 and drawn == self.pairs:
                return
            cells = cells_of(text, spans)
            if all(KINDS[kind].apply(cells, rng, self.writing) for kind in kinds):
                written = text_of(cells)
                if written != text:
                    drawn += len(kinds) > 1
                    yield kinds, written


def mutate_cases(source: Source, run: Mutations, most: int | None = None) -> Iterator[Mutant]:
    """Mutants of the match cases of all rules, judged as the cases are: same seller, channel, language and day.

    Args:
        most: cases taken of each rule, drawn by the seed; default: all.
    """
    rules = RuleSet.from_bytes(bundle_of(source))
    pairs = [(rule, case) for rule in source.rules for case in _drawn(rule, run.seed, most)]
    spans = _case_spans(source, rules, pairs)
    mutants = (
        (rule, case, kinds, written)
        for (rule, case), found in zip(pairs, spans, strict=True)
        if _counted(run, found)
        for kinds, written in run.written(case.text, found, rule.id)
    )
    numbers = {rule_id: number for number, rule_id in enumerate(rules.rule_ids)}
    while part := list(islice(mutants, BATCH)):
        batch = judge_cases(source, rules, [(rule, replace(case, text=written)) for rule, case, _, written in part])
        for index, (rule, case, kinds, written) in enumerate(part):
            fired = batch.fired_rule[batch.fired_begin[index] : batch.fired_begin[index + 1]]
            mutant = Mutant(rule.id, rule.category, kinds, case.text, written, bool((fired == numbers[rule.id]).any()))
            run.count(mutant)
            yield mutant


def mutate_posts(rules: RuleSet, texts: Sequence[str], run: Mutations) -> Iterator[Mutant]:
    """Mutants of posts that the rules act on: those whose action is not ALLOW, with evidence. Others are left out."""
    mutants = (
        item for start in range(0, len(texts), BATCH) for item in _posts(rules, texts[start : start + BATCH], run)
    )
    while part := list(islice(mutants, BATCH)):
        batch = rules.check_batch([written for _, _, written in part])
        for (text, kinds, written), action in zip(part, batch.action.tolist(), strict=True):
            mutant = Mutant("", "", kinds, text, written, action != Action.ALLOW)
            run.count(mutant)
            yield mutant


def _posts(rules: RuleSet, texts: Sequence[str], run: Mutations) -> Iterator[tuple[str, tuple[str, ...], str]]:
    batch = rules.check_batch(texts)
    for number in (batch.action != Action.ALLOW).nonzero()[0].tolist():
        spans = _spans(batch, number, None)
        if _counted(run, spans):
            for kinds, written in run.written(texts[number], spans, ""):
                yield texts[number], kinds, written


def _counted(run: Mutations, spans: Spans) -> bool:
    run.texts += bool(spans)
    run.without += not spans
    return bool(spans)


def _drawn(rule: RuleSource, seed: int, most: int | None) -> list[CaseSource]:
    cases = [case for case in rule.cases if case.fires]
    if most is None or len(cases) <= most:
        return cases
    return Random(f"{seed}:{rule.id}").sample(cases, most)


def _case_spans(source: Source, rules: RuleSet, pairs: Sequence[tuple[RuleSource, CaseSource]]) -> list[Spans]:
    """The evidence of each case's rule. COMMERCE rules give none: theirs come from the same rule under another."""
    evident = RuleSet.from_bytes(bundle_of(_without_commerce(source)))
    numbers = {rule_id: number for number, rule_id in enumerate(rules.rule_ids)}
    spans: list[Spans] = []
    for start in range(0, len(pairs), BATCH):
        part = pairs[start : start + BATCH]
        plain, shown = judge_cases(source, rules, part), judge_cases(source, evident, part)
        for index, (rule, _) in enumerate(part):
            spans.append(_spans(shown if rule.category == _COMMERCE else plain, index, numbers[rule.id]))
    return spans


def _without_commerce(source: Source) -> Source:
    changed = [replace(r, category=_STAND_IN) if r.category == _COMMERCE else r for r in source.rules]
    return replace(source, rules=tuple(changed))


def _spans(batch: VerdictBatch, index: int, rule: int | None) -> Spans:
    """Spans with words in the evidence of post `index`, of one rule or of all, each once."""
    rows = slice(int(batch.evidence_begin[index]), int(batch.evidence_begin[index + 1]))
    columns = (batch.evidence_rule, batch.evidence_start, batch.evidence_stop)
    found = zip(*(column[rows].tolist() for column in columns), strict=True)
    return tuple(sorted({(begin, end) for number, begin, end in found if end > begin and rule in (None, number)}))
