"""Judging a logged post again, by exactly the revision of then and with the standing of then.

What is compared is all that the engine said: the action, every score to the last bit, labels, evidence with its spans
and words, citations and messages.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from pydantic import ValidationError

from fairpost.engine import InvalidBundle, RuleSet
from fairpost.engine.dates import day_of_date
from fairpost.engine.verdict import Flag
from fairpost.engine.vocabulary import SELLER_NONE, SELLER_NOT_FOUND, SELLER_UNAVAILABLE, STANDING_DTYPE
from fairpost.rules.cases import standing_of
from fairpost.rules.schema import SellerModel
from fairpost.server.observe.decisions.records import digest_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Difference", "Replay", "ReplayError", "differences", "texts_of"]

_REVISION: Final = re.compile(r"[0-9a-f]{12}")
_BOUNDS: Final = ((Flag.MATCHES_CAPPED, "matches"), (Flag.WORK_CAPPED, "work"), (Flag.EVIDENCE_CAPPED, "evidence"))
_MIDNIGHT_SECONDS: Final = 60
"""A batch takes its day before its decision ids; at midnight they may be of two days."""
_COMPARED: Final = ("action", "risk", "commerce", "exposure", "labels", "evidence", "bounds")


class ReplayError(Exception):
    """A decision that cannot be judged again; the message says why."""


class Difference(NamedTuple):
    """A value that is another now: where ("labels[0].score"), what it was, what it is."""

    field: str
    then: Any
    now: Any


class Replay:
    """Judges again. Not thread-safe; keeps the rule sets that it has opened.

    folder: of activated rule sets (`rules` in a server's data directory).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: dict[str, RuleSet] = {}

    def judge(self, record: Mapping[str, Any]) -> list[Difference]:
        """What differs from the record; nothing if the verdict is the same to the last bit.

        Raises:
            ReplayError: the revision is gone, the text was not logged, or the record is damaged.
        """
        rule_set = self._rule_set(str(record["revision"]))
        texts_of(record)
        try:
            day = day_of_date(date.fromisoformat(record["day"]))
            found = differences(record, _judged(rule_set, record, day))
            if found and record["created_at"] is None and _just_after_midnight(record["decision_id"]):
                found = differences(record, _judged(rule_set, record, day - 1)) and found
        except (KeyError, TypeError, ValueError) as error:  # ValidationError too
            what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise ReplayError(f"{record['decision_id']}: the record is damaged: {what}") from None
        return found

    def _rule_set(self, revision: str) -> RuleSet:
        if revision not in self._opened:
            if not _REVISION.fullmatch(revision):
                raise ReplayError(f"{revision[:64]!r} is no revision")
            path = self._folder / f"{revision}.fpb"
            try:
                opened = RuleSet.open(path)
            except FileNotFoundError:
                raise ReplayError(
                    f"revision {revision} is gone: {path} does not exist. Servers keep the last --keep-revisions of "
                    "them; keep copies of bundles for as long as decisions are to be replayed"
                ) from None
            except (InvalidBundle, OSError) as error:
                raise ReplayError(f"{path}: {error}") from None
            if opened.revision != revision:
                raise ReplayError(f"{path}: holds revision {opened.revision}")
            self._opened[revision] = opened
        return self._opened[revision]


def _judged(rule_set: RuleSet, record: Mapping[str, Any], day: int) -> dict[str, Any]:
    texts = texts_of(record)
    sellers, standings = _seller(record)
    batch = rule_set.check_batch(
        texts,
        segments=np.array([0, len(texts)], np.int64),
        sellers=sellers,
        standings=standings,
        channels=record["channel"] or None,
        languages=record["language"] or None,
        days=np.array([day], np.int32),
        unit=record["unit"],
    )
    if batch.status[0]:
        raise ValueError(f"its text cannot be judged (status {batch.status[0]})")
    verdict = batch[0]
    first = int(batch.evidence_begin[0])
    return {
        "action": verdict.action.name,
        "risk": _exact(verdict.risk),
        "commerce": _exact(verdict.commerce),
        "exposure": _exact(verdict.exposure),
        "labels": [
            {"category": label.category, "score": _exact(label.score), "severity": label.severity}
            for label in verdict.labels
        ],
        "evidence": [
            {
                "rule": entry.rule,
                "category": entry.category,
                "text": entry.text,
                "begin": entry.begin,
                "end": entry.end,
                "shadow": entry.shadow,
                "matched": entry.matched,
                "folded": entry.folded,
                "basis": list(entry.basis),
                "zh": entry.message,
                "en": rule_set.message(int(batch.evidence_rule[row]), "en"),
            }
            for row, entry in enumerate(verdict.evidence, first)
        ],
        "bounds": [name for bit, name in _BOUNDS if verdict.flags & bit],
    }


def differences(record: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Where a verdict's fields differ from the record's."""
    found = [each for name in _COMPARED for each in _compare(name, record[name], now[name])]
    digest = digest_of(now)
    if not found and digest != record["verdict_digest"]:
        found.append(Difference("verdict_digest", record["verdict_digest"], digest))
    return found


def _compare(path: str, then: Any, now: Any) -> Iterator[Difference]:
    if isinstance(then, dict) and isinstance(now, dict):
        for name in dict.fromkeys((*then, *now)):
            yield from _compare(f"{path}.{name}", then.get(name), now.get(name))
    elif isinstance(then, list) and isinstance(now, list):
        for index in range(max(len(then), len(now))):
            pair = (each[index] if index < len(each) else None for each in (then, now))
            yield from _compare(f"{path}[{index}]", *pair)
    elif then != now:
        yield Difference(path, then, now)


def texts_of(record: Mapping[str, Any]) -> list[str]:
    """The post's texts.

    Raises:
        ReplayError: they were not logged.
    """
    texts = record.get("texts")
    if not texts:
        raise ReplayError(
            f"the text of decision {record['decision_id']} was not logged; servers log texts with --decision-log-texts"
        )
    return list(texts)


def _seller(record: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """`sellers` and `standings` for the engine."""
    seller = record["seller"]
    none = np.zeros(0, STANDING_DTYPE)
    if isinstance(seller, dict):
        known = dict(seller)
        complaints = known.pop("open_complaints", 0)
        standing = standing_of(SellerModel.model_validate(known))
        standing["complaints"] = complaints
        return np.zeros(1, np.int32), standing
    if seller is None:
        return np.array([SELLER_NONE], np.int32), none
    unavailable = seller == "unavailable" and record["fail_policy"] != "unregistered"
    return np.array([SELLER_UNAVAILABLE if unavailable else SELLER_NOT_FOUND], np.int32), none


def _exact(number: float) -> float:
    """A float32 as the record has it."""
    return float(np.float32(number))


def _just_after_midnight(decision_id: str) -> bool:
    seconds = time_of(decision_id) // 1000
    return (seconds + 8 * 3600) % 86_400 < _MIDNIGHT_SECONDS
