"""Any sequence of operations on the registry gives the standings of a simple model; so does replaying the log."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from reference.registry import Fact, Model, Seller
from reference.strategies import examples

from fairpost.engine.vocabulary import ENFORCEMENT, LISTING, REGISTRATION
from fairpost.server.errors import Aborted, AlreadyExists, NotFound, ServiceError
from fairpost.server.registry import Keys, Registry
from fairpost.server.registry.complaints import mark_part
from fairpost.server.registry.days import turn_days
from fairpost.server.registry.ladder import default_ladder
from fairpost.server.registry.log import existing
from fairpost.server.registry.verify import verify
from fairpost.server.store import Store
from fairpost.v1 import appeal_pb2, complaint_pb2, registry_pb2, seller_event_pb2, seller_pb2

FIRST = date(2026, 1, 15)
# Each account of a person of its own: what is recognised across accounts is tested with appeals.
CODES = {"tea": "91350100M000100Y43", "shoe": "91350100M000100X68", "crab": "91350100M000100R2P"}
IDS = list(CODES)
SCOPES = ["food", "prepackaged-food", "cosmetics"]
COMPLAINT_STEPS = {  # the states from which each step may be taken
    "assign": {"filed", "assigned", "answered"},
    "answer": {"filed", "assigned"},
    "resolve": {"assigned", "answered"},
    "withdraw": {"filed", "assigned", "answered"},
}
COMPLAINT_STATES = {"assign": "assigned", "answer": "answered", "resolve": "resolved", "withdraw": "withdrawn"}
VIOLATIONS = ["MEDICAL", "DIVERT", "RIGHTS"]

offsets = st.integers(-400, 400)
terms = st.tuples(offsets, st.none() | st.integers(0, 500))
seller_ids = st.sampled_from(IDS)


class RegistryMachine(RuleBasedStateMachine):
    """contested: events that an appeal was filed against; recorded: the day on which each event was recorded;
    waiting: by complaint, the last day for the answer that its seller has not given."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.url = f"sqlite:///{Path(self.folder.name) / 'r.sqlite'}"
        self.day = FIRST
        self.keys = Keys.make()
        self.registry = Registry(Store.open(self.url), self.keys, clock=lambda: self.day)
        self.registry.lookups.reload()
        self.model = Model()
        self.contested: set[int] = set()
        self.recorded: dict[int, date] = {}
        self.waiting: dict[str, date] = {}

    def teardown(self) -> None:
        if hasattr(self, "registry"):
            self._replay()
            self.registry.close()
            self.folder.cleanup()

    # ---- operations -------------------------------------------------------------------------------------

    @rule(
        seller_id=seller_ids,
        categories=st.sets(st.sampled_from(["tea", "food", "cosmetics"]), min_size=1),
        held=st.booleans(),
    )
    def register(self, seller_id: str, categories: set[str], held: bool) -> None:
        request = registry_pb2.RegisterSellerRequest(
            seller_id=seller_id,
            kind=seller_pb2.SELLER_KIND_ENTERPRISE,
            name="n",
            credit_code=CODES[seller_id],
            categories=sorted(categories),
        )
        licences: dict[tuple[str, str], tuple[date, date | None]] = {}
        if held:
            end = self.day + timedelta(days=100)
            licences["food", "1"] = (self.day, end)
            request.licences.add(scope="food", number="1", valid_from=str(self.day), valid_until=str(end))
        if seller_id in self.model.sellers:
            with pytest.raises(AlreadyExists):
                self.registry.sellers.register(request)
            return
        answer = self.registry.sellers.register(request)
        self.model.sellers[seller_id] = Seller(sorted(categories), licences)
        body = {"state": "active", "next": self.day + timedelta(days=183)}
        self._fact(seller_id, "registration", body, self.day, None, answer.seller.version)

    @rule(seller_id=seller_ids, categories=st.sets(st.sampled_from(["tea", "food", "cosmetics"]), min_size=1))
    def update(self, seller_id: str, categories: set[str]) -> None:
        request = registry_pb2.UpdateSellerRequest(
            seller_id=seller_id,
            fields=["categories"],
            actor="a",
            reason="r",
            record=registry_pb2.RegisterSellerRequest(categories=sorted(categories)),
        )
        if seller_id not in self.model.sellers:
            with pytest.raises(NotFound):
                self.registry.sellers.update(request)
            return
        self.registry.sellers.update(request)
        self.model.sellers[seller_id].categories = sorted(categories)

    @rule(seller_id=seller_ids, state=st.sampled_from(["active", "lapsed", "closed"]), term=terms)
    def change_registration(self, seller_id: str, state: str, term: Any) -> None:
        self._decide(
            seller_id, "registration", {"state": state}, term, registration={"state": REGISTRATION.index(state) + 1}
        )

    @rule(seller_id=seller_ids, state=st.sampled_from(ENFORCEMENT), term=terms)
    def enforce(self, seller_id: str, state: str, term: Any) -> None:
        self._decide(
            seller_id, "enforcement", {"state": state}, term, enforcement={"state": ENFORCEMENT.index(state) + 1}
        )

    @rule(seller_id=seller_ids, state=st.sampled_from(LISTING), term=terms)
    def enlist(self, seller_id: str, state: str, term: Any) -> None:
        change = {"state": LISTING.index(state) + 1, "permanent": state == "blacklisted" and term[1] is None}
        self._decide(seller_id, "listing", {"state": state}, term, listing=change)

    @rule(seller_id=seller_ids, category=st.sampled_from(VIOLATIONS), weight=st.integers(1, 10), term=terms)
    def strike(self, seller_id: str, category: str, weight: int, term: Any) -> None:
        body = {"category": category, "weight": weight}
        self._decide(seller_id, "strike", body, term, strike=body)

    @rule(seller_id=seller_ids, days=st.integers(-50, 300))
    def verify(self, seller_id: str, days: int) -> None:
        due = self.day + timedelta(days=days)
        self._decide(seller_id, "verification", {"next": due}, (0, None), verification={"next_verification": str(due)})

    @rule(seller_id=seller_ids, scope=st.sampled_from(SCOPES), number=st.sampled_from("12"), term=terms)
    def put_licence(self, seller_id: str, scope: str, number: str, term: Any) -> None:
        begin = self.day + timedelta(days=term[0])
        end = None if term[1] is None else begin + timedelta(days=term[1])
        licence = {"scope": scope, "number": number, "valid_from": str(begin), "valid_until": str(end or "")}
        self._decide(seller_id, "licence", {}, (0, None), licence=licence)
        if seller_id in self.model.sellers:
            self.model.sellers[seller_id].licences[scope, number] = (begin, end)

    @rule(seller_id=seller_ids, scope=st.sampled_from(SCOPES), number=st.sampled_from("12"))
    def end_licence(self, seller_id: str, scope: str, number: str) -> None:
        held = self.model.sellers[seller_id].licences if seller_id in self.model.sellers else {}
        event = self._event(licence_ended={"scope": scope, "number": number})
        request = registry_pb2.RecordEventRequest(seller_id=seller_id, event=event)
        if (scope, number) not in held:
            with pytest.raises(ServiceError):
                self.registry.decisions.record_event(request)
            return
        self.registry.decisions.record_event(request)
        del held[scope, number]

    @rule(seller_id=seller_ids, pick=st.integers(0, 30), overturned=st.booleans())
    def appeal(self, seller_id: str, pick: int, overturned: bool) -> None:
        """Against any decision within its term; what is overturned counts for nothing from then on."""
        if seller_id not in self.model.sellers:
            return
        able = [
            fact
            for fact in self.model.sellers[seller_id].facts
            if fact.kind in ("enforcement", "listing", "strike", "registration")
            and fact.number not in self.contested
            and self.day <= self.recorded[fact.number] + timedelta(days=default_ladder().appeal_days)
        ]
        if not able:
            return
        fact = able[pick % len(able)]
        filing = appeal_pb2.FileAppealRequest(seller_id=seller_id, against=fact.number, statement="s")
        if fact.kind == "registration" and fact is self.model.sellers[seller_id].facts[0]:
            with pytest.raises(ServiceError):  # the seller's own registration is nobody's decision
                self.registry.appeals.file(filing)
            return
        filed = self.registry.appeals.file(filing).appeal
        self.contested.add(fact.number)
        with pytest.raises(AlreadyExists):
            self.registry.appeals.file(filing)
        state = appeal_pb2.APPEAL_STATE_OVERTURNED if overturned else appeal_pb2.APPEAL_STATE_UPHELD
        decision = appeal_pb2.DecideAppealRequest(
            appeal_id=filed.appeal_id, state=state, decision="d", actor="someone else"
        )
        self.registry.appeals.decide(decision)
        fact.undone = overturned

    @rule(seller_id=seller_ids)
    def complain(self, seller_id: str) -> None:
        kind = complaint_pb2.COMPLAINT_KIND_QUALITY
        request = complaint_pb2.FileComplaintRequest(seller_id=seller_id, kind=kind, consumer_id="c", statement="s")
        if seller_id not in self.model.sellers:
            with pytest.raises(NotFound):
                self.registry.complaints.file(request)
            return
        complaint = self.registry.complaints.file(request).complaint
        self.model.sellers[seller_id].complaints[complaint.complaint_id] = "filed"
        self.waiting[complaint.complaint_id] = self.day + timedelta(days=7)

    @rule(seller_id=seller_ids, pick=st.integers(0, 30), step=st.sampled_from(sorted(COMPLAINT_STEPS)))
    def work_a_complaint(self, seller_id: str, pick: int, step: str) -> None:
        states = self.model.sellers[seller_id].complaints if seller_id in self.model.sellers else {}
        if not states:
            return
        complaint_id = sorted(states)[pick % len(states)]
        rejected = complaint_pb2.COMPLAINT_OUTCOME_REJECTED
        common: dict[str, Any] = {"complaint_id": complaint_id, "actor": "handler"}
        requests: dict[str, Any] = {
            "assign": complaint_pb2.AssignComplaintRequest(**common, handler="h"),
            "answer": complaint_pb2.AnswerComplaintRequest(**common, answer="a"),
            "resolve": complaint_pb2.ResolveComplaintRequest(**common, outcome=rejected, resolution="r"),
            "withdraw": complaint_pb2.WithdrawComplaintRequest(**common),
        }
        method = getattr(self.registry.complaints, step)
        if states[complaint_id] not in COMPLAINT_STEPS[step]:
            with pytest.raises(ServiceError):
                method(requests[step])
            return
        method(requests[step])
        self._strike_for_silence(seller_id, complaint_id)
        if step != "assign":
            self.waiting.pop(complaint_id, None)
        states[complaint_id] = COMPLAINT_STATES[step]

    @rule(seller_id=seller_ids, version=st.integers(1, 30))
    def write_with_an_old_version(self, seller_id: str, version: int) -> None:
        if seller_id in self.model.sellers:
            seller = self.registry.sellers.get(registry_pb2.GetSellerRequest(seller_id=seller_id)).seller
            if seller.version != version:
                event = self._event(strike={"category": "MEDICAL"})
                request = registry_pb2.RecordEventRequest(seller_id=seller_id, event=event, expected_version=version)
                with pytest.raises(Aborted):
                    self.registry.decisions.record_event(request)

    @rule(days=st.sampled_from([1, 1, 2, 7, 30, 100, 400]), job=st.booleans())
    def let_days_pass(self, days: int, job: bool) -> None:
        """job: whether the job that marks complaints comes by; what it does not find, the next step finds."""
        self.day += timedelta(days=days)
        turn_days(self.registry.core)
        assert turn_days(self.registry.core) == 0, "once is enough"
        if job:
            mark_part(self.registry.core)
            assert mark_part(self.registry.core) == ({}, False), "once is enough"
            for seller_id, seller in self.model.sellers.items():
                for complaint_id in seller.complaints:
                    self._strike_for_silence(seller_id, complaint_id)

    @rule()
    def start_anew(self) -> None:
        """Another process on the same store."""
        self.registry.close()
        self.registry = Registry(Store.open(self.url), self.keys, clock=lambda: self.day)
        self.registry.lookups.reload()

    # ---- what must hold ---------------------------------------------------------------------------------

    @invariant()
    def lookups_give_the_standing_of_the_model(self) -> None:
        if not hasattr(self, "registry"):
            return
        request = registry_pb2.BatchLookupSellersRequest(seller_ids=IDS)
        answers = self.registry.lookups.lookup_batch(request)
        for answer in answers.answers:
            if answer.seller_id not in self.model.sellers:
                assert answer.outcome == 2
                continue
            wanted = self.model.standing(answer.seller_id, self.day)
            found = answer.standing
            since = self.day - timedelta(days=found.tenure_days) if found.tenure_days else None
            assert {
                "registration": REGISTRATION[found.registration - 1],
                "enforcement": ENFORCEMENT[found.enforcement - 1],
                "listing": LISTING[found.listing - 1],
                "licences": set(found.licences),
                "strikes": {strikes.category: strikes.count for strikes in found.strikes},
                "complaints": found.open_complaints,
                "since": since,
            } == wanted | {"since": None if wanted["since"] == self.day else wanted["since"]}

    def _replay(self) -> None:
        """Everything derived, derived once more from the log alone."""
        assert verify(self.registry.core).differences == []

    # ---- what operations share --------------------------------------------------------------------------

    def _event(self, **change: Any) -> seller_event_pb2.SellerEvent:
        return seller_event_pb2.SellerEvent(actor="a", reason="r", **change)

    def _decide(self, seller_id: str, kind: str, body: dict[str, Any], term: Any, **change: Any) -> None:
        begin = self.day + timedelta(days=term[0])
        end = None if term[1] is None else begin + timedelta(days=term[1])
        event = self._event(effective=str(begin), expires=str(end or ""), **change)
        request = registry_pb2.RecordEventRequest(seller_id=seller_id, event=event)
        if seller_id not in self.model.sellers:
            with pytest.raises(NotFound):
                self.registry.decisions.record_event(request)
            return
        answer = self.registry.decisions.record_event(request)
        if kind == "strike" and end is None:
            end = default_ladder().strike_expiry(begin)
        self._fact(seller_id, kind, body, begin, end, answer.sequence)

    def _strike_for_silence(self, seller_id: str, complaint_id: str) -> None:
        if self.waiting.get(complaint_id, self.day) >= self.day:
            return
        del self.waiting[complaint_id]
        with self.registry.core.store.read() as connection:
            events = existing(connection, seller_id).events
        (event,) = [each for each in events if each.kind == "strike" and each.body.get("cause") == complaint_id]
        body = {"category": "RIGHTS", "weight": 1}
        self._fact(seller_id, "strike", body, self.day, default_ladder().strike_expiry(self.day), event.sequence)

    def _fact(
        self, seller_id: str, kind: str, body: dict[str, Any], begin: date, end: date | None, sequence: int
    ) -> None:
        self.model.sellers[seller_id].facts.append(Fact(sequence, kind, body, begin, end))
        self.recorded[sequence] = self.day


TestRegistry = RegistryMachine.TestCase
TestRegistry.settings = settings(examples(25), stateful_step_count=25)
