/* Bytes of UTF-8 -> code points or UTF-16 code units. */
#ifndef FAIRPOST_UNITS_H
#define FAIRPOST_UNITS_H

#include "columns.h"

#if defined(__SSE2__)
#include <emmintrin.h>

/* Units that begin in `count` <= 64 bytes, behind which 16 more can be read. */
static inline uint32_t units_in(const uint8_t *bytes, uint32_t count, int is_utf16) {
    static const uint8_t first[32] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    __m128i units = _mm_setzero_si128(); /* in each lane, as a negative number */
    for (uint32_t at = 0;; at += 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(bytes + at));
        const uint32_t left = count - at < 16 ? count - at : 16;
        /* A continuation byte, 0x80 to 0xBF, is no unit; the lead of a four-byte character is two units of UTF-16. */
        __m128i begins = _mm_cmpgt_epi8(v, _mm_set1_epi8((char)0xBF));
        const __m128i inside = _mm_loadu_si128((const __m128i *)(first + 16 - left));
        units = _mm_add_epi8(units, _mm_and_si128(begins, inside));
        if (is_utf16) {
            begins = _mm_cmpeq_epi8(_mm_max_epu8(v, _mm_set1_epi8((char)0xF0)), v);
            units = _mm_add_epi8(units, _mm_and_si128(begins, inside));
        }
        if (count - at <= 16) break;
    }
    const __m128i sums = _mm_sad_epu8(_mm_sub_epi8(_mm_setzero_si128(), units), _mm_setzero_si128());
    return (uint32_t)_mm_cvtsi128_si32(sums) + (uint32_t)_mm_extract_epi16(sums, 4);
}
#else
#define EACH_BYTE 0x0101010101010101u

/* In each byte of 8 of well-formed UTF-8: what it adds to or takes from the count of bytes, summed up by the callers.
 * A continuation byte is no unit; the lead of a four-byte character is two units of UTF-16. */
static inline uint64_t continuations(uint64_t bytes) { return bytes >> 7 & ~(bytes >> 6) & EACH_BYTE; }
static inline uint64_t four_byte_leads(uint64_t bytes) { return bytes >> 7 & bytes >> 6 & bytes >> 5 & bytes >> 4 & EACH_BYTE; }

static inline uint32_t units_in(const uint8_t *bytes, uint32_t count, int is_utf16) {
    uint64_t fewer = 0, more = 0, word;
    uint32_t at = 0;
    for (; at + 8 <= count; at += 8) {
        memcpy(&word, bytes + at, 8);
        fewer += continuations(word);
        more += four_byte_leads(word);
    }
    memcpy(&word, bytes + at, 8);
    word &= ((uint64_t)1 << 8 * (count - at)) - 1;
    fewer += continuations(word);
    more += four_byte_leads(word);
    /* Every byte of a sum is at most 9, and the sum of the eight at most 64. */
    const uint32_t units = count - (uint32_t)(fewer * EACH_BYTE >> 56);
    return is_utf16 ? units + (uint32_t)(more * EACH_BYTE >> 56) : units;
}
#endif

/* Units that begin in any number of bytes of well-formed text, behind which 16 more can be read. */
static inline uint32_t count_units(const uint8_t *text, uint32_t bytes, int is_utf16) {
    uint32_t units = 0;
    for (; bytes > 64; text += 64, bytes -= 64) units += units_in(text, 64, is_utf16);
    return units + units_in(text, bytes, is_utf16);
}

/* Bytes that continue no character: the characters of a text, if it is well-formed. Reads nothing behind it. */
static inline uint32_t count_leads(const uint8_t *text, size_t bytes) {
    uint32_t count = 0;
    for (size_t i = 0; i < bytes; i++) count += (text[i] & 0xC0) != 0x80;
    return count;
}

/* How many units begin before each 64th byte of a text, as far as it was asked for. */
typedef struct {
    column_u32 before; /* its `count` blocks are known */
    const uint8_t *text;
    int is_utf16;
} units_t;

static inline void units_free(units_t *u) { column_u32_free(&u->before); }

/* Begins a text, behind which 16 more bytes can be read: nothing of it is known. Returns 0, or -1 when memory runs out. */
static inline int units_begin(units_t *u, const uint8_t *text, uint32_t length, int is_utf16) {
    u->text = text;
    u->is_utf16 = is_utf16;
    u->before.count = 0;
    if (column_u32_reserve(&u->before, length / 64 + 1)) return -1;
    u->before.at[0] = 0;
    u->before.count = 1;
    return 0;
}

/* Units before byte `at` <= length, which begins a character or ends the text. Each 64 bytes are counted once, and at
 * most 63 more for each question. */
static inline uint32_t units_before(units_t *u, uint32_t at) {
    const uint32_t block = at / 64;
    while (u->before.count <= block) {
        const size_t last = u->before.count - 1;
        u->before.at[u->before.count++] = u->before.at[last] + units_in(u->text + last * 64, 64, u->is_utf16);
    }
    return u->before.at[block] + units_in(u->text + (size_t)block * 64, at % 64, u->is_utf16);
}

#endif
