"""A new encryption key for all personal data: made, written with, and the old ones forgotten.

Safe to interrupt at any point and to run again, and beside running servers that have the same key file:

    1. the new key is put into the file, beside the old ones
    2. the store says (`head.key_id`) that all write with it from now on; a server that does not know it looks into
       its file again, and one that cannot find it there refuses to write
    3. every cipher of an old key is written anew, some in each transaction
    4. in a transaction that finds none left, and so keeps all writers out, the old keys are dropped from the file
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import structlog

from fairpost.server.registry.ciphers import CIPHERS, Cipher
from fairpost.server.registry.keys import ENVIRONMENT, KeyFileError, Keys
from fairpost.server.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fairpost.server.registry.core import Core
    from fairpost.server.registry.transaction import Transaction

__all__ = ["rotate"]

log = structlog.get_logger(__name__)

_PART: Final = 500
"""Ciphers in one transaction: other writers wait no longer than that takes."""


def rotate(
    core: Core, path: Path, *, after_part: Callable[[Counter[str]], None] = lambda written: None
) -> Counter[str]:
    """Give all personal data a new key, or go on with a rotation that was interrupted; gives how many ciphers of
    each column were written anew.

    Args:
        path: the key file that `core.keys` are from.

    Raises:
        KeyFileError: the keys are not from that file.
        ServiceError: of the store. Run it again: it goes on where it was.
    """
    if os.environ.get(ENVIRONMENT):
        raise KeyFileError(
            f"{ENVIRONMENT} is set: keys are rotated in a file. Put its content into one of mode 0600, name that with "
            "--registry-key-file, and unset the variable"
        )
    found = Keys.open(path)
    if found.hash_key != core.keys.hash_key:
        raise KeyFileError(f"{path}: holds the keys of another registry")
    if len(found.encryption) == 1:
        found = found.with_new_key()
        found.save(path)
        log.info("registry key made", key=found.active)
    keys = core.keys
    keys.path = path
    core.write(lambda transaction: _write_with(transaction, found.active))
    written: Counter[str] = Counter()
    left = True
    while left:
        for cipher in CIPHERS:
            _renew(core, cipher, written, after_part)
        # A server that was writing while the key was new to it may have left one behind.
        left = core.write(lambda transaction: not _forget(transaction, keys, path))
    log.info("registry key rotated", key=keys.active, ciphers=written.total())
    return written


def _write_with(transaction: Transaction, key_id: str) -> None:
    transaction.keys.use(key_id)
    transaction.connection.execute(sa.update(schema.head), {"key_id": key_id})
    transaction.note(f"registry key {key_id} is the one to write with")


def _renew(core: Core, cipher: Cipher, written: Counter[str], after_part: Callable[[Counter[str]], None]) -> None:
    after: Any = None
    name = f"{cipher.table.name}.{cipher.column.name}"
    while True:
        part, after = core.write(lambda transaction, after=after: _renew_part(transaction, cipher, after))  # type: ignore[misc]
        if not part:
            return
        written[name] += part
        after_part(written)


def _renew_part(transaction: Transaction, cipher: Cipher, after: Any) -> tuple[int, Any]:
    connection, keys = transaction.connection, transaction.keys
    query = sa.select(cipher.name, cipher.column).where(cipher.of_other_keys(keys)).order_by(cipher.name).limit(_PART)
    if after is not None:
        query = query.where(cipher.name > after)
    found = connection.execute(query).all()
    if not found:
        return 0, None
    rows = []
    for name, content in found:
        rows.append({"which": name, "cipher": cipher.seal(keys, cipher.open(keys, content, name), name)})
    connection.execute(
        sa.update(cipher.table)
        .where(cipher.name == sa.bindparam("which"))
        .values({cipher.column: sa.bindparam("cipher", type_=sa.LargeBinary)}),
        rows,
    )
    transaction.note(f"{len(rows)} of {cipher.table.name}.{cipher.column.name} encrypted with key {keys.active}")
    return len(rows), found[-1][0]


def _forget(transaction: Transaction, keys: Keys, path: Path) -> bool:
    """Drop the old keys if no cipher needs them; no writer runs meanwhile."""
    for cipher in CIPHERS:
        query = sa.select(cipher.name).where(cipher.of_other_keys(keys)).limit(1)
        if transaction.connection.execute(query).first() is not None:
            return False
    keys.only_active().save(path)
    transaction.note(f"registry keys but {keys.active} dropped")
    return True
