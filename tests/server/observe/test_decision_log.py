"""The decision log of real servers: what is in a record, what is picked, what is dropped, what survives SIGKILL."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import timestamp_pb2

from fairpost.client import CallFailed
from fairpost.server.calls.call import Kind, Method
from fairpost.server.observe.decisions import DecisionLog
from fairpost.server.observe.decisions.files import LogFile, files_of, read_records
from fairpost.server.observe.decisions.records import Recorder, time_of
from fairpost.server.observe.decisions.sampling import Sampling
from fairpost.v1 import filter_pb2, post_pb2, registry_pb2

WORDS = {"根治": 0.97, "特效": 0.65, "疗效": 0.4, "秘方": 0.85}
FILTER = "fairpost.v1.FilterService"
CHECK = Method(FILTER, "CheckPost", Kind.UNARY, 1 << 20)


@pytest.fixture
def logging(inside: Callable[..., Any], bundle: Callable[..., bytes], tmp_path: Path) -> Callable[..., Any]:
    """Makes servers with a decision log of everything, unless told otherwise."""

    def make(**options: Any) -> Any:
        settings = {"decision_log": tmp_path / "log", "decision_log_sample": ""} | options
        running = inside(**settings).start()
        running.client.activate(bundle(WORDS), source="test")
        return running

    return make


def records(running: Any, tmp_path: Path) -> list[dict[str, Any]]:
    """All of them; the server is stopped."""
    running.client.close()
    running.server.stop()
    return [record for path in files_of([tmp_path / "log"]) for record in read_records(path)]


def test_a_record(logging: Callable[..., Any], registration: Callable[..., Any], tmp_path: Path) -> None:
    running = logging()
    running.client.register(registration("tea-shop"))
    post = post_pb2.Post(id="p-1", seller_id="tea-shop", text="本店根治", channel="moments", language="zh")
    post.extra_texts.add(text="特效")
    post.created_at.CopyFrom(timestamp_pb2.Timestamp(seconds=1_735_660_799))  # 2024-12-31T23:59:59 in China
    verdict = running.client.check(post, unit=post_pb2.SPAN_UNIT_UTF8_BYTES, dry_run=True)
    standing = running.client.lookup("tea-shop").standing
    (record,) = records(running, tmp_path)
    masked = record.pop("seller_id")
    assert masked.startswith("masked:")
    assert len(masked) == len("masked:") + 32
    assert len(record.pop("texts_hash")) == 32
    milliseconds = time_of(verdict.decision_id)
    assert record.pop("time") == f"{np.datetime64(milliseconds, 'ms')}Z"
    assert abs(milliseconds / 1000 - time.time()) < 60
    assert record.pop("risk") == verdict.risk
    assert record.pop("commerce") == verdict.commerce
    assert record.pop("exposure") == verdict.exposure
    assert record == {
        "version": 1,
        "decision_id": verdict.decision_id,
        "method": f"{FILTER}/CheckPost",
        "revision": verdict.revision,
        "post_id": "p-1",
        "channel": "moments",
        "language": "zh",
        "created_at": 1_735_660_799,
        "day": "2024-12-31",
        "unit": "utf8",
        "dry_run": True,
        "seller": {
            "registration": "active",
            "enforcement": "none",
            "listing": "none",
            "licences": ["food"],
            "strikes": {},
            "tenure_days": standing.tenure_days,
            "open_complaints": 0,
        },
        "fail_policy": None,
        "action": "BLOCK",
        "labels": [{"category": "MEDICAL", "score": verdict.labels[0].score, "severity": "high"}],
        "evidence": [
            {"rule": "medical.0", "category": "MEDICAL", "text": 0, "begin": 6, "end": 12, "shadow": False},
            {"rule": "medical.1", "category": "MEDICAL", "text": 1, "begin": 0, "end": 6, "shadow": False},
        ],
        "bounds": [],
    }


def test_without_being_asked_no_words_of_the_post_are_written(logging: Callable[..., Any], tmp_path: Path) -> None:
    running = logging()
    post = post_pb2.Post(text="本店根治某某", seller_id="tea-shop")
    running.client.check(post)
    list(running.client.check_many([post]))
    running.client.close()
    running.server.stop()
    written = (tmp_path / "log" / "decisions-0.jsonl").read_text(encoding="utf-8")
    assert written.count("\n") == 2
    for word in ("本店", "根治", "某某", "tea-shop"):
        assert word not in written


def test_masks_are_the_same_everywhere_and_can_be_chosen(logging: Callable[..., Any], tmp_path: Path) -> None:
    running = logging(decision_log_masked="post_id")
    for text in ("根治", "根治", "今天"):
        running.client.check(text, id="p-1", seller_id="tea-shop")
    running.client.check("今天", id="p-2")
    found = records(running, tmp_path)
    assert [record["seller_id"] for record in found] == ["tea-shop"] * 3 + [""]
    first, second, third, fourth = (record["post_id"] for record in found)
    assert first == second == third != fourth
    assert found[0]["texts_hash"] == found[1]["texts_hash"] != found[2]["texts_hash"]


def test_sellers_of_all_outcomes(logging: Callable[..., Any], tmp_path: Path) -> None:
    running = logging(on_unavailable="unregistered")
    running.client.check("今天")
    running.client.check("今天", seller_id="nobody")
    running.server.registry.lookups.table.available = False
    running.client.check("今天", seller_id="nobody")
    found = [(record["seller"], record["fail_policy"]) for record in records(running, tmp_path)]
    assert found[:2] == [(None, None), ("unknown", None)]
    assert found[2] in [("unavailable", "unregistered"), ("unknown", None)]  # it recovers by itself


def test_batches_are_logged_post_by_post_without_those_at_fault(logging: Callable[..., Any], tmp_path: Path) -> None:
    running = logging()
    texts = ["根治", "", "特效", "x" * 100_001, "疗效", "秘方"]
    posts = [post_pb2.Post(id=str(i), text=text) for i, text in enumerate(texts)]
    streamed = [each.verdict.decision_id for each in running.client.check_many(posts, batch=4) if not each.error]
    request = filter_pb2.CheckPostsRequest(posts=posts).SerializeToString()
    # One that is not UTF-8, as no client of ours would send it.
    request += b"\x0a\x05\x1a\x03a\xff\xff" + filter_pb2.CheckPostsRequest(posts=posts[:1]).SerializeToString()
    call = running.client.channel.unary_unary(f"/{FILTER}/CheckPosts")
    answer = filter_pb2.CheckPostsResponse.FromString(call(request))
    judged = [each.verdict.decision_id for each in answer.results if each.verdict.action]
    found = records(running, tmp_path)
    assert [record["decision_id"] for record in found] == streamed + judged
    assert [record["post_id"] for record in found] == ["0", "2", "4", "5"] * 2 + ["0"]
    assert [record["action"] for record in found[:4]] == ["BLOCK", "REVIEW", "LIMIT", "SHIELD"]
    assert {record["method"].rpartition("/")[2] for record in found} == {"StreamCheck", "CheckPosts"}


def test_sampling_by_action(logging: Callable[..., Any], tmp_path: Path) -> None:
    running = logging(decision_log_sample="ALLOW=0, LIMIT=0.5")
    posts = [post_pb2.Post(text=text) for text in ("今天", "疗效", "根治")] * 400
    list(running.client.check_many(posts))
    running.client.check("今天")
    running.server.registry.violations.wait(60)
    assert running.server.decisions.flush()
    exposition = running.server.metrics().decode()
    actions = [record["action"] for record in records(running, tmp_path)]
    assert actions.count("ALLOW") == 0
    assert actions.count("BLOCK") == 400
    assert 140 < actions.count("LIMIT") < 260
    assert f"fairpost_decision_log_records_total {float(len(actions))}\n" in exposition
    assert f"fairpost_decision_log_sampled_out_total {float(1201 - len(actions))}\n" in exposition


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ALLOW", "'ALLOW' is not ACTION=SHARE"),
        ("ALLOW=2", "'ALLOW=2' is not ACTION=SHARE with an action of ALLOW, LIMIT, REVIEW, SHIELD, BLOCK and a share"),
        ("allow=1", "'allow=1' is not ACTION=SHARE"),
        ("ALLOW=nan", "'ALLOW=nan' is not ACTION=SHARE"),
        ("ALLOW=1,ALLOW=0", "ALLOW is named twice"),
    ],
)
def test_wrong_shares(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sampling.parse(text)


def test_shares_hold_in_the_long_run() -> None:
    sampling = Sampling.parse("ALLOW=0.01,LIMIT=0", seed=7)
    actions = np.repeat(np.array([0, 1, 2, 3, 5, 77], np.uint8), 100_000)
    picked = np.bincount(actions[np.array(sampling.picked(actions))], minlength=78)
    assert picked[0] == picked[2] == 0
    assert 900 < picked[1] < 1100
    assert picked[3] == picked[5] == picked[77] == 100_000
    assert Sampling.parse("ALLOW=0").picked(np.ones(5, np.uint8)) == []


# ---- the log alone ----------------------------------------------------------------------------------------


def exchange(text: str = "今天", action: int = 1) -> tuple[bytes, bytes]:
    request = filter_pb2.CheckPostRequest(post=post_pb2.Post(text=text))
    response = filter_pb2.CheckPostResponse()
    response.verdict.action = action  # type: ignore[assignment]
    response.verdict.decision_id = "01M8HRSYK8DAJTMD10000EJ9KE"
    return request.SerializeToString(), response.SerializeToString()


@pytest.fixture
def alone(tmp_path: Path) -> Callable[..., DecisionLog]:
    def make(sample: str = "", **options: Any) -> DecisionLog:
        file = LogFile(tmp_path / "log", "0", max_bytes=1 << 30, max_seconds=1e9)
        return DecisionLog(file, Recorder(bytes(32)), Sampling.parse(sample), **options)

    return make


def test_a_full_queue_drops_and_counts_and_never_waits(alone: Callable[..., DecisionLog], tmp_path: Path) -> None:
    log = alone(room=1000)
    request, response = exchange()
    began = time.monotonic()
    for _ in range(1000):
        log.take(CHECK, request, response)
    assert time.monotonic() - began < 1
    fitting = 1000 // (len(request) + len(response) + 200)
    counts = log.counts()
    assert counts.dropped == {"queue_full": 1000 - fitting, "write_failed": 0, "unreadable": 0}
    assert 0 < counts.waiting <= 1000
    log.start()
    assert log.flush()
    log.take(CHECK, request, response)
    log.close()
    assert log.counts().written == fitting + 1
    assert len(list(read_records(tmp_path / "log" / "decisions-0.jsonl"))) == fitting + 1
    log.take(CHECK, request, response)
    assert log.counts().dropped["queue_full"] == 1001 - fitting


def test_a_disk_that_fails_drops_and_counts(alone: Callable[..., DecisionLog], monkeypatch: pytest.MonkeyPatch) -> None:
    log = alone()

    def fails(_lines: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log._file, "append", fails)
    log.start()
    log.take(CHECK, *exchange())
    assert log.flush()
    monkeypatch.undo()
    log.take(CHECK, *exchange())
    log.close()
    assert log.counts().dropped["write_failed"] == 1
    assert log.counts().written == 1


def test_messages_that_cannot_be_read_are_counted(alone: Callable[..., DecisionLog]) -> None:
    log = alone()
    log.start()
    log.take(CHECK, b"\xff", b"\xff")
    log.take(CHECK, *exchange())
    log.close()
    assert log.counts().dropped["unreadable"] == 1
    assert log.counts().written == 1


def test_other_methods_have_no_decisions(alone: Callable[..., DecisionLog]) -> None:
    log = alone()
    assert log.wants(CHECK)
    assert not log.wants(Method(FILTER, "Other", Kind.UNARY, 1))
    registry = registry_pb2.DESCRIPTOR.services_by_name["RegistryService"].full_name
    assert not log.wants(Method(registry, "CheckPost", Kind.UNARY, 1))
    log.close()


def test_it_takes_no_more_than_its_share(alone: Callable[..., DecisionLog]) -> None:
    log = alone(share=0.05)
    log.start()
    request, response = exchange()
    for _ in range(20_000):
        log.take(CHECK, request, response)
    assert log._thread.ident is not None
    clock = time.pthread_getcpuclockid(log._thread.ident)
    before, began = time.clock_gettime(clock), time.monotonic()
    threading.Event().wait(1.0)
    used, elapsed = time.clock_gettime(clock) - before, time.monotonic() - began
    assert log.counts().waiting, "it had work all the time"
    assert used / elapsed < 0.1
    log.close(seconds=0)
    assert log.counts().dropped["queue_full"] > 0, "what nobody waits for is counted"


# ---- killed -----------------------------------------------------------------------------------------------


def test_no_torn_line_after_sigkill(server: Callable[..., Any], bundle: Callable[..., bytes], tmp_path: Path) -> None:
    options = {"decision_log": tmp_path / "log", "decision_log_sample": "", "decision_log_texts": True}
    options |= {"decision_log_share": 1.0, "decision_log_file_bytes": 1 << 20}
    running = server(**options)
    posts = [post_pb2.Post(id=str(i), text="今天天气真好，根治" * 50) for i in range(64)]
    seen: set[str] = set()

    def check_until_it_fails() -> None:
        while True:
            seen.update(each.verdict.decision_id for each in running.client.check_batch(posts))

    for round_ in range(3):
        running.start()
        running.client.activate(bundle(WORDS), source="test")
        killed = threading.Timer(0.3 + 0.1 * round_, running.kill_now)
        killed.start()
        with pytest.raises(CallFailed, match="UNAVAILABLE"):
            check_until_it_fails()
        killed.join()
        running.process.wait(60)
        running.client.close()
    running.start()
    running.stop()
    files = files_of([tmp_path / "log"])
    assert len(files) > 1, "they were rotated"
    logged = []
    for path in files:
        content = path.read_bytes()
        # Killed between a rotation and the first line after it, a worker leaves a file of no lines.
        assert not content or content.endswith(b"\n")
        logged += [json.loads(line)["decision_id"] for line in content.splitlines()]
    assert len(logged) == len(set(logged)) > 64
    # What waited in the queue is lost; nothing is there that was not decided.
    assert len(set(logged) - seen) <= 3 * 64 * 4


def test_what_waits_is_written_when_the_server_stops(logging: Callable[..., Any], tmp_path: Path) -> None:
    running = logging(decision_log_share=0.01)
    list(running.client.check_many([post_pb2.Post(text="根治")] * 3000))
    assert len(records(running, tmp_path)) == 3000


def test_a_folder_that_cannot_be_used(inside: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = inside(decision_log=tmp_path / "file" / "log").refused()
    assert refused == f"{tmp_path}/file/log: cannot be used for the decision log: Not a directory"
