"""From a post to its verdict: rules, scores, labels, action, exposure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fairpost.engine.vocabulary import CATEGORIES, SEVERITIES, Action
from fairpost.rules.source import RuleSource, Source

from .conditions import Facts, Seller, evaluate
from .evasion import Passages
from .hits import Hit, find_hits
from .model import logistic, logit_of, logit_of_shapes, passages, shapes, shapes_of, symbol_of, window_of
from .restoring import restore, words_of_lists

__all__ = ["Evidence", "Judgement", "Label", "is_examined", "judge", "model_of", "read_passages"]


@dataclass(frozen=True)
class Label:
    category: str
    score: np.float32
    severity: str


@dataclass(frozen=True)
class Evidence:
    rule: str
    text: int
    begin: int
    end: int
    shadow: bool


@dataclass(frozen=True)
class Judgement:
    action: Action
    risk: np.float32
    commerce: np.float32
    exposure: np.float32
    labels: tuple[Label, ...]
    evidence: tuple[Evidence, ...]
    fired: tuple[str, ...]
    model: np.float32


def is_examined(source: Source, texts: Sequence[str]) -> bool:
    """Whether some window of the post may sell something."""
    least = source.policy.examined_from
    return source.model is None or least is None or bool(window_of(source.model, texts) >= least)


def read_passages(source: Source, texts: Sequence[str]) -> list[Passages | None]:
    """What is read of each text; None: all of it."""
    least = source.policy.examined_from
    if source.model is None or least is None:
        return [None] * len(texts)
    return [passages(source.model, text, least) for text in texts]


def model_of(source: Source, texts: Sequence[str]) -> np.float32:
    """The logit of the post as it stands, or as it was meant: the greater one; 0 without a model."""
    if source.model is None:
        return np.float32(0)
    if not is_examined(source, texts):
        return logit_of(source.model, texts)
    words = words_of_lists(source.lists)
    meant = []
    for text, read in zip(texts, read_passages(source, texts), strict=True):
        restored = restore(text, words, read)
        if restored is None:
            meant.append(shapes(text))
        else:
            runs = restored.folded.runs
            meant.append(shapes_of([symbol_of(run.code) for run in runs], [run.first for run in runs]))
    return max(logit_of(source.model, texts), logit_of_shapes(source.model, meant))


def judge(
    source: Source, texts: Sequence[str], seller: Seller, channel: str = "default", language: str = "", day: int = 20000
) -> Judgement:
    """Judge one post; its texts are valid and not all empty."""
    model = model_of(source, texts)
    found = find_hits(source.lists, texts, is_examined(source, texts), read_passages(source, texts))
    facts = Facts(found, seller, channel, language, model=float(model))
    fired: list[tuple[RuleSource, tuple[Hit, ...]]] = []
    for rule in source.rules:  # COMMERCE first
        if rule.category != "COMMERCE":
            facts = replace(facts, commerce=commerce_of(source, model, [r for r, _ in fired]))
        holds, witnesses = evaluate(rule.condition, facts)
        if holds and rule.from_day <= day < rule.until_day:
            fired.append((rule, witnesses))
            facts = replace(facts, fired=facts.fired | {rule.id})
    commerce = commerce_of(source, model, [r for r, _ in fired])

    labels, risk, action = [], 1.0, Action.ALLOW
    for category in CATEGORIES[1:]:
        rules = [r for r, _ in fired if r.category == category and r.mode == "enforce"]
        if not rules:
            continue
        severity = max((r.severity for r in rules), key=SEVERITIES.index)
        exact = score(source, rules)
        risk *= 1.0 - exact * getattr(source.policy.severity_weights, severity)
        labels.append(Label(category, np.float32(exact), severity))
        thresholds = source.thresholds(channel).get(category)
        for wanted in list(Action)[1:]:
            least = getattr(thresholds, wanted.name, None)
            if least is not None and np.float32(exact) >= np.float32(least):
                action = max(action, wanted)
    return Judgement(
        action,
        np.float32(1.0 - risk),
        np.float32(commerce),
        np.float32(exposure(source, action, np.float32(1.0 - risk), commerce, seller)),
        tuple(labels),
        tuple(evidence(fired)),
        tuple(rule.id for rule, _ in fired),
        model,
    )


def score(source: Source, rules: Iterable[RuleSource]) -> float:
    """Bounded noisy-or of the enforced rules of a category: those without a group, then each group up to its cap."""
    enforced = [rule for rule in rules if rule.mode == "enforce"]
    keep = math.prod(1.0 - rule.weight for rule in enforced if not rule.group)
    for name in dict.fromkeys(rule.group for rule in source.rules):  # not by which fired: the order of factors is fixed
        weights = [rule.weight for rule in enforced if rule.group == name]
        if name and weights:
            keep *= 1.0 - min(source.groups[name], 1.0 - math.prod(1.0 - weight for weight in weights))
    return 1.0 - keep


def commerce_of(source: Source, model: np.float32, fired: Iterable[RuleSource]) -> float:
    """How likely the post sells something: by the model and the signals of COMMERCE rules, or their noisy-or."""
    signals = [rule for rule in fired if rule.category == "COMMERCE"]
    if source.model is None or source.model.signals is None:
        return score(source, signals)
    return logistic(float(model) + sum(source.model.signal(r.id, r.weight) for r in signals if r.mode == "enforce"))


def exposure(source: Source, action: Action, risk: np.float32, commerce: float, seller: Seller) -> float:
    """0 hidden, 1 as usual, above 1 for clean goods of sellers in good standing."""
    policy = source.policy.exposure
    if action in (Action.SHIELD, Action.BLOCK):
        return 0.0
    if action is Action.REVIEW:
        return policy.review
    if action is Action.LIMIT:
        return policy.limit
    if np.float32(commerce) < np.float32(policy.commerce):
        return 1.0
    if seller.unregistered:
        return policy.unregistered
    if not seller.registered:
        return 1.0
    earned = min(policy.max, policy.clean + policy.per_year * seller.tenure_days / 365.25)
    earned -= policy.per_strike * seller.total_strikes
    earned -= policy.per_complaint * seller.complaints
    good = (
        seller.enforcement in ("none", "warned")
        and seller.listing != "blacklisted"
        and risk <= np.float32(policy.clean_risk)
    )
    return max(earned if good else min(earned, 1.0), policy.floor)


def evidence(fired: Iterable[tuple[RuleSource, tuple[Hit, ...]]]) -> Iterable[Evidence]:
    """By rule, then by position, each span once; a rule without witnesses has one empty span."""
    for rule, witnesses in fired:
        if rule.category == "COMMERCE":
            continue
        shadow = rule.mode == "shadow"
        spans = sorted({(hit.text, hit.begin, hit.end) for hit in witnesses}) or [(0, 0, 0)]
        yield from (Evidence(rule.id, *span, shadow) for span in spans)
