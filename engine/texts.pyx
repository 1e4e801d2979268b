"""Texts as one buffer of UTF-8 with offsets: what a batch is made of, from Python strings, bytes or Arrow."""

import numpy as np

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport (
    PyUnicode_DATA,
    PyUnicode_GET_LENGTH,
    PyUnicode_KIND,
    PyUnicode_READ,
)
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

__all__ = ["Texts"]


cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)


class Texts:
    """n texts as columns: text i is `bytes[offsets[i]:offsets[i + 1]]`, in UTF-8.

    Attributes:
        bytes: uint8[...], contiguous.
        offsets: int64[n + 1], ascending, inside `bytes`.

    Built without copying the bytes from anything that has the buffer protocol. UTF-8 is checked when the
    texts are judged, one by one.
    """

    __slots__ = ("bytes", "offsets")

    def __init__(self, content, offsets):
        self.bytes = np.frombuffer(content, dtype=np.uint8) if not isinstance(content, np.ndarray) else content
        self.offsets = np.ascontiguousarray(offsets, dtype=np.int64)
        if self.bytes.dtype != np.uint8 or self.bytes.ndim != 1 or not self.bytes.flags.c_contiguous:
            raise TypeError("texts: the bytes must be a contiguous uint8 array or a buffer")
        if self.offsets.ndim != 1 or self.offsets.size == 0:
            raise ValueError("texts: offsets must be one-dimensional with at least one entry")
        ends = self.offsets
        if ends.min() < 0 or ends.max() > self.bytes.size or (np.diff(ends) < 0).any():
            raise ValueError(f"texts: offsets must ascend inside the {self.bytes.size} bytes")

    def __len__(self):
        return self.offsets.size - 1

    def __getitem__(self, index):
        """Text `index` as bytes."""
        if not 0 <= index < len(self):
            raise IndexError(f"text {index} of {len(self)}")
        return self.bytes[self.offsets[index]:self.offsets[index + 1]].tobytes()

    @staticmethod
    def of(texts):
        """Columns from `Texts`, a list of str or bytes (mixed allowed), or a pyarrow string or binary array.

        Raises:
            TypeError: anything else; the message names the position and the type.
        """
        if isinstance(texts, Texts):
            return texts
        if isinstance(texts, (str, bytes)):
            raise TypeError(f"texts must be a list of texts, not one {type(texts).__name__}")
        if hasattr(texts, "__arrow_c_array__") or hasattr(texts, "chunks"):
            return _of_arrow(texts)
        return _of_list(texts if isinstance(texts, (list, tuple)) else list(texts))


cdef object _of_list(object texts):
    cdef Py_ssize_t n = len(texts), i, room = 0, at = 0
    cdef object text
    for i in range(n):
        text = texts[i]
        if isinstance(text, str):
            room += PyUnicode_GET_LENGTH(text) * widest(text)
        elif isinstance(text, bytes):
            room += PyBytes_GET_SIZE(text)
        else:
            raise TypeError(f"texts[{i}] is {type(text).__name__}, expected str or bytes")
    buffer = np.empty(room + 1, dtype=np.uint8)
    offsets = np.empty(n + 1, dtype=np.int64)
    cdef uint8_t[::1] out = buffer
    cdef int64_t[::1] ends = offsets
    ends[0] = 0
    for i in range(n):
        text = texts[i]
        if isinstance(text, bytes):
            memcpy(&out[at], PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
            at += PyBytes_GET_SIZE(text)
        else:
            at += encode(text, &out[at])
        ends[i + 1] = at
    return Texts(buffer, offsets)


cdef Py_ssize_t widest(str text) noexcept:
    """Most bytes that a character of `text` takes in UTF-8, by the kind of its storage."""
    if PyUnicode_IS_ASCII(text):
        return 1
    return 4 if PyUnicode_KIND(text) == 4 else PyUnicode_KIND(text) + 1


cdef Py_ssize_t encode(str text, uint8_t *out) noexcept:
    """UTF-8 of `text` without the copy that PyUnicode_AsUTF8 would leave in the string. A lone surrogate comes
    out as its three bytes, which are not UTF-8, so that the post is refused when it is judged."""
    cdef Py_ssize_t n = PyUnicode_GET_LENGTH(text), i, at = 0
    cdef int kind = PyUnicode_KIND(text)
    cdef const void *data = PyUnicode_DATA(text)
    cdef uint32_t c
    if PyUnicode_IS_ASCII(text):
        memcpy(out, data, n)
        return n
    for i in range(n):
        c = PyUnicode_READ(kind, data, i)
        if c < 0x80:
            out[at] = c
            at += 1
        elif c < 0x800:
            out[at] = 0xC0 | c >> 6
            out[at + 1] = 0x80 | c & 63
            at += 2
        elif c < 0x10000:
            out[at] = 0xE0 | c >> 12
            out[at + 1] = 0x80 | c >> 6 & 63
            out[at + 2] = 0x80 | c & 63
            at += 3
        else:
            out[at] = 0xF0 | c >> 18
            out[at + 1] = 0x80 | c >> 12 & 63
            out[at + 2] = 0x80 | c >> 6 & 63
            out[at + 3] = 0x80 | c & 63
            at += 4
    return at


def _of_arrow(array):
    """Zero-copy view of a pyarrow String, LargeString, Binary or LargeBinary array; a chunked one is joined."""
    if hasattr(array, "combine_chunks") and hasattr(array, "chunks"):
        array = array.combine_chunks()
        if hasattr(array, "chunks"):
            array = array.chunk(0)
    kind = str(array.type)
    widths = {"string": np.int32, "binary": np.int32, "large_string": np.int64, "large_binary": np.int64}
    if kind not in widths:
        raise TypeError(f"texts: an Arrow column of {kind}, expected string, large_string, binary or large_binary")
    _, offsets, content = array.buffers()
    if len(array) == 0:
        return Texts(b"", np.zeros(1, dtype=np.int64))
    width = np.dtype(widths[kind])
    ends = np.frombuffer(offsets, dtype=width, count=len(array) + 1, offset=array.offset * width.itemsize)
    # A null's offsets may span bytes in theory; Arrow writers leave it empty, and an empty text is reported.
    return Texts(content if content is not None and content.size else b"", ends)
