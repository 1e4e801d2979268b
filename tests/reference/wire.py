"""Wire bytes of any kind for hypothesis: close to a message of a given shape, and odd in every way that the format has.

A shape says of each field's number what is in it: "text" (a string), "number", or the shape of a message. Fields come
in any order and number, in several pieces, with wire types that are not theirs, between unknown ones and groups; tags,
lengths and numbers may be longer than they need to be; lengths may lie; the end may be cut off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

__all__ = ["Shape", "message_bytes", "varint"]

Shape = Mapping[int, Any]

_BAD_TEXTS = (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xe6\xa0", b"\x80", b"12345678\xc3")


def varint(number: int, padding: int = 0) -> bytes:
    """With so many bytes more than needed."""
    out = []
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    for _ in range(padding):
        out[-1] |= 128
        out.append(0)
    return bytes(out)


def _rarely(draw: st.DrawFn, odds: int) -> bool:
    return draw(st.integers(0, odds)) == odds


def _number(draw: st.DrawFn, number: int) -> bytes:
    return varint(number, draw(st.integers(1, 9)) if _rarely(draw, 12) else 0)


def _tag(draw: st.DrawFn, field: int, kind: int) -> bytes:
    return _number(draw, field << 3 | kind)


def _delimited(draw: st.DrawFn, content: bytes) -> bytes:
    length = len(content)
    if _rarely(draw, 40):
        length = max(0, length + draw(st.sampled_from([-1, 1, 2, 2**31 - 1, 2**31, 2**32, 2**35, 2**64 - 8])))
    return _number(draw, length) + content


@st.composite
def _unknown(draw: st.DrawFn, depth: int) -> bytes:
    field = draw(st.sampled_from([0, 8, 9, 11, 15, 16, 999, 2**29 - 1]))
    kind = draw(st.sampled_from([0, 1, 2, 3, 5, 0, 1, 2, 3, 5, 4, 6, 7]))
    if kind in (4, 6, 7) and not _rarely(draw, 3):
        kind = 0
    head = _tag(draw, field, kind)
    if kind == 0:
        return head + _number(draw, draw(st.integers(0, 2**64 - 1)))
    if kind in (1, 5):
        return head + draw(st.binary(min_size=8 if kind == 1 else 4, max_size=8 if kind == 1 else 4))
    if kind == 2:
        return head + _delimited(draw, draw(st.binary(max_size=6)))
    if kind == 3:
        if _rarely(draw, 20):  # near the limit of nesting
            levels = draw(st.integers(95, 102))
            return (head * levels) + _tag(draw, field, 4) * levels
        inner = b"".join(draw(st.lists(_unknown(depth + 1), max_size=2))) if depth < 3 else b""
        return head + inner + _tag(draw, field + _rarely(draw, 20), 4)
    return head


@st.composite
def message_bytes(
    draw: st.DrawFn, shape: Shape, texts: st.SearchStrategy[str], numbers: st.SearchStrategy[int]
) -> bytes:
    """A message of this shape, more or less."""
    content = _message(draw, shape, texts, numbers)
    if _rarely(draw, 15) and content:
        content = content[: -draw(st.integers(1, min(8, len(content))))]
    return content


def _message(draw: st.DrawFn, shape: Shape, texts: st.SearchStrategy[str], numbers: st.SearchStrategy[int]) -> bytes:
    parts = []
    for field in draw(st.lists(st.sampled_from([*shape, -1] if _rarely(draw, 4) else list(shape)), max_size=7)):
        if field < 0:
            parts.append(draw(_unknown(0)))
            continue
        what = shape[field]
        if _rarely(draw, 40):  # another wire type than its own: unknown
            what = "number" if what != "number" else "text"
        if what == "number":
            parts.append(_tag(draw, field, 0) + _number(draw, draw(numbers) % 2**64))
        elif what == "text":
            bad = draw(st.sampled_from(_BAD_TEXTS)) if _rarely(draw, 40) else b""
            parts.append(_tag(draw, field, 2) + _delimited(draw, draw(texts).encode() + bad))
        else:
            parts.append(_tag(draw, field, 2) + _delimited(draw, _message(draw, what, texts, numbers)))
    return b"".join(parts)
