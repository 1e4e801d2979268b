"""An explanation as a JSON document."""

from __future__ import annotations

from typing import Any

from fairpost.engine.dates import date_of_day
from fairpost.engine.vocabulary import CATEGORIES, SEVERITIES

from ..scoring import CategoryScore
from .explanation import Explanation, Hit, Node, RuleAnswer

__all__ = ["document"]


def document(explanation: Explanation) -> dict[str, Any]:
    """Everything in it, by the names of its fields; numbers are those of the verdict, not rounded."""
    verdict = explanation.verdict
    scores = {CATEGORIES[score.category]: _score(score, explanation) for score in explanation.scores}
    for name, score in scores.items():
        score["thresholds"] = [
            {"action": action.name, "least": least, "reached": reached}
            for action, least, reached in explanation.thresholds[name]
        ]
    return {
        "text": explanation.text,
        "revision": verdict.revision,
        "date": date_of_day(explanation.day).isoformat(),
        "channel": explanation.channel,
        "folded": explanation.folded,
        "origins": list(explanation.origins),
        "restored": explanation.restored,
        "hits": [_hit(hit) for hit in explanation.hits],
        "removed": [{**_hit(each.hit), "by": _hit(each.by)} for each in explanation.removed],
        "rules": [_rule(answer) for answer in explanation.rules],
        "model": None
        if explanation.model is None
        else {"logit": explanation.model[0], "probability": explanation.model[1]},
        "commerce_signals": None if explanation.signals is None else dict(explanation.signals),
        "commerce_rules": None if explanation.commerce is None else _score(explanation.commerce, explanation),
        "scores": scores,
        "commerce": verdict.commerce,
        "risk": verdict.risk,
        "action": verdict.action.name,
        "exposure_steps": [{"step": step, "value": value} for step, value in explanation.exposure],
        "exposure": verdict.exposure,
        "laws": sorted({law for e in verdict.evidence if not e.shadow for law in e.basis}),
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "list": hit.list,
        "word": hit.word,
        "matched": hit.matched,
        "folded": hit.folded,
        "begin": hit.begin,
        "end": hit.end,
    }


def _rule(answer: RuleAnswer) -> dict[str, Any]:
    return {
        "id": answer.id,
        "category": answer.category,
        "severity": answer.severity,
        "mode": answer.mode,
        "weight": answer.weight,
        "group": answer.group,
        "in_force": answer.in_force,
        "fired": answer.fired,
        "condition": _node(answer.condition),
        "laws": list(answer.laws),
    }


def _node(node: Node) -> dict[str, Any]:
    shown: dict[str, Any] = {"op": node.op, "text": node.text, "holds": node.holds}
    if node.name:
        shown["name"] = node.name
    if node.parts:
        shown["parts"] = [_node(part) for part in node.parts]
    elif node.witnesses:
        shown["witnesses"] = [{"list": name, "begin": begin, "end": end} for name, begin, end in node.witnesses]
    return shown


def _score(score: CategoryScore, explanation: Explanation) -> dict[str, Any]:
    return {
        "score": score.score,
        "severity": SEVERITIES[score.severity],
        "parts": [
            {
                "group": part.group,
                "rules": [explanation.names[rule] for rule in part.rules],
                "total": part.total,
                "cap": part.cap,
                "score": part.score,
            }
            for part in score.parts
        ],
    }
