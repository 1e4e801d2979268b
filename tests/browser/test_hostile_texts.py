"""Texts of people who mean ill, wherever a page shows a text of others: shown as written, and nothing of them run."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from browser import hostile
from browser.pages import log_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from browser.site import Site
    from browser.visits import Visit
    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def planted(site: Site) -> hostile.Planted:
    return hostile.plant(site.client)


def unharmed(visit: Visit, page: Page, *, shows: bool = True) -> None:
    """The page is as the server made it, with the text on it. A script that the policy stopped is a fault, too."""
    assert not hostile.attacked(page), page.url
    text = page.content() if not shows else page.inner_text("main") + "".join(values(page))
    assert hostile.MARK in text or not shows, f"{page.url}: the hostile text is not on the page"
    assert "1337" not in page.inner_text("main"), f"{page.url}: a template in a text was filled in"
    assert not visit.unexpected()


def values(page: Page) -> list[str]:
    found: list[str] = page.evaluate("[...document.querySelectorAll('input, textarea')].map((field) => field.value)")
    return found


def test_public_pages_show_hostile_texts_unharmed(planted: hostile.Planted, visit: Callable[..., Visit]) -> None:
    visitor = visit(language="en-GB")
    document = f"/documents/{planted.document}"
    for path in (document, f"{document}?number=1", "/documents", f"/documents/{planted.withdrawn}"):
        unharmed(visitor, visitor.go(path))
    unharmed(visitor, visitor.go("/"))


def test_what_a_reader_typed_comes_back_unharmed(planted: hostile.Planted, visit: Callable[..., Visit]) -> None:
    visitor = visit()
    typed = hostile.SCRIPT
    unharmed(visitor, visitor.go(f"/documents?{urlencode({'query': typed[:100]})}"), shows=False)
    page = visitor.go("/check")
    page.locator("main textarea").first.fill(f"根治湿疹 {typed}")
    page.locator("main form button").last.click()
    page.wait_for_load_state()
    unharmed(visitor, page)
    assert page.locator("mark").count() >= 1
    visitor.expect_fault("400|404|409")
    for path in ("/sellers", "/complaints/new"):
        query = urlencode({"seller": planted.seller, "seller_id": planted.seller, "id": planted.seller})
        page = visitor.page
        page.goto(f"{visitor.url}{path}?{query}")
        unharmed(visitor, page, shows=False)


def test_feeds_carry_hostile_texts_as_texts(planted: hostile.Planted, site: Site) -> None:
    import feedparser
    import httpx

    for path in ("/bulletin/feed.atom", "/bulletin/feed.json"):
        answer = httpx.get(site.url + path, timeout=20)
        assert answer.status_code == 200
        assert "script" not in answer.headers["Content-Type"]
        assert "html" not in answer.headers["Content-Type"]
        if path.endswith("atom"):
            found = feedparser.parse(answer.text)
            assert not found.bozo
            assert any(hostile.MARK in entry.title for entry in found.entries)


def test_the_console_shows_hostile_texts_unharmed(
    planted: hostile.Planted, site: Site, visit: Callable[..., Visit]
) -> None:
    staff = visit()
    page = log_in(staff, site.keys["all"])
    seller = urlencode({"id": planted.seller})
    held = site.reviews(seller_id=planted.seller)[0]
    shown = {
        f"/console/sellers?{urlencode({'query': planted.seller})}": True,
        f"/console/sellers/file?{seller}": True,
        f"/console/sellers/edit?{seller}": True,
        f"/console/complaints?{urlencode({'state': 'all', 'seller': planted.seller})}": True,
        f"/console/complaints/one?id={planted.complaint}": True,
        f"/console/complaints/new?{urlencode({'seller': planted.seller})}": False,
        f"/console/appeals?{urlencode({'state': 'all', 'seller': planted.seller})}": True,
        f"/console/appeals/one?id={planted.appeal}": True,
        f"/console/reviews?{urlencode({'seller': planted.seller})}": True,
        f"/console/reviews/one?id={held.review_id}": True,
        "/console/bulletin": True,
        f"/console/bulletin/document?id={planted.document}": True,
        f"/console/bulletin/document?id={planted.withdrawn}": True,
        f"/console/bulletin/edit?id={planted.document}": True,
        f"/console/audit?{urlencode({'actor': hostile.SCRIPT[:100]})}": False,
        "/console": False,
    }
    for path, shows in shown.items():
        page = staff.go(path)
        unharmed(staff, page, shows=shows)


def test_the_preview_of_a_hostile_document_is_unharmed(site: Site, visit: Callable[..., Visit]) -> None:
    staff = visit()
    page = log_in(staff, site.keys["publisher"])
    page.goto(f"{site.url}/console/bulletin/edit")
    page.fill("#title_zh", hostile.SCRIPT[:150])
    page.fill("#body_zh", hostile.MARKDOWN)
    page.locator("button[value=preview]").click()
    page.locator("#preview", has_text=hostile.MARK).wait_for()
    unharmed(staff, page)
    assert page.locator("#preview a[href^='javascript'], #preview img, #preview script").count() == 0


# ---- pages of other sites ---------------------------------------------------------------------------------


def test_another_site_can_neither_frame_a_page_nor_send_its_forms(site: Site, visit: Callable[..., Visit]) -> None:
    """In the browser of somebody who is logged in."""
    staff = visit()
    page = log_in(staff, site.keys["moderator"])
    complaint = next(site.client.list_complaints(states=[1]))
    evil = "http://evil.example/"
    target = f"{site.url}/console/complaints/one?id={complaint.complaint_id}"
    attack = f"""<!doctype html><title>x</title><iframe src="{target}"></iframe>
    <form method="post" action="{target}"><input name="step" value="withdraw"></form>"""
    staff.context.route(f"{evil}**", lambda route: route.fulfill(content_type="text/html", body=attack))
    staff.expect_fault("evil.example|frame|403|401|ERR_BLOCKED_BY_RESPONSE|ERR_BLOCKED")
    page.goto(evil)
    frame = page.frames[1]
    assert complaint.complaint_id not in frame.content()
    with page.expect_navigation():
        page.evaluate("document.forms[0].submit()")
    assert page.url.startswith(site.url)
    assert complaint.complaint_id not in page.inner_text("main")
    assert site.client.complaint(complaint.complaint_id).state == complaint.state
