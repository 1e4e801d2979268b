"""The inner door: for whom the HTTP side may call, and that nobody else gets in by it."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import sqlalchemy as sa

from fairpost.client import CallFailed
from fairpost.server import Config, Server
from fairpost.server.access import keys
from fairpost.server.access.inner import InnerDoor, metadata_of
from fairpost.server.access.roles import METHODS, ROLES, VISITOR
from fairpost.server.config import StartError
from fairpost.server.store import schema
from fairpost.server.supervisor.inner import inner_sockets
from fairpost.v1 import complaint_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "0" * 64
NO_MESSAGE = b"\xff\xff"
"""What no method takes: who is let in is told so, and nothing is done."""
MAY = {
    *(f"fairpost.v1.BulletinService/{name}" for name in ("Get", "List", "ListVersions")),
    "fairpost.v1.FilterService/CheckPost",
    "fairpost.v1.RegistryService/LookupSeller",
    "fairpost.v1.ComplaintService/FileComplaint",
    "fairpost.v1.RulesService/ListRules",
}
"""What everybody may do who reads the public pages."""
STREAMS = ("StreamCheck", "WatchSellers", "GetSnapshot", "Subscribe", "WatchReviews", "ServerReflectionInfo")


class Door:
    """A server with an inner door, and channels through it and to its port."""

    def __init__(self, folder: Path, **options: Any) -> None:
        socket = str(folder / "s")
        settings = {"port": 0, "data_dir": folder / "data", "no_rules": True, "drain_seconds": 1} | options
        self.server = Server(Config(**settings), inner=InnerDoor(socket, TOKEN)).start()
        self.store = self.server.registry.core.store
        self.inside = grpc.insecure_channel(f"unix:{socket}")
        self.outside = grpc.insecure_channel(f"127.0.0.1:{self.server.port}")

    def call(self, path: str, metadata: Any, content: bytes = NO_MESSAGE, *, outside: bool = False) -> CallFailed:
        """How a call fails: every call here does."""
        channel = self.outside if outside else self.inside
        try:
            if path.rpartition("/")[2] in STREAMS:
                list(channel.stream_stream(f"/{path}", None, None)(iter([content]), metadata=metadata, timeout=20))
            else:
                channel.unary_unary(f"/{path}", None, None)(content, metadata=metadata, timeout=20)
        except grpc.RpcError as error:
            return CallFailed.of(error)
        raise AssertionError(f"{path} was answered")

    def audited(self) -> list[tuple[str, str, str]]:
        """(actor, peer, outcome) of all entries."""
        table = schema.audit.c
        with self.store.read() as connection:
            rows = connection.execute(sa.select(table.actor, table.peer, table.outcome).order_by(table.sequence))
            return [tuple(row) for row in rows]

    def close(self) -> None:
        self.inside.close()
        self.outside.close()
        self.server.stop()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    made = Door(tmp_path_factory.mktemp("door"), require_authentication=True, queue_target_ms=0)
    yield made
    made.close()


def as_visitor(peer: str = "ipv4:192.0.2.7") -> Any:
    return metadata_of(TOKEN, actor=VISITOR, roles=[VISITOR], peer=peer)


def test_visitors_may_what_everybody_may_and_nothing_else(door: Door) -> None:
    assert {path for path, access in METHODS.items() if VISITOR in access.roles} == MAY
    for path, access in METHODS.items():
        failed = door.call(path, as_visitor())
        if access.public:
            assert failed.code in ("INVALID_ARGUMENT", "UNIMPLEMENTED"), path
        elif path in MAY:
            assert failed.reason in ("REASON_MALFORMED_REQUEST", "REASON_NO_ACTIVE_RULE_SET"), path
        else:
            assert (failed.code, failed.reason) == ("PERMISSION_DENIED", "REASON_ROLE_MISSING"), path
            assert "visitor has visitor" in failed.message
            assert VISITOR not in failed.metadata["roles"]


def test_an_actor_has_the_roles_that_are_named(door: Door) -> None:
    path = "fairpost.v1.ComplaintService/ResolveComplaint"
    moderator = metadata_of(TOKEN, actor="oidc:李", roles=["moderator"], peer="ipv6:[2001:db8::1]")
    assert door.call(path, moderator).reason == "REASON_MALFORMED_REQUEST"
    auditor = metadata_of(TOKEN, actor="oidc:李", roles=["auditor", "checker"])
    failed = door.call(path, auditor)
    assert (failed.reason, "oidc:李 has auditor, checker" in failed.message) == ("REASON_ROLE_MISSING", True)
    nobody = door.call(path, metadata_of(TOKEN, actor="oidc:li"))
    assert (nobody.reason, "oidc:li has none" in nobody.message) == ("REASON_ROLE_MISSING", True)


def test_a_key_counts_as_it_does_for_any_client(door: Door) -> None:
    text, key = keys.create(door.store, "li", ["moderator"])
    path = "fairpost.v1.ComplaintService/ResolveComplaint"
    assert door.call(path, metadata_of(TOKEN, key=text)).reason == "REASON_MALFORMED_REQUEST"
    denied = door.call("fairpost.v1.RulesService/RollBack", metadata_of(TOKEN, key=text))
    assert denied.reason == "REASON_ROLE_MISSING"
    keys.revoke(door.store, key.key_id)
    door.server.access.keyring.refresh()
    assert door.call(path, metadata_of(TOKEN, key=text)).reason == "REASON_KEY_REVOKED"
    assert door.call(path, metadata_of(TOKEN, key="nonsense 无")).reason == "REASON_CREDENTIALS_INVALID"


def test_without_the_token_nobody_is_let_in(door: Door) -> None:
    text, _ = keys.create(door.store, "all", ROLES)
    forged = dict(as_visitor())
    attempts: list[Any] = [
        [],
        [("authorization", f"Bearer {text}")],
        metadata_of("1" * 64, actor="visitor", roles=["visitor"]),
        [(name, value) for name, value in forged.items() if name != "fairpost-inner-token"],
    ]
    for metadata in attempts:
        failed = door.call("fairpost.v1.BulletinService/List", metadata)
        assert (failed.code, failed.reason) == ("UNAUTHENTICATED", "REASON_CREDENTIALS_INVALID")
        assert failed.message == "this socket is for the server's own HTTP side; call its port, with a key"
    odd = door.call("fairpost.v1.BulletinService/List", metadata_of(TOKEN, actor="a", roles=["owner"]))
    assert odd.message == "fairpost-roles: 'owner' is no role"


def test_on_the_port_the_token_means_nothing(door: Door) -> None:
    everything = metadata_of(TOKEN, actor="oidc:li", roles=ROLES)
    for path in ("fairpost.v1.BulletinService/List", "fairpost.v1.RulesService/RollBack"):
        assert door.call(path, everything, outside=True).reason == "REASON_CREDENTIALS_MISSING"


def test_no_key_has_the_visitors_role(door: Door) -> None:
    with pytest.raises(keys.BadKey, match="'visitor': no role"):
        keys.create(door.store, "v", [VISITOR])


def test_the_audit_log_names_whom_the_call_was_for(door: Door) -> None:
    request = complaint_pb2.FileComplaintRequest(
        request_id="r",
        seller_id="nobody",
        kind=complaint_pb2.COMPLAINT_KIND_RETURN,
        consumer_id="c",
        statement="s",
        received_on="2026-01-01",
    )
    path = "fairpost.v1.ComplaintService/FileComplaint"
    assert door.call(path, as_visitor(), request.SerializeToString()).code == "NOT_FOUND"
    door.call("fairpost.v1.BulletinService/Publish", as_visitor("ipv6:[2001:db8::7]"))
    door.server.access.attempts.write()
    assert (VISITOR, "ipv6:[2001:db8::7]", "REASON_ROLE_MISSING") in door.audited()


def test_visitors_share_no_quota(tmp_path: Path) -> None:
    door = Door(tmp_path, quota_messages=1.0)
    try:
        path = "fairpost.v1.BulletinService/List"
        reasons = [door.call(path, as_visitor()).reason for _ in range(4)]
        assert "REASON_QUOTA_USED_UP" in reasons
        assert door.call(path, as_visitor("ipv4:192.0.2.8")).reason == "REASON_MALFORMED_REQUEST"
    finally:
        door.close()


def test_the_folder_is_the_servers_own(tmp_path: Path) -> None:
    with inner_sockets(tmp_path) as found:
        assert found.folder == tmp_path / "sockets"
        assert stat.S_IMODE(found.folder.stat().st_mode) == 0o700
        assert found.task(1) == {"socket": str(found.folder / "1"), "token": found.token}
        assert found.task(None) == {"folder": str(found.folder), "token": found.token}
        assert found.token not in repr(found) + repr(InnerDoor("s", found.token))
        first = found.token
        (found.folder / "0").touch()  # as after a supervisor that was killed
        with inner_sockets(tmp_path) as again:
            assert again.token != first
            assert not list(again.folder.iterdir())
    assert not (tmp_path / "sockets").exists()
    long = tmp_path / ("x" * 100)
    long.mkdir()
    with inner_sockets(long) as found:
        assert len(str(found.folder)) < 90
        assert stat.S_IMODE(found.folder.stat().st_mode) == 0o700
    with pytest.raises(StartError, match="no folder for sockets can be made"), inner_sockets(tmp_path / "none"):
        pass
