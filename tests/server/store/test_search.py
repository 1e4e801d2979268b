"""The bulletin's search index: it finds what a look through every text would find, on both stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command

from fairpost.server.bulletin import rows, search
from fairpost.server.store import Store, schema
from fairpost.server.store.upgrade import config_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TEXTS = {
    1: "七日无理由退货的规则 seller-rules",
    2: "The seller's rules on returns: 100% of the price, a_b 'quoted' \"twice\" c\\d",
    3: "货退由理无日七",
    4: "𠮷野家 emoji 🌶️ 甜甜甜",
    5: "退",
    6: "a",
    7: "aa * OR NOT NEAR( x",
}
QUERIES = (
    *(
        "退",
        "退货",
        "货退",
        "七日无理由退货",
        "无由",
        "理由退货的规则 s",
        "甜甜",
        "甜甜甜",
        "甜甜甜甜",
        "𠮷",
        "𠮷野",
        "🌶️",
    ),
    *(
        "a",
        "aa",
        "aaa",
        "rules",
        "seller",
        "r's",
        "%",
        "100%",
        "a_b",
        "a?b",
        "'",
        '"',
        '"twice"',
        "\\",
        "c\\d",
        "*",
        "* or",
        "or not",
    ),
    *("near(", "不在", "x y", "s on r", " ", "龘", "-"),
)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


def insert(connection: sa.Connection, texts: Mapping[int, str]) -> None:
    blank: dict[str, Any] = {"kind": 1, "version": 1, "withdrawn": False, "public_number": 1, "scheduled_number": 0}
    for listed, text in texts.items():
        values = {"document_id": f"d{listed}", "listed": listed, "told": listed, "search": rows.searched(text)}
        connection.execute(schema.documents.insert(), blank | values)


def found(store: Store, query: str) -> list[int]:
    columns = schema.documents.c
    with store.read() as connection:
        condition = search.contains(connection, columns.listed, columns.search, query)
        return list(connection.execute(sa.select(columns.listed).where(condition).order_by(columns.listed)).scalars())


def test_it_finds_what_texts_contain(store: Store) -> None:
    with store.write() as connection:
        insert(connection, TEXTS)
        for listed, text in TEXTS.items():
            search.index(connection, listed, rows.searched(text))
    for query in QUERIES:
        wanted = rows.searched(query) or query
        expected = [listed for listed, text in TEXTS.items() if wanted in rows.searched(text)]
        assert found(store, wanted) == expected, query


def test_what_is_taken_out_is_not_found(store: Store) -> None:
    with store.write() as connection:
        insert(connection, {1: "新的文字"})
        search.index(connection, 1, "旧的文字")
    assert found(store, "旧的") == [1]
    with store.write() as connection:
        search.remove(connection, 1, "旧的文字")
        search.index(connection, 1, "新的文字")
    assert found(store, "旧的") == []
    assert found(store, "新") == found(store, "文字") == [1]


def test_the_migration_takes_in_what_was_public(store_url: str) -> None:
    engine = sa.create_engine(store_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection, connection.begin():
        command.upgrade(config_for(connection), "0005")
        insert(connection, TEXTS)
        waits = {"document_id": "waits", "kind": 1, "version": 1, "listed": 9, "withdrawn": False, "search": ""}
        connection.execute(schema.documents.insert(), waits | {"public_number": 0, "scheduled_number": 1})
        values = {"schema_version": 1, "store_id": "0a1b2c3d", "created_at": 1}
        names = {column["name"] for column in sa.inspect(connection).get_columns("store")}
        columns = [name for name in values if name in names]
        table = sa.table("store", *map(sa.column, columns))
        connection.execute(table.insert(), {name: values[name] for name in columns})
    engine.dispose()
    with Store.open(store_url, migrate=True) as store:
        for query in QUERIES:
            wanted = rows.searched(query) or query
            expected = [listed for listed, text in TEXTS.items() if wanted in rows.searched(text)]
            assert found(store, wanted) == expected, query
