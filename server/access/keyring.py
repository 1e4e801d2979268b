"""The API keys as a server process holds them: in memory, renewed from the store every second.

A key made by a command is good at once: one that is not known is looked for in the store, at most ten times a second.
A revocation or rotation is seen within two seconds. While the store is away, the keys stay as they were last seen.
"""

from __future__ import annotations

import hmac
import threading
import time
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
import structlog

from fairpost.server.access import keys
from fairpost.server.errors import ServiceError, Unauthenticated
from fairpost.server.store import schema
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from fairpost.server.access.keys import ApiKey
    from fairpost.server.store import Store

__all__ = ["Keyring"]

log = structlog.get_logger(__name__)

_MOST_LOOKS: Final = 10
_USED_MS: Final = 3_600_000
"""A key's last use is written once an hour: which keys are in use is what it is for."""
_NOTHING: Final = bytes(32)


class Keyring:
    """Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: dict[str, ApiKey] = {}
        self._version: tuple[int, int] = (-1, -1)
        self._used: dict[str, int] = {}
        self._loading = threading.Lock()
        self._second = 0
        self._looks = 0
        self._failing = False

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, authorization: str) -> ApiKey:
        """The key of an `authorization` header.

        Raises:
            Unauthenticated: it has none, or one that is unknown, wrong, expired or revoked.
        """
        scheme, _, text = authorization.partition(" ")
        parsed = keys.parse(text) if scheme.lower() == "bearer" else None
        if parsed is None:
            raise Unauthenticated(
                reason_pb2.REASON_CREDENTIALS_INVALID,
                "authorization: is not 'Bearer fp_<key id>_<secret>' with a key as 'fairpost keys create' printed it",
            )
        key_id, digest = parsed
        key = self._keys.get(key_id)
        if key is None:
            key = self._look_again(key_id)
        # In constant time, and the same work for a key that does not exist: nothing is learned from how long it takes.
        same = hmac.compare_digest(digest, key.secret_hash if key else _NOTHING)
        if key is None or not same:
            raise Unauthenticated(reason_pb2.REASON_CREDENTIALS_INVALID, "authorization: no such key")
        self.check(key)
        self._used[key_id] = key.changed
        return key

    def check(self, key: ApiKey) -> None:
        """Whether a key found earlier is still good: for calls that last.

        Raises:
            Unauthenticated: it was revoked, or has expired.
        """
        now = self._keys.get(key.key_id)
        if now is None or now.revoked_at is not None:
            raise Unauthenticated(reason_pb2.REASON_KEY_REVOKED, f"authorization: key {key.key_id} was revoked")
        if now.expires_at is not None and now.expires_at <= time.time() * 1000:
            expired = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now.expires_at / 1000))
            raise Unauthenticated(
                reason_pb2.REASON_KEY_EXPIRED,
                f"authorization: key {key.key_id} expired at {expired}; 'fairpost keys create' makes another",
                metadata={"expired": expired},
            )

    def _look_again(self, key_id: str) -> ApiKey | None:
        with self._loading:
            if (second := int(time.monotonic())) != self._second:
                self._second, self._looks = second, 0
            # Whoever sends keys that do not exist must not make the store work for each.
            if key_id not in self._keys and self._looks < _MOST_LOOKS:
                self._looks += 1
                self._refresh()
        return self._keys.get(key_id)

    def refresh(self) -> None:
        """Read the keys again if any has changed, and write which ones were used. Never fails."""
        with self._loading:
            self._refresh()
        self._write_use()

    def _refresh(self) -> None:
        table = schema.api_keys
        try:
            with self._store.read() as connection:
                last, count = connection.execute(sa.select(sa.func.max(table.c.changed), sa.func.count())).one()
                version = (last or 0, count)
                if version != self._version:
                    self._keys = {key.key_id: key for key in keys.listed(connection)}
                    self._version = version
            self._failing = False
        except ServiceError as error:
            if not self._failing:
                log.error("API keys stay as they were: the store cannot be read", reason=error.reason_name)
            self._failing = True

    def _write_use(self) -> None:
        used, self._used = self._used, {}
        now = int(time.time() * 1000)
        stale = [
            key_id for key_id in used if (key := self._keys.get(key_id)) and now - (key.last_used_at or 0) > _USED_MS
        ]
        if not stale or self._failing:
            return
        table = schema.api_keys
        try:
            with self._store.write() as connection:
                connection.execute(sa.update(table).where(table.c.key_id.in_(stale)), {"last_used_at": now})
        except ServiceError as error:
            log.warning("the last use of API keys is not written", reason=error.reason_name)
            return
        for key_id in stale:
            self._keys[key_id] = self._keys[key_id]._replace(last_used_at=now)
