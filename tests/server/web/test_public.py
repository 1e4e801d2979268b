"""The public pages of a real server, as a reader's browser asks for them."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import feedparser
import httpx
import pytest
from running import until

from fairpost.v1 import registry_pb2, seller_event_pb2, standing_pb2

from .conftest import fields_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Pages

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def reader(pages: Pages, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A reader with an address of their own, whom nobody else's requests limit."""
    number = sum(request.node.name.encode()) % 200 + 20
    with pages.reader(f"198.51.100.{number}") as made:
        yield made


def text_of(page: httpx.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


@pytest.fixture(scope="module", autouse=True)
def documents(pages: Pages) -> None:
    law = ["cn.advertising-law/17"]
    pages.publish("seller-rules", "商家守则", "# 总则\n\n第一条 不得宣称治疗。\n", categories=["MEDICAL"], laws=law)
    pages.publish(
        "seller-rules",
        "商家守则",
        "# 总则\n\n第一条 不得宣称能治疗疾病。\n\n| 甲 | 乙 |\n|---|---|\n| 一 | 二 |\n",
        en="Rules for sellers",
        body_en="# General\n\nNo cures.\n",
        note="说得更清楚",
        categories=["MEDICAL"],
        laws=law,
        rules=["medical.0", "gone.rule"],
        effective_from="2026-12-01",
    )
    pages.publish(
        "hostile", HOSTILE, f"{HOSTILE}\n\n[x](javascript:alert(1)) ![y](http://e.example/z.png)", note=HOSTILE
    )
    pages.publish("taken-back", "有误的通知", "内容")
    pages.withdraw("taken-back", "数字写错了")


# ---- every page ---------------------------------------------------------------------------------------------

EVERY = (
    *("/", "/documents", "/documents/seller-rules", "/documents/seller-rules/versions/1", "/documents/hostile"),
    *("/documents/seller-rules/differences", "/documents?q=守", "/documents?kind=regulation&category=MEDICAL"),
    *("/rules", "/rules?category=MEDICAL", "/rules?q=cure", "/rules/medical.0", "/check", "/sellers"),
    *("/sellers?id=seller-1", "/complaints/new"),
)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_is_sound(reader: httpx.Client, language: str) -> None:
    for path in EVERY:
        page = reader.get(path, headers={"Accept-Language": language})
        assert page.status_code == 200, path
        assert page.text.count("<h1") == 1, path
        assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in page.text
        assert "<script>" not in page.text
        assert not re.search(r"<[^>]* (?:style|on\w+)=", page.text), path
        assert not re.search(r"""<(?:script|link|img|form)[^>]*["'](?:https?:)?//""", page.text), path
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["cache-control"] == "private, no-cache"
        assert page.headers["content-language"] == language
        for asset in set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)):
            found = reader.get(asset)
            assert (found.status_code, found.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/documents/nothing", 404),
        ("/documents/NO", 400),
        ("/documents/seller-rules/versions/9", 404),
        ("/documents/seller-rules/differences?from=1&to=9", 404),
        ("/documents?page=forged", 400),
        ("/rules/no.such", 404),
        ("/rules?category=NONE", 404),
        ("/sellers?id=nobody", 404),
        ("/sellers?id=a+b", 422),
        ("/static/0000/site.css", 404),
    ],
)
def test_what_is_not_there(reader: httpx.Client, path: str, status: int) -> None:
    page = reader.get(path)
    assert page.status_code == status
    assert "<h1>" in page.text


def test_a_language_that_was_chosen_stays(reader: httpx.Client) -> None:
    assert "Bulletin" in reader.get("/documents").text
    chosen = reader.get("/documents?lang=zh&q=a%26b")
    assert 'href="/documents?q=a%26b&amp;lang=en"' in chosen.text
    assert "公告" in reader.get("/documents").text
    assert "公告" not in reader.get("/documents?lang=en").text


def test_other_hosts_and_metrics_for_the_public(pages: Pages, reader: httpx.Client) -> None:
    page = reader.get("/", headers={"Host": "evil.example"})
    assert page.status_code == 421
    assert "This server has no pages for the host 'evil.example'; set public_url" in page.text
    assert reader.get("/healthz", headers={"Host": "fairpost.internal"}).status_code == 200
    # Who comes by the proxy is a reader, and metrics are not for those.
    assert reader.get("/metrics").status_code == 404
    assert httpx.get(f"{pages.address}/metrics", headers={"Host": "fairpost.internal"}).status_code == 200


# ---- the bulletin -------------------------------------------------------------------------------------------


def test_lists_and_search(reader: httpx.Client) -> None:
    assert "Rules for sellers" in reader.get("/documents").text
    found = reader.get("/documents", params={"q": "治"}).text
    assert "/documents/seller-rules" in found
    assert "/documents/hostile" not in found
    assert "There is nothing here." in reader.get("/documents", params={"q": "龘"}).text
    assert "taken-back" not in reader.get("/documents").text
    withdrawn = reader.get("/documents?withdrawn=1").text
    assert "/documents/taken-back" in withdrawn
    assert "Withdrawn" in withdrawn
    assert "/documents/seller-rules" in reader.get("/documents?law=cn.advertising-law&rule=medical.0").text
    assert "In Chinese only" in withdrawn


def test_pages_of_a_list_follow_each_other(pages: Pages, reader: httpx.Client) -> None:
    for i in range(25):
        pages.publish(f"page-{i}", f"分页 {i}", "内容", categories=["paging"])
    first = reader.get("/documents?category=paging")
    address = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert address
    second = reader.get(address[1].replace("&amp;", "&"))
    ids = [re.findall(r'href="/documents/(page-\d+)"', page.text) for page in (first, second)]
    assert [len(each) for each in ids] == [20, 5]
    assert len({*ids[0], *ids[1]}) == 25
    assert 'rel="next"' not in second.text


def test_a_document_with_its_history(reader: httpx.Client) -> None:
    page = reader.get("/documents/seller-rules")
    assert "<h1>Rules for sellers</h1>" in page.text
    assert "<h2>General</h2>" in page.text
    assert '<a href="/rules/medical.0">' in page.text
    assert "<code>gone.rule</code>" in page.text
    assert '<a href="/rules/gone.rule">' not in page.text
    assert "Advertising Law of the PRC, Art. 17" in text_of(page)
    assert "1 December 2026" in text_of(page)
    assert '<span lang="zh-CN">说得更清楚</span>' in page.text
    old = reader.get("/documents/seller-rules/versions/1")
    assert "This is not the newest version." in old.text
    assert "There is no English text of this document" in old.text
    assert '<article lang="zh-CN">' in old.text
    withdrawn = reader.get("/documents/taken-back")
    assert "数字写错了" in withdrawn.text


def test_differences_between_versions(reader: httpx.Client) -> None:
    page = reader.get("/documents/seller-rules/differences", params={"lang": "zh"})
    assert "<ins>能</ins>" in page.text
    assert "<ins>疾病</ins>" in page.text
    backwards = reader.get("/documents/seller-rules/differences?from=2&to=1")
    assert "<del>能</del>" in backwards.text
    assert "两版内容相同" in reader.get("/documents/seller-rules/differences?from=1&to=1").text


def test_what_others_write_is_text(reader: httpx.Client) -> None:
    for path in ("/", "/documents", "/documents/hostile", "/documents/hostile/differences", f"/documents?q={HOSTILE}"):
        page = reader.get(path)
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "javascript:" not in page.text.replace("[x](javascript:", "")
    for path in ("/sellers", "/complaints/new", "/rules"):
        page = reader.get(path, params={"id": HOSTILE, "seller": HOSTILE, "q": HOSTILE[:100]})
        assert "<script>alert" not in page.text


def test_addresses_of_feeds_entries_lead_to_documents(reader: httpx.Client) -> None:
    moved = reader.get("/bulletin/seller-rules")
    assert (moved.status_code, moved.headers["location"]) == (308, "/documents/seller-rules")
    assert reader.get("/bulletin").headers["location"] == "/documents"
    assert reader.get("/bulletin/%2F%2Fevil.example").status_code == 404


# ---- feeds --------------------------------------------------------------------------------------------------


def test_feeds_validate_and_are_read_again_cheaply(pages: Pages, reader: httpx.Client) -> None:
    atom = reader.get("/bulletin/feed.atom?lang=en&category=MEDICAL")
    assert atom.headers["content-type"] == "application/atom+xml; charset=utf-8"
    parsed = feedparser.parse(atom.content)
    assert not parsed.bozo
    assert [entry.title for entry in parsed.entries] == ["Rules for sellers"]
    assert parsed.entries[0].link == f"{pages.address}/bulletin/seller-rules"
    content = json.loads(reader.get("/bulletin/feed.json?lang=zh").content)
    titles = [item["title"] for item in content["items"]]
    assert "（已撤回）有误的通知" in titles
    assert content["feed_url"] == f"{pages.address}/bulletin/feed.json?lang=zh"
    tag, changed = atom.headers["etag"], atom.headers["last-modified"]
    path = "/bulletin/feed.atom?lang=en&category=MEDICAL"
    for headers in ({"If-None-Match": tag}, {"If-None-Match": f'"x", W/{tag}'}, {"If-Modified-Since": changed}):
        again = reader.get(path, headers=headers)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for headers in (
        {"If-None-Match": '"other"', "If-Modified-Since": changed},
        {"If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"},
        {"If-Modified-Since": "nonsense"},
    ):
        assert reader.get(path, headers=headers).status_code == 200
    assert feedparser.parse(reader.get("/bulletin/feed.atom?category=none").content).entries == []


# ---- the rules ----------------------------------------------------------------------------------------------


def test_rules_in_force(reader: httpx.Client) -> None:
    overview = reader.get("/rules")
    assert '<a href="/rules?category=MEDICAL">' in overview.text
    page = reader.get("/rules?category=MEDICAL")
    assert text_of(page).count("No cures") == 3
    assert "≥ 0.95" in text_of(page)
    assert "Advertising Law of the PRC, Art. 17" in text_of(page)
    one = reader.get("/rules/medical.0")
    assert "<h1>No cures</h1>" in one.text


# ---- a post is checked --------------------------------------------------------------------------------------


def send(reader: httpx.Client, text: str, **fields: str) -> httpx.Response:
    form = fields_of(reader.get("/check")) | {"text": text} | fields
    return reader.post("/check", data=form)


def test_a_post_is_checked(reader: httpx.Client) -> None:
    page = send(reader, "这款茶根治\r\n糖尿病，30元")
    assert page.status_code == 200
    assert "Refused" in page.text
    assert '<mark>根治</mark><sup><a href="#reason-1"' in page.text
    assert "\n糖尿病，30元</div>" in page.text
    assert '<a href="/rules/medical.0">' in page.text
    assert '<span lang="en">Advertising Law of the PRC, Art. 17</span>' in page.text
    fine = send(reader, "手工辣椒酱")
    assert "Fine to publish" in fine.text
    assert "<mark>" not in fine.text
    hostile = send(reader, f"根治{HOSTILE}</textarea><script>alert(2)</script>")
    assert "<script>alert" not in hostile.text
    assert hostile.text.count("</textarea>") == 1
    form = fields_of(reader.get("/check?lang=zh")) | {"text": "根治糖尿病"}
    in_chinese = reader.post("/check?lang=zh", data=form)
    assert "第十七条</span>" in in_chinese.text


def test_nothing_is_recorded_of_a_check(pages: Pages, reader: httpx.Client) -> None:
    running = pages.running
    before = running.client.lookup("seller-1")
    send(reader, "根治了我的烦恼", seller_id="seller-1")
    assert running.client.lookup("seller-1") == before
    running.client.check("平台自己的帖子")
    folder = running.data_dir.with_name("decisions")

    def logged() -> str:
        return "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file())

    until(lambda: "平台自己的帖子" in logged(), "the decision log has not got the platform's own post")
    assert "烦恼" not in logged()


def test_the_words_to_change(reader: httpx.Client) -> None:
    """Of what a rule went by those without which it would not fire; and what would come of the post without them."""
    page = send(reader, "这款特效茶，cure，30元")
    assert "Held for review" in page.text or "Visible to its author only" in page.text
    assert re.findall("<mark>(.*?)</mark>", page.text) == ["特效", "cure"]
    assert "Without all the words that are marked the result would be: <strong>Fine to publish</strong>" in page.text


@pytest.mark.parametrize(
    ("text", "status", "why"),
    [
        ("", 422, "Please fill in the text first."),
        (" \n ", 422, "Please fill in the text first."),
        ("长" * 20_001, 422, "It has 20001 characters; at most 20000 are taken."),
        ("长" * 40_000, 413, "What was sent is larger than allowed."),
    ],
)
def test_a_post_that_cannot_be_checked(reader: httpx.Client, text: str, status: int, why: str) -> None:
    page = send(reader, text)
    assert page.status_code == status
    assert why in page.text


def test_forms_of_others_are_not_taken(pages: Pages, reader: httpx.Client) -> None:
    token = fields_of(reader.get("/check"))["form_token"]
    good = {"form_token": token, "text": "根治"}

    def sent(fields: dict[str, str] = good, /, **headers: str) -> tuple[int, str]:
        page = reader.post("/check", data=fields, headers={k.replace("_", "-"): v for k, v in headers.items()})
        return page.status_code, page.text

    assert sent(origin=pages.address, sec_fetch_site="same-origin")[0] == 200
    foreign = "This form was not sent from this site, and nothing was done."
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site", "origin": pages.address},
        {"sec_fetch_site": "same-site"},
        {"origin": pages.address.replace("http:", "https:")},
    ):
        status, page = sent(**headers)
        assert (status, foreign in page) == (403, True), headers
    for fields in (
        {"text": "根治"},
        good | {"form_token": ""},
        good | {"form_token": "无"},
        good | {"form_token": token[:-1] + ("0" if token[-1] != "0" else "1")},
    ):
        status, page = sent(fields)
        assert (status, "The form is good no longer" in page) == (403, True)
    with pages.reader("198.51.100.9") as other:
        assert other.post("/check", data=good).status_code == 403  # without the cookie
        other.get("/check")
        assert other.post("/check", data=good).status_code == 403  # with another one
    kinds = (b"{}", "application/json"), (b"text=a", "text/plain"), (b"--x--", "multipart/form-data; boundary=x")
    for content, kind in kinds:
        assert reader.post("/check", content=content, headers={"Content-Type": kind}).status_code == 415
    assert reader.put("/check").status_code == 405


def test_the_forms_cookie(pages: Pages) -> None:
    with pages.reader("198.51.100.8") as reader:
        plain = reader.get("/check").headers["set-cookie"]
        assert re.fullmatch(r"fairpost-form=[0-9a-f]{64}; HttpOnly; Path=/; SameSite=strict", plain)
        assert "set-cookie" not in reader.get("/check").headers
        secure = reader.get("/check", headers={"X-Forwarded-Proto": "https"})
        assert re.fullmatch(
            r"__Host-fairpost-form=[0-9a-f]{64}; HttpOnly; Path=/; SameSite=strict; Secure",
            secure.headers["set-cookie"],
        )
        assert secure.headers["strict-transport-security"] == "max-age=31536000"


def test_one_clients_flood_is_limited_and_others_are_served(pages: Pages) -> None:
    """A hundred checks a second from one address: nearly all are refused, and another reader does not notice."""
    statuses: list[int] = []
    retry: list[str] = []
    with pages.reader("203.0.113.66") as one, pages.reader("203.0.113.77") as other:
        form = fields_of(one.get("/check")) | {"text": "根治" * 500}
        theirs = fields_of(other.get("/check")) | {"text": "根治"}

        def flood() -> None:
            with pages.reader("203.0.113.66") as mine:
                mine.cookies.update(one.cookies)
                for _ in range(50):
                    page = mine.post("/check", data=form)
                    statuses.append(page.status_code)
                    if page.status_code == 429:
                        retry.append(page.headers["retry-after"])

        threads = [threading.Thread(target=flood) for _ in range(4)]
        for thread in threads:
            thread.start()
        waited: list[float] = []
        while any(thread.is_alive() for thread in threads) and len(waited) < 10:
            begun = time.monotonic()
            assert other.post("/check", data=theirs).status_code == 200
            waited.append(time.monotonic() - begun)
        for thread in threads:
            thread.join()
    assert set(statuses) == {200, 429}
    assert statuses.count(429) > 150
    assert set(retry) <= {"1"}
    assert sorted(waited)[len(waited) // 2] < 1.0


# ---- sellers ------------------------------------------------------------------------------------------------


def record(pages: Pages, seller_id: str, **change: Any) -> None:
    event = seller_event_pb2.SellerEvent(actor="li", reason="内部理由", **change)
    pages.running.client.call("RecordEvent", registry_pb2.RecordEventRequest(seller_id=seller_id, event=event))


def test_what_is_public_of_a_seller(pages: Pages, reader: httpx.Client, registration: Any) -> None:
    page = text_of(reader.get("/sellers?id=seller-1"))
    for word in ("Registered and valid", "Food sales", "Decisions made public by law None"):
        assert word in page
    assert "示例市食品有限公司" not in page  # not in a lookup: who it is stands in the record alone
    for seller_id, enforcement in (
        ("limited", standing_pb2.ENFORCEMENT_LIMITED),
        ("suspended", standing_pb2.ENFORCEMENT_SUSPENDED),
    ):
        pages.running.client.call("RegisterSeller", registration(seller_id))
        record(pages, seller_id, enforcement=seller_event_pb2.EnforcementChange(state=enforcement))
    limited = text_of(reader.get("/sellers?id=limited"))
    assert "Decisions made public by law None" in limited
    suspended = text_of(reader.get("/sellers?id=suspended"))
    assert "The platform has suspended its services to this seller." in suspended
    assert "内部理由" not in limited + suspended


# ---- complaints ---------------------------------------------------------------------------------------------

COMPLAINT = {
    "seller_id": "seller-1",
    "kind": "return",
    "statement": "不给退货\r\n也不回复",
    "consumer_id": "buyer-7",
    "consumer_contact": "buyer@example.com",
    "received_on": "2026-01-31",
    "evidence": "https://example.com/1\r\n\r\nhttps://example.com/2",
}


def test_a_complaint_is_filed_once(pages: Pages, reader: httpx.Client) -> None:
    form = fields_of(reader.get("/complaints/new?seller=seller-1")) | COMPLAINT
    page = reader.post("/complaints/new", data=form)
    assert page.status_code == 200
    (complaint_id,) = re.findall(r"<code>([0-9a-f]+)</code>", page.text)
    assert "The seller&#39;s answer" in page.text
    assert "buyer@example.com" not in page.text
    again = reader.post("/complaints/new", data=form)
    assert complaint_id in again.text
    kept = pages.running.client.call("GetComplaint", _get_complaint(complaint_id)).complaint
    assert (kept.statement, kept.consumer_id) == ("不给退货\n也不回复", "buyer-7")
    assert list(kept.evidence) == ["https://example.com/1", "https://example.com/2"]


def _get_complaint(complaint_id: str) -> Any:
    from fairpost.v1 import complaint_pb2

    return complaint_pb2.GetComplaintRequest(complaint_id=complaint_id)


@pytest.mark.parametrize(
    ("wrong", "field", "why"),
    [
        ({"seller_id": ""}, "seller_id", "This is required."),
        ({"seller_id": "nobody"}, "seller_id", "No seller is registered under this id."),
        ({"kind": "nonsense"}, "kind", "This is required."),
        ({"received_on": ""}, "received_on", "This is required."),
        ({"received_on": "2999-01-01"}, "received_on", "is in the future"),
        ({"consumer_id": "张 三"}, "consumer_id", "must be visible ASCII characters"),
        ({"statement": "长" * 4001}, "statement", "It has 4001 characters; at most 4000 are taken."),
        ({"evidence": "x\n" * 21}, "evidence", "at most 20"),
    ],
)
def test_a_complaint_with_faults(pages: Pages, wrong: dict[str, str], field: str, why: str) -> None:
    with pages.reader(f"2001:db8:{abs(hash(field)) % 9000}:{len(why)}::1") as reader:
        form = fields_of(reader.get("/complaints/new")) | COMPLAINT | wrong
        page = reader.post("/complaints/new", data=form)
        assert page.status_code == 422
        (fault,) = re.findall(rf'<p class="fault" id="{field}-fault">(.*?)</p>', page.text)
        assert why in fault
        assert "buyer@example.com" in page.text  # what was filled in is still there
        # The same in Chinese, whoever found the fault.
        page = reader.post("/complaints/new?lang=zh", data=form)
        (fault,) = re.findall(rf'<p class="fault" id="{field}-fault">(.*?)</p>', page.text)
        assert re.search("[\u4e00-\u9fff]", fault)
        assert not re.search("[a-z]{2,} [a-z]{2,}", fault), fault
