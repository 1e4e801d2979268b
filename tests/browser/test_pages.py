"""Each page, in the browser: it loads without an error, says what it is, fits a phone, and axe-core finds nothing
serious in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browser.pages import CONSOLE, PUBLIC, Place, log_in
from browser.visits import PHONE, WIDE, Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import ThreadPoolExecutor

    from browser.site import Site
    from playwright.sync_api import Browser, Page

PLACES = [*((place, "") for place in PUBLIC), *((place, "all") for place in CONSOLE)]
NAMES = [f"{'console-' if role else ''}{place.name}" for place, role in PLACES]


@pytest.fixture(scope="module")
def regulars(browser: Browser, browser_thread: ThreadPoolExecutor, site: Site) -> Iterator[Callable[..., Visit]]:
    """Visitors who go from page to page, one for each kind."""
    known: dict[tuple[object, ...], Visit] = {}

    def regular(role: str, size: tuple[int, int], language: str, dark: bool = False) -> Visit:
        kind = (role, size, language, dark)
        if kind not in known:
            known[kind] = Visit(browser, site.url, size=size, language=language, dark=dark)
            if role:
                log_in(known[kind], site.keys[role])
        return known[kind]

    yield regular
    for visit in known.values():
        browser_thread.submit(visit.close).result()


def look_at(visit: Visit, site: Site, place: Place, language: str, *, axe: bool = True) -> Page:
    """What holds for every page. axe: whether axe-core looks at it, too."""
    visit.faults.clear()
    page = place.open(visit, site)
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("h1").count() == 1, page.locator("h1").all_inner_texts()
    assert page.title().strip(" ·")
    wide = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1], f"the page is {wide[0]} pixels wide, the screen {wide[1]}"
    assert not axe or not visit.violations()
    assert not visit.unexpected()
    return page


@pytest.mark.parametrize(("place", "role"), PLACES, ids=NAMES)
def test_on_a_phone_in_chinese(
    place: Place, role: str, site: Site, regulars: Callable[..., Visit], browser_thread: ThreadPoolExecutor
) -> None:
    look_at(regulars(role, PHONE, "zh-CN"), site, place, "zh-CN", axe=not role)


@pytest.mark.parametrize(("place", "role"), PLACES, ids=NAMES)
def test_on_a_screen_in_english_and_dark(
    place: Place, role: str, site: Site, regulars: Callable[..., Visit], browser_thread: ThreadPoolExecutor
) -> None:
    page = look_at(regulars(role, WIDE, "en-GB", True), site, place, "en")
    # What says nothing in English is marked as Chinese, for screen readers.
    unmarked = page.evaluate(UNMARKED)
    assert not unmarked


UNMARKED = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (/[\\u4e00-\\u9fff]{2,}/.test(node.data) && !node.parentElement.closest('[lang^=zh], textarea, script'))
      found.push(node.parentElement.outerHTML.slice(0, 200));
  }
  return found.slice(0, 10);
}"""


def test_the_keyboard_reaches_the_main_part_first(visit: Callable[..., Visit]) -> None:
    page = visit().go("/")
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.get_attribute("href") == "#main"
    box = skip.bounding_box()
    assert box
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_reader_changes_the_language_and_keeps_it(visit: Callable[..., Visit]) -> None:
    page = visit(language="zh-CN").go("/")
    page.get_by_role("link", name="English").click()
    page.wait_for_load_state()
    assert page.locator("html").get_attribute("lang") == "en"
    page.goto(page.url.partition("?")[0])
    assert page.locator("html").get_attribute("lang") == "en"


def test_public_pages_need_no_javascript(visit: Callable[..., Visit]) -> None:
    visitor = visit(javascript=False)
    page = visitor.go("/")
    page.locator("a[href='/documents']").first.click()
    page.fill("[name=q]", "退货")
    page.locator("form[role=search] button").click()
    page.get_by_role("link", name="七日无理由退货").click()
    assert page.locator("article .prose").is_visible()
    page = visitor.go("/check")
    page.fill("#text", "祖传膏方，根治湿疹")
    page.locator("main form button").click()
    assert page.locator("mark").count() >= 1
    page = visitor.go("/rules")
    page.locator("main .card a").first.click()
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize(
    ("role", "at", "offered", "withheld"),
    [
        ("auditor", "sellers", ["audit", "sellers"], ["bulletin/edit", "sellers/new"]),
        ("publisher", "bulletin", ["bulletin/edit", "rules"], ["audit", "complaints"]),
        ("checker", "rules", ["rules"], ["sellers", "audit", "reviews"]),
    ],
)
def test_nobody_is_offered_what_they_may_not_do(
    site: Site, visit: Callable[..., Visit], role: str, at: str, offered: list[str], withheld: list[str]
) -> None:
    """And asked for all the same, it is refused."""
    staff = visit()
    page = log_in(staff, site.keys[role])
    seen = page.evaluate(LINKS)
    page.goto(f"{site.url}/console/{at}")
    seen += page.evaluate(LINKS)
    for path in offered:
        assert f"/console/{path}" in seen, (path, seen)
    for path in withheld:
        assert f"/console/{path}" not in seen
        assert "403" in staff.go(f"/console/{path}", status=403).inner_text("main")


LINKS = """[...document.querySelectorAll('a[href^="/console"]')].map((link) => link.getAttribute("href"))"""
