"""Runs the cases of rules on the compiled bundle: every rule proves itself on its author's own texts."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import RuleSet
from fairpost.engine import vocabulary as v
from fairpost.engine.dates import day_of_date
from fairpost.engine.verdict import VerdictBatch

from .compiler import bundle_of
from .explain import CaseResult, explain, with_parts
from .problems import PackError, PackErrors
from .schema import SellerModel
from .source import CaseSource, RuleSource, Source

__all__ = ["DEFAULT_DAY", "CaseResult", "check_cases", "default_day", "judge_cases", "run_cases", "standing_of"]

DEFAULT_DAY: Final = day_of_date(datetime.date(2026, 1, 1))
"""The day of a case that says none. A constant: a pack must not stop compiling because time goes by."""


def default_day(rule: RuleSource, source: Source) -> int:
    """DEFAULT_DAY, moved into the time in which the rule and those that it names are in force."""
    first, last = rule.from_day, rule.until_day - 1
    seen: set[str] = set()
    names = list(rule.names)
    while names:
        name = names.pop()
        if name not in seen:
            seen.add(name)
            other = source.rule(name)
            first, last = max(first, other.from_day), min(last, other.until_day - 1)
            names += other.names
    if first > last:  # never in force together: then at least the rule itself is
        first, last = rule.from_day, rule.until_day - 1
    return max(first, min(DEFAULT_DAY, last))


def run_cases(source: Source, bundle: bytes | RuleSet) -> list[CaseResult]:
    """All cases of all rules that are not off, in the order of the source."""
    rules = bundle if isinstance(bundle, RuleSet) else RuleSet.from_bytes(bundle)
    return _judge(source, rules, [(rule, case) for rule in source.rules for case in rule.cases])


def judge_cases(source: Source, rules: RuleSet, pairs: Sequence[tuple[RuleSource, CaseSource]]) -> VerdictBatch:
    """The verdicts on the cases' texts: for the seller, channel, language and day that each names."""
    days = [day_of_date(case.date) if case.date else default_day(rule, source) for rule, case in pairs]
    sellers, standings = _sellers([case for _, case in pairs])
    texts = [(case.text, *case.extra_texts) for _, case in pairs]
    # Posts of one text each need no segments.
    ends = np.cumsum([0, *map(len, texts)]) if any(case.extra_texts for _, case in pairs) else None
    return rules.check_batch(
        [text for post in texts for text in post],
        segments=ends,
        sellers=sellers,
        standings=standings,
        channels=[case.channel or "default" for _, case in pairs],
        languages=[case.language or "" for _, case in pairs],
        days=np.array(days, dtype=np.int32),
    )


def _judge(source: Source, rules: RuleSet, pairs: Sequence[tuple[RuleSource, CaseSource]]) -> list[CaseResult]:
    if not pairs:
        return []
    batch = judge_cases(source, rules, pairs)
    results = []
    for index, (rule, case) in enumerate(pairs):
        begin, end = int(batch.fired_begin[index]), int(batch.fired_begin[index + 1])
        fired = tuple(rules.rule_ids[int(number)] for number in batch.fired_rule[begin:end])
        model = float(batch.model[index]) if rules.has_model else None
        commerce, error = float(batch.commerce[index]), batch.error(index)
        results.append(CaseResult(rule, case, batch.day(index), fired, commerce, model, error))
    return results


def check_cases(source: Source, bundle: bytes) -> None:
    """Raise PackErrors with every failing case, each with what an author needs to mend it."""
    rules = RuleSet.from_bytes(bundle)
    errors = case_errors(source, rules, run_cases(source, rules))
    if errors:
        raise PackErrors(errors, source.warnings)


def case_errors(source: Source, rules: RuleSet, results: Iterable[CaseResult]) -> list[PackError]:
    """The failing ones among `results` as errors."""
    failing = [result for result in results if not result.passed]
    if not failing:
        return []
    dissected = RuleSet.from_bytes(bundle_of(with_parts(source, failing)))
    parts = _judge(source, dissected, [(result.rule, result.case) for result in failing])
    errors = []
    for result, part in zip(failing, parts, strict=True):
        place = result.case.place
        message = _message(source, rules, result, part.fired)
        errors.append(PackError(place.file, place.line, place.column, message))
    return errors


def _message(source: Source, rules: RuleSet, result: CaseResult, fired: Sequence[str]) -> str:
    text = result.case.text if len(result.case.text) <= 40 else result.case.text[:37] + "..."
    if result.error is not None:
        return f"case {text!r} of {result.rule.id} cannot be judged: {result.error}"
    wanted = "must fire on" if result.case.fires else "must not fire on"
    did = "does not" if result.case.fires else "does"
    return f"rule {result.rule.id} {wanted} {text!r} and {did}\n{explain(source, rules, result, fired)}"


def _sellers(cases: Sequence[CaseSource]) -> tuple[NDArray[np.int32], NDArray[Any]]:
    sellers = np.full(len(cases), v.SELLER_NONE, dtype=np.int32)
    standings: list[NDArray[Any]] = []
    for index, case in enumerate(cases):
        if case.seller == "unknown":
            sellers[index] = v.SELLER_NOT_FOUND
        elif case.seller == "unavailable":
            sellers[index] = v.SELLER_UNAVAILABLE
        elif isinstance(case.seller, SellerModel):
            sellers[index] = len(standings)
            standings.append(standing_of(case.seller))
    return sellers, np.concatenate(standings) if standings else np.zeros(0, dtype=v.STANDING_DTYPE)


def standing_of(seller: SellerModel) -> NDArray[Any]:
    """STANDING_DTYPE[1] of a standing as packs write it."""
    record = np.zeros(1, dtype=v.STANDING_DTYPE)
    record["licences"] = sum(1 << v.LICENCES.index(name) for name in set(seller.licences))
    record["tenure_days"] = seller.tenure_days
    record["registration"] = v.REGISTRATION.index(seller.registration)
    record["enforcement"] = v.ENFORCEMENT.index(seller.enforcement)
    record["listing"] = v.LISTING.index(seller.listing)
    for category, count in seller.strikes.items():
        record["strikes"][0, v.CATEGORIES.index(category)] = count
    return record
