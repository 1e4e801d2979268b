# ruff: noqa: E501 - tables read better in long lines
"""Markdown as HTML, feeds and e-mail: what hostile texts become, and what other people's readers make of it."""

from __future__ import annotations

import email
import email.policy
import html.parser
import json
import xml.etree.ElementTree as ET
from typing import Any

import feedparser
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.strategies import examples

from fairpost.server.bulletin.feeds import Feed, atom, json_feed
from fairpost.server.bulletin.html import html_of, summary_of
from fairpost.server.bulletin.mail import mail
from fairpost.v1 import bulletin_pb2

PUBLIC, WITHDRAWN = bulletin_pb2.DOCUMENT_STATE_PUBLIC, bulletin_pb2.DOCUMENT_STATE_WITHDRAWN
REGULATION = bulletin_pb2.DOCUMENT_KIND_REGULATION
ALLOWED = {"a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"}  # fmt: skip
ATTRIBUTES = {
    ("a", "href"),
    ("a", "rel"),
    ("a", "title"),
    ("ol", "start"),
    ("code", "class"),
    ("td", "style"),
    ("th", "style"),
}


def document(name: str = "rules", **fields: Any) -> bulletin_pb2.Document:
    made = bulletin_pb2.Document(document_id=name, number=1, kind=REGULATION, state=PUBLIC)
    made.content.title.zh, made.content.title.en = fields.get("zh", "守则 & <规>"), fields.get("en", "Rules & <more>")
    made.content.body.zh = fields.get(
        "body", "# 守则\n\n第一段 **重要** [链接](https://example.com/?a=1&b=2)\n\n第二段"
    )
    made.content.body.en = fields.get("body_en", "One.\n\nTwo <script>alert(1)</script>")
    made.content.categories.extend(["food", "MEDICAL"])
    made.first_published_at.FromMilliseconds(1_800_000_000_000)
    made.published_at.FromMilliseconds(1_800_000_500_000)
    if fields.get("withdrawn"):
        made.state = WITHDRAWN
        made.withdrawn_at.FromMilliseconds(1_800_000_900_000)
        made.withdrawal_reason = "有误 <b>"
    return made


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")


def harmless(markup: str) -> list[tuple[str, list[tuple[str, str | None]]]]:
    """The tags of a fragment, none of which may do anything."""
    parser = Tags()
    parser.feed(markup)
    parser.close()
    for tag, attributes in parser.seen:
        assert tag in ALLOWED, markup
        for name, value in attributes:
            assert (tag, name) in ATTRIBUTES, markup
            if name == "href":
                assert value is not None
                assert value.lower().startswith(("http://", "https://", "mailto:")), markup
    return parser.seen


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a <b onmouseover=alert(1)>b</b>",
    "<!-- x --><!doctype html>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](//evil.example/)",
    "[x](/admin)",
    "[x](file:///etc/passwd)",
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "![x](https://evil.example/pixel.png)",
    "![x](javascript:alert(1))",
    '[x](https://e.com "a\\" onclick=\\"alert(1)")',
    '[x](https://e.com/"onclick="alert(1))',
    "`<script>`",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    '```" onclick="alert(1)\nx\n```',
    "| a |\n|---|\n| <script> |",
    "[a](https://e.com)[b](<javascript:alert(1)>)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "[" * 500 + "x" + "](https://e.com)" * 500,
    "> " * 2000 + "x",
    "*" * 20_000,
    "\x00\u202e",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_do_nothing(text: str) -> None:
    harmless(html_of(text))
    assert len(summary_of(text)) <= 200


@examples(300)
@given(st.lists(st.sampled_from([*"<>[]()`*_#&;:!\"'\\/\n -|x", "script", "javascript:", "https://", "onload=", "](", "![", "&#x3c;", "<a href="]), max_size=25).map("".join))  # fmt: skip
def test_no_text_does_anything(text: str) -> None:
    harmless(html_of(text))
    summary_of(text)


def test_markdown() -> None:
    made = html_of("# A\n\n- **b** `c`\n\n[d](https://e.com 'f')\n\n<mailto:g@h.com>\n\n| i |\n|:-:|\n| j |\n")
    assert made == (
        "<h1>A</h1>\n<ul>\n<li><strong>b</strong> <code>c</code></li>\n</ul>\n"
        '<p><a href="https://e.com" title="f" rel="nofollow noopener noreferrer">d</a></p>\n'
        '<p><a href="mailto:g@h.com" rel="nofollow noopener noreferrer">mailto:g@h.com</a></p>\n'
        '<table>\n<thead>\n<tr>\n<th style="text-align:center">i</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n'
        '<td style="text-align:center">j</td>\n</tr>\n</tbody>\n</table>\n'
    )
    assert summary_of("# A\n\n\n**b** `c`\nd [e](https://f.com)\n\ng") == "b c d e"
    assert summary_of("字" * 300) == "字" * 199 + "…"
    assert summary_of("# only a heading") == ""


# ---- feeds ---------------------------------------------------------------------------------------------------

# https://www.jsonfeed.org/version/1.1/, as far as it is required or used here.
SCHEMA = {
    "type": "object",
    "required": ["version", "title", "items"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "title": {"type": "string", "minLength": 1},
        "home_page_url": {"type": "string", "format": "uri"},
        "feed_url": {"type": "string", "format": "uri"},
        "language": {"enum": ["zh", "en"]},
        "authors": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "content_html"],
                "additionalProperties": False,
                "properties": {
                    "id": {"type": "string", "pattern": "^urn:uuid:[0-9a-f-]{36}$"},
                    "url": {"type": "string", "format": "uri"},
                    "title": {"type": "string"},
                    "content_html": {"type": "string"},
                    "summary": {"type": "string"},
                    "date_published": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
                    "date_modified": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "language": {"enum": ["zh", "en"]},
                },
            },
        },
    },
}


def feed(**fields: Any) -> Feed:
    values = {"source": "ab12cd34", "language": "zh", "title": "公告 & <a>", "author": "平台"} | fields
    return Feed(**values)


def read(content: bytes) -> Any:
    found = feedparser.parse(content)
    assert not found.bozo, found.get("bozo_exception")
    assert found.version == "atom10"
    return found


def test_atom() -> None:
    base = feed(base_url="https://example.com/bulletin", category="MEDICAL")
    found = read(atom(base, [document(), document("other", withdrawn=True)]))
    assert (found.feed.title, found.feed.id, found.feed.author, found.feed.language) == (
        "公告 & <a>",
        base.id,
        "平台",
        "zh",
    )
    assert [link.href for link in found.feed.links] == [
        "https://example.com/bulletin/feed.atom?lang=zh&category=MEDICAL",
        "https://example.com/bulletin",
    ]
    first, second = found.entries
    assert (first.title, first.id, first.link) == (
        "守则 & <规>",
        base.entry_id(document()),
        "https://example.com/bulletin/rules",
    )
    assert first.content[0].type == "text/html"
    assert '<a href="https://example.com/?a=1&amp;b=2" rel="nofollow noopener noreferrer">' in first.content[0].value
    assert (first.summary, [tag.term for tag in first.tags]) == ("第一段 重要 链接", ["food", "MEDICAL"])
    assert (first.published, first.updated) == ("2027-01-15T08:00:00.000Z", "2027-01-15T08:08:20.000Z")
    assert (second.title, second.updated, found.feed.updated) == (
        "（已撤回）守则 & <规>",
        "2027-01-15T08:15:00.000Z",
        "2027-01-15T08:15:00.000Z",
    )
    assert second.content[0].value == "<p>有误 &lt;b&gt;</p>"
    # An entry keeps its id over versions and withdrawal, in both languages and in every category.
    later = document()
    later.number = 9
    assert base.entry_id(later) == feed(language="en").entry_id(document(withdrawn=True)) == first.id
    assert base.id != feed(language="en").id != feed().id
    assert feed(source="other").entry_id(document()) != first.id
    assert read(atom(feed(), [])).feed.updated == "1970-01-01T00:00:00.000Z"


def test_english_and_where_there_is_none() -> None:
    found = read(atom(feed(language="en"), [document(), document(en="", body_en="")]))
    assert [entry.title for entry in found.entries] == ["Rules & <more>", "守则 & <规>"]
    assert "&lt;script&gt;" in found.entries[0].content[0].value
    root = ET.fromstring(atom(feed(language="en"), [document(en="", body_en="")]))
    entry = root.find("{http://www.w3.org/2005/Atom}entry")
    assert entry is not None
    assert entry.get("{http://www.w3.org/XML/1998/namespace}lang") == "zh"


def test_json_feed() -> None:
    for base in (feed(), feed(base_url="https://example.com/b/", language="en", category="食品")):
        content = json.loads(json_feed(base, [document(), document("other", withdrawn=True)]))
        jsonschema.validate(content, SCHEMA, format_checker=jsonschema.FormatChecker())
        assert [item["id"] for item in content["items"]] == [
            base.entry_id(document()),
            base.entry_id(document("other")),
        ]
    assert content["feed_url"] == "https://example.com/b/feed.json?lang=en&category=%E9%A3%9F%E5%93%81"
    assert content["items"][0]["url"] == "https://example.com/b/rules"
    assert content["items"][1]["title"] == "(Withdrawn) Rules & <more>"
    assert json.loads(json_feed(feed(), []))["items"] == []
    with pytest.raises(ValueError, match="base_url 'javascript:x' is no address of pages"):
        feed(base_url="javascript:x")


@examples(100)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)
def test_any_text_makes_a_sound_feed(title: str, body: str) -> None:
    made = document(zh=title, body=body)
    ET.fromstring(atom(feed(), [made]))
    jsonschema.validate(json.loads(json_feed(feed(), [made])), SCHEMA)


# ---- e-mail --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [("zh", "守则 & <规>", "第二段"), ("en", "Rules & <more>", "Two <script>alert(1)</script>")],
)
def test_mail(language: Any, title: str, text: str) -> None:
    made = mail(document(), language, sender="bulletin@example.com", to=["a@example.com", "b@example.com"])
    found = email.message_from_bytes(bytes(made), policy=email.policy.default)
    assert (found["Subject"], found["From"], found["To"]) == (
        title,
        "bulletin@example.com",
        "a@example.com, b@example.com",
    )
    assert (found["Content-Language"], found["Auto-Submitted"]) == (language, "auto-generated")
    assert found["Message-ID"] == f"<rules.1.2.{language}@example.com>"
    assert found["Date"] == "Fri, 15 Jan 2027 08:08:20 +0000"
    assert found.get_content_type() == "multipart/alternative"
    plain, markup = found.iter_parts()
    assert (plain.get_content_type(), markup.get_content_type()) == ("text/plain", "text/html")
    assert text in plain.get_content()
    assert plain.get_content().startswith(f"{title}\r\n\r\n")
    page = markup.get_content()
    assert page.startswith("<!doctype html>")
    assert f'<html lang="{language}">' in page
    assert "<script" not in page
    assert bytes(made) == bytes(made)


def test_mail_of_what_was_withdrawn_and_wrong_addresses() -> None:
    made = mail(document(withdrawn=True), "en")
    assert made["Subject"] == "(Withdrawn) Rules & <more>"
    body = made.get_body(("plain",))
    assert body is not None
    assert "有误 <b>" in body.get_content()
    assert made["Message-ID"] == "<rules.1.4.en@localhost>"
    for wrong in ("nobody", "a@b.c\nBcc: d@e.f", "a@b@c"):
        with pytest.raises(ValueError, match=r"is no e-mail address; write name@example\.com"):
            mail(document(), "zh", sender=wrong)
