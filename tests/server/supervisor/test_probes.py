"""/healthz and /readyz: what they say of each worker."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from fairpost.server.web.app import make_app

GOOD = {"pid": 1, "revision": "r", "draining": False}


class Answers:
    """Workers whose answers are given."""

    def __init__(self, count: int, answers: dict[int, dict[str, Any]]) -> None:
        self.count = count
        self._answers = answers

    async def gather(self, question: str, content: Any = None, *, timeout: float = 5.0) -> dict[int, dict[str, Any]]:
        return self._answers


def page(path: str, answers: dict[int, dict[str, Any]]) -> tuple[int, Any]:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(make_app(Answers(2, answers)))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path)

    answer = asyncio.run(ask())
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("other", "health", "ready"),
    [
        (GOOD, (200, "ok"), (200, "ready")),
        (GOOD | {"revision": ""}, (200, "ok"), (503, "no rule set is active")),
        (GOOD | {"draining": True}, (200, "ok"), (503, "it is draining")),
        ({"error": "no answer within 5 s"}, (503, "no answer within 5 s"), (503, "no answer within 5 s")),
    ],
)
def test_probes(other: dict[str, Any], health: tuple[int, str], ready: tuple[int, str]) -> None:
    status, content = page("/healthz", {0: GOOD, 1: other})
    assert (status, content["workers"]) == (health[0], {"0": "ok", "1": health[1]})
    assert content["status"] == ("ok" if status == 200 else "not ok")
    status, content = page("/readyz", {0: GOOD, 1: other})
    assert (status, content["workers"]) == (ready[0], {"0": "ready", "1": ready[1]})


def test_nobody_answers() -> None:
    """The supervisor cannot be asked, or there are fewer workers than there are to be."""
    assert page("/healthz", {}) == (503, {"status": "not ok", "workers": {}})
    assert page("/readyz", {0: GOOD}) == (503, {"status": "not ready", "workers": {"0": "ready"}})


def test_a_server_that_stops_says_so(inside: Any) -> None:
    running = inside().start()
    questions = running.server.questions
    assert questions.answer("rules.status")["draining"] is False
    running.stop()
    assert questions.answer("rules.status")["draining"] is True
