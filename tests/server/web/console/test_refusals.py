"""What is refused is told in the reader's language: at the top, at the fields, and on pages of its own."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import pytest

from fairpost.server.web.rendering import url_of

if TYPE_CHECKING:
    from collections.abc import Callable

ENGLISH = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}")
"""Words beside one another."""


def told(page: Any) -> list[str]:
    """What a page says of a refusal."""
    found = re.findall(r'<div class="notice bad" role="alert"[^>]*>(.*?)</div>', page.text, re.DOTALL)
    found += re.findall(r'<p class="fault"[^>]*>(.*?)</p>', page.text)
    return [html.unescape(re.sub("<[^>]*>", "", text)).strip() for text in found]


@pytest.fixture(scope="module")
def seller(console_server: Any, registration: Callable[..., Any]) -> str:
    console_server.client.register(registration("refusals"))
    return "refusals"


@pytest.mark.parametrize(
    ("language", "phone", "code"),
    [
        ("zh", "应为 5 到 20 位数字", "末位是 '4'，按前 17 位计算的校验码是 '3'（GB 32100-2015）"),
        ("en", "must be 5 to 20 digits", "after these 17 characters the check character is '3' (GB 32100-2015)"),
    ],
)
def test_at_the_fields(browser: Callable[..., Any], language: str, phone: str, code: str) -> None:
    staff = browser("registrar", language)
    staff.get("/console/sellers/new")
    fields = {"id": "x", "kind": "enterprise", "name": " ", "credit_code": "91350100M000100Y44", "phone": "1"}
    page = staff.post("/console/sellers/new", **fields)
    assert page.status_code == 400
    found = told(page)
    assert sum(phone in text for text in found) == 2, "at the top and at the field"
    assert sum(code in text for text in found) == 2
    assert any(ENGLISH.search(text) for text in found) == (language == "en"), found
    for name in ("phone", "credit_code", "name"):
        field = re.search(f'<(?:input|select)[^>]* name="{name}"[^>]*>', page.text)
        assert field is not None
        described = re.search('aria-describedby="([^"]*)"', field[0])
        assert described is not None
        for each in described[1].split():
            assert f'id="{each}"' in page.text


@pytest.mark.parametrize(
    ("language", "taken", "stale"),
    [
        ("zh", "refusals 已经登记过", "经营者的资料现在是版本"),
        ("en", "refusals is registered already", "somebody else has changed it meanwhile"),
    ],
)
def test_at_the_top(browser: Callable[..., Any], seller: str, language: str, taken: str, stale: str) -> None:
    staff = browser("all", language)
    staff.get("/console/sellers/new")
    fields = {"kind": "enterprise", "name": "x", "credit_code": "91350100M000100Y43", "categories": "tea"}
    page = staff.post("/console/sellers/new", id=seller, **fields)
    assert page.status_code == 409
    (found,) = told(page)
    assert taken in found.replace("'", "")
    staff.get(url_of("/console/sellers/file", id=seller))
    event = url_of("/console/sellers/file/event", id=seller)
    old = staff.forms()[event] | {"kind": "enforcement", "state": "warned", "reason": "x"}
    staff.post(event, kind="enforcement", state="warned", reason="再次违规")
    page = staff.http.post(event, data=old | {"request_id": f"stale-{language}"})
    assert page.status_code == 409
    (found,) = told(page)
    assert stale in found
    assert bool(ENGLISH.search(found)) == (language == "en"), found


@pytest.mark.parametrize(
    ("path", "language", "text"),
    [
        ("/console/complaints/one?id=none", "zh", "没有编号为 'none' 的投诉"),
        ("/console/complaints/one?id=none", "en", "no complaint 'none' is here"),
        ("/console/sellers/file?id=nobody", "zh", "没有编号为 'nobody' 的经营者登记在此"),
        ("/console/appeals/one?id=none", "zh", "没有编号为 'none' 的申诉"),
        ("/console/reviews/one?id=none", "zh", "没有编号为 'none' 的待审帖子"),
        ("/console/bulletin/document?id=none", "zh", "公告中没有 'none'"),
    ],
)
def test_on_pages_of_their_own(browser: Callable[..., Any], path: str, language: str, text: str) -> None:
    page = browser("all", language).get(path)
    assert page.status_code == 404
    (found,) = told(page)
    assert text in found
    assert 'href="/console/complaints"' in page.text, "one goes on in the console"
