"""Every kind of corruption is found, and nothing else is."""

from __future__ import annotations

import contextlib
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from fairpost.server.registry import Registry
from fairpost.server.registry.verify import verify
from fairpost.server.store import schema
from fairpost.v1 import registry_pb2, seller_event_pb2, seller_pb2, standing_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBER, OTHER = "11010519491231002X", "440524188001010014"


@pytest.fixture
def filled(registry: Registry, registration: Any, clock: Any) -> Registry:
    """Two sellers with a bit of everything in their logs."""
    for seller_id, number in (("a", NUMBER), ("b", OTHER)):
        contacts = seller_pb2.Contacts(phone="13900000000")
        person = {"kind": 1, "credit_code": "", "identity_number": number}
        registry.sellers.register(registration(seller_id, contacts=contacts, **person))
        licence = seller_pb2.Licence(scope="cosmetics", number="X", valid_from="2020-01-01", valid_until="2099-01-01")
        for change in (
            {"strike": seller_event_pb2.Strike(category="MEDICAL", weight=3)},
            {"licence": licence},
            {
                "enforcement": seller_event_pb2.EnforcementChange(state=standing_pb2.ENFORCEMENT_WARNED),
                "expires": "2099-01-01",
            },
        ):
            event = seller_event_pb2.SellerEvent(actor="a", reason="r", **change)
            registry.decisions.record_event(registry_pb2.RecordEventRequest(seller_id=seller_id, event=event))
        update = registry_pb2.UpdateSellerRequest(seller_id=seller_id, fields=["categories"], actor="a", reason="r")
        update.record.categories.extend(["food", "tea"])
        registry.sellers.update(update)

    def more(transaction: Any) -> None:
        who, day = {"actor": "filter", "reason": "x"}, clock.day
        first = transaction.sequence + 1
        body = {"category": "MEDICAL", "post_id": "p", "rules": [], "action": "BLOCK", "strike": first + 1}
        transaction.append("a", "violation", body, appeal_until=day, **who)
        strike = {"category": "MEDICAL", "weight": 1, "ladder": transaction.use_ladder(), "cause": first}
        transaction.append("a", "strike", strike, expires=day + timedelta(days=700), **who)
        body = {"appeal_id": "a1", "against": first, "state": "filed"}
        transaction.append("a", "appeal", body, **who)
        for state in ("filed", "assigned", "answered", "overdue"):
            transaction.append("a", "complaint", {"complaint_id": "c1", "state": state}, **who)
        values: dict[sa.Table, dict[str, Any]] = {
            schema.violations: {"post_key": "id:p", "sequence": first, "recorded_at": 0},
            schema.appeals: {"appeal_id": "a1", "against": first, "filed": first + 2, "version": first + 2, "state": 1}
            | {"evidence": [], "decision": "", "actor": "", "filed_at": 0},
            schema.complaints: {"complaint_id": "c1", "filed": first + 3, "version": first + 6, "kind": 2, "state": 3}
            | dict.fromkeys(("post_id", "order_id", "handler", "answer", "resolution"), "")
            | {"outcome": 0, "consumer_id": "u", "evidence": [], "filed_at": 0, "filed_on": day, "overdue": True}
            | {"answered_on": day},
        }
        for table, row in values.items():
            blanks = {c.name: day for c in table.columns if not c.nullable and isinstance(c.type, sa.Date)}
            transaction.connection.execute(table.insert(), blanks | row | {"seller_id": "a"})

    registry.core.write(more)
    return registry


def test_nothing_is_found_where_nothing_is(filled: Registry, registries: Callable[..., Registry], clock: Any) -> None:
    found = verify(filled.core)
    assert (found.differences, found.sellers, found.events, found.sequence) == ([], 2, 17, 17)
    # On another day it is compared as of the day on which it was derived.
    clock.forward(400)
    assert verify(filled.core).differences == []
    assert verify(registries().core).differences == []


S, L, P, V, A, C = (
    schema.sellers,
    schema.licences,
    schema.persons,
    schema.violations,
    schema.appeals,
    schema.complaints,
)
HEAD = sa.update(schema.head)
SELLER = sa.update(S).where(S.c.seller_id == "a")


CORRUPTIONS: list[tuple[Any, set[str]]] = [
    (SELLER.values(standing=bytes(44)), {"a standing"}),
    (SELLER.values(registration=4), {"a registration"}),
    (SELLER.values(enforcement=0), {"a enforcement"}),
    (SELLER.values(listing=77), {"a listing"}),
    (SELLER.values(next_change=None), {"a next_change"}),
    (SELLER.values(closed_on=date(2020, 1, 1)), {"a closed_on"}),
    (SELLER.values(digest=bytes(16)), {"a digest"}),
    (SELLER.values(version=1000), {"a version"}),
    (SELLER.values(kind=3), {"a kind"}),
    (SELLER.values(categories=["tea"]), {"a categories"}),
    (SELLER.values(name="另一个"), {"a personal data"}),
    (SELLER.values(standing_day=date(2100, 1, 1)), {"a standing", "a digest", "a registration"}),
    (sa.delete(L).where(L.c.seller_id == "a", L.c.scope == "food"), {"a licences"}),
    (sa.update(L).where(L.c.seller_id == "b").values(evidence="x"), {"b licences"}),
    (sa.delete(P).where(P.c.seller_id == "a"), {"a persons"}),
    (
        sa.update(P).where(P.c.seller_id == "a").values(number_hash=bytes(32)),
        {"a identity number: hash", "a personal data"},
    ),
    (sa.update(P).where(P.c.seller_id == "a").values(number_masked="x"), {"a identity number: masked form"}),
    (sa.update(P).where(P.c.seller_id == "a").values(contacts_cipher=None), {"a personal data"}),
    (sa.update(P).where(P.c.seller_id == "a").values(number_cipher=b"\x01broken"), {"a personal data"}),
    (sa.delete(V), {"a violations"}),
    (sa.update(V).values(sequence=3), {"a violations"}),
    (sa.update(A).values(state=3), {"a appeal a1"}),
    (sa.delete(A), {"a appeal a1"}),
    (sa.update(C).values(state=4), {"a complaint c1"}),
    (sa.update(C).values(overdue=False), {"a complaint c1"}),
    (sa.delete(C), {"a complaint c1"}),
    (HEAD.values(sequence=99), {" head.sequence"}),
    (HEAD.values(checksum=bytes(16)), {" head.checksum"}),
    (sa.update(schema.ladders).values(revision="x"), {" ladders x", "a ladders", "b ladders"}),
]


class Undone(Exception):
    pass


def test_each_corruption_is_found(filled: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled.core.store
    for statement, fields in CORRUPTIONS:
        with contextlib.suppress(Undone), monkeypatch.context() as patch, store.write() as connection:
            connection.execute(statement)
            patch.setattr(store, "read", lambda connection=connection: contextlib.nullcontext(connection))
            check(filled, fields)
            raise Undone
    assert verify(filled.core).differences == []


def check(registry: Registry, fields: set[str]) -> None:
    found = verify(registry.core).differences
    told = {f"{each.seller_id} {each.field}" for each in found}
    assert fields <= told
    # A wrong day changes what is derived; nothing else reaches further than its own field.
    extra = (
        {"a enforcement", "a next_change", " head.checksum"}
        if "a registration" in fields and len(fields) > 1
        else set()
    )
    assert told <= fields | extra
    for each in found:
        assert each.stored != each.derived
        assert NUMBER not in str(each)
        assert "另一个" not in str(each)


def test_a_changed_log_is_found(filled: Registry) -> None:
    """What the triggers keep from happening: somebody who may switch them off takes an event away, or changes one."""
    with filled.core.store.write() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(sa.text("DROP TRIGGER events_no_delete"))
            connection.execute(sa.text("DROP TRIGGER events_no_update"))
        else:
            connection.execute(sa.text("ALTER TABLE events DISABLE TRIGGER ALL"))
        events = schema.events
        connection.execute(sa.delete(events).where(events.c.seller_id == "b", events.c.kind == "strike"))
        connection.execute(
            sa.update(events)
            .where(events.c.seller_id == "a", events.c.kind == "enforcement")
            .values(body={"state": "suspended"})
        )
    told = {f"{each.seller_id} {each.field}" for each in verify(filled.core).differences}
    assert {"a enforcement", "a standing", "b standing", "b digest", " head.checksum"} <= told
    assert str(verify(filled.core).differences[0]).startswith("a: ")
