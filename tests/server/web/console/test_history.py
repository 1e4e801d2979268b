"""Counts of workers as rates, and rates as charts."""

from __future__ import annotations

import asyncio
import math
import re
from typing import Any

import pytest

from fairpost.server.observe.calls import BUCKETS
from fairpost.server.web.console.overview.charts import HEIGHT, WIDTH, areas, lines, nice_top
from fairpost.server.web.console.overview.history import KEPT, History, quantile


def answer(pid: int = 7, posts: int = 0, blocked: int = 0, fast: int = 0, **rules: int) -> dict[str, Any]:
    latency = [0] * (len(BUCKETS) + 1)
    latency[3] = fast
    found: dict[str, Any] = {"pid": pid, "actions": {"ALLOW": posts, "BLOCK": blocked}, "categories": {}}
    return found | {"rules": rules, "latency": latency, "refused": 0, "lookups": posts, "calls": posts, "failed": 0}


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        self.now += 5
        return self.now


def history() -> History:
    return History(None, Clock())  # type: ignore[arg-type]


def test_rates_are_of_what_was_counted_between_two_looks() -> None:
    made = history()
    made.look({0: answer(posts=1000, a=5), 1: answer(8, posts=10)})
    assert not made.intervals
    made.look({0: answer(posts=1100, blocked=20, fast=50, a=9), 1: answer(8, posts=40, b=2)})
    (found,) = made.intervals
    assert found.seconds == 5
    assert found.actions == {"ALLOW": 130, "BLOCK": 20}
    assert found.rate == 30
    assert found.rules == {"a": 4, "b": 2}
    assert found.lookups == 130
    assert quantile(found.latency, 0.5) == BUCKETS[3]


def test_a_worker_that_was_replaced_or_is_away_makes_no_peak() -> None:
    made = history()
    made.look({0: answer(posts=1000)})
    made.look({0: answer(9, posts=5)})  # another process
    made.look({0: {"error": "no answer", "pid": 9}})
    made.look({0: answer(9, posts=500)})
    made.look({0: answer(9, posts=503)})
    assert [interval.posts for interval in made.intervals] == [0, 0, 0, 3]


def test_counts_that_begin_anew_are_not_taken_back() -> None:
    made = history()
    made.look({0: answer(posts=10, a=50)})
    made.look({0: answer(posts=12, a=3)})
    assert made.intervals[0].rules == {}


def test_all_together_and_no_more_than_fifteen_minutes() -> None:
    made = history()
    for i in range(KEPT + 50):
        made.look({0: answer(posts=10 * i, fast=i, a=i)})
    whole = made.together()
    assert len(made.intervals) == KEPT
    assert whole.seconds == 900
    assert whole.actions == {"ALLOW": 10 * KEPT}
    assert whole.rules["a"] == sum(whole.latency) == KEPT


def test_looking_survives_workers_that_cannot_be_asked() -> None:
    class Workers:
        count = 1
        asked = 0

        async def gather(self, question: str, content: Any = None, *, timeout: float = 5.0) -> dict[int, Any]:
            assert question == "figures"
            self.asked += 1
            if self.asked == 1:
                raise OSError("away")
            raise asyncio.CancelledError

    async def run() -> int:
        workers = Workers()
        made = History(workers)
        task = asyncio.create_task(made.keep_looking())
        while not workers.asked:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        return workers.asked

    assert asyncio.run(run()) == 1


def test_quantiles() -> None:
    counts = [0] * (len(BUCKETS) + 1)
    assert quantile(counts, 0.99) is None
    counts[2], counts[-1] = 99, 1
    assert quantile(counts, 0.5) == quantile(counts, 0.99) == BUCKETS[2]
    assert quantile(counts, 0.999) == math.inf


@pytest.mark.parametrize(
    ("largest", "top"), [(0, 1), (1, 1), (1.1, 2), (37, 40), (41, 50), (51, 80), (81, 100), (0.003, 0.004)]
)
def test_axes_end_at_round_numbers(largest: float, top: float) -> None:
    assert nice_top(largest) == pytest.approx(top)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.-]+),([\d.-]+)", path)]


def test_areas_stand_on_each_other() -> None:
    chart = areas([10, 5, 0], {"low": [1, 2, 1], "none": [0, 0, 0], "high": [1, 2, 3]}, 10)
    assert [layer.name for layer in chart.layers] == ["low", "high"]
    low, high = (points(layer.path) for layer in chart.layers)
    assert low[:3] == list(reversed(high[3:]))
    assert high[2][1] == chart.heights[-1].at  # 4 is the top of the axis
    assert (low[0][0], low[2][0]) == (chart.left, chart.right)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in low + high)


def test_lines_have_gaps() -> None:
    chart = lines([20, 15, 10, 5, 0], {"p99": [0.001, None, 0.002, 0.004, math.inf], "p50": [None] * 5}, 20)
    (layer,) = chart.layers
    assert layer.path.count("M") == 2
    assert len(points(layer.path)) == 5
    assert points(layer.path)[-1][1] == chart.heights[-1].at
    assert areas([], {"low": []}, 900).layers == lines([], {"p50": []}, 900).layers == []
