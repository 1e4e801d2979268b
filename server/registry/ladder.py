"""The penalty ladder: what strikes lead to. Data, with a revision that strikes name."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer, field_validator, model_validator

from fairpost.engine.vocabulary import CATEGORIES, COMMERCE

__all__ = ["ComplaintTerms", "Ladder", "LadderError", "Rung", "default_ladder", "read_ladder"]

Penalty = Literal["delete", "warned", "limited", "shielded", "suspended", "blacklisted"]
_KINDS = {"QUALITY": 7, "FALSE_CLAIM": 7, "DELIVERY": 7, "COUNTERFEIT": 7, "SAFETY": 7, "OTHER": 7}
_VIOLATIONS = tuple(category for category in CATEGORIES if category != CATEGORIES[COMMERCE])


class LadderError(Exception):
    """The ladder cannot be used; the message names each fault with its place."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Rung(_Part):
    """From this sum of weights on: this penalty."""

    begin: int = Field(alias="from", ge=1, le=1000)
    penalty: Penalty
    days: int | None = Field(None, ge=1, le=3650)


class Overdue(_Part):
    """The strike for a complaint that was not answered in time."""

    category: str
    weight: Annotated[int, Field(ge=0, le=10)]

    @field_validator("category")
    @classmethod
    def _known(cls, value: str) -> str:
        return _category(value)


class ComplaintTerms(_Part):
    """Terms of complaints that no law sets, and the calendar of working days."""

    answer_days: dict[str, Annotated[int, Field(ge=1, le=365)]] = Field(default_factory=lambda: _KINDS | {})
    days_off: frozenset[date] = frozenset()
    working_weekends: frozenset[date] = frozenset()

    @field_validator("answer_days")
    @classmethod
    def _all_kinds(cls, value: dict[str, int]) -> dict[str, int]:
        if value.keys() != _KINDS.keys():
            raise ValueError(f"must have each of {', '.join(_KINDS)}, and nothing else")
        return value

    @field_serializer("days_off", "working_weekends")
    def _in_order(self, days: frozenset[date]) -> list[str]:
        return [day.isoformat() for day in sorted(days)]


class Ladder(_Part):
    """See ladder.yaml for what each field means."""

    name: str = Field(min_length=1, max_length=64)
    strike_years: int = Field(ge=1, le=20)
    appeal_days: int = Field(ge=1, le=365)
    violation: dict[Literal["SHIELD", "BLOCK"], Annotated[int, Field(ge=0, le=10)]]
    without_strike: tuple[str, ...] = ()
    overdue_complaint: Overdue
    complaints: ComplaintTerms = Field(default_factory=ComplaintTerms)
    rungs: tuple[Rung, ...] = Field(min_length=1)

    @field_validator("without_strike")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_category, value))

    @model_validator(mode="after")
    def _rises(self) -> Ladder:
        begins = [rung.begin for rung in self.rungs]
        if begins != sorted(set(begins)):
            raise ValueError(f"rungs: `from` must rise from rung to rung, and is {', '.join(map(str, begins))}")
        return self

    @property
    def content(self) -> dict[str, Any]:
        """As JSON; the ladder can be made from it again."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def revision(self) -> str:
        """16 hexadecimal digits; equal for equal content."""
        return _digest(json.dumps(self.content, sort_keys=True))

    def rung(self, total: int) -> Rung | None:
        """The rung that a sum of weights reaches."""
        return next((rung for rung in reversed(self.rungs) if rung.begin <= total), None)

    def strike_expiry(self, effective: date) -> date:
        """Last day on which a strike counts."""
        try:
            return effective.replace(year=effective.year + self.strike_years) - timedelta(days=1)
        except ValueError:  # 29 February
            return effective.replace(year=effective.year + self.strike_years, day=28)

    def strike_weight(self, action: str, category: str) -> int:
        """Weight of the strike for a post with this action ("SHIELD", "BLOCK"); 0: none."""
        return 0 if category in self.without_strike else self.violation.get(action, 0)  # type: ignore[call-overload]


@cache
def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _category(value: str) -> str:
    if value not in _VIOLATIONS:
        raise ValueError(f"{value!r} is none of {', '.join(_VIOLATIONS)}")
    return value


def read_ladder(path: Path) -> Ladder:
    """A ladder from a YAML file.

    Raises:
        LadderError: no such file, no YAML, or not a ladder; each fault with its place.
    """
    try:
        return Ladder.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LadderError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LadderError(f"{path}: is no YAML: {error}") from None
    except ValidationError as error:
        faults = [
            f"{path}: {'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        ]
        raise LadderError("\n".join(faults)) from None


@cache
def default_ladder() -> Ladder:
    """The shipped one."""
    return read_ladder(Path(__file__).with_name("ladder.yaml"))
