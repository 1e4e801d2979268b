/* What the NEON kernels share: validation of UTF-8 (see utf8_avx512.h), and masks of bits. Every aarch64 has Advanced SIMD. */
#ifndef FAIRPOST_UTF8_NEON_H
#define FAIRPOST_UTF8_NEON_H

#include "utf8_tables.h"

#if defined(__aarch64__) && defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HAVE_NEON 1
#include <arm_neon.h>

/* Adds to `faults` what is wrong with the 16 bytes `v` at `bytes`, given the three before them. */
static inline uint8x16_t utf8_faults_neon(uint8x16_t faults, const uint8_t *bytes, uint8x16_t v) {
    const uint8x16_t low = vdupq_n_u8(15);
    const uint8x16_t before1 = vld1q_u8(bytes - 1), before2 = vld1q_u8(bytes - 2), before3 = vld1q_u8(bytes - 3);
    const uint8x16_t a = vqtbl1q_u8(vld1q_u8((const uint8_t *)utf8_first_high), vshrq_n_u8(before1, 4));
    const uint8x16_t b = vqtbl1q_u8(vld1q_u8((const uint8_t *)utf8_first_low), vandq_u8(before1, low));
    const uint8x16_t c = vqtbl1q_u8(vld1q_u8((const uint8_t *)utf8_second_high), vshrq_n_u8(v, 4));
    const uint8x16_t wrong = vandq_u8(vandq_u8(a, b), c);
    /* The third byte of three and the third and fourth of four are continuations after continuations, rightly. */
    const uint8x16_t third = vqsubq_u8(before2, vdupq_n_u8(0xE0 - 0x80)), fourth = vqsubq_u8(before3, vdupq_n_u8(0xF0 - 0x80));
    const uint8x16_t right = vandq_u8(vorrq_u8(third, fourth), vdupq_n_u8(0x80));
    return vorrq_u8(faults, veorq_u8(wrong, right));
}

/* One bit for each of 64 bytes that are 0 or 0xFF. */
static inline uint64_t bits_of_neon(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bit = vld1q_u8(weights);
    const uint8x16_t first = vpaddq_u8(vandq_u8(a, bit), vandq_u8(b, bit)), second = vpaddq_u8(vandq_u8(c, bit), vandq_u8(d, bit));
    const uint8x16_t sum = vpaddq_u8(first, second);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
}

#endif
#endif
