"""A decision as a record: what was judged, how, by which rules, with which standing."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from fairpost.engine.dates import date_of_day, day_of_seconds
from fairpost.engine.vocabulary import ENFORCEMENT, LISTING, REGISTRATION, SEVERITIES, Action
from fairpost.v1 import post_pb2, standing_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fairpost.server.observe.decisions.messages import Request

__all__ = ["BOUNDS", "UNITS", "VERSION", "Recorder", "digest_of", "line_of", "time_of", "verdict_fields"]

VERSION: Final = 1
UNITS: Final[dict[int, str]] = {
    post_pb2.SPAN_UNIT_UNSPECIFIED: "codepoints",
    post_pb2.SPAN_UNIT_CODE_POINTS: "codepoints",
    post_pb2.SPAN_UNIT_UTF8_BYTES: "utf8",
    post_pb2.SPAN_UNIT_UTF16_UNITS: "utf16",
}
"""Words of the engine for `SpanUnit`."""
BOUNDS: Final[dict[int, str]] = {
    verdict_pb2.BOUND_MATCHES: "matches",
    verdict_pb2.BOUND_WORK: "work",
    verdict_pb2.BOUND_EVIDENCE: "evidence",
}
_POLICIES: Final[dict[int, str]] = {
    verdict_pb2.FAIL_POLICY_NEUTRAL: "neutral",
    verdict_pb2.FAIL_POLICY_UNREGISTERED: "unregistered",
}
_ACTIONS: Final = {action + 1: action.name for action in Action}
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def time_of(decision_id: str) -> int:
    """Milliseconds since 1970 at which a decision was taken: the first ten characters of its id."""
    number = 0
    for character in decision_id[:10]:
        number = number << 5 | _ALPHABET.index(character)
    return number


def line_of(record: Mapping[str, Any]) -> bytes:
    """The record's line, with its end."""
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def digest_of(fields: Mapping[str, Any]) -> str:
    """SHA-256 of the fields as JSON without blanks and with sorted keys, 64 hexadecimal digits."""
    return hashlib.sha256(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Recorder:
    """Makes records. Thread-safe.

    Args:
        key: under which ids and texts are hashed.
        masked: those of config.MASKABLE of which only a hash is written.
        texts: whether the texts of the posts are written, and the words that were matched in them.
    """

    def __init__(self, key: bytes, *, masked: Collection[str] = ("seller_id",), texts: bool = False) -> None:
        self._key = key
        self._masked = frozenset(masked)
        self._texts = texts

    def record(
        self,
        method: str,
        request: Request,
        post: post_pb2.Post,
        verdict: verdict_pb2.Verdict,
        *,
        trace_id: str = "",
    ) -> dict[str, Any]:
        """One judged post; docs/observability.md says what the fields are."""
        milliseconds = time_of(verdict.decision_id)
        created_at = post.created_at.seconds if post.HasField("created_at") else None
        day = day_of_seconds(milliseconds // 1000 if created_at is None else created_at)
        texts = [post.text, *(extra.text for extra in post.extra_texts)]
        fields = verdict_fields(verdict, words=self._texts)
        record: dict[str, Any] = {
            "version": VERSION,
            "decision_id": verdict.decision_id,
            "time": _iso_time(milliseconds),
            "method": method,
            "revision": verdict.revision,
            "post_id": self._name("post_id", post.id),
            "seller_id": self._name("seller_id", post.seller_id),
            "channel": post.channel,
            "language": post.language,
            "created_at": created_at,
            "day": _iso_day(day),
            "unit": UNITS[request.unit],
            "dry_run": request.dry_run,
            "seller": _seller(verdict.seller_standing),
            "fail_policy": _POLICIES.get(verdict.seller_standing.policy_applied),
        }
        record |= fields
        record["texts_hash"] = self._texts_hash(texts)
        if self._texts:
            record |= {"texts": texts, "verdict_digest": digest_of(fields)}
        if trace_id:
            record["trace_id"] = trace_id
        return record

    def _name(self, field: str, value: str) -> str:
        if not value or field not in self._masked:
            return value
        return f"masked:{self._hash(field, value)}"

    def _texts_hash(self, texts: Sequence[str]) -> str:
        return self._hash("texts", json.dumps(list(texts), ensure_ascii=True))

    def _hash(self, purpose: str, content: str) -> str:
        return hmac.digest(self._key, f"{purpose}\0{content}".encode(), "sha256")[:16].hex()


@lru_cache(maxsize=64)
def _iso_time(milliseconds: int) -> str:
    """The decisions of a batch have one time."""
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"


@lru_cache(maxsize=64)
def _iso_day(day: int) -> str:
    return date_of_day(day).isoformat()


def verdict_fields(verdict: verdict_pb2.Verdict, *, words: bool = True) -> dict[str, Any]:
    """What the engine said, of which nothing is left out. Numbers are float32, exactly, as Python's floats.

    Args:
        words: False leaves out what repeats the post's words, or can be looked up in the rule set.
    """
    return {
        "action": _ACTIONS[verdict.action],
        "risk": verdict.risk,
        "commerce": verdict.commerce,
        "exposure": verdict.exposure,
        "labels": [
            {"category": label.category, "score": label.score, "severity": SEVERITIES[label.severity - 1]}
            for label in verdict.labels
        ],
        "evidence": [_evidence(entry, words) for entry in verdict.evidence],
        "bounds": [BOUNDS[bound] for bound in verdict.bounds_reached],
    }


def _evidence(entry: verdict_pb2.Evidence, words: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "rule": entry.rule,
        "category": entry.category,
        "text": entry.text_index,
        "begin": entry.begin,
        "end": entry.end,
        "shadow": entry.shadow,
    }
    if words:
        message = entry.message
        fields["matched"] = entry.matched
        fields["folded"] = entry.folded
        fields["basis"] = list(entry.basis)
        fields["zh"] = message.zh
        fields["en"] = message.en
    return fields


def _seller(standing: verdict_pb2.SellerStanding) -> dict[str, Any] | str | None:
    """As the cases of packs write it, and `open_complaints`."""
    if standing.outcome == standing_pb2.LOOKUP_OUTCOME_UNSPECIFIED:
        return None
    if standing.outcome == standing_pb2.LOOKUP_OUTCOME_NOT_FOUND:
        return "unknown"
    if standing.outcome == standing_pb2.LOOKUP_OUTCOME_UNAVAILABLE:
        return "unavailable"
    found = standing.standing
    return {
        "registration": REGISTRATION[found.registration - 1],
        "enforcement": ENFORCEMENT[found.enforcement - 1],
        "listing": LISTING[found.listing - 1],
        "licences": list(found.licences),
        "strikes": {strikes.category: strikes.count for strikes in found.strikes},
        "tenure_days": found.tenure_days,
        "open_complaints": found.open_complaints,
    }
