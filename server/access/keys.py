"""API keys in the registry's store: made, listed, rotated, revoked.

A key is `fp_<key id>_<secret>`: 8 and 64 hexadecimal digits. The secret is 256 bits from the operating system's
generator, and the store has its SHA-256 alone. No slow hash (Argon2, scrypt) is needed: those make guessing of
*passwords* dear, which are few enough to be guessed; among 2^256 secrets there is nothing to guess, whatever a trial
costs, and a slow hash would only make each call dear. (NIST SP 800-63B, 5.1.2.2, asks for one below 112 bits only.)
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from fairpost.server import audit
from fairpost.server.access.roles import ROLES
from fairpost.server.store import now_ms, schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairpost.server.store import Store

__all__ = ["ApiKey", "BadKey", "create", "listed", "parse", "revoke", "rotate"]

_FORM: Final = re.compile(r"fp_([0-9a-f]{8})_([0-9a-f]{64})", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)


class BadKey(Exception):
    """A key cannot be made or changed; the message says why."""


class ApiKey(NamedTuple):
    """A row of `api_keys`; times in ms since 1970, None: never."""

    key_id: str
    name: str
    roles: frozenset[str]
    secret_hash: bytes
    created_at: int
    created_by: str
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    changed: int

    @property
    def actor(self) -> str:
        return f"key:{self.key_id}/{self.name}"

    def state(self, now: int) -> str:
        """ "good", "expired" or "revoked"."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "good"


def parse(text: str) -> tuple[str, bytes] | None:
    """Key id and the secret's hash of a key as its holder writes it; None: it is none."""
    found = _FORM.fullmatch(text)
    return (found[1], hashlib.sha256(found[2].encode()).digest()) if found else None


def create(store: Store, name: str, roles: Iterable[str], *, expires_at: int | None = None) -> tuple[str, ApiKey]:
    """A new key; gives it in clear, which nothing else ever will, and its row.

    Raises:
        BadKey: a name or role that is none, or a time that has passed.
        ServiceError: the store cannot be written.
    """
    wanted = frozenset(roles)
    if not _NAME.fullmatch(name):
        raise BadKey(
            f"{name!r}: no name of a key; write up to 64 letters, digits, '.', '_', '@' and '-', "
            "for example the service that will use it"
        )
    if unknown := sorted(wanted - set(ROLES)):
        raise BadKey(f"{unknown[0]!r}: no role; one of {', '.join(ROLES)}")
    if not wanted:
        raise BadKey(f"a key needs at least one role: {', '.join(ROLES)}")
    if expires_at is not None and expires_at <= now_ms():
        raise BadKey("the time at which it is to expire has passed")
    with store.write() as connection:
        return _insert(store, connection, name, wanted, expires_at)


def rotate(
    store: Store, key_id: str, *, overlap_ms: int = 0, expires_at: int | None = None
) -> tuple[str, ApiKey, ApiKey]:
    """A new key with the name and roles of an old one, which expires after `overlap_ms`; gives the new one in clear,
    and the rows of the new and the old.

    Raises:
        BadKey: there is no such key, or it is good no longer.
        ServiceError: the store cannot be written.
    """
    if expires_at is not None and expires_at <= now_ms():
        raise BadKey("the time at which it is to expire has passed")
    with store.write() as connection:
        old = _existing(connection, key_id)
        now = now_ms()
        if (state := old.state(now)) != "good":
            raise BadKey(f"key {key_id} is {state}; create a new one")
        text, new = _insert(store, connection, old.name, old.roles, expires_at, note=f" for key {key_id}")
        until = now + overlap_ms
        if old.expires_at is not None:
            until = min(until, old.expires_at)
        old = _change(store, connection, old, {"expires_at": until}, f"key {key_id} expires: rotated")
        return text, new, old


def revoke(store: Store, key_id: str) -> ApiKey:
    """Refuse a key from now on; gives its row. Revoking it again changes nothing.

    Raises:
        BadKey: there is no such key.
        ServiceError: the store cannot be written.
    """
    with store.write() as connection:
        key = _existing(connection, key_id)
        if key.revoked_at is not None:
            return key
        return _change(store, connection, key, {"revoked_at": now_ms()}, f"key {key_id} revoked")


def listed(connection: sa.Connection) -> list[ApiKey]:
    """All keys, oldest first."""
    table = schema.api_keys
    rows = connection.execute(sa.select(table).order_by(table.c.created_at, table.c.key_id))
    return [_key(row) for row in rows]


def _existing(connection: sa.Connection, key_id: str) -> ApiKey:
    table = schema.api_keys
    row = connection.execute(sa.select(table).where(table.c.key_id == key_id)).one_or_none()
    if row is None:
        raise BadKey(f"{key_id[:16]!r}: no key has this id; 'fairpost keys list' shows them")
    return _key(row)


def _insert(
    store: Store, connection: sa.Connection, name: str, roles: frozenset[str], expires_at: int | None, note: str = ""
) -> tuple[str, ApiKey]:
    key_id, secret = secrets.token_hex(4), secrets.token_hex(32)
    text = f"fp_{key_id}_{secret}"
    named = ",".join(role for role in ROLES if role in roles)
    entry = audit.append(
        connection, store.store_id, method="keys", subject=f"key {key_id} ({name}) made{note}, roles {named}"
    )
    row: dict[str, Any] = {
        "key_id": key_id,
        "name": name,
        "roles": named,
        "secret_hash": hashlib.sha256(secret.encode()).digest(),
        "created_at": now_ms(),
        "created_by": audit.current().actor,
        "expires_at": expires_at,
        "revoked_at": None,
        "last_used_at": None,
        "changed": entry.sequence,
    }
    connection.execute(schema.api_keys.insert(), row)
    return text, ApiKey(**(row | {"roles": roles}))


def _change(store: Store, connection: sa.Connection, key: ApiKey, values: dict[str, Any], subject: str) -> ApiKey:
    entry = audit.append(connection, store.store_id, method="keys", subject=subject)
    values = values | {"changed": entry.sequence}
    table = schema.api_keys
    connection.execute(sa.update(table).where(table.c.key_id == key.key_id), values)
    return key._replace(**values)


def _key(row: sa.Row[Any]) -> ApiKey:
    fields = row._asdict()
    return ApiKey(**(fields | {"roles": frozenset(fields["roles"].split(","))}))
