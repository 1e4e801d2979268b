/* How much running text is surprised by a symbol where it stands: what tells a homophone or look-alike that is there by chance
 * from one that is meant. writings/surprise.py says what the levels are. */
#ifndef FAIRPOST_SURPRISE_H
#define FAIRPOST_SURPRISE_H

#include "anchor.h"
#include "image.h"

enum {
    /* The highest level at which a natural substitute counts, for a pattern of two symbols, of three, of more. Two substitutes
     * of two never do: names of shops and people sound like any word (肖中, 消肿). */
    SURPRISE_ONE_OF_TWO = 7,
    SURPRISE_THREE = 11,
    SURPRISE_MORE = 14
};

/* How often running text has the pair: 0, or 7 to 15. */
static inline uint32_t surprise_level(const evasion_t *evasion, uint32_t first, uint32_t second) {
    const uint32_t key = anchor_key(first, second, 0);
    const uint32_t displacement = evasion->surprise_displacement[hash_bucket(key, evasion->surprise_displacement_count)];
    const uint32_t slot = evasion->surprise[hash_slot(key, displacement, evasion->surprise_count)];
    return slot >> 4 == (first << 16 | second) * 0xC2B2AE35u >> 20 ? slot & 15 : 0;
}

/* The more usual one of the two pairs that the symbol at `at` makes with its neighbours in the text. */
static inline uint32_t usual_level(const evasion_t *evasion, const uint16_t *symbols, uint32_t at) {
    const uint32_t left = symbols[(int64_t)at - 1], right = symbols[at + 1];
    const uint32_t before = left != SYMBOL_BOUNDARY ? surprise_level(evasion, left, symbols[at]) : 0;
    const uint32_t behind = right != SYMBOL_BOUNDARY ? surprise_level(evasion, symbols[at], right) : 0;
    return before > behind ? before : behind;
}

#endif
