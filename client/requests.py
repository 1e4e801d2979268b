"""What both clients put into requests and take out of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairpost.client.errors import CallFailed
from fairpost.client.verdicts import Checked
from fairpost.v1 import bulletin_pb2, filter_pb2, post_pb2, registry_pb2, rules_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
    from datetime import datetime

    from fairpost.v1 import verdict_pb2

__all__ = [
    "BATCH_BYTES",
    "activation",
    "candidate",
    "checked",
    "consistency",
    "post",
    "schedule",
    "stream",
    "stream_async",
]

BATCH_BYTES = 1 << 20
"""A quarter of what servers take in one message unless told otherwise."""


def post(given: post_pb2.Post | str, fields: dict[str, Any]) -> post_pb2.Post:
    """
    Raises:
        TypeError: fields beside a message, which has its own.
    """
    if isinstance(given, str):
        return post_pb2.Post(text=given, **fields)
    if fields:
        raise TypeError(
            f"{', '.join(fields)}: a Post message has its fields already; give text with fields, or a message"
        )
    return given


def checked(posts: Sequence[post_pb2.Post], results: Sequence[verdict_pb2.CheckResult]) -> list[Checked]:
    """
    Raises:
        CallFailed: the server answered with another number of results.
    """
    if len(results) != len(posts):
        raise CallFailed("INTERNAL", f"the server answered {len(posts)} posts with {len(results)} results")
    return [Checked.of(result) for result in results]


def stream(
    batches: Iterable[Sequence[post_pb2.Post]], unit: post_pb2.SpanUnit.ValueType, dry_run: bool
) -> Iterator[filter_pb2.StreamCheckRequest]:
    """Requests of a stream, numbered from 1."""
    for sequence, posts in enumerate(batches, 1):
        yield filter_pb2.StreamCheckRequest(posts=posts, unit=unit, sequence=sequence, dry_run=dry_run)


async def stream_async(
    batches: AsyncIterator[Sequence[post_pb2.Post]], unit: post_pb2.SpanUnit.ValueType, dry_run: bool
) -> AsyncIterator[filter_pb2.StreamCheckRequest]:
    """Requests of a stream, numbered from 1."""
    sequence = 0
    async for posts in batches:
        sequence += 1
        yield filter_pb2.StreamCheckRequest(posts=posts, unit=unit, sequence=sequence, dry_run=dry_run)


def consistency(token: str, fully: bool) -> registry_pb2.Consistency | None:
    if fully:
        return registry_pb2.Consistency(fully_consistent=True)
    return registry_pb2.Consistency(at_least_as_fresh=token) if token else None


def activation(
    bundle: bytes, signature: tuple[str, bytes] | None, fields: dict[str, Any]
) -> rules_pb2.ActivateBundleRequest:
    request = rules_pb2.ActivateBundleRequest(bundle=bundle, **fields)
    if signature is not None:
        request.key_id, request.signature = signature
    return request


def candidate(bundle: bytes, signature: tuple[str, bytes] | None, source: str) -> rules_pb2.KeepBundleRequest:
    request = rules_pb2.KeepBundleRequest(bundle=bundle, source=source)
    if signature is not None:
        request.key_id, request.signature = signature
    return request


def schedule(publish_at: datetime, request_id: str, fields: dict[str, Any]) -> bulletin_pb2.ScheduleRequest:
    """publish_at: in UTC, or with a zone."""
    document = bulletin_pb2.PublishRequest(**fields)
    request = bulletin_pb2.ScheduleRequest(request_id=request_id, document=document)
    request.publish_at.FromDatetime(publish_at)
    return request
