"""The few numbers that the console's overview is made of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fairpost.server.observe.calls import BUCKETS
from fairpost.server.observe.figures import QUESTION

if TYPE_CHECKING:
    from collections.abc import Callable


def test_what_was_counted(inside: Callable[..., Any], bundle: Callable[..., bytes]) -> None:
    running = inside().start()

    def asked() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.dumps(running.server.questions.answer(QUESTION)))
        return found

    nothing = asked()
    assert (sum(nothing["actions"].values()), nothing["rules"], nothing["lookups"]) == (0, {}, 0)
    running.client.activate(bundle({"根治": 0.97, "特效": 0.65}, seller_rules=False))
    running.client.check("这款茶根治糖尿病")
    running.client.check("今天天气好")
    running.client.lookup("nobody")
    found = asked()
    assert {name: count for name, count in found["actions"].items() if count} == {"ALLOW": 1, "BLOCK": 1}
    assert found["rules"] == {"medical.0": 1}
    assert found["categories"] == {"MEDICAL": 1}
    assert len(found["latency"]) == len(BUCKETS) + 1
    assert sum(found["latency"]) == 2
    assert found["lookups"] == 1
    assert found["calls"] >= 4
    assert found["failed"] == 0
