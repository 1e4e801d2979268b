"""Metrics of a real server after known calls, read by Prometheus' own parser."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fairpost.client import CallFailed
from fairpost.server.calls.call import Kind, Method
from fairpost.server.errors import InvalidArgument
from fairpost.server.observe.access import AccessLog
from fairpost.server.observe.calls import BUCKETS, CALLS, WIDTH, CallCounts, bucket
from fairpost.server.observe.watch import Watch
from fairpost.v1 import filter_pb2, post_pb2, reason_pb2

FILTER = "fairpost.v1.FilterService"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_of(exposition: bytes) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition.decode())
        for sample in family.samples
    }


class Seen:
    """Metrics of a server inside this process, by name and labels."""

    def __init__(self, running: Any) -> None:
        self._samples = samples_of(running.server.metrics())

    def __call__(self, name: str, /, **labels: str) -> float:
        """The sum of the samples with these labels."""
        wanted = set(labels.items())
        found = [value for (each, have), value in self._samples.items() if each == name and wanted <= have]
        assert found, (name, labels)
        return sum(found)

    def labels(self, name: str, label: str) -> dict[str, float]:
        return {dict(have)[label]: value for (each, have), value in self._samples.items() if each == name}


@pytest.fixture
def running(inside: Callable[..., Any], bundle: Callable[..., bytes]) -> Any:
    server = inside().start()
    server.client.activate(bundle({"根治": 0.97, "特效": 0.65, "疗效": 0.4}), source="test")
    return server


def test_before_the_first_activation(inside: Callable[..., Any]) -> None:
    server = inside().start()
    with contextlib.suppress(CallFailed):
        server.client.check("今天天气")
    seen = Seen(server)
    assert seen("fairpost_rule_set_rules") == 0
    assert seen("fairpost_activations_total", outcome="active") == 0
    assert seen("grpc_server_handled_total", grpc_method="CheckPost", grpc_code="FAILED_PRECONDITION") == 1
    assert seen("fairpost_calls_refused_total", reason="REASON_NO_ACTIVE_RULE_SET", grpc_method="CheckPost") == 1


def test_calls_messages_and_bytes(running: Any) -> None:
    post = post_pb2.Post(id="1", text="今天天气真好")
    request = filter_pb2.CheckPostRequest(post=post)
    sent = sum(running.client.call("CheckPost", request).ByteSize() for _ in range(3))
    with pytest.raises(CallFailed):
        running.client.check("")
    assert len(list(running.client.check_many([post] * 10, batch=4))) == 10
    seen = Seen(running)
    unary = {"grpc_service": FILTER, "grpc_method": "CheckPost", "grpc_type": "unary"}
    assert seen("grpc_server_started_total", **unary) == 4
    assert seen("grpc_server_handled_total", **unary, grpc_code="OK") == 3
    assert seen("grpc_server_handled_total", **unary, grpc_code="INVALID_ARGUMENT") == 1
    assert seen("fairpost_calls_refused_total", **unary, reason="REASON_EMPTY_TEXT") == 1
    assert seen("grpc_server_msg_received_total", **unary) == seen("grpc_server_msg_sent_total", **unary) == 3
    assert seen("fairpost_received_bytes_total", **unary) == 3 * request.ByteSize()
    assert seen("fairpost_sent_bytes_total", **unary) == sent
    assert seen("grpc_server_handling_seconds_count", **unary) == 4
    assert seen("grpc_server_handling_seconds_bucket", **unary, le="+Inf") == 4
    assert 0 < seen("grpc_server_handling_seconds_sum", **unary) < 4
    stream = {"grpc_method": "StreamCheck", "grpc_type": "bidi_stream"}
    assert seen("grpc_server_handled_total", **stream, grpc_code="OK") == 1
    assert seen("grpc_server_msg_received_total", **stream) == seen("grpc_server_msg_sent_total", **stream) == 3
    assert seen("fairpost_stream_message_seconds_count", **stream) == 3
    assert seen("fairpost_calls_in_flight") == 0
    assert seen("grpc_server_started_total") == 6  # the activation too


def test_posts_labels_rules_and_faults(running: Any) -> None:
    posts = [post_pb2.Post(text=text) for text in ("今天", "根治与特效", "根治", "", "疗效", "x" * 200_000)]
    posts.append(post_pb2.Post(text="好", id="x" * 300))
    list(running.client.check_many(posts))
    running.client.check("特效")
    seen = Seen(running)
    actions = {"ALLOW": 1, "LIMIT": 1, "REVIEW": 1, "SHIELD": 0, "BLOCK": 2}
    assert seen.labels("fairpost_posts_total", "action") == actions
    faults = {"REASON_EMPTY_TEXT": 1, "REASON_TEXT_TOO_LONG": 1, "REASON_INVALID_FIELD": 1}
    assert seen.labels("fairpost_posts_refused_total", "reason") == faults
    labels = seen.labels("fairpost_labels_total", "category")
    assert labels.pop("MEDICAL") == 4
    assert len(labels) > 10
    assert set(labels.values()) == {0}
    rules = {"medical.0": 2, "medical.1": 2, "medical.2": 1, "seller.unregistered": 0}
    assert seen.labels("fairpost_rule_hits_total", "rule") == rules


def test_rules_are_those_of_the_active_revision_and_go_on_counting(running: Any, bundle: Callable[..., bytes]) -> None:
    running.client.check("根治")
    running.client.activate(bundle({"根治": 0.9}, name="other", seller_rules=False), force=True)
    running.client.check("根治")
    seen = Seen(running)
    assert seen.labels("fairpost_rule_hits_total", "rule") == {"medical.0": 2}
    assert seen("fairpost_rule_set_info", name="other") == 1
    assert set(seen.labels("fairpost_rule_set_info", "revision")) == {running.client.status().active.revision}
    assert seen("fairpost_rule_set_rules") == seen("fairpost_rule_set_patterns") == 1
    assert seen("fairpost_activations_total", outcome="active") == 2
    running.client.roll_back()
    assert set(Seen(running).labels("fairpost_rule_hits_total", "rule")) > {"medical.2", "seller.unregistered"}
    assert Seen(running)("fairpost_rule_hits_total", rule="medical.0") == 2


def test_refused_activations(running: Any) -> None:
    with pytest.raises(CallFailed):
        running.client.activate(b"no bundle")
    seen = Seen(running)
    assert seen("fairpost_activations_total", outcome="refused", reason="REASON_INVALID_BUNDLE") == 1
    assert seen("fairpost_activations_total", outcome="active") == 1


def test_registry_violations_and_jobs(running: Any, registration: Callable[..., Any]) -> None:
    running.client.register(registration("seller-1"))
    running.client.check("根治", seller_id="seller-1")
    registry = running.server.registry
    assert registry.violations.wait(60)
    for job in registry.jobs._jobs:
        registry.jobs.run(job)
    seen = Seen(running)
    assert seen("fairpost_registry_sellers") == 1
    assert seen("fairpost_registry_available") == 1
    assert seen("fairpost_registry_sequence") == registry.lookups.table.sequence > 0
    assert seen("fairpost_registry_lag_events") == 0
    assert seen("fairpost_registry_lag_seconds") < 5
    assert seen("fairpost_violations_recorded_total") == 1
    assert seen("fairpost_violations_waiting") == seen("fairpost_violations_lost_total") == 0
    assert {"days", "complaints", "retention"} <= set(seen.labels("fairpost_job_runs_total", "job_name"))
    assert seen("fairpost_job_runs_total", job_name="retention", state="done") >= 1


def test_lag_is_told_while_the_store_cannot_be_followed(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lookups = running.server.registry.lookups
    monkeypatch.setattr(
        lookups, "catch_up", lambda: (_ for _ in ()).throw(InvalidArgument(reason_pb2.REASON_UNSPECIFIED, "away"))
    )
    behind = lookups.table.sequence + 3
    monkeypatch.setattr(running.server.registry.core.store, "sequence", lambda: behind)
    before = lookups.current_at
    deadline = threading.Event()
    while lookups.seen != behind:
        deadline.wait(0.01)
    seen = Seen(running)
    assert seen("fairpost_registry_lag_events") == 3
    assert lookups.current_at - before < 1


def test_process_and_build(running: Any) -> None:
    seen = Seen(running)
    assert seen("fairpost_build_info") == 1
    assert seen("process_resident_memory_bytes") > 1e6
    assert seen("process_cpu_seconds_total") > 0
    assert seen("python_info") == 1


def test_callers_that_go_away_are_cancelled_calls(running: Any) -> None:
    parts = running.client.watch()
    next(iter(parts))
    during = Seen(running)
    watch = {"grpc_method": "WatchSellers", "grpc_type": "server_stream"}
    assert during("fairpost_calls_in_flight", **watch) == 1
    assert during("grpc_server_msg_received_total", **watch) == 1
    running.client.close()
    tries = threading.Event()
    for _ in range(500):
        if Seen(running)("fairpost_calls_in_flight", **watch) == 0:
            break
        tries.wait(0.02)
    assert Seen(running)("grpc_server_handled_total", **watch, grpc_code="CANCELLED") == 1


def test_threads_count_for_themselves_and_nothing_is_lost() -> None:
    methods = [Method("s", name, Kind.UNARY, 1) for name in ("A", "B")]
    watch = Watch(methods, access_log=AccessLog())
    call: Any = None

    def work() -> None:
        for _ in range(2000):
            watched = watch.begin(methods[1], call)
            watched.message(b"abc", b"de")
            watched.end(None)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = watch.calls.read()
    assert first.started == sum(first.ended) == sum(first.calls.counts) == 0
    assert second.started == second.ended[0] == second.received == second.sent == sum(second.calls.counts) == 8000
    assert (second.received_bytes, second.sent_bytes) == (24_000, 16_000)
    assert second.in_flight == 0


@pytest.mark.parametrize("place", range(len(BUCKETS)))
def test_buckets_include_their_bound(place: int) -> None:
    bound = round(BUCKETS[place] * 1e9)
    assert bucket(bound) == place
    assert bucket(bound + 1) == place + 1


def test_a_method_has_a_place_for_every_number() -> None:
    counts = CallCounts([Method("s", "A", Kind.UNARY, 1)])
    assert len(counts.local.counts) == WIDTH
    assert CALLS + 2 * (len(BUCKETS) + 1) == WIDTH


def test_refusals_are_counted_by_reason() -> None:
    method = Method("s", "A", Kind.UNARY, 1)
    counts = CallCounts([method])
    error = InvalidArgument(reason_pb2.REASON_INVALID_FIELD, "wrong")
    counts.refuse(method, error)
    counts.refuse(method, error)
    assert counts.refused() == {(method, "REASON_INVALID_FIELD"): 2}
