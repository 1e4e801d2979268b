"""What benchmarks/load.py sends and prints."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import load
import pytest
from load import Figures, Row, Workload

from fairpost.v1 import filter_pb2, registry_pb2


def test_frames() -> None:
    assert load.frames([b"ab", b""]) == struct.pack("<I", 2) + b"ab" + struct.pack("<I", 0)


def test_requests_are_what_the_methods_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAIRPOST_CORPORA", raising=False)
    monkeypatch.setattr(load, "POSTS", 600)
    found = {workload.name: workload for workload in load.workloads()}
    assert list(found) == [
        "bare grpcio echo",
        "StreamCheck, 64 sample posts a message",
        "StreamCheck, 256 sample posts a message",
        "CheckPost, sample posts",
        "LookupSeller",
        "BatchLookupSellers, 1,000 ids",
    ]
    stream = found["StreamCheck, 256 sample posts a message"]
    request = filter_pb2.StreamCheckRequest.FromString(stream.messages[0])
    assert (len(stream.messages), len(request.posts), request.dry_run) == (2, 256, True)
    assert all(post.text and post.seller_id for post in request.posts)
    batch = registry_pb2.BatchLookupSellersRequest.FromString(found["BatchLookupSellers, 1,000 ids"].messages[0])
    assert len(batch.seller_ids) == found["BatchLookupSellers, 1,000 ids"].per == 1000


def test_table() -> None:
    unary = Row(Workload("CheckPost", "/x", [b""]), Figures(9_000, 1, 2, 0, 0.9), Figures(4_500, 190, 810, 0, 0.5))
    stream = Row(Workload("StreamCheck", "/x", [b""], 64, "stream"), Figures(10_000, 1, 2, 0, 1.0))
    stream.objects = Figures(2_500, 1, 2, 0, 1.0)
    assert load.table([unary, stream, Row(Workload("none", "/x", []))], Figures(10_000, 1, 1, 0, 1.0)).splitlines() == [
        "| workload | messages/s | posts or ids/s | of the echo | of objects | CPU a message | a CPU-second "
        "| p50 | p99 | at |",
        "|---|---|---|---|---|---|---|---|---|---|",
        "| CheckPost | 9,000 | 9,000 | 0.90 |  | 100.0 µs | 10,000 | 190 µs | 810 µs | 50% |",
        "| StreamCheck | 10,000 | 640,000 |  | 4.00 x | 100.0 µs | 640,000 | | | |",
    ]


def test_half_the_load_is_the_nearest_to_it() -> None:
    row = Row(Workload("x", "/x", [b""]), Figures(10_000, 1, 1, 0, 1.0))
    rates = {1: 2_000.0, 2: 4_400.0, 3: 6_000.0, 4: 7_000.0}
    asked = []

    def run(workload: Workload) -> Figures:
        asked.append(workload.callers)
        return Figures(rates[workload.callers], 1, 1, 0, 1.0)

    found = load.with_half_the_load(row, run)
    assert found is not None
    assert (found.rate, asked) == (4_400.0, [1, 2, 3])


def test_processor_time_is_counted_with_children() -> None:
    before = load.processor_seconds(os.getpid())
    assert before > 0
    sum(i * i for i in range(2_000_000))
    assert load.processor_seconds(os.getpid()) >= before


def test_without_a_load_generator_it_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["load.py"])
    monkeypatch.setenv("FAIRPOST_LOADGEN", str(tmp_path / "nothing"))
    assert load.main() == 0
    assert "left out: FAIRPOST_LOADGEN names no program" in capsys.readouterr().err
