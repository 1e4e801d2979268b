"""Ids of documents, in requests and in settings; imports nothing, since settings are read by all processes."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["document_id_fault", "document_ids"]

_DOCUMENT_ID: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)


def document_id_fault(document_id: str) -> str | None:
    if not document_id:
        return "is required"
    if len(document_id) > 64:
        return f"has {len(document_id)} characters; at most 64 are taken"
    if not _DOCUMENT_ID.fullmatch(document_id):
        return f"{document_id[:40]!r} is no id; write lower-case letters, digits and single hyphens, as in seller-rules"
    return None


def document_ids(text: str) -> tuple[str, ...]:
    """Ids of documents, separated by commas.

    Raises:
        ValueError: one of them is none; the message says why.
    """
    found = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    for each in found:
        if fault := document_id_fault(each):
            raise ValueError(fault)
    return found
