"""AppealService; what overturning undoes; regression cases that `fairpost rules test` takes; accounts of one person."""

from __future__ import annotations

import os
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from google.rpc import code_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from fairpost.cli.app import app
from fairpost.client import CallFailed
from fairpost.rules import compile_packs, load_packs
from fairpost.server.errors import ServiceError
from fairpost.server.registry import Keys, Registry, log
from fairpost.server.registry.days import turn_days
from fairpost.server.registry.importing import ImportRow, import_sellers
from fairpost.server.registry.regression import case_pack
from fairpost.server.registry.verify import verify
from fairpost.server.store import Store
from fairpost.v1 import appeal_pb2, post_pb2, registry_pb2, seller_event_pb2, seller_pb2, standing_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UPHELD, OVERTURNED = appeal_pb2.APPEAL_STATE_UPHELD, appeal_pb2.APPEAL_STATE_OVERTURNED
NONE, BLACKLISTED = standing_pb2.LISTING_NONE, standing_pb2.LISTING_BLACKLISTED
REHABILITATED = standing_pb2.LISTING_REHABILITATED
TODAY = date(2026, 3, 2)
NUMBER, OTHER_NUMBER = "11010519491231002X", "440524188001010014"
CODE = "91350100M000100Y43"


class Desk:
    """A registry with a clock that the test sets."""

    def __init__(self, url: str, registration: Any) -> None:
        self.day = TODAY
        self.registry = Registry(Store.open(url), Keys.make(), clock=lambda: self.day)
        self.service = self.registry.appeals
        self.registration = registration

    def register(self, seller_id: str, **fields: Any) -> seller_pb2.Seller:
        return self.registry.sellers.register(self.registration(seller_id, **fields)).seller

    def record(self, seller_id: str, **change: Any) -> int:
        values = {"actor": "registrar-1", "reason": "test"} | change
        event = seller_event_pb2.SellerEvent(**values)
        return self.registry.decisions.record_event(
            registry_pb2.RecordEventRequest(seller_id=seller_id, event=event)
        ).sequence

    def strike(self, seller_id: str = "s", weight: int = 1) -> int:
        return self.record(seller_id, strike=seller_event_pb2.Strike(category="MEDICAL", weight=weight))

    def set_listing(self, seller_id: str, state: standing_pb2.Listing.ValueType, **fields: Any) -> int:
        return self.record(seller_id, listing=seller_event_pb2.ListingChange(state=state, **fields))

    def file(self, against: int, seller_id: str = "s", **fields: Any) -> appeal_pb2.Appeal:
        values = {"statement": "It was a quotation."} | fields
        return self.service.file(appeal_pb2.FileAppealRequest(seller_id=seller_id, against=against, **values)).appeal

    def decide(self, appeal_id: str, state: Any = OVERTURNED, **fields: Any) -> appeal_pb2.DecideAppealResponse:
        values = {"decision": "We were wrong.", "actor": "reviewer-1"} | fields
        return self.service.decide(appeal_pb2.DecideAppealRequest(appeal_id=appeal_id, state=state, **values))

    def get(self, seller_id: str = "s") -> seller_pb2.Seller:
        return self.registry.sellers.get(registry_pb2.GetSellerRequest(seller_id=seller_id)).seller

    def events(self, seller_id: str, kind: str) -> list[Any]:
        with self.registry.core.store.read() as connection:
            return [event for event in log.existing(connection, seller_id).events if event.kind == kind]


@pytest.fixture
def desk(store_url: str, registration: Any) -> Iterator[Desk]:
    """On each kind of store; at the end everything derived is what the log says."""
    desk = Desk(store_url, registration)
    yield desk
    assert verify(desk.registry.core).differences == []
    desk.registry.close()


def refusal(call: Any, *arguments: Any, **fields: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        call(*arguments, **fields)
    return caught.value


# ---- filing and deciding --------------------------------------------------------------------------------


def test_overturning_a_strike_undoes_what_it_led_to(desk: Desk) -> None:
    desk.register("s")
    first = desk.strike(weight=2)
    second = desk.strike(weight=3)
    assert desk.get().standing.enforcement == standing_pb2.ENFORCEMENT_SHIELDED
    appeal = desk.file(second, evidence=["https://e.example/1"])
    assert (appeal.state, appeal.against, appeal.statement) == (1, second, "It was a quotation.")
    assert (appeal.actor, appeal.decision, list(appeal.evidence)) == ("", "", ["https://e.example/1"])
    assert not appeal.HasField("decided_at")
    assert desk.get().standing.enforcement == standing_pb2.ENFORCEMENT_SHIELDED  # filing stays nothing
    answer = desk.decide(appeal.appeal_id, expected_version=appeal.version)
    assert (answer.appeal.state, answer.appeal.actor, answer.appeal.decision) == (
        OVERTURNED,
        "reviewer-1",
        "We were wrong.",
    )
    assert answer.appeal.HasField("decided_at")
    assert answer.standing == desk.get().standing
    assert answer.standing.enforcement == standing_pb2.ENFORCEMENT_WARNED
    assert [(strikes.category, strikes.count) for strikes in answer.standing.strikes] == [("MEDICAL", 2)]
    assert answer.regression_case == ""
    assert [event.body["state"] for event in desk.events("s", "appeal")] == ["filed", "overturned"]
    shown = desk.registry.sellers.events(registry_pb2.ListEventsRequest(seller_id="s")).events
    assert [event.overturned for event in shown if event.sequence in (first, second)] == [False, True]
    assert desk.service.get(appeal_pb2.GetAppealRequest(appeal_id=appeal.appeal_id)).appeal == answer.appeal


def test_upholding_changes_nothing(desk: Desk) -> None:
    desk.register("s")
    strike = desk.strike(weight=3)
    before = desk.get().standing
    appeal = desk.file(strike)
    answer = desk.decide(appeal.appeal_id, UPHELD)
    assert answer.standing == before == desk.get().standing
    assert desk.events("s", "appeal")[-1].body["state"] == "upheld"


@pytest.mark.parametrize(
    ("axis", "change", "after"),
    [
        (
            "enforcement",
            seller_event_pb2.EnforcementChange(state=standing_pb2.ENFORCEMENT_SUSPENDED),
            standing_pb2.ENFORCEMENT_NONE,
        ),
        ("listing", seller_event_pb2.ListingChange(state=BLACKLISTED, permanent=True), NONE),
        (
            "registration",
            seller_event_pb2.RegistrationChange(state=standing_pb2.REGISTRATION_CLOSED),
            standing_pb2.REGISTRATION_ACTIVE,
        ),
    ],
)
def test_decisions_can_be_overturned(desk: Desk, axis: str, change: Any, after: int) -> None:
    desk.register("s")
    sequence = desk.record("s", **{axis: change})
    assert getattr(desk.get().standing, axis) == change.state
    assert getattr(desk.decide(desk.file(sequence).appeal_id).standing, axis) == after


def test_term(desk: Desk) -> None:
    desk.register("s")
    one, two = desk.strike(), desk.strike()
    desk.day = TODAY + timedelta(days=15)
    desk.file(one)
    desk.day += timedelta(days=1)
    found = refusal(desk.file, two)
    assert (found.reason_name, found.metadata) == ("REASON_APPEAL_TERM_PASSED", {"until": "2026-03-17"})
    assert found.message == f"against: an appeal against event {two} could be filed until 2026-03-17"


def test_once_for_each_event(desk: Desk) -> None:
    desk.register("s")
    strike = desk.strike()
    appeal = desk.file(strike)
    for decided in (False, True):
        if decided:
            desk.decide(appeal.appeal_id, UPHELD)
        found = refusal(desk.file, strike)
        assert (found.reason_name, found.metadata) == ("REASON_APPEAL_EXISTS", {"appeal_id": appeal.appeal_id})
        assert found.code == code_pb2.ALREADY_EXISTS


def test_what_no_appeal_can_be_against(desk: Desk) -> None:
    desk.register("s")
    desk.register("t")
    first = desk.events("s", "registration")[0].sequence
    verified = desk.record("s", verification=seller_event_pb2.Verification(next_verification="2027-01-01"))
    kinds = "enforcement, listing, registration, strike, violation"
    for sequence, kind in ((first, "registration"), (verified, "verification")):
        found = refusal(desk.file, sequence)
        assert (
            found.message
            == f"against: event {sequence} is no decision ({kind}); appeals are against decisions: {kinds}"
        )
    foreign = desk.strike("t")
    for sequence in (foreign, 10**6, 2**64 - 1):
        found = refusal(desk.file, sequence)
        assert found.reason_name == "REASON_EVENT_NOT_FOUND"
        assert found.message == f"against: seller 's' has no event {sequence} in their log"
    assert refusal(desk.file, foreign, "nobody").reason_name == "REASON_SELLER_NOT_FOUND"


def test_who_decided_must_not_decide_the_appeal(desk: Desk) -> None:
    desk.register("s")
    appeal = desk.file(desk.strike())
    found = refusal(desk.decide, appeal.appeal_id, actor=" registrar-1 ")
    assert found.message == "actor: took the decision appealed against; somebody else must decide the appeal"
    desk.decide(appeal.appeal_id)
    found = refusal(desk.decide, appeal.appeal_id, UPHELD)
    assert (found.reason_name, found.metadata) == ("REASON_WRONG_STATE", {"state": "overturned"})
    assert found.message == "appeal_id: the appeal is overturned; it can be decided once, while it is filed"


def test_expected_version(desk: Desk) -> None:
    desk.register("s")
    appeal = desk.file(desk.strike())
    found = refusal(desk.decide, appeal.appeal_id, expected_version=appeal.version + 1)
    assert (found.reason_name, found.metadata) == ("REASON_CONFLICT", {"version": str(appeal.version)})


def test_lists(desk: Desk) -> None:
    desk.register("s")
    desk.register("t")
    appeals = [desk.file(desk.strike(seller_id), seller_id).appeal_id for seller_id in "sstst"]
    desk.decide(appeals[0])

    def listed(**conditions: Any) -> list[str]:
        found, token = [], ""
        while True:
            page = desk.service.search(appeal_pb2.ListAppealsRequest(page_size=2, page_token=token, **conditions))
            found += [appeal.appeal_id for appeal in page.appeals]
            if not (token := page.next_page_token):
                return found

    assert listed() == appeals
    assert listed(seller_id="t") == [appeals[2], appeals[4]]
    assert listed(states=[OVERTURNED, UPHELD]) == [appeals[0]]
    token = desk.service.search(appeal_pb2.ListAppealsRequest(page_size=2)).next_page_token
    for wrong in (
        appeal_pb2.ListAppealsRequest(page_token=token[:-2]),
        appeal_pb2.ListAppealsRequest(page_token=token, seller_id="s"),
    ):
        found = refusal(desk.service.search, wrong)
        assert found.reason_name == "REASON_INVALID_PAGE_TOKEN"
    fields: dict[str, Any] = {"states": [7], "seller_id": "a b", "page_size": 5000}
    found = refusal(desk.service.search, appeal_pb2.ListAppealsRequest(**fields))
    assert [fault.field for fault in found.violations] == ["page_size", "seller_id", "states[0]"]


def failure(call: Any, *arguments: Any, **fields: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(*arguments, **fields)
    return caught.value


def test_over_grpc(shared: Any, registration: Any) -> None:
    client = shared.client
    client.register(registration("a-1"))
    event = seller_event_pb2.SellerEvent(actor="r", reason="x", strike=seller_event_pb2.Strike(category="MEDICAL"))
    sequence = client.record_event("a-1", event).sequence
    appeal = client.file_appeal("a-1", sequence, "Not so.\nSee the picture.", request_id="a-file-1")
    assert client.file_appeal("a-1", sequence, "Not so.\nSee the picture.", request_id="a-file-1") == appeal
    assert client.appeal(appeal.appeal_id) == appeal
    decision = {"state": OVERTURNED, "decision": "Right.", "actor": "b", "request_id": "a-decide-1"}
    answer = client.decide_appeal(appeal.appeal_id, **decision)
    assert client.decide_appeal(appeal.appeal_id, **decision) == answer
    assert not client.lookup("a-1", token=answer.consistency_token).standing.strikes
    assert [each.appeal_id for each in client.list_appeals(seller_id="a-1", page_size=1)] == [appeal.appeal_id]
    found = failure(client.file_appeal, "a-1", sequence, "Again.")
    assert (found.code, found.reason) == ("ALREADY_EXISTS", "REASON_APPEAL_EXISTS")
    found = failure(client.file_appeal, "", 0, "x" * 500_000, evidence=["\x00"], request_id="é")
    assert dict(found.violations) == {
        "request_id": "must be visible ASCII characters without spaces",
        "seller_id": "is required",
        "against": "is required: the sequence of an event in the seller's log",
        "statement": "has 500000 characters; at most 4000 are taken",
        "evidence[0]": "has control characters",
    }
    found = failure(client.decide_appeal, "", state=1, decision=" ")
    assert dict(found.violations) == {
        "appeal_id": "is required",
        "state": "must be one of APPEAL_STATE_UPHELD, APPEAL_STATE_OVERTURNED",
        "decision": "must not be blank",
        "actor": "is required",
    }
    for call, fields in ((client.appeal, {}), (client.decide_appeal, decision | {"request_id": ""})):
        found = failure(call, "nothing", **fields)
        assert (found.code, found.reason) == ("NOT_FOUND", "REASON_APPEAL_NOT_FOUND")
        assert found.message == "appeal_id: no appeal 'nothing' is here"


# ---- violations and their regression cases --------------------------------------------------------------

PACK = """\
pack: tea
lists:
  cure: [根治, 治好]
  ill: [糖尿病]
rules:
  - id: tea.cure
    category: MEDICAL
    severity: high
    weight: 0.95
    when: near(cure, ill, 8) and not seller.licence("drug-retail")
    basis: [cn.advertising-law/17]
    message: {zh: 普通商品不得宣称治疗疾病, en: Ordinary goods must not claim to treat disease}
    cases: {match: [这款茶根治糖尿病], pass: [好茶]}
  - id: tea.good
    category: ABSOLUTE
    severity: low
    weight: 0.3
    when: any(cure)
    basis: [cn.advertising-law/9-3]
    message: {zh: 不得使用绝对化用语, en: No absolute claims}
    cases: {match: [根治], pass: [好茶]}
"""


def rules_test(folder: Path) -> tuple[int, str]:
    result = CliRunner(env={**os.environ, "COLUMNS": "200"}).invoke(app, ["rules", "test", str(folder)])
    return result.exit_code, result.output


def test_an_overturned_violation_gives_a_case_that_holds_the_rule_to_it(
    inside: Any, registration: Any, tmp_path: Path
) -> None:
    packs = tmp_path / "packs"
    packs.mkdir()
    (packs / "tea.yaml").write_text(PACK, encoding="utf-8")
    running = inside().start()
    client = running.client
    client.activate(compile_packs(packs), force=True)
    client.register(registration("s"))
    post = post_pb2.Post(
        id="p-1",
        seller_id="s",
        text="书上写着：\n\t“根治糖尿病”？#没有 'no' \"这种\" 茶: {}",
        channel="moments",
        language="zh",
        extra_texts=[post_pb2.ExtraText(text="评论：- 好茶"), post_pb2.ExtraText()],
    )
    post.created_at.FromJsonString("2025-06-30T20:00:00Z")  # 1 July in China
    verdict = client.check(post)
    assert verdict.action == verdict_pb2.ACTION_BLOCK
    assert running.server.registry.violations.wait(60)
    (violation,) = [event for event in client.events("s") if event.WhichOneof("change") == "violation"]
    assert list(violation.violation.rules) == ["tea.cure", "tea.good"]
    assert client.lookup("s").standing.strikes[0].count == 2
    appeal = client.file_appeal("s", violation.sequence, "A quotation.")
    answer = client.decide_appeal(appeal.appeal_id, state=OVERTURNED, decision="Right.", actor="reviewer")
    # The strike is gone with its violation.
    assert not answer.standing.strikes
    assert answer.standing.enforcement == standing_pb2.ENFORCEMENT_NONE
    overturned = [event.sequence for event in client.events("s") if event.overturned]
    assert overturned == [violation.sequence, violation.sequence + 1]
    found = failure(client.file_appeal, "s", violation.sequence + 1, "That, too.")
    assert (found.reason, found.metadata) == ("REASON_WRONG_STATE", {"state": "overturned"})
    assert found.message.endswith("is overturned already and counts for nothing")
    # However often the post is checked again, it is not recorded again: that was decided.
    client.check(post)
    assert running.server.registry.violations.wait(60)
    assert not client.lookup("s", fully=True).standing.strikes

    # The case is about the rule that led to the action, not about the mild one beside it.
    assert list(yaml.safe_load(answer.regression_case)["cases"]) == ["tea.cure"]
    assert rules_test(packs)[0] == 0
    (packs / "appeal.yaml").write_text(answer.regression_case, encoding="utf-8")
    code, output = rules_test(packs)
    assert code == 1
    assert "rule tea.cure must not fire on" in output
    assert "appeal.yaml" in output
    assert "rule tea.good" not in output
    (case,) = [case for case in load_packs(packs).rule("tea.cure").cases if case.place.file.endswith("appeal.yaml")]
    assert (case.text, case.extra_texts) == (post.text, ("评论：- 好茶",))
    assert (case.channel, case.language, case.date) == ("moments", "zh", date(2025, 7, 1))
    mended = PACK.replace("near(cure, ill, 8) and", "near(cure, ill, 8) and not quoted_word and").replace(
        "rules:", "conditions:\n  quoted_word: any(cure) and not any(unquoted(cure))\nrules:"
    )
    (packs / "tea.yaml").write_text(mended, encoding="utf-8")
    code, output = rules_test(packs)
    assert code == 0, output


def test_a_case_of_an_unknown_rule_or_channel_is_told(tmp_path: Path) -> None:
    (tmp_path / "tea.yaml").write_text(PACK, encoding="utf-8")
    wrong = "pack: appeal\ncases:\n  tea.curee:\n    pass: [x]\n  tea.good:\n    pass: [{text: x, channel: nowhere}]\n"
    (tmp_path / "wrong.yaml").write_text(wrong, encoding="utf-8")
    code, output = rules_test(tmp_path)
    assert code != 0
    assert "wrong.yaml:3:3: error: unknown rule 'tea.curee'; did you mean 'tea.cure'?" in output
    assert "unknown channel 'nowhere'" in output


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=3).filter(any),
    st.sampled_from(["", "moments"]),
)
def test_any_text_survives_the_form(texts: list[str], channel: str) -> None:
    post = {
        "texts": texts,
        "channel": channel,
        "language": "",
        "created_at": None,
        "day": "2026-01-01",
        "revision": "abc",
        "rules": ["a.b", "a.c"],
        "seller": {"registration": "active", "licences": [], "strikes": {"MEDICAL": 2}, "tenure_days": 0},
    }
    found = yaml.safe_load(case_pack("appeal-12ab", {"zh": "甲", "en": "a"}, post))
    (case,) = found["cases"]["a.b"]["pass"]
    assert [case["text"], *case.get("extra_texts", [])] == [text for text in texts if text]
    assert case.get("channel", "") == channel
    assert found["cases"]["a.c"] == found["cases"]["a.b"]
    assert case["seller"] == {"registration": "active", "strikes": {"MEDICAL": 2}}


# ---- accounts of one person -----------------------------------------------------------------------------


def natural(number: str = NUMBER) -> dict[str, Any]:
    return {"kind": seller_pb2.SELLER_KIND_NATURAL_PERSON, "identity_number": number, "credit_code": ""}


@pytest.mark.parametrize("fields", [natural(), {"credit_code": CODE}], ids=["identity number", "credit code"])
def test_a_new_account_of_a_blacklisted_person_is_blacklisted(desk: Desk, fields: dict[str, Any]) -> None:
    desk.register("old", **fields)
    listed = desk.set_listing("old", BLACKLISTED, review="2027-01-01")
    seller = desk.register("new", **fields)
    assert seller.standing.listing == BLACKLISTED
    assert list(seller.same_person) == ["old"]
    (event,) = desk.events("new", "listing")
    assert event.body == {"state": "blacklisted", "cause": listed, "review": "2027-01-01"}
    assert (event.actor, event.expires) == ("registry", None)
    reason = f"the same identity number or credit code as an account that is blacklisted by event {listed}"
    assert event.reason == reason
    assert event.appeal_until == TODAY + timedelta(days=15)
    (row,) = [
        e
        for e in desk.registry.sellers.events(registry_pb2.ListEventsRequest(seller_id="new")).events
        if e.sequence == event.sequence
    ]
    assert row.listing.cause == listed
    # A third account follows the first one's entry, not the second one's.
    desk.register("third", **fields)
    assert desk.events("third", "listing")[0].body["cause"] == listed
    # Others are others.
    assert desk.register("other", **natural(OTHER_NUMBER)).standing.listing == NONE


def test_the_very_next_verdict_knows(inside: Any, bundle: Any, registration: Any) -> None:
    running = inside().start()
    running.client.activate(bundle({"根治": 0.97}))
    running.client.register(registration("old"))
    listing = seller_event_pb2.ListingChange(state=BLACKLISTED, permanent=True)
    running.client.record_event("old", seller_event_pb2.SellerEvent(actor="r", reason="x", listing=listing))
    running.client.register(registration("new"))
    assert running.client.check("早上好", seller_id="new").seller_standing.standing.listing == BLACKLISTED


def test_a_person_listed_by_the_ladder_is_recognised(desk: Desk) -> None:
    desk.register("old")
    desk.strike("old", 10)
    strike = desk.events("old", "strike")[0].sequence
    assert desk.register("new").standing.listing == BLACKLISTED
    assert desk.events("new", "listing")[0].body == {"state": "blacklisted", "cause": strike, "permanent": True}
    # With the strike goes the penalty, and what followed from it.
    assert desk.decide(desk.file(strike, "old").appeal_id).standing.listing == NONE
    assert desk.get("new").standing.listing == NONE
    lifted = desk.events("new", "listing")[-1]
    assert lifted.body == {"state": "none", "cause": strike}
    assert lifted.reason == f"event {strike} of another account, from which the entry followed, is no longer in force"


def test_a_rehabilitated_persons_new_account_is_not_listed(desk: Desk) -> None:
    desk.register("old")
    desk.set_listing("old", BLACKLISTED, permanent=True)
    desk.register("while")
    desk.set_listing("old", REHABILITATED)
    assert desk.register("after").standing.listing == NONE
    assert desk.get("while").standing.listing == REHABILITATED


def test_who_is_rehabilitated_from_a_later_day_on_takes_the_others_along(desk: Desk) -> None:
    desk.register("old")
    desk.set_listing("old", BLACKLISTED, permanent=True)
    desk.register("new")
    change = seller_event_pb2.ListingChange(state=REHABILITATED)
    desk.record("old", listing=change, effective="2026-03-05")
    desk.day = date(2026, 3, 4)
    turn_days(desk.registry.core)
    assert desk.get("new").standing.listing == BLACKLISTED
    desk.day = date(2026, 3, 5)
    turn_days(desk.registry.core)
    assert [desk.get(seller_id).standing.listing for seller_id in ("old", "new")] == [REHABILITATED] * 2
    turn_days(desk.registry.core)
    assert len(desk.events("new", "listing")) == 2


def test_more_accounts_than_are_shown_are_released(desk: Desk) -> None:
    desk.register("old")
    desk.set_listing("old", BLACKLISTED, permanent=True)
    for number in range(25):
        desk.register(f"new-{number}")
    desk.set_listing("old", NONE)
    assert {desk.get(f"new-{number}").standing.listing for number in range(25)} == {NONE}


def test_an_entry_that_follows_ends_with_the_other(desk: Desk) -> None:
    desk.register("old")
    desk.record("old", listing=seller_event_pb2.ListingChange(state=BLACKLISTED), expires="2026-03-10")
    desk.register("new")
    desk.day = date(2026, 3, 10)
    assert desk.get("new").standing.listing == BLACKLISTED
    desk.day = date(2026, 3, 11)
    assert desk.get("new").standing.listing == NONE
    # `listing` in the store is of the last time it was derived; it is today that counts.
    assert desk.register("newer").standing.listing == NONE
    desk.record(
        "old", listing=seller_event_pb2.ListingChange(state=BLACKLISTED, permanent=True), effective="2026-03-15"
    )
    assert desk.register("before").standing.listing == NONE
    desk.day = date(2026, 3, 15)
    assert desk.register("then").standing.listing == BLACKLISTED


def test_a_changed_number_is_recognised_once(desk: Desk) -> None:
    desk.register("old", **natural())
    listed = desk.set_listing("old", BLACKLISTED, permanent=True)
    desk.register("new", **natural(OTHER_NUMBER))

    def update(number: str) -> seller_pb2.Seller:
        request = registry_pb2.UpdateSellerRequest(
            seller_id="new",
            actor="a",
            reason="r",
            fields=["identity_number"],
            record=registry_pb2.RegisterSellerRequest(identity_number=number),
        )
        return desk.registry.sellers.update(request).seller

    assert update(NUMBER).standing.listing == BLACKLISTED
    (event,) = desk.events("new", "listing")
    assert event.body["cause"] == listed
    update(NUMBER)
    assert len(desk.events("new", "listing")) == 1
    # What an appeal has decided is not decided again.
    assert desk.decide(desk.file(event.sequence, "new").appeal_id).standing.listing == NONE
    assert update(NUMBER).standing.listing == NONE
    assert desk.get("old").standing.listing == BLACKLISTED


def test_imported_accounts_are_recognised(desk: Desk, registration: Any) -> None:
    desk.register("old")
    desk.set_listing("old", BLACKLISTED, permanent=True)
    sellers = [ImportRow(1, registration("i-1")), ImportRow(2, registration("i-2", **natural(OTHER_NUMBER)))]
    refused: list[Any] = []
    import_sellers(
        desk.registry.core, sellers, verify_by=date(2027, 1, 1), refuse=lambda *refusal: refused.append(refusal)
    )
    assert refused == []
    assert [desk.get(seller_id).standing.listing for seller_id in ("i-1", "i-2")] == [BLACKLISTED, NONE]
