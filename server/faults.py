"""What is wrong with a request, field by field: every fault is collected, none is quoted if it may be personal."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from fairpost.server.errors import Violation, invalid_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

__all__ = ["Faults", "given_id_fault", "request_id_fault", "seller_id_fault"]


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
_LINE_ENDS = {ord(c): " " for c in "\n\r\t\u3000"}


class Faults:
    """Collects what is wrong, field by field."""

    def __init__(self) -> None:
        self.found: list[Violation] = []

    def add(self, field: str, description: str | None) -> None:
        if description:
            self.found.append(Violation(field, description))

    def text(self, field: str, value: str, limit: int, *, required: bool = False, lines: bool = False) -> None:
        """Length, emptiness and control characters; lines: ends of line are taken, too."""
        if not value.strip():
            if required or value:
                self.add(field, "is required" if not value else "must not be blank")
        elif len(value) > limit:
            self.add(field, f"has {len(value)} characters; at most {limit} are taken")
        elif not (value.translate(_LINE_ENDS) if lines else value).isprintable():
            self.add(field, "has control characters")

    def texts(self, field: str, values: Sequence[str], most: int, limit: int) -> None:
        """A list of short texts, such as places where evidence is."""
        if len(values) > most:
            self.add(field, f"has {len(values)} entries; at most {most} are taken")
        for i, value in enumerate(values[:most]):
            self.text(f"{field}[{i}]", value, limit, required=True)

    def choices(self, field: str, values: Iterable[int], enum: Any) -> None:
        """Numbers of a protobuf enum; that of "unspecified" is none."""
        names = ", ".join(name for name, number in enum.items() if number)
        for i, value in enumerate(values):
            if not value or value not in enum.values():
                self.add(f"{field}[{i}]", f"{value} is none of {names}")

    def raise_if_any(self) -> None:
        """
        Raises:
            InvalidArgument: with all faults.
        """
        if self.found:
            raise invalid_fields(self.found)

    def day(self, field: str, value: str, *, required: bool = False) -> date | None:
        """An ISO 8601 day, or None with the fault noted (or nothing, if it is empty and need not be there)."""
        if not value:
            if required:
                self.add(field, "is required, as YYYY-MM-DD")
            return None
        try:
            if not _DAY.fullmatch(value):
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            self.add(field, f"{value[:20]!r} is no day; write YYYY-MM-DD, as in 2026-01-31")
            return None


def seller_id_fault(seller_id: str) -> str | None:
    if not seller_id:
        return "is required"
    if len(seller_id) > 128:
        return f"has {len(seller_id)} characters; at most 128 are taken"
    if not _VISIBLE.fullmatch(seller_id):
        return "must be visible ASCII characters without spaces"
    return None


def request_id_fault(request_id: str) -> str | None:
    if len(request_id) > 128:
        return f"has {len(request_id)} characters; at most 128 are taken"
    if request_id and not _VISIBLE.fullmatch(request_id):
        return "must be visible ASCII characters without spaces"
    return None


def given_id_fault(value: str) -> str | None:
    """Of an id that the registry gave out: a complaint's, an appeal's."""
    return f"has {len(value)} characters; at most 32 are taken" if len(value) > 32 else seller_id_fault(value)
