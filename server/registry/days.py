"""The turn of the day: what takes effect or runs out without anybody's doing.

A licence runs out, a strike expires, a penalty ends: on the day itself the seller's standing is derived again and, if
it has changed, an event says so, so that tables, mirrors and watchers get it like every other change. `next_change`
says whose turn it is, so a day costs what changes on it and not what there is.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np
import sqlalchemy as sa
import structlog

from fairpost.engine.vocabulary import CATEGORIES, ENFORCEMENT, LICENCES, LISTING, REGISTRATION, SELLER_RECORD_DTYPE
from fairpost.server.registry import accounts
from fairpost.server.store import schema

if TYPE_CHECKING:
    from fairpost.server.registry.core import Core
    from fairpost.server.registry.transaction import Transaction
    from fairpost.server.store import Store

__all__ = ["due", "turn_days", "turn_part", "underived"]

log = structlog.get_logger(__name__)

_BLACKLISTED: Final = LISTING.index("blacklisted")
_PART: Final = 200
"""Sellers in one transaction: other writers wait no longer than that takes."""


def due(core: Core) -> bool:
    """Whether any standing waits for its day: a read, for no writer must wait where nothing is to be written."""
    columns = schema.sellers.c
    return core.store.has(sa.select(columns.seller_id).where(columns.next_change <= core.today()))


def underived(store: Store) -> bool:
    """Whether a migration has left sellers whose standing was not derived yet: before it was, nobody may read them."""
    return store.has(sa.select(schema.sellers.c.seller_id).where(schema.sellers.c.standing == b""))


def turn_part(core: Core) -> tuple[Counter[str], bool]:
    """Bring some standings to today; gives how many have changed, and whether there are more."""
    due, turned = core.write(_turn_part)
    return Counter({"sellers": turned} if turned else {}), due == _PART


def turn_days(core: Core) -> int:
    """Bring every standing to today; gives how many have changed. Safe to run twice, and beside others.

    Raises:
        ServiceError: of the store; what was done so far stays.
    """
    changed, more = 0, due(core)
    while more:
        counts, more = turn_part(core)
        changed += counts.total()
    if changed:
        log.info("registry days turned", sellers=changed)
    return changed


def _turn_part(transaction: Transaction) -> tuple[int, int]:
    columns = schema.sellers.c
    query = (
        sa.select(columns.seller_id, columns.standing)
        .where(columns.next_change <= transaction.day)
        .order_by(columns.next_change, columns.seller_id)
        .limit(_PART)
    )
    due = transaction.connection.execute(query).all()
    turned = 0
    for row in due:
        _, standing = transaction.settle(row.seller_id)
        if standing.packed() != row.standing:
            changes = _changes(row.standing, standing.packed())
            transaction.append(row.seller_id, "turned", {"changes": changes}, actor="day", reason="the day has come")
            transaction.settle(row.seller_id)
            if _listing(row.standing) == _BLACKLISTED != standing.listing:
                accounts.release(transaction, row.seller_id)
            turned += 1
    return len(due), turned


def _listing(packed: bytes) -> int:
    return int(np.frombuffer(packed, SELLER_RECORD_DTYPE)["listing"][0]) if packed else 0


def _changes(before: bytes, after: bytes) -> list[str]:
    """What differs, in words."""
    if not before:
        return ["standing derived for the first time"]
    (old,), (new,) = (np.frombuffer(packed, SELLER_RECORD_DTYPE) for packed in (before, after))
    found = [
        f"{axis}: {words[old[axis]]} -> {words[new[axis]]}"
        for axis, words in (("registration", REGISTRATION), ("enforcement", ENFORCEMENT), ("listing", LISTING))
        if old[axis] != new[axis]
    ]
    for bit, scope in enumerate(LICENCES):
        was, now = (int(row["licences"]) >> bit & 1 for row in (old, new))
        if was != now:
            found.append(f"licence {scope}: {'began' if now else 'ended'}")
    for number, category in enumerate(CATEGORIES):
        if (was := int(old["strikes"][number])) != (now := int(new["strikes"][number])):
            found.append(f"strikes {category}: {was} -> {now}")
    return found or ["tenure"]
