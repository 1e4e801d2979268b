"""From request bytes to posts, where one bad post must not spoil its neighbours.

The protobuf runtime refuses a whole message for one string that is not UTF-8. That is right for CheckPost; a batch is
then taken apart, and each of its posts is parsed alone. Only refused messages pay for this.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf import empty_pb2
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from fairpost.server.errors import InvalidArgument, Violation
from fairpost.v1 import filter_pb2, post_pb2, reason_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PostOrError", "parse", "parse_batch", "parse_post", "varint"]

PostOrError = post_pb2.Post | InvalidArgument
Request = TypeVar("Request", bound=Message)
Batch = TypeVar("Batch", filter_pb2.CheckPostsRequest, filter_pb2.StreamCheckRequest)

_LENGTH_DELIMITED = 2
_POSTS = filter_pb2.CheckPostsRequest.POSTS_FIELD_NUMBER
assert filter_pb2.StreamCheckRequest.POSTS_FIELD_NUMBER == _POSTS


def parse(request_type: type[Request], content: bytes) -> Request:
    """A request of any method.

    Raises:
        InvalidArgument: the bytes are no such message; a string that is not UTF-8 is named.
    """
    try:
        return request_type.FromString(content)
    except DecodeError:
        name = _bad_string(content, request_type.DESCRIPTOR)
        raise (_not_utf8(name) if name else _malformed(request_type.DESCRIPTOR.name)) from None


def parse_batch(request_type: type[Batch], content: bytes) -> tuple[Batch, list[PostOrError]]:
    """The request and its posts in order; what could not be parsed is an error in its place. After an error the
    request's own `posts` are empty: take the second part.

    Raises:
        InvalidArgument: not a single post but the message itself is broken.
    """
    try:
        request = request_type.FromString(content)
        return request, list(request.posts)
    except DecodeError:
        pass
    posts: list[PostOrError] = []
    rest = request_type()
    try:
        for number, kind, value in _fields(content):
            if number == _POSTS and kind == _LENGTH_DELIMITED:
                posts.append(parse_post(value, len(posts)))
        rest = request_type.FromString(_without_posts(content))
    except DecodeError:
        raise _malformed(request_type.DESCRIPTOR.name) from None
    return rest, posts


def parse_post(content: bytes, index: int) -> PostOrError:
    """Post number `index` of a batch, or what is wrong with its bytes."""
    try:
        return post_pb2.Post.FromString(content)
    except DecodeError:
        name = _bad_string(content, post_pb2.Post.DESCRIPTOR)
        path = f"posts[{index}]"
        error = _not_utf8(f"{path}.{name}") if name else _malformed(f"Post ({path})")
        with contextlib.suppress(DecodeError, UnicodeDecodeError):
            for number, kind, value in _fields(content):
                if number == post_pb2.Post.ID_FIELD_NUMBER and kind == _LENGTH_DELIMITED and len(value) <= 256:
                    error.metadata["post_id"] = value.decode("utf-8")
        return error


def _fields(content: bytes) -> Iterator[tuple[int, int, Any]]:
    """Top-level fields in wire order. A message type without fields keeps everything as unknown, unvalidated; only it
    takes the number 0.

    Raises:
        DecodeError: the bytes are no message.
    """
    unknown = UnknownFieldSet(empty_pb2.Empty.FromString(content))
    for i in range(len(unknown)):
        field = unknown[i]
        if field.field_number == 0:
            raise DecodeError("field number 0")
        yield field.field_number, field.wire_type, field.data


def _without_posts(content: bytes) -> bytes:
    """The other fields of a batch; all of them are varints in this version, anything else is ignored as unknown."""
    rest = bytearray()
    for number, kind, value in _fields(content):
        if kind == 0:
            rest += varint(number << 3) + varint(value)
    return bytes(rest)


def varint(number: int) -> bytes:
    """Protobuf's form of a number, and of a length: seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _bad_string(content: bytes, descriptor: Any) -> str | None:
    """Path of the first string that is not UTF-8, or None."""
    seen: dict[int, int] = {}
    try:
        fields = list(_fields(content))
    except DecodeError:
        return None
    for number, kind, value in fields:
        field = descriptor.fields_by_number.get(number)
        if field is None or kind != _LENGTH_DELIMITED:
            continue
        index = seen.get(number, 0)
        seen[number] = index + 1
        name = f"{field.name}[{index}]" if field.is_repeated else field.name
        if field.type == field.TYPE_STRING:
            try:
                value.decode("utf-8")
            except UnicodeDecodeError:
                return name
        elif field.type == field.TYPE_MESSAGE and (inner := _bad_string(value, field.message_type)):
            return f"{name}.{inner}"
    return None


def _not_utf8(path: str) -> InvalidArgument:
    description = "is not valid UTF-8"
    return InvalidArgument(
        reason_pb2.REASON_INVALID_UTF8, f"{path}: {description}", violations=[Violation(path, description)]
    )


def _malformed(what: str) -> InvalidArgument:
    return InvalidArgument(reason_pb2.REASON_MALFORMED_REQUEST, f"the bytes are no {what} message")
