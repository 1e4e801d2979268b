"""Logged decisions judged again by a running server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import timestamp_pb2

from fairpost.server.observe.decisions.records import UNITS, time_of, verdict_fields
from fairpost.server.observe.decisions.replay import Difference, ReplayError, differences, texts_of
from fairpost.v1 import post_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairpost.client import Client

__all__ = ["judged_by"]


def judged_by(client: Client, record: Mapping[str, Any]) -> list[Difference]:
    """Let a running server judge again, as a dry run: its answer takes the whole way of a call. What differs, the
    seller's standing included, which may have changed since.

    Raises:
        ReplayError: another revision is active there, the text was not logged, or the seller's id is masked.
        CallFailed: the server refuses.
    """
    texts = texts_of(record)
    active = client.status().active.revision
    if active != record["revision"]:
        raise ReplayError(
            f"the server's active revision is {active or 'none'}, the decision was made by {record['revision']}: roll "
            "back there, or replay without --server"
        )
    if record["seller_id"].startswith("masked:"):
        raise ReplayError(
            "the seller's id is masked in the log, so that no server can be asked for his standing: replay without "
            "--server, which takes the standing from the record"
        )
    post = post_pb2.Post(
        seller_id=record["seller_id"], text=texts[0], channel=record["channel"], language=record["language"]
    )
    for text in texts[1:]:
        post.extra_texts.add(text=text)
    seconds = record["created_at"]
    if seconds is None:
        seconds = time_of(record["decision_id"]) // 1000
    post.created_at.CopyFrom(timestamp_pb2.Timestamp(seconds=seconds))
    unit: Any = next(number for number, name in UNITS.items() if name == record["unit"])
    return differences(record, verdict_fields(client.check(post, unit=unit, dry_run=True).verdict))
