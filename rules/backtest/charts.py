"""Small charts as inline SVG: bars in the page's own colours (CSS classes), with a title on each for the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

__all__ = ["diverging_bars", "paired_bars"]

_ROW: Final = 24
_BAR: Final = 14
_WIDTH: Final = 900
_NUMBER: Final = 64
_LONGEST: Final = 40
"""Characters of a name."""


def diverging_bars(rows: Sequence[tuple[str, int, int]], left: str, right: str) -> str:
    """One row for each (name, left count, right count), around a common zero.

    Args:
        left, right: what the two directions are called; CSS classes `left` and `right` colour them.
    """
    if not rows:
        return ""
    label = _label([name for name, _, _ in rows])
    most_left = max(a for _, a, _ in rows)
    most_right = max(b for _, _, b in rows)
    room = _WIDTH - label - 2 * _NUMBER
    scale = room / max(most_left + most_right, 1)
    zero = label + (_NUMBER if most_left else 0) + most_left * scale
    height = _ROW * (len(rows) + 1)
    parts = [_open(height, f"{left} to the left, {right} to the right")]
    parts.append(_text(zero - 6, 12, f"◂ {left}", "end", "muted") if most_left else "")
    parts.append(_text(zero + 6, 12, f"{right} ▸", "start", "muted") if most_right else "")
    for number, (name, a, b) in enumerate(rows):
        top = _ROW * (number + 1)
        middle = top + _BAR - 2.5
        parts.append(_text(label - 8, middle, _short(name), "end", "name", name))
        if a:
            parts.append(_bar(zero - a * scale, top, a * scale, "left", f"{name}: {a:,} {left}"))
            parts.append(_text(zero - a * scale - 5, middle, f"{a:,}", "end", "muted"))
        if b:
            parts.append(_bar(zero, top, b * scale, "right", f"{name}: {b:,} {right}"))
            parts.append(_text(zero + b * scale + 5, middle, f"{b:,}", "start", "muted"))
    parts.append(f'<line class="axis" x1="{zero:.1f}" x2="{zero:.1f}" y1="{_ROW - 4}" y2="{height}"/></svg>')
    return "".join(parts)


def paired_bars(rows: Sequence[tuple[str, int, int]], first: str, second: str) -> str:
    """Two bars below one another for each (name, first count, second count), on one scale."""
    if not rows:
        return ""
    label = _label([name for name, _, _ in rows])
    room = _WIDTH - label - _NUMBER
    scale = room / max(max(max(a, b) for _, a, b in rows), 1)
    step = 2 * 13 + 10
    height = step * len(rows) + 4
    parts = [_open(height, f"{first} and {second}")]
    for number, (name, a, b) in enumerate(rows):
        top = step * number + 4
        parts.append(_text(label - 8, top + 16, _short(name), "end", "name", name))
        for line, (count, of, style) in enumerate(((a, first, "before"), (b, second, "after"))):
            y = top + 13 * line
            parts.append(_bar(label, y, max(count * scale, 1 if count else 0), style, f"{name}, {of}: {count:,}", 11))
            parts.append(_text(label + count * scale + 5, y + 9.5, f"{count:,}", "start", "muted"))
    return "".join(parts) + "</svg>"


def _open(height: float, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" height="{height:.0f}" role="img">'
        f"<title>{escape(title)}</title>"
    )


def _bar(x: float, y: float, width: float, style: str, title: str, height: float = _BAR) -> str:
    return (
        f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" rx="2">'
        f"<title>{escape(title)}</title></rect>"
    )


def _text(x: float, y: float, text: str, anchor: str, style: str, title: str = "") -> str:
    told = f"<title>{escape(title)}</title>" if title and title != text else ""
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}{told}</text>'


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _label(names: Sequence[str]) -> float:
    """Room for the longest name, in px: a wide character takes two narrow ones' room."""
    return 20 + 6.9 * max(sum(2 if ord(c) > 0x2E7F else 1 for c in _short(name)) for name in names)
