"""The index of what documents say: which ones contain a text, however short.

Chinese has no spaces between words, and queries of one or two characters are usual: an index of words would not find
them, one of three characters (SQLite's `trigram`, PostgreSQL's pg_trgm) neither. So texts are indexed by their pairs of
characters. Both stores have the table `document_search`, with a document's `listed` as its key:

    SQLite      FTS5, contentless. A token is a pair of neighbouring characters, written as letters and digits. What is
                asked for is a phrase of tokens, which is there exactly where the text is; a single character is the
                beginning of a pair.
    PostgreSQL  an array of single characters and pairs with a GIN index, which gives documents that have all of them;
                where there are three characters or more, the text itself is looked at, too. Which of the documents come
                first, the few that it gives or the many in the page's order, is decided here: the planner knows
                nothing of how often a pair is there.

Which rows there are is derived from `documents.search`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import sqlalchemy as sa

__all__ = ["contains", "index", "remove"]

_TABLE: Final = sa.table("document_search", sa.column("listed"), sa.column("rowid"), sa.column("grams"))
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_WIDTH: Final = 4
"""Digits of a character: 36^4 is more than there are code points."""
_PAIR: Final = 2
_FEW: Final = 500
"""So many documents are looked at one by one."""


def index(connection: sa.Connection, listed: int, text: str) -> None:
    """Take in a document's text, folded as `rows.searched` does."""
    if connection.dialect.name == "sqlite":
        connection.execute(
            sa.text("INSERT INTO document_search (rowid, grams) VALUES (:listed, :grams)"),
            {"listed": listed, "grams": " ".join(_tokens(text))},
        )
    else:
        connection.execute(
            sa.text("INSERT INTO document_search (listed, grams) VALUES (:listed, :grams)"),
            {"listed": listed, "grams": sorted({*text, *_pairs(text)})},
        )


def remove(connection: sa.Connection, listed: int, text: str) -> None:
    """Take out a document. text: as it was indexed; the index of SQLite does not keep it."""
    if connection.dialect.name == "sqlite":
        connection.execute(
            sa.text("INSERT INTO document_search (document_search, rowid, grams) VALUES ('delete', :listed, :grams)"),
            {"listed": listed, "grams": " ".join(_tokens(text))},
        )
    else:
        connection.execute(sa.text("DELETE FROM document_search WHERE listed = :listed"), {"listed": listed})


def contains(
    connection: sa.Connection, listed: sa.ColumnElement[int], text: sa.ColumnElement[str], wanted: str
) -> sa.ColumnElement[bool]:
    """The condition that a document contains `wanted`, which is folded and not empty.

    Args:
        listed, text: the document's columns.
    """
    if connection.dialect.name == "sqlite":
        phrase = f'"{" ".join(_tokens(wanted)[: max(1, len(wanted) - 1)])}"' + ("*" if len(wanted) == 1 else "")
        found = sa.select(_TABLE.c.rowid).where(sa.text("document_search MATCH :phrase").bindparams(phrase=phrase))
        return listed.in_(found)
    # The planner takes reading all arrays for cheap: it does not see that they are stored elsewhere (TOAST).
    connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
    grams = sa.bindparam("grams", sorted(_pairs(wanted) or {wanted}), sa.ARRAY(sa.Text))
    all_of = sa.text("grams @> :grams").bindparams(grams)
    found = sa.select(_TABLE.c.listed).where(all_of)
    has_text = sa.func.strpos(text, wanted) > 0 if len(wanted) > _PAIR else sa.true()
    few = connection.execute(found.limit(_FEW + 1)).scalars().all()
    if len(few) <= _FEW:
        return (listed == sa.func.any(sa.bindparam("few", few, sa.ARRAY(sa.BigInteger)))) & has_text
    # Of many a page is soon full, if documents are looked at in their order.
    candidates = found.cte("candidates").prefix_with("MATERIALIZED")
    # In the join's condition, so that only candidates' texts are looked at.
    return sa.exists().where((candidates.c.listed == listed) & has_text)


def _tokens(text: str) -> list[str]:
    """A token for each character: it and the next, the last one alone."""
    codes = [_code(character) for character in text]
    return [*(first + second for first, second in pairwise(codes)), *codes[-1:]]


def _code(character: str) -> str:
    number, code = ord(character), ""
    for _ in range(_WIDTH):
        number, digit = divmod(number, 36)
        code = _DIGITS[digit] + code
    return code


def _pairs(text: str) -> set[str]:
    return {first + second for first, second in pairwise(text)}
