/* The recognisers' view of a text: code points under every default fold but separators, with the byte offset
 * of each one's source character; and the small predicates that the recognisers are written with. */
#ifndef FAIRPOST_VIEW_H
#define FAIRPOST_VIEW_H

#include "match.h"

/* A folded text, and where its recognisers' hits go. */
typedef struct {
    const image_t *image;
    const uint16_t *symbols; /* of the chunk */
    const uint32_t *offsets; /* in the chunk's bytes */
    const text_t *text;
    uint32_t text_index; /* in the post */
    column_hit *hits;
    size_t hit_limit; /* hits->count at which the post is full */
    uint32_t flags;
    column_u32 *view_code_points, *view_offsets; /* working memory */
} reader_t;

typedef struct {
    const uint32_t *code_points;
    const uint32_t *offsets;
    int64_t count;
} view_t;

enum {
    CLASS_LETTER = 1,
    CLASS_DIGIT = 2,
    CLASS_ALNUM = CLASS_LETTER | CLASS_DIGIT,
    CLASS_HYPHEN = 4,
    CLASS_UNDERSCORE = 8,
    CLASS_ID = CLASS_ALNUM | CLASS_HYPHEN | CLASS_UNDERSCORE,
    CLASS_FILL = 16,
    CLASS_ADDRESS = 32,
    CLASS_HAN = 64
};

/* Outside the view everything reads as U+FFFFFFFF, which is in no class. */
static inline uint32_t at(const view_t *v, int64_t i) { return i >= 0 && i < v->count ? v->code_points[i] : 0xFFFFFFFFu; }

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

static inline int one_of(const view_t *v, int64_t i, const char *set) { return is_one_of(at(v, i), set); }

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
    note_characters("vw+微薇威徽维加", 0, BIT_WECHAT);
    note_characters("+(", 0, BIT_PHONE);
    note_characters("q扣叩企", 0, BIT_QQ);
    note_characters("rcuh$¥€£₩原现特售单定底进批代零活优秒团到拿一直专会拼成市二三四五六七八九十百千万两", 0, BIT_PRICE);
    note_characters("百", 0, BIT_PERCENT);
}

static inline uint32_t class_at(const view_t *v, int64_t i) {
    const uint32_t c = at(v, i);
    return c < 0x10000 ? view_characters[c].classes : c == 0x1F449 ? CLASS_FILL : 0;
}

static inline int in_class(const view_t *v, int64_t i, uint32_t classes) { return (class_at(v, i) & classes) != 0; }

/* End of the run of `classes` from i, `most` characters at the most. */
static inline int64_t run(const view_t *v, int64_t i, uint32_t classes, int64_t most) {
    const int64_t stop = most < v->count - i ? i + most : v->count;
    while (i < stop && in_class(v, i, classes)) i++;
    return i;
}

static inline int64_t longer(int64_t a, int64_t b) { return a > b ? a : b; }

/* Whether the characters of `word`, a UTF-8 literal, stand at i. */
static inline int word_at(const view_t *v, int64_t i, const char *word) {
    for (const uint8_t *p = (const uint8_t *)word; *p; i++)
        if (at(v, i) != next_of(&p)) return 0;
    return 1;
}

static inline int is_word(const view_t *v, int64_t begin, int64_t end, const char *const *words) {
    for (; *words != NULL; words++)
        if ((int64_t)strlen(*words) == end - begin && word_at(v, begin, *words)) return 1;
    return 0;
}

/* Which recognisers may match from i, by what stands there and before. Inside a run of letters and digits
 * little can begin: numbers, names and addresses begin with the run, and only http:// does not look back. */
static inline uint32_t recognisers_from(const view_t *v, int64_t i) {
    const uint32_t c = v->code_points[i];
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

/* Whether any recogniser can match: they need a digit, a letter, a Chinese numeral before 元 or 块, or 百分.
 * Reads the scan's symbols, which keep those characters and their order. */
static inline int worth_a_view(const reader_t *m) {
    const uint16_t *symbols = m->symbols;
    uint32_t found = 0;
    for (uint32_t i = m->text->symbol_begin; i < m->text->symbol_end; i++) {
        const uint16_t s = symbols[i];
        found |= ((uint16_t)(s - '0') < 10) | ((uint16_t)(s - 'a') < 26) | (s == 0x5143) | (s == 0x5757) | (s == 0x767E);
    }
    return found != 0;
}

/* Builds the view in the matcher's working columns. */
static inline int make_view(reader_t *m, view_t *v) {
    const uint8_t *bytes = m->text->bytes;
    const size_t length = m->text->length;
    column_u32 *code_points = m->view_code_points, *offsets = m->view_offsets;
    size_t i = 0, count = 0;
    code_points->count = offsets->count = 0;
    if (column_u32_reserve(code_points, length + 32) || column_u32_reserve(offsets, length + 32)) return -1;
    while (i < length) {
        const uint32_t here = (uint32_t)i;
        const size_t gave = fold_fine(m->image, 0, decode_utf8(bytes, length, &i), code_points->at + count, 32);
        if (gave == 1) {
            offsets->at[count++] = here;
            continue;
        }
        for (size_t k = 0; k < gave; k++) offsets->at[count++] = here;
        /* Room for one symbol of each byte that is left, and for an expansion more. */
        code_points->count = offsets->count = count;
        if (column_u32_reserve(code_points, length - i + 32) || column_u32_reserve(offsets, length - i + 32)) return -1;
    }
    code_points->count = offsets->count = count;
    v->code_points = code_points->at;
    v->offsets = offsets->at;
    v->count = (int64_t)count;
    return 0;
}

#endif
