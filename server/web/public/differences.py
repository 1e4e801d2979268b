"""What differs between two texts: line by line, and inside of lines that were changed."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["Line", "differences"]

Way: TypeAlias = Literal["same", "removed", "added", "left-out"]
_CONTEXT: Final = 3
_ALIKE: Final = 0.4
_MOST_LINES: Final = 5000
_MOST_CHARACTERS: Final = 2000
"""Beyond these comparing would take too long: then all is shown as removed and added."""


class Line(NamedTuple):
    """way: whether it is in both texts, in the old or the new alone, or stands for `left_out` lines that are in both
    and not shown; parts: (text, whether just that is different)."""

    way: Way
    parts: tuple[tuple[str, bool], ...]
    left_out: int = 0


def differences(old: str, new: str) -> list[Line]:
    """All lines that differ, each with three that do not around them."""
    before, after = old.splitlines(), new.splitlines()
    if max(len(before), len(after)) > _MOST_LINES:
        return [Line("same", ((line, False),)) for line in after] if before == after else _replaced(before, after)
    lines: list[Line] = []
    for tag, i, j, k, m in SequenceMatcher(None, before, after).get_opcodes():
        if tag == "equal":
            lines += [Line("same", ((line, False),)) for line in before[i:j]]
        elif tag == "replace":
            lines += _changed(before[i:j], after[k:m])
        else:
            lines += _replaced(before[i:j], after[k:m])
    return _shortened(lines)


def _changed(before: list[str], after: list[str]) -> list[Line]:
    """Lines that took the place of others: the first ones side by side, as long as they have something in common."""
    pairs = 0
    lines: list[Line] = []
    for was, now in zip(before, after, strict=False):
        if len(before) != len(after) and SequenceMatcher(None, was, now, autojunk=False).quick_ratio() < _ALIKE:
            break
        lines += _inside(was, now)
        pairs += 1
    return lines + _replaced(before[pairs:], after[pairs:])


def _replaced(before: list[str], after: list[str]) -> list[Line]:
    return [
        *(Line("removed", ((line, True),)) for line in before),
        *(Line("added", ((line, True),)) for line in after),
    ]


def _inside(was: str, now: str) -> list[Line]:
    if max(len(was), len(now)) > _MOST_CHARACTERS:
        return _replaced([was], [now])
    old: list[tuple[str, bool]] = []
    new: list[tuple[str, bool]] = []
    for tag, i, j, k, m in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if i < j:
            old.append((was[i:j], tag != "equal"))
        if k < m:
            new.append((now[k:m], tag != "equal"))
    return [Line("removed", tuple(old)), Line("added", tuple(new))]


def _shortened(lines: list[Line]) -> list[Line]:
    """Without the lines that are the same and far from any that is not."""
    near: set[int] = set()
    for number, line in enumerate(lines):
        if line.way != "same":
            near.update(range(number - _CONTEXT, number + _CONTEXT + 1))
    if not near:
        return lines
    found: list[Line] = []
    for number, line in enumerate(lines):
        if number in near:
            found.append(line)
        elif found and found[-1].way == "left-out":
            found[-1] = found[-1]._replace(left_out=found[-1].left_out + 1)
        else:
            found.append(Line("left-out", (), 1))
    return found
