"""RulesService: activation, its guards, roll back, status, history, and what survives a restart."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from fairpost.client import CallFailed
from fairpost.engine import RuleSet
from fairpost.v1 import rules_pb2, verdict_pb2

if TYPE_CHECKING:
    from pathlib import Path

WORDS = {"根治": 0.97, "特效": 0.65, "疗效": 0.4, "痊愈": 0.4}


def failure(call: Any, *arguments: Any, **options: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(*arguments, **options)
    return caught.value


def test_before_the_first_activation(inside: Any, registration: Any) -> None:
    client = inside().start().client
    calls = [lambda: client.check("好"), lambda: client.check_batch([]), lambda: next(client.stream([[]]))]
    for call in calls:
        found = failure(call)
        assert (found.code, found.reason) == ("FAILED_PRECONDITION", "REASON_NO_ACTIVE_RULE_SET")
        assert found.message == "no rule set is active yet; activate one with RulesService.ActivateBundle"
    status = client.status()
    assert (status.serving, status.HasField("active"), status.HasField("last_failure")) == (False, False, False)
    assert client.revisions() == []
    found = failure(client.roll_back)
    assert (found.code, found.reason) == ("FAILED_PRECONDITION", "REASON_NO_EARLIER_REVISION")
    # The registry needs no rules.
    assert client.register(registration()).seller.seller_id == "seller-1"


def test_activation_roll_back_and_restart(server: Any, bundle: Any) -> None:
    running = server().start()
    client = running.client
    first, second = bundle(WORDS, name="first"), bundle(WORDS | {"根治": 0.4}, name="second")
    answer = client.activate(first, source="first.fpb")
    assert not answer.HasField("previous")
    one = answer.active
    expected = RuleSet.from_bytes(first)
    assert (one.revision, one.digest) == (expected.revision, expected.digest)
    assert (one.name, one.source, one.active) == ("first", "first.fpb", True)
    assert (one.size_bytes, one.rule_count, one.pattern_count) == (len(first), 5, 4)
    assert client.check("根治").action == verdict_pb2.ACTION_BLOCK

    answer = client.activate(second)
    assert (answer.active.name, answer.active.source, answer.previous.revision) == (
        "second",
        "ActivateBundle",
        one.revision,
    )
    verdict = client.check("根治")
    assert (verdict.action, verdict.revision) == (verdict_pb2.ACTION_LIMIT, answer.active.revision)
    assert [revision.name for revision in client.revisions()] == ["second", "first"]
    assert [revision.active for revision in client.revisions()] == [True, False]

    back = client.roll_back()
    assert (back.active.revision, back.previous.name) == (one.revision, "second")
    assert back.active.source == "roll back (first.fpb)"
    assert client.check("根治").revision == one.revision
    assert client.roll_back(answer.active.revision).active.name == "second"
    found = failure(client.roll_back, "0123456789ab")
    assert (found.code, found.reason) == ("NOT_FOUND", "REASON_REVISION_NOT_FOUND")
    assert found.message.startswith("revision: '0123456789ab' is not kept here; kept: ")

    # The very bytes are kept, and come back.
    assert (running.data_dir / "rules" / f"{one.revision}.fpb").read_bytes() == first
    assert running.stop() == 0
    running.start()
    assert running.client.check("根治").revision == answer.active.revision
    status = running.client.status()
    assert (status.serving, status.active.name) == (True, "second")
    assert [revision.name for revision in running.client.revisions()] == ["second", "first"]
    running.kill()
    running.start()
    assert running.client.status().active.name == "second"


def test_pages_of_revisions(inside: Any, bundle: Any) -> None:
    running = inside(keep_revisions=3).start()
    client = running.client
    for i in range(5):
        client.activate(bundle(WORDS, name=f"n{i}"))
    request = rules_pb2.ListRevisionsRequest(page_size=2)
    page = client.call("ListRevisions", request)
    assert [revision.name for revision in page.revisions] == ["n4", "n3"]
    request.page_token = page.next_page_token
    page = client.call("ListRevisions", request)
    assert ([revision.name for revision in page.revisions], page.next_page_token) == (["n2"], "")
    assert len(list((running.data_dir / "rules").glob("*.fpb"))) == 3
    found = failure(client.call, "ListRevisions", rules_pb2.ListRevisionsRequest(page_token="forged"))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "REASON_INVALID_PAGE_TOKEN")


def test_refused_bundles_leave_the_active_one(inside: Any, bundle: Any) -> None:
    running = inside().start()
    client = running.client
    good = bundle(WORDS)
    revision = client.activate(good, source="good").active.revision
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    version = bytearray(good)
    version[8] ^= 0x7F
    cases = [
        (
            b"",
            "REASON_INVALID_FIELD",
            "bundle: is required: the bytes that `fairpost rules compile` wrote; or revision, of one that is kept here",
        ),
        (b"no bundle at all", "REASON_INVALID_BUNDLE", "bundle: 16 bytes is shorter than a bundle's header (64 bytes)"),
        (good[:1000], "REASON_INVALID_BUNDLE", f"bundle: truncated: 1000 bytes, the header says {len(good)}"),
        (bytes(flipped), "REASON_INVALID_BUNDLE", None),
        (bytes(version), "REASON_INVALID_BUNDLE", None),
    ]
    for content, reason, message in cases:
        found = failure(client.activate, content, source="bad")
        assert (found.code, found.reason) == ("INVALID_ARGUMENT", reason)
        assert message in (None, found.message)
        assert found.message.startswith("bundle: ")
        status = client.status()
        assert (status.serving, status.active.revision) == (True, revision)
        if reason != "REASON_INVALID_FIELD":
            failed = status.last_failure
            assert (failed.reason, failed.message, failed.source) == (reason, found.message, "bad")
        assert client.check("根治").revision == revision
    assert sorted(path.name for path in (running.data_dir / "rules").iterdir()) == [
        f"{revision}.fpb",
        "activations.json",
    ]


def test_what_a_dead_worker_was_receiving_is_removed(inside: Any, bundle: Any) -> None:
    running = inside().start()
    folder = running.data_dir / "rules"
    abandoned, recent = folder / "arriving-abandoned", folder / "arriving-recent"
    for path in (abandoned, recent):
        path.write_bytes(b"half a bundle")
    os.utime(abandoned, (time.time() - 4000, time.time() - 4000))
    running.client.activate(bundle(WORDS))
    assert (abandoned.exists(), recent.exists()) == (False, True)  # the other may be another worker's of now


def test_empty_and_shrunk_rule_sets_need_force(inside: Any, bundle: Any) -> None:
    client = inside().start().client
    client.activate(bundle(WORDS))
    empty, small = bundle({}, seller_rules=False), bundle({"根治": 0.9}, seller_rules=False)
    found = failure(client.activate, empty)
    assert (found.code, found.reason) == ("FAILED_PRECONDITION", "REASON_RULE_SET_EMPTY")
    assert found.message == "the rule set has 0 rules and 0 patterns; set `force` to activate it all the same"
    found = failure(client.activate, small)
    assert (found.code, found.reason) == ("FAILED_PRECONDITION", "REASON_RULE_SET_SHRUNK")
    assert found.message == (
        "the rule set has 1 rules and 1 patterns; the active one has 5 and 4: less than half. "
        "Set `force` to activate it all the same"
    )
    assert client.status().last_failure.revision == RuleSet.from_bytes(small).revision
    assert client.activate(small, force=True).active.rule_count == 1
    assert client.activate(empty, force=True).active.rule_count == 0
    assert client.check("根治").action == verdict_pb2.ACTION_ALLOW


def test_bundle_too_large(inside: Any) -> None:
    client = inside(max_bundle_bytes=100_000, max_request_bytes=50_000).start().client
    found = failure(client.activate, b"x" * 100_001)
    assert (found.code, found.reason) == ("RESOURCE_EXHAUSTED", "REASON_REQUEST_TOO_LARGE")
    # Beyond what grpcio reads into memory at all, it is grpcio that refuses; without details.
    found = failure(client.activate, b"x" * 3_000_000)
    assert (found.code, found.reason) == ("RESOURCE_EXHAUSTED", "")


@pytest.mark.parametrize("what", ["bundle", "history", "gone"])
def test_damaged_after_the_stop(inside: Any, bundle: Any, what: str) -> None:
    """What was active and cannot be loaded is not silently replaced: the server waits and says why."""
    running = inside().start()
    revision = running.client.activate(bundle(WORDS)).active.revision
    running.stop()
    path: Path = running.data_dir / "rules" / f"{revision}.fpb"
    if what == "history":
        path = running.data_dir / "rules" / "activations.json"
    path.unlink() if what == "gone" else path.write_bytes(path.read_bytes()[:-100])
    running.start()
    status = running.client.status()
    assert not status.serving
    assert status.last_failure.reason == "REASON_INVALID_BUNDLE"
    assert status.last_failure.message.startswith("bundle: ")
    assert failure(running.client.check, "好").reason == "REASON_NO_ACTIVE_RULE_SET"
    assert running.client.activate(bundle(WORDS)).active.revision == revision
    assert running.client.check("根治").revision == revision


def test_rules_named_at_the_start(inside: Any, bundle: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.fpb"
    path.write_bytes(bundle(WORDS, name="mine"))
    running = inside(rules=path).start()
    active = running.client.status().active
    assert (active.name, active.source) == ("mine", "mine.fpb")
    running.stop()
    # They win over what was active before, even if that is larger.
    path.write_bytes(bundle({"根治": 0.9}, name="smaller"))
    running.start()
    assert running.client.status().active.name == "smaller"
    running.stop()
    path.write_bytes(b"broken")
    assert running.refused() == f"{path}: bundle: 6 bytes is shorter than a bundle's header (64 bytes)"
    path.unlink()
    assert running.refused() == f"{path}: cannot be read: No such file or directory"


def test_history_is_readable(inside: Any, bundle: Any) -> None:
    running = inside().start()
    running.client.activate(bundle(WORDS), source="规则.fpb")
    document = json.loads((running.data_dir / "rules" / "activations.json").read_text(encoding="utf-8"))
    assert document["version"] == 1
    assert document["activations"][0]["source"] == "规则.fpb"


def test_data_directory_that_cannot_be_written(inside: Any, bundle: Any) -> None:
    running = inside().start()
    revision = running.client.activate(bundle(WORDS)).active.revision
    folder = running.data_dir / "rules"
    (folder / "activations.json.new").mkdir()  # in the way, as a full disk would be
    found = failure(running.client.activate, bundle(WORDS, name="second"))
    assert (found.code, found.reason) == ("UNAVAILABLE", "REASON_STORE_UNAVAILABLE")
    assert found.message == "the rule set cannot be kept in the data directory: Is a directory"
    assert running.client.status().last_failure.reason == "REASON_STORE_UNAVAILABLE"
    assert running.client.check("好").revision == revision
    (folder / "activations.json.new").rmdir()
    assert running.client.activate(bundle(WORDS, name="second")).active.name == "second"
