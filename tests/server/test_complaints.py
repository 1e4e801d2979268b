"""ComplaintService: clocks on their boundary days, steps and states, the job for overdue ones, validation."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpost.client import CallFailed
from fairpost.server.errors import ServiceError
from fairpost.server.registry import Keys, Registry, log
from fairpost.server.registry.clocks import answer_due, clocks, handling_due, is_working_day, late, next_due
from fairpost.server.registry.complaints import mark_part
from fairpost.server.registry.ladder import ComplaintTerms, Ladder, LadderError, default_ladder, read_ladder
from fairpost.server.registry.verify import verify
from fairpost.server.store import Store
from fairpost.v1 import complaint_pb2, registry_pb2, seller_event_pb2, standing_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairpost.server.registry.core import Core

RETURN, QUALITY = complaint_pb2.COMPLAINT_KIND_RETURN, complaint_pb2.COMPLAINT_KIND_QUALITY
FILED, ASSIGNED = complaint_pb2.COMPLAINT_STATE_FILED, complaint_pb2.COMPLAINT_STATE_ASSIGNED
ANSWERED, RESOLVED = complaint_pb2.COMPLAINT_STATE_ANSWERED, complaint_pb2.COMPLAINT_STATE_RESOLVED
WITHDRAWN = complaint_pb2.COMPLAINT_STATE_WITHDRAWN
UPHELD, REJECTED = complaint_pb2.COMPLAINT_OUTCOME_UPHELD, complaint_pb2.COMPLAINT_OUTCOME_REJECTED
MONDAY = date(2026, 3, 2)  # no holiday before April


def overdue_complaints(core: Core) -> int:
    """What the job does, part by part, without its lease; gives how many complaints were marked."""
    marked, more = 0, True
    while more:
        counts, more = mark_part(core)
        marked += counts.total()
    return marked


@dataclass
class Given:
    """A complaint as far as clocks read it."""

    kind: int = QUALITY
    filed_on: date = MONDAY
    received_on: date | None = None
    answer_due: date = MONDAY + timedelta(days=7)
    handling_due: date = MONDAY + timedelta(days=9)
    answered_on: date | None = None
    ended_on: date | None = None


def clock(complaint: Given, name: str, day: date) -> Any:
    return next(each for each in clocks(complaint, day) if each.name == name)


# ---- clocks ---------------------------------------------------------------------------------------------


def test_return_period_ends_on_the_seventh_day_after_receipt() -> None:
    for days, overdue in ((0, False), (7, False), (8, True)):
        complaint = Given(RETURN, received_on=MONDAY - timedelta(days=days))
        found = clock(complaint, "return-period", MONDAY)
        assert (found.due, found.stopped, found.overdue) == (MONDAY + timedelta(days=7 - days), MONDAY, overdue)
        assert found.basis == "消费者权益保护法 第二十五条"
    assert [each.name for each in clocks(Given(), MONDAY)] == ["seller-answer", "handling"]


def test_unanswered_return_is_refused_after_fifteen_days() -> None:
    due = answer_due(RETURN, MONDAY, ComplaintTerms())
    assert due == MONDAY + timedelta(days=15)
    complaint = Given(RETURN, received_on=MONDAY, answer_due=due)
    assert clock(complaint, "seller-answer", due).basis == "侵害消费者权益行为处罚办法 第九条"
    assert not clock(complaint, "seller-answer", due).overdue
    assert clock(complaint, "seller-answer", due + timedelta(days=1)).overdue
    for answered, overdue in ((due, False), (due + timedelta(days=1), True)):
        complaint.answered_on = answered
        found = clock(complaint, "seller-answer", date(2027, 1, 1))
        assert (found.stopped, found.overdue) == (answered, overdue)


def test_other_answers_are_due_by_policy() -> None:
    terms = ComplaintTerms(
        answer_days={"QUALITY": 7, "FALSE_CLAIM": 5, "DELIVERY": 4, "COUNTERFEIT": 3, "SAFETY": 2, "OTHER": 9}
    )
    days = [(answer_due(kind, MONDAY, terms) - MONDAY).days for kind in range(2, 8)]
    assert days == [7, 5, 4, 3, 2, 9]
    assert clock(Given(), "seller-answer", MONDAY).basis == "policy"


@pytest.mark.parametrize(
    ("filed", "due"),
    [
        (date(2026, 3, 2), date(2026, 3, 11)),  # Monday: seven working days over one weekend
        (date(2026, 3, 6), date(2026, 3, 17)),  # Friday: over two
        (date(2026, 3, 7), date(2026, 3, 17)),  # Saturday
        (date(2026, 9, 29), date(2026, 10, 14)),  # over the National Day holidays, and a working Saturday
        (date(2026, 2, 12), date(2026, 2, 28)),  # the Spring Festival, with working Saturdays before and after
        (date(2026, 12, 28), date(2027, 1, 7)),  # over New Year
    ],
)
def test_handling_takes_seven_working_days(filed: date, due: date) -> None:
    assert handling_due(filed, default_ladder().complaints) == due
    complaint = Given(filed_on=filed, handling_due=due)
    assert not clock(complaint, "handling", due).overdue
    assert clock(complaint, "handling", due + timedelta(days=1)).overdue
    complaint.ended_on = due
    assert not clock(complaint, "handling", date(2027, 1, 1)).overdue


@settings(deadline=None)
@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_handling_is_counted_day_by_day(filed: date) -> None:
    terms = default_ladder().complaints
    due = handling_due(filed, terms)
    between = [filed + timedelta(days=n + 1) for n in range((due - filed).days)]
    assert sum(is_working_day(day, terms) for day in between) == 7
    assert is_working_day(due, terms)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.one_of(st.none(), st.integers(0, 40)))
def test_each_clock_is_late_once(answer: int, handling: int, look: int, answered: int | None) -> None:
    """Looking every day, or now and then, finds each clock that ran out exactly once."""
    complaint = Given(answer_due=MONDAY + timedelta(days=answer), handling_due=MONDAY + timedelta(days=handling))
    stop = None if answered is None else MONDAY + timedelta(days=answered)
    found = []
    due = next_due(complaint, MONDAY)
    for number in range(look + 1, 60, look + 1):
        day = MONDAY + timedelta(days=number)
        complaint.answered_on = stop if stop is not None and stop < day else None
        if due is not None and due <= day:
            found += [each.name for each in late(complaint, due, day)]
            due = next_due(complaint, day)
    assert len(found) == len(set(found))
    assert ("handling" in found) == (handling < day_count(look))
    if stop is None:
        assert ("seller-answer" in found) == (answer < day_count(look))


def day_count(look: int) -> int:
    """Number of the last day that is looked at."""
    return max(range(look + 1, 60, look + 1))


def test_terms_of_a_ladder(tmp_path: Path) -> None:
    path = tmp_path / "ladder.yaml"
    content = default_ladder().content
    path.write_text(json.dumps(content | {"complaints": {"answer_days": {"QUALITY": 7, "RETURN": 3}}}))
    with pytest.raises(LadderError) as caught:
        read_ladder(path)
    wanted = "must have each of QUALITY, FALSE_CLAIM, DELIVERY, COUNTERFEIT, SAFETY, OTHER, and nothing else"
    assert str(caught.value) == f"{path}: complaints.answer_days: {wanted}"
    del content["complaints"]  # a ladder from before there were terms
    assert Ladder.model_validate(content).complaints.answer_days["OTHER"] == 7


# ---- a registry with a clock that the test sets ---------------------------------------------------------


class Desk:
    def __init__(self, url: str, registration: Any) -> None:
        self.day, self.url = MONDAY, url
        self.registry = Registry(Store.open(url), Keys.make(), clock=lambda: self.day)
        self.service = self.registry.complaints
        self.registry.sellers.register(registration("s"))

    def file(self, **fields: Any) -> complaint_pb2.Complaint:
        return self.service.file(complaint_pb2.FileComplaintRequest(**(FILING | fields))).complaint

    def assign(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        values = {"handler": "h-1", "actor": "lead"} | fields
        request = complaint_pb2.AssignComplaintRequest(complaint_id=complaint_id, **values)
        return self.service.assign(request).complaint

    def answer(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        values = {"answer": "We send another.", "actor": "desk"} | fields
        request = complaint_pb2.AnswerComplaintRequest(complaint_id=complaint_id, **values)
        return self.service.answer(request).complaint

    def resolve(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        values: dict[str, Any] = {"outcome": UPHELD, "resolution": "The goods were faulty.", "actor": "h-1"} | fields
        request = complaint_pb2.ResolveComplaintRequest(complaint_id=complaint_id, **values)
        return self.service.resolve(request).complaint

    def withdraw(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        request = complaint_pb2.WithdrawComplaintRequest(complaint_id=complaint_id, actor="desk", **fields)
        return self.service.withdraw(request).complaint

    def get(self, complaint_id: str) -> complaint_pb2.Complaint:
        return self.service.get(complaint_pb2.GetComplaintRequest(complaint_id=complaint_id)).complaint

    def events(self, *kinds: str) -> list[Any]:
        with self.registry.core.store.read() as connection:
            return [event for event in log.existing(connection, "s").events if event.kind in kinds]

    def states(self) -> list[str]:
        return [event.body["state"] for event in self.events("complaint")]

    def standing(self) -> standing_pb2.Standing:
        return self.registry.sellers.get(registry_pb2.GetSellerRequest(seller_id="s")).seller.standing


FILING: dict[str, Any] = {
    "seller_id": "s",
    "kind": QUALITY,
    "consumer_id": "buyer-1",
    "statement": "The tea is mouldy.\nI want my money back.",
    "consumer_contact": "13800001234",
}


@pytest.fixture
def desk(store_url: str, registration: Any) -> Iterator[Desk]:
    """On each kind of store; at the end everything derived is what the log says."""
    desk = Desk(store_url, registration)
    yield desk
    assert verify(desk.registry.core).differences == []
    desk.registry.close()


def failure(call: Any, *arguments: Any, **fields: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(*arguments, **fields)
    return caught.value


def refusal(call: Any, *arguments: Any, **fields: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        call(*arguments, **fields)
    return caught.value


def test_from_filing_to_resolution(desk: Desk) -> None:
    filed = desk.file(
        kind=RETURN, received_on="2026-02-27", post_id="p", order_id="o", evidence=["https://e.example/1"]
    )
    assert (filed.state, filed.outcome, filed.seller_id, filed.consumer_id) == (FILED, 0, "s", "buyer-1")
    assert (filed.post_id, filed.order_id, list(filed.evidence)) == ("p", "o", ["https://e.example/1"])
    assert filed.statement == FILING["statement"]
    assert [(each.name, each.due, each.stopped, each.overdue) for each in filed.clocks] == [
        ("return-period", "2026-03-06", "2026-03-02", False),
        ("seller-answer", "2026-03-17", "", False),
        ("handling", "2026-03-11", "", False),
    ]
    assert desk.standing().open_complaints == 1
    assigned = desk.assign(filed.complaint_id)
    assert (assigned.state, assigned.handler) == (ASSIGNED, "h-1")
    desk.day = date(2026, 3, 5)
    answered = desk.answer(filed.complaint_id)
    assert (answered.state, answered.answer, answered.clocks[1].stopped) == (ANSWERED, "We send another.", "2026-03-05")
    again = desk.assign(filed.complaint_id, handler="h-2")
    assert (again.state, again.handler) == (ANSWERED, "h-2")
    resolved = desk.resolve(filed.complaint_id, strike_category="RIGHTS", strike_weight=3)
    assert (resolved.state, resolved.outcome, resolved.resolution) == (RESOLVED, UPHELD, "The goods were faulty.")
    assert [each.stopped for each in resolved.clocks] == ["2026-03-02", "2026-03-05", "2026-03-05"]
    assert filed.version < assigned.version < answered.version < again.version < resolved.version
    assert desk.standing().open_complaints == 0
    assert [(each.category, each.count) for each in desk.standing().strikes] == [("RIGHTS", 3)]
    (strike,) = desk.events("strike")
    assert (strike.body["cause"], strike.actor) == (filed.complaint_id, "h-1")
    assert strike.appeal_until == desk.day + timedelta(days=15)
    assert desk.states() == ["filed", "assigned", "answered", "assigned", "resolved"]
    assert desk.events("complaint")[-1].body["outcome"] == "upheld"
    assert desk.get(filed.complaint_id).version == resolved.version


def test_contact_is_masked_but_in_get(desk: Desk) -> None:
    filed = desk.file()
    assert filed.consumer_contact == "1***4"
    assert desk.get(filed.complaint_id).consumer_contact == "13800001234"
    (listed,) = desk.service.search(complaint_pb2.ListComplaintsRequest()).complaints
    assert listed.consumer_contact == "1***4"
    assert desk.file(consumer_contact="1234").consumer_contact == "***"
    assert desk.file(consumer_contact="").consumer_contact == ""


def test_nothing_personal_in_the_file_or_the_log(tmp_path: Path, registration: Any) -> None:
    desk = Desk(f"sqlite:///{tmp_path / 'registry.sqlite'}", registration)
    desk.file(statement="Mouldy, says 张某.")
    content = b"".join(path.read_bytes() for path in tmp_path.glob("registry.sqlite*"))
    for secret in ("13800001234", "Mouldy, says", "张某"):
        assert secret.encode() not in content
    (event,) = desk.events("complaint")
    assert event.body.keys() == {"complaint_id", "state", "kind", "received_on", "answer_due", "handling_due"}
    assert (event.actor, event.reason) == ("consumer", "complaint filed")


@pytest.mark.parametrize(
    ("before", "step", "state"),
    [
        ((), "resolve", "filed"),
        (("answer",), "answer", "answered"),
        (("withdraw",), "assign", "withdrawn"),
        (("withdraw",), "answer", "withdrawn"),
        (("withdraw",), "withdraw", "withdrawn"),
        (("assign", "resolve"), "resolve", "resolved"),
        (("assign", "resolve"), "withdraw", "resolved"),
        (("answer", "resolve"), "assign", "resolved"),
    ],
)
def test_steps_that_the_state_does_not_allow(desk: Desk, before: tuple[str, ...], step: str, state: str) -> None:
    complaint_id = desk.file().complaint_id
    for each in before:
        getattr(desk, each)(complaint_id)
    standing, states = desk.standing(), desk.states()
    found = refusal(getattr(desk, step), complaint_id)
    assert (found.reason_name, found.metadata) == ("REASON_WRONG_STATE", {"state": state})
    done, allowed = {
        "assign": ("assigned", "filed or assigned or answered"),
        "answer": ("answered", "filed or assigned"),
        "resolve": ("resolved", "assigned or answered"),
        "withdraw": ("withdrawn", "filed or assigned or answered"),
    }[step]
    assert found.message == f"complaint_id: the complaint is {state}; it can be {done} while it is {allowed}"
    assert (desk.standing(), desk.states()) == (standing, states)


def test_expected_version(desk: Desk) -> None:
    filed = desk.file()
    desk.assign(filed.complaint_id, expected_version=filed.version)
    found = refusal(desk.answer, filed.complaint_id, expected_version=filed.version)
    assert found.reason_name == "REASON_CONFLICT"
    assert found.metadata == {"version": str(desk.get(filed.complaint_id).version)}
    assert found.message.startswith("expected_version: the complaint is at version")


def test_the_job_marks_each_term_once(desk: Desk) -> None:
    complaint = desk.file()  # handling until 11 March, answer until 9 March
    answered = desk.file()
    desk.answer(answered.complaint_id)
    desk.day = date(2026, 3, 9)
    assert overdue_complaints(desk.registry.core) == 0
    assert not desk.get(complaint.complaint_id).overdue
    desk.day = date(2026, 3, 10)
    assert desk.get(complaint.complaint_id).overdue  # computed, before the job comes by
    assert [each.complaint_id for each in overdue_list(desk)] == [complaint.complaint_id]
    assert overdue_complaints(desk.registry.core) == 1
    assert overdue_complaints(desk.registry.core) == 0
    assert [event.body.get("clock") for event in desk.events("complaint")] == [None, None, None, "seller-answer"]
    (strike,) = desk.events("strike")
    assert (strike.body["category"], strike.body["weight"], strike.actor) == ("RIGHTS", 1, "registry")
    assert strike.body["cause"] == complaint.complaint_id
    assert strike.reason == f"complaint {complaint.complaint_id}: seller-answer was due by 2026-03-09"
    # The handler's term is no strike; both complaints are late by it.
    desk.day = date(2026, 3, 12)
    assert overdue_complaints(desk.registry.core) == 2
    assert overdue_complaints(desk.registry.core) == 0
    assert [event.body.get("clock") for event in desk.events("complaint")][4:] == ["handling", "handling"]
    assert len(desk.events("strike")) == 1
    assert desk.standing().open_complaints == 2
    assert len(overdue_list(desk)) == 2
    desk.withdraw(complaint.complaint_id)
    desk.day = date(2026, 6, 1)
    assert overdue_complaints(desk.registry.core) == 0
    assert desk.get(complaint.complaint_id).overdue


def overdue_list(desk: Desk) -> Any:
    return desk.service.search(complaint_pb2.ListComplaintsRequest(overdue=True)).complaints


def test_a_late_step_is_late_without_the_job(desk: Desk) -> None:
    """The strike does not depend on whether the job came by before the answer."""
    complaint = desk.file()
    desk.day = date(2026, 4, 1)
    desk.answer(complaint.complaint_id)
    assert desk.states() == ["filed", "overdue", "overdue", "answered"]
    assert len(desk.events("strike")) == 1
    assert overdue_complaints(desk.registry.core) == 0


def test_two_jobs_beside_each_other(desk: Desk) -> None:

    for _ in range(130):
        desk.file()
    desk.day = date(2026, 3, 10)
    other = Registry(Store.open(desk.url), desk.registry.core.keys, clock=lambda: desk.day)
    with ThreadPoolExecutor(2) as pool:
        marked = list(pool.map(overdue_complaints, (desk.registry.core, other.core)))
    assert sum(marked) == 130
    assert len(desk.events("strike")) == 130
    other.close()


def test_one_of_many_who_step_at_once_succeeds(desk: Desk) -> None:
    complaint = desk.file()
    other = Registry(Store.open(desk.url), desk.registry.core.keys, clock=lambda: desk.day)
    services = [desk.service, other.complaints]

    def answer(number: int) -> str:
        request = complaint_pb2.AnswerComplaintRequest(
            complaint_id=complaint.complaint_id, answer=f"Answer {number}.", actor="desk"
        )
        try:
            return services[number % 2].answer(request).complaint.answer
        except ServiceError as error:
            return error.reason_name

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(answer, range(8)))
    assert sorted(found)[1:] == ["REASON_WRONG_STATE"] * 7
    assert min(found) == desk.get(complaint.complaint_id).answer
    assert desk.states() == ["filed", "answered"]
    other.close()


def test_a_ladder_without_that_strike(tmp_path: Path, registration: Any) -> None:
    desk = Desk(f"sqlite:///{tmp_path / 'registry.sqlite'}", registration)
    content = default_ladder().content
    content["overdue_complaint"]["weight"] = 0
    desk.registry.core.ladder = Ladder.model_validate(content)
    desk.file()
    desk.day = date(2026, 3, 10)
    assert overdue_complaints(desk.registry.core) == 1
    assert desk.events("strike") == []
    desk.registry.close()


def test_a_new_ladder_changes_no_term_that_runs(desk: Desk) -> None:
    complaint = desk.file()
    content = default_ladder().content
    content["complaints"]["answer_days"]["QUALITY"] = 1
    desk.registry.core.ladder = Ladder.model_validate(content)
    assert desk.get(complaint.complaint_id).clocks == complaint.clocks
    assert desk.file().clocks[0].due == "2026-03-03"


def test_lists(desk: Desk, registration: Any) -> None:
    desk.registry.sellers.register(registration("t"))
    ids = [desk.file(seller_id="t" if n % 3 == 2 else "s").complaint_id for n in range(7)]
    desk.assign(ids[0], handler="h-9")
    desk.withdraw(ids[1])

    def listed(**conditions: Any) -> list[str]:
        found, token = [], ""
        while True:
            page = desk.service.search(complaint_pb2.ListComplaintsRequest(page_size=2, page_token=token, **conditions))
            assert len(page.complaints) <= 2
            found += [complaint.complaint_id for complaint in page.complaints]
            if not (token := page.next_page_token):
                return found

    assert listed() == ids
    assert listed(seller_id="t") == [ids[2], ids[5]]
    assert listed(handler="h-9") == [ids[0]]
    assert listed(states=[FILED, WITHDRAWN]) == ids[1:]
    assert listed(states=[WITHDRAWN], seller_id="t") == []
    token = desk.service.search(complaint_pb2.ListComplaintsRequest(page_size=2)).next_page_token
    for wrong in (token[:-4] + "AAAA", "x", "é", token * 2):
        found = refusal(desk.service.search, complaint_pb2.ListComplaintsRequest(page_token=wrong))
        assert found.reason_name == "REASON_INVALID_PAGE_TOKEN"
    found = refusal(desk.service.search, complaint_pb2.ListComplaintsRequest(page_token=token, seller_id="s"))
    assert found.reason_name == "REASON_INVALID_PAGE_TOKEN"
    fields: dict[str, Any] = {"states": [9], "seller_id": "卖", "page_size": 1001}
    found = refusal(desk.service.search, complaint_pb2.ListComplaintsRequest(**fields))
    assert [fault.field for fault in found.violations] == ["page_size", "seller_id", "states[0]"]


# ---- over gRPC ------------------------------------------------------------------------------------------


def test_over_grpc(shared: Any, registration: Any) -> None:
    client = shared.client
    client.register(registration("c-1"))
    fields = FILING | {"seller_id": "c-1", "request_id": "c-file-1"}
    answer = client.file_complaint(**fields)
    assert client.file_complaint(**fields) == answer
    complaint = answer.complaint
    assert client.lookup("c-1", token=answer.consistency_token).standing.open_complaints == 1
    client.assign_complaint(complaint.complaint_id, handler="h", actor="lead")
    client.answer_complaint(complaint.complaint_id, answer="Sorry.", actor="desk")
    done = client.resolve_complaint(complaint.complaint_id, outcome=REJECTED, resolution="No fault.", actor="h")
    assert done.state == RESOLVED
    second = client.file_complaint(**(FILING | {"seller_id": "c-1"})).complaint
    assert client.withdraw_complaint(second.complaint_id, actor="desk").state == WITHDRAWN
    assert [each.complaint_id for each in client.list_complaints(seller_id="c-1", page_size=1)] == [
        complaint.complaint_id,
        second.complaint_id,
    ]
    assert client.complaint(second.complaint_id).consumer_contact == "13800001234"
    steps = [event.complaint.state for event in client.events("c-1") if event.WhichOneof("change") == "complaint"]
    assert steps == ["filed", "assigned", "answered", "resolved", "filed", "withdrawn"]
    assert client.lookup("c-1").standing.open_complaints == 0
    assert "13800001234" not in shared.printed()


def test_everything_wrong_with_a_filing(shared: Any) -> None:
    found = failure(
        shared.client.file_complaint,
        request_id="a b",
        seller_id="",
        kind=99,
        post_id="x" * 257,
        order_id="a\x00",
        consumer_id="买家",
        statement="x" * 500_000,
        consumer_contact="\x1b[31m",
        evidence=["", "y" * 501] + ["z"] * 19,
        received_on="2999-01-01",
    )
    kinds = ["RETURN", "QUALITY", "FALSE_CLAIM", "DELIVERY", "COUNTERFEIT", "SAFETY", "OTHER"]
    assert dict(found.violations) == {
        "request_id": "must be visible ASCII characters without spaces",
        "seller_id": "is required",
        "kind": f"99 is none of {', '.join(f'COMPLAINT_KIND_{kind}' for kind in kinds)}",
        "post_id": "has 257 characters; at most 256 are taken",
        "order_id": "has control characters",
        "consumer_id": "must be visible ASCII characters without spaces",
        "statement": "has 500000 characters; at most 4000 are taken",
        "consumer_contact": "has control characters",
        "evidence": "has 21 entries; at most 20 are taken",
        "evidence[0]": "is required",
        "evidence[1]": "has 501 characters; at most 500 are taken",
        "received_on": next(text for field, text in found.violations if field == "received_on"),
    }
    assert dict(found.violations)["received_on"].startswith("2999-01-01 is in the future; today is ")
    found = failure(shared.client.file_complaint, kind=RETURN)
    assert dict(found.violations) == {
        "seller_id": "is required",
        "consumer_id": "is required",
        "statement": "is required",
        "received_on": "is required, as YYYY-MM-DD",
    }


def test_faults_of_steps(shared: Any, registration: Any) -> None:
    client = shared.client
    for call, rest in (
        (client.assign_complaint, {"handler": "is required"}),
        (client.answer_complaint, {"answer": "is required"}),
        (client.withdraw_complaint, {}),
    ):
        found = failure(call, "x" * 33)
        assert (
            dict(found.violations)
            == {
                "complaint_id": "has 33 characters; at most 32 are taken",
                "actor": "is required",
            }
            | rest
        )
    found = failure(client.resolve_complaint, "", strike_weight=3, resolution="a\tb\x07")
    outcomes = "COMPLAINT_OUTCOME_UPHELD, COMPLAINT_OUTCOME_REJECTED, COMPLAINT_OUTCOME_SETTLED"
    assert dict(found.violations) == {
        "complaint_id": "is required",
        "actor": "is required",
        "outcome": f"must be one of {outcomes}",
        "resolution": "has control characters",
        "strike_weight": "is of a strike, and strike_category names none",
    }
    common = {"resolution": "r", "actor": "a"}
    found = failure(client.resolve_complaint, "x", outcome=REJECTED, strike_category="RIGHTS", **common)
    assert dict(found.violations) == {"strike_category": "is for COMPLAINT_OUTCOME_UPHELD"}
    found = failure(
        client.resolve_complaint, "x", outcome=UPHELD, strike_category="COMMERCE", strike_weight=11, **common
    )
    assert [field for field, _ in found.violations] == ["strike_category", "strike_weight"]
    assert found.violations[1][1] == "is 11; at most 10"
    for call, values in ((client.complaint, {}), (client.withdraw_complaint, {"actor": "a"})):
        found = failure(call, "'; DROP TABLE complaints;--".replace(" ", ""), **values)
        assert (found.code, found.reason) == ("NOT_FOUND", "REASON_COMPLAINT_NOT_FOUND")
    found = failure(client.file_complaint, **(FILING | {"seller_id": "nobody"}))
    assert (found.code, found.reason) == ("NOT_FOUND", "REASON_SELLER_NOT_FOUND")
    found = failure(client.complaint, "a b")
    assert found.message == "complaint_id: must be visible ASCII characters without spaces"


def test_a_complaint_counts_against_exposure(shared: Any, registration: Any) -> None:
    """Open complaints are in the standing that the next verdict uses."""
    client = shared.client
    client.register(registration("c-exp"))
    client.file_complaint(**(FILING | {"seller_id": "c-exp"}))
    assert client.check("早上好", seller_id="c-exp").seller_standing.standing.open_complaints == 1


def test_closed_seller_can_be_complained_about(desk: Desk) -> None:
    closed = seller_event_pb2.RegistrationChange(state=standing_pb2.REGISTRATION_CLOSED)
    event = seller_event_pb2.SellerEvent(actor="a", reason="r", registration=closed)
    desk.registry.decisions.record_event(registry_pb2.RecordEventRequest(seller_id="s", event=event))
    assert desk.file().state == FILED
