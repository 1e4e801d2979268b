"""Verdicts: the columns of a judged batch, and one post's verdict as an object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.vocabulary import CATEGORIES, SEVERITIES, Action, Status

if TYPE_CHECKING:
    from fairpost.engine.ruleset import RuleSet
    from fairpost.engine.texts import Texts

__all__ = ["NO_LIST", "NO_PATTERN", "Evidence", "Flag", "InvalidPost", "Label", "Verdict", "VerdictBatch"]

NO_PATTERN = 0xFFFFFFFF
"""In `evidence_pattern`: a recogniser's hit, or none."""
NO_LIST = 0xFFFF
"""In `evidence_list`: the rule fired without words (on the seller's standing, say)."""


class Flag:
    """Bits of `VerdictBatch.flags`: a cap against crafted posts was reached; the verdict rests on what came before."""

    MATCHES_CAPPED = 1
    WORK_CAPPED = 2
    EVIDENCE_CAPPED = 4


class InvalidPost(ValueError):
    """A post that cannot be judged; the message says what is wrong and where."""


@dataclass(frozen=True, slots=True)
class Label:
    """One violated category: score 0..1, severity of the gravest rule that fired."""

    category: str
    score: float
    severity: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a rule fired: the half-open span [begin, end) of text `text` of the post, in the unit asked for.

    matched: the words as they stand in the post; folded: the same as the engine read them.
    basis: citations in force on the post's day. A rule that fired without words has an empty span.
    """

    rule: str
    category: str
    text: int
    begin: int
    end: int
    matched: str
    folded: str
    basis: tuple[str, ...]
    message: str
    shadow: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one post. If `error` is set the post was not judged, and the rest says nothing.

    model: the text model's logit (`fairpost.engine.model.probability` makes a probability of it); None where the
    bundle has no model.
    """

    action: Action
    risk: float
    commerce: float
    exposure: float
    labels: tuple[Label, ...]
    evidence: tuple[Evidence, ...]
    revision: str
    flags: int
    error: str | None = None
    model: float | None = None


class VerdictBatch:
    """Verdicts of n posts as NumPy columns; `batch[i]` makes one post's `Verdict`.

    status u1[n] (`Status`), status_offset u4[n], status_text u2[n]; action u1[n] (`Action`);
    risk, commerce, exposure f4[n]; flags u2[n] (`Flag`);
    model f4[n], the text model's logit, 0 where the bundle has no model (`RuleSet.has_model`) or the post is at fault.
    Ragged columns: entries of post i are begin[i] .. begin[i + 1], with begin u4[n + 1]:
    label_begin: label_category u1 (position in CATEGORIES), label_score f4, label_severity u1;
    evidence_begin: evidence_rule u2, evidence_pattern u4, evidence_list u2, evidence_text u2,
    evidence_start u4, evidence_stop u4 (in `unit`), evidence_shadow u1;
    fired_begin: fired_rule u2, every rule whose condition held, COMMERCE and shadow rules too.
    """

    status: NDArray[np.uint8]
    status_offset: NDArray[np.uint32]
    status_text: NDArray[np.uint16]
    action: NDArray[np.uint8]
    risk: NDArray[np.float32]
    commerce: NDArray[np.float32]
    exposure: NDArray[np.float32]
    model: NDArray[np.float32]
    flags: NDArray[np.uint16]
    label_begin: NDArray[np.uint32]
    label_category: NDArray[np.uint8]
    label_score: NDArray[np.float32]
    label_severity: NDArray[np.uint8]
    evidence_begin: NDArray[np.uint32]
    evidence_rule: NDArray[np.uint16]
    evidence_pattern: NDArray[np.uint32]
    evidence_list: NDArray[np.uint16]
    evidence_text: NDArray[np.uint16]
    evidence_start: NDArray[np.uint32]
    evidence_stop: NDArray[np.uint32]
    evidence_shadow: NDArray[np.uint8]
    fired_begin: NDArray[np.uint32]
    fired_rule: NDArray[np.uint16]

    def __init__(
        self,
        ruleset: RuleSet,
        texts: Texts,
        segments: NDArray[np.int64] | None,
        days: NDArray[np.int32] | int,
        unit: str,
        max_characters: int,
        columns: dict[str, NDArray[Any]],
    ) -> None:
        self.ruleset = ruleset
        self.texts = texts
        self.segments = segments
        self.unit = unit
        self._days = days
        self._max_characters = max_characters
        for name, column in columns.items():
            setattr(self, name, column)

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, index: int) -> Verdict:
        if not -len(self) <= index < len(self):
            raise IndexError(f"verdict {index} of {len(self)}")
        index %= len(self)
        first, last = int(self.label_begin[index]), int(self.label_begin[index + 1])
        labels = tuple(
            Label(CATEGORIES[category], score, SEVERITIES[severity])
            for category, score, severity in zip(
                self.label_category[first:last].tolist(),
                self.label_score[first:last].tolist(),
                self.label_severity[first:last].tolist(),
                strict=True,
            )
        )
        return Verdict(
            Action(int(self.action[index])),
            float(self.risk[index]),
            float(self.commerce[index]),
            float(self.exposure[index]),
            labels,
            self.evidence(index),
            self.ruleset.revision,
            int(self.flags[index]),
            self.error(index),
            float(self.model[index]) if self.ruleset.has_model else None,
        )

    def __iter__(self) -> Iterator[Verdict]:
        return (self[index] for index in range(len(self)))

    def day(self, index: int) -> int:
        """The day for which post `index` was judged, as days since 1970-01-01."""
        return self._days if isinstance(self._days, int) else int(self._days[index])

    def text(self, index: int, part: int = 0) -> bytes:
        """Text `part` of post `index`, as UTF-8."""
        first = index if self.segments is None else int(self.segments[index])
        return self.texts[first + part]

    def error(self, index: int) -> str | None:
        """Why post `index` was not judged, or None."""
        status = Status(int(self.status[index]))
        if status is Status.OK:
            return None
        part, offset = int(self.status_text[index]), int(self.status_offset[index])
        byte = self.text(index, part)[offset] if status is Status.INVALID_UTF8 else 0
        return fault_message(status, part, offset, byte, self._max_characters)

    def evidence(self, index: int) -> tuple[Evidence, ...]:
        """Evidence of post `index`."""
        day = self.day(index)
        return tuple(
            make_evidence(self.ruleset, self.text(index, part), rule, part, begin, end, self.unit, day, bool(shadow))
            for rule, part, begin, end, shadow in zip(*self._evidence_columns(index), strict=True)
        )

    def _evidence_columns(self, index: int) -> Iterator[list[int]]:
        rows = slice(int(self.evidence_begin[index]), int(self.evidence_begin[index + 1]))
        columns = self.evidence_rule, self.evidence_text, self.evidence_start, self.evidence_stop, self.evidence_shadow
        return (column[rows].tolist() for column in columns)


def make_evidence(
    ruleset: RuleSet, text: bytes, rule: int, part: int, begin: int, end: int, unit: str, day: int, shadow: bool
) -> Evidence:
    """Evidence of one row: rule number `rule` fired on [begin, end) of `text`, text `part` of the post."""
    matched = slice_text(text, begin, end, unit) if end > begin else ""
    return Evidence(
        ruleset.rule_ids[rule],
        ruleset.rule_category(rule),
        part,
        begin,
        end,
        matched,
        ruleset.fold(matched),
        ruleset.citations(rule, day),
        ruleset.message(rule),
        shadow,
    )


def fault_message(status: Status, part: int, offset: int, byte: int, max_characters: int) -> str:
    """What is wrong with a post: `byte` stands at byte `offset` of text `part`, or that text has `offset` bytes."""
    where = "text" if part == 0 else f"extra text {part}"
    if status is Status.EMPTY:
        return "text is empty: a post needs at least one character"
    if status is Status.TOO_LONG:
        return f"{where} is too long: {offset} bytes, more than {max_characters} characters"
    return f"{where} is not UTF-8: byte {offset} is 0x{byte:02X}"


def slice_text(text: bytes, begin: int, end: int, unit: str) -> str:
    """[begin, end) of a UTF-8 text in the unit ("utf8", "utf16" or "codepoints")."""
    if unit == "utf8":
        return text[begin:end].decode()
    if unit == "utf16":
        return text.decode().encode("utf-16-le")[2 * begin : 2 * end].decode("utf-16-le")
    return text.decode()[begin:end]
