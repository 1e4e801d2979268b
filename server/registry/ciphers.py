"""The store's columns of ciphers, and what each is encrypted for: the one place that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from fairpost.server.store import schema
from fairpost.server.store.review_schema import reviews

if TYPE_CHECKING:
    from fairpost.server.registry.keys import Keys

__all__ = [
    "ANSWER",
    "APPEAL_STATEMENT",
    "ARCHIVE",
    "CIPHERS",
    "COMPLAINT_CONTACT",
    "COMPLAINT_STATEMENT",
    "CONTACTS",
    "NUMBER",
    "POST",
    "REVIEW_POST",
    "Cipher",
]


class Cipher(NamedTuple):
    """A column of ciphers; `context` with the row's value of `name` in it is what each is encrypted for."""

    column: sa.Column[Any]
    name: sa.Column[Any]
    context: str

    @property
    def table(self) -> sa.Table:
        table = self.column.table
        assert isinstance(table, sa.Table)
        return table

    def of_other_keys(self, keys: Keys) -> sa.ColumnElement[bool]:
        # As in Keys.encrypt: a byte of form, then the key's id.
        return sa.func.substr(self.column, 2, 4) != sa.literal(bytes.fromhex(keys.active), sa.LargeBinary)

    def seal(self, keys: Keys, content: bytes, name: Any) -> bytes:
        """The content, encrypted for the row of that name."""
        return keys.encrypt(content, self.context.format(name))

    def open(self, keys: Keys, cipher: bytes | None, name: Any) -> bytes:
        """The content of a row's cipher; nothing where there is none.

        Raises:
            UnknownKey: of another key, of another row, or changed since.
        """
        return b"" if cipher is None else keys.decrypt(bytes(cipher), self.context.format(name))


_S = schema
NUMBER: Final = Cipher(_S.persons.c.number_cipher, _S.persons.c.seller_id, "number:{}")
CONTACTS: Final = Cipher(_S.persons.c.contacts_cipher, _S.persons.c.seller_id, "contacts:{}")
ARCHIVE: Final = Cipher(_S.archives.c.content_cipher, _S.archives.c.seller_id, "archive:{}")
POST: Final = Cipher(_S.violations.c.post_cipher, _S.violations.c.sequence, "violation-post:{}")
COMPLAINT_STATEMENT: Final = Cipher(
    _S.complaints.c.statement_cipher, _S.complaints.c.complaint_id, "complaint-statement:{}"
)
COMPLAINT_CONTACT: Final = Cipher(_S.complaints.c.contact_cipher, _S.complaints.c.complaint_id, "complaint-contact:{}")
APPEAL_STATEMENT: Final = Cipher(_S.appeals.c.statement_cipher, _S.appeals.c.appeal_id, "appeal-statement:{}")
REVIEW_POST: Final = Cipher(reviews.c.post_cipher, reviews.c.review_id, "review-post:{}")
ANSWER: Final = Cipher(_S.requests.c.response_cipher, _S.requests.c.request_id, "request:{}")

CIPHERS: Final = (
    *(NUMBER, CONTACTS, ARCHIVE, POST, REVIEW_POST),
    *(COMPLAINT_STATEMENT, COMPLAINT_CONTACT, APPEAL_STATEMENT, ANSWER),
)
"""All there are in the store."""
