"""ListShadowResults: what the rules on trial hit, counted by all workers and tried on posts that were reviewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fairpost.engine.dates import day_of_date
from fairpost.rules.backtest import owners
from fairpost.rules.whatif import WhatIf
from fairpost.server.errors import Violation, invalid_fields
from fairpost.server.giving_way import giving_way
from fairpost.server.rulebook.backtests import agreement, check_compiled, columns_of, verdict_message
from fairpost.server.rulebook.in_force import rule_message
from fairpost.server.rulebook.reviewed import latest_reviewed
from fairpost.v1 import rules_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.engine import RuleSet
    from fairpost.server.activation import RuleSets
    from fairpost.server.coordination import Coordinator
    from fairpost.server.counts import Counts
    from fairpost.server.registry.core import Core
    from fairpost.server.rulebook.backtests import Tried

__all__ = ["FIRED", "ShadowResults", "fired"]

FIRED: Final = "rules.fired"
"""The question that every worker answers with how many posts each of the rules named has fired on."""
_REVIEWED: Final = 2000
"""Reviewed posts that the rules are tried on."""
_PART: Final = 500
_MOST_EXAMPLES: Final = 20


def fired(counts: Counts, rules: Sequence[str]) -> dict[str, Any]:
    """The answer of one worker: posts by rule since it started."""
    found = counts.read().rules
    return {"rules": {rule: found.get(rule, 0) for rule in rules}}


class ShadowResults:
    """Thread-safe."""

    def __init__(self, rule_sets: RuleSets, core: Core, coordinator: Coordinator) -> None:
        self._rule_sets = rule_sets
        self._core = core
        self._coordinator = coordinator

    def list(self, request: rules_pb2.ListShadowResultsRequest) -> rules_pb2.ListShadowResultsResponse:
        if request.examples > _MOST_EXAMPLES:
            raise invalid_fields([Violation("examples", f"is {request.examples}; at most {_MOST_EXAMPLES}")])
        rule_set = self._rule_sets.snapshot()
        answer = rules_pb2.ListShadowResultsResponse(revision=rule_set.revision)
        modes = {rule["id"]: rule.get("mode") for rule in rule_set.meta["rules"]}
        shadow = [number for number, rule in enumerate(rule_set.rule_ids) if modes.get(rule) == "shadow"]
        if not shadow:
            return answer
        check_compiled(rule_set)
        day = day_of_date(self._core.today())
        names = [rule_set.rule_ids[number] for number in shadow]
        answers = self._coordinator.gather(FIRED, names).values()
        reviewed = latest_reviewed(self._core, _REVIEWED, day)
        with giving_way():
            results = _tried(rule_set, shadow, reviewed, request.examples)
        for number in shadow:
            result = results[number]
            result.rule.CopyFrom(rule_message(rule_set, number, day))
            # A worker that is just being replaced does not answer.
            result.posts = sum(each.get("rules", {}).get(result.rule.rule, 0) for each in answers)
        order = sorted(shadow, key=lambda number: (-results[number].posts, rule_set.rule_ids[number]))
        answer.rules.extend(results[number] for number in order)
        answer.reviewed_posts = len(reviewed)
        return answer


def _tried(
    rule_set: RuleSet, shadow: Sequence[int], reviewed: Sequence[Tried], examples: int
) -> dict[int, rules_pb2.ShadowResult]:
    """By the rule's number: what it does on the posts; the first `examples` of them."""
    results = {number: rules_pb2.ShadowResult() for number in shadow}
    what_if = WhatIf(rule_set, shadows_only=True)
    for begin in range(0, len(reviewed), _PART):
        part = reviewed[begin : begin + _PART]
        posts = columns_of(part)
        assert posts.channels is not None
        channels = np.array([rule_set.channel_id(word or "") for word in posts.channels.words], np.uint16)
        of_posts = channels[posts.channels.codes]
        batch = rule_set.check_batch(
            posts.texts,
            segments=posts.segments,
            sellers=posts.rows,
            standings=posts.standings,
            channels=of_posts,
            languages=posts.languages,
            days=posts.days,
            unit="codepoints",
        )
        what_if.add(batch, of_posts)
        owner = owners(batch.fired_begin)
        for number in shadow:
            hit = owner[batch.fired_rule == number]
            if not len(hit):
                continue
            result, mine = results[number], [part[k] for k in hit.tolist()]
            result.reviewed += len(mine)
            found = agreement([each.state for each in mine], batch.action[hit])
            for field in found.DESCRIPTOR.fields:
                total = getattr(result.agreement, field.name) + getattr(found, field.name)
                setattr(result.agreement, field.name, total)
            for k in hit[: max(0, examples - len(result.examples))].tolist():
                verdict = verdict_message(rule_set, batch[k])
                result.examples.add(
                    post_id=part[k].post.id,
                    review_id=part[k].review_id,
                    rule=rule_set.rule_ids[number],
                    text=part[k].post.text,
                    old=verdict,
                    new=verdict,
                )
    for number in shadow:
        results[number].decides = int(what_if.effects.decides[number])
    return results
