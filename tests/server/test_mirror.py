"""WatchSellers, GetSnapshot, DiffSellers, and the client's mirror."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from fairpost.client import CallFailed
from fairpost.client.mirror import SellerMirror
from fairpost.v1 import registry_pb2, seller_event_pb2, standing_pb2

WARNED, LIMITED = standing_pb2.ENFORCEMENT_WARNED, standing_pb2.ENFORCEMENT_LIMITED
SUSPENDED = standing_pb2.ENFORCEMENT_SUSPENDED


def suspend(client: Any, seller_id: str, state: standing_pb2.Enforcement.ValueType = SUSPENDED) -> Any:
    change = seller_event_pb2.EnforcementChange(state=state)
    return client.record_event(
        seller_id, seller_event_pb2.SellerEvent(enforcement=change, actor="moderator", reason="test")
    )


def test_mirror(inside: Any, registration: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairpost.server.registry.mirror._PART", 100)
    client = inside().start().client
    mirror = SellerMirror(client)
    assert (mirror.refresh(), mirror.entries) == (0, {})
    for i in range(210):
        client.register(registration(f"m-{i}"))
    assert mirror.refresh() == 210
    suspend(client, "m-7")
    suspend(client, "m-7", LIMITED)
    suspend(client, "m-8")
    assert mirror.refresh() == 2, "each seller once, as they stand now"
    assert mirror.entries["m-7"].standing.enforcement == standing_pb2.ENFORCEMENT_LIMITED
    assert mirror.refresh() == 0
    # The same from nothing.
    other = SellerMirror(client)
    assert other.refresh() == 210
    assert (other.entries, other.checksum, other.cursor) == (mirror.entries, mirror.checksum, mirror.cursor)
    found = client.lookup("m-8").standing
    found.tenure_days = 0
    found.seller_id = ""
    assert other.entries["m-8"].standing == found
    # A copy that went wrong is noticed by its checksum, and taken anew.
    del other.entries["m-9"]
    other._sum += 1
    assert other.refresh() == 210
    assert other.entries == mirror.entries
    # So is one that knows more than the registry, which was restored from a backup; and one of another registry.
    store, _, sequence = other.cursor.partition(".")
    for cursor in (f"{store}.{int(sequence) + 1}", "ffffffff.1"):
        other.cursor = cursor
        assert other.refresh() == 210
    with pytest.raises(CallFailed) as caught:
        client.diff(f"{store}.{int(sequence) + 1}")
    assert (caught.value.code, caught.value.reason) == ("OUT_OF_RANGE", "REASON_CURSOR_EXPIRED")
    assert caught.value.message == (
        f"cursor: is at {int(sequence) + 1}, the log ends at {sequence}: the registry was restored from an earlier "
        "state. Take a snapshot (GetSnapshot) and go on from its cursor"
    )
    with pytest.raises(CallFailed) as caught:
        client.diff("")
    assert dict(caught.value.violations) == {"cursor": "is required"}


def test_long_differences(inside: Any, registration: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairpost.server.registry.mirror._DIFF", 7)
    client = inside().start().client
    mirror = SellerMirror(client)
    mirror.refresh()
    for i in range(30):
        client.register(registration(f"m-{i}"))
    first = client.diff(mirror.cursor)
    assert (len(first.entries), first.more, first.checksum) == (7, True, b"")
    assert mirror.refresh() == 30
    assert len(mirror.entries) == 30


def test_watch(inside: Any, registration: Any) -> None:
    running = inside().start()
    client = running.client
    token = client.register(registration("w-1")).consistency_token
    stream = client.watch(token)
    checkpoint = next(stream)
    assert (list(checkpoint.entries), checkpoint.cursor) == ([], token)
    seen: list[registry_pb2.WatchSellersResponse] = []

    def follow() -> None:
        for part in stream:
            seen.append(part)
            if any(entry.seller_id == "w-last" for entry in part.entries):
                return

    follower = threading.Thread(target=follow)
    follower.start()
    for i in range(20):
        client.register(registration(f"w-x{i}"))
        suspend(client, "w-1", WARNED if i % 2 else LIMITED)
    last = client.register(registration("w-last")).consistency_token
    follower.join(10)
    assert not follower.is_alive()
    ids = [entry.seller_id for part in seen for entry in part.entries]
    assert {f"w-x{i}" for i in range(20)} | {"w-1", "w-last"} == set(ids)
    assert seen[-1].cursor == last
    newest = [entry for part in seen for entry in part.entries if entry.seller_id == "w-1"][-1]
    assert newest.standing.enforcement == standing_pb2.ENFORCEMENT_WARNED
    # From an old cursor: all at once, each once. Of some sellers only:
    again = client.watch(token)
    assert len(next(again).entries) == 22
    again.close()
    some = client.watch(token, seller_ids=["w-1", "nobody"])
    assert [entry.seller_id for entry in next(some).entries] == ["w-1"]
    some.close()
    with pytest.raises(CallFailed) as caught:
        next(client.watch("x"))
    assert caught.value.reason == "REASON_INVALID_TOKEN"
    with pytest.raises(CallFailed) as caught:
        next(client.watch(token, seller_ids=["a b", *map(str, range(1000))]))
    assert dict(caught.value.violations) == {
        "seller_ids": "has 1001 entries; at most 1000 are taken",
        "seller_ids[0]": "must be visible ASCII characters without spaces",
    }


def test_watchers_hold_no_thread_of_other_calls(inside: Any, registration: Any) -> None:
    """More watchers than threads: calls are answered; and the server stops while they listen."""
    running = inside(threads=2, max_watchers=6).start()
    streams = [running.client.watch() for _ in range(6)]
    for stream in streams:
        next(stream)
    running.client.register(registration("w"))
    assert [next(stream).entries[0].seller_id for stream in streams] == ["w"] * 6
    ended: list[Any] = []

    def to_the_end() -> None:
        try:
            ended.append(list(streams[0]))
        except CallFailed as failed:
            ended.append(failed.code)

    follower = threading.Thread(target=to_the_end)
    follower.start()
    running.server.stop()
    follower.join(5)
    assert ended
    assert not follower.is_alive()
