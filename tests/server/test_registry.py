"""RegistryService over a real connection: registration, its checks, events, lookups."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fairpost.client import CallFailed
from fairpost.engine.dates import LAW_ZONE
from fairpost.engine.vocabulary import LICENCES
from fairpost.server.registry import Keys, Registry
from fairpost.server.store import Store
from fairpost.v1 import registry_pb2, seller_event_pb2, seller_pb2, standing_pb2

NUMBER = "11010519491231002X"
OK, NOT_FOUND = standing_pb2.LOOKUP_OUTCOME_OK, standing_pb2.LOOKUP_OUTCOME_NOT_FOUND
UNAVAILABLE = standing_pb2.LOOKUP_OUTCOME_UNAVAILABLE
BLACKLISTED = standing_pb2.LISTING_BLACKLISTED


def failure(call: Any, *arguments: Any, **options: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(*arguments, **options)
    return caught.value


def event(**change: Any) -> seller_event_pb2.SellerEvent:
    values = {"actor": "registrar-1", "reason": "test"}
    return seller_event_pb2.SellerEvent(**(values | change))


def day(offset: int) -> str:
    return (datetime.now(LAW_ZONE).date() + timedelta(days=offset)).isoformat()


def test_register(shared: Any, registration: Any) -> None:
    answer = shared.client.register(registration("reg-1"))
    seller = answer.seller
    assert seller == shared.client.seller("reg-1")
    assert (seller.name, seller.credit_code, list(seller.categories)) == (
        "示例市食品有限公司",
        "91350100M000100Y43",
        ["food"],
    )
    assert seller.licences[0].valid_until == "2099-12-31"
    assert seller.standing.registration == standing_pb2.REGISTRATION_ACTIVE
    assert seller.standing.enforcement == standing_pb2.ENFORCEMENT_NONE
    assert seller.standing.listing == standing_pb2.LISTING_NONE
    assert list(seller.standing.licences) == ["food"]
    assert seller.next_verification == seller.requirements.deadline == day(183)
    assert seller.requirements == seller_pb2.Requirements(deadline=day(183))
    assert abs(seller.registered_at.ToDatetime(UTC) - datetime.now(UTC)) < timedelta(minutes=1)
    found = shared.client.lookup("reg-1", token=answer.consistency_token)
    assert (found.outcome, found.standing) == (OK, seller.standing)
    assert 0 < found.ttl.seconds <= 60 or datetime.now(LAW_ZONE).hour == 23


def test_everything_wrong_is_told_at_once(shared: Any) -> None:
    licences = [
        seller_pb2.Licence(scope="foods", valid_from="2024-13-01"),
        seller_pb2.Licence(scope="food", number="1", valid_from="2024-02-02", valid_until="2024-02-01"),
        seller_pb2.Licence(scope="food", number="1", valid_from="20240101", valid_until="never"),
    ]
    request = registry_pb2.RegisterSellerRequest(
        request_id="a b",
        seller_id="卖家",
        kind=seller_pb2.SELLER_KIND_EXEMPT,
        name="a\x00b",
        identity_number="110105194912310021",
        credit_code="91350100M000100Y4Z",
        categories=["Food", "tea", "tea"],
        licences=licences,
    )
    found = failure(shared.client.register, request)
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "REASON_INVALID_FIELD")
    assert dict(found.violations) == {
        "request_id": "must be visible ASCII characters without spaces",
        "seller_id": "must be visible ASCII characters without spaces",
        "name": "has control characters",
        "identity_number": "the last character does not fit the others (GB 11643, MOD 11-2); was one misread?",
        "credit_code": "character 18 is 'Z'; allowed are 0-9 and A-Z without I, O, S, V and Z",
        "categories[0]": "'Food' is no category; write lower-case words joined by hyphens",
        "categories[2]": "'tea' is there twice",
        "exempt_reason": "is required",
        "licences[0].scope": f"'foods' is none of {', '.join(LICENCES)}",
        "licences[0].number": "is required",
        "licences[0].valid_from": "'2024-13-01' is no day; write YYYY-MM-DD, as in 2026-01-31",
        "licences[1].valid_until": "2024-02-01 is before valid_from (2024-02-02)",
        "licences[2].valid_from": "'20240101' is no day; write YYYY-MM-DD, as in 2026-01-31",
        "licences[2].valid_until": "'never' is no day; write YYYY-MM-DD, as in 2026-01-31",
    }
    assert found.message.endswith("; and 6 more")
    assert "110105194912310021" not in str(found)


@pytest.mark.parametrize(
    ("fields", "violations"),
    [
        (
            {"kind": 0},
            {
                "kind": "is required; one of SELLER_KIND_NATURAL_PERSON, SELLER_KIND_INDIVIDUAL_BUSINESS, "
                "SELLER_KIND_ENTERPRISE, SELLER_KIND_EXEMPT"
            },
        ),
        ({"name": "  "}, {"name": "must not be blank"}),
        ({"name": "x" * 201}, {"name": "has 201 characters; at most 200 are taken"}),
        ({"credit_code": ""}, {"credit_code": "is required of an enterprise (18 characters, GB 32100-2015)"}),
        (
            {"credit_code": "91350100M000100Y44"},
            {"credit_code": "ends with '4'; after these 17 characters the check character is '3' (GB 32100-2015)"},
        ),
        ({"credit_code": "9135"}, {"credit_code": "has 4 characters; a unified social credit code has 18"}),
        ({"credit_code": "A1350100M000100Y43"}, {"credit_code": "character 1 is 'A'; the first eight are digits"}),
        (
            {"kind": 1, "credit_code": ""},
            {"identity_number": "is required of a natural person (18 characters, GB 11643)"},
        ),
        ({"identity_number": "12"}, {"identity_number": "has 2 characters; an identity number has 18"}),
        (
            {"identity_number": "1101051949123100AX"},
            {"identity_number": "must be 17 digits followed by a digit or X"},
        ),
        (
            {"identity_number": "110105194913310021"},
            {"identity_number": "characters 7 to 14 must be a date of birth (YYYYMMDD)"},
        ),
        (
            {"identity_number": "000000194912310027"},
            {"identity_number": "the first six digits are no county code that was ever assigned"},
        ),
        ({"categories": []}, {"categories": 'is required: at least one goods category, as in "food"'}),
        ({"exempt_reason": "x"}, {"exempt_reason": "is for SELLER_KIND_EXEMPT; this is an enterprise"}),
        ({"seller_id": ""}, {"seller_id": "is required"}),
        ({"seller_id": "x" * 129}, {"seller_id": "has 129 characters; at most 128 are taken"}),
    ],
)
def test_one_fault(shared: Any, registration: Any, fields: dict[str, Any], violations: dict[str, str]) -> None:
    found = failure(shared.client.register, registration(**({"seller_id": "reg-wrong"} | fields)))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "REASON_INVALID_FIELD")
    assert dict(found.violations) == violations
    assert found.message == "; ".join(f"{field}: {text}" for field, text in violations.items())
    assert shared.client.lookup("reg-wrong").outcome == NOT_FOUND


def test_thousands_of_faults_fit_into_an_answer(shared: Any) -> None:
    found = failure(shared.client.lookup_many, ["错" * 40] * 500)
    assert found.message.endswith("; and 492 more")
    assert 10 < len(found.violations) < 100


@pytest.mark.parametrize("number", [NUMBER, "440524188001010014", "11010519491231002x"])
def test_identity_number_is_masked_and_nowhere_in_clear(shared: Any, registration: Any, number: str) -> None:
    seller_id = f"person-{number[:2]}{number[-1]}"
    request = registration(seller_id, kind=1, credit_code="", identity_number=number, request_id=f"r-{seller_id}")
    seller = shared.client.register(request).seller
    assert seller.identity_masked == f"{number[0]}{'*' * 16}{number[-1].upper()}"
    assert seller.standing.registration == standing_pb2.REGISTRATION_ACTIVE
    for path in shared.data_dir.rglob("*"):
        if path.is_file():
            assert number[:17].encode() not in path.read_bytes(), path
    assert number[:17] not in shared.printed()
    assert "示例市" not in shared.printed()
    assert seller_id not in shared.printed()
    assert (shared.data_dir / "identity.key").stat().st_mode & 0o777 == 0o600
    assert (shared.data_dir / "registry.sqlite").stat().st_mode & 0o777 == 0o600


def test_taken_id(shared: Any, registration: Any) -> None:
    shared.client.register(registration("taken"))
    found = failure(shared.client.register, registration("taken", name="另一家"))
    assert (found.code, found.reason) == ("ALREADY_EXISTS", "REASON_SELLER_EXISTS")
    assert found.message.startswith("seller_id: 'taken' is registered already")
    assert shared.client.seller("taken").name == "示例市食品有限公司"


def test_request_id(shared: Any, registration: Any) -> None:
    request = registration("idem", request_id="idem-1")
    first = shared.client.register(request)
    assert shared.client.register(request) == first
    found = failure(shared.client.register, registration("idem-other", request_id="idem-1"))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "REASON_REQUEST_ID_REUSED")
    assert found.message == "request_id: was used before for another request; take a new one for each new request"
    strike = event(strike=seller_event_pb2.Strike(category="MEDICAL"))
    one = shared.client.record_event("idem", strike, request_id="idem-2")
    assert shared.client.record_event("idem", strike, request_id="idem-2") == one
    assert shared.client.lookup("idem").standing.strikes[0].count == 1


def test_events(shared: Any, registration: Any) -> None:
    client = shared.client
    client.register(registration("ev"))
    assert client.lookup("ev").standing.tenure_days == 0

    active = seller_event_pb2.RegistrationChange(state=standing_pb2.REGISTRATION_ACTIVE)
    answer = client.record_event("ev", event(registration=active, effective=day(-900)))
    assert answer.standing.tenure_days == 900

    strike = seller_event_pb2.Strike(category="MEDICAL", weight=2)
    client.record_event("ev", event(strike=strike))
    client.record_event("ev", event(strike=seller_event_pb2.Strike(category="DIVERT"), effective=day(-731)))
    standing = client.record_event("ev", event(strike=strike, decision_id="01J", revision="abc")).standing
    assert [(strikes.category, strikes.count) for strikes in standing.strikes] == [("MEDICAL", 4)]

    listed = seller_event_pb2.ListingChange(state=standing_pb2.LISTING_BLACKLISTED, review=day(365))
    answer = client.record_event("ev", event(listing=listed))
    assert client.lookup("ev", token=answer.consistency_token).standing.listing == standing_pb2.LISTING_BLACKLISTED
    assert client.seller("ev").requirements.disabled_reason == "listing.blacklisted"
    cleared = seller_event_pb2.ListingChange(state=standing_pb2.LISTING_REHABILITATED)
    assert client.record_event("ev", event(listing=cleared)).standing.listing == standing_pb2.LISTING_REHABILITATED

    suspended = seller_event_pb2.EnforcementChange(state=standing_pb2.ENFORCEMENT_SUSPENDED)
    client.record_event("ev", event(enforcement=suspended, expires=day(30)))
    assert client.lookup("ev").standing.enforcement == standing_pb2.ENFORCEMENT_SUSPENDED
    assert client.seller("ev").requirements.disabled_reason == "enforcement.suspended"
    lifted = seller_event_pb2.EnforcementChange(state=standing_pb2.ENFORCEMENT_NONE)
    client.record_event("ev", event(enforcement=lifted))

    lapsed = seller_event_pb2.RegistrationChange(state=standing_pb2.REGISTRATION_LAPSED)
    client.record_event("ev", event(registration=lapsed))
    assert client.lookup("ev").standing.registration == standing_pb2.REGISTRATION_LAPSED
    assert client.seller("ev").requirements.disabled_reason == "registration.lapsed"
    client.record_event("ev", event(registration=active))
    assert client.lookup("ev").standing.tenure_days == 900

    overdue = seller_event_pb2.Verification(next_verification=day(-1))
    standing = client.record_event("ev", event(verification=overdue)).standing
    assert standing.registration == standing_pb2.REGISTRATION_LAPSED
    assert list(client.seller("ev").requirements.past_due) == [f"verification: was due by {day(-1)}"]
    verified = seller_event_pb2.Verification(next_verification=day(100))
    standing = client.record_event("ev", event(verification=verified)).standing
    assert standing.registration == standing_pb2.REGISTRATION_ACTIVE

    closed = seller_event_pb2.RegistrationChange(state=standing_pb2.REGISTRATION_CLOSED)
    standing = client.record_event("ev", event(registration=closed)).standing
    assert (standing.registration, standing.tenure_days) == (standing_pb2.REGISTRATION_CLOSED, 0)


def test_event_faults(shared: Any, registration: Any) -> None:
    shared.client.register(registration("evf"))
    found = failure(shared.client.record_event, "evf", seller_event_pb2.SellerEvent(effective="soon"))
    assert dict(found.violations) == {
        "event.actor": "is required",
        "event.reason": "is required",
        "event.effective": "'soon' is no day; write YYYY-MM-DD, as in 2026-01-31",
        "event": "is required: one of registration, verification, enforcement, listing, strike, licence, licence_ended",
    }
    no_state: Any = 9
    cases = [
        (event(strike=seller_event_pb2.Strike(category="COMMERCE", weight=11)), ["strike.category", "strike.weight"]),
        (event(registration=seller_event_pb2.RegistrationChange()), ["registration.state"]),
        (event(enforcement=seller_event_pb2.EnforcementChange(state=no_state)), ["enforcement.state"]),
        (event(listing=seller_event_pb2.ListingChange()), ["listing.state"]),
        (event(verification=seller_event_pb2.Verification()), ["verification.next_verification"]),
        (
            event(listing=seller_event_pb2.ListingChange(state=BLACKLISTED), effective=day(0), expires=day(-1)),
            ["expires"],
        ),
    ]
    for wrong, fields in cases:
        found = failure(shared.client.record_event, "evf", wrong)
        assert [field for field, _ in found.violations] == [f"event.{field}" for field in fields]
    found = failure(
        shared.client.record_event,
        "evf-nobody",
        event(listing=seller_event_pb2.ListingChange(state=BLACKLISTED, permanent=True)),
    )
    assert (found.code, found.reason) == ("NOT_FOUND", "REASON_SELLER_NOT_FOUND")


def test_missing_and_expired_licences(shared: Any, registration: Any) -> None:
    missing = shared.client.register(registration("no-licence", licences=[])).seller
    assert missing.standing.registration == standing_pb2.REGISTRATION_PENDING
    wanted = "licence: food or prepackaged-food or food-production (for goods category food)"
    assert list(missing.requirements.currently_due) == [wanted]
    assert missing.requirements.disabled_reason == "requirements.currently_due"
    old = seller_pb2.Licence(scope="food", number="1", valid_from="2019-01-01", valid_until="2020-01-01")
    expired = shared.client.register(registration("old-licence", licences=[old])).seller
    assert expired.standing.registration == standing_pb2.REGISTRATION_LAPSED
    assert list(expired.standing.licences) == []
    assert list(expired.requirements.past_due) == [wanted]
    assert expired.requirements.disabled_reason == "requirements.past_due"
    other = shared.client.register(registration("tea-set", categories=["tea-sets"], licences=[])).seller
    assert other.standing.registration == standing_pb2.REGISTRATION_ACTIVE


def test_lookups(shared: Any, registration: Any) -> None:
    client = shared.client
    token = client.register(registration("look")).consistency_token
    answers = client.lookup_many(["look", "look-nobody", "look"], fully=True)
    assert [answer.outcome for answer in answers] == [OK, NOT_FOUND, OK]
    assert [answer.seller_id for answer in answers] == ["look", "look-nobody", "look"]
    assert not answers[1].HasField("standing")
    assert answers[1].ttl.seconds <= 10
    assert client.lookup("look", token=token).outcome == OK
    # A token of the future cannot be satisfied: that is no answer, and not NOT_FOUND.
    store = token.partition(".")[0]
    unknown = client.lookup("look", token=f"{store}.{10**9}")
    assert (unknown.outcome, unknown.ttl.seconds, unknown.HasField("standing")) == (UNAVAILABLE, 0, False)
    for wrong in ("x", "ffffffff.1", f"{store}.", f"{store}.-1", f"{store}.9999999999999999999", f"{store}.١"):
        found = failure(client.lookup, "look", token=wrong)
        assert (found.code, found.reason) == ("INVALID_ARGUMENT", "REASON_INVALID_TOKEN")
    found = failure(client.lookup, "")
    assert found.message == "seller_id: is required"
    found = failure(client.lookup_many, ["a"] * 501)
    assert (found.reason, found.message) == (
        "REASON_TOO_MANY_ITEMS",
        "seller_ids: 501 ids in one request; at most 500 are taken",
    )
    found = failure(client.seller, "look-nobody")
    assert (found.code, found.reason) == ("NOT_FOUND", "REASON_SELLER_NOT_FOUND")
    assert found.message == "seller_id: no seller 'look-nobody' is registered here"


def test_another_process_is_seen(shared: Any, registration: Any) -> None:
    """A write that this process did not do: seen by a fully consistent lookup at once, by every other within 100 ms."""
    shared.client.register(registration("foreign"))
    suspended = seller_event_pb2.EnforcementChange(state=standing_pb2.ENFORCEMENT_SUSPENDED)
    listed = seller_event_pb2.ListingChange(state=standing_pb2.LISTING_BLACKLISTED, permanent=True)
    keys = Keys.open(shared.data_dir / "identity.key")
    with Store.open(f"sqlite:///{shared.data_dir / 'registry.sqlite'}") as store:
        other = Registry(store, keys)
        request = registry_pb2.RecordEventRequest(seller_id="foreign", event=event(listing=listed))
        other.decisions.record_event(request)
        assert shared.client.lookup("foreign", fully=True).standing.listing == standing_pb2.LISTING_BLACKLISTED
        request.event.CopyFrom(event(enforcement=suspended))
        other.decisions.record_event(request)
        deadline = time.monotonic() + 0.1
        while shared.client.lookup("foreign").standing.enforcement != standing_pb2.ENFORCEMENT_SUSPENDED:
            assert time.monotonic() < deadline


def test_events_are_append_only(shared: Any, registration: Any) -> None:
    shared.client.register(registration("append"))
    connection = sqlite3.connect(shared.data_dir / "registry.sqlite")
    for statement in ("DELETE FROM events", "UPDATE events SET kind = 'x'"):
        with pytest.raises(sqlite3.IntegrityError, match="events are append-only"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("text", ["'; DROP TABLE sellers; --", "名'\"\\%_;", "🌸" * 100])
def test_hostile_names_are_only_names(shared: Any, registration: Any, text: str) -> None:
    seller_id = f"hostile-{len(text)}"
    shared.client.register(registration(seller_id, name=text))
    assert shared.client.seller(seller_id).name == text
    found = failure(shared.client.seller, "x'--")
    assert found.reason == "REASON_SELLER_NOT_FOUND"
