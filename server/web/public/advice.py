"""Which words of a post to change: those without which a rule would not fire.

A rule's evidence has every word that it went by: the claim, and whatever says that something is sold, of which there
are often several. To take away one of those changes nothing; to take away the claim does. So each word is taken out in
turn, and the post judged again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE
from fairpost.v1 import verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Judge = Callable[[str], Awaitable[verdict_pb2.Verdict | None]]
    """Judges another text; None if that cannot be judged, as an empty one."""

__all__ = ["Advice", "advise", "counts"]

_MOST: Final = 12
"""Words looked at: so many more times is the post judged."""
_GAP: Final = "，"
_COMMERCE: Final = CATEGORIES[COMMERCE]


class Advice(NamedTuple):
    """words: by rule, what to change; all of its words where none alone does it. without: what would be done with the
    post if all of them were taken out; None: nothing would be left of it."""

    words: Mapping[str, list[str]]
    without: verdict_pb2.Action.ValueType | None


def counts(evidence: verdict_pb2.Evidence) -> bool:
    """Whether it is a reason for its author: shadow rules have no effect, and to sell is no violation."""
    return not evidence.shadow and evidence.category != _COMMERCE


async def advise(text: str, verdict: verdict_pb2.Verdict, judge: Judge) -> Advice:
    """What to change in a text that was judged so."""
    by_rule: dict[str, list[str]] = {}
    for evidence in filter(counts, verdict.evidence):
        words = by_rule.setdefault(evidence.rule, [])
        if evidence.matched and evidence.matched not in words:
            words.append(evidence.matched)
    looked_at = list(dict.fromkeys(word for words in by_rule.values() for word in words))[:_MOST]
    others = await asyncio.gather(*(judge(_without(text, [word])) for word in looked_at))
    left = {
        word: {evidence.rule for evidence in other.evidence} if other is not None else set()
        for word, other in zip(looked_at, others, strict=True)
    }
    advised = {
        rule: [word for word in words if word in left and rule not in left[word]] or words
        for rule, words in by_rule.items()
    }
    changed = [word for words in advised.values() for word in words]
    if not changed:
        return Advice(advised, verdict.action)
    final = await judge(_without(text, changed))
    return Advice(advised, None if final is None else final.action)


def _without(text: str, words: list[str]) -> str:
    # Longer ones first: a word may be part of another.
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, _GAP)
    return text
