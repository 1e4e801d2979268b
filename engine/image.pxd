"""The opened bundle. `Image.view` stays valid as long as the Image lives; whoever reads through it holds the Image."""

from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "image.h":
    enum:
        SYMBOL_SKIP
        SYMBOL_SKIP_CLAUSE
        SYMBOL_SKIP_SENTENCE
        SYMBOL_BOUNDARY
        SYMBOL_OTHER
        SYMBOL_EXPANDS
        PATTERN_REPEAT
        PATTERN_FINE
        PATTERN_REGULAR
        ENTRY_LAST
        ENTRY_CONTEXT
        NO_PATTERN

    ctypedef struct expansion_t:
        uint32_t code_point, start, length
    ctypedef struct slot_t:
        uint32_t key, start
    ctypedef struct entry_t:
        uint64_t head
        uint32_t pattern
        uint8_t anchor, length
        uint16_t flags
    ctypedef struct pattern_t:
        uint32_t start, fine, lists
        uint8_t length, flags
        uint16_t list_count
    ctypedef struct fine_t:
        uint32_t start
        uint16_t length, lead
        uint32_t fold
    ctypedef struct symbol_set_t:
        uint64_t places[4]
    ctypedef struct regular_t:
        uint32_t pattern, masks, starts, opening
        uint16_t piece_count, branch_count
        uint8_t words, longest, has_edges
    ctypedef struct regular_anchor_t:
        uint32_t regular
        uint8_t least, most, ahead, reserved
        uint32_t before, behind, second
    ctypedef struct operand_t:
        uint16_t list
        int16_t free_of
        uint32_t within
    ctypedef struct instruction_t:
        uint8_t op, cmp
        uint16_t a, b, reserved
        int32_t n
        float value
    ctypedef struct rule_t:
        uint32_t code, code_count
        double weight
        int32_t from_day, until_day, group
        uint8_t category, severity, mode, reserved
    ctypedef struct policy_t:
        double severity_weight[4]
        double limit, review, unregistered, clean, per_year, per_strike, max, commerce, floor, per_complaint, clean_risk
    ctypedef struct standing_t:
        uint32_t licences, tenure_days
        uint8_t registration, enforcement, listing, complaints
        uint32_t reserved
        uint8_t strikes[32]

    ctypedef struct evasion_t  # below
    ctypedef struct image_t

    ctypedef struct image_t:
        int is_identity
        const uint16_t *fold_block
        const uint16_t *fold_symbol
        const uint16_t *fold_flat
        const expansion_t *expansions
        size_t expansion_count
        const uint16_t *expansion_symbols
        const uint16_t *fine_block
        const uint32_t *fine_code_point
        const expansion_t *fine_expansions
        const uint32_t *fine_expansion_code_points
        const uint64_t *unigram_map
        int has_unigrams
        const uint64_t *filter_map
        uint32_t filter_bits
        uint32_t filter_shift
        const uint16_t *displacement
        uint32_t displacement_count
        const slot_t *slots
        uint32_t slot_count
        const entry_t *entries
        size_t entry_count
        const pattern_t *patterns
        size_t pattern_count
        const uint16_t *pattern_symbols
        const uint16_t *pattern_lists
        const fine_t *fine
        const uint32_t *fine_symbols
        const regular_t *regulars
        const regular_anchor_t *regular_anchors
        const uint16_t *regular_starts
        const uint64_t *regular_masks
        const symbol_set_t *symbol_sets
        size_t list_count
        const uint32_t *allow_offsets
        const uint16_t *allow_lists
        const uint32_t *trigger_offsets
        const uint16_t *triggers
        const uint16_t *always
        size_t always_count
        const operand_t *operands
        size_t operand_count
        const instruction_t *code
        const rule_t *rules
        size_t rule_count
        const double *group_caps
        size_t group_count
        const policy_t *policy
        const float *thresholds
        size_t channel_count
        const int8_t *model_weights
        const int8_t *model_unigrams
        uint32_t model_shift
        double model_scale, model_bias, model_length
        double examined_from
        const double *model_signals
        const evasion_t *evasion
        const image_t *context

    ctypedef struct lookalike_t:
        uint16_t rare, common
    ctypedef struct split_t:
        uint16_t parts[3]
        uint16_t whole
    ctypedef struct letter_t:
        uint32_t children
        uint16_t first, syllable
    ctypedef struct word_t:
        uint32_t start
        uint8_t length, classes
    ctypedef struct form_t:
        uint32_t word, start
    ctypedef struct placed_t:
        uint32_t form
        uint16_t meant, sound
    ctypedef struct evasion_t:
        const uint16_t *symbol_of
        const uint64_t *usual
        const uint64_t *split_map
        const lookalike_t *lookalikes
        size_t lookalike_count
        const split_t *splits
        size_t split_count
        const letter_t *letters
        size_t letter_count
        const expansion_t *emoji
        size_t emoji_count
        const uint16_t *emoji_symbols
        const uint16_t *emoji_offsets
        const uint16_t *emoji_sounds
        const uint32_t *alike_offsets
        const uint16_t *alike
        const uint16_t *alike_sounds
        const word_t *words
        const uint16_t *word_symbols
        const form_t *forms
        const uint16_t *form_sounds
        const placed_t *places
        const uint32_t *bucket_offsets
        uint32_t bucket_mask
        const uint64_t *key_map
        uint32_t key_map_shift
        const uint64_t *pair_map
        const uint64_t *neighbour_map
        const uint8_t *list_classes


cdef class Image:
    cdef image_t view
    cdef evasion_t evasion  # view.evasion points here, if it is used
    cdef image_t context  # and view.context here, if there is one
    cdef object plan  # what all Judges of it share, made by the first: see judge.pyx
    cdef readonly object sections  # tag -> read-only ndarray over the mapping: what keeps the mapping alive
    cdef readonly object content  # uint8[size], read-only: the whole of it
    cdef object tables  # the scan fold of an identity bundle, which stores none
    cdef object flat  # the scan fold of the Basic Multilingual Plane in one piece
    cdef object unigrams  # the text model's weights by symbol, or None
    cdef readonly dict meta
    cdef readonly str digest
    cdef readonly size_t size
    cdef readonly bint is_pattern_set

    cdef int _point(self) except -1
    cdef int _point_evasion(self) except -1
    cdef int _point_context(self) except -1
