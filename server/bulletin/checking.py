"""What is wrong with a document, field by field."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from fairpost.engine.vocabulary import CATEGORIES
from fairpost.server.bulletin.ids import document_id_fault
from fairpost.server.bulletin.notices import bundle_faults
from fairpost.server.faults import Faults, request_id_fault
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MOST_BODY", "draft_faults"]

MOST_BODY: Final = 200_000
"""Characters of a body that somebody wrote; those of generated notices may be longer."""
_CATEGORY: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", re.ASCII)
_ARTICLE: Final = re.compile(r"[a-z][a-z0-9.-]*(?:/[A-Za-z0-9.-]+)?", re.ASCII)
_RULE: Final = re.compile(r"[a-z][a-z0-9_-]*\.[a-z0-9][a-z0-9_.-]*", re.ASCII)
# Marks that show text in another order than it is stored: what is read would not be what was published.
_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_RULE_CHANGE: Final = bulletin_pb2.DOCUMENT_KIND_RULE_CHANGE


def draft_faults(request: bulletin_pb2.PublishRequest, path: str = "") -> Faults:
    """Everything wrong with a new version. path: stands before the fields' names."""
    faults = Faults()
    faults.add(f"{path}request_id", request_id_fault(request.request_id))
    if request.document_id:
        faults.add(f"{path}document_id", document_id_fault(request.document_id))
    kinds = ", ".join(name for name, number in bulletin_pb2.DocumentKind.items() if number)
    if not request.kind or request.kind not in bulletin_pb2.DocumentKind.values():
        faults.add(f"{path}kind", f"is required; one of {kinds}")
    faults.text(f"{path}note", request.note, 1000)
    faults.text(f"{path}actor", request.actor, 128, required=True)
    is_change = request.kind == _RULE_CHANGE
    if is_change:
        bundle_faults(faults, request, path)
    elif request.bundle or request.revision:
        faults.add(f"{path}{'bundle' if request.bundle else 'revision'}", "is for DOCUMENT_KIND_RULE_CHANGE")
    _content(faults, request.content, f"{path}content", is_change)
    return faults


def _content(faults: Faults, content: bulletin_pb2.DocumentContent, path: str, is_change: bool) -> None:
    if is_change:
        if content.title.zh or content.title.en:
            faults.add(f"{path}.title", "is made for a rule change; leave it out")
    else:
        faults.text(f"{path}.title.zh", content.title.zh, 200, required=True)
        faults.text(f"{path}.title.en", content.title.en, 200)
    for language in ("zh", "en"):
        name, body = f"{path}.body.{language}", getattr(content.body, language)
        if not body.strip():
            if body or (language == "zh" and not is_change):
                faults.add(name, "must not be blank" if body else "is required")
        elif len(body) > MOST_BODY:
            faults.add(name, f"has {len(body)} characters; at most {MOST_BODY} are taken")
        elif bad := next(
            (c for c in body if c in _REORDERING or (unicodedata.category(c) == "Cc" and c not in "\n\r\t")), ""
        ):
            faults.add(name, f"has the control character U+{ord(bad):04X}")
    begin = faults.day(f"{path}.effective_from", content.effective_from)
    end = faults.day(f"{path}.effective_until", content.effective_until)
    if begin and end and end < begin:
        faults.add(f"{path}.effective_until", f"{end} is before effective_from ({begin})")
    _tags(
        faults,
        f"{path}.categories",
        content.categories,
        50,
        "category",
        "lower-case words joined by hyphens, or one of MEDICAL, ...",
    )
    _tags(faults, f"{path}.laws", content.laws, 500, "article", "law/article, as in cn.advertising-law/17")
    _tags(faults, f"{path}.rules", content.rules, 2000, "rule id", "pack.name, as in health.cure-claim")


_FORMS: Final = {"category": _CATEGORY, "article": _ARTICLE, "rule id": _RULE}


def _tags(faults: Faults, path: str, tags: Sequence[str], most: int, what: str, right: str) -> None:
    if len(tags) > most:
        faults.add(path, f"has {len(tags)} entries; at most {most} are taken")
    for i, tag in enumerate(tags[:most]):
        sound = len(tag) <= 200 and (_FORMS[what].fullmatch(tag) or (what == "category" and tag in CATEGORIES))
        if not sound:
            faults.add(f"{path}[{i}]", f"{tag[:40]!r} is no {what}; write {right}")
        elif tag in tags[:i]:
            faults.add(f"{path}[{i}]", f"{tag!r} is there twice")
