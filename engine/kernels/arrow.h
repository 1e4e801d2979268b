/* The Arrow C data and stream interfaces (arrow.apache.org/docs/format/CDataInterface.html), as the specification
 * gives them, under its guards. */
#ifndef FAIRPOST_ARROW_H
#define FAIRPOST_ARROW_H

#include <stdint.h>

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_NULLABLE 2

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif

/* How a text lies in an array of string views: short ones inside the view, others in one of the data buffers. */
typedef struct {
    int32_t length;
    union {
        uint8_t inlined[12];
        struct { uint8_t prefix[4]; int32_t buffer, offset; } far;
    } at;
} string_view_t;

enum { STRING_VIEW_INLINED = 12 };

#endif
