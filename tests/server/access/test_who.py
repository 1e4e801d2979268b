"""WhoAmI: callers learn for whom the server takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fairpost.client import CallFailed, Client
from fairpost.server.store import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable


def asked(running: Any, key: str = "") -> Any:
    with Client(f"127.0.0.1:{running.server.port}", api_key=key) as client:
        return client.who_am_i()


def test_keys_and_nobody(inside: Callable[..., Any]) -> None:
    running = inside().start()
    ends = now_ms() + 3_600_000
    key = running.make_key("moderator", "checker", expires_at=ends)
    found = asked(running, key)
    assert found.actor == f"key:{key.split('_')[1]}/test"
    assert list(found.roles) == ["checker", "moderator"]
    assert found.expires_at.ToMilliseconds() == ends
    lasting = asked(running, running.make_key("auditor"))
    assert not lasting.HasField("expires_at")
    nobody = asked(running)
    assert (nobody.actor, list(nobody.roles)) == ("loopback", [])


def test_where_keys_are_needed(inside: Callable[..., Any]) -> None:
    running = inside(require_authentication=True).start()
    with pytest.raises(CallFailed) as caught:
        asked(running)
    assert caught.value.reason == "REASON_CREDENTIALS_MISSING"
