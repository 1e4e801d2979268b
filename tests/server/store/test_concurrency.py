"""Several writers, several registries, several server processes on one store."""

from __future__ import annotations

import sqlite3
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa

from fairpost.client import CallFailed
from fairpost.engine.dates import today
from fairpost.server.errors import Aborted, ServiceError, Unavailable
from fairpost.server.registry import Keys, Registry
from fairpost.server.store import Store, StoreError, schema
from fairpost.v1 import registry_pb2, seller_event_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WRITERS = 8


def strike() -> seller_event_pb2.SellerEvent:
    change = seller_event_pb2.Strike(category="MEDICAL")
    return seller_event_pb2.SellerEvent(strike=change, actor="test", reason="test")


def version_of(registry: Registry) -> int:
    request = registry_pb2.GetSellerRequest(seller_id="s")
    return registry.sellers.get(request).seller.version


def test_eight_writers_on_one_seller(registries: Callable[..., Registry], registration: Any) -> None:
    """Through two registries, as two processes have them; every strike under an id that two threads send."""
    both = [registries(), registries()]
    both[0].sellers.register(registration("s"))
    begin = threading.Barrier(WRITERS)

    def write(writer: int) -> list[int]:
        begin.wait()
        found = []
        for number in range(10):
            # Writers 0 and 1 send the same requests, 2 and 3, and so on: one of each pair is the repetition.
            request = registry_pb2.RecordEventRequest(
                request_id=f"r-{writer // 2}-{number}", seller_id="s", event=strike()
            )
            found.append(both[writer % 2].decisions.record_event(request).sequence)
        return found

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = list(pool.map(write, range(WRITERS)))
    assert answers[0::2] == answers[1::2]
    sequences = sorted(sequence for found in answers[0::2] for sequence in found)
    assert sequences == list(range(2, 42))
    for registry in both:
        request = registry_pb2.LookupSellerRequest(seller_id="s")
        request.consistency.fully_consistent = True
        assert registry.lookups.lookup(request).answer.standing.strikes[0].count == 40


def test_no_update_is_lost(registries: Callable[..., Registry], registration: Any) -> None:
    """Read, change, write with the version that was read: refused if somebody was first, so that all changes stay."""
    both = [registries(), registries()]
    both[0].sellers.register(registration("s", categories=["food"]))
    refusals = []

    def add(writer: int) -> None:
        registry = both[writer % 2]
        while True:
            seller = registry.sellers.get(registry_pb2.GetSellerRequest(seller_id="s")).seller
            request = registry_pb2.UpdateSellerRequest(
                seller_id="s", fields=["categories"], actor="a", reason="r", expected_version=seller.version
            )
            request.record.categories.extend([*seller.categories, f"goods-{writer}"])
            try:
                registry.sellers.update(request)
            except Aborted as error:
                refusals.append(error)
            else:
                return

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(add, range(WRITERS)))
    seller = both[0].sellers.get(registry_pb2.GetSellerRequest(seller_id="s")).seller
    assert sorted(seller.categories) == ["food", *(f"goods-{writer}" for writer in range(WRITERS))]
    assert seller.version == 1 + WRITERS
    assert all(error.reason_name == "REASON_CONFLICT" and int(error.metadata["version"]) > 1 for error in refusals)


def test_two_server_processes(store_url: str, server: Any, tmp_path: Path, registration: Any) -> None:
    """Eight writers on both, nothing lost or doubled; and what one has acknowledged is soon in the other's memory."""
    options = {"registry": store_url, "registry_key_file": tmp_path / "keys"}
    both = [server(name, **options).start() for name in ("one", "two")]
    one, two = (running.client for running in both)
    one.register(registration("s"))
    counted = []

    def write(writer: int) -> None:
        for number in range(6):
            client = (one, two)[writer % 2]
            counted.append(client.record_event("s", strike(), request_id=f"r-{writer}-{number}").sequence)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    assert sorted(counted) == list(range(2, 2 + 6 * WRITERS))
    assert [each.lookup("s", fully=True).standing.strikes[0].count for each in (one, two)] == [48, 48]
    seconds = []
    for number in range(20):
        writer, reader = (one, two) if number % 2 else (two, one)
        writer.register(registration(f"new-{number}"))
        acknowledged = time.monotonic()
        while reader.lookup(f"new-{number}").outcome != 1:
            assert time.monotonic() < acknowledged + 60
        seconds.append(time.monotonic() - acknowledged)
    # The median, since these machines do other things, too.
    assert statistics.median(seconds) < 0.1


def test_servers_with_other_keys_do_not_mix(registries: Callable[..., Registry], registration: Any) -> None:
    registry = registries()
    registry.sellers.register(registration("s", contacts={"phone": "12345"}))
    other = registries(keys=Keys.make())
    for call in (
        lambda: other.sellers.register(registration("t")),
        lambda: other.sellers.get(registry_pb2.GetSellerRequest(seller_id="s")),
        other.start,
    ):
        with pytest.raises(Unavailable, match=f"key {registry.core.keys.active}, which"):
            call()


def test_a_store_made_by_two_at_once(store_url: str) -> None:
    begin = threading.Barrier(4)

    def make(_number: int) -> str:
        begin.wait()
        with Store.open(store_url) as store:
            return store.store_id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(make, range(4)))) == 1


def test_conflicts_of_the_store_are_aborted(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that another process holds for too long; on PostgreSQL also deadlocks and failures of serialisation."""
    with Store.open(store_url) as store:
        if store.dialect == "sqlite":
            connection = sqlite3.connect(store.url, isolation_level=None)
            connection.execute("BEGIN IMMEDIATE")
            monkeypatch.setattr(store, "_engine", quick(store._engine.url))
            with pytest.raises(Aborted) as caught, store.write():
                pass
            connection.close()
        else:
            for state in ("deadlock_detected", "serialization_failure", "lock_not_available"):
                with pytest.raises(Aborted) as caught, store.write() as writing:
                    writing.execute(sa.text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"))
    assert caught.value.reason_name == "REASON_CONFLICT"
    assert caught.value.message == "another transaction was in the way; nothing was changed: send the request again"


def quick(url: sa.URL) -> sa.Engine:
    """As the store's, with no patience."""
    engine = sa.create_engine(url, connect_args={"timeout": 0.05})

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def test_a_store_that_fails(registry: Registry, registration: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """UNAVAILABLE, without a word of the driver's; and well again when the store is."""
    registry.sellers.register(registration("s"))
    store = registry.core.store

    def rename(old: str, new: str) -> None:
        with store._engine.connect().execution_options(fairpost_write=True) as connection, connection.begin():
            connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))

    rename("persons", "elsewhere")
    with pytest.raises(Unavailable) as caught:
        registry.sellers.register(registration("t", name="某某公司"))
    assert caught.value.reason_name == "REASON_STORE_UNAVAILABLE"
    assert caught.value.message.startswith("the registry's store cannot be written at present (")
    assert "persons" not in caught.value.message
    assert "某某公司" not in capsys.readouterr().out
    with pytest.raises(ServiceError, match=r"cannot be read at present \(\w+\); ask again"):
        registry.sellers.get(registry_pb2.GetSellerRequest(seller_id="s"))
    rename("elsewhere", "persons")
    registry.sellers.register(registration("t"))
    with store.read() as connection:
        assert list(connection.execute(sa.select(schema.sellers.c.seller_id)).scalars()) == ["s", "t"]


def test_postgresql_away_and_back(new_database: Any, registration: Any) -> None:
    """All its connections are cut: the call that notices is UNAVAILABLE at worst, the next goes through."""
    url = new_database()
    registry = Registry(Store.open(url), Keys.make(), clock=today)
    registry.lookups.reload()
    registry.sellers.register(registration("s"))
    with psycopg.connect(url, autocommit=True) as connection:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
        connection.execute(query + "pg_backend_pid()")
    for _ in range(2):
        try:
            registry.sellers.register(registration("t", request_id="r"))
        except Unavailable:
            continue
        break
    assert version_of(registry) == 1
    with registry.core.store.read() as reading:
        assert reading.execute(sa.select(schema.head.c.sequence)).scalar_one() == 2
    registry.close()


def test_urls_that_are_none(tmp_path: Path, new_database: Any) -> None:
    for url, said in (
        ("registry.sqlite", "is neither sqlite:///path nor postgresql://user@host/database"),
        ("mysql://a:secret@b/c", "mysql://a:***@b/c: is neither"),
        ("sqlite://", "names no file"),
        (f"sqlite:///{tmp_path}/no/folder/x.sqlite", "no/folder/x.sqlite: cannot be made: No such file or directory"),
        (
            "postgresql://postgres:secret@/none?host=/nowhere",
            "none?host=%2Fnowhere: not a usable registry: connection ",
        ),
    ):
        with pytest.raises(StoreError) as caught:
            Store.open(url)
        assert said in str(caught.value)
        assert "secret" not in str(caught.value)
    url = new_database()
    with pytest.raises(StoreError, match="there is no registry here"):
        Store.open(url, create=False)


def test_the_conflict_over_the_wire(store_url: str, inside: Any, registration: Any) -> None:
    client = inside(registry=store_url).start().client
    client.register(registration("s"))
    client.record_event("s", strike())
    request = registry_pb2.UpdateSellerRequest(
        seller_id="s", fields=["name"], actor="a", reason="r", expected_version=1
    )
    request.record.name = "新名"
    with pytest.raises(CallFailed) as caught:
        client.update_seller(request)
    assert (caught.value.code, caught.value.reason) == ("ABORTED", "REASON_CONFLICT")
    assert caught.value.metadata == {"version": "2"}
