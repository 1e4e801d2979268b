"""Atom (RFC 4287) and JSON Feed (1.1) of documents, in one language.

An entry keeps its id for as long as there is the document: later versions and a withdrawal are updates of it.
"""

from __future__ import annotations

import json
import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from fairpost.server.bulletin.html import html_of, summary_of
from fairpost.server.bulletin.texts import Language, body_in, language_of, title_in, withdrawn_in
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Feed", "atom", "json_feed"]

_ATOM: Final = "http://www.w3.org/2005/Atom"
_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_NAMES: Final = uuid.UUID("6f1c8a6e-6d0f-5e0b-9c39-0f5d2b1f7a10")
"""Namespace of the ids (UUID version 5)."""
_WITHDRAWN: Final = bulletin_pb2.DOCUMENT_STATE_WITHDRAWN
# What XML 1.0 cannot hold.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EPOCH: Final = datetime.fromtimestamp(0, UTC)

ET.register_namespace("", _ATOM)


@dataclass(frozen=True)
class Feed:
    """What a feed says of itself.

    source: what tells this bulletin from others, such as the store's id; ids of feed and entries follow from it, so it
    must not change. base_url: of the public pages; "": entries have no links. category: "" for all.
    """

    source: str
    language: Language
    title: str
    author: str
    base_url: str = ""
    category: str = ""

    def __post_init__(self) -> None:
        if self.base_url and urlsplit(self.base_url).scheme not in ("http", "https"):
            raise ValueError(f"base_url {self.base_url!r} is no address of pages; write https://example.com/bulletin")

    @property
    def id(self) -> str:
        return self._urn(f"feed/{self.language}/{self.category}")

    def entry_id(self, document: bulletin_pb2.Document) -> str:
        return self._urn(f"document/{document.document_id}")

    def url(self, *parts: str) -> str:
        """Of a page; "" without a base_url."""
        return "/".join([self.base_url.rstrip("/"), *(quote(part, safe="") for part in parts)]) if self.base_url else ""

    def _urn(self, name: str) -> str:
        return f"urn:uuid:{uuid.uuid5(_NAMES, f'{self.source}/{name}')}"


def atom(feed: Feed, documents: Iterable[bulletin_pb2.Document]) -> bytes:
    """An Atom document (UTF-8) of documents in the order given."""
    root = ET.Element(f"{{{_ATOM}}}feed", {_XML_LANG: feed.language})
    entries = [_Entry(feed, document) for document in documents]
    _add(root, "id", feed.id)
    _add(root, "title", feed.title)
    _add(root, "updated", _iso(max((entry.updated for entry in entries), default=_EPOCH)))
    _add(_add(root, "author"), "name", feed.author)
    if feed.base_url:
        _add(root, "link", rel="self", type="application/atom+xml", href=_feed_url(feed, "feed.atom"))
        _add(root, "link", rel="alternate", type="text/html", href=feed.base_url)
    for entry in entries:
        made = _add(root, "entry", **{_XML_LANG: entry.language})
        _add(made, "id", entry.id)
        _add(made, "title", entry.title)
        _add(made, "published", _iso(entry.published))
        _add(made, "updated", _iso(entry.updated))
        for tag in entry.tags:
            _add(made, "category", term=tag)
        if entry.url:
            _add(made, "link", rel="alternate", type="text/html", href=entry.url)
        _add(made, "summary", entry.summary)
        _add(made, "content", entry.html, type="html")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode").encode()


def json_feed(feed: Feed, documents: Iterable[bulletin_pb2.Document]) -> bytes:
    """A JSON Feed (UTF-8) of documents in the order given."""
    items = []
    for document in documents:
        entry = _Entry(feed, document)
        item: dict[str, Any] = {
            "id": entry.id,
            "title": entry.title,
            "content_html": entry.html,
            "summary": entry.summary,
            "date_published": _iso(entry.published),
            "date_modified": _iso(entry.updated),
            "language": entry.language,
        }
        if entry.tags:
            item["tags"] = entry.tags
        if entry.url:
            item["url"] = entry.url
        items.append(item)
    content: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "language": feed.language,
        "authors": [{"name": feed.author}],
        "items": items,
    }
    if feed.base_url:
        content |= {"home_page_url": feed.base_url, "feed_url": _feed_url(feed, "feed.json")}
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")


class _Entry:
    def __init__(self, feed: Feed, document: bulletin_pb2.Document) -> None:
        is_withdrawn = document.state == _WITHDRAWN
        self.id = feed.entry_id(document)
        self.language = language_of(document, feed.language)
        self.title = (withdrawn_in if is_withdrawn else title_in)(document, feed.language)
        body = document.withdrawal_reason if is_withdrawn else body_in(document, feed.language)
        self.html, self.summary = html_of(body), summary_of(body) or self.title
        self.published = _moment(document.first_published_at)
        self.updated = _moment(document.withdrawn_at if is_withdrawn else document.published_at)
        self.tags = list(document.content.categories)
        self.url = feed.url(document.document_id)


def _feed_url(feed: Feed, name: str) -> str:
    query = f"?lang={feed.language}" + (f"&category={quote(feed.category, safe='')}" if feed.category else "")
    return feed.url(name) + query


def _moment(timestamp: Any) -> datetime:
    return datetime.fromtimestamp(timestamp.ToMilliseconds() / 1000, UTC)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    made = ET.SubElement(
        parent, f"{{{_ATOM}}}{name}", {key: _NOT_XML.sub("", value) for key, value in attributes.items()}
    )
    if text:
        made.text = _NOT_XML.sub("\ufffd", text)
    return made
