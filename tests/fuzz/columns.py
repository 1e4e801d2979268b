"""Arrow columns through the C data interface: of every layout, sliced, unaligned, with wrong offsets and views.

An input: the layout, flags, length, offset, what is null, two bytes for each offset (or five for each view), and the
bytes of the texts. What the interface can't tell, the sizes of buffers, is always right: it must be believed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from reference.arrow import Producer

from fairpost.engine import Texts

from . import subject
from .cursor import Cursor

__all__ = ["WORDS", "check", "seeds"]

_FORMATS = (b"u", b"U", b"vu", b"z", b"Z", b"vz", b"n", b"i", b"+s", b"")
_NULLS, _COUNTED, _RAW, _DROPPED, _NEGATIVE = 1, 2, 4, 8, 16  # flags; the uppermost two bits shift the buffers
_INLINED = 12
WORDS = tuple(word.encode() for word in subject.WORDS)


def seeds() -> Iterator[bytes]:
    text = subject.TEXTS[0].encode() * 2
    for number in range(len(_FORMATS)):
        for flags in (0, _NULLS, _NULLS | _COUNTED, _RAW, _DROPPED, _NEGATIVE, 64, 128 | _NULLS):
            width = 5 if number % 3 == 2 else 2
            entries = bytes(k % 16 if k % width == 0 else 0 for k in range(12 * width))
            yield bytes([number, flags, 8, 3]) + b"\xb6\x5d\0\0\0" + entries + text


def check(content: bytes) -> None:
    cursor = Cursor(content)
    form, flags, length, offset = (cursor.number() for _ in range(4))
    form, length, offset = form % len(_FORMATS), length % 33, offset % 8
    nulls = cursor.number(5) if flags & _NULLS else (1 << 40) - 1
    count = offset + length
    if form % 3 == 2 and form < 6:
        buffers, expected = _views(cursor, offset, count, nulls)
    else:
        buffers, expected = _offsets(cursor, offset, count, nulls, form % 3 == 1, bool(flags & _RAW))
    buffers[0] = nulls.to_bytes(5, "little") if flags & _NULLS else None
    if form == 6:
        expected = [b""] * length
    if length == 0:
        expected = []
    if flags & _DROPPED and form < 6:
        del buffers[2:]
        expected = None
    hidden = length - bin(nulls >> offset & (1 << length) - 1).count("1")
    known = flags & _COUNTED or not flags & _NULLS
    if flags & _NEGATIVE:
        expected = None
    column = Producer(
        _FORMATS[form],
        -length - 1 if flags & _NEGATIVE else length,
        buffers,
        hidden if known else -1,
        offset,
        flags >> 6,
    )
    try:
        texts = Texts.of(column)
    except ValueError:
        assert expected is None
    except TypeError:
        assert form > 6
        return
    else:
        assert [texts[i] for i in range(len(texts))] == expected
        _judge(texts, expected)
        del texts
    assert column.released == ["array"]


def _offsets(
    cursor: Cursor, offset: int, count: int, nulls: int, wide: bool, raw: bool
) -> tuple[list[bytes | None], list[bytes] | None]:
    """Buffers of a column with offsets, and its texts, or None where the offsets do not ascend."""
    numbers = [struct.unpack("<h", struct.pack("<H", cursor.number(2)))[0] for _ in range(count + 1)]
    ends = numbers if raw else np.cumsum([abs(number) % 64 for number in numbers]).tolist()
    most = max(*ends, 0)
    content = cursor.rest()[:most].ljust(most, b".")
    seen = ends[offset:]
    expected = None
    if seen[0] >= 0 and seen == sorted(seen):
        parts = zip(seen, seen[1:], range(offset, count), strict=False)
        expected = [content[begin:end] if nulls >> k & 1 else b"" for begin, end, k in parts]
    return [None, np.array(ends, np.int64 if wide else np.int32).tobytes(), content], expected


def _views(cursor: Cursor, offset: int, count: int, nulls: int) -> tuple[list[bytes | None], list[bytes] | None]:
    """Buffers of a column of views, and its texts, or None where a view points outside."""
    entries = [
        (*struct.unpack("<bb", bytes([cursor.number(), cursor.number()])), cursor.number(), cursor.number(2))
        for _ in range(count)
    ]
    content = cursor.rest()
    data = [content[: len(content) // 2], content[len(content) // 2 :]]
    views, expected = [], []
    is_right = True
    for k, (length, number, at, inlined) in enumerate(entries):
        text = b""
        if length > _INLINED:
            views.append(struct.pack("<i4sii", length, b"", number, at - 4))
            if 0 <= number < 2 and 0 <= at - 4 <= len(data[number]) - length:
                text = data[number][at - 4 :][:length]
            else:
                is_right = is_right and (k < offset or not nulls >> k & 1)
        else:
            text = str(inlined).encode().ljust(_INLINED, b"v")[: max(length, 0)]
            views.append(struct.pack("<i12s", length, text))
            is_right = is_right and (length >= 0 or k < offset or not nulls >> k & 1)
        if k >= offset:
            expected.append(text if nulls >> k & 1 else b"")
    sizes = np.array([len(part) for part in data], np.int64).tobytes()
    return [None, b"".join(views), *data, sizes], expected if is_right else None


def _judge(texts: Texts, expected: list[bytes]) -> None:
    """Memory of a producer is judged as a copy of it is."""
    there, copied = (subject.rule_set().check_batch(column, days=0, unit="utf8") for column in (texts, expected))
    for name, column in vars(copied).items():
        if isinstance(column, np.ndarray):
            assert (getattr(there, name) == column).all(), name
