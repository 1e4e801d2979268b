"""All counts of one server process, as Prometheus reads them. docs/observability.md has the table of the metrics.

Calls are named as the gRPC ecosystem names them (grpc_server_*), so that dashboards made for it work; what is ours is
fairpost_*.
"""

from __future__ import annotations

import importlib.metadata
import time
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from fairpost.engine.vocabulary import CATEGORIES
from fairpost.server.calls.call import Kind
from fairpost.server.observe.calls import BUCKETS, CODES, OK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import Metric

    from fairpost.server.activation import RuleSets
    from fairpost.server.calls.call import Method
    from fairpost.server.counts import Counts
    from fairpost.server.observe.calls import CallCounts, Histogram, MethodCounts
    from fairpost.server.observe.decisions import DecisionLog
    from fairpost.server.registry import Registry
    from fairpost.server.reviews.intake import Intake

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of what `Metrics.exposition` gives."""

_TYPES: Final = {Kind.UNARY: "unary", Kind.STREAM: "bidi_stream", Kind.PARTS: "server_stream"}
_METHOD: Final = ("grpc_type", "grpc_service", "grpc_method")


class Metrics:
    """What a server process counts. decisions: None where there is no decision log."""

    def __init__(
        self,
        *,
        calls: CallCounts,
        counts: Counts,
        rule_sets: RuleSets,
        registry: Registry,
        reviews: Intake,
        decisions: DecisionLog | None = None,
    ) -> None:
        self._registry = CollectorRegistry()
        for collector in (
            _Calls(calls),
            _Verdicts(counts, rule_sets),
            _RuleSets(rule_sets),
            _Standings(registry),
            _Reviews(reviews),
            *([_Decisions(decisions)] if decisions is not None else []),
        ):
            self._registry.register(collector)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def exposition(self) -> bytes:
        """All metrics of now, in Prometheus' text format."""
        return generate_latest(self._registry)


class _Calls(Collector):
    def __init__(self, calls: CallCounts) -> None:
        self._calls = calls

    def collect(self) -> Iterator[Metric]:
        counts = self._calls.read()
        yield _by_method("grpc_server_started", "Calls that have begun.", counts, lambda c: c.started)
        handled = CounterMetricFamily(
            "grpc_server_handled", "Calls that have ended, by status code.", labels=(*_METHOD, "grpc_code")
        )
        for count in counts:
            for code, ended in enumerate(count.ended):
                if ended or code == OK:
                    handled.add_metric([*_names(count.method), CODES[code]], ended)
        yield handled
        yield _by_method("grpc_server_msg_received", "Messages received.", counts, lambda c: c.received)
        yield _by_method("grpc_server_msg_sent", "Messages sent.", counts, lambda c: c.sent)
        yield _by_method(
            "fairpost_received_bytes", "Bytes of the messages received.", counts, lambda c: c.received_bytes
        )
        yield _by_method("fairpost_sent_bytes", "Bytes of the messages sent.", counts, lambda c: c.sent_bytes)
        flying = GaugeMetricFamily("fairpost_calls_in_flight", "Calls that are being answered.", labels=_METHOD)
        for count in counts:
            flying.add_metric(_names(count.method), count.in_flight)
        yield flying
        refused = CounterMetricFamily(
            "fairpost_calls_refused", "Calls that ended with an error, by its Reason.", labels=(*_METHOD, "reason")
        )
        for (method, reason), number in self._calls.refused().items():
            refused.add_metric([*_names(method), reason], number)
        yield refused
        called = [count for count in counts if count.started]
        yield _histogram(
            "grpc_server_handling_seconds",
            "Time from the request to the answer inside of the server; of streams, while they were open.",
            ((count.method, count.calls) for count in called),
        )
        yield _histogram(
            "fairpost_stream_message_seconds",
            "Time from a request message of a stream to its answer inside of the server.",
            ((count.method, count.messages) for count in called if count.method.kind is Kind.STREAM),
        )


class _Verdicts(Collector):
    def __init__(self, counts: Counts, rule_sets: RuleSets) -> None:
        self._counts = counts
        self._rule_sets = rule_sets

    def collect(self) -> Iterator[Metric]:
        active = self._rule_sets.serving
        totals = self._counts.read()
        # The first category is a signal and no violation.
        labels = {name: totals.categories.get(name, 0) for name in CATEGORIES[1:]}
        # Those of other revisions would only add up.
        rules = {name: totals.rules.get(name, 0) for name in active.rule_ids} if active is not None else {}
        yield _by_name("fairpost_posts", "Posts judged, by action.", "action", totals.actions)
        yield _by_name("fairpost_posts_refused", "Posts that could not be judged.", "reason", totals.faults)
        yield _by_name("fairpost_labels", "Posts by violation category.", "category", labels)
        yield _by_name(
            "fairpost_rule_hits",
            "Posts on which a rule of the active rule set fired, shadow rules too.",
            "rule",
            rules,
        )


class _RuleSets(Collector):
    def __init__(self, rule_sets: RuleSets) -> None:
        self._rule_sets = rule_sets

    def collect(self) -> Iterator[Metric]:
        version = importlib.metadata.version("fairpost")
        build = GaugeMetricFamily("fairpost_build_info", "Version of the server.", labels=["version"])
        build.add_metric([version], 1)
        yield build
        active = self._rule_sets.active
        info = GaugeMetricFamily("fairpost_rule_set_info", "The active rule set.", labels=["revision", "name"])
        if active is not None:
            info.add_metric([active.revision, active.name], 1)
        yield info
        yield _gauge("fairpost_rule_set_rules", "Rules of the active rule set.", active.rule_count if active else 0)
        yield _gauge(
            "fairpost_rule_set_patterns",
            "Patterns of the active rule set.",
            active.pattern_count if active else 0,
        )
        yield _gauge(
            "fairpost_rule_set_activated_timestamp_seconds",
            "When the active rule set was activated; 0: none is active.",
            active.activated_at / 1000 if active else 0,
        )
        activations = CounterMetricFamily(
            "fairpost_activations", "Activations by outcome; refused ones by Reason.", labels=["outcome", "reason"]
        )
        outcomes = dict(self._rule_sets.outcomes)
        activations.add_metric(["active", ""], outcomes.pop(("active", ""), 0))
        for (outcome, reason), number in outcomes.items():
            activations.add_metric([outcome, reason], number)
        yield activations


class _Standings(Collector):
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        lookups, violations, jobs = self._registry.lookups, self._registry.violations, self._registry.jobs
        yield _gauge("fairpost_registry_sellers", "Sellers in the table of standings.", len(lookups.table))
        yield _gauge(
            "fairpost_registry_available", "1 if standings are answered, 0 if all are UNAVAILABLE.",
            int(lookups.table.available),
        )  # fmt: skip
        yield _gauge("fairpost_registry_sequence", "Event of the log that the table shows.", lookups.table.sequence)
        yield _gauge(
            "fairpost_registry_lag_events",
            "Events of the store that the table does not show yet.",
            max(0, lookups.seen - lookups.table.sequence),
        )
        yield _gauge(
            "fairpost_registry_lag_seconds",
            "Time since the table was known to show all that the store has.",
            max(0.0, time.monotonic() - lookups.current_at),
        )
        yield _gauge("fairpost_violations_waiting", "Violations not written yet.", violations.waiting)
        yield _counter("fairpost_violations_recorded", "Violations written to sellers' logs.", violations.recorded)
        yield _counter(
            "fairpost_violations_lost",
            "Violations not written; they come again when their posts are checked again.",
            violations.lost,
        )
        runs = CounterMetricFamily("fairpost_job_runs", "Runs of the registry's jobs.", labels=["job_name", "state"])
        for (job, state), number in list(jobs.outcomes.items()):
            runs.add_metric([job, state], number)
        yield runs


class _Reviews(Collector):
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def collect(self) -> Iterator[Metric]:
        intake = self._intake
        yield _counter("fairpost_reviews_queued", "Posts queued for people to decide on.", intake.queued)
        yield _gauge("fairpost_reviews_waiting", "Posts that were not looked at yet.", intake.waiting)
        yield _counter(
            "fairpost_reviews_lost", "Posts not queued; they come again when they are checked again.", intake.lost
        )


class _Decisions(Collector):
    def __init__(self, decisions: DecisionLog) -> None:
        self._decisions = decisions

    def collect(self) -> Iterator[Metric]:
        counts = self._decisions.counts()
        yield _counter("fairpost_decision_log_records", "Records written to the decision log.", counts.written)
        yield _counter("fairpost_decision_log_sampled_out", "Decisions left out by sampling.", counts.sampled_out)
        yield _by_name(
            "fairpost_decision_log_dropped_messages",
            "Messages whose decisions were not logged though they should have been.",
            "reason",
            counts.dropped,
        )
        yield _gauge("fairpost_decision_log_queue_bytes", "Bytes of messages that wait to be logged.", counts.waiting)
        yield _counter("fairpost_decision_log_rotations", "Files of the decision log that were closed.", counts.files)
        yield _counter(
            "fairpost_decision_log_cut_lines",
            "Incomplete last lines that were cut off at the start.",
            counts.cut_lines,
        )


def _names(method: Method) -> list[str]:
    return [_TYPES[method.kind], method.service, method.name]


def _by_method(name: str, text: str, counts: Iterable[MethodCounts], number) -> CounterMetricFamily:  # type: ignore[no-untyped-def]
    family = CounterMetricFamily(name, text, labels=_METHOD)
    for count in counts:
        family.add_metric(_names(count.method), number(count))
    return family


def _by_name(name: str, text: str, label: str, counts: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, number in counts.items():
        family.add_metric([key], number)
    return family


def _gauge(name: str, text: str, number: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=number)


def _counter(name: str, text: str, number: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=number)


def _histogram(name: str, text: str, found: Iterable[tuple[Method, Histogram]]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=_METHOD)
    for method, histogram in found:
        buckets, total = [], 0
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), histogram.counts, strict=True):
            total += count
            buckets.append((bound, total))
        family.add_metric(_names(method), buckets, histogram.seconds)
    return family
