"""One person's data: given out, erased or blocked, and what the terms do."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from fairpost.client import CallFailed
from fairpost.server.errors import ServiceError
from fairpost.server.registry import Registry
from fairpost.server.registry.erasure import kept_until
from fairpost.server.registry.jobs import run_jobs
from fairpost.server.registry.verify import verify
from fairpost.server.store import now_ms, schema
from fairpost.v1 import registry_pb2, seller_event_pb2, seller_pb2, standing_pb2

if TYPE_CHECKING:
    pass

NUMBER = "11010519491231002X"
NAME, PHONE, EMAIL, ADDRESS = "王小明与众不同", "13912345678", "wang@example.com", "示例市柳树街九号"
EXEMPT = "农副产品自产自销"
PERSON = {"kind": 4, "credit_code": "", "identity_number": NUMBER, "name": NAME, "exempt_reason": EXEMPT}
WHO: dict[str, Any] = {"actor": "registrar-1", "reason": "the person's request"}


@pytest.fixture
def person(registry: Registry, registration: Any) -> Registry:
    contacts = seller_pb2.Contacts(phone=PHONE, email=EMAIL, address=ADDRESS)
    registry.sellers.register(registration("s1", request_id="r1", contacts=contacts, **PERSON))
    registry.sellers.register(registration("other"))
    return registry


def record(registry: Registry, seller_id: str, **change: Any) -> None:
    event = seller_event_pb2.SellerEvent(**({"actor": "registrar-1", "reason": "test"} | change))
    registry.decisions.record_event(registry_pb2.RecordEventRequest(seller_id=seller_id, event=event))


def close(registry: Registry, seller_id: str = "s1") -> None:
    record(registry, seller_id, registration={"state": "REGISTRATION_CLOSED"})


def erase(registry: Registry, seller_id: str = "s1", request_id: str = "") -> registry_pb2.ErasePersonResponse:
    return registry.erasure.erase(registry_pb2.ErasePersonRequest(seller_id=seller_id, request_id=request_id, **WHO))


def export(registry: Registry, seller_id: str = "s1") -> dict[str, Any]:
    request = registry_pb2.ExportPersonRequest(seller_id=seller_id, **WHO)
    found: dict[str, Any] = json.loads(registry.erasure.export(request).content)
    return found


def get(registry: Registry, seller_id: str = "s1") -> seller_pb2.Seller:
    return registry.sellers.get(registry_pb2.GetSellerRequest(seller_id=seller_id)).seller


def kinds(registry: Registry, seller_id: str = "s1") -> list[str]:
    listed = registry.sellers.events(registry_pb2.ListEventsRequest(seller_id=seller_id)).events
    return [str(event.WhichOneof("change")) for event in listed]


def fill(registry: Registry, day: date, *, ended: bool = True) -> None:
    """A violation, an appeal and a complaint of s1, as rows with their events."""
    keys, now = registry.core.keys, now_ms()

    def work(transaction: Any) -> None:
        who = {"actor": "filter", "reason": "x"}
        body = {"category": "MEDICAL", "post_id": "p1", "rules": [], "action": "BLOCK", "strike": 0}
        violation = transaction.append("s1", "violation", body, appeal_until=day, **who)
        appeal = transaction.append("s1", "appeal", {"appeal_id": "a1", "against": violation, "state": "filed"}, **who)
        if ended:
            appeal_version = transaction.append(
                "s1", "appeal", {"appeal_id": "a1", "against": violation, "state": "upheld"}, **who
            )
        filed = transaction.append("s1", "complaint", {"complaint_id": "c1", "state": "filed"}, **who)
        version = transaction.append(
            "s1", "complaint", {"complaint_id": "c1", "state": "resolved", "outcome": "rejected"}, **who
        )
        insert(transaction.connection, schema.violations, seller_id="s1", post_key="id:p1", sequence=violation)
        insert(
            transaction.connection,
            schema.appeals,
            appeal_id="a1",
            seller_id="s1",
            against=violation,
            filed=appeal,
            version=appeal_version if ended else appeal,
            state=2 if ended else 1,
            evidence=["https://example.com/beweis"],
        )
        insert(
            transaction.connection,
            schema.complaints,
            complaint_id="c1",
            seller_id="s1",
            filed=filed,
            version=version,
            state=4,
            outcome=2,
            kind=2,
            consumer_id="u1",
            answer="卖家的回答在此",
            resolution="已处理完毕",
            filed_on=day,
            ended_on=day,
        )
        for column, context in (
            (schema.violations.c.post_cipher, f"violation-post:{violation}"),
            (schema.appeals.c.statement_cipher, "appeal-statement:a1"),
            (schema.complaints.c.statement_cipher, "complaint-statement:c1"),
            (schema.complaints.c.contact_cipher, "complaint-contact:c1"),
        ):
            cipher = keys.encrypt(b'"words"', context)
            transaction.connection.execute(sa.update(column.table).values({column: cipher}))

    def insert(connection: Any, table: sa.Table, **values: Any) -> None:
        blanks: dict[str, Any] = {}
        for column in table.columns:
            if not column.nullable and column.name not in values:
                kind = list if isinstance(column.type, sa.JSON) else column.type.python_type
                blanks[column.name] = now if column.name.endswith("_at") else day if kind is date else kind()
        connection.execute(table.insert(), blanks | values)

    registry.core.write(work)


def test_export(person: Registry) -> None:
    fill(person, person.core.today())
    found = export(person)
    assert (found["name"], found["identity_number"]) == (NAME, NUMBER)
    assert found["contacts"] == {"phone": PHONE, "email": EMAIL, "address": ADDRESS}
    assert found["licences"][0]["number"] == "JY1"
    assert "export" in found["events"][-1]
    assert found["complaints"] == [
        {
            "complaint_id": "c1",
            "kind": 2,
            "state": 4,
            "outcome": 2,
            "post_id": "",
            "answer": "卖家的回答在此",
            "resolution": "已处理完毕",
            "filed_on": person.core.today().isoformat(),
            "ended_on": person.core.today().isoformat(),
        }
    ]
    assert found["appeals"][0]["statement"] == found["violations"][0]["post"] == '"words"'
    assert "u1" not in json.dumps(found)
    assert kinds(person)[-1] == "export"


def test_erasure_and_what_is_blocked(person: Registry, clock: Any) -> None:
    fill(person, clock.day)
    with pytest.raises(ServiceError) as caught:
        erase(person)
    assert (caught.value.reason_name, caught.value.metadata) == ("REASON_WRONG_STATE", {"state": "active"})
    assert caught.value.message == "seller_id: the registration is active; data are erased after it was closed"
    close(person)
    answer = erase(person, request_id="e1")
    assert list(answer.erased) == [
        "answered requests",
        "email",
        "phone",
        "statements of appeals",
        "texts of violations",
    ]
    assert [line.partition(":")[0] for line in answer.kept] == [
        "address",
        "answers to complaints",
        "exempt_reason",
        "identity_number",
        "name",
        "licences, log, complaints",
    ]
    assert "Art. 31" in answer.kept[0]
    assert answer.kept_until == kept_until(clock.day).isoformat()
    assert erase(person, request_id="e1") == answer
    seller = get(person)
    assert (seller.name, seller.identity_masked, seller.exempt_reason, seller.erased) == ("", "", "", True)
    assert not seller.HasField("contacts")
    assert seller.standing.registration == standing_pb2.REGISTRATION_CLOSED
    search = registry_pb2.ListSellersRequest(number=NUMBER)
    assert not person.sellers.search(search).sellers
    # What nobody may use is there for whom the law lets ask, and the log says who did.
    found = export(person)
    assert found["blocked"] == {
        "name": NAME,
        "identity_number": NUMBER,
        "exempt_reason": PERSON["exempt_reason"],
        "address": ADDRESS,
        "answers to complaints": {"c1": "卖家的回答在此"},
        "kept_until": answer.kept_until,
    }
    assert "name" not in found
    assert kinds(person)[-2:] == ["erasure", "export"]
    assert not verify(person.core).differences
    for call in (
        lambda: erase(person),
        lambda: record(person, "s1", strike={"category": "MEDICAL"}),
        lambda: person.sellers.update(
            registry_pb2.UpdateSellerRequest(
                seller_id="s1", fields=["name"], record=registry_pb2.RegisterSellerRequest(name="x"), **WHO
            )
        ),
    ):
        with pytest.raises(ServiceError) as caught:
            call()
        assert caught.value.reason_name == "REASON_ERASED"


def test_nothing_is_erased_that_is_still_needed(person: Registry, clock: Any) -> None:
    fill(person, clock.day, ended=False)
    close(person)
    with pytest.raises(ServiceError, match=r"^seller_id: appeal a1 is not decided: what it is about is still needed"):
        erase(person)
    with person.core.store.write() as connection:
        connection.execute(sa.update(schema.complaints), {"state": 2})
    with pytest.raises(ServiceError, match=r"^seller_id: complaint c1 is open: what it is about is still needed"):
        erase(person)
    assert get(person).name == NAME


def test_the_blacklisted_stay_recognised(person: Registry, registration: Any, clock: Any) -> None:
    record(person, "s1", listing={"state": "LISTING_BLACKLISTED", "permanent": True})
    close(person)
    assert "keyed hash of the number" in erase(person).kept[-1]
    seller = person.sellers.register(registration("s2", **PERSON)).seller
    assert list(seller.same_person) == ["s1"]
    clock.day = kept_until(clock.day)
    clock.forward(1)
    assert run_jobs(person.core, ["days", "retention"])[1].counts == {"archives": 1}
    assert list(get(person, "s2").same_person) == ["s1"]
    assert "blocked" not in export(person)

    # Off the blacklist the hash goes, and with it the rest, whose term is over.
    def lift(transaction: Any) -> None:
        transaction.append("s1", "listing", {"state": "none"}, actor="a", reason="r")

    person.core.write(lift)
    assert run_jobs(person.core, ["retention"])[0].counts == {"hashes": 1, "records": 1}
    assert not get(person, "s2").same_person
    assert not verify(person.core).differences


def test_when_the_term_ends_the_rest_goes(person: Registry, clock: Any) -> None:
    fill(person, clock.day)
    close(person)
    until = kept_until(clock.day)
    clock.day = until
    assert run_jobs(person.core, ["retention"])[0].counts == {"posts": 1}
    assert get(person).name == NAME
    clock.forward(1)
    counts = run_jobs(person.core, ["days", "retention"])[1].counts
    assert counts == {"consumers": 1, "records": 1}
    assert run_jobs(person.core, ["retention"])[0].counts == {}
    seller = get(person)
    assert (seller.name, list(seller.licences), list(seller.categories), seller.erased) == ("", [], [], True)
    assert seller.standing.registration == standing_pb2.REGISTRATION_CLOSED
    assert kinds(person) == ["registration", "erasure"]
    with person.core.store.read() as connection:
        for table in (schema.persons, schema.violations, schema.appeals, schema.complaints, schema.requests):
            query = sa.select(sa.func.count()).where(table.c.seller_id == "s1")
            assert connection.execute(query).scalar_one() == 0, table.name
    assert not verify(person.core).differences
    assert get(person, "other").name


def test_erasure_after_the_term_blocks_nothing(person: Registry, clock: Any) -> None:
    close(person)
    clock.day = kept_until(clock.day)
    clock.forward(1)
    answer = erase(person)
    assert (list(answer.kept), answer.kept_until) == ([], "")
    assert {"name", "identity_number", "address", "phone"} <= set(answer.erased)
    assert "blocked" not in export(person)


def test_a_closing_that_was_overturned_begins_no_term(person: Registry, clock: Any) -> None:
    close(person)
    closing = person.core.store.sequence()

    def overturn(transaction: Any) -> None:
        body = {"appeal_id": "a1", "against": closing, "state": "overturned"}
        transaction.append("s1", "appeal", body, actor="judge", reason="r")

    person.core.write(overturn)
    clock.forward(4 * 366)
    run_jobs(person.core)
    assert (get(person).name, get(person).erased) == (NAME, False)


def test_answers_are_kept_for_days(person: Registry, registration: Any) -> None:
    def age(days: int) -> None:
        with person.core.store.write() as connection:
            connection.execute(sa.update(schema.requests), {"recorded_at": now_ms() - days * 86_400_000})

    age(6)
    assert run_jobs(person.core, ["retention"])[0].counts == {}
    age(8)
    assert run_jobs(person.core, ["retention"])[0].counts == {"answers": 1}


@pytest.mark.parametrize(
    ("closed", "until"),
    [
        ("2026-11-28", "2029-11-28"),
        ("2024-02-29", "2027-02-28"),
        ("2025-02-28", "2028-02-28"),
        ("2025-03-01", "2028-03-01"),
    ],
)
def test_terms(closed: str, until: str) -> None:
    from fairpost.server.registry.retention import _ended_before

    begin, end = date.fromisoformat(closed), date.fromisoformat(until)
    assert kept_until(begin) == end
    assert not begin < _ended_before(end)
    assert begin < _ended_before(date.fromordinal(end.toordinal() + 1))


def test_erased_bytes_are_gone(person: Registry, clock: Any, tmp_path: Path) -> None:
    """Not in SQLite's file, nor in what lies beside it."""
    if person.core.store.dialect != "sqlite":
        pytest.skip("PostgreSQL overwrites freed rows when it needs the space; docs/operations.md says so")

    def files() -> bytes:
        return b"".join(path.read_bytes() for path in sorted(tmp_path.glob("registry.sqlite*")))

    with person.core.store.read() as connection:
        query = sa.select(schema.persons.c.number_hash, schema.persons.c.contacts_cipher)
        secrets = [bytes(value) for value in connection.execute(query.where(schema.persons.c.seller_id == "s1")).one()]
    secrets += [NAME.encode(), EXEMPT.encode()]
    assert all(secret in files() for secret in secrets)
    for clear in (NUMBER, PHONE, EMAIL, ADDRESS):
        assert clear.encode() not in files()
    close(person)
    with person.core.store.read() as reading:  # keeps the write-ahead log from being cut
        reading.execute(sa.select(schema.head)).one()
        erase(person)
        assert any(secret in files() for secret in secrets)
        assert not person.core.store.scrub()
    assert person.core.store.scrub()
    for secret in secrets:
        assert secret not in files()


def test_over_the_wire(inside: Any, registration: Any) -> None:
    client = inside().start().client
    client.register(registration("s1", **PERSON))
    assert json.loads(client.export_person("s1", **WHO))["identity_number"] == NUMBER
    closed = seller_event_pb2.RegistrationChange(state=standing_pb2.REGISTRATION_CLOSED)
    closing = seller_event_pb2.SellerEvent(actor="a", reason="r", registration=closed)
    client.record_event("s1", closing)
    answer = client.erase_person("s1", **WHO)
    assert answer.kept_until
    assert client.seller("s1").erased
    for call in (client.export_person, client.erase_person):
        with pytest.raises(CallFailed) as caught:
            call("", actor="", reason="\x00")
        assert dict(caught.value.violations) == {
            "seller_id": "is required",
            "actor": "is required",
            "reason": "has control characters",
        }
