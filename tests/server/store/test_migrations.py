"""From every earlier revision to the newest, with data in it, on both stores."""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from fairpost.cli import main
from fairpost.server.registry import Keys, Registry
from fairpost.server.registry.verify import verify
from fairpost.server.store import Store, StoreError, schema
from fairpost.server.store.upgrade import MIGRATIONS, config_for, newest
from fairpost.v1 import registry_pb2, seller_pb2, standing_pb2

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = "11010519491231002X"
FIRST_STORE = """
CREATE TABLE store (schema_version INTEGER NOT NULL, store_id VARCHAR(8) NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE sellers (
    seller_id VARCHAR(128) NOT NULL, kind SMALLINT NOT NULL, name VARCHAR(200) NOT NULL, identity_hash BLOB,
    identity_masked VARCHAR(18), credit_code VARCHAR(18), categories JSON NOT NULL, exempt_reason VARCHAR(500),
    registered_at BIGINT NOT NULL, PRIMARY KEY (seller_id));
CREATE INDEX ix_sellers_credit_code ON sellers (credit_code);
CREATE INDEX ix_sellers_identity_hash ON sellers (identity_hash);
CREATE TABLE requests (
    request_id VARCHAR(128) NOT NULL, method VARCHAR(64) NOT NULL, digest BLOB NOT NULL, response BLOB NOT NULL,
    recorded_at BIGINT NOT NULL, PRIMARY KEY (request_id));
CREATE TABLE licences (
    seller_id VARCHAR(128) NOT NULL, position INTEGER NOT NULL, scope VARCHAR(64) NOT NULL, number VARCHAR(64) NOT NULL,
    valid_from DATE NOT NULL, valid_until DATE, evidence VARCHAR(500) NOT NULL, PRIMARY KEY (seller_id, position),
    FOREIGN KEY(seller_id) REFERENCES sellers (seller_id));
CREATE TABLE events (
    sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, seller_id VARCHAR(128) NOT NULL, kind VARCHAR(32) NOT NULL,
    body JSON NOT NULL, actor VARCHAR(128) NOT NULL, reason VARCHAR(1000) NOT NULL, evidence VARCHAR(500) NOT NULL,
    effective DATE NOT NULL, expires DATE, decision_id VARCHAR(64) NOT NULL, revision VARCHAR(64) NOT NULL,
    recorded_at BIGINT NOT NULL, FOREIGN KEY(seller_id) REFERENCES sellers (seller_id));
CREATE INDEX ix_events_seller_id ON events (seller_id);
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
"""
"""As the first version made it, before there were revisions; it knew SQLite alone."""


def first_store(url: str, keys: Keys) -> None:
    """Two sellers as the first version had them, one closed; on PostgreSQL by the first revision, which is the same."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.executescript(FIRST_STORE)
        connection.close()
    else:
        with engine.connect() as made, made.begin():
            command.upgrade(config_for(made), "0001")
    at = 1_700_000_000_000  # 2023-11-15 in China
    person = {"identity_hash": keys.hash_number(NUMBER), "identity_masked": "1****************X"}
    blank = {"identity_hash": None, "identity_masked": None, "credit_code": None, "exempt_reason": None}
    sellers = [
        blank | {"seller_id": "s1", "kind": 1, "name": "张三", "categories": ["food"], "registered_at": at} | person,
        blank
        | {"seller_id": "s2", "kind": 3, "name": "示例公司", "categories": ["tea"], "registered_at": at + 1}
        | {"credit_code": "91350100M000100Y43"},
    ]
    licences = [
        {"seller_id": "s1", "position": place, "scope": "food", "number": number, "evidence": "https://example.com"}
        | {"valid_from": date(2020, 1, 1), "valid_until": until}
        for place, (number, until) in enumerate([("J1", date(2099, 12, 31)), ("J2", None), ("J1", date(2098, 1, 1))])
    ]
    registered = {"state": "active", "next_verification": "2099-01-01"}
    events = [
        event(1, "s1", "registration", registered, at),
        event(2, "s2", "registration", registered, at),
        event(3, "s1", "strike", {"category": "MEDICAL", "weight": 2}, at),
        event(4, "s1", "enforcement", {"state": "limited"}, at),
        event(5, "s2", "registration", {"state": "closed"}, at),
        event(7, "s1", "listing", {"state": "blacklisted", "permanent": True}, at),
    ]
    answered = {"request_id": "r", "method": "m", "digest": bytes(32), "response": "张三".encode(), "recorded_at": at}
    rows = {
        "store": [{"schema_version": 1, "store_id": "0a1b2c3d", "created_at": at}],
        "sellers": sellers,
        "licences": licences,
        "events": events,
        "requests": [answered],
    }
    with engine.connect() as filled, filled.begin():
        for name, values in rows.items():
            filled.execute(sa.Table(name, sa.MetaData(), autoload_with=filled, resolve_fks=False).insert(), values)
        if filled.dialect.name == "postgresql":
            filled.execute(sa.text("DROP TABLE alembic_version"))
    engine.dispose()


def event(sequence: int, seller_id: str, kind: str, body: dict[str, Any], at: int) -> dict[str, Any]:
    return {
        "sequence": sequence,
        "seller_id": seller_id,
        "kind": kind,
        "body": body,
        "actor": "a",
        "reason": "r",
        "evidence": "",
        "effective": date(2023, 11, 15),
        "expires": date(2099, 1, 1) if kind == "strike" else None,
        "decision_id": "",
        "revision": "",
        "recorded_at": at,
    }


def test_from_the_first_store(store_url: str, keys: Keys, registration: Any) -> None:
    first_store(store_url, keys)
    with Store.open(store_url, migrate=True) as store:
        assert store.store_id == "0a1b2c3d"
        registry = Registry(store, keys)
        registry.start()
        found = verify(registry.core)
        assert (found.differences, found.sellers, found.events, found.sequence) == ([], 2, 10, 11)
        one, two = (registry.sellers.get(registry_pb2.GetSellerRequest(seller_id=name)).seller for name in ("s1", "s2"))
        assert (one.name, one.identity_masked, list(one.categories)) == ("张三", "1****************X", ["food"])
        assert one.standing.registration == standing_pb2.REGISTRATION_ACTIVE
        assert one.standing.enforcement == standing_pb2.ENFORCEMENT_LIMITED
        assert one.standing.listing == standing_pb2.LISTING_BLACKLISTED
        assert [(each.category, each.count) for each in one.standing.strikes] == [("MEDICAL", 2)]
        assert [(each.number, each.valid_until) for each in one.licences] == [("J1", "2098-01-01"), ("J2", "")]
        assert (two.name, two.credit_code) == ("示例公司", "91350100M000100Y43")
        assert two.standing.registration == standing_pb2.REGISTRATION_CLOSED
        with store.read() as connection:
            closed = dict(connection.execute(sa.select(schema.sellers.c.seller_id, schema.sellers.c.closed_on)).all())
            assert closed == {"s1": None, "s2": date(2023, 11, 15)}
            assert connection.execute(sa.select(sa.func.count()).select_from(schema.requests)).scalar_one() == 0
        # The table beside the engine has them, and the person is recognised by the hash that the first store kept.
        view = registry.lookups.lookup(registry_pb2.LookupSellerRequest(seller_id="s1"))
        assert view.answer.standing.listing == standing_pb2.LISTING_BLACKLISTED
        again = registration("s3", kind=1, credit_code="", identity_number=NUMBER)
        assert list(registry.sellers.register(again).seller.same_person) == ["s1"]
        update = registry_pb2.UpdateSellerRequest(seller_id="s1", fields=["contacts"], actor="a", reason="r")
        update.record.contacts.phone = "12345"
        assert registry.sellers.update(update).seller.contacts == seller_pb2.Contacts(phone="12345")
        assert verify(registry.core).differences == []
        with pytest.raises(Exception, match="cannot be written"), store.write() as connection:
            connection.execute(sa.delete(schema.events))
        registry.close()


def test_the_command_derives_what_it_migrated(store_url: str, keys: Keys, tmp_path: Path, capsys: Any) -> None:
    """Who reads the store afterwards, without a server having been started, finds standings."""
    first_store(store_url, keys)
    keys.save(tmp_path / "identity.key")
    arguments = ["registry", "migrate", "--registry", store_url, "--key-file", str(tmp_path / "identity.key")]
    run(*arguments)
    assert capsys.readouterr().out == f"the registry is at revision {newest()}\nstandings derived: 2\n"
    run(*arguments)
    assert capsys.readouterr().out == f"the registry is at revision {newest()}\n"
    run("registry", "export", "--registry", store_url, "-o", str(tmp_path / "out.csv"))
    assert "blacklisted" in (tmp_path / "out.csv").read_text()


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert not caught.value.code


def test_an_empty_first_store(store_url: str, keys: Keys) -> None:
    engine = sa.create_engine(store_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as made, made.begin():
        command.upgrade(config_for(made), "0001")
        made.execute(sa.text("INSERT INTO store VALUES (1, '0a1b2c3d', 0)"))
    engine.dispose()
    with Store.open(store_url, migrate=True) as store:
        assert (store.store_id, store.sequence()) == ("0a1b2c3d", 0)


@pytest.mark.parametrize("begin", ["", "0001"])
def test_the_revisions_make_the_schema(store_url: str, begin: str) -> None:
    """What the revisions have made, from nothing or from an earlier one, is what schema.py says."""
    engine = sa.create_engine(store_url.replace("postgresql:", "postgresql+psycopg:"))
    if begin:
        with engine.connect() as connection, connection.begin():
            command.upgrade(config_for(connection), begin)
            connection.execute(sa.text("INSERT INTO store VALUES (1, '0a1b2c3d', 0)"))
    Store.open(store_url, migrate=True).close()
    with engine.connect() as connection:
        # The search index is what each store has for it: no table that both could have.
        opts: dict[str, Any] = {"include_name": lambda name, *_: not str(name).startswith("document_search")}
        opts |= {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, schema.metadata) == []
        inspector = sa.inspect(connection)
        for table in schema.metadata.sorted_tables:
            stored = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
            assert stored == {column.name: column.nullable for column in table.columns}, table.name
            unique = {
                name for index in inspector.get_indexes(table.name) if index["unique"] for name in index["column_names"]
            }
            unique |= {name for each in inspector.get_unique_constraints(table.name) for name in each["column_names"]}
            assert unique == {column.name for column in table.columns if column.unique}, table.name
            collations = {
                column["name"]: getattr(column["type"], "collation", None)
                for column in inspector.get_columns(table.name)
            }
            if connection.dialect.name == "postgresql" and "seller_id" in collations and table.name != "requests":
                assert collations["seller_id"] == "C", table.name
    engine.dispose()


def test_revisions_are_one_line() -> None:
    scripts = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())
    line = [script.revision for script in reversed(scripts)]
    assert line == sorted(set(line))
    assert [script.down_revision for script in reversed(scripts)] == [None, *line[:-1]]
    assert scripts[0].revision == newest()


def test_a_newer_revision_is_refused(store_url: str) -> None:
    Store.open(store_url).close()
    engine = sa.create_engine(store_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection, connection.begin():
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(
        StoreError, match=f"is at revision 9999, of a newer version of fairpost; this one reads {newest()}"
    ):
        Store.open(store_url, migrate=True)


def test_who_is_asked_before_a_migration(store_url: str, keys: Keys) -> None:
    first_store(store_url, keys)
    if store_url.startswith("sqlite"):
        with pytest.raises(StoreError, match="is at revision 0001, this version of fairpost needs"):
            Store.open(store_url, migrate=False)
        Store.open(store_url).close()  # one server has it for itself
        return
    with pytest.raises(StoreError) as caught:
        Store.open(store_url)
    assert "is at revision 0001, this version of fairpost needs" in str(caught.value)
    assert "stop the servers of the older version, then run: fairpost registry migrate --registry URL" in str(
        caught.value
    )
    Store.open(store_url, migrate=True).close()
    Store.open(store_url).close()


def test_a_migration_that_fails_changes_nothing(store_url: str, keys: Keys) -> None:
    first_store(store_url, keys)
    engine = sa.create_engine(store_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection, connection.begin():
        connection.execute(sa.text("CREATE TABLE jobs (x INTEGER)"))  # in the way of a table that it makes
    with pytest.raises(StoreError, match="not a usable registry: "):
        Store.open(store_url, migrate=True)
    with engine.connect() as connection, connection.begin():
        assert connection.execute(sa.text("SELECT count(*) FROM sellers WHERE identity_hash IS NULL")).scalar_one() == 1
        connection.execute(sa.text("DROP TABLE jobs"))
    engine.dispose()
    Store.open(store_url, migrate=True).close()


def test_a_database_of_something_else(store_url: str) -> None:
    engine = sa.create_engine(store_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection, connection.begin():
        connection.execute(sa.text("CREATE TABLE sellers (x INTEGER)"))
    engine.dispose()
    with pytest.raises(StoreError, match="has tables that are no registry of fairpost; take an empty database"):
        Store.open(store_url)
