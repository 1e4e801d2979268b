"""API keys: commands as a user types them, and what servers that run make of changes."""

from __future__ import annotations

import hashlib
import re
import stat
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from fairpost.cli import main
from fairpost.client import CallFailed, Client
from fairpost.server.access import keys
from fairpost.server.access.keyring import Keyring
from fairpost.server.errors import Unauthenticated
from fairpost.server.store import Store, now_ms, schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def reason_of(keyring: Keyring, authorization: str) -> str:
    try:
        keyring.find(authorization)
    except Unauthenticated as error:
        return error.reason_name.removeprefix("REASON_")
    return ""


def test_create_list_rotate_revoke(store: Store, store_url: str, tmp_path: Path, capsys: Any) -> None:
    where = ["--registry", store_url]
    assert run("keys", "create", "feed-service", "--role", "checker", "--expires", "90d", *where) == 0
    printed = capsys.readouterr()
    text = printed.out.strip()
    assert re.fullmatch(r"fp_[0-9a-f]{8}_[0-9a-f]{64}", text)
    assert re.fullmatch(
        rf"key {text[3:11]} \(feed-service\): checker; good until \d{{4}}-\d\d-\d\d \d\d:\d\d UTC\n", printed.err
    )
    file = tmp_path / "ops.key"
    assert run("keys", "create", "deploy", "--role", "ops", "--role", "publisher", *where, "-o", str(file)) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "ops, publisher; good until it is revoked" in printed.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second = file.read_text().strip()

    keyring = Keyring(store)
    assert keyring.find(f"Bearer {text}").roles == {"checker"}
    assert keyring.find(f"bearer {second}").name == "deploy"
    assert reason_of(keyring, text) == "CREDENTIALS_INVALID"  # without the scheme
    assert reason_of(keyring, f"Bearer {text[:-1]}{'0' if text[-1] != '0' else '1'}") == "CREDENTIALS_INVALID"

    assert run("keys", "rotate", text[3:11], "--overlap", "12h", *where) == 0
    printed = capsys.readouterr()
    third = printed.out.strip()
    assert f"key {text[3:11]} expires " in printed.err
    assert keyring.find(f"Bearer {third}").name == "feed-service"
    assert reason_of(keyring, f"Bearer {text}") == ""  # for 12 hours
    assert run("keys", "rotate", third[3:11], "--overlap", "0d", *where) == 0
    capsys.readouterr()
    time.sleep(0.01)
    keyring.refresh()
    assert reason_of(keyring, f"Bearer {third}") == "KEY_EXPIRED"

    assert run("keys", "revoke", second[3:11], *where) == 0
    assert capsys.readouterr().out == f"key {second[3:11]} (deploy) is revoked\n"
    assert run("keys", "revoke", second[3:11], *where) == 0  # again
    keyring.refresh()
    assert reason_of(keyring, f"Bearer {second}") == "KEY_REVOKED"

    capsys.readouterr()
    assert run("keys", "list", *where) == 0
    listed = capsys.readouterr().out
    assert text[3:11] in listed
    assert second[3:11] not in listed
    assert run("keys", "list", "--all", *where) == 0
    listed = capsys.readouterr().out
    assert "revoked" in listed
    assert "expired" in listed
    for secret in (text, second, third):
        assert secret[12:] not in listed


def test_faults(store: Store, store_url: str, tmp_path: Path, capsys: Any) -> None:
    where = ["--registry", store_url]
    for arguments, message in (
        (["create", "x", "--role", "chief"], "'chief': no role; one of checker, registrar, moderator, publisher, ops"),
        (["create", "a b", "--role", "ops"], "'a b': no name of a key; write up to 64 letters"),
        (["create", "x", "--role", "ops", "--expires", "soon"], "--expires soon: no time; write for example 30m, 12h"),
        (["create", "x", "--role", "ops", "--expires", "2020-01-01"], "the time at which it is to expire has passed"),
        (["rotate", "00000000"], "'00000000': no key has this id; 'fairpost keys list' shows them"),
        (["revoke", "nobody"], "'nobody': no key has this id"),
        (["create", "x", "--role", "ops", "-o", str(tmp_path)], f"--output {tmp_path}: cannot be written: Is a dir"),
    ):
        assert run("keys", *arguments, *where) == 2
        assert message in capsys.readouterr().err
    revoked = keys.create(store, "gone", ["ops"])[1]
    keys.revoke(store, revoked.key_id)
    assert run("keys", "rotate", revoked.key_id, *where) == 2
    assert f"key {revoked.key_id} is revoked; create a new one" in capsys.readouterr().err


def test_the_first_key_before_the_first_start(tmp_path: Path, capsys: Any) -> None:
    url = f"sqlite:///{tmp_path / 'registry.sqlite'}"
    assert run("keys", "create", "first", "--role", "ops", "--registry", url) == 2
    assert "there is no registry here" in capsys.readouterr().err
    assert run("keys", "create", "first", "--role", "ops", "--registry", url, "--make-registry") == 0


def test_the_store_has_no_secret(store: Store) -> None:
    text, key = keys.create(store, "x", ["ops"])
    assert key.secret_hash == hashlib.sha256(text[12:].encode()).digest()
    with store.read() as connection:
        row = connection.execute(sa.select(schema.api_keys)).one()
    assert text[12:] not in repr(row)
    assert text[12:] not in repr(key)


def test_a_last_use_is_written_once_an_hour(store: Store) -> None:
    text, key = keys.create(store, "x", ["ops"])
    keyring = Keyring(store)
    keyring.find(f"Bearer {text}")
    keyring.refresh()

    def last_used() -> int | None:
        with store.read() as connection:
            return keys.listed(connection)[0].last_used_at

    first = last_used()
    assert first is not None
    assert abs(first - now_ms()) < 60_000
    keyring.find(f"Bearer {text}")
    keyring.refresh()
    assert last_used() == first
    assert keys.revoke(store, key.key_id).changed > key.changed


def test_keys_that_do_not_exist_cost_the_store_little(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = Keyring(store)
    reads: list[int] = []
    before = store.read

    def counted() -> Any:
        reads.append(1)
        return before()

    monkeypatch.setattr(store, "read", counted)
    for number in range(500):
        assert reason_of(keyring, f"Bearer fp_{number:08x}_{'0' * 64}") == "CREDENTIALS_INVALID"
    assert len(reads) <= 30


def test_keys_stay_while_the_store_is_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from fairpost.server.errors import Unavailable
    from fairpost.v1 import reason_pb2

    text, _ = keys.create(store, "x", ["ops"])
    keyring = Keyring(store)
    keyring.refresh()

    def away() -> Any:
        raise Unavailable(reason_pb2.REASON_STORE_UNAVAILABLE, "away")

    monkeypatch.setattr(store, "read", away)
    keyring.refresh()
    assert keyring.find(f"Bearer {text}").name == "x"


def test_a_running_server_sees_changes(inside: Callable[..., Any]) -> None:
    """A new key at once, a revocation within two seconds; and calls that last end with it."""
    running = inside(require_authentication=True).start()
    text = running.make_key("checker", "auditor")
    with Client(running.server.address, api_key=text) as client:
        assert list(client.check_many([])) == []
        watch = client.watch()
        ended: list[CallFailed] = []

        def listen() -> None:
            try:
                for _ in watch:
                    pass
            except CallFailed as error:
                ended.append(error)

        thread = threading.Thread(target=listen)
        thread.start()
        client.status()
        time.sleep(0.2)
        keys.revoke(running.server.registry.core.store, text[3:11])
        revoked = time.monotonic()
        with pytest.raises(CallFailed) as caught:  # noqa: PT012  (until it does)
            while time.monotonic() - revoked < 2.5:
                client.status()
                time.sleep(0.05)
        assert caught.value.reason == "REASON_KEY_REVOKED"
        assert caught.value.message == f"authorization: key {text[3:11]} was revoked"
        thread.join(60)
        assert [error.reason for error in ended] == ["REASON_KEY_REVOKED"]


def test_commands_send_the_key(inside: Callable[..., Any], tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    running = inside(require_authentication=True).start()
    address = running.server.address
    file = tmp_path / "key"
    file.write_text(running.make_key("checker") + "\n")
    assert run("seller", "lookup", "nobody", "--server", address) == 1
    assert "UNAUTHENTICATED (REASON_CREDENTIALS_MISSING)" in capsys.readouterr().err
    assert run("--api-key-file", str(file), "seller", "lookup", "nobody", "--server", address) == 1
    assert "UNAUTHENTICATED" not in capsys.readouterr().err
    monkeypatch.setenv("FAIRPOST_API_KEY", file.read_text())
    assert run("seller", "show", "nobody", "--server", address) == 1
    assert "PERMISSION_DENIED (REASON_ROLE_MISSING)" in capsys.readouterr().err
    file.write_text("not a key")
    assert run("--api-key-file", str(file), "seller", "lookup", "nobody", "--server", address) == 2
    assert f"--api-key-file {file}: holds no API key; 'fairpost keys create' prints one" in capsys.readouterr().err
    assert run("--api-key-file", str(tmp_path / "no"), "seller", "lookup", "nobody", "--server", address) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err


def test_no_key_is_quoted(inside: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="api_key: an API key is one word of visible ASCII characters") as caught:
        Client("127.0.0.1:1", api_key="secret with\nlines")
    assert "secret" not in str(caught.value)
