"""Texts as one buffer of UTF-8 with offsets: what a batch is made of, from Python strings, bytes or Arrow."""

import numpy as np

cimport numpy as cnp

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport (
    PyUnicode_1BYTE_DATA,
    PyUnicode_2BYTE_DATA,
    PyUnicode_4BYTE_DATA,
    PyUnicode_GET_LENGTH,
    PyUnicode_KIND,
)
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from fairpost.engine.arrow import text_columns
from fairpost.engine.buffers cimport adopt
from fairpost.engine.scanner cimport path_in_use

__all__ = ["Texts", "parts_of"]

cnp.import_array()


cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)

cdef extern from "encode.h" nogil:
    size_t encode_latin1(const uint8_t *points, size_t n, uint8_t *out) noexcept


class Texts:
    """n texts as columns: text i is `bytes[offsets[i]:offsets[i + 1]]`, in UTF-8.

    Attributes:
        bytes: uint8[...], contiguous.
        offsets: int64[n + 1], ascending, inside `bytes`.

    Built without copying the bytes from anything that has the buffer protocol. UTF-8 is checked when the
    texts are judged or searched, one by one.
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
        """Columns from `Texts`, a list of str or bytes (mixed allowed), or an Arrow column of strings or bytes.

        An Arrow column is anything with `__arrow_c_array__` or `__arrow_c_stream__`: of pyarrow, Polars, pandas
        and others. Its bytes are not copied where they lie behind each other; views are gathered, chunks joined.
        None and nulls are empty texts.

        Raises:
            TypeError: anything else; the message names the position and the type.
        """
        parts = parts_of(texts)
        return parts[0] if len(parts) == 1 else _joined(parts)


def parts_of(texts):
    """[Texts] of what `Texts.of` takes: one, or one for each chunk of an Arrow column, which are not joined."""
    if isinstance(texts, Texts):
        return [texts]
    if isinstance(texts, (str, bytes)):
        raise TypeError(f"texts must be a list of texts, not one {type(texts).__name__}")
    if hasattr(texts, "__arrow_c_array__") or hasattr(texts, "__arrow_c_stream__"):
        return [_checked(content, offsets) for content, offsets in text_columns(texts)]
    if not isinstance(texts, (list, tuple)):
        if not hasattr(texts, "__iter__"):
            raise TypeError(f"texts is {type(texts).__name__}, expected a list of str or bytes or an Arrow column")
        texts = list(texts)
    return [_of_list(texts)]


def _checked(content, offsets):
    """Texts of columns that are known to be right."""
    texts = Texts.__new__(Texts)
    texts.bytes, texts.offsets = content, offsets
    return texts


def _joined(parts):
    contents = [part.bytes[part.offsets[0]:part.offsets[len(part)]] for part in parts]
    starts = np.cumsum([0, *(content.size for content in contents)])
    offsets = [part.offsets[1:] - part.offsets[0] + start for part, start in zip(parts, starts)]
    content = np.concatenate(contents) if contents else np.empty(0, dtype=np.uint8)
    return _checked(content, np.concatenate([np.zeros(1, dtype=np.int64), *offsets]))


cdef object _of_list(object texts):
    cdef Py_ssize_t n = len(texts), i, size, room = 0, at = 0
    cdef object text
    cdef uint8_t *out = NULL
    cdef void *larger
    offsets = np.empty(n + 1, dtype=np.int64)
    cdef int64_t *ends = <int64_t*>cnp.PyArray_DATA(<cnp.ndarray>offsets)
    ends[0] = 0
    try:
        for i in range(n):
            text = texts[i]
            if isinstance(text, str):
                size = PyUnicode_GET_LENGTH(text) * widest(text)
            elif isinstance(text, bytes):
                size = PyBytes_GET_SIZE(text)
            elif text is None:
                size = 0
            else:
                raise TypeError(f"texts[{i}] is {type(text).__name__}, expected str or bytes")
            if size > room - at or out == NULL:
                room = max(2 * room, at + size, 4096)
                larger = realloc(out, room)
                if larger == NULL:
                    raise MemoryError(f"{room} bytes of text")
                out = <uint8_t*>larger
            if isinstance(text, bytes):
                memcpy(out + at, PyBytes_AS_STRING(text), size)
                at += size
            elif size:
                at += encode(text, out + at)
            ends[i + 1] = at
    except BaseException:
        free(out)
        raise
    return _checked(adopt(out, at, cnp.NPY_UINT8), offsets)


cdef Py_ssize_t widest(str text) noexcept:
    """Most bytes that a character of `text` takes in UTF-8, by the kind of its storage."""
    if PyUnicode_IS_ASCII(text):
        return 1
    return 4 if PyUnicode_KIND(text) == 4 else PyUnicode_KIND(text) + 1


cdef Py_ssize_t encode(str text, uint8_t *out) noexcept:
    """UTF-8 of `text` without the copy that PyUnicode_AsUTF8 would leave in the string. A lone surrogate comes
    out as its three bytes, which are not UTF-8, so that the text is refused where UTF-8 is checked."""
    cdef Py_ssize_t n = PyUnicode_GET_LENGTH(text)
    cdef int kind = PyUnicode_KIND(text)
    if PyUnicode_IS_ASCII(text):
        memcpy(out, PyUnicode_1BYTE_DATA(text), n)
        return n
    if kind == 1:
        return encode_latin1(<const uint8_t*>PyUnicode_1BYTE_DATA(text), n, out)
    if kind == 2:
        return path_in_use().encode_ucs2(<const uint16_t*>PyUnicode_2BYTE_DATA(text), n, out)
    return path_in_use().encode_ucs4(<const uint32_t*>PyUnicode_4BYTE_DATA(text), n, out)
