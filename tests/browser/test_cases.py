"""Cases from their beginning to their end: a seller's false claim, a consumer's complaint, a post that is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from browser.pages import log_in
from browser.site import POSTS
from running import until
from stdnum.cn import uscc

from fairpost.server.web.catalogue import messages
from fairpost.v1 import complaint_pb2, post_pb2, registry_pb2, seller_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from browser.site import Site
    from browser.visits import Visit


SAID = messages("zh")


def register(site: Site, seller_id: str, number: str) -> str:
    """A seller in good standing, with a credit code that begins with the number; its id."""
    site.client.register(
        registry_pb2.RegisterSellerRequest(
            seller_id=seller_id,
            kind=seller_pb2.SELLER_KIND_ENTERPRISE,
            name=f"示例市{seller_id}商贸有限公司",
            credit_code=number + uscc.calc_check_digit(number),
            categories=["household"],
        )
    )
    return seller_id


def exposure(site: Site, seller_id: str) -> float:
    """How much a clean post of the seller is displayed."""
    site.client.lookup(seller_id, fully=True)
    post = post_pb2.Post(text=POSTS["clean"], seller_id=seller_id)
    return site.client.check(post, dry_run=True).verdict.exposure


def test_a_false_claim_is_shielded_struck_appealed_and_overturned(site: Site, visit: Callable[..., Visit]) -> None:
    seller = register(site, "journey-claim", "91110101MA00000A1")
    before = exposure(site, seller)
    assert before > 1

    # A service that publishes posts asks; the seller's own post is found, and counts against them.
    post = post_pb2.Post(id="claim-1", seller_id=seller, text="书上写着“根治湿疹”的旧方子，二手书九元")
    assert site.client.check(post).verdict.action == verdict_pb2.ACTION_SHIELD
    until(lambda: len(site.client.lookup(seller, fully=True).standing.strikes) == 1, "no strike was recorded")
    assert exposure(site, seller) < before

    # The registrar sees it in the seller's file and takes the appeal in.
    registrar = visit()
    page = log_in(registrar, site.keys["registrar"])
    page.goto(f"{site.url}/console/sellers?query={seller}")
    page.get_by_role("link", name=seller, exact=True).click()
    violation = page.locator("li", has_text="claim-1").filter(has=page.locator("a[href*='/appeals/new']")).first
    violation.locator("a[href*='/appeals/new']").click()
    page.fill("#statement", "这是一本旧书，书名里有这四个字，不是说书能治病。")
    page.locator("main form button").last.click()
    page.wait_for_url("**/console/appeals/one?**")
    appeal = page.url
    # Deciding is not theirs.
    assert page.locator("input[name=state]").count() == 0

    # A moderator overturns it: the strike is gone, the boost is back, and a case for the rule is given.
    moderator = visit()
    page = log_in(moderator, site.keys["moderator"])
    page.goto(appeal)
    page.check("input[name=state][value=overturned]")
    page.fill("#decision", "引述书名，不构成宣称。")
    page.locator("main form button").last.click()
    page.wait_for_selector("#regression")
    case = page.inner_text("pre")
    assert "site.cure" in case
    assert "二手书九元" in case
    assert exposure(site, seller) == before
    page.goto(f"{site.url}/console/sellers/file?id={seller}")
    assert SAID["console.event_overturned"] in page.inner_text("main")
    # Not recorded again, whoever checks it.
    site.client.check(post)
    assert exposure(site, seller) == before


def test_a_consumers_complaint_is_filed_answered_and_resolved(site: Site, visit: Callable[..., Visit]) -> None:
    seller = register(site, "journey-complaint", "91110101MA00000B0")
    consumer = visit(language="zh-CN")

    # The consumer writes it on the public page; what is missing is said beside its field.
    page = consumer.go(f"/complaints/new?seller={seller}")
    assert consumer.violations() == []
    assert page.input_value("#seller_id") == seller
    page.fill("#statement", "毛衣起球，和页面上写的不一样。")
    page.select_option("#kind", "quality")
    page.fill("#consumer_id", "consumer-journey")
    page.fill("#evidence", "https://example.com/photo")
    with page.expect_navigation():
        page.locator("main form button").last.click()
    shown = page.inner_text("main")
    (complaint,) = list(site.client.list_complaints(seller_id=seller))
    assert complaint.complaint_id in shown
    assert complaint.state == complaint_pb2.COMPLAINT_STATE_FILED
    assert site.client.lookup(seller, fully=True).standing.open_complaints == 1

    # A moderator finds it on the desk, with its clocks, and takes it.
    moderator = visit()
    page = log_in(moderator, site.keys["moderator"])
    page.goto(f"{site.url}/console/complaints?seller={seller}")
    page.locator("table a[href*='/complaints/one']").click()
    assert "毛衣起球" in page.inner_text("main")
    page.locator("form:has(input[value=assign]) button").click()
    page.wait_for_load_state()

    # The registrar records what the seller says.
    registrar = visit()
    desk = log_in(registrar, site.keys["registrar"])
    desk.goto(page.url.partition("&done")[0])
    form = desk.locator("form:has(input[name=step][value=answer])")
    if not form.is_visible():
        desk.locator("details", has=form).locator("summary").click()
    form.locator("textarea").fill("已同意退款。")
    form.locator("button").click()
    desk.wait_for_load_state()
    assert desk.locator("form:has(input[name=step][value=resolve])").count() == 0  # not theirs

    # And the moderator ends it, with a strike.
    page.reload()
    form = page.locator("form:has(input[name=step][value=resolve])")
    form.locator("input[name=outcome][value=upheld]").check()
    form.locator("textarea").fill("商品与描述不符，投诉成立，退款。")
    form.locator("select[name=strike_category]").select_option("FALSE_TRADE")
    form.locator("button").click()
    page.wait_for_load_state()
    assert site.client.complaint(complaint.complaint_id).state == complaint_pb2.COMPLAINT_STATE_RESOLVED
    standing = site.client.lookup(seller, fully=True).standing
    assert standing.open_complaints == 0
    assert [(strike.category, strike.count) for strike in standing.strikes] == [("FALSE_TRADE", 1)]


def test_reviews_are_decided_by_keys_alone(site: Site, visit: Callable[..., Visit]) -> None:
    seller = register(site, "journey-review", "91110101MA00000C9")
    for number in (1, 2):
        post = post_pb2.Post(
            id=f"held-{number}", seller_id=seller, channel="storefront", text=f"国家级橙子，{number}0元一斤"
        )
        assert site.client.check(post).verdict.action == verdict_pb2.ACTION_REVIEW
    moderator = visit()
    page = log_in(moderator, site.keys["moderator"])
    queue = f"{site.url}/console/reviews?seller={seller}&order=oldest"
    until(lambda: page.goto(queue) is not None and page.locator("[data-rows] > *").count() == 2, "two are not held")

    # The oldest is taken, looked at, and upheld; the next comes by itself.
    page.keyboard.press("n")
    page.wait_for_url("**/console/reviews/one?**")
    assert "held-1" in page.inner_text("h1")
    assert page.locator(".post mark").count() == 1
    page.keyboard.press("u")
    page.wait_for_function("document.querySelector('h1').textContent.includes('held-2')")

    # Overturned only with a reason: the key leads into the field.
    page.keyboard.press("o")
    assert page.evaluate("document.activeElement.id") == "note"
    page.keyboard.type("“国家级”是品牌名，不是评价")
    page.keyboard.press("Escape")
    page.keyboard.press("o")
    page.wait_for_selector("#regression")
    assert "site.absolute" in page.inner_text("pre")
    until(lambda: len(site.client.lookup(seller, fully=True).standing.strikes) == 1, "the post upheld led to no strike")
