"""/metrics of the HTTP side: all workers' samples, each with its worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from fairpost.server.observe.metrics import CONTENT_TYPE
from fairpost.server.observe.web import metrics_routes


class Workers:
    def __init__(self, answers: dict[int, dict[str, Any]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def gather(self, question: str, content: Any = None, *, timeout: float = 5.0) -> dict[int, dict[str, Any]]:
        self.asked.append(question)
        return self.answers


def scrape(workers: Workers) -> httpx.Response:
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(app=Starlette(routes=metrics_routes(workers)))
        async with httpx.AsyncClient(transport=transport, base_url="http://fairpost") as client:
            return await client.get("/metrics")

    return asyncio.run(get())


def test_all_workers(inside: Callable[..., Any], bundle: Callable[..., bytes]) -> None:
    first, second = inside("a").start(), inside("b").start()
    first.client.activate(bundle({"根治": 0.97}))
    first.client.check("根治")
    answers = {
        1: {"exposition": second.server.metrics().decode(), "started_at": 2_000, "replaced": 3},
        0: {"exposition": first.server.metrics().decode(), "started_at": 1_000, "replaced": 0},
        2: {"error": "does not answer", "replaced": 1},
    }
    workers = Workers(answers)
    response = scrape(workers)
    assert workers.asked == ["metrics"]
    assert response.status_code == 200
    assert response.headers["content-type"] == CONTENT_TYPE
    families = {family.name: family for family in text_string_to_metric_families(response.text)}

    def by_worker(name: str, **labels: str) -> dict[str, float]:
        samples = families[name].samples
        return {s.labels["worker"]: s.value for s in samples if labels.items() <= s.labels.items()}

    assert by_worker("fairpost_worker_up") == {"0": 1, "1": 1, "2": 0}
    assert by_worker("fairpost_worker_replacements") == {"0": 0, "1": 3, "2": 1}
    assert by_worker("fairpost_worker_start_time_seconds") == {"0": 1, "1": 2}
    assert by_worker("fairpost_posts", action="BLOCK") == {"0": 1, "1": 0}
    assert len(by_worker("process_resident_memory_bytes")) == 2


def test_no_worker_at_all() -> None:
    response = scrape(Workers({}))
    assert response.status_code == 200
    assert "fairpost_worker_up" in response.text
