/* Python's three forms of a string's code points -> UTF-8. A surrogate comes out as its three bytes, which are not
 * UTF-8: a text with a lone one is refused where texts are checked. `out` has room for the most that n code points can
 * take (2, 3 or 4 bytes each); not a byte more is written than is returned. */
#ifndef FAIRPOST_ENCODE_H
#define FAIRPOST_ENCODE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline size_t encode_one(uint32_t c, uint8_t *out) {
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xC0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xE0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 63));
        out[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    out[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

static inline size_t encode_latin1(const uint8_t *in, size_t n, uint8_t *out) {
    const uint8_t *const start = out;
    for (size_t i = 0; i < n; i++) {
        const uint8_t c = in[i];
        if (c < 0x80) {
            *out++ = c;
        } else {
            *out++ = (uint8_t)(0xC0 | c >> 6);
            *out++ = (uint8_t)(0x80 | (c & 63));
        }
    }
    return (size_t)(out - start);
}

static inline size_t encode_ucs2(const uint16_t *in, size_t n, uint8_t *out) {
    const uint8_t *const start = out;
    for (size_t i = 0; i < n; i++) out += encode_one(in[i], out);
    return (size_t)(out - start);
}

static inline size_t encode_ucs4(const uint32_t *in, size_t n, uint8_t *out) {
    const uint8_t *const start = out;
    for (size_t i = 0; i < n; i++) out += encode_one(in[i], out);
    return (size_t)(out - start);
}

#endif
