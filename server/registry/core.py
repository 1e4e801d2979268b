"""What all parts of the registry share: store, keys, ladder, clock, and the way to write."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import sqlalchemy as sa
import structlog
from google.protobuf.message import Message

from fairpost.engine.dates import today
from fairpost.server.errors import InvalidArgument
from fairpost.server.registry.ciphers import ANSWER
from fairpost.server.registry.ladder import Ladder, default_ladder
from fairpost.server.registry.transaction import Transaction
from fairpost.server.store import now_ms, schema
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from fairpost.server.registry.keys import Keys
    from fairpost.server.store import Store

__all__ = ["Core", "MustAcknowledge"]

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer", bound=Message)
Result = TypeVar("Result")


class MustAcknowledge(NamedTuple):
    """Ids of the documents that a seller must read and accept: on registration; when a registration is re-opened, a
    measure lifted, a blacklisted seller rehabilitated. They are fixed in the event that asks for them: other settings
    later change nothing for sellers of before."""

    on_registration: tuple[str, ...] = ()
    on_reinstatement: tuple[str, ...] = ()


class Core:
    """Thread-safe."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        *,
        ladder: Ladder | None = None,
        answer_days: int = 7,
        clock: Callable[[], date] = today,
        now: Callable[[], int] = now_ms,
        must_acknowledge: MustAcknowledge | None = None,
    ) -> None:
        self.store = store
        self.keys = keys
        self.ladder = ladder or default_ladder()
        self.today = clock
        self.now = now
        """Milliseconds since 1970."""
        self.must_acknowledge = must_acknowledge or MustAcknowledge()
        self.answer_days = answer_days
        """For how long an answered request is remembered by its request_id."""
        self.on_commit: Callable[[Transaction], None] = lambda transaction: None
        """Called after each commit of this process, in its thread and in the order of the commits."""
        self._order = threading.RLock()
        self._ladders: dict[str, Ladder] = {}

    def check_keys(self) -> None:
        """
        Raises:
            Unavailable: the store cannot be read, or was written with a key that is not among ours.
        """
        with self.store.read() as connection:
            if name := connection.execute(sa.select(schema.head.c.key_id)).scalar_one():
                self.keys.use(name)

    def write(self, work: Callable[[Transaction], Result], *, method: str = "") -> Result:
        """Run `work` in a transaction of its own: committed, on disk and in the lookups when this returns. method: what
        it is called in the audit log where no caller's method is known.

        Raises:
            ServiceError: of `work`, or of the store; nothing was changed.
        """
        with self._order:
            with self.store.write() as connection:
                transaction = Transaction(
                    connection,
                    self.keys,
                    self.ladder,
                    self.today(),
                    self._ladders,
                    store_id=self.store.store_id,
                    now=self.now(),
                    method=method,
                )
                result = work(transaction)
                transaction.finish()
            self._ladders = transaction.known_ladders
            # On disk. What follows only brings lookups up to date.
            self.on_commit(transaction)
        return result

    def answer(
        self, method: str, request: Any, answer_type: type[Answer], work: Callable[[Transaction], tuple[str, Answer]]
    ) -> Answer:
        """The answer of `work`, which gives it with the seller's id; a repetition of an answered request gives the
        same answer, without doing anything.

        Raises:
            InvalidArgument: the request id was used for another request.
            ServiceError: of `work`, or of the store.
        """
        digest = self.keys.hash(method.encode() + b"\0" + request.SerializeToString(deterministic=True))
        name = request.request_id

        def remember(transaction: Transaction) -> Answer:
            if name and (earlier := self._answered(transaction, name, method, digest)) is not None:
                return answer_type.FromString(earlier)
            transaction.digest = digest.hex()
            seller_id, answer = work(transaction)
            if name:
                row = {
                    "request_id": name,
                    "seller_id": seller_id,
                    "method": method,
                    "digest": digest,
                    "response_cipher": ANSWER.seal(self.keys, answer.SerializeToString(), name),
                    "recorded_at": transaction.now,
                }
                transaction.connection.execute(schema.requests.insert(), row)
            # Sellers' ids are personal data of sorts; the sequence finds the event in the store.
            log.info("registry event", method=method, sequence=transaction.sequence)
            return answer

        return self.write(remember, method=method)

    def _answered(self, transaction: Transaction, name: str, method: str, digest: bytes) -> bytes | None:
        query = sa.select(schema.requests).where(schema.requests.c.request_id == name)
        earlier = transaction.connection.execute(query).one_or_none()
        if earlier is None:
            return None
        if earlier.method != method or earlier.digest != digest:
            raise InvalidArgument(
                reason_pb2.REASON_REQUEST_ID_REUSED,
                "request_id: was used before for another request; take a new one for each new request",
            )
        return ANSWER.open(self.keys, earlier.response_cipher, name)

    def token(self, sequence: int) -> str:
        """Consistency token, and cursor, of a position in the log."""
        return f"{self.store.store_id}.{sequence}"

    def sequence_of(self, token: str, field: str) -> int:
        """
        Raises:
            InvalidArgument: no token of this registry.
        """
        store_id, _, digits = token.partition(".")
        if store_id == self.store.store_id and digits.isascii() and digits.isdigit() and len(digits) < 19:
            return int(digits)
        raise InvalidArgument(
            reason_pb2.REASON_INVALID_TOKEN,
            f"{field}: this registry did not give out such a token; send one from its answers",
        )
