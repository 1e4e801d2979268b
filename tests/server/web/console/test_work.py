"""Work at the console, from its pages to the services and back: sellers, cases, reviews, documents, rules."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from running import until

from fairpost.v1 import post_pb2, review_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


@pytest.fixture(scope="module")
def seller(console_server: Any, registration: Callable[..., Any]) -> str:
    """Registered, with a strike and a post against the rules."""
    seller_id = "tea/shop?1"
    console_server.client.register(registration(seller_id))
    return seller_id


def address(path: str, **query: str) -> str:
    from fairpost.server.web.rendering import url_of

    return url_of(path, **query)


def test_a_seller_is_registered_changed_and_found(browser: Callable[..., Any]) -> None:
    staff = browser("registrar")
    staff.get("/console/sellers/new")
    page = staff.post("/console/sellers/new", id="new-shop", kind="enterprise", name="新茶店", credit_code="1")
    assert page.status_code == 400
    assert "credit_code" in staff.text
    assert 'value="新茶店"' in page.text  # what was filled in is not lost
    assert 'aria-invalid="true"' in page.text
    fields = {
        "id": "new-shop",
        "kind": "enterprise",
        "name": f"新茶店{HOSTILE}",
        "credit_code": "91350100M000100Y43",
        "categories": "food, tea",
        "phone": "13800138000",
        "licence_scope_0": "food",
        "licence_number_0": "JY9",
        "licence_valid_from_0": "2024-01-01",
        "licence_valid_until_0": "2099-12-31",
    }
    page = staff.post("/console/sellers/new", **fields)
    assert page.status_code == 200
    assert "The seller was registered." in staff.text
    assert "13800138000" in staff.text
    assert "JY9" in staff.text
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text

    staff.get(address("/console/sellers/edit", id="new-shop"))
    page = staff.post(
        address("/console/sellers/edit", id="new-shop"),
        kind="enterprise",
        name="老茶店",
        categories="food\ntea",
        reason="改名",
    )
    assert "The record was changed." in staff.text
    assert "Record changed: name" in staff.text
    assert "老茶店" in staff.get("/console/sellers?query=老茶").text
    assert "list.none" not in staff.page.text
    staff.get("/console/sellers")
    page = staff.post("/console/sellers/by-number", number="91350100m000100y43")
    assert "new-shop" in page.text
    assert "91350100" not in str(page.url)
    assert "91350100M000100Y43" not in page.text  # typed once, shown nowhere


def test_decisions_of_a_moderator(browser: Callable[..., Any], seller: str, console_server: Any) -> None:
    staff = browser("moderator")
    page = staff.get(address("/console/sellers/file", id=seller))
    event = address("/console/sellers/file/event", id=seller)
    assert event in staff.forms()
    page = staff.post(event, kind="strike", category="RIGHTS", weight="2", reason="")
    assert page.status_code == 400
    assert "reason" in staff.text
    page = staff.post(event, kind="strike", category="RIGHTS", weight="2", reason=HOSTILE)
    assert "The event was recorded." in staff.text
    assert "Strike: Denied consumer rights, weight 2" in staff.text
    assert "<script>alert" not in page.text
    # The page was of before: somebody else's write is not overwritten unseen.
    stale = staff.forms()[event] | {"kind": "enforcement", "state": "limited", "reason": "x"}
    staff.post(event, kind="enforcement", state="limited", reason="再次违规")
    assert "Enforcement: Limited" in staff.text
    answer = staff.http.post(event, data=stale | {"request_id": "another"})
    assert answer.status_code == 409
    assert "version" in answer.text
    # In the seller's log and in the audit log stands who it was.
    actor = next(iter(console_server.client.events(seller))).actor
    assert actor
    audit = browser("auditor")
    audit.get("/console/audit?method=RecordEvent")
    assert re.search(r"key:[0-9a-f]{8}/test", audit.text)
    assert f"ipv4:{staff.address}" in audit.text


def test_a_complaint_from_filing_to_its_end(browser: Callable[..., Any], seller: str) -> None:
    staff = browser("moderator")
    staff.get(address("/console/complaints/new", seller=seller))
    statement = f"茶叶发霉。{HOSTILE}"
    fields = {"kind": "quality", "consumer_id": "c-1", "consumer_contact": "13900139000", "statement": statement}
    page = staff.post("/console/complaints/new", **fields)
    assert "It was filed." in staff.text
    assert "<script>alert" not in page.text
    assert "13900139000" in staff.text
    assert "Seller's answer: due" in staff.text
    (one,) = [action for action in staff.forms() if action.startswith("/console/complaints/one")]
    staff.post(one, step="assign", handler="Wang")
    assert "The complaint was assigned." in staff.text
    staff.post(one, step="answer", answer="已退款。")
    assert "The answer was recorded." in staff.text
    page = staff.post(one, step="resolve", outcome="upheld", resolution="")
    assert page.status_code == 400
    page = staff.post(
        one, step="resolve", outcome="upheld", resolution="支持退款。", strike_category="RIGHTS", strike_weight="1"
    )
    assert "The complaint was resolved." in staff.text
    assert "The consumer was right" in staff.text
    assert not [action for action in staff.forms() if action.startswith("/console/complaints/one")]
    staff.get("/console/complaints?state=resolved")
    assert "Goods not as described" in staff.text
    assert "139****" in staff.text or "13900139000" not in staff.text
    # Auditors see the list, which names no consumer, and not the complaint.
    auditor = browser("auditor")
    assert auditor.get("/console/complaints?state=all").status_code == 200
    assert auditor.get(one).status_code == 403


def test_an_appeal_is_decided_by_somebody_else(browser: Callable[..., Any], seller: str, console_server: Any) -> None:
    staff = browser("moderator")
    staff.get(address("/console/sellers/file", id=seller))
    new = next(
        link.replace("&amp;", "&") for link in re.findall(r'href="(/console/appeals/new[^"]*)"', staff.page.text)
    )
    page = staff.get(new)
    assert "What it is against" in staff.text
    page = staff.post(new, statement=f"冤枉。{HOSTILE}")
    assert "It was filed." in staff.text
    assert "<script>alert" not in page.text
    one = next(action for action in staff.forms() if action.startswith("/console/appeals/one"))
    page = staff.post(one, state="overturned", decision="证据不足。")
    # Who took the decision does not decide on the appeal.
    assert page.status_code in (400, 409)
    assert "decision" in staff.text
    other = browser("all")
    other.get(one)
    other.post(one, state="overturned", decision="证据不足。")
    assert "The appeal was decided." in other.text
    assert "Decision undone" in other.text
    assert "undone by an appeal" in other.get(address("/console/sellers/file", id=seller)).text


def reviewed(console_server: Any, **post: Any) -> str:
    """A post with the verdict REVIEW, once it is in the queue."""
    console_server.client.check(post_pb2.Post(**post))

    def queued() -> list[str]:
        request = review_pb2.ListReviewsRequest(page_size=1000)
        reviews = console_server.client.call("ListReviews", request).reviews
        return [str(review.review_id) for review in reviews if review.post_id == post["id"]]

    return until(queued, "it is not in the queue")[0]


def test_reviews_are_taken_one_after_the_other(browser: Callable[..., Any], console_server: Any, seller: str) -> None:
    for number in range(3):
        text = f"这款茶特效第{number}号{HOSTILE}"
        reviewed(console_server, text=text, seller_id=seller, id=f"post-{number}")
    staff = browser("moderator")
    staff.get(address("/console/reviews", seller=seller))
    assert "post-2" in staff.text
    page = staff.post("/console/reviews/next")
    assert page.url.path == "/console/reviews/one"
    assert "Yours until" in staff.text
    assert "特效" in page.text
    assert "<mark>特效" in page.text
    assert "<script>alert" not in page.text
    one = next(action for action in staff.forms() if action.startswith("/console/reviews/one?"))
    first = staff.text
    # Another moderator sees who works on it, and cannot decide.
    other = browser("all")
    other.get(one)
    assert "works on this post until" in other.text
    assert one not in other.forms()
    page = staff.post(one, decision="overturn", note="")
    assert page.status_code == 400
    page = staff.post(one, decision="shield", note="夸大疗效")
    assert "Decided: shielded." in staff.text
    assert "post-1" in staff.text
    assert staff.text != first
    one = next(action for action in staff.forms() if action.startswith("/console/reviews/one?"))
    page = staff.post(one, decision="overturn", note="是在辟谣")
    assert "Case for those who write rules" in staff.text
    assert "pass" in staff.text
    staff.post("/console/reviews/next")
    assert "post-2" in staff.text
    release = next(action for action in staff.forms() if action.startswith("/console/reviews/one/release"))
    staff.post(release)
    assert "The post was given back." in staff.text
    assert "Post against the rules" in staff.get(address("/console/sellers/file", id=seller)).text
    listed = browser("auditor")
    listed.get("/console/reviews?state=upheld")
    assert "post-0" in listed.text


def test_a_document_is_previewed_published_scheduled_and_withdrawn(browser: Callable[..., Any]) -> None:
    staff = browser("publisher")
    staff.get("/console/bulletin/edit")
    fields = {
        "kind": "guideline",
        "document": "how-to-write",
        "title_zh": "怎样写",
        "body_zh": f"**真实**\n\n{HOSTILE}",
    }
    page = staff.post("/console/bulletin/edit", do="preview", **fields)
    assert "<strong>真实</strong>" in page.text
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text
    part = staff.http.post("/console/bulletin/edit/preview", data=staff.forms()["/console/bulletin/edit"] | fields)
    assert "<strong>真实</strong>" in part.text
    assert "<html" not in part.text
    page = staff.post("/console/bulletin/edit", do="publish", **(fields | {"title_zh": ""}))
    assert page.status_code == 400
    assert "content.title.zh" in staff.text
    page = staff.post("/console/bulletin/edit", do="publish", **fields)
    assert "The version is public." in staff.text
    assert "真实</span></strong>" in page.text
    edit = address("/console/bulletin/edit", id="how-to-write")
    page = staff.get(edit)
    assert "**真实**" in page.text
    page = staff.post(edit, do="schedule", publish_at="x", **fields)
    assert page.status_code == 400
    assert "publish_at" in staff.text
    page = staff.post(edit, do="schedule", publish_at="2035-01-01T09:00", note="改写", **fields)
    assert "The version will become public at its time." in staff.text
    assert 'datetime="2035-01-01T09:00:00+08:00"' in page.text
    staff.get("/console/bulletin")
    assert "怎样写" in staff.text
    staff.get(address("/console/bulletin/document", id="how-to-write"))
    withdraw = address("/console/bulletin/document/withdraw", id="how-to-write")
    page = staff.post(withdraw, scheduled_only="1", reason="不改了")
    assert "It was taken back." in staff.text
    staff.get(address("/console/bulletin/document", id="how-to-write"))
    page = staff.post(withdraw, reason="有误")
    assert "Taken back" in staff.text
    assert "有误" in staff.text


def test_a_rule_set_is_kept_compared_announced_activated_and_taken_back(
    browser: Callable[..., Any], console_server: Any
) -> None:
    before = console_server.client.status().active.revision
    staff = browser("all")
    staff.get("/console/rules")
    page = staff.post("/console/rules/upload", files={"bundle": ("broken.fpb", b"no bundle")})
    assert page.status_code == 400
    page = staff.post("/console/rules/upload", files={"bundle": ("new.fpb", console_server.stricter)})
    assert page.url.path == "/console/rules/compare"
    assert "Nothing was activated" in staff.text, staff.text
    assert "makes something stricter" in staff.text
    revision = dict(page.url.params)["revision"]
    compare = address("/console/rules/compare", revision=revision)
    page = staff.post(compare, posts=f"这茶包好{HOSTILE}\n今天天气好")
    assert "Back-test on the posts below" in staff.text
    assert "<mark>包好" in page.text
    assert "<script>alert" not in page.text
    # Its notice is made from what is kept.
    staff.get(address("/console/bulletin/edit", kind="rule_change", revision=revision))
    page = staff.post(
        "/console/bulletin/edit", do="preview", kind="rule_change", revision=revision, body_zh="各位商家："
    )
    assert "各位商家：" in page.text
    assert "包好" in page.text
    page = staff.post(
        "/console/bulletin/edit", do="publish", kind="rule_change", revision=revision, body_zh="各位商家："
    )
    assert "The version is public." in staff.text
    staff.get(compare)
    page = staff.post(address("/console/rules/compare/activate", revision=revision))
    assert "The rule set is active in every worker." in staff.text
    assert console_server.client.status().active.revision == revision
    page = staff.post("/console/rules/rollback", revision=before)
    assert "The earlier rule set is active again." in staff.text
    assert console_server.client.status().active.revision == before


def test_a_person_s_data_are_exported_and_erased(
    browser: Callable[..., Any], console_server: Any, registration: Any
) -> None:
    console_server.client.register(registration("leaver", credit_code="91350100M000100Y43"))
    staff = browser("all")
    staff.get(address("/console/sellers/file", id="leaver"))
    export = address("/console/sellers/file/export", id="leaver")
    forms = staff.forms()
    answer = staff.http.post(export, data=forms[export] | {"reason": "本人要求"})
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''seller-leaver.json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "leaver" in json.dumps(answer.json())
    erase = address("/console/sellers/file/erase", id="leaver")
    page = staff.post(erase, reason="本人要求", repeated="somebody")
    assert page.status_code == 400
    assert "nothing was erased" in staff.text
    page = staff.post(erase, reason="本人要求", repeated="leaver")
    assert page.status_code == 409  # the registration is not closed
    staff.post(address("/console/sellers/file/event", id="leaver"), kind="registration", state="closed", reason="停业")
    page = staff.post(erase, reason="本人要求", repeated="leaver")
    assert "The personal data were erased." in staff.text
    assert "示例市" not in page.text


def test_the_overview_tells_of_workers_and_of_what_waits(browser: Callable[..., Any], console_server: Any) -> None:
    staff = browser("all")
    page = staff.get("/console")
    assert "What waits for you" in staff.text
    assert console_server.client.status().active.revision in staff.text
    assert page.text.count("<svg") > 2
    live = staff.get("/console/live")
    assert "<html" not in live.text
    assert live.headers["Cache-Control"] == "no-store"


def test_what_is_not_there_is_not_found(browser: Callable[..., Any]) -> None:
    staff = browser("all")
    for path, name in (
        *(("/console/sellers/file", "id"), ("/console/complaints/one", "id"), ("/console/appeals/one", "id")),
        *(("/console/reviews/one", "id"), ("/console/bulletin/document", "id"), ("/console/bulletin/edit", "id")),
        ("/console/rules/compare", "revision"),
    ):
        for wrong in ("nothing-1", HOSTILE):
            page = staff.get(address(path, **{name: wrong}))
            assert page.status_code in (400, 404), path
            assert "<script>alert" not in page.text
    for action in (
        "/console/sellers/file/event",
        "/console/reviews/next",
        "/console/rules/upload",
        "/console/bulletin/document/withdraw",
    ):
        # The other language's link of a page that said what was wrong.
        assert staff.http.get(action).status_code == 303
