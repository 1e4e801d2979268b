"""What a pattern set finds, by the definition."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .matching import Match, Pattern, find_all

__all__ = ["leftmost_longest", "matches", "position", "replaced"]


def matches(patterns: Sequence[Pattern], text: str, match_kind: str = "overlapping") -> list[Match]:
    """Sorted by begin, end, pattern; in code points."""
    found = find_all(patterns, text)
    return found if match_kind == "overlapping" else leftmost_longest(found)


def leftmost_longest(found: Sequence[Match]) -> list[Match]:
    """From the left, the longest of the matches that begin first, the lowest pattern of these; on from its end."""
    chosen: list[Match] = []
    at = 0
    while left := [m for m in found if m.begin >= at]:
        first = min(m.begin for m in left)
        longest = max(m.end for m in left if m.begin == first)
        chosen.append(min(m for m in left if m.begin == first and m.end == longest))
        at = longest
    return chosen


def position(text: str, at: int, unit: str) -> int:
    """Code point `at` of `text` in another unit."""
    if unit == "codepoints":
        return at
    return len(text[:at].encode()) if unit == "utf8" else len(text[:at].encode("utf-16-le")) // 2


def replaced(patterns: Sequence[Pattern], text: str, by: Callable[[int, str], str]) -> str:
    out, at = "", 0
    for match in matches(patterns, text, "leftmost-longest"):
        out += text[at : match.begin] + by(match.pattern, text[match.begin : match.end])
        at = match.end
    return out + text[at:]
