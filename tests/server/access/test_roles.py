"""Who may call what: the table against the services, and a real server against the table."""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_status import rpc_status
from protocol import services

from fairpost.client import CallFailed
from fairpost.server.access import keys
from fairpost.server.access.roles import METHODS, ROLES, VISITOR
from fairpost.server.store import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NO_MESSAGE = b"\xff\xff"
"""What no method takes: who is let in is told so, and nothing is done."""
NEED_A_KEY = {f"fairpost.v1.RulesService/{name}" for name in ("ActivateBundle", "KeepBundle", "RollBack")}


def declared() -> Iterator[tuple[str, bool]]:
    """Path of every method, and whether its answers are a stream."""
    others = [file.DESCRIPTOR.services_by_name.values() for file in (health_pb2, reflection_pb2)]
    for service in chain(services(), *others):
        for method in service.methods:
            yield f"{service.full_name}/{method.name}", method.server_streaming


def test_every_method_of_every_service_is_in_the_table() -> None:
    there = {path for path, _ in declared()}
    assert there - METHODS.keys() == set(), "say in server/access/roles.py who may call them"
    # health_pb2 of some versions has no List.
    assert METHODS.keys() - there <= {"grpc.health.v1.Health/List"}


def test_the_table_is_sound() -> None:
    for path, access in METHODS.items():
        assert access.roles, path
        assert access.roles <= {*ROLES, VISITOR}, path
        if access.changes:
            assert not access.roles & {"checker", "auditor"}, f"{path}: those who only read must change nothing"
    assert {path for path, access in METHODS.items() if not access.open} == NEED_A_KEY
    assert {path.split("/")[0] for path, access in METHODS.items() if access.public} == {"grpc.health.v1.Health"}


def outcomes(channel: grpc.Channel, calls: list[tuple[str, str | None]]) -> list[tuple[str, str, str]]:
    """(code, reason, message) of calls that are made at the same time: path and `authorization`."""
    streaming = dict(declared())
    futures: list[Any] = []
    for path, authorization in calls:
        metadata = (("authorization", authorization),) if authorization is not None else ()
        if streaming[path]:
            stream = channel.stream_stream(f"/{path}", None, None)
            futures.append(stream(iter([NO_MESSAGE]), metadata=metadata, timeout=60))
        else:
            call = channel.unary_unary(f"/{path}", None, None)
            futures.append(call.future(NO_MESSAGE, metadata=metadata, timeout=60))
    found = []
    for future in futures:
        status = rpc_status.from_call(future)
        reason = CallFailed.of(future).reason if status else ""
        found.append((future.code().name, reason, future.details()))
    return found


def expected(path: str, role: str, state: str, *, open_: bool) -> tuple[str, str]:
    access = METHODS[path]
    health = path.startswith("grpc.health")
    let_in = ("UNIMPLEMENTED", "") if path.endswith("Health/List") else ("INVALID_ARGUMENT", "REASON_MALFORMED_REQUEST")
    if health:
        return let_in if path.endswith("Health/List") else ("INVALID_ARGUMENT", "")
    if state == "none":
        return let_in if open_ and access.open else ("UNAUTHENTICATED", "REASON_CREDENTIALS_MISSING")
    if state in ("wrong", "unknown", "no key at all"):
        return "UNAUTHENTICATED", "REASON_CREDENTIALS_INVALID"
    if state in ("expired", "revoked"):
        return "UNAUTHENTICATED", f"REASON_KEY_{state.upper()}"
    return let_in if role in access.roles else ("PERMISSION_DENIED", "REASON_ROLE_MISSING")


@pytest.mark.parametrize("open_", [False, True], ids=["authentication required", "loopback default"])
def test_every_method_by_every_role_with_every_kind_of_key(
    inside: Callable[..., Any], bundle: Any, open_: bool
) -> None:
    options: dict[str, Any] = {"max_streams": 200, "max_watchers": 50, "queue_target_ms": 0}
    if not open_:
        options["require_authentication"] = True
    running = inside(**options).start()
    running.client.activate(bundle({"根治": 0.97}))
    store = running.server.registry.core.store
    credentials: list[tuple[str, str, str | None]] = [("", "none", None)]
    for role in ROLES:
        good, _ = keys.create(store, role, [role])
        expired, _ = keys.create(store, f"{role}-expired", [role], expires_at=now_ms() + 5)
        revoked, key = keys.create(store, f"{role}-revoked", [role])
        keys.revoke(store, key.key_id)
        wrong = good[:-8] + "00000000"
        for state, text in (("right", good), ("expired", expired), ("revoked", revoked), ("wrong", wrong)):
            credentials.append((role, state, f"Bearer {text}"))
    credentials.append(("", "unknown", f"Bearer fp_{'0' * 8}_{'0' * 64}"))
    credentials += [("", "no key at all", text) for text in ("", "Basic YTpi", "Bearer", "Bearer fp_1", good)]
    time.sleep(0.01)
    running.server.access.keyring.refresh()
    paths = [path for path, _ in declared()]
    cases = [(path, role, state, text) for path in paths for role, state, text in credentials]
    found: list[tuple[str, str, str]] = []
    # Fewer at a time than there may be streams.
    for first in range(0, len(cases), 100):
        found += outcomes(running.client.channel, [(path, text) for path, _, _, text in cases[first : first + 100]])
    wrong_ones = [
        (path, role, state, result)
        for (path, role, state, _), result in zip(cases, found, strict=True)
        if result[:2] != expected(path, role, state, open_=open_)
    ]
    assert not wrong_ones, wrong_ones[:10]
    for (path, _, state, authorization), (_, reason, message) in zip(cases, found, strict=True):
        if reason in ("REASON_CREDENTIALS_MISSING", "REASON_ROLE_MISSING"):
            assert path in message
            for role in METHODS[path].roles - {VISITOR}:
                assert role in message
        if authorization and state != "no key at all":
            assert authorization[-64:] not in message


def test_messages(inside: Callable[..., Any]) -> None:
    running = inside().start()
    text = running.make_key("auditor", "checker")
    (missing, denied) = outcomes(
        running.client.channel,
        [("fairpost.v1.RulesService/RollBack", None), ("fairpost.v1.RulesService/ActivateBundle", f"Bearer {text}")],
    )
    assert missing == (
        "UNAUTHENTICATED",
        "REASON_CREDENTIALS_MISSING",
        "fairpost.v1.RulesService/RollBack needs a key with one of the roles publisher, ops; "
        "send it as metadata 'authorization: Bearer fp_...'",
    )
    assert denied == (
        "PERMISSION_DENIED",
        "REASON_ROLE_MISSING",
        f"fairpost.v1.RulesService/ActivateBundle needs role publisher; key {text[3:11]} (test) has auditor, checker",
    )
