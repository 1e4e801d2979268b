/* Answers of FilterService, from columns to bytes: what server/filtering.py writes with message objects. */
#ifndef FAIRPOST_WIRE_VERDICTS_H
#define FAIRPOST_WIRE_VERDICTS_H

#include "wire_posts.h"
#include "wire_standings.h"

enum { REVISION_LENGTH = 12, DECISION_LENGTH = 26, DECISION_PREFIX = 18, UNIT_BYTES = 0, UNIT_UTF16 = 1, UNIT_CODE_POINTS = 2 };
/* A verdict without what its post, its labels and its evidence bring, and without its seller's standing. */
enum { VERDICT_ROOM = 192, LABEL_ROOM = 32, EVIDENCE_ROOM = 96 };

/* What the default fold makes of a code point c: images[blocks[c >> 8] * 256 + (c & 255)], FOLDED_SAME if c itself, else
 * the begin of its bytes times 256, plus their number. */
#define FOLDED_SAME 0xFFFFFFFFu
typedef struct {
    const uint16_t *blocks;
    const uint32_t *images;
    const uint8_t *bytes;
    size_t longest; /* bytes that one byte becomes, at most */
} folded_t;

/* What a rule's evidence says from a day on: the fields `basis` and `message`. */
typedef struct {
    int32_t from_day;
    piece_t piece;
} saying_t;

/* What a rule set says in verdicts, as fields of messages. */
typedef struct {
    const uint8_t *bytes;
    const piece_t *heads;            /* by rule: the fields `rule` and `category` */
    const uint32_t *first;           /* by rule: sayings[first[rule] .. first[rule + 1]), by day; the first one from any day on */
    const saying_t *sayings;
    size_t longest;                  /* of a head and a saying together */
    piece_t categories[STANDING_WORDS]; /* the field `category` of a label */
    size_t longest_category;
    uint8_t revision[REVISION_LENGTH];
} phrases_t;

/* The columns of judged posts, as answer.pxd describes them. Spans in bytes. */
typedef struct {
    const uint8_t *status, *action;
    const float *risk, *commerce, *exposure;
    const uint16_t *flags;
    const uint32_t *label_end, *evidence_end;
    const uint8_t *label_category, *label_severity;
    const float *label_score;
    const uint16_t *evidence_rule, *evidence_text;
    const uint32_t *evidence_start, *evidence_stop;
    const uint8_t *evidence_shadow;
    const int32_t *sellers; /* rows of the standings, or SELLER_... */
    const standing_t *standings;
} verdicts_t;

/* The serialised CheckResult of a post that was refused. */
typedef struct {
    const uint8_t *bytes;
    size_t length;
} refusal_t;

/* What an answer is written with. */
typedef struct {
    const phrases_t *phrases;
    const standing_words_t *words;
    const folded_t *folded;
    int unit;           /* of the spans: UNIT_... */
    uint32_t policy;    /* FailPolicy of sellers whose standing is not known */
    uint8_t decisions[DECISION_PREFIX];
    uint64_t decision;  /* number of the first post's */
    const refusal_t *refusals; /* of the refused posts, in order */
} style_t;

/* Memory that lives from answer to answer. */
typedef struct {
    writer_t out;
    units_t units;
    column_u8 text;   /* one that is too near to the end of the request to be counted there */
    column_u32 spans; /* begins and ends of a post's evidence, in the unit asked for */
} pen_t;

static inline void pen_free(pen_t *pen) {
    writer_free(&pen->out);
    units_free(&pen->units);
    column_u8_free(&pen->text);
    column_u32_free(&pen->spans);
}

/* `characters` characters of Crockford's base 32: no I, L, O, U. */
static inline void base32(uint8_t *out, uint64_t number, uint32_t characters) {
    for (uint32_t k = characters; k-- > 0; number >>= 5) out[k] = (uint8_t)"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number & 31];
}

/* Writes what the default fold makes of well-formed text. There is room for `longest` bytes a byte. */
static inline void put_folded(writer_t *w, const folded_t *folded, const uint8_t *text, size_t length) {
    while (length > 0) {
        size_t begin = length - 1, at;
        while ((text[begin] & 0xC0) == 0x80) begin--;
        at = begin;
        const uint32_t c = decode_utf8(text, length, &at);
        const uint32_t image = folded->images[(size_t)folded->blocks[c >> 8] * 256 + (c & 255)];
        if (image == FOLDED_SAME)
            put_bytes(w, text + begin, length - begin);
        else
            put_bytes(w, folded->bytes + (image >> 8), image & 255);
        length = begin;
    }
}

/* The spans of rows first .. end of evidence, which are one post's, in the unit asked for. Returns 0, or -1 (memory). */
static inline int measure_spans(pen_t *pen, const requests_t *r, const verdicts_t *v, size_t post, size_t first, size_t end, int unit) {
    uint32_t text = UINT32_MAX;
    pen->spans.count = 0;
    if (column_u32_reserve(&pen->spans, 2 * (end - first))) return -1;
    for (size_t row = first; row < end; row++) {
        const uint32_t start = v->evidence_start[row], stop = v->evidence_stop[row];
        uint32_t *span = pen->spans.at + 2 * (row - first);
        span[0] = start;
        span[1] = stop;
        if (unit == UNIT_BYTES || stop == 0) continue; /* a rule that matched no words has no span */
        if (v->evidence_text[row] != text) {
            text = v->evidence_text[row];
            const size_t k = (size_t)r->segments[post] + text;
            const size_t length = (size_t)(r->text_ends[k] - r->text_begins[k]);
            const uint8_t *bytes = r->bytes + r->text_begins[k];
            if ((size_t)r->text_ends[k] + 16 > r->length) {
                pen->text.count = 0;
                if (column_u8_reserve(&pen->text, length + 16)) return -1;
                memcpy(pen->text.at, bytes, length);
                memset(pen->text.at + length, 0, 16);
                bytes = pen->text.at;
            }
            if (units_begin(&pen->units, bytes, (uint32_t)length, unit == UNIT_UTF16)) return -1;
        }
        span[0] = units_before(&pen->units, start);
        span[1] = units_before(&pen->units, stop);
    }
    return 0;
}

static inline void put_label(writer_t *w, const phrases_t *p, uint8_t category, float score, uint8_t severity) {
    const uint8_t *end = w->at;
    put_number(w, 0x18, (uint64_t)severity + 1);
    put_float(w, 0x15, score);
    put_bytes(w, p->bytes + p->categories[category].begin, p->categories[category].length);
    put_length(w, 0x32, end);
}

/* What the rule says on a day. */
static inline piece_t saying_on(const phrases_t *p, uint16_t rule, int32_t day) {
    uint32_t k = p->first[rule + 1] - 1;
    while (k > p->first[rule] && p->sayings[k].from_day > day) k--;
    return p->sayings[k].piece;
}

/* One row of evidence. Returns 0, or -1 (memory). */
static inline int put_evidence(pen_t *pen, const style_t *style, const requests_t *r, const verdicts_t *v, size_t post, size_t row,
                               size_t first) {
    writer_t *w = &pen->out;
    const phrases_t *p = style->phrases;
    const uint16_t rule = v->evidence_rule[row];
    const uint32_t start = v->evidence_start[row], stop = v->evidence_stop[row];
    const size_t matched = stop > start ? stop - start : 0;
    if (writer_reserve(w, EVIDENCE_ROOM + p->longest + matched * (1 + style->folded->longest))) return -1;
    const piece_t head = p->heads[rule], saying = saying_on(p, rule, r->days[post]);
    const uint8_t *end = w->at;
    put_number(w, 0x50, v->evidence_shadow[row]);
    put_bytes(w, p->bytes + saying.begin, saying.length);
    if (matched) {
        const uint8_t *text = r->bytes + r->text_begins[(size_t)r->segments[post] + v->evidence_text[row]] + start;
        const uint8_t *folded_end = w->at;
        put_folded(w, style->folded, text, matched);
        if (w->at != folded_end) put_length(w, 0x3a, folded_end);
        put_string(w, 0x32, text, matched);
    }
    const uint32_t *span = pen->spans.at + 2 * (row - first);
    put_number(w, 0x28, span[1]);
    put_number(w, 0x20, span[0]);
    put_number(w, 0x18, v->evidence_text[row]);
    put_bytes(w, p->bytes + head.begin, head.length);
    put_length(w, 0x3a, end);
    return 0;
}

/* Writes the fields of post k's Verdict. Returns 0, or -1 (memory). */
static inline int put_verdict(pen_t *pen, const style_t *style, const requests_t *r, const verdicts_t *v, size_t k) {
    writer_t *w = &pen->out;
    const wire_t id = r->posts[k].id;
    const size_t id_length = (size_t)(id.end - id.at);
    const size_t seller_length = (size_t)(r->seller_ends[k] - r->seller_begins[k]);
    const size_t first_label = k ? v->label_end[k - 1] : 0, labels = v->label_end[k] - first_label;
    const size_t first_row = k ? v->evidence_end[k - 1] : 0, end_row = v->evidence_end[k];
    if (writer_reserve(w, VERDICT_ROOM + id_length + seller_length + standing_room(style->words) + labels * (LABEL_ROOM + style->phrases->longest_category)))
        return -1;
    if (v->flags[k] & 7) { /* bounds_reached, packed: the bits' numbers, from 1 */
        const uint8_t *end = w->at;
        for (int bit = 2; bit >= 0; bit--)
            if (v->flags[k] >> bit & 1) put_byte(w, (uint8_t)(bit + 1));
        put_length(w, 0x5a, end);
    }
    w->at -= DECISION_LENGTH - DECISION_PREFIX;
    base32(w->at, style->decision + k, DECISION_LENGTH - DECISION_PREFIX);
    put_bytes(w, style->decisions, DECISION_PREFIX);
    put_byte(w, DECISION_LENGTH);
    put_byte(w, 0x52);
    put_bytes(w, style->phrases->revision, REVISION_LENGTH);
    put_byte(w, REVISION_LENGTH);
    put_byte(w, 0x4a);
    const int32_t row = v->sellers[k];
    if (row != SELLER_NONE_) {
        const uint8_t *end = w->at;
        if (row >= 0) {
            put_standing(w, style->words, &v->standings[row], r->bytes + r->seller_begins[k], seller_length);
            put_length(w, 0x12, end);
            put_number(w, 0x08, OUTCOME_OK);
        } else if (row == SELLER_NOT_FOUND_)
            put_number(w, 0x08, OUTCOME_NOT_FOUND);
        else {
            put_number(w, 0x18, style->policy);
            put_number(w, 0x08, OUTCOME_UNAVAILABLE);
        }
        put_length(w, 0x42, end);
    }
    if (first_row != end_row) {
        if (measure_spans(pen, r, v, k, first_row, end_row, style->unit)) return -1;
        for (size_t at = end_row; at-- > first_row;)
            if (put_evidence(pen, style, r, v, k, at, first_row)) return -1;
        if (writer_reserve(w, VERDICT_ROOM + id_length + labels * (LABEL_ROOM + style->phrases->longest_category))) return -1;
    }
    for (size_t at = first_label + labels; at-- > first_label;)
        put_label(w, style->phrases, v->label_category[at], v->label_score[at], v->label_severity[at]);
    put_float(w, 0x2d, v->exposure[k]);
    put_float(w, 0x25, v->commerce[k]);
    put_float(w, 0x1d, v->risk[k]);
    put_byte(w, (uint8_t)(v->action[k] + 1));
    put_byte(w, 0x10);
    put_string(w, 0x0a, id.at, id_length);
    return 0;
}

/* Writes the answer of the method `kind` to pen->out. Posts that were refused or have a status have a refusal, but for those
 * of CheckPost, which have no answer. Returns 0, or -1 when memory runs out. */
static inline int write_answer(pen_t *pen, const style_t *style, const requests_t *r, const verdicts_t *v, int kind, size_t refusals) {
    writer_t *w = &pen->out;
    w->at = w->end;
    if (writer_reserve(w, VERDICT_ROOM)) return -1;
    if (kind != FOR_CHECK_POST) {
        put_number(w, 0x50, r->sequence);
        put_string(w, 0x12, style->phrases->revision, REVISION_LENGTH);
    }
    for (size_t k = r->count; k-- > 0;) {
        const size_t written = writer_length(w); /* what was written moves when room is made */
        if (v->status[k]) {
            const refusal_t *refusal = &style->refusals[--refusals];
            if (writer_reserve(w, refusal->length + VARINT_ROOM)) return -1;
            put_bytes(w, refusal->bytes, refusal->length);
        } else {
            if (put_verdict(pen, style, r, v, k)) return -1;
            put_length(w, 0x0a, w->end - written);
        }
        if (kind != FOR_CHECK_POST) put_length(w, 0x0a, w->end - written);
    }
    return 0;
}

#endif
