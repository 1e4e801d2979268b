/* Where recognisers may match, and their hits.
 *
 * Every expression of docs/recognisers.md needs something that the scan's symbols show, a *seed*: a run of digits, a letter behind
 * a point, 百分, a numeral before 元. (The scan keeps the view's letters, digits and Han characters in their order and drops the
 * rest.) A recogniser is tried only at the places before a seed where a match with that seed may begin, on a view decoded just
 * there. Each may be tried in vain, none may be missed:
 *
 *     contact.wechat  an id, behind fillers and 信, 芯, 微 or 薇; or one of the names that begin with v or w
 *     contact.phone   ten digits: only separators stand between them; or eleven digits and numerals
 *     contact.qq      five digits, or digits and numerals, behind fillers and q, 扣, 叩 or 鹅
 *     contact.url     http; www; a letter behind a point
 *     contact.email   a letter or digit behind @
 *     price           digits before a unit of money or a piece, or behind a sign or code of money or a word for a price; a numeral
 *                     before 元 or 块
 *     percent         a digit before % or ‰; 百分
 *
 * A number of digits and numerals (13捌1234五678) has one seed, its first digit, and is tried from its first character on.
 *
 * Seeds come in order, and each recogniser goes back equally far from every one of its seeds (or to where the run of characters
 * that an address is made of begins), so that places are tried in order and none twice. */
#ifndef FAIRPOST_SEEDS_H
#define FAIRPOST_SEEDS_H

#include "recognise.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* A folded text, and where its recognisers' hits go. */
typedef struct {
    const image_t *image;
    const uint16_t *symbols; /* of the chunk */
    const uint32_t *offsets; /* in the chunk's bytes */
    const text_t *text;
    uint32_t text_index; /* in the post */
    uint32_t wanted;     /* a bit for each recogniser */
    column_hit *hits;
    size_t hit_limit; /* hits->count at which the post is full */
    uint32_t flags;
    view_t view;
    uint64_t done[RECOGNISER_COUNT]; /* places before these were tried, or lie in a hit; see place() */
} reader_t;

/* What a seed is preceded and followed by. */
enum {
    SEED_UNIT = 1,   /* behind a number: the first character of a price's unit, multiplier or piece */
    SEED_FILL = 2,   /* the fillers that the scan keeps */
    SEED_AMOUNT = 4, /* between 价 and a number */
    SEED_WECHAT = 8, /* what a name of WeChat ends with */
    SEED_QQ = 16,
    SEED_GROUP = 64, /* 群: a filler for contact.qq alone */
    SEED_CODE = 32   /* what rmb, cny, usd and hkd end with */
};
static uint8_t seed_characters[0x10000];

static inline void note_seed(const char *set, uint32_t kind) {
    for (const uint8_t *p = (const uint8_t *)set; *p;) seed_characters[next_of(&p)] |= (uint8_t)kind;
}

static inline void prepare_seeds(void) {
    note_seed("百千万亿wk多余来元块美港日欧韩英人刀rcuhyd件斤盒瓶个只条箱包袋套双张份支罐片粒组本台克对串桶提", SEED_UNIT);
    note_seed("号码是为加我", SEED_FILL);
    note_seed("为是仅只才需要", SEED_AMOUNT);
    note_seed("信芯微薇", SEED_WECHAT);
    note_seed("q扣叩鹅", SEED_QQ);
    note_seed("群", SEED_GROUP);
    note_seed("byd", SEED_CODE);
}

static inline int is_alnum(uint32_t c) { return c - '0' < 10 || (c | 32) - 'a' < 26; }

enum { ALL_RECOGNISERS = (1 << RECOGNISER_COUNT) - 1 };

enum { HAN = 0x4E00 }; /* stands for any of U+4000..U+9FFF: the view folds each to one Han character */

/* The view's character before byte `at` of the text, NO_CHARACTER at its begin. */
static inline uint32_t view_before(const reader_t *m, uint32_t at) {
    while (at > 0) {
        const uint8_t *p = m->text->bytes + at;
        if (p[-1] >= ' ' && p[-1] < 0x7F) return p[-1];
        if (at >= 3 && (uint8_t)(p[-3] - 0xE4) < 6) return HAN;
        do at--; while ((m->text->bytes[at] & 0xC0) == 0x80);
        uint32_t folded[VIEW_EXPANSION];
        size_t end = at;
        const size_t gave = fold_fine(m->image, 0, decode_utf8(m->text->bytes, m->text->length, &end), folded, VIEW_EXPANSION);
        if (gave) return folded[gave - 1];
    }
    return NO_CHARACTER;
}

/* The view's character that begins at or behind byte `at`, NO_CHARACTER at the text's end. */
static inline uint32_t view_after(const reader_t *m, uint32_t at) {
    for (size_t i = at; i < m->text->length;) {
        if (m->text->bytes[i] >= ' ' && m->text->bytes[i] < 0x7F) return m->text->bytes[i];
        if ((uint8_t)(m->text->bytes[i] - 0xE4) < 6) return HAN;
        uint32_t folded[VIEW_EXPANSION];
        if (fold_fine(m->image, 0, decode_utf8(m->text->bytes, m->text->length, &i), folded, VIEW_EXPANSION)) return folded[0];
    }
    return NO_CHARACTER;
}

/* Number of scan symbols of the text whose source character begins before byte `offset`. */
static inline uint32_t symbols_before(const reader_t *m, uint32_t offset) {
    uint32_t low = m->text->symbol_begin, high = m->text->symbol_end;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (m->offsets[middle] - m->text->byte_begin < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Orders places of the view: the byte of the source character, then which of the characters it gave. */
static inline uint64_t place(view_t *v, int64_t i) {
    uint32_t part = 0;
    while (part < VIEW_EXPANSION && at(v, i - 1 - part) != NO_CHARACTER && v->offsets[i - 1 - part] == v->offsets[i]) part++;
    return (uint64_t)v->offsets[i] << 8 | part;
}

static inline int64_t recognise_at(view_t *v, int recogniser, int64_t i) {
    switch (recogniser) {
        case WECHAT: return wechat(v, i);
        case PHONE: return phone(v, i);
        case QQ: return qq(v, i);
        case URL: return url(v, i);
        case EMAIL: return email(v, i);
        case PRICE: return price(v, i);
        default: return percent(v, i);
    }
}

/* Tries the recogniser at every place from `i` to the character that starts at byte `last`. Returns 0, or -1 (memory). */
static int try_from(reader_t *m, int recogniser, int64_t i, uint32_t last) {
    enum { RESEAT = VIEW_SEAT + 1024 };
    view_t *v = &m->view;
    while (i < VIEW_SEAT && at(v, i) == NO_CHARACTER) i++;
    for (; at(v, i) != NO_CHARACTER && v->offsets[i] <= last; i++) {
        if (i >= RESEAT) {
            const uint32_t byte = v->offsets[i];
            int64_t first = i;
            while (v->offsets[first - 1] == byte) first--;
            seat_view(v, byte);
            i = VIEW_SEAT + i - first;
        }
        if (!(recognisers_from(v, i) >> recogniser & 1)) continue;
        const uint64_t here = place(v, i);
        if (here < m->done[recogniser]) continue;
        const int64_t end = recognise_at(v, recogniser, i);
        m->done[recogniser] = here + 1;
        if (end <= i) continue;
        m->done[recogniser] = place(v, end - 1) + 1;
        if (m->hits->count >= m->hit_limit) {
            m->flags |= MATCHES_CAPPED;
            return 0;
        }
        if (column_hit_reserve(m->hits, 1)) return -1;
        hit_t *hit = &m->hits->at[m->hits->count++];
        hit->begin = v->offsets[i];
        hit->end = v->offsets[end - 1] + utf8_length(m->text->bytes[v->offsets[end - 1]]);
        hit->symbol_begin = symbols_before(m, hit->begin);
        hit->symbol_end = symbols_before(m, hit->end);
        hit->pattern = NO_PATTERN;
        hit->text = m->text_index;
        hit->list = (uint32_t)recogniser;
        hit->next = 0;
    }
    return 0;
}

/* Tries the recogniser from `back` characters before the one at byte `from` to the one at byte `last`. */
static inline int try_near(reader_t *m, int recogniser, uint32_t from, int64_t back, uint32_t last) {
    if (!(m->wanted >> recogniser & 1)) return 0;
    seat_view(&m->view, from);
    return try_from(m, recogniser, VIEW_SEAT - back, last);
}

/* Tries addresses from the begin of the labels before the one at byte `byte`: six of 63 characters, their points between. */
static inline int try_labels(reader_t *m, uint32_t byte) {
    if (!(m->wanted >> URL & 1)) return 0;
    view_t *v = &m->view;
    int64_t i = VIEW_SEAT;
    seat_view(v, byte);
    for (int points = 0; i > VIEW_SEAT - 390; i--) {
        if (at(v, i - 1) == '.' ? ++points > 6 : !in_class(v, i - 1, CLASS_ALNUM | CLASS_HYPHEN)) break;
    }
    return try_from(m, URL, i, byte);
}

/* Tries addresses of mail around the @ before byte `byte`: 64 characters before it. */
static inline int try_mail(reader_t *m, uint32_t byte) {
    if (!(m->wanted >> EMAIL & 1)) return 0;
    view_t *v = &m->view;
    int64_t i = VIEW_SEAT - 1;
    seat_view(v, byte);
    while (i > VIEW_SEAT - 66 && (in_class(v, i - 1, CLASS_ALNUM) || one_of(v, i - 1, "._%+-"))) i--;
    return try_from(m, EMAIL, i, byte);
}

/* Tries http:// and https:// at symbol i, which stands before "ttp". What does not follow in one piece is rare, and tried with the labels
 * before it: they may belong to a name. */
static inline int try_scheme(reader_t *m, uint32_t i, uint32_t byte) {
    uint32_t last = i + (m->symbols[i + 4] == 's' ? 4 : 3);
    const uint32_t length = last - i + 1;
    if (m->offsets[last] - m->offsets[i] != length - 1) return try_labels(m, byte);
    return view_after(m, byte + length) == ':' ? try_near(m, URL, byte, 0, byte) : 0;
}

/* What stands before symbol i, behind up to six fillers of those kinds. */
static inline uint32_t before_fillers(const reader_t *m, uint32_t i, uint32_t kinds) {
    const uint16_t *s = m->symbols + i; /* a boundary stands before the text's first symbol, which may be the chunk's first */
    for (uint32_t k = 0; k < 6 && seed_characters[s[-1]] & kinds; k++) s--;
    return seed_characters[s[-1]];
}

/* Whether a sign of money stands before the digit at byte `at` of the text, or may: up to two spaces are allowed between. */
static inline int money_before(const reader_t *m, uint32_t at) {
    uint32_t c = view_before(m, at);
    if (at > 0 && m->text->bytes[at - 1] == ' ') c = view_before(m, at - 1);
    return c == ' ' || is_one_of(c, "¥$€£₩");
}

/* Whether the number whose first digit is symbol i stands behind a code of money or a word for a price. */
static inline int price_before(const reader_t *m, uint32_t i) {
    const uint16_t *s = m->symbols + i;
    if (seed_characters[s[-1]] & SEED_CODE) return is_one_of(s[-2], "mnsk");
    for (int k = 0; k < 4 && seed_characters[s[-1]] & SEED_AMOUNT; k++) s--;
    return s[-1] == 0x4EF7; /* 价 */
}

enum { WECHAT_BACK = 9, QQ_BACK = 8, PRICE_BACK = 8, PERCENT_BACK = 14 };

static inline int is_numeral(uint16_t s) { return view_characters[s].classes & CLASS_NUMERAL; }

/* Seeds of a number in which digits and numerals are mixed, at its first digit, symbol i. */
static inline int try_mixed(reader_t *m, uint32_t i) {
    const uint16_t *s = m->symbols + i;
    uint32_t before = 0, end = 1;
    /* SAFETY: boundaries stand around a text; they are no numerals. */
    while (is_numeral(s[-1 - (int64_t)before])) before++;
    if (is_digit(s[-1 - (int64_t)before])) return 0;
    while (is_digit(s[end]) || is_numeral(s[end])) end++;
    if (before + end < 5) return 0;
    const uint32_t first = m->offsets[i - before] - m->text->byte_begin, last = m->offsets[i + end - 1] - m->text->byte_begin;
    if (before + end >= 11 && try_near(m, PHONE, first, 0, last)) return -1;
    const uint32_t name = before_fillers(m, i - before, SEED_FILL | SEED_GROUP);
    if (name & SEED_QQ && try_near(m, QQ, first, QQ_BACK, first)) return -1;
    return before_fillers(m, i - before, SEED_FILL) & SEED_WECHAT ? try_near(m, WECHAT, first, WECHAT_BACK, first) : 0;
}

/* Seeds at the digit that is symbol i; `before`: the view's character before it, or 0 if it is a letter or digit. */
static inline int try_digit(reader_t *m, uint32_t i, uint32_t byte, int follows) {
    const uint16_t *s = m->symbols + i;
    const uint32_t next = byte + utf8_length(m->text->bytes[byte]);
    if (!is_digit(s[-1])) {
        uint32_t length = 1;
        while (is_digit(s[length])) length++;
        const uint32_t last = m->offsets[i + length - 1] - m->text->byte_begin;
        if ((is_numeral(s[-1]) || is_numeral(s[length])) && try_mixed(m, i)) return -1;
        if (length >= 10 && try_near(m, PHONE, byte, 1, last)) return -1;
        if (length >= 5 && before_fillers(m, i, SEED_FILL | SEED_GROUP) & SEED_QQ && try_near(m, QQ, byte, QQ_BACK, byte)) return -1;
        if ((seed_characters[s[length]] & SEED_UNIT || price_before(m, i)) && try_near(m, PRICE, byte, PRICE_BACK, last)) return -1;
    }
    if (!follows && money_before(m, byte) && try_near(m, PRICE, byte, PRICE_BACK, byte)) return -1;
    if (next < m->text->length && !is_alnum(m->text->bytes[next])) {
        uint32_t c = view_after(m, next);
        if (m->text->bytes[next] == ' ') c = view_after(m, next + 1);
        if ((c == ' ' || c == '%' || c == 0x2030) && try_near(m, PERCENT, byte, PERCENT_BACK, byte)) return -1;
    }
    return 0;
}

/* Seeds at the letter that is symbol i, without another or a digit right before it in the text. */
static inline int try_letter(reader_t *m, uint32_t i, uint32_t byte, uint32_t before) {
    const uint16_t *s = m->symbols + i;
    if (*s == 'v' || *s == 'w') {
        const int named = s[1] == 'x' || (*s == 'w' && s[1] == 'e');
        const int asked = *s == 'v' && (before == '+' || s[-1] == 0x52A0 || s[-1] == 0x6211 || s[1] == 0x53F7 || /* 加 我 号 */
                                        view_after(m, byte + utf8_length(m->text->bytes[byte])) == ':');
        if ((named || asked) && try_near(m, WECHAT, byte, WECHAT_BACK, byte)) return -1;
        if (*s == 'w' && s[1] == 'w' && s[2] == 'w' && try_labels(m, byte)) return -1;
    }
    return before == '.' ? try_labels(m, byte) : 0;
}

/* Seeds at symbol i, a letter, a digit, or one of 元, 块, 百. */
static inline int try_symbol(reader_t *m, uint32_t i) {
    const uint16_t *s = m->symbols + i;
    const uint32_t byte = m->offsets[i] - m->text->byte_begin;
    if (*s >= 0x80) {
        if (*s != 0x767E) return view_characters[s[-1]].classes & CLASS_HAN ? try_near(m, PRICE, byte, PRICE_BACK, byte) : 0;
        return s[1] == 0x5206 ? try_near(m, PERCENT, byte, PERCENT_BACK, byte) : 0; /* 分 */
    }
    const int expanded = i > m->text->symbol_begin && m->offsets[i - 1] == m->offsets[i];
    const int follows = byte > 0 && is_alnum(m->text->bytes[byte - 1]) && !expanded;
    if (*s == 'h' && s[1] == 't' && s[2] == 't' && s[3] == 'p' && try_scheme(m, i, byte)) return -1;
    if (!is_alnum(s[-1]) && before_fillers(m, i, SEED_FILL) & SEED_WECHAT && try_near(m, WECHAT, byte, WECHAT_BACK, byte)) return -1;
    if (follows) return is_digit(*s) ? try_digit(m, i, byte, 1) : 0;
    const uint32_t before = expanded ? '.' : view_before(m, byte); /* inside an expansion: whatever it may be */
    if (before == '@' && try_mail(m, byte)) return -1;
    return is_digit(*s) ? try_digit(m, i, byte, expanded) : try_letter(m, i, byte, before);
}

/* Which of 64 symbols from `s` on are letters, digits, 元, 块 or 百: a bit each. All of them can be read. */
static inline uint64_t seeds_in(const uint16_t *s) {
    uint64_t seeds = 0;
#if defined(__SSE2__)
    const __m128i nine = _mm_set1_epi16(9), letters = _mm_set1_epi16(25);
    for (int k = 0; k < 64; k += 16) {
        __m128i found[2];
        for (int h = 0; h < 2; h++) {
            const __m128i x = _mm_loadu_si128((const __m128i *)(s + k + 8 * h));
            const __m128i zero = _mm_setzero_si128();
            const __m128i digit = _mm_cmpeq_epi16(_mm_subs_epu16(_mm_sub_epi16(x, _mm_set1_epi16('0')), nine), zero);
            const __m128i letter = _mm_cmpeq_epi16(_mm_subs_epu16(_mm_sub_epi16(x, _mm_set1_epi16('a')), letters), zero);
            const __m128i money = _mm_or_si128(_mm_cmpeq_epi16(x, _mm_set1_epi16(0x5143)), _mm_cmpeq_epi16(x, _mm_set1_epi16(0x5757)));
            const __m128i hundred = _mm_cmpeq_epi16(x, _mm_set1_epi16(0x767E));
            found[h] = _mm_or_si128(_mm_or_si128(digit, letter), _mm_or_si128(money, hundred));
        }
        seeds |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(found[0], found[1])) << k;
    }
#else
    for (int k = 0; k < 64; k++)
        seeds |= (uint64_t)((uint16_t)(s[k] - '0') < 10 || (uint16_t)(s[k] - 'a') < 26 || s[k] == 0x5143 || s[k] == 0x5757 || s[k] == 0x767E) << k;
#endif
    return seeds;
}

/* Working memory for texts of `image`; all recognisers are wanted. Returns 0, or -1 when memory runs out. */
static inline int reader_open(reader_t *m, const image_t *image) {
    enum { ROOM = VIEW_SEAT + VIEW_AHEAD };
    memset(m, 0, sizeof *m);
    uint32_t *memory = (uint32_t *)malloc(2 * ROOM * sizeof(uint32_t));
    if (memory == NULL) return -1;
    m->image = m->view.image = image;
    m->view.code_points = memory;
    m->view.offsets = memory + ROOM;
    m->wanted = ALL_RECOGNISERS;
    return 0;
}

static inline void reader_close(reader_t *m) {
    free(m->view.code_points);
    m->view.code_points = NULL;
}

/* The recognisers that a rule asks for or an allow list names: a bit each. */
static inline uint32_t recognisers_used(const image_t *image) {
    uint32_t used = 0;
    for (size_t k = 0; k < image->operand_count; k++) {
        if (image->operands[k].list < RECOGNISER_COUNT) used |= 1u << image->operands[k].list;
        if (image->operands[k].free_of >= 0 && image->operands[k].free_of < RECOGNISER_COUNT) used |= 1u << image->operands[k].free_of;
    }
    for (uint32_t list = 0; list < image->list_count; list++)
        for (uint32_t k = image->allow_offsets[list]; k < image->allow_offsets[list + 1]; k++)
            if (image->allow_lists[k] < RECOGNISER_COUNT) used |= 1u << image->allow_lists[k];
    for (uint32_t list = 0; list < RECOGNISER_COUNT; list++)
        if (image->trigger_offsets[list] < image->trigger_offsets[list + 1]) used |= 1u << list;
    return used;
}

/* Appends the hits of the wanted recognisers to m->hits: leftmost, longest there, then on from its end. 64 symbols behind the
 * text can be read. Returns 0, or -1 when memory runs out. */
static inline int recognise_text(reader_t *m) {
    if (!m->wanted) return 0;
    m->view.bytes = m->text->bytes;
    m->view.length = m->text->length;
    memset(m->done, 0, sizeof m->done);
    for (uint32_t first = m->text->symbol_begin; first < m->text->symbol_end; first += 64) {
        uint64_t seeds = seeds_in(m->symbols + first);
        if (m->text->symbol_end - first < 64) seeds &= ((uint64_t)1 << (m->text->symbol_end - first)) - 1;
        for (; seeds; seeds &= seeds - 1)
            if (try_symbol(m, first + (uint32_t)__builtin_ctzll(seeds))) return -1;
    }
    return 0;
}

#endif
