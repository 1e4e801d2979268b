"""The Arrow C data interface: structures of the specification (kernels/arrow.h)."""

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef extern from "arrow.h" nogil:
    enum:
        STRING_VIEW_INLINED

    ctypedef struct far_t:
        int32_t buffer, offset
    ctypedef union place_t:
        uint8_t[12] inlined
        far_t far
    ctypedef struct string_view_t:
        int32_t length
        place_t at

    struct ArrowSchema:
        const char *format
        const char *name
        const char *metadata
        int64_t flags
        int64_t n_children
        ArrowSchema **children
        ArrowSchema *dictionary
        void (*release)(ArrowSchema *) noexcept
        void *private_data
    struct ArrowArray:
        int64_t length
        int64_t null_count
        int64_t offset
        int64_t n_buffers
        int64_t n_children
        const void **buffers
        ArrowArray **children
        ArrowArray *dictionary
        void (*release)(ArrowArray *) noexcept
        void *private_data
    struct ArrowArrayStream:
        int (*get_schema)(ArrowArrayStream *, ArrowSchema *) noexcept
        int (*get_next)(ArrowArrayStream *, ArrowArray *) noexcept
        const char *(*get_last_error)(ArrowArrayStream *) noexcept
        void (*release)(ArrowArrayStream *) noexcept
        void *private_data
