"""What a registry on any store must do: each test runs on SQLite and on PostgreSQL, unchanged."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from fairpost.server.errors import ServiceError
from fairpost.server.registry import Keys, Registry
from fairpost.server.store import schema
from fairpost.v1 import registry_pb2, seller_event_pb2, seller_pb2, standing_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

OK, NOT_FOUND = standing_pb2.LOOKUP_OUTCOME_OK, standing_pb2.LOOKUP_OUTCOME_NOT_FOUND
UNAVAILABLE = standing_pb2.LOOKUP_OUTCOME_UNAVAILABLE
NUMBER, OTHER = "11010519491231002X", "440524188001010014"


def refused(call: Any, *arguments: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        call(*arguments)
    return caught.value


def event(seller_id: str, *, request_id: str = "", expected: int = 0, **change: Any) -> registry_pb2.RecordEventRequest:
    values = {"actor": "registrar-1", "reason": "test"} | change
    return registry_pb2.RecordEventRequest(
        seller_id=seller_id,
        event=seller_event_pb2.SellerEvent(**values),
        request_id=request_id,
        expected_version=expected,
    )


SUSPENDED: dict[str, Any] = {
    "enforcement": seller_event_pb2.EnforcementChange(state=standing_pb2.ENFORCEMENT_SUSPENDED)
}
STRIKE: dict[str, Any] = {"strike": seller_event_pb2.Strike(category="MEDICAL")}


def test_registration_and_its_record(registry: Registry, registration: Any) -> None:
    contacts = seller_pb2.Contacts(phone="+86 139 0000 0000", email="a@example.com", address="示例市一号")
    request = registration(
        "s1", kind=1, credit_code="", identity_number=NUMBER.lower(), name=" 张三 ", contacts=contacts
    )
    seller = registry.sellers.register(request).seller
    got = registry.sellers.get(registry_pb2.GetSellerRequest(seller_id="s1")).seller
    assert got == seller
    assert (got.name, got.identity_masked, got.contacts) == ("张三", "1****************X", contacts)
    assert (got.version, got.standing.registration) == (1, standing_pb2.REGISTRATION_ACTIVE)
    again = registration("s2", kind=1, credit_code="", identity_number=NUMBER)
    assert list(registry.sellers.register(again).seller.same_person) == ["s1"]
    found = refused(registry.sellers.register, registration("s1"))
    assert (found.reason_name, found.code) == ("REASON_SELLER_EXISTS", 6)


def test_update(registry: Registry, registration: Any) -> None:
    registry.sellers.register(registration("s1"))
    request = registry_pb2.UpdateSellerRequest(
        seller_id="s1", fields=["name", "categories"], actor="a", reason="r", expected_version=1
    )
    request.record.name = "新名"
    request.record.categories.extend(["tea", "cosmetics"])
    seller = registry.sellers.update(request).seller
    assert (seller.name, list(seller.categories), seller.version) == ("新名", ["tea", "cosmetics"], 2)
    assert seller.standing.registration == standing_pb2.REGISTRATION_PENDING
    found = refused(registry.sellers.update, request)
    assert (found.reason_name, found.metadata) == ("REASON_CONFLICT", {"version": "2"})
    assert "expected_version: the seller is at version 2, not 1" in found.message
    request.record.name, request.expected_version = "", 2
    assert [each.field for each in refused(registry.sellers.update, request).violations] == ["record.name"]
    assert registry.sellers.get(registry_pb2.GetSellerRequest(seller_id="s1")).seller == seller


def test_events_and_versions(registry: Registry, registration: Any) -> None:
    registry.sellers.register(registration("s1"))
    answer = registry.decisions.record_event(event("s1", **STRIKE, expected=1))
    assert (answer.sequence, answer.standing.strikes[0].count) == (2, 1)
    found = refused(registry.decisions.record_event, event("s1", **STRIKE, expected=1))
    assert (found.code, found.reason_name, found.metadata) == (10, "REASON_CONFLICT", {"version": "2"})
    licence = seller_pb2.Licence(scope="cosmetics", number="X", valid_from="2020-01-01")
    registry.decisions.record_event(event("s1", licence=licence))
    renewed = seller_pb2.Licence(scope="cosmetics", number="X", valid_from="2020-01-01", valid_until="2099-01-01")
    answer = registry.decisions.record_event(event("s1", licence=renewed))
    assert list(answer.standing.licences) == ["food", "cosmetics"]
    registry.decisions.record_event(event("s1", licence_ended=licence))
    found = refused(registry.decisions.record_event, event("s1", licence_ended=licence))
    assert found.reason_name == "REASON_WRONG_STATE"
    listed = registry.sellers.events(registry_pb2.ListEventsRequest(seller_id="s1")).events
    kinds = [each.WhichOneof("change") for each in listed]
    assert kinds == ["registration", "strike", "licence", "licence", "licence_ended"]
    assert [each.sequence for each in listed] == [1, 2, 3, 4, 5]
    assert refused(registry.decisions.record_event, event("nobody", **STRIKE)).reason_name == "REASON_SELLER_NOT_FOUND"


def test_idempotency(registries: Callable[..., Registry], registration: Any) -> None:
    first, second = registries(), registries()
    request = registration("s1", request_id="r1")
    answer = first.sellers.register(request)
    assert second.sellers.register(request) == answer
    one = first.decisions.record_event(event("s1", request_id="r2", **STRIKE))
    assert second.decisions.record_event(event("s1", request_id="r2", **STRIKE)) == one
    found = refused(second.decisions.record_event, event("s1", request_id="r1", **STRIKE))
    assert found.reason_name == "REASON_REQUEST_ID_REUSED"
    assert len(first.sellers.events(registry_pb2.ListEventsRequest(seller_id="s1")).events) == 2
    # What failed was not answered: under the same id it may succeed later.
    assert refused(first.decisions.record_event, event("s2", request_id="r3", **STRIKE))
    first.sellers.register(registration("s2"))
    assert first.decisions.record_event(event("s2", request_id="r3", **STRIKE)).sequence == 4


def test_lists_are_stable(registry: Registry, registration: Any) -> None:
    """Sellers registered between the pages: all that were there at the beginning come once, in the order of bytes."""
    order = random.Random(7)
    ids = [f"{letter}{number}" for letter in "aBc_D~-" for number in range(4)]
    order.shuffle(ids)
    for seller_id in ids:
        registry.sellers.register(registration(seller_id))
    request = registry_pb2.ListSellersRequest(page_size=3)
    found: list[str] = []
    while True:
        page = registry.sellers.search(request)
        found += [seller.seller_id for seller in page.sellers]
        for new in (f"a-{len(found)}", f"z-{len(found)}"):
            registry.sellers.register(registration(new))
        if not page.next_page_token or len(found) > 200:
            break
        request.page_token = page.next_page_token
        if len(found) > 60:
            request.page_size = 1000
    assert len(found) == len(set(found))
    assert found == sorted(found, key=lambda name: name.encode())
    assert set(ids) <= set(found)


def test_search(registry: Registry, registration: Any) -> None:
    registry.sellers.register(registration("Tea_1", name="清茗 Tea 茶业 100%"))
    registry.sellers.register(registration("tea-2", name="清茗茶", categories=["tea", "food"]))
    registry.sellers.register(
        registration("x", kind=1, credit_code="", identity_number=NUMBER, categories=["tea-sets"])
    )
    registry.decisions.record_event(event("x", **SUSPENDED))

    def search(**fields: Any) -> list[str]:
        return [each.seller_id for each in registry.sellers.search(registry_pb2.ListSellersRequest(**fields)).sellers]

    assert search() == ["Tea_1", "tea-2", "x"]
    assert search(query="TEA") == ["Tea_1", "tea-2"]
    assert search(query="tea_") == ["Tea_1"]
    assert search(query="100%") == ["Tea_1"]
    assert search(query="清茗茶") == ["tea-2"]
    assert search(query="\\") == search(query="'; DROP TABLE sellers; --") == []
    assert search(number=NUMBER.lower()) == ["x"]
    assert search(number="91350100M000100Y43") == ["Tea_1", "tea-2"]
    assert search(category="tea") == ["tea-2"]
    assert search(category="tea-sets") == ["x"]
    assert search(enforcements=[5]) == ["x"]
    assert search(enforcements=[1], category="food") == ["Tea_1", "tea-2"]
    assert search(registrations=[3], listings=[1]) == ["Tea_1", "tea-2", "x"]
    found = refused(search_of(registry), registry_pb2.ListSellersRequest(category='tea", "food', page_size=1001))
    assert [each.field for each in found.violations] == ["page_size", "category"]


def search_of(registry: Registry) -> Any:
    return registry.sellers.search


def test_page_tokens(registries: Callable[..., Registry], registration: Any, tmp_path: Any) -> None:
    registry = registries()
    for number in range(3):
        registry.sellers.register(registration(f"s{number}"))
    request = registry_pb2.ListSellersRequest(page_size=1)
    token = registry.sellers.search(request).next_page_token
    changed = token[:4] + ("A" if token[4] != "A" else "B") + token[5:]
    elsewhere = registries(url=f"sqlite:///{tmp_path / 'other.sqlite'}", keys=Keys.make())
    for number in range(2):
        elsewhere.sellers.register(registration(f"s{number}"))
    foreign = elsewhere.sellers.search(request).next_page_token
    for wrong in (changed, foreign, "x", "é", token + "A", "0" * 10_000):
        found = refused(registry.sellers.search, registry_pb2.ListSellersRequest(page_size=1, page_token=wrong))
        assert found.reason_name == "REASON_INVALID_PAGE_TOKEN"
    other = registry_pb2.ListSellersRequest(page_size=1, page_token=token, query="s")
    assert refused(registry.sellers.search, other).reason_name == "REASON_INVALID_PAGE_TOKEN"
    events = registry_pb2.ListEventsRequest(seller_id="s1", page_token=token)
    assert refused(registry.sellers.events, events).reason_name == "REASON_INVALID_PAGE_TOKEN"


def test_three_consistencies(registries: Callable[..., Registry], registration: Any, tmp_path: Any) -> None:
    writer, reader = registries(), registries()
    token = writer.sellers.register(registration("s1")).consistency_token

    def look(**consistency: Any) -> int:
        request = registry_pb2.LookupSellerRequest(seller_id="s1", consistency=registry_pb2.Consistency(**consistency))
        return reader.lookups.lookup(request).answer.outcome

    # No thread follows the log here: memory is as it was.
    assert look() == look(minimise_latency=True) == NOT_FOUND
    assert look(at_least_as_fresh=token) == OK
    assert look() == OK
    writer.decisions.record_event(event("s1", **SUSPENDED))
    request = registry_pb2.BatchLookupSellersRequest(seller_ids=["s1", "s2"])
    assert reader.lookups.lookup_batch(request).answers[0].standing.enforcement == standing_pb2.ENFORCEMENT_NONE
    request.consistency.fully_consistent = True
    answers = reader.lookups.lookup_batch(request).answers
    assert [each.outcome for each in answers] == [OK, NOT_FOUND]
    assert answers[0].standing.enforcement == standing_pb2.ENFORCEMENT_SUSPENDED
    ahead = f"{token.partition('.')[0]}.{10**6}"
    assert look(at_least_as_fresh=ahead) == UNAVAILABLE
    elsewhere = registries(url=f"sqlite:///{tmp_path / 'other.sqlite'}").sellers.register(registration("s1"))
    assert refused(lambda: look(at_least_as_fresh=elsewhere.consistency_token)).reason_name == "REASON_INVALID_TOKEN"


def test_events_are_append_only(registry: Registry, registration: Any) -> None:
    registry.sellers.register(registration("s1"))
    registry.sellers.register(registration("s2"))
    events, sellers = schema.events, schema.sellers

    def attempt(statement: Any) -> None:
        with pytest.raises(ServiceError), registry.core.store.write() as connection:
            connection.execute(statement)

    attempt(sa.update(events).values(kind="x"))
    attempt(sa.delete(events))
    if registry.core.store.dialect == "postgresql":
        attempt(sa.text("TRUNCATE events"))
        attempt(sa.text("TRUNCATE sellers CASCADE"))
    with registry.core.store.write() as connection:
        connection.execute(sa.update(sellers).where(sellers.c.seller_id == "s1"), {"erased_on": registry.core.today()})
    attempt(sa.delete(events))
    attempt(sa.update(events).where(events.c.seller_id == "s1").values(kind="x"))
    with registry.core.store.write() as connection:
        assert connection.execute(sa.delete(events).where(events.c.seller_id == "s1")).rowcount == 1
    with registry.core.store.read() as connection:
        assert list(connection.execute(sa.select(events.c.seller_id)).scalars()) == ["s2"]


def test_a_day_turns_once(registries: Callable[..., Registry], registration: Any, clock: Any) -> None:
    from fairpost.server.registry.days import turn_days

    first, second = registries(), registries()
    until = (clock.day + timedelta(days=3)).isoformat()
    licence = seller_pb2.Licence(scope="food", number="1", valid_from="2020-01-01", valid_until=until)
    first.sellers.register(registration("s1", licences=[licence]))
    assert turn_days(first.core) == 0
    clock.forward(4)
    assert (turn_days(second.core), turn_days(first.core)) == (1, 0)
    request = registry_pb2.LookupSellerRequest(seller_id="s1")
    request.consistency.fully_consistent = True
    for each in (first, second):
        assert each.lookups.lookup(request).answer.standing.registration == standing_pb2.REGISTRATION_LAPSED
    assert len(first.sellers.events(registry_pb2.ListEventsRequest(seller_id="s1")).events) == 2


HOSTILE = [
    "'; DROP TABLE sellers; --",
    '"; DELETE FROM events WHERE "a"="a',
    "名'\"\\%_;$1 %s {0} :name",
    "🌸" * 200,
    "ＡＢＣ\u200d".rstrip("\u200d"),
]


def test_hostile_texts_are_only_texts(registry: Registry, registration: Any) -> None:
    for i, text in enumerate(HOSTILE):
        seller_id = f"s{i}"
        registry.sellers.register(registration(seller_id, name=text))
        registry.decisions.record_event(event(seller_id, **STRIKE, actor=text[:100], reason=text, evidence=text))
        assert registry.sellers.get(registry_pb2.GetSellerRequest(seller_id=seller_id)).seller.name == text
        found = registry.sellers.search(registry_pb2.ListSellersRequest(query=text[:100])).sellers
        assert [each.seller_id for each in found] == [seller_id]
        got = registry.sellers.events(registry_pb2.ListEventsRequest(seller_id=seller_id)).events[1]
        assert (got.actor, got.reason, got.evidence) == (text[:100], text, text)


def test_texts_that_are_refused(registry: Registry, registration: Any) -> None:
    """NUL above all, which PostgreSQL cannot store: a fault of its field, found before any store is asked."""
    for text in ("a\x00b", "\x00", "a\x1bb", "a\nb", "x" * (1 << 20), "a\u202eb"):
        check_refusals(registry, registration, text)
    with registry.core.store.read() as connection:
        assert connection.execute(sa.select(schema.head.c.sequence)).scalar_one() == 0


def check_refusals(registry: Registry, registration: Any, text: str) -> None:
    said = f"has {1 << 20} characters; at most " if len(text) > 9 else "has control characters"

    def faults(call: Any, request: Any) -> dict[str, str]:
        return dict(refused(call, request).violations)

    contacts = seller_pb2.Contacts(phone=text, email=f"{text}@example.com", address=text)
    licence = seller_pb2.Licence(scope=text, number=text, valid_from=text, valid_until=text, evidence=text)
    request = registration(
        text, request_id=text, name=text, categories=[text], contacts=contacts, licences=[licence], credit_code=text
    )
    request.identity_number = text
    found = faults(registry.sellers.register, request)
    fields = {"request_id", "seller_id", "name", "identity_number", "credit_code", "categories[0]"}
    fields |= {f"contacts.{name}" for name in ("phone", "email", "address")}
    fields |= {f"licences[0].{name}" for name in ("scope", "number", "valid_from", "valid_until", "evidence")}
    assert set(found) == fields
    assert found["name"].startswith(said)
    assert all(len(description) < 400 for description in found.values())
    change: dict[str, Any] = {"actor": text, "reason": text, "evidence": text, "decision_id": text, "revision": text}
    found = faults(registry.decisions.record_event, event(text, **STRIKE, **change, effective=text, expires=text))
    assert set(found) == {"seller_id", *(f"event.{name}" for name in (*change, "effective", "expires"))}
    update = registry_pb2.UpdateSellerRequest(seller_id=text, fields=[text], actor=text, reason=text)
    assert set(faults(registry.sellers.update, update)) == {"seller_id", "fields[0]", "actor", "reason"}
    search = registry_pb2.ListSellersRequest(query=text, number=text, category=text)
    assert set(faults(registry.sellers.search, search)) == {"query", "number", "category"}
    token = registry_pb2.ListSellersRequest(page_token=text)
    assert refused(registry.sellers.search, token).reason_name == "REASON_INVALID_PAGE_TOKEN"
    lookup = registry_pb2.LookupSellerRequest(seller_id=text)
    assert set(faults(registry.lookups.lookup, lookup)) == {"seller_id"}
    lookup = registry_pb2.LookupSellerRequest(
        seller_id="s", consistency=registry_pb2.Consistency(at_least_as_fresh=text)
    )
    assert refused(registry.lookups.lookup, lookup).reason_name == "REASON_INVALID_TOKEN"


def test_wrong_dates(registry: Registry, registration: Any) -> None:
    registry.sellers.register(registration("s1"))
    for text in ("2026-02-30", "0000-01-01", "2026-1-1", "２０２６-01-01", "2026-01-01T00:00", "10000-01-01"):
        found = refused(registry.decisions.record_event, event("s1", **STRIKE, effective=text))
        assert found.message == f"event.effective: {text[:20]!r} is no day; write YYYY-MM-DD, as in 2026-01-31"


def test_far_dates(registry: Registry, registration: Any) -> None:
    """The first and the last day there are come back as they were given."""
    days = [("0001-01-01", "0001-01-02"), ("2000-02-29", ""), ("9999-12-31", "9999-12-31")]
    for i, (begin, end) in enumerate(days):
        seller_id = f"s{i}"
        registry.sellers.register(registration(seller_id))
        registry.decisions.record_event(event(seller_id, **STRIKE, effective=begin, expires=end))
        got = registry.sellers.events(registry_pb2.ListEventsRequest(seller_id=seller_id)).events[1]
        assert got.effective == begin
        assert not end or got.expires == end
        licence = seller_pb2.Licence(scope="food", number="2", valid_from=begin, valid_until=end)
        registry.decisions.record_event(event(seller_id, licence=licence))
        seller = registry.sellers.get(registry_pb2.GetSellerRequest(seller_id=seller_id)).seller
        assert (seller.licences[1].valid_from, seller.licences[1].valid_until) == (begin, end)
