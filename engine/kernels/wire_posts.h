/* Requests of FilterService, from their bytes to columns. Texts and ids stay where they are.
 *
 * Every string is known to be well-formed UTF-8 when a request was read, but for the texts that are judged: the judge finds
 * out. A post with a fault is refused and keeps its place, without texts and seller; its neighbours are not concerned. */
#ifndef FAIRPOST_WIRE_POSTS_H
#define FAIRPOST_WIRE_POSTS_H

#include "units.h"
#include "wire.h"

enum { FOR_CHECK_POST = 0, FOR_CHECK_POSTS = 1, FOR_STREAM_CHECK = 2 };
enum { REQUEST_READ = 0, REQUEST_REFUSED = 1, REQUEST_NO_MEMORY = -1 };
/* Fields of the messages, by proto/fairpost/v1. */
enum { REQUEST_POST = 1, REQUEST_UNIT = 2, REQUEST_DRY_RUN = 3, REQUEST_SEQUENCE = 10 };
enum { POST_ID = 1, POST_SELLER_ID = 2, POST_TEXT = 3, POST_EXTRA_TEXTS = 4, POST_CHANNEL = 5, POST_LANGUAGE = 6, POST_CREATED_AT = 7 };
enum { EXTRA_TEXT = 2, TIMESTAMP_SECONDS = 1 };
/* In characters; see server/filtering.py, which says what is wrong. */
enum { MOST_ID = 256, MOST_SELLER_ID = 128, MOST_WORD = 64, MOST_EXTRA_TEXTS = 100 };
#define FIRST_SECOND INT64_C(-62135596800) /* the years 1 to 9999, as Timestamp allows */
#define LAST_SECOND INT64_C(253402300799)

/* Names and their numbers: name k is bytes[begin .. begin + length); ascending by length, then by bytes. */
typedef struct { uint32_t begin, length, number; } name_t;
typedef struct {
    const uint8_t *bytes;
    const name_t *names;
    size_t count;
} names_t;

/* The number of a name; 0 for one that is not in the list. */
static inline uint16_t number_of(const names_t *names, wire_t name) {
    const size_t length = (size_t)(name.end - name.at);
    size_t low = 0, high = names->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const name_t *candidate = &names->names[middle];
        int order = candidate->length < length ? -1 : candidate->length > length;
        if (order == 0) order = memcmp(names->bytes + candidate->begin, name.at, length);
        if (order == 0) return (uint16_t)candidate->number;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

typedef struct {
    wire_t message; /* as it was sent; of a post in several pieces the last one */
    wire_t id;
    uint8_t is_refused;
} wire_post_t;

/* The columns of a request; they live from request to request. */
typedef struct {
    const uint8_t *bytes; /* of the request */
    size_t length;
    size_t count, refused, capacity;
    wire_post_t *posts;
    int64_t *segments; /* count + 1: post i owns texts segments[i] .. segments[i + 1], the main one first */
    int64_t *seller_begins, *seller_ends; /* in bytes; empty: it names none */
    uint16_t *channels, *languages;
    int32_t *days;
    size_t text_count, text_capacity;
    int64_t *text_begins, *text_ends; /* in bytes */
    size_t post_count; /* messages of posts: for CheckPost there may be several of one post, or none */
    int32_t unit;
    int is_dry_run;
    uint64_t sequence;
} requests_t;

/* What requests are read with. */
typedef struct {
    names_t channels, languages;
    size_t max_posts;
    int32_t today; /* the day of posts that do not say when they were made */
} terms_t;

/* A post while it is read. */
typedef struct {
    wire_t seller, channel, language;
    int64_t seconds;
    int has_time;
} draft_t;

static inline void requests_free(requests_t *r) {
    free(r->posts);
    free(r->segments);
    free(r->seller_begins);
    free(r->seller_ends);
    free(r->channels);
    free(r->languages);
    free(r->days);
    free(r->text_begins);
    free(r->text_ends);
    memset(r, 0, sizeof *r);
}

static inline int resized(void *column, size_t bytes) {
    void *larger = realloc(*(void **)column, bytes);
    if (larger == NULL) return -1;
    *(void **)column = larger;
    return 0;
}

static inline int reserve_post(requests_t *r) {
    if (r->count < r->capacity) return 0;
    const size_t n = r->capacity ? 2 * r->capacity : 64;
    if (resized(&r->posts, n * sizeof *r->posts) || resized(&r->segments, (n + 1) * sizeof *r->segments) ||
        resized(&r->seller_begins, n * sizeof *r->seller_begins) || resized(&r->seller_ends, n * sizeof *r->seller_ends) ||
        resized(&r->channels, n * sizeof *r->channels) || resized(&r->languages, n * sizeof *r->languages) ||
        resized(&r->days, n * sizeof *r->days))
        return -1;
    r->capacity = n;
    return 0;
}

static inline int add_text(requests_t *r, wire_t text) {
    if (r->text_count == r->text_capacity) {
        const size_t n = r->text_capacity ? 2 * r->text_capacity : 64;
        if (resized(&r->text_begins, n * sizeof *r->text_begins) || resized(&r->text_ends, n * sizeof *r->text_ends)) return -1;
        r->text_capacity = n;
    }
    r->text_begins[r->text_count] = text.at - r->bytes;
    r->text_ends[r->text_count++] = text.end - r->bytes;
    return 0;
}

/* A string field: of several the last counts, and all must be well-formed. */
static inline int take_string(wire_t *w, wire_t *string) {
    return wire_content(w, string) || !wire_is_utf8(*string) ? REQUEST_REFUSED : REQUEST_READ;
}

/* The text of an ExtraText. */
static inline int read_extra(wire_t w, wire_t *text) {
    uint32_t tag;
    while (w.at < w.end) {
        if (wire_tag(&w, &tag)) return REQUEST_REFUSED;
        if (tag == WIRE_TAG(EXTRA_TEXT, WIRE_LENGTH)) {
            if (!wire_is_utf8(*text) || wire_content(&w, text)) return REQUEST_REFUSED;
        } else if (wire_skip(&w, tag, WIRE_DEPTH - 2))
            return REQUEST_REFUSED;
    }
    return REQUEST_READ;
}

static inline int read_time(wire_t w, int64_t *seconds) {
    uint32_t tag;
    uint64_t number;
    while (w.at < w.end) {
        if (wire_tag(&w, &tag)) return REQUEST_REFUSED;
        if (tag == WIRE_TAG(TIMESTAMP_SECONDS, WIRE_VARINT)) {
            if (wire_varint(&w, &number)) return REQUEST_REFUSED;
            *seconds = (int64_t)number;
        } else if (wire_skip(&w, tag, WIRE_DEPTH - 2))
            return REQUEST_REFUSED;
    }
    return REQUEST_READ;
}

static inline int begin_draft(requests_t *r, draft_t *draft) {
    const wire_t nothing = {r->bytes, r->bytes};
    if (reserve_post(r)) return REQUEST_NO_MEMORY;
    r->posts[r->count].message = r->posts[r->count].id = nothing;
    r->segments[r->count] = (int64_t)r->text_count;
    draft->seller = draft->channel = draft->language = nothing;
    draft->seconds = draft->has_time = 0;
    return add_text(r, nothing) ? REQUEST_NO_MEMORY : REQUEST_READ;
}

/* A message of the post that was begun: what was read of it before stays where this one says nothing else. */
static inline int read_draft(requests_t *r, draft_t *draft, wire_t w) {
    wire_post_t *post = &r->posts[r->count];
    const size_t main_text = (size_t)r->segments[r->count];
    uint32_t tag;
    wire_t content;
    post->message = w;
    while (w.at < w.end) {
        if (wire_tag(&w, &tag)) return REQUEST_REFUSED;
        switch (tag) {
        case WIRE_TAG(POST_ID, WIRE_LENGTH):
            if (take_string(&w, &post->id)) return REQUEST_REFUSED;
            break;
        case WIRE_TAG(POST_SELLER_ID, WIRE_LENGTH):
            if (take_string(&w, &draft->seller)) return REQUEST_REFUSED;
            break;
        case WIRE_TAG(POST_TEXT, WIRE_LENGTH):
            /* The judge looks at the one that counts. */
            content.at = r->bytes + r->text_begins[main_text];
            content.end = r->bytes + r->text_ends[main_text];
            if (!wire_is_utf8(content) || wire_content(&w, &content)) return REQUEST_REFUSED;
            r->text_begins[main_text] = content.at - r->bytes;
            r->text_ends[main_text] = content.end - r->bytes;
            break;
        case WIRE_TAG(POST_EXTRA_TEXTS, WIRE_LENGTH): {
            wire_t text = {r->bytes, r->bytes};
            if (wire_content(&w, &content) || read_extra(content, &text)) return REQUEST_REFUSED;
            if (r->text_count - main_text > MOST_EXTRA_TEXTS) return REQUEST_REFUSED;
            if (add_text(r, text)) return REQUEST_NO_MEMORY;
            break;
        }
        case WIRE_TAG(POST_CHANNEL, WIRE_LENGTH):
            if (take_string(&w, &draft->channel)) return REQUEST_REFUSED;
            break;
        case WIRE_TAG(POST_LANGUAGE, WIRE_LENGTH):
            if (take_string(&w, &draft->language)) return REQUEST_REFUSED;
            break;
        case WIRE_TAG(POST_CREATED_AT, WIRE_LENGTH):
            if (wire_content(&w, &content) || read_time(content, &draft->seconds)) return REQUEST_REFUSED;
            draft->has_time = 1;
            break;
        default:
            if (wire_skip(&w, tag, WIRE_DEPTH - 1)) return REQUEST_REFUSED;
        }
    }
    return REQUEST_READ;
}

static inline int is_longer(wire_t text, size_t most) {
    const size_t length = (size_t)(text.end - text.at);
    return length > most && count_leads(text.at, length) > most;
}

/* The day in China (UTC+8) of a moment. */
static inline int32_t day_in_china(int64_t seconds) {
    const int64_t there = seconds + 8 * 3600;
    return (int32_t)(there >= 0 ? there / 86400 : -((86399 - there) / 86400));
}

/* Closes the post that was begun; `outcome` is what reading it came to. */
static inline void end_draft(requests_t *r, const terms_t *terms, const draft_t *draft, int outcome) {
    const size_t k = r->count;
    wire_post_t *post = &r->posts[k];
    post->is_refused = outcome != REQUEST_READ || is_longer(post->id, MOST_ID) || is_longer(draft->seller, MOST_SELLER_ID) ||
                       is_longer(draft->channel, MOST_WORD) || is_longer(draft->language, MOST_WORD) ||
                       (draft->has_time && (draft->seconds < FIRST_SECOND || draft->seconds > LAST_SECOND));
    if (post->is_refused) {
        r->text_count = (size_t)r->segments[k] + 1;
        r->text_begins[r->text_count - 1] = r->text_ends[r->text_count - 1] = 0;
        r->seller_begins[k] = r->seller_ends[k] = 0;
        r->channels[k] = r->languages[k] = 0;
        r->days[k] = terms->today;
        r->refused++;
    } else {
        r->seller_begins[k] = draft->seller.at - r->bytes;
        r->seller_ends[k] = draft->seller.end - r->bytes;
        r->channels[k] = number_of(&terms->channels, draft->channel);
        r->languages[k] = number_of(&terms->languages, draft->language);
        r->days[k] = draft->has_time ? day_in_china(draft->seconds) : terms->today;
    }
    r->segments[++r->count] = (int64_t)r->text_count;
}

/* Reads a request of the method `kind`. REQUEST_REFUSED: not a single post but the request is at fault. */
static inline int read_request(requests_t *r, const terms_t *terms, int kind, const uint8_t *bytes, size_t length) {
    wire_t w = {bytes, bytes + length}, content;
    draft_t draft;
    uint32_t tag;
    uint64_t number;
    int outcome = REQUEST_READ;
    r->bytes = bytes;
    r->length = length;
    r->count = r->refused = r->text_count = r->post_count = 0;
    r->unit = r->is_dry_run = 0;
    r->sequence = 0;
    if (length > WIRE_MOST) return REQUEST_REFUSED;
    if (kind == FOR_CHECK_POST && begin_draft(r, &draft)) return REQUEST_NO_MEMORY;
    while (w.at < w.end) {
        if (wire_tag(&w, &tag)) return REQUEST_REFUSED;
        if (tag == WIRE_TAG(REQUEST_POST, WIRE_LENGTH)) {
            if (wire_content(&w, &content)) return REQUEST_REFUSED;
            r->post_count++;
            if (kind == FOR_CHECK_POST) {
                if ((outcome = read_draft(r, &draft, content)) != REQUEST_READ) return outcome;
                continue;
            }
            if (r->count == terms->max_posts) return REQUEST_REFUSED;
            if (begin_draft(r, &draft)) return REQUEST_NO_MEMORY;
            outcome = read_draft(r, &draft, content);
            if (outcome == REQUEST_NO_MEMORY) return outcome;
            end_draft(r, terms, &draft, outcome);
            continue;
        }
        if (tag == WIRE_TAG(REQUEST_UNIT, WIRE_VARINT)) {
            if (wire_varint(&w, &number)) return REQUEST_REFUSED;
            r->unit = (int32_t)(uint32_t)number;
        } else if (tag == WIRE_TAG(REQUEST_DRY_RUN, WIRE_VARINT)) {
            if (wire_varint(&w, &number)) return REQUEST_REFUSED;
            r->is_dry_run = number != 0;
        } else if (kind == FOR_STREAM_CHECK && tag == WIRE_TAG(REQUEST_SEQUENCE, WIRE_VARINT)) {
            if (wire_varint(&w, &r->sequence)) return REQUEST_REFUSED;
        } else if (wire_skip(&w, tag, WIRE_DEPTH))
            return REQUEST_REFUSED;
    }
    if (kind == FOR_CHECK_POST) {
        if (r->post_count == 0) return REQUEST_REFUSED;
        end_draft(r, terms, &draft, outcome);
    }
    return REQUEST_READ;
}

#endif
