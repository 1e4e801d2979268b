"""Rates as charts: shapes for the SVG of a template, which has a table of the same numbers beside it.

Coordinates are those of the view box, whole numbers with one decimal; colours come from the stylesheet, by class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["HEIGHT", "WIDTH", "Chart", "Layer", "areas", "lines", "nice_top"]

WIDTH: Final = 720
HEIGHT: Final = 200
_LEFT: Final = 56
_RIGHT: Final = 8
_TOP: Final = 10
_BOTTOM: Final = 22
_TICKS: Final = 4


@dataclass(frozen=True)
class Layer:
    """One series. name: what it is, for class and legend; path: of SVG."""

    name: str
    path: str


@dataclass(frozen=True)
class Tick:
    """A mark on an axis. at: its coordinate; value: what it stands for (seconds before the end on the time axis)."""

    at: float
    value: float


@dataclass(frozen=True)
class Chart:
    """layers: those below first. heights, times: marks of the two axes. left, right, base: where the plot is."""

    layers: list[Layer]
    heights: list[Tick]
    times: list[Tick]
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    base: int = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


def areas(ages: Sequence[float], series: Mapping[str, Sequence[float]], span: float) -> Chart:
    """Series on top of each other. ages: seconds before now of each point, oldest first; span: seconds of the axis."""
    top = nice_top(max((sum(values) for values in zip(*series.values(), strict=True)), default=0.0))
    below = [0.0] * len(ages)
    layers = []
    for name, values in series.items():
        above = [a + b for a, b in zip(below, values, strict=True)]
        if ages and any(values):
            outline = [*_points(ages, above, span, top), *reversed(_points(ages, below, span, top))]
            layers.append(Layer(name, f"M{' L'.join(outline)} Z"))
        below = above
    return Chart(layers, _heights(top), _times(span))


def lines(ages: Sequence[float], series: Mapping[str, Sequence[float | None]], span: float) -> Chart:
    """Series as lines, which have gaps where there is no value; infinity is drawn at the top."""
    finite = [value for values in series.values() for value in values if value is not None and math.isfinite(value)]
    top = nice_top(max(finite, default=0.0))
    layers = []
    for name, values in series.items():
        parts: list[list[str]] = [[]]
        for age, value in zip(ages, values, strict=True):
            if value is None:
                parts.append([])
            else:
                parts[-1] += _points([age], [min(value, top)], span, top)
        # A single point is a line of no length, which round caps show.
        drawn = [f"M{' L'.join(part if len(part) > 1 else part * 2)}" for part in parts if part]
        if drawn:
            layers.append(Layer(name, " ".join(drawn)))
    return Chart(layers, _heights(top), _times(span))


def nice_top(largest: float) -> float:
    """The least of 1, 2, 4, 5, 8 times a power of ten that is not below it; 1 for nothing."""
    if largest <= 0 or not math.isfinite(largest):
        return 1.0
    power = 10.0 ** math.floor(math.log10(largest))
    return next((step * power for step in (1, 2, 4, 5, 8) if step * power >= largest * (1 - 1e-9)), 10 * power)


def _points(ages: Sequence[float], values: Sequence[float], span: float, top: float) -> list[str]:
    wide, high = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    return [
        f"{_LEFT + wide * (1 - min(age, span) / span):.1f},{HEIGHT - _BOTTOM - high * value / top:.1f}"
        for age, value in zip(ages, values, strict=True)
    ]


def _heights(top: float) -> list[Tick]:
    high = HEIGHT - _TOP - _BOTTOM
    return [Tick(round(HEIGHT - _BOTTOM - high * i / _TICKS, 1), top * i / _TICKS) for i in range(_TICKS + 1)]


def _times(span: float) -> list[Tick]:
    wide = WIDTH - _LEFT - _RIGHT
    return [Tick(round(_LEFT + wide * (1 - share), 1), span * share) for share in (1.0, 2 / 3, 1 / 3, 0.0)]
