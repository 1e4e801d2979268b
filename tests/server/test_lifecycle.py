"""Start, health, reflection, drain, and what a killed process leaves behind."""

from __future__ import annotations

import signal
import socket
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pydantic import ValidationError
from running import stop_in_the_midst

from fairpost.client import CallFailed, Client
from fairpost.server import Config
from fairpost.server.store.upgrade import newest
from fairpost.v1 import post_pb2, seller_event_pb2, verdict_pb2

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = ("fairpost.v1.FilterService", "fairpost.v1.RegistryService", "fairpost.v1.RulesService")
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def health_of(channel: grpc.Channel) -> dict[str, int]:
    stub = health_pb2_grpc.HealthStub(channel)
    return {name: stub.Check(health_pb2.HealthCheckRequest(service=name)).status for name in ("", *SERVICES)}


def test_health(inside: Any, bundle: Any) -> None:
    running = inside().start()
    channel = running.client.channel
    waiting = {"": NOT_SERVING, SERVICES[0]: NOT_SERVING, SERVICES[1]: SERVING, SERVICES[2]: SERVING}
    assert health_of(channel) == waiting
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICES[0]))
    assert next(watch).status == NOT_SERVING
    running.client.activate(bundle({"根治": 0.9}))
    assert next(watch).status == SERVING
    assert health_of(channel) == dict.fromkeys(("", *SERVICES), SERVING)
    with pytest.raises(grpc.RpcError) as caught:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="fairpost.v1.Nothing"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    watch.cancel()


def test_reflection(shared: Any) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(shared.client.channel)
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="fairpost.v1.FilterService"),
    ]
    listed, described = stub.ServerReflectionInfo(iter(requests))
    names = [service.name for service in listed.list_services_response.service]
    assert set(names) >= {*SERVICES, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert any(b"CheckPosts" in file for file in described.file_descriptor_response.file_descriptor_proto)


def test_unknown_method(shared: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        shared.client.channel.unary_unary("/fairpost.v1.FilterService/CheckAll")(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_sigkill_loses_no_acknowledged_registration(server: Any, registration: Any) -> None:
    running = server()
    acknowledged: list[str] = []
    strikes = 0
    for round_number in range(3):
        running.start()
        found = running.client.lookup_many(acknowledged)
        assert [answer.outcome for answer in found] == [1] * len(acknowledged)
        if acknowledged:
            assert sum(s.count for s in running.client.lookup("k0-0-0").standing.strikes) == strikes
        stop = threading.Event()

        def write(thread: int, round_number: int = round_number, stop: threading.Event = stop) -> None:
            with Client(f"127.0.0.1:{running.port}") as client:
                for i in range(10_000):
                    if stop.is_set():
                        return
                    seller_id = f"k{round_number}-{thread}-{i}"
                    try:
                        client.register(registration(seller_id, request_id=seller_id))
                    except CallFailed:
                        return
                    acknowledged.append(seller_id)

        writers = [threading.Thread(target=write, args=(thread,)) for thread in range(3)]
        for writer in writers:
            writer.start()
        while True:
            written = [seller_id for seller_id in acknowledged if seller_id.startswith(f"k{round_number}-")]
            if len(written) >= 5 and f"k{round_number}-0-0" in written:
                break
            time.sleep(0.005)
        if round_number < 2:
            strike = seller_event_pb2.SellerEvent(
                strike=seller_event_pb2.Strike(category="MEDICAL"), actor="test", reason="test"
            )
            running.client.record_event("k0-0-0", strike)
            strikes += 1
        time.sleep(0.03 * round_number)
        running.kill_now()  # in the midst of the writers' calls, right after an acknowledgement
        stop.set()
        for writer in writers:
            writer.join()
        running.kill()
    running.start()
    assert len(acknowledged) >= 15
    assert {answer.outcome for answer in running.client.lookup_many(acknowledged, fully=True)} == {1}
    for seller_id in acknowledged[-3:]:
        assert running.client.seller(seller_id).name == "示例市食品有限公司"
        # Idempotency keys are in the same transaction: the answer comes again.
        again = running.client.register(registration(seller_id, request_id=seller_id))
        assert again.seller.seller_id == seller_id


def test_sigterm_drains(server: Any, bundle: Any) -> None:
    """A large batch and a busy stream that are in flight at SIGTERM are answered; then the process ends with 0."""
    running = server(max_request_bytes=64 << 20, max_posts=100_000).start()
    running.client.activate(bundle({"根治": 0.97}))
    posts = [post_pb2.Post(id=str(i), text="这款茶根治糖尿病" * 5) for i in range(5_000)]
    begun = time.monotonic()
    running.client.check_batch(posts)
    usual = time.monotonic() - begun
    got, seconds = stop_in_the_midst(
        running, lambda: [lambda: len(running.client.with_options(retry=None).check_batch(posts))], usual
    )
    assert got == [5_000]
    assert seconds < 9, "the drain waited for nothing"
    assert "drain" in running.printed()


def test_sigterm_ends_idle_streams_soon(server: Any, bundle: Any) -> None:
    running = server(drain_seconds=30).start()
    running.client.activate(bundle({"根治": 0.97}))
    more = threading.Event()

    def batches() -> Any:
        yield [post_pb2.Post(text="好茶")]
        more.wait(60)

    stream = running.client.with_options(retry=None).stream(batches())
    assert len(next(stream).results) == 1
    running.process.send_signal(signal.SIGTERM)
    with pytest.raises(CallFailed) as caught:
        next(stream)
    assert caught.value.code in ("CANCELLED", "UNAVAILABLE")
    more.set()
    assert running.process.wait(60) == 0


def test_sigterm_ends_a_busy_stream_between_batches(server: Any, bundle: Any) -> None:
    running = server(drain_seconds=30).start()
    running.client.activate(bundle({"根治": 0.97}))
    answered: list[int] = []

    def batches() -> Any:
        for _ in range(1_000_000):
            yield [post_pb2.Post(text="根治")] * 20

    def read() -> None:
        for response in running.client.with_options(retry=None).stream(batches()):
            answered.append(response.sequence)
            assert len(response.results) == 20
            if len(answered) == 50:
                running.process.send_signal(signal.SIGTERM)

    with pytest.raises(CallFailed) as caught:
        read()
    assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "REASON_DRAINING")
    assert caught.value.message == "the server is shutting down; send what was not answered to another"
    assert answered == list(range(1, len(answered) + 1))
    assert running.process.wait(60) == 0


def test_port_in_use(server: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running = server(port=port).start(expect_status=2)
    assert f"fairpost serve: 127.0.0.1:{port}: cannot be listened on; is the port in use?" in running.printed()


def test_data_directory_in_use(inside: Any) -> None:
    first = inside().start()
    assert inside().refused() == (f"{first.data_dir}: another server uses this data directory; stop it or take another")


def test_data_directory_that_cannot_be_made(inside: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert inside("file/data").refused() == f"{tmp_path}/file/data: cannot be used as data directory: Not a directory"


def test_key_that_others_may_read(inside: Any) -> None:
    running = inside().start()
    running.stop()
    key = running.data_dir / "identity.key"
    key.chmod(0o644)
    assert running.refused() == f"{key}: others may read these keys; run: chmod 600 {key}"
    key.chmod(0o600)
    key.write_bytes(b"short")
    assert running.refused() == (
        f"{key}: no registry keys; expected JSON with hash, encryption and active, keys of 32 bytes in base64. Restore "
        "it from a backup"
    )


def test_damaged_registry(inside: Any) -> None:
    running = inside().start()
    running.stop()
    path = running.data_dir / "registry.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    assert (
        running.refused() == f"{path}: is at revision 9999, of a newer version of fairpost; this one reads {newest()}"
    )
    path.write_bytes(b"no database, but long enough to be looked at" * 100)
    assert running.refused() == f"{path}: not a usable registry: file is not a database"


def test_wrong_configuration(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"'feed\.example': 'chief' is no role; one of checker, registrar"):
        Config(client_identities={"feed.example": ["chief"]})


def test_nothing_but_defaults(server: Any, registration: Any) -> None:
    """What `fairpost serve` does without options: the shipped packs judge, and come back after a restart."""
    running = server(no_rules=False).start()
    client = running.client
    active = client.status().active
    assert (active.source, active.active) == ("shipped packs", True)
    assert active.rule_count > 50
    client.register(registration("tea-shop"))
    bad = client.check(
        "本店秘方根治糖尿病，无效退款，加微信 abc12345 下单，199元一盒", seller_id="tea-shop", channel="moments"
    )
    assert bad.action in (verdict_pb2.ACTION_SHIELD, verdict_pb2.ACTION_BLOCK)
    assert "MEDICAL" in [label.category for label in bad.labels]
    assert any("广告法" in basis for evidence in bad.evidence for basis in evidence.basis)
    good = client.check("今天新到的龙井，280元一斤，喜欢的朋友留言", seller_id="tea-shop", channel="moments")
    assert (good.action, list(good.labels)) == (verdict_pb2.ACTION_ALLOW, [])
    assert good.exposure > 1
    assert running.stop() == 0
    running.start()
    assert running.client.status().active.digest == active.digest
