"""Personal data of sellers in the store: identity number and contacts, encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from fairpost.server.registry.ciphers import CONTACTS, NUMBER, Cipher
from fairpost.server.registry.numbers import compact_identity_number, masked
from fairpost.server.store import schema
from fairpost.v1 import seller_pb2

if TYPE_CHECKING:
    from fairpost.server.registry.keys import Keys

__all__ = ["contacts_of", "number_of", "person_row", "personal_digest", "put_person", "same_person"]

_MOST_ACCOUNTS = 20


def person_row(keys: Keys, seller_id: str, number: str, contacts: seller_pb2.Contacts) -> dict[str, Any]:
    """The row of `persons`. number: compact, "" for none."""
    plain = contacts.SerializeToString(deterministic=True)
    return {
        "seller_id": seller_id,
        "number_hash": keys.hash_number(number) if number else None,
        "number_masked": masked(number) if number else "",
        "number_cipher": NUMBER.seal(keys, number.encode(), seller_id) if number else None,
        "contacts_cipher": CONTACTS.seal(keys, plain, seller_id) if plain else None,
    }


def put_person(
    connection: sa.Connection,
    keys: Keys,
    seller_id: str,
    *,
    number: str | None = None,
    contacts: seller_pb2.Contacts | None = None,
) -> None:
    """Write the given fields; None leaves what is there."""
    table = schema.persons
    row = person_row(keys, seller_id, compact_identity_number(number or ""), contacts or seller_pb2.Contacts())
    there = connection.execute(sa.select(table.c.seller_id).where(table.c.seller_id == seller_id)).one_or_none()
    if there is None:
        connection.execute(table.insert(), row)
        return
    wanted = {"number_hash", "number_masked", "number_cipher"} if number is not None else set()
    wanted |= {"contacts_cipher"} if contacts is not None else set()
    if values := {name: row[name] for name in wanted}:
        connection.execute(sa.update(table).where(table.c.seller_id == seller_id), values)


def contacts_of(connection: sa.Connection, keys: Keys, seller_id: str) -> seller_pb2.Contacts:
    return seller_pb2.Contacts.FromString(_open(connection, keys, CONTACTS, seller_id))


def number_of(connection: sa.Connection, keys: Keys, seller_id: str) -> str:
    """The identity number in clear; "" if there is none, or none but its hash (registered with the first store)."""
    return _open(connection, keys, NUMBER, seller_id).decode()


def _open(connection: sa.Connection, keys: Keys, cipher: Cipher, seller_id: str) -> bytes:
    found = connection.execute(sa.select(cipher.column).where(cipher.name == seller_id)).scalar_one_or_none()
    return cipher.open(keys, found, seller_id)


def same_person(connection: sa.Connection, seller_id: str) -> list[str]:
    """Other accounts with the same identity number or credit code, oldest first."""
    persons, sellers = schema.persons, schema.sellers
    number = sa.select(persons.c.number_hash).where(persons.c.seller_id == seller_id).scalar_subquery()
    code = sa.select(sellers.c.credit_code).where(sellers.c.seller_id == seller_id).scalar_subquery()
    by_number = sa.select(persons.c.seller_id).where(persons.c.number_hash == number)
    by_code = sa.select(sellers.c.seller_id).where(sellers.c.credit_code == code)
    query = (
        sa.select(sellers.c.seller_id)
        .where(sellers.c.seller_id.in_(by_number.union(by_code)), sellers.c.seller_id != seller_id)
        .order_by(sellers.c.registered_at, sellers.c.seller_id)
        .limit(_MOST_ACCOUNTS)
    )
    return list(connection.execute(query).scalars())


def personal_digest(keys: Keys, name: str, exempt_reason: str, number_hash: bytes | None, contacts: bytes) -> str:
    """Keyed hash of the personal fields, for an event: it proves what the record was without saying it."""
    # No field holds a NUL, but for the last.
    parts = (b"personal", name.encode(), exempt_reason.encode(), (number_hash or b"").hex().encode(), contacts)
    return keys.hash(b"\0".join(parts)).hex()
