"""The registry: sellers in the store, their standing in memory, and nothing acknowledged before it is on disk.

`Registry` is the whole of it, without any transport: it takes and gives the messages of fairpost.v1 and raises
ServiceError. One lock orders writes: commit, then the table in memory, then the answer; so whoever holds an answer
finds it in every later lookup of this process.
"""

from __future__ import annotations

import secrets
import threading
import time
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
import structlog
from google.protobuf.message import Message

from fairpost.engine.dates import LAW_ZONE, today
from fairpost.engine.records import KEY_BYTES
from fairpost.engine.standings import StandingTable
from fairpost.server import messages, records, storage
from fairpost.server.errors import AlreadyExists, InvalidArgument, ServiceError, Violation, invalid_fields
from fairpost.server.identity import masked
from fairpost.server.standing import LicenceRecord, SellerRecord, derive
from fairpost.server.table import columns_of, table_key
from fairpost.server.validation import (
    Faults,
    compact_credit_code,
    compact_identity_number,
    event_body,
    licence_records,
    registration_faults,
    request_id_fault,
    seller_id_fault,
    strike_expiry,
)
from fairpost.v1 import reason_pb2, registry_pb2, standing_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fairpost.server.identity import IdentityKey
    from fairpost.server.storage import Store

__all__ = ["Registry", "standing_table"]

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer", bound=Message)

_RETRY_SECONDS = 1.0


def standing_table(path: Path) -> StandingTable:
    """The standing of all sellers in a registry file, for bulk work without a server.

    Raises:
        StoreError: there is no such file, or it is no registry of this version.
        Unavailable: it cannot be read.
    """
    store = storage.Store.open(path, create=False)
    try:
        table, day = StandingTable(secrets.token_bytes(KEY_BYTES)), today()
        with store.read() as connection, connection.begin():
            table.replace(*columns_of(records.load(connection), day), records.last_sequence(connection), day)
        return table
    finally:
        store.close()


class Registry:
    """Sellers and their standing. Thread-safe."""

    def __init__(
        self,
        store: Store,
        key: IdentityKey,
        *,
        verification_days: int = 183,
        lookup_ttl: int = 60,
        missing_ttl: int = 10,
        max_items: int = 10_000,
        clock: Callable[[], date] = today,
    ) -> None:
        self._store = store
        self._key = key
        self._verification = timedelta(days=verification_days)
        self._ttls: dict[int, int] = {
            standing_pb2.LOOKUP_OUTCOME_OK: lookup_ttl,
            standing_pb2.LOOKUP_OUTCOME_NOT_FOUND: missing_ttl,
        }
        self._max_items = max_items
        self._today = clock
        # Held from the start of a write until its effect is in the table, so over an fsync; lookups do not take it.
        self._writing = threading.RLock()
        self._day = date.min
        self._last_try = 0.0
        self.table = StandingTable(table_key(key))
        self._stop = threading.Event()
        self._turner: threading.Thread | None = None

    def start(self) -> None:
        """Fill the table from the store, and from now on again at the start of every day (in China)."""
        self.reload()
        self._turner = threading.Thread(target=self._turn_days, name="registry-days", daemon=True)
        self._turner.start()

    def close(self) -> None:
        self._stop.set()
        if self._turner:
            self._turner.join()
        with self._writing:
            self._store.close()

    def reload(self) -> None:
        """Derive every standing anew: they depend on the day (tenure, validity of licences, expiry of strikes)."""
        started = time.monotonic()
        with self._writing, self._store.read() as connection, connection.begin():
            day = self._today()
            ids, rows = columns_of(records.load(connection), day)
            sequence = records.last_sequence(connection)
            self.table.replace(ids, rows, sequence, day)
            self.table.available = True
            self._day = day
        seconds = round(time.monotonic() - started, 3)
        log.info("registry loaded", sellers=len(self.table), sequence=sequence, seconds=seconds)

    # ---- writes -----------------------------------------------------------------------------------------

    def register(self, request: registry_pb2.RegisterSellerRequest) -> registry_pb2.RegisterSellerResponse:
        if violations := registration_faults(request):
            raise invalid_fields(violations)
        return self._write("RegisterSeller", request, registry_pb2.RegisterSellerResponse, self._register)

    def record_event(self, request: registry_pb2.RecordEventRequest) -> registry_pb2.RecordEventResponse:
        if violations := _event_faults(request):
            raise invalid_fields(violations)
        return self._write("RecordEvent", request, registry_pb2.RecordEventResponse, self._record_event)

    def _write(
        self,
        method: str,
        request: Any,
        answer_type: type[Answer],
        change: Callable[[sa.Connection, Any], tuple[SellerRecord, int, Answer]],
    ) -> Answer:
        digest = self._key.hash(method.encode() + b"\0" + request.SerializeToString(deterministic=True))
        with self._writing:
            with self._store.write() as connection:
                if (
                    request.request_id
                    and (earlier := records.answered(connection, request.request_id, method, digest)) is not None
                ):
                    return answer_type.FromString(earlier)
                record, sequence, answer = change(connection, request)
                if request.request_id:
                    row = {
                        "request_id": request.request_id,
                        "method": method,
                        "digest": digest,
                        "response": answer.SerializeToString(),
                        "recorded_at": storage.now_ms(),
                    }
                    connection.execute(storage.requests.insert(), row)
            # On disk. What follows only brings the table up to date.
            self._apply(record, sequence)
        # Sellers' ids are personal data of sorts; the sequence finds the event in the store.
        log.info("registry event", method=method, sequence=sequence)
        return answer

    def _apply(self, record: SellerRecord, sequence: int) -> None:
        try:
            self.table.apply(sequence, *columns_of([record], self._day))
        except Exception:
            # The change is acknowledged but not in the table: no answer is better than an old one.
            self.table.available = False
            log.exception("registry table is behind the store", sequence=sequence)

    def _register(
        self, connection: sa.Connection, request: registry_pb2.RegisterSellerRequest
    ) -> tuple[SellerRecord, int, registry_pb2.RegisterSellerResponse]:
        if records.load_one(connection, request.seller_id):
            raise AlreadyExists(
                reason_pb2.REASON_SELLER_EXISTS,
                f"seller_id: {request.seller_id!r} is registered already; choose another, or repeat the first request "
                "with its request_id",
            )
        day = self._today()
        number = compact_identity_number(request.identity_number)
        row = {
            "seller_id": request.seller_id,
            "kind": request.kind,
            "name": request.name.strip(),
            "identity_hash": self._key.hash_number(number) if number else None,
            "identity_masked": masked(number) if number else None,
            "credit_code": compact_credit_code(request.credit_code) or None,
            "categories": list(request.categories),
            "exempt_reason": request.exempt_reason.strip() or None,
            "registered_at": storage.now_ms(),
        }
        connection.execute(storage.sellers.insert(), row)
        for position, licence in enumerate(licence_records(request, Faults())):
            values = {name: getattr(licence, name) for name in LicenceRecord.__slots__}
            connection.execute(
                storage.licences.insert(), {"seller_id": request.seller_id, "position": position} | values
            )
        body = {"state": "active", "next_verification": (day + self._verification).isoformat()}
        sequence = records.append(
            connection, request.seller_id, "registration", body, day, actor="seller", reason="registered"
        )
        record = records.existing(connection, request.seller_id)
        seller = messages.seller(record, derive(record, day))
        answer = registry_pb2.RegisterSellerResponse(seller=seller, consistency_token=self._token(sequence))
        return record, sequence, answer

    def _record_event(
        self, connection: sa.Connection, request: registry_pb2.RecordEventRequest
    ) -> tuple[SellerRecord, int, registry_pb2.RecordEventResponse]:
        records.existing(connection, request.seller_id)
        event, faults = request.event, Faults()
        kind = event.WhichOneof("change")
        day = self._today()
        effective = faults.day("event.effective", event.effective) or day
        expires = faults.day("event.expires", event.expires)
        if kind == "strike" and expires is None:
            expires = strike_expiry(effective)
        sequence = records.append(
            connection,
            request.seller_id,
            str(kind),
            event_body(event, faults),
            effective,
            expires=expires,
            actor=event.actor,
            reason=event.reason,
            evidence=event.evidence,
            decision_id=event.decision_id,
            revision=event.revision,
        )
        record = records.existing(connection, request.seller_id)
        answer = registry_pb2.RecordEventResponse(
            sequence=sequence,
            standing=messages.standing(record.seller_id, derive(record, day).row()),
            consistency_token=self._token(sequence),
        )
        return record, sequence, answer

    # ---- reads ------------------------------------------------------------------------------------------

    def get(self, request: registry_pb2.GetSellerRequest) -> registry_pb2.GetSellerResponse:
        if fault := seller_id_fault(request.seller_id):
            raise invalid_fields([Violation("seller_id", fault)])
        with self._store.read() as connection, connection.begin():
            record = records.existing(connection, request.seller_id)
            token = self._token(records.last_sequence(connection))
        seller = messages.seller(record, derive(record, self._today()))
        return registry_pb2.GetSellerResponse(seller=seller, consistency_token=token)

    def lookup(self, request: registry_pb2.LookupSellerRequest) -> registry_pb2.LookupSellerResponse:
        if fault := seller_id_fault(request.seller_id):
            raise invalid_fields([Violation("seller_id", fault)])
        answers, token = self._look_up([request.seller_id], request.consistency)
        return registry_pb2.LookupSellerResponse(answer=answers[0], consistency_token=token)

    def lookup_batch(self, request: registry_pb2.BatchLookupSellersRequest) -> registry_pb2.BatchLookupSellersResponse:
        if len(request.seller_ids) > self._max_items:
            raise InvalidArgument(
                reason_pb2.REASON_TOO_MANY_ITEMS,
                f"seller_ids: {len(request.seller_ids)} ids in one request; at most {self._max_items} are taken",
                metadata={"limit": str(self._max_items), "size": str(len(request.seller_ids))},
            )
        faults = Faults()
        for i, seller_id in enumerate(request.seller_ids):
            faults.add(f"seller_ids[{i}]", seller_id_fault(seller_id))
        if faults.found:
            raise invalid_fields(faults.found)
        answers, token = self._look_up(list(request.seller_ids), request.consistency)
        return registry_pb2.BatchLookupSellersResponse(answers=answers, consistency_token=token)

    def _look_up(
        self, seller_ids: list[str], consistency: registry_pb2.Consistency
    ) -> tuple[list[registry_pb2.SellerAnswer], str]:
        fresh = self._be_fresh(consistency)
        view = self.table.view(seller_ids, self._day)
        token = self._token(view.sequence)
        answers = []
        for seller_id, found in zip(seller_ids, messages.seller_standings(seller_ids, view), strict=True):
            answer = registry_pb2.SellerAnswer(seller_id=seller_id)
            if fresh:
                answer.outcome = found.outcome
                if found.HasField("standing"):
                    answer.standing.CopyFrom(found.standing)
            else:
                answer.outcome = standing_pb2.LOOKUP_OUTCOME_UNAVAILABLE
            answer.ttl.FromSeconds(self._ttl(answer.outcome))
            answers.append(answer)
        return answers, token

    def _be_fresh(self, consistency: registry_pb2.Consistency) -> bool:
        """Bring the table to what the caller asks for; False if that was not possible."""
        requirement = consistency.WhichOneof("requirement")
        wanted = 0
        if requirement == "at_least_as_fresh":
            wanted = self._parse_token(consistency.at_least_as_fresh)
        elif requirement == "fully_consistent":
            wanted = -1
        if self.table.available and (requirement in (None, "minimise_latency") or 0 <= wanted <= self.table.sequence):
            return True
        if requirement in (None, "minimise_latency"):
            # The table is behind after a fault; whoever comes by tries to mend it, but not all the time.
            if time.monotonic() - self._last_try < _RETRY_SECONDS:
                return False
            self._last_try = time.monotonic()
        try:
            self.catch_up()
        except ServiceError:
            return False
        return self.table.available and wanted <= self.table.sequence

    def catch_up(self) -> None:
        """Take over what is in the store and not yet in the table, for instance from another process.

        Raises:
            Unavailable: the store cannot be read.
        """
        if not self.table.available:
            self.reload()
            return
        with self._writing, self._store.read() as connection, connection.begin():
            last = records.last_sequence(connection)
            if last == self.table.sequence:
                return
            shown = self.table.sequence
            changed = sa.select(storage.events.c.seller_id).where(storage.events.c.sequence > shown).distinct()
            self.table.apply(last, *columns_of(records.load(connection, changed), self._day))

    # ---- tokens, days -----------------------------------------------------------------------------------

    def _token(self, sequence: int) -> str:
        return f"{self._store.store_id}.{sequence}"

    def _parse_token(self, token: str) -> int:
        store_id, _, digits = token.partition(".")
        if store_id == self._store.store_id and digits.isascii() and digits.isdigit() and len(digits) < 19:
            return int(digits)
        raise InvalidArgument(
            reason_pb2.REASON_INVALID_TOKEN,
            "consistency.at_least_as_fresh: this registry did not give out such a token; send one from its answers",
        )

    def _ttl(self, outcome: int) -> int:
        # Standing may change at the turn of the day without any event.
        now = datetime.now(LAW_ZONE)
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), LAW_ZONE)
        return min(self._ttls.get(outcome, 0), int((midnight - now).total_seconds()))

    def _turn_days(self) -> None:
        while not self._stop.wait(1.0):
            if self._today() != self._day:
                try:
                    self.reload()
                except ServiceError as error:
                    log.error("registry not reloaded for the new day", reason=error.reason_name)


def _event_faults(request: registry_pb2.RecordEventRequest) -> list[Violation]:
    faults, event = Faults(), request.event
    faults.add("request_id", request_id_fault(request.request_id))
    faults.add("seller_id", seller_id_fault(request.seller_id))
    faults.text("event.actor", event.actor, 128, required=True)
    faults.text("event.reason", event.reason, 1000, required=True)
    faults.text("event.evidence", event.evidence, 500)
    faults.text("event.decision_id", event.decision_id, 64)
    faults.text("event.revision", event.revision, 64)
    effective = faults.day("event.effective", event.effective)
    expires = faults.day("event.expires", event.expires)
    if expires and expires < (effective or today()):
        faults.add("event.expires", f"{expires} is before the event takes effect ({effective or today()})")
    event_body(event, faults)
    return faults.found
