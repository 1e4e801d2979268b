"""Days as the law counts them: dates in China Standard Time, as days since 1970-01-01."""

from __future__ import annotations

import time
from datetime import date, timedelta, timezone
from typing import Final

__all__ = ["LAW_ZONE", "date_of_day", "day_of_date", "day_of_seconds", "day_of_today", "today"]

LAW_ZONE: Final = timezone(timedelta(hours=8), "CST")
"""PRC law takes effect at midnight in China: UTC+8, without daylight saving time."""

_OFFSET = 8 * 3600
_EPOCH = date(1970, 1, 1)
_EPOCH_ORDINAL = _EPOCH.toordinal()


def day_of_seconds(seconds: int) -> int:
    """The day of a moment given in seconds since 1970-01-01T00:00Z."""
    return (seconds + _OFFSET) // 86_400


def day_of_date(on: date) -> int:
    return on.toordinal() - _EPOCH_ORDINAL


def date_of_day(day: int) -> date:
    return _EPOCH + timedelta(days=day)


def day_of_today() -> int:
    """`day_of_date(today())`, without making a date."""
    return day_of_seconds(int(time.time()))


def today() -> date:
    """Today's date in China."""
    return date_of_day(day_of_today())
