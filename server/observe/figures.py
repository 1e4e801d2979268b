"""What one server process has counted so far, as few numbers: for the console's overview, where /metrics is for
programs. All only grow; whoever asks makes rates of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE

if TYPE_CHECKING:
    from fairpost.server.activation import RuleSets
    from fairpost.server.counts import Counts
    from fairpost.server.observe.calls import CallCounts

__all__ = ["QUESTION", "figures"]

QUESTION: Final = "figures"
"""What a worker is asked for them."""
_CHECKS: Final = frozenset({"CheckPost", "CheckPosts", "StreamCheck"})
_LOOKUPS: Final = frozenset({"LookupSeller", "BatchLookupSellers"})


def figures(calls: CallCounts, counts: Counts, rule_sets: RuleSets) -> dict[str, Any]:
    """As JSON.

    actions: posts by name of the action. refused: posts that could not be judged. categories: posts by violation
    category. rules: posts on which a rule of the active rule set fired, by its id; of violation categories alone, and
    of those that fired. latency: checks by bucket of `observe.calls.BUCKETS`, the last one without a bound; of streams
    their messages. lookups: calls that asked for sellers. calls, failed: all calls that ended, and those of them that
    did not end well.
    """
    totals = counts.read()
    serving = rule_sets.serving
    # Rules that only tell commerce from chat say nothing of what is wrong with posts.
    known = (
        {rule for number, rule in enumerate(serving.rule_ids) if serving.rule_category(number) != CATEGORIES[COMMERCE]}
        if serving is not None
        else set()
    )
    latency: list[int] = []
    lookups = ended = failed = 0
    for method in calls.read():
        ended += sum(method.ended)
        failed += sum(method.ended[1:])
        if method.method.name in _LOOKUPS:
            lookups += method.received
        if method.method.name in _CHECKS:
            found = method.messages if method.method.name == "StreamCheck" else method.calls
            latency = [a + b for a, b in zip(latency or [0] * len(found.counts), found.counts, strict=True)]
    return {
        "actions": totals.actions,
        "refused": totals.refused,
        "categories": totals.categories,
        "rules": {rule: number for rule, number in totals.rules.items() if number and rule in known},
        "latency": latency,
        "lookups": lookups,
        "calls": ended,
        "failed": failed,
    }
