/* The opened bundle as the kernels see it: pointers into the mapping, and the sizes they rely on.
 * Image.open() in image.pyx has checked every invariant named here; layout.py describes the records. */
#ifndef FAIRPOST_IMAGE_H
#define FAIRPOST_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum {
    SYMBOL_SKIP = 0,
    SYMBOL_SKIP_CLAUSE = 1,
    SYMBOL_SKIP_SENTENCE = 2,
    SYMBOL_BOUNDARY = 3,
    SYMBOL_OTHER = 4,
    SYMBOL_EXPANDS = 0xFFFF,
    BLOCK_SHIFT = 7,
    BLOCK_MASK = 127,
    CODE_POINT_BLOCKS = 0x110000 >> 7
};

enum {
    PATTERN_REPEAT = 1,
    PATTERN_LEFT_LATIN = 2,
    PATTERN_LEFT_DIGIT = 4,
    PATTERN_RIGHT_LATIN = 8,
    PATTERN_RIGHT_DIGIT = 16,
    PATTERN_FINE = 32,
    PATTERN_REGULAR = 64,
    ENTRY_LAST = 0x8000, /* in entry_t.flags beside the bits above ... */
    ENTRY_CONTEXT = 8,   /* ... and six bits from this one on: who asks for the pattern */
    PATTERN_BOUNDED = 2 | 4 | 8 | 16
};

#define FINE_DROP 0xFFFFFFFFu
#define FINE_EXPANDS 0x80000000u
#define NO_PATTERN 0xFFFFFFFFu

#pragma pack(push, 1)
typedef struct { uint32_t code_point, start, length; } expansion_t;
typedef struct { uint32_t key, start; } slot_t;
typedef struct { uint32_t start; uint8_t length, classes; uint16_t reserved; } word_t;
typedef struct { uint32_t word, start; } form_t;
typedef struct { uint32_t form; uint16_t meant, sound; } placed_t;
typedef struct { uint64_t head; uint32_t pattern; uint8_t anchor, length; uint16_t flags; } entry_t;
typedef struct { uint32_t start, fine, lists; uint8_t length, flags; uint16_t list_count; } pattern_t;
typedef struct { uint32_t start; uint16_t length, lead; uint32_t fold; } fine_t;
typedef struct { uint64_t places[4]; } symbol_set_t;
typedef struct {
    uint32_t pattern, masks, starts, opening;
    uint16_t piece_count, branch_count;
    uint8_t words, longest, has_edges, reserved;
} regular_t;
typedef struct {
    uint32_t regular;
    uint8_t least, most, ahead, reserved;
    uint32_t before, behind, second;
} regular_anchor_t;
typedef struct {
    uint16_t rare, common;
    uint16_t sound; /* of the rare one itself; 0: nobody knows */
} lookalike_t;
typedef struct { uint16_t parts[3], whole; } split_t;
typedef struct { uint32_t children; uint16_t first, syllable; } letter_t;
#define LETTER_ALONE 0x8000u /* bit of letter_t.syllable: of a letter that is part of no longer word */
typedef struct { uint16_t list; int16_t free_of; uint32_t within; } operand_t;
typedef struct { uint8_t op, cmp; uint16_t a, b, reserved; int32_t n; float value; } instruction_t;
typedef struct {
    uint32_t code, code_count;
    double weight;
    int32_t from_day, until_day, group;
    uint8_t category, severity, mode, reserved;
} rule_t;
typedef struct {
    double severity_weight[4];
    double limit, review, unregistered, clean, per_year, per_strike, max, commerce, floor, per_complaint, clean_risk;
} policy_t;
typedef struct {
    uint32_t licences, tenure_days;
    uint8_t registration, enforcement, listing, complaints;
    uint32_t reserved;
    uint8_t strikes[32];
} standing_t;
#pragma pack(pop)

typedef struct evasion evasion_t;
typedef struct image image_t;

struct image {
    /* A code point of the Basic Multilingual Plane is its own symbol; 0..4, 0xFFFF and the other planes need the table. */
    int is_identity;
    /* scan fold: fold_block[CODE_POINT_BLOCKS], each value < blocks; fold_symbol[blocks << 7]; never SYMBOL_BOUNDARY */
    const uint16_t *fold_block;
    const uint16_t *fold_symbol;
    const uint16_t *fold_flat; /* the same for the Basic Multilingual Plane in one piece: 65,536; RAW_... surrogates: utf8_tables.h */
    const expansion_t *expansions; /* sorted by code_point; start + length inside expansion_symbols */
    size_t expansion_count;
    const uint16_t *expansion_symbols;
    /* fine folds: fine_block[folds][CODE_POINT_BLOCKS], values < blocks of fine_code_point */
    const uint16_t *fine_block;
    const uint32_t *fine_code_point; /* code point ^ folded; an expansion's index is < the count of fine_expansions */
    const expansion_t *fine_expansions;
    const uint32_t *fine_expansion_code_points;
    /* anchors */
    const uint64_t *unigram_map; /* 65,536 bits */
    int has_unigrams;
    const uint64_t *filter_map; /* 1 << filter_bits bits, 13 <= filter_bits <= 22 */
    uint32_t filter_bits;
    uint32_t filter_shift; /* 32 - (filter_bits - 3): what filter_bit() takes */
    const uint16_t *displacement;
    uint32_t displacement_count; /* at least 1 */
    const slot_t *slots; /* start < entry_count unless key is 0 */
    uint32_t slot_count; /* at least 1 */
    /* The last entry is the last of its bucket. pattern < pattern_count; length and flags (but ENTRY_LAST) are the
     * pattern's; anchor < length; head is the pattern's first symbols. */
    const entry_t *entries;
    size_t entry_count;
    /* start + length inside pattern_symbols, 1 <= length; lists + list_count inside pattern_lists; if PATTERN_FINE,
     * fine < the count of fine and not PATTERN_REPEAT */
    const pattern_t *patterns;
    size_t pattern_count;
    const uint16_t *pattern_symbols; /* values > SYMBOL_BOUNDARY and not SYMBOL_EXPANDS */
    const uint16_t *pattern_lists; /* values < list_count */
    const fine_t *fine;            /* lead < length; start + length inside fine_symbols; fold < folds */
    const uint32_t *fine_symbols;
    /* regular patterns: pattern < pattern_count, 1 <= words <= 4, 1 <= piece_count, starts + piece_count + 64 * words inside
     * regular_starts, what lies behind the pieces < branch_count (or 0), masks + words * (4 + branch_count + piece_count) inside
     * regular_masks, and no bit in the fourth of them without a branch */
    const regular_t *regulars;
    const regular_anchor_t *regular_anchors; /* regular < the count of regulars; pattern_t.fine < their count if PATTERN_REGULAR */
    const uint16_t *regular_starts;
    const uint64_t *regular_masks;
    const symbol_set_t *symbol_sets; /* opening, before, behind, second < their count; 1 <= ahead < SYMBOL_SLACK */
    /* lists and rules */
    size_t list_count;
    const uint32_t *allow_offsets; /* list_count + 1, ascending, the last = count of allow_lists */
    const uint16_t *allow_lists;
    const uint32_t *trigger_offsets;
    const uint16_t *triggers; /* values < rule_count */
    const uint16_t *always;
    size_t always_count;
    const operand_t *operands; /* list, free_of < list_count */
    size_t operand_count;
    const instruction_t *code; /* checked: operands in range, the stack never under- or overflows, ends with one bit */
    const rule_t *rules;
    size_t rule_count;
    const double *group_caps;
    size_t group_count;
    const policy_t *policy;
    const float *thresholds; /* channel_count x 32 x 5 */
    size_t channel_count;
    /* text model; NULL where the bundle has none */
    const int8_t *model_weights;  /* 1 << (32 - model_shift) */
    const int8_t *model_unigrams; /* by symbol, 65,536: the weights of unigrams in one piece */
    uint32_t model_shift;         /* 10 to 24 */
    double model_scale, model_bias;
    double model_length;  /* what a post of 48 shapes or more has added to its logit, one of 12 or fewer has not */
    double examined_from; /* least logit of a window with which a post is examined */
    const double *model_signals; /* rule_count, each 0..32; NULL where commerce is a noisy-or */
    const evasion_t *evasion; /* NULL where no list takes a fold of the evasion scan */
    const image_t *context; /* with the index of the patterns that only give context, which its own lacks; NULL where there are none */
};

/* What the evasion scan reads beside the image: what it makes of symbols, and the words that it looks for. */
struct evasion {
    const uint16_t *symbol_of;  /* 65,536; the value of SYMBOL_BOUNDARY is itself, any other's is above it and < SYLLABLE_END */
    const uint64_t *usual;      /* 1 << USUAL_BITS bits: pairs of symbols that running text has often, hashed */
    const uint64_t *split_map;  /* SPLIT_MAP_BITS bits: split_bit() of the first two parts of every split */
    const lookalike_t *lookalikes; /* sorted by rare */
    size_t lookalike_count;
    const split_t *splits;      /* sorted by parts; values > SYMBOL_BOUNDARY, parts[2] may be 0 */
    size_t split_count;
    const letter_t *letters;    /* at least 1; first + the number of children <= letter_count; syllable < SYLLABLE_END */
    size_t letter_count;
    const expansion_t *emoji;   /* sorted by code_point; 1 <= length <= EMOJI_MOST; start + length inside emoji_symbols */
    size_t emoji_count;
    const uint16_t *emoji_symbols; /* values > SYMBOL_BOUNDARY */
    const uint16_t *emoji_offsets; /* emoji_count + 1, ascending, the last = count of emoji_sounds */
    const uint16_t *emoji_sounds;  /* other syllables that they are used for */
    const uint32_t *alike_offsets; /* HAN_END - HAN_BEGIN + 1, ascending, the last = count of alike */
    const uint16_t *alike;
    const uint16_t *alike_sounds; /* beside alike */
    const word_t *words;        /* 2 <= length < READING_LEAD (layout.LONGEST_DISGUISED), start + length inside word_symbols */
    const uint16_t *word_symbols; /* values > SYMBOL_BOUNDARY */
    const form_t *forms;        /* word < the count of words, start + the word's length inside form_sounds */
    const uint16_t *form_sounds; /* values > SYMBOL_BOUNDARY and < SYLLABLE_END */
    const placed_t *places;     /* form >> 8 < the count of forms, the rest < its word's length; sound: the upper 4 bits are those of the hash */
    const uint32_t *bucket_offsets; /* bucket_mask + 2, ascending, the last = count of places */
    uint32_t bucket_mask;
    const uint64_t *key_map;    /* 1 << (32 - key_map_shift) bits */
    uint32_t key_map_shift;     /* 6 to 26 */
    const uint64_t *pair_map;   /* 1 << 2 * PAIR_BITS bits: sounds of words of two symbols */
    const uint64_t *neighbour_map; /* the same size: sounds side by side in longer words */
    const uint8_t *list_classes; /* TAKES_... of each list */
};

enum {
    EVASION_VALUE = 0xFFF,
    EVASION_RARE = 0x2000,
    EVASION_SPLIT = 0x4000,
    EVASION_LETTER = 0x8000,
    SYLLABLE_BEGIN = 0x400,
    SYLLABLE_END = 0x1000,
    USUAL_BITS = 21,
    MOST_ALIKE = 24,
    SPLIT_MAP_BITS = 1 << 17,
    PAIR_BITS = 9,
    PAIR_MASK = (1 << PAIR_BITS) - 1,
    HAN_BEGIN = 0x4E00,
    HAN_END = 0xA000,
    EMOJI_MOST = 4
};

/* Fold classes of lists and words. */
enum { TAKES_PHONETIC = 1, TAKES_GLYPH = 2, TAKES_EMOJI = 4, TAKES_REPEAT = 8 };

/* How a match is written. */
enum { WRITING_HOMOPHONE = 1, WRITING_PINYIN = 2, WRITING_LOOKALIKE = 4, WRITING_SPLIT = 8, WRITING_EMOJI = 16, WRITING_REPEAT = 32 };

#endif
