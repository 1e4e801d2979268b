/* The recognisers' view of a text: code points under every default fold but separators, with the byte offset
 * of each one's source character; and the small predicates that the recognisers are written with. */
#ifndef FAIRPOST_VIEW_H
#define FAIRPOST_VIEW_H

#include "match.h"

/* A view is decoded where it is looked at: index VIEW_SEAT is the character at the byte where it was seated, lower ones stand before
 * it. No recogniser reads further than VIEW_SEAT before or VIEW_AHEAD behind that character (see seeds.h). */
typedef struct {
    const image_t *image;
    const uint8_t *bytes; /* of the text, well-formed */
    uint32_t length;
    uint32_t *code_points, *offsets; /* VIEW_SEAT + VIEW_AHEAD each */
    int64_t low, high;               /* what is decoded ... */
    uint32_t byte_low, byte_high;    /* ... and the bytes it comes from */
} view_t;

enum { VIEW_SEAT = 512, VIEW_AHEAD = 4096, VIEW_EXPANSION = 32 };
#define NO_CHARACTER 0xFFFFFFFFu

enum {
    CLASS_LETTER = 1,
    CLASS_DIGIT = 2,
    CLASS_ALNUM = CLASS_LETTER | CLASS_DIGIT,
    CLASS_HYPHEN = 4,
    CLASS_UNDERSCORE = 8,
    CLASS_ID = CLASS_ALNUM | CLASS_HYPHEN | CLASS_UNDERSCORE,
    CLASS_FILL = 16,
    CLASS_ADDRESS = 32,
    CLASS_HAN = 64,
    CLASS_NUMERAL = 128, /* a digit in writing: 零 to 九 */
    CLASS_MIXED = CLASS_DIGIT | CLASS_NUMERAL
};

/* Begins the view anew at the character that starts at `byte`. */
static inline void seat_view(view_t *v, uint32_t byte) {
    v->low = v->high = VIEW_SEAT;
    v->byte_low = v->byte_high = byte;
}

/* Decodes up to index i. */
static uint32_t __attribute__((noinline)) reach(view_t *v, int64_t i) {
    uint32_t folded[VIEW_EXPANSION];
    while (i >= v->high && v->byte_high < v->length && v->high <= VIEW_SEAT + VIEW_AHEAD - VIEW_EXPANSION) {
        const uint32_t here = v->byte_high;
        size_t at = here;
        const size_t gave = fold_fine(v->image, 0, decode_utf8(v->bytes, v->length, &at), v->code_points + v->high, VIEW_EXPANSION);
        for (size_t k = 0; k < gave; k++) v->offsets[v->high + (int64_t)k] = here;
        v->high += (int64_t)gave;
        v->byte_high = (uint32_t)at;
    }
    while (i < v->low && v->byte_low > 0 && v->low >= VIEW_EXPANSION) {
        do v->byte_low--; while ((v->bytes[v->byte_low] & 0xC0) == 0x80);
        size_t at = v->byte_low;
        const size_t gave = fold_fine(v->image, 0, decode_utf8(v->bytes, v->length, &at), folded, VIEW_EXPANSION);
        v->low -= (int64_t)gave;
        for (size_t k = 0; k < gave; k++) {
            v->code_points[v->low + (int64_t)k] = folded[k];
            v->offsets[v->low + (int64_t)k] = v->byte_low;
        }
    }
    return i >= v->low && i < v->high ? v->code_points[i] : NO_CHARACTER;
}

/* Outside the text everything reads as NO_CHARACTER, which is in no class. */
static inline uint32_t at(view_t *v, int64_t i) { return i >= v->low && i < v->high ? v->code_points[i] : reach(v, i); }

/* The next character of a UTF-8 literal. */
static inline uint32_t next_of(const uint8_t **at) {
    const uint8_t *p = *at;
    if (*p < 0x80) return *at += 1, p[0];
    if (*p < 0xE0) return *at += 2, (p[0] & 31u) << 6 | (p[1] & 63u);
    if (*p < 0xF0) return *at += 3, (p[0] & 15u) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u);
    return *at += 4, (p[0] & 7u) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u);
}

/* Whether `c` is one of the characters of `set`, a UTF-8 literal. */
static inline int is_one_of(uint32_t c, const char *set) {
    for (const uint8_t *p = (const uint8_t *)set; *p;)
        if (c == next_of(&p)) return 1;
    return 0;
}

static inline int one_of(view_t *v, int64_t i, const char *set) { return is_one_of(at(v, i), set); }

/* Classes and possible beginnings of recognisers for every code point of the Basic Multilingual Plane; filled once by prepare_recognisers(), when the module is imported. */
typedef struct { uint8_t classes, begins; } view_character_t;
static view_character_t view_characters[0x10000];

/* A bit for each recogniser, in the order of RECOGNISERS. */
enum { BIT_WECHAT = 1, BIT_PHONE = 2, BIT_QQ = 4, BIT_URL = 8, BIT_EMAIL = 16, BIT_PRICE = 32, BIT_PERCENT = 64 };

/* Adds classes and beginnings to every character of `set`, a UTF-8 literal. */
static inline void note_characters(const char *set, uint32_t classes, uint32_t begins) {
    for (const uint8_t *p = (const uint8_t *)set; *p;) {
        const uint32_t c = next_of(&p);
        if (c >= 0x10000) continue;
        view_characters[c].classes |= (uint8_t)classes;
        view_characters[c].begins |= (uint8_t)begins;
    }
}

static inline void prepare_recognisers(void) {
    note_characters("abcdefghijklmnopqrstuvwxyz", CLASS_LETTER | CLASS_ADDRESS, BIT_URL | BIT_EMAIL);
    note_characters("0123456789", CLASS_DIGIT | CLASS_ADDRESS, BIT_PHONE | BIT_URL | BIT_EMAIL | BIT_PRICE | BIT_PERCENT);
    note_characters("-", CLASS_HYPHEN, 0);
    note_characters("_", CLASS_UNDERSCORE, 0);
    note_characters(" :+,.~=>('\"[*-号码是为加我→⇒👉☞“”【「", CLASS_FILL, 0); /* 👉: see class_at */
    note_characters("-_.~:/?#@&=%+$", CLASS_ADDRESS, 0);
    note_characters("零一二三四五六七八九十百千万两", CLASS_HAN, 0);
    note_characters("零一二三四五六七八九", CLASS_NUMERAL, 0);
    note_characters("一", 0, BIT_PHONE);
    note_characters("vw+微薇威徽维加", 0, BIT_WECHAT);
    note_characters("+(", 0, BIT_PHONE);
    note_characters("q扣叩企", 0, BIT_QQ);
    note_characters("rcuh$¥€£₩原现特售单定底进批代零活优秒团到拿一直专会拼成市二三四五六七八九十百千万两", 0, BIT_PRICE);
    note_characters("百", 0, BIT_PERCENT);
}

static inline uint32_t class_at(view_t *v, int64_t i) {
    const uint32_t c = at(v, i);
    return c < 0x10000 ? view_characters[c].classes : c == 0x1F449 ? CLASS_FILL : 0;
}

static inline int in_class(view_t *v, int64_t i, uint32_t classes) { return (class_at(v, i) & classes) != 0; }

/* End of the run of `classes` from i, `most` characters at the most. */
static inline int64_t run(view_t *v, int64_t i, uint32_t classes, int64_t most) {
    const int64_t stop = i + most;
    while (i < stop && in_class(v, i, classes)) i++;
    return i;
}

static inline int64_t longer(int64_t a, int64_t b) { return a > b ? a : b; }

/* Whether the characters of `word`, a UTF-8 literal, stand at i. */
static inline int word_at(view_t *v, int64_t i, const char *word) {
    for (const uint8_t *p = (const uint8_t *)word; *p; i++)
        if (at(v, i) != next_of(&p)) return 0;
    return 1;
}

static inline int is_word(view_t *v, int64_t begin, int64_t end, const char *const *words) {
    for (; *words != NULL; words++)
        if ((int64_t)strlen(*words) == end - begin && word_at(v, begin, *words)) return 1;
    return 0;
}

/* Which recognisers may match from i, by what stands there and before. Inside a run of letters and digits
 * little can begin: numbers, names and addresses begin with the run, and only http:// does not look back. */
static inline uint32_t recognisers_from(view_t *v, int64_t i) {
    const uint32_t c = at(v, i);
    if (c >= 0x10000) return 0;
    uint32_t begins = view_characters[c].begins;
    if (!begins) return 0;
    const uint32_t before = class_at(v, i - 1);
    if (c < 128) {
        if (before & CLASS_ALNUM) begins &= ~(uint32_t)(BIT_EMAIL | (c == 'h' ? 0 : BIT_URL));
        if (before & CLASS_DIGIT) begins &= ~(uint32_t)(BIT_PHONE | BIT_PERCENT | (c - '0' < 10 ? BIT_PRICE : 0));
    } else if ((begins & BIT_PRICE) && c >= 0x4E00 && at(v, i + 1) != 0x4EF7 && at(v, i + 2) != 0x4EF7) {
        /* A price that begins with a Han character needs 价 soon after it, or a numeral with 元 or 块 behind it. */
        const uint32_t next = (view_characters[c].classes & CLASS_HAN) ? at(v, run(v, i, CLASS_HAN, 8)) : 0;
        if (next != 0x5143 && next != 0x5757) begins &= ~(uint32_t)BIT_PRICE;
    }
    return begins;
}

#endif
