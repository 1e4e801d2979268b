"""Every page of the site, by name: what is loaded, judged for accessibility and pictured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable

    from browser.site import Site
    from browser.visits import Visit
    from playwright.sync_api import Page

__all__ = ["CONSOLE", "PUBLIC", "Place", "log_in"]


@dataclass(frozen=True)
class Place:
    """A page. path: its address, or what makes it from the site; then: what is done there before it is looked at."""

    name: str
    path: str | Callable[[Site], str]
    then: Callable[[Page], None] = lambda page: None
    status: int = 200
    fault: str = ""
    """A failed request that belongs to it, as a pattern."""
    pictured: bool = True

    def open(self, visit: Visit, site: Site) -> Page:
        path = self.path if isinstance(self.path, str) else self.path(site)
        if self.fault:
            visit.expect_fault(self.fault)
        page = visit.go(path, status=self.status)
        self.then(page)
        return page

    def __str__(self) -> str:
        return self.name


def send(**fields: str) -> Callable[[Page], None]:
    """Fill in a page's form and send it."""

    def then(page: Page) -> None:
        for name, value in fields.items():
            field = page.locator(f"main form [name={name}]")
            if field.evaluate("field => field.localName") == "select":
                field.select_option(value)
            else:
                field.fill(value)
        with page.expect_navigation():
            page.locator("main form button").last.click()

    return then


_BAD_POST = "祖传膏方，根治湿疹，三盒包邮九十九元，全网第一，要的加微信"
_COMPLAINT = {
    "seller_id": "seller-brand",
    "kind": "quality",
    "statement": "鞋底开胶，商家不肯换。",
    "consumer_id": "consumer-77",
}

PUBLIC: list[Place] = [
    Place("home", "/"),
    Place("documents", "/documents"),
    Place("search", "/documents?q=退货", pictured=False),
    Place("document", "/documents/seller-rules"),
    Place("old-version", "/documents/seller-rules/versions/1", pictured=False),
    Place("differences", "/documents/seller-rules/differences?to=2"),
    Place("withdrawn", "/documents/night-maintenance"),
    Place("chinese-only", "/documents/licence-renewal", pictured=False),
    Place("rule-change", "/documents/quantum-change"),
    Place("rules", "/rules"),
    Place("rules-of-category", "/rules?category=MEDICAL"),
    Place("rule", lambda site: f"/rules/{site.rule}"),
    Place("check", "/check"),
    Place("verdict", "/check", send(text=_BAD_POST)),
    Place("clean-verdict", "/check", send(text="今早摘的草莓，两斤三十五元，坏果补发"), pictured=False),
    Place("sellers", "/sellers"),
    Place("seller", "/sellers?id=seller-food"),
    Place("blacklisted-seller", "/sellers?id=seller-blacklisted"),
    Place("unknown-seller", "/sellers?id=seller-unknown", status=404, pictured=False),
    Place("complaint", "/complaints/new?seller=seller-brand"),
    Place("complaint-filed", "/complaints/new", send(**_COMPLAINT)),
    Place(
        "complaint-at-fault",
        "/complaints/new",
        send(**(_COMPLAINT | {"seller_id": "nobody"})),
        fault="422",
        pictured=False,
    ),
    Place("login", "/console/login"),
    Place("not-found", "/nowhere", status=404, pictured=False),
]


def _console(path: str, **query: Callable[[Site], object] | object) -> Callable[[Site], str]:
    """An address of the console, whose query is made from the site."""

    def made(site: Site) -> str:
        given = {name: value(site) if callable(value) else value for name, value in query.items()}
        return f"/console/{path}?{urlencode(given)}"

    return made


def _review(site: Site) -> str:
    return next(each for each in site.reviews() if each.seller_id).review_id


def _complaint(site: Site) -> str:
    return next(site.client.list_complaints(seller_id="seller-food")).complaint_id


def _appeal(seller_id: str) -> Callable[[Site], str]:
    return lambda site: next(site.client.list_appeals(seller_id=seller_id)).appeal_id


def _appealable(site: Site) -> int:
    return next(each for each in site.client.events("seller-suspended") if each.appeal_until).sequence


CONSOLE: list[Place] = [
    Place("overview", "/console"),
    Place("reviews", "/console/reviews"),
    Place("review", _console("reviews/one", id=_review)),
    Place("complaints", "/console/complaints"),
    Place("complaint", _console("complaints/one", id=_complaint)),
    Place("new-complaint", _console("complaints/new", seller="seller-food"), pictured=False),
    Place("appeals", "/console/appeals?state=all"),
    Place("appeal", _console("appeals/one", id=_appeal("seller-new"))),
    Place("decided-appeal", _console("appeals/one", id=_appeal("seller-farmer")), pictured=False),
    Place("new-appeal", _console("appeals/new", seller="seller-suspended", against=_appealable)),
    Place("sellers", "/console/sellers"),
    Place("seller", _console("sellers/file", id="seller-strikes")),
    Place("seller-edit", _console("sellers/edit", id="seller-food"), pictured=False),
    Place("new-seller", "/console/sellers/new"),
    Place("rules", "/console/rules"),
    Place("comparison", _console("rules/compare", revision=lambda site: site.candidate)),
    Place("shadow", "/console/rules/shadow"),
    Place("bulletin", "/console/bulletin"),
    Place("document", _console("bulletin/document", id="seller-rules")),
    Place("editor", _console("bulletin/edit", id="clean-posts")),
    Place("deliveries", "/console/bulletin/deliveries"),
    Place("audit", "/console/audit"),
]


def log_in(visit: Visit, key: str) -> Page:
    """Log a visitor in to the console, by an API key."""
    page = visit.go("/console/login")
    page.fill("#key", key)
    page.locator("form[action='/console/login'] button").click()
    return page
