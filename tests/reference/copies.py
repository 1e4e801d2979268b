"""Near copies across a split, by comparing all pairs of texts."""

from __future__ import annotations

from collections.abc import Sequence


def shared(text: str, other: str) -> float:
    """Share of the pieces of four characters of two texts that both have, 0 where there are none."""
    first, second = ({each[k : k + 4] for k in range(len(each) - 3)} for each in (text, other))
    return len(first & second) / max(len(first | second), 1)


def most_shared(texts: Sequence[str], is_held: Sequence[bool]) -> list[float]:
    """What each text shares with the text held apart that is most like it; 0 for those held apart."""
    held = [text for text, apart in zip(texts, is_held, strict=True) if apart]
    return [
        0.0 if apart else max((shared(text, other) for other in held), default=0.0)
        for text, apart in zip(texts, is_held, strict=True)
    ]
