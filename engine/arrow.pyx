"""Text columns through the Arrow C data interface; pyarrow is not needed.

What comes in is another library's memory: it is held until the last view of it is gone, then given back. Lengths that
the interface tells are believed (it tells no buffer's size), offsets are checked.
"""

import numpy as np

cimport numpy as cnp

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy, strcmp

from fairpost.engine.arrow cimport (
    STRING_VIEW_INLINED,
    ArrowArray,
    ArrowArrayStream,
    ArrowSchema,
    string_view_t,
)
from fairpost.engine.buffers cimport view

__all__ = ["text_columns"]

cnp.import_array()

_EXPECTED = "expected string, large_string, string_view, binary, large_binary or binary_view"
_NAMES = {
    "b": "bool", "c": "int8", "C": "uint8", "s": "int16", "S": "uint16", "i": "int32", "I": "uint32", "l": "int64",
    "L": "uint64", "e": "float16", "f": "float32", "g": "float64", "+l": "lists", "+L": "lists", "+m": "maps",
}  # fmt: skip

cdef enum layout_t:
    NULLS
    OFFSETS_32
    OFFSETS_64
    VIEWS


cdef class _Held:
    """An array taken over from its producer, and given back when the last view of it is gone."""

    cdef ArrowArray array

    def __dealloc__(self):
        if self.array.release != NULL:
            self.array.release(&self.array)


cdef class _Stream:
    """A stream and its schema, taken over."""

    cdef ArrowArrayStream stream
    cdef ArrowSchema schema

    def __dealloc__(self):
        if self.schema.release != NULL:
            self.schema.release(&self.schema)
        if self.stream.release != NULL:
            self.stream.release(&self.stream)

    cdef int check(self, int code) except -1:
        if code != 0:
            said = self.stream.get_last_error(&self.stream)
            what = "no reason given" if said == NULL else said.decode(errors="replace")
            raise ValueError(f"texts: the Arrow stream failed: {what}")
        return 0


def text_columns(source):
    """[(uint8 bytes, int64[n + 1] offsets)], one a chunk, of what has `__arrow_c_array__` or `__arrow_c_stream__`.

    A null is an empty text. No bytes are copied, except those of view arrays and of arrays whose nulls hide some;
    32-bit offsets are widened.

    Raises:
        TypeError: it is no column of strings or bytes.
        ValueError: the stream fails, or offsets do not ascend.
    """
    cdef _Stream stream
    cdef _Held held
    cdef ArrowArrayStream *streamed
    if hasattr(source, "__arrow_c_array__"):
        schema, array = source.__arrow_c_array__()
        layout = _layout(<ArrowSchema*>PyCapsule_GetPointer(schema, "arrow_schema"))
        held = _take(<ArrowArray*>PyCapsule_GetPointer(array, "arrow_array"))
        return [_columns(held, layout)]
    capsule = source.__arrow_c_stream__()
    stream = _Stream()
    streamed = <ArrowArrayStream*>PyCapsule_GetPointer(capsule, "arrow_array_stream")
    stream.stream = streamed[0]
    streamed.release = NULL
    stream.check(stream.stream.get_schema(&stream.stream, &stream.schema))
    layout = _layout(&stream.schema)
    chunks = []
    while True:
        held = _Held()
        stream.check(stream.stream.get_next(&stream.stream, &held.array))
        if held.array.release == NULL:
            return chunks
        chunks.append(_columns(held, layout))


cdef _Held _take(ArrowArray *array):
    held = _Held()
    held.array = array[0]
    array.release = NULL
    return held


cdef layout_t _layout(const ArrowSchema *schema) except *:
    """How the texts lie, by the schema's format."""
    cdef const char *letters = schema.format
    if schema.dictionary != NULL:
        raise TypeError("texts: a dictionary-encoded (categorical) Arrow column: cast it to strings first")
    if strcmp(letters, b"u") == 0 or strcmp(letters, b"z") == 0:
        return OFFSETS_32
    if strcmp(letters, b"U") == 0 or strcmp(letters, b"Z") == 0:
        return OFFSETS_64
    if strcmp(letters, b"vu") == 0 or strcmp(letters, b"vz") == 0:
        return VIEWS
    if strcmp(letters, b"n") == 0:
        return NULLS
    if strcmp(letters, b"+s") == 0:
        names = ", ".join(_name(schema.children[k]) for k in range(schema.n_children))
        raise TypeError(f"texts: an Arrow table or struct of {names or 'no columns'}: pass one column of texts")
    spelled = letters.decode(errors="replace")
    raise TypeError(f"texts: an Arrow column of {_NAMES.get(spelled, f'format {spelled!r}')}, {_EXPECTED}")


cdef object _name(const ArrowSchema *schema):
    return "" if schema.name == NULL else schema.name.decode(errors="replace")


cdef object _columns(_Held held, layout_t layout):
    cdef const ArrowArray *array = &held.array
    cdef int64_t n = array.length, expected = 0 if layout == NULLS else 3
    if n < 0 or array.offset < 0 or array.n_buffers < expected:
        what = f"length {n}, offset {array.offset}, {array.n_buffers} buffers"
        raise ValueError(f"texts: a malformed Arrow array ({what})")
    if n == 0 or layout == NULLS:
        return np.empty(0, dtype=np.uint8), np.zeros(n + 1, dtype=np.int64)
    if layout == VIEWS:
        return _gather_views(array)
    offsets = _offsets(held, layout)
    cdef const int64_t *ends = <const int64_t*>cnp.PyArray_DATA(<cnp.ndarray>offsets)
    content = view(array.buffers[2], ends[n], cnp.NPY_UINT8, held)
    if ends[n] and content.size == 0:
        raise ValueError("texts: an Arrow array with offsets but without bytes")
    if _hides(array, ends):
        return _gather_valid(array, content, offsets)
    return content, offsets


cdef object _offsets(_Held held, layout_t layout):
    """int64[n + 1]: a view where the array has just these, else a copy of them."""
    cdef const ArrowArray *array = &held.array
    cdef int64_t n = array.length, fault
    cdef const uint8_t *source = <const uint8_t*>array.buffers[1]
    cdef int width = 4 if layout == OFFSETS_32 else 8
    if source == NULL:
        raise ValueError("texts: an Arrow array without offsets")
    source += array.offset * width
    if width == 8 and <size_t>source % 8 == 0:
        offsets = view(source, n + 1, cnp.NPY_INT64, held)
    else:
        offsets = np.empty(n + 1, dtype=np.int64)
    cdef int64_t *ends = <int64_t*>cnp.PyArray_DATA(<cnp.ndarray>offsets)
    with nogil:
        if width == 4:
            _widen(source, n, ends)
        elif <const uint8_t*>ends != source:
            memcpy(ends, source, (n + 1) * 8)
        fault = first_descent(ends, n)
    if fault >= 0:
        raise ValueError(
            f"texts: offset {fault} of an Arrow array is {ends[fault]}: offsets must ascend from 0 or more"
        )
    return offsets


cdef void _widen(const uint8_t *source, int64_t n, int64_t *ends) noexcept nogil:
    cdef int64_t i
    cdef int32_t end
    for i in range(n + 1):
        memcpy(&end, source + i * 4, 4)
        ends[i] = end


cdef int64_t first_descent(const int64_t *ends, int64_t n) noexcept nogil:
    """The first i at which ends[i] < ends[i - 1] (or < 0 for i = 0); -1 where all of ends[0 .. n] ascend."""
    cdef int64_t i, wrong = ends[0] < 0
    for i in range(n):
        wrong |= ends[i + 1] < ends[i]
    if not wrong:
        return -1
    if ends[0] < 0:
        return 0
    for i in range(n):
        if ends[i + 1] < ends[i]:
            return i + 1
    return -1


cdef inline bint _is_null(const uint8_t *validity, int64_t at) noexcept nogil:
    return not (validity[at >> 3] >> (at & 7) & 1)


cdef inline int64_t _size(const uint8_t *sizes, int32_t buffer) noexcept nogil:
    """The size of a data buffer; the sizes may lie at any address."""
    cdef int64_t size
    memcpy(&size, sizes + <int64_t>buffer * 8, 8)
    return size


cdef bint _hides(const ArrowArray *array, const int64_t *ends) noexcept nogil:
    """Whether a null has bytes of its own; writers leave it empty, but need not."""
    cdef const uint8_t *validity = <const uint8_t*>array.buffers[0]
    cdef int64_t i
    if validity == NULL or array.null_count == 0:
        return False
    for i in range(array.length):
        if ends[i + 1] > ends[i] and _is_null(validity, array.offset + i):
            return True
    return False


cdef object _gather_valid(const ArrowArray *array, content, offsets):
    cdef const uint8_t *validity = <const uint8_t*>array.buffers[0]
    cdef const uint8_t *source = <const uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>content)
    cdef const int64_t *ends = <const int64_t*>cnp.PyArray_DATA(<cnp.ndarray>offsets)
    cdef int64_t n = array.length, i, size, at = 0
    kept, kept_offsets = np.empty(ends[n] - ends[0], dtype=np.uint8), np.zeros(n + 1, dtype=np.int64)
    cdef uint8_t *out = <uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>kept)
    cdef int64_t *out_ends = <int64_t*>cnp.PyArray_DATA(<cnp.ndarray>kept_offsets)
    for i in range(n):
        if not _is_null(validity, array.offset + i):
            size = ends[i + 1] - ends[i]
            memcpy(out + at, source + ends[i], size)
            at += size
        out_ends[i + 1] = at
    return kept, kept_offsets


cdef object _gather_views(const ArrowArray *array):
    """The texts of a view array, one behind the other."""
    cdef const uint8_t *validity = <const uint8_t*>array.buffers[0] if array.null_count else NULL
    cdef const uint8_t *views = <const uint8_t*>array.buffers[1]
    cdef int64_t n = array.length, i, room = 0, fault = -1
    cdef int64_t buffers = array.n_buffers - 3
    # Last come the sizes of the data buffers.
    cdef const uint8_t *sizes = <const uint8_t*>array.buffers[array.n_buffers - 1]
    cdef string_view_t seen
    cdef const uint8_t *source
    offsets = np.zeros(n + 1, dtype=np.int64)
    cdef int64_t *ends = <int64_t*>cnp.PyArray_DATA(<cnp.ndarray>offsets)
    if views == NULL or (buffers and sizes == NULL):
        raise ValueError("texts: an Arrow view array without views or sizes")
    views += array.offset * sizeof(string_view_t)
    with nogil:
        for i in range(n):
            memcpy(&seen, views + i * sizeof(string_view_t), sizeof(string_view_t))
            if validity == NULL or not _is_null(validity, array.offset + i):
                if seen.length < 0 or (seen.length > STRING_VIEW_INLINED and not (
                    0 <= seen.at.far.buffer < buffers
                    and 0 <= seen.at.far.offset <= _size(sizes, seen.at.far.buffer) - seen.length
                )):
                    fault = i
                    break
                room += seen.length
            ends[i + 1] = room
    if fault >= 0:
        raise ValueError(f"texts: view {fault} of an Arrow array points outside its buffers")
    content = np.empty(room, dtype=np.uint8)
    cdef uint8_t *out = <uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>content)
    with nogil:
        for i in range(n):
            if ends[i + 1] == ends[i]:
                continue
            memcpy(&seen, views + i * sizeof(string_view_t), sizeof(string_view_t))
            if seen.length <= STRING_VIEW_INLINED:
                source = seen.at.inlined
            else:
                source = <const uint8_t*>array.buffers[2 + seen.at.far.buffer] + seen.at.far.offset
            memcpy(out + ends[i], source, seen.length)
    return content, offsets
