"""Columns of numbers as Arrow record batches, through the C data interface, without copies and without pyarrow."""

cimport numpy as cnp

from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fairpost.engine.arrow cimport ArrowArray, ArrowArrayStream, ArrowSchema

cnp.import_array()

cdef enum:
    OUT_OF_MEMORY = 12  # ENOMEM


cdef void _release_schema(ArrowSchema *schema) noexcept:
    # Nothing here is Python's: this runs with or without the GIL. Names live in `private_data`, behind each other.
    cdef int64_t k
    for k in range(schema.n_children):
        if schema.children[k].release != NULL:
            schema.children[k].release(schema.children[k])
        free(schema.children[k])
    free(schema.children)
    free(schema.private_data)
    schema.release = NULL


cdef void _release_array(ArrowArray *array) noexcept with gil:
    cdef int64_t k
    for k in range(array.n_children):
        if array.children[k].release != NULL:
            array.children[k].release(array.children[k])
        free(array.children[k])
    free(array.children)
    free(array.buffers)
    if array.private_data != NULL:
        Py_DECREF(<object>array.private_data)
    array.release = NULL


cdef void _drop_schema(object capsule) noexcept:
    schema = <ArrowSchema*>PyCapsule_GetPointer(capsule, "arrow_schema")
    if schema.release != NULL:
        schema.release(schema)
    free(schema)


cdef void _drop_array(object capsule) noexcept:
    array = <ArrowArray*>PyCapsule_GetPointer(capsule, "arrow_array")
    if array.release != NULL:
        array.release(array)
    free(array)


cdef void _drop_stream(object capsule) noexcept:
    stream = <ArrowArrayStream*>PyCapsule_GetPointer(capsule, "arrow_array_stream")
    if stream.release != NULL:
        stream.release(stream)
    free(stream)


cdef int _fill_schema(ArrowSchema *schema, const char *format, bytes name, tuple names) except -1:
    """A schema of `format` (static text) named `name` with a uint32 child for each of `names`."""
    memset(schema, 0, sizeof(ArrowSchema))
    schema.format = format
    schema.release = _release_schema
    schema.private_data = calloc(len(name) + 1, 1)
    schema.name = <const char*>schema.private_data
    if names:
        schema.children = <ArrowSchema**>calloc(len(names), sizeof(void*))
    if schema.private_data == NULL or (names and schema.children == NULL):
        raise MemoryError
    memcpy(schema.private_data, <const char*>name, len(name))
    for child in names:
        schema.children[schema.n_children] = <ArrowSchema*>calloc(1, sizeof(ArrowSchema))
        if schema.children[schema.n_children] == NULL:
            raise MemoryError
        schema.n_children += 1
        _fill_schema(schema.children[schema.n_children - 1], b"I", child.encode(), ())
    return 0


cdef int _fill_array(ArrowArray *array, int64_t length, object column, tuple columns) except -1:
    """An array over `column` (held by a reference), or a struct over `columns`."""
    memset(array, 0, sizeof(ArrowArray))
    array.length = length
    array.n_buffers = 1 if column is None else 2
    array.release = _release_array
    array.buffers = <const void**>calloc(2, sizeof(void*))
    if columns:
        array.children = <ArrowArray**>calloc(len(columns), sizeof(void*))
    if array.buffers == NULL or (columns and array.children == NULL):
        raise MemoryError
    if column is not None:
        array.buffers[1] = cnp.PyArray_DATA(<cnp.ndarray>column)
        Py_INCREF(column)
        array.private_data = <void*>column
    for child in columns:
        array.children[array.n_children] = <ArrowArray*>calloc(1, sizeof(ArrowArray))
        if array.children[array.n_children] == NULL:
            raise MemoryError
        array.n_children += 1
        _fill_array(array.children[array.n_children - 1], length, child, ())
    return 0


cdef object export_schema(tuple names):
    """Capsule "arrow_schema": a struct of uint32 columns."""
    schema = <ArrowSchema*>calloc(1, sizeof(ArrowSchema))
    if schema == NULL:
        raise MemoryError
    capsule = PyCapsule_New(schema, "arrow_schema", _drop_schema)
    _fill_schema(schema, b"+s", b"", names)
    return capsule


cdef object export_array(tuple names, tuple columns):
    """Capsules ("arrow_schema", "arrow_array") over uint32 arrays of one length, which they keep alive."""
    array = <ArrowArray*>calloc(1, sizeof(ArrowArray))
    if array == NULL:
        raise MemoryError
    capsule = PyCapsule_New(array, "arrow_array", _drop_array)
    _fill_array(array, len(columns[0]), None, columns)
    return export_schema(names), capsule


cdef class _Once:
    """What a stream of one batch gives."""

    cdef tuple names, columns
    cdef bint given


cdef int _get_schema(ArrowArrayStream *stream, ArrowSchema *out) noexcept with gil:
    try:
        _fill_schema(out, b"+s", b"", (<_Once>stream.private_data).names)
    except MemoryError:
        _release_schema(out)
        return OUT_OF_MEMORY
    return 0


cdef int _get_next(ArrowArrayStream *stream, ArrowArray *out) noexcept with gil:
    once = <_Once>stream.private_data
    memset(out, 0, sizeof(ArrowArray))
    if once.given:
        return 0
    try:
        _fill_array(out, len(once.columns[0]), None, once.columns)
    except MemoryError:
        _release_array(out)
        return OUT_OF_MEMORY
    once.given = True
    return 0


cdef const char *_get_last_error(ArrowArrayStream *stream) noexcept with gil:
    return b"out of memory"


cdef void _release_stream(ArrowArrayStream *stream) noexcept with gil:
    Py_DECREF(<object>stream.private_data)
    stream.release = NULL


cdef object export_stream(tuple names, tuple columns):
    """Capsule "arrow_array_stream": one batch of the same."""
    cdef _Once once = _Once()
    once.names, once.columns = names, columns
    stream = <ArrowArrayStream*>calloc(1, sizeof(ArrowArrayStream))
    if stream == NULL:
        raise MemoryError
    capsule = PyCapsule_New(stream, "arrow_array_stream", _drop_stream)
    Py_INCREF(once)
    stream.get_schema = _get_schema
    stream.get_next = _get_next
    stream.get_last_error = _get_last_error
    stream.release = _release_stream
    stream.private_data = <void*>once
    return capsule
