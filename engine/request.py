"""Checks the columns of a request and brings them into the engine's types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.dates import day_of_date, today
from fairpost.engine.vocabulary import SELLER_UNAVAILABLE, STANDING_DTYPE, UNITS

__all__ = ["MOST_CHARACTERS", "check_options", "check_threads", "days_of", "numbers_of", "segments_of", "sellers_of"]

MOST_CHARACTERS: Final = (1 << 29) - 1
_MOST_TEXTS = 65_535


def check_options(unit: str, max_characters: int) -> None:
    """Raise ValueError unless the unit is known and the limit is in range."""
    if unit not in UNITS:
        raise ValueError(f"unit is {unit!r}, expected one of {', '.join(UNITS)}")
    if not 0 < max_characters <= MOST_CHARACTERS:
        raise ValueError(f"max_characters is {max_characters}, expected 1 to {MOST_CHARACTERS}")


def segments_of(segments: Any, texts: int) -> tuple[int, NDArray[np.int64] | None]:
    """(number of posts, int64[n + 1]), or (number of texts, None) where each text is a post."""
    if segments is None:
        return texts, None
    spans = np.ascontiguousarray(segments, dtype=np.int64)
    if spans.ndim != 1 or spans.size == 0 or spans.min() < 0 or spans.max() > texts or (np.diff(spans) < 0).any():
        raise ValueError(f"segments must be one-dimensional and ascend inside the {texts} texts")
    if spans.size > 1 and np.diff(spans).max() > _MOST_TEXTS:
        raise ValueError(f"segments: a post has more than {_MOST_TEXTS} texts")
    return spans.size - 1, spans


def sellers_of(sellers: Any, standings: Any, posts: int) -> tuple[NDArray[np.int32] | None, NDArray[Any] | None]:
    """(int32[n], STANDING_DTYPE[m] or None), rows inside the standings; (None, None) where no post names a seller."""
    if sellers is None:
        return None, None
    column = np.ascontiguousarray(sellers, dtype=np.int32)
    if column.shape != (posts,):
        raise ValueError(f"sellers has shape {column.shape}, expected ({posts},)")
    rows = 0
    if standings is not None:
        if getattr(standings, "dtype", None) != STANDING_DTYPE:
            raise TypeError("standings must be an array of STANDING_DTYPE")
        standings = np.ascontiguousarray(standings)
        rows = standings.size
    if posts and (column.min() < SELLER_UNAVAILABLE or column.max() >= rows):
        raise ValueError(f"sellers holds {column.min()} to {column.max()}, but standings has {rows} rows")
    return column, standings


def numbers_of(values: Any, posts: int, names: Mapping[str, int], what: str) -> tuple[NDArray[np.uint16] | None, int]:
    """(uint16[n], 0), or (None, the number for all)."""
    if values is None:
        return None, 0
    if isinstance(values, str):
        return None, names.get(values, 0)
    if not isinstance(values, np.ndarray):
        values = [names.get(value or "", 0) if isinstance(value, str | None) else value for value in values]
    column = np.ascontiguousarray(values, dtype=np.uint16)
    if column.shape != (posts,):
        raise ValueError(f"{what} has shape {column.shape}, expected ({posts},)")
    if posts and column.max() >= len(names):
        raise ValueError(f"{what} holds {column.max()}, but there are {len(names)}")
    return column, 0


def days_of(days: Any, posts: int) -> tuple[NDArray[np.int32] | None, int]:
    """(int32[n], 0), or (None, the day for all)."""
    if days is None:
        return None, day_of_date(today())
    if isinstance(days, (int, np.integer)):
        return None, int(days)
    column = np.ascontiguousarray(days, dtype=np.int32)
    if column.shape != (posts,):
        raise ValueError(f"days has shape {column.shape}, expected ({posts},)")
    return column, 0


def check_threads(threads: int) -> None:
    """Raise unless `threads` is a number of threads."""
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise ValueError(f"threads is {threads!r}, expected 1 or more")
