"""Law takes effect at midnight in China."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from fairpost.engine.dates import LAW_ZONE, day_of_date, day_of_seconds, day_of_today, today


@pytest.mark.parametrize(
    ("moment", "on"),
    [
        (datetime(2025, 10, 14, 15, 59, 59, tzinfo=UTC), date(2025, 10, 14)),
        (datetime(2025, 10, 14, 16, 0, 0, tzinfo=UTC), date(2025, 10, 15)),
        (datetime(1969, 12, 31, 15, 59, 59, tzinfo=UTC), date(1969, 12, 31)),
    ],
)
def test_the_day_turns_at_midnight_in_china(moment: datetime, on: date) -> None:
    assert day_of_seconds(int(moment.timestamp())) == day_of_date(on)
    assert moment.astimezone(LAW_ZONE).date() == on


def test_today_is_the_day_of_now() -> None:
    before, day, same, after = datetime.now(UTC), day_of_date(today()), day_of_today(), datetime.now(UTC)
    assert day_of_seconds(int(before.timestamp())) <= day <= same <= day_of_seconds(int(after.timestamp()))
