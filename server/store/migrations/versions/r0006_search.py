"""The bulletin's search index (server/bulletin/search.py), filled with what is public or was."""

from __future__ import annotations

from itertools import pairwise

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def upgrade() -> None:
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        op.execute(
            "CREATE VIRTUAL TABLE document_search USING fts5 "
            "(grams, content='', tokenize='ascii', prefix='4', columnsize=0)"
        )
        insert = sa.text("INSERT INTO document_search (rowid, grams) VALUES (:listed, :grams)")
    else:
        op.execute('CREATE TABLE document_search (listed bigint PRIMARY KEY, grams text[] COLLATE "C" NOT NULL)')
        insert = sa.text("INSERT INTO document_search (listed, grams) VALUES (:listed, :grams)")
    documents = sa.table("documents", sa.column("listed"), sa.column("public_number"), sa.column("search"))
    public = sa.select(documents.c.listed).where(documents.c.public_number > 0).order_by(documents.c.listed)
    for listed in connection.execute(public).scalars().all():
        text = connection.execute(sa.select(documents.c.search).where(documents.c.listed == listed)).scalar_one()
        grams = " ".join(_tokens(text)) if is_sqlite else sorted({*text, *map("".join, pairwise(text))})
        connection.execute(insert, {"listed": listed, "grams": grams})
    if not is_sqlite:
        # Last: to build it at once costs a fraction of what it costs row by row. Without a list of what waits to be
        # indexed, which every query would have to look through.
        op.execute("CREATE INDEX ix_document_search ON document_search USING gin (grams) WITH (fastupdate = off)")


def _tokens(text: str) -> list[str]:
    codes = [_code(ord(character)) for character in text]
    return [*map("".join, pairwise(codes)), *codes[-1:]]


def _code(number: int) -> str:
    code = ""
    for _ in range(4):
        number, digit = divmod(number, 36)
        code = _DIGITS[digit] + code
    return code
