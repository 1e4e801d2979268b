"""How pages reach the services: another worker where one has gone, and what is not sent twice."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fairpost.server import Config, Server
from fairpost.server.access.inner import InnerDoor
from fairpost.server.access.roles import VISITOR
from fairpost.server.errors import NotFound, PermissionDenied, Unavailable
from fairpost.server.web.services import SERVICES, Services
from fairpost.v1 import bulletin_pb2, complaint_pb2, registry_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOKEN = "1" * 64


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[str]:
    """Of a server that answers; beside it, "gone" is one where nobody does."""
    path = str(tmp_path / "0")
    config = Config(port=0, data_dir=tmp_path / "data", no_rules=True, drain_seconds=1, require_authentication=True)
    server = Server(config, inner=InnerDoor(path, TOKEN)).start()
    yield path
    server.stop()


def run(services: Services, call: Callable[[], Any]) -> Any:
    async def ask() -> Any:
        try:
            return await call()
        finally:
            await services.close()

    return asyncio.run(ask())


def complaint(request_id: str) -> complaint_pb2.FileComplaintRequest:
    kind = complaint_pb2.COMPLAINT_KIND_QUALITY
    return complaint_pb2.FileComplaintRequest(
        request_id=request_id, seller_id="nobody", kind=kind, consumer_id="c", statement="s"
    )


def test_a_worker_that_is_away_is_passed_over(socket: str, tmp_path: Path) -> None:
    services = Services([str(tmp_path / "gone"), socket], TOKEN)
    visitor = services.visitor("ipv4:192.0.2.1")

    async def several() -> list[int]:
        asked = bulletin_pb2.ListDocumentsRequest()
        return [len((await visitor.bulletin.List(asked)).documents) for _ in range(6)]

    assert run(services, several) == [0] * 6


def test_what_may_have_been_done_is_not_sent_again(socket: str, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    for request_id, error in (("", Unavailable), ("r", NotFound)):
        services = Services([gone, socket], TOKEN, patience=0.0)
        file = services.visitor("").complaints.FileComplaint
        with pytest.raises(error):
            run(services, partial(file, complaint(request_id)))


def test_nobody_answers(tmp_path: Path) -> None:
    services = Services([str(tmp_path / "a"), str(tmp_path / "b")], TOKEN, patience=0.0)
    with pytest.raises(Unavailable, match="no worker answers at present; ask again"):
        run(services, lambda: services.visitor("").bulletin.List(bulletin_pb2.ListDocumentsRequest()))


def test_refusals_come_as_they_were_raised(socket: str) -> None:
    services = Services([socket], TOKEN)
    with pytest.raises(PermissionDenied) as caught:
        run(services, lambda: services.visitor("").registry.GetSeller(registry_pb2.GetSellerRequest(seller_id="s")))
    assert caught.value.reason_name == "REASON_ROLE_MISSING"
    assert VISITOR in caught.value.message

    async def watch() -> None:
        async for _ in services.actor("li", ["checker"], "").registry.GetSnapshot(registry_pb2.GetSnapshotRequest()):
            pass
        async for _ in services.visitor("").registry.GetSnapshot(registry_pb2.GetSnapshotRequest()):
            pass

    with pytest.raises(PermissionDenied):
        run(services, watch)


def test_names(socket: str) -> None:
    calls = Services([socket], TOKEN).key("fp_1", "")
    with pytest.raises(AttributeError, match="no service 'registries'; one of filter, registry"):
        _ = calls.registries
    with pytest.raises(AttributeError, match="RegistryService has no method 'Get'"):
        _ = calls.registry.Get
    assert all(hasattr(calls, name) for name in SERVICES)


def test_pages_go_on_while_workers_are_replaced(server: Callable[..., Any], tmp_path: Path) -> None:
    port_file = tmp_path / "http.port"
    running = server(workers=2, http_port=0, http_port_file=port_file).start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port_file.read_text().strip()}", timeout=30) as reader:
        assert reader.get("/documents").status_code == 200
        os.kill(running.children()["worker 1"], signal.SIGKILL)
        assert [reader.get("/documents").status_code for _ in range(20)] == [200] * 20
        running.wait_logged("child serves", count=2, child="worker 1")
        os.kill(running.children()["worker 0"], signal.SIGKILL)
        assert [reader.get("/documents").status_code for _ in range(20)] == [200] * 20
    assert not list((running.data_dir / "sockets").glob("*.lock"))
    assert running.stop() == 0
    assert not (running.data_dir / "sockets").exists()
