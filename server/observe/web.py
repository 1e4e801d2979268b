"""`/metrics` of the HTTP side: what all workers count, each sample with the label `worker`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fairpost.server.observe.exposition import merged
from fairpost.server.observe.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import Metric
    from starlette.requests import Request

    class Gatherer(Protocol):
        """All workers, as the HTTP side sees them (server/web/app.py)."""

        async def gather(self, question: str, content: Any = None, *, timeout: float = ...) -> Mapping[int, Any]: ...


__all__ = ["QUESTION", "exposition_of", "metrics_routes"]

QUESTION: Final = "metrics"
"""What a worker is asked; its answer has the key "exposition": Prometheus' text format."""


def metrics_routes(workers: Gatherer) -> list[BaseRoute]:
    """The route /metrics."""

    async def metrics(_request: Request) -> Response:
        """A worker that does not answer has `fairpost_worker_up` 0, and no other samples."""
        content = exposition_of(await workers.gather(QUESTION))
        return Response(content, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    return [Route("/metrics", metrics)]


def exposition_of(answers: Mapping[int, Mapping[str, Any]]) -> bytes:
    """One exposition of all workers' answers, by number: their own, and what the supervisor knows of them
    (`started_at` in milliseconds, `replaced`, `error`)."""
    registry = CollectorRegistry()
    registry.register(_Workers(answers))
    own = {
        str(number): answer["exposition"].encode()
        for number, answer in sorted(answers.items())
        if "exposition" in answer
    }
    return generate_latest(registry) + merged(own)


class _Workers(Collector):
    def __init__(self, answers: Mapping[int, Mapping[str, Any]]) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("fairpost_worker_up", "1 if the worker answers.", labels=["worker"])
        started = GaugeMetricFamily(
            "fairpost_worker_start_time_seconds", "When the worker was started.", labels=["worker"]
        )
        replaced = CounterMetricFamily(
            "fairpost_worker_replacements", "Times that the worker died and was replaced.", labels=["worker"]
        )
        for number, answer in sorted(self._answers.items()):
            worker = [str(number)]
            up.add_metric(worker, int("exposition" in answer))
            if answer.get("started_at"):
                started.add_metric(worker, answer["started_at"] / 1000)
            replaced.add_metric(worker, answer.get("replaced", 0))
        yield up
        yield started
        yield replaced
