"""The audit log: nothing changes without its entry, and whoever tampers with entries is found out."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from running import until

from fairpost.cli import main
from fairpost.client import CallFailed, Client
from fairpost.server import audit
from fairpost.server.access import keys
from fairpost.server.audit import chain
from fairpost.server.audit.reading import entries, line, verify
from fairpost.server.errors import Unavailable
from fairpost.server.registry import Keys, Registry
from fairpost.server.registry.jobs import run_jobs
from fairpost.server.store import Store, schema
from fairpost.v1 import reason_pb2, registry_pb2, seller_event_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NUMBER = "110105" + "19491231002X"


def log_of(store: Store) -> list[audit.Entry]:
    with store.read() as connection:
        return list(entries(connection))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


def written(store: Store, count: int = 6) -> list[audit.Entry]:
    for number in range(count):
        chain.record(store, method="test", subject=f"thing {number}")
    assert verify(store).faults == []
    return log_of(store)


# ---- the chain ------------------------------------------------------------------------------------------


def test_hashes_are_what_the_documentation_says(store: Store) -> None:
    """Computed again from the exported lines with the standard library alone."""
    with audit.acting("fairpost test", actor=audit.COMMAND):
        written(store)
    previous = ""
    for number, entry in enumerate(log_of(store), 1):
        found = json.loads(line(entry, store.store_id))
        names = ("store", "sequence", "at", "actor", "method", "peer", "digest", "subject", "outcome", "previous")
        text = json.dumps([found[name] for name in names], separators=(",", ":"), ensure_ascii=True)
        assert found["hash"] == hashlib.sha256(text.encode()).hexdigest()
        assert found["previous"] == previous
        assert (found["sequence"], found["actor"], found["method"]) == (number, "command", "fairpost test")
        previous = found["hash"]


def tampered(store: Store, *statements: str) -> list[str]:
    """Faults after somebody with the database in hand has run these."""
    engine = store._engine
    with engine.connect() as connection, connection.begin():
        if store.dialect == "sqlite":
            for name in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS audit_no_{name}")
    with engine.connect().execution_options(fairpost_write=True) as connection, connection.begin():
        if store.dialect == "postgresql":
            connection.exec_driver_sql("ALTER TABLE audit DISABLE TRIGGER USER")
        for statement in statements:
            connection.exec_driver_sql(statement)
    return verify(store).faults


COPY = "INSERT INTO audit SELECT {0}, at, actor, method, peer, digest, subject, outcome, previous, hash FROM audit"


@pytest.mark.parametrize(
    ("statements", "faults"),
    [
        (
            ["UPDATE audit SET actor = 'key:0/other' WHERE sequence = 3"],
            ["entry 3 was changed: its hash is not that of its content"],
        ),
        (["DELETE FROM audit WHERE sequence = 3"], ["entry 3 is missing: removed"]),
        (["DELETE FROM audit WHERE sequence IN (2, 3)"], ["entries 2 to 3 are missing: removed"]),
        (["DELETE FROM audit WHERE sequence > 4"], ["entries 5 to 6 are missing: removed at the end"]),
        (["DELETE FROM audit"], ["entries 1 to 6 are missing: removed at the end"]),
        (
            [COPY.format("7") + " WHERE sequence = 6"],
            [
                "entry 7 was changed: its hash is not that of its content",
                "entry 7 does not follow entry 6: the one before it, or it itself, was inserted or written anew",
                "what follows entry 6 was inserted: that is the last one that was written",
            ],
        ),
        (
            [COPY.format("0") + " WHERE sequence = 1"],
            ["entry 0 was inserted: entries begin with 1"],
        ),
        (
            # Two that change places.
            [
                "UPDATE audit SET sequence = 99 WHERE sequence = 3",
                "UPDATE audit SET sequence = 3 WHERE sequence = 4",
                "UPDATE audit SET sequence = 4 WHERE sequence = 99",
            ],
            [
                "entry 3 was changed: its hash is not that of its content",
                "entry 3 does not follow entry 2: the one before it, or it itself, was inserted or written anew",
                "entry 4 was changed: its hash is not that of its content",
                "entry 4 does not follow entry 3: the one before it, or it itself, was inserted or written anew",
                "entry 5 does not follow entry 4: the one before it, or it itself, was inserted or written anew",
            ],
        ),
    ],
    ids=["changed", "removed", "two removed", "end removed", "all removed", "added", "put before", "swapped"],
)
def test_tampering_is_found(store: Store, statements: list[str], faults: list[str]) -> None:
    written(store)
    found = tampered(store, *statements)
    assert found[: len(faults)] == faults


def test_an_entry_sealed_anew_breaks_the_next_link(store: Store) -> None:
    third = written(store)[2]._replace(subject="something else")
    sealed = third.expected_hash(store.store_id).hex()
    literal = f"X'{sealed}'" if store.dialect == "sqlite" else f"'\\x{sealed}'"
    found = tampered(store, f"UPDATE audit SET subject = 'something else', hash = {literal} WHERE sequence = 3")
    assert found == ["entry 4 does not follow entry 3: the one before it, or it itself, was inserted or written anew"]


def test_a_log_written_anew_is_found_by_a_hash_that_was_noted(store: Store) -> None:
    noted = written(store)[-1]
    assert verify(store, noted=[(noted.sequence, noted.hash.hex())]).faults == []
    tampered(store, "DELETE FROM audit", "UPDATE head SET audit_sequence = 0, audit_hash = NULL")
    with store.write() as connection:
        for number in range(7):
            audit.append(connection, store.store_id, method="test", subject=f"invented {number}")
    assert verify(store).faults == []  # whoever may write everything leaves no trace inside
    assert verify(store, noted=[(6, noted.hash.hex())]).faults == [
        "entry 6 is not the one that was noted: the log was written anew up to there"
    ]
    assert verify(store, noted=[(9, noted.hash.hex())]).faults == ["entry 9, which was noted, is not there"]


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_the_database_itself_refuses_changes(store: Store, statement: str) -> None:
    written(store)
    engine = store._engine
    with (
        pytest.raises(sa.exc.DBAPIError, match="the audit log is append-only"),
        engine.connect().execution_options(fairpost_write=True) as connection,
        connection.begin(),
    ):
        connection.exec_driver_sql(statement)


def test_one_chain_from_several_threads_and_stores(store: Store) -> None:
    url = f"sqlite:///{store.url}" if store.dialect == "sqlite" else store.url
    with Store.open(url) as other:
        threads = [
            threading.Thread(target=lambda each=each: [chain.record(each, method="t", subject="x") for _ in range(15)])
            for each in (store, other, store, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = verify(store)
    assert (found.entries, found.faults, found.head[0]) == (60, [], 60)


def test_texts_that_no_column_takes_do_not_break_a_call(store: Store) -> None:
    chain.record(store, method="m" * 500, subject="\x00\ud800 中文" + "s" * 500)
    (entry,) = log_of(store)
    assert (len(entry.method), entry.subject[:18], len(entry.subject)) == (100, "\\x00\\ud800 \\u4e2d\\u"[:18], 300)
    assert verify(store).faults == []


# ---- what is in it --------------------------------------------------------------------------------------


@pytest.fixture
def only_with_entries(store: Store) -> Iterator[list[str]]:
    """Fails when a transaction has changed a table of the registry and brought no entry."""
    tables = {name for name in schema.metadata.tables if name not in ("audit", "head", "jobs", "requests")}
    naked: list[str] = []

    def after(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        words = statement.replace('"', "").split()
        verb = words[0].upper() if words else ""
        if verb in ("INSERT", "UPDATE", "DELETE"):
            table = words[1] if verb == "UPDATE" else words[2]
            touched = connection.info.setdefault("touched", set())
            touched.add(table)

    def on_commit(connection: Any) -> None:
        touched = connection.info.pop("touched", set())
        if touched & tables and "audit" not in touched:
            naked.append(f"{sorted(touched & tables)}")

    def on_rollback(connection: Any) -> None:
        connection.info.pop("touched", None)

    sa.event.listen(store._engine, "after_cursor_execute", after)
    sa.event.listen(store._engine, "commit", on_commit)
    sa.event.listen(store._engine, "rollback", on_rollback)
    yield naked
    assert naked == []


def test_every_change_of_the_registry_has_its_entry(
    store: Store, only_with_entries: list[str], registration: Callable[..., Any], tmp_path: Path
) -> None:
    registry = Registry(store, Keys.make())
    core = registry.core
    request = registration("seller-1", request_id="once")
    registry.sellers.register(request)
    registry.sellers.register(request)  # a repetition changes nothing, and is no entry
    strike = seller_event_pb2.Strike(category="MEDICAL")
    event = seller_event_pb2.SellerEvent(actor="m", reason="r", strike=strike)

    registry.decisions.record_event(registry_pb2.RecordEventRequest(seller_id="seller-1", event=event))
    registry.erasure.export(registry_pb2.ExportPersonRequest(seller_id="seller-1", actor="m", reason="asked"))
    run_jobs(core)
    keys.revoke(store, keys.create(store, "one", ["ops"])[1].key_id)
    keys.rotate(store, keys.create(store, "two", ["ops"])[1].key_id)
    found = log_of(store)
    first = [(entry.method, entry.subject) for entry in found[:3]]
    assert first == [("RegisterSeller", "event 1"), ("RecordEvent", "event 2"), ("ExportPerson", "event 3")]
    assert [entry.method for entry in found].count("RegisterSeller") == 1
    assert sum(entry.method == "keys" for entry in found) == 5
    assert {entry.actor for entry in found} == {"server"}
    assert found[0].digest == core.keys.hash(b"RegisterSeller\0" + request.SerializeToString(deterministic=True)).hex()
    assert verify(store).faults == []
    whole = "\n".join(line(entry, store.store_id) for entry in found)
    for secret in ("seller-1", "示例市", "\\u793a\\u4f8b", "91350100M000100Y43", "JY1"):
        assert secret not in whole


def test_who_did_it_over_the_wire(inside: Callable[..., Any], registration: Any, bundle: Any) -> None:
    running = inside().start()
    client, store = running.client, running.server.registry.core.store
    key_id = running.api_key[3:11]
    client.activate(bundle({"根治": 0.97}), source="first")
    client.register(registration("seller-1", kind=1, credit_code="", identity_number=NUMBER))
    client.check("根治糖尿病", seller_id="seller-1", id="p1")
    with pytest.raises(CallFailed, match="INVALID_BUNDLE"):
        client.activate(b"nothing")
    with pytest.raises(CallFailed, match="CREDENTIALS_MISSING"):
        _without_a_key(running).roll_back()
    until(lambda: any(entry.outcome == "REASON_CREDENTIALS_MISSING" for entry in log_of(store)))
    found = [entry for entry in log_of(store) if entry.method not in ("keys", "job days")]
    said = [(e.actor, e.method.removeprefix("fairpost.v1."), e.peer, e.subject, e.outcome) for e in found]
    me, here, rules = f"key:{key_id}/test", "ipv4:127.0.0.1", "RulesService/"
    revision = client.status().active.revision
    first = found[0].sequence
    bad = next(e.sequence for e in found if e.outcome == "BEGUN" and e.sequence > first + 1)
    assert (me, f"{rules}ActivateBundle", here, "rule set", "BEGUN") in said
    assert (me, f"{rules}ActivateBundle", here, f"entry {first}: rule set none -> {revision}", "OK") in said
    assert (me, "RegistryService/RegisterSeller", here, "event 1", "OK") in said
    assert (me, f"{rules}ActivateBundle", here, f"entry {bad}: rule set", "REASON_INVALID_BUNDLE") in said
    assert ("anonymous", f"{rules}RollBack", here, "refused", "REASON_CREDENTIALS_MISSING") in said
    assert [e.actor for e in found if e.method == "violations"] == ["server"]
    assert verify(store).faults == []
    whole = "\n".join(line(entry, store.store_id) for entry in log_of(store))
    for secret in (NUMBER, NUMBER[:6], "seller-1", "根治", running.api_key, running.api_key[12:]):
        assert secret not in whole


def _without_a_key(running: Any) -> Any:
    return Client(running.server.address, retry=None)


def test_floods_of_refused_attempts_are_one_entry(inside: Callable[..., Any]) -> None:
    running = inside().start()
    store = running.server.registry.core.store
    before = len(log_of(store))
    with _without_a_key(running) as client:
        for _ in range(300):
            with pytest.raises(CallFailed):
                client.roll_back()
    running.server.access.attempts.write()
    found = log_of(store)[before:]
    assert 1 <= len(found) <= 30
    counts = [int(e.subject.split()[1]) if " " in e.subject else 1 for e in found]
    assert sum(counts) == 300


def test_what_cannot_be_entered_is_not_done(inside: Callable[..., Any], bundle: Any, monkeypatch: Any) -> None:
    running = inside().start()

    def away(*_: Any, **__: Any) -> None:
        raise Unavailable(reason_pb2.REASON_STORE_UNAVAILABLE, "the store is away")

    monkeypatch.setattr(chain, "record", away)
    with pytest.raises(CallFailed, match="the store is away"):
        running.client.activate(bundle({"根治": 0.97}))
    assert not running.client.status().serving


def test_rules_that_no_caller_brought(inside: Callable[..., Any], bundle: Any, tmp_path: Path) -> None:
    source, first = tmp_path / "rules.fpb", tmp_path / "first.fpb"
    first.write_bytes(bundle({"根治": 0.97}, name="first"))
    source.write_bytes(bundle({"特效": 0.97}, name="second"))
    running = inside(rules=first, rules_source=str(source), rules_source_seconds=0.2).start()
    store = running.server.registry.core.store
    until(lambda: running.client.status().active.name == "second")

    def told() -> list[audit.Entry]:
        return [entry for entry in log_of(store) if entry.method in ("start", "rules source")]

    until(lambda: len(told()) >= 3)
    found = told()
    assert [(entry.actor, entry.method, entry.outcome) for entry in found] == [
        ("server", "start", "OK"),
        ("server", "rules source", "BEGUN"),
        ("server", "rules source", "OK"),
    ]
    assert found[0].subject.endswith(" (first.fpb)")
    assert found[2].subject.endswith(f" -> {running.client.status().active.revision}")


# ---- commands -------------------------------------------------------------------------------------------


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_commands(store: Store, store_url: str, tmp_path: Path, capsys: Any) -> None:
    text = keys.create(store, "feed", ["checker"])[0]
    noted = written(store, 3)[-1]
    assert run("audit", "verify", "--registry", store_url) == 0
    assert capsys.readouterr().out == f"4 entries: the chain holds\n4:{noted.hash.hex()}\n"
    assert run("audit", "verify", "--registry", store_url, "--noted", f"4:{noted.hash.hex()}") == 0
    assert run("audit", "verify", "--registry", store_url, "--noted", "4") == 2
    assert "--noted 4: is not ENTRY:HASH, as 'fairpost audit verify' prints it" in capsys.readouterr().err
    assert run("audit", "list", "--registry", store_url, "--method", "keys") == 0
    out = capsys.readouterr().out
    assert f"key {text[3:11]} (feed)" in out
    assert "thing" not in out
    path = tmp_path / "out.jsonl"
    assert run("audit", "export", "--registry", store_url, "--after", "2", "-o", str(path)) == 0
    assert [json.loads(row)["sequence"] for row in path.read_text().splitlines()] == [3, 4]
    tampered(store, "DELETE FROM audit WHERE sequence = 2")
    assert run("audit", "verify", "--registry", store_url) == 1
    assert capsys.readouterr().out == "entry 2 is missing: removed\n3 entries: the chain is broken\n"
