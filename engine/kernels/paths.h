/* The kernels' paths, and the choice among those that this machine runs. */
#ifndef FAIRPOST_PATHS_H
#define FAIRPOST_PATHS_H

#include "encode.h"
#include "encode_avx512.h"
#include "filter.h"
#include "filter_avx2.h"
#include "filter_avx512.h"
#include "filter_neon.h"
#include "fold.h"
#include "fold_avx2.h"
#include "fold_avx512.h"
#include "fold_neon.h"
#include "lookup.h"
#include "lookup_avx512.h"
#include "model.h"
#include "model_avx2.h"
#include "model_avx512.h"
#include "model_neon.h"
#include "siphash_avx512.h"
#include "standing_lookup_avx512.h"

typedef struct {
    const char *name;
    int (*runs_here)(void);
    int (*fold)(const image_t *, chunk_t *);   /* FOLD_OK, FOLD_INVALID or FOLD_NO_MEMORY */
    int (*filter)(const image_t *, chunk_t *, size_t begin, size_t end); /* 0, or -1 when memory runs out; so the others */
    int (*lookup)(const image_t *, chunk_t *);
    int (*shapes)(chunk_t *);                 /* what the text model reads */
    int (*model)(const image_t *, chunk_t *); /* shapes too, where the image has a model */
    /* Python's strings of two and of four bytes a character -> UTF-8; returns how many bytes */
    size_t (*encode_ucs2)(const uint16_t *, size_t, uint8_t *);
    size_t (*encode_ucs4)(const uint32_t *, size_t, uint8_t *);
    hash_group_t *hash_group; /* of sellers' ids */
    find_standings_t *find_standings;
} path_t;

static inline int runs_everywhere(void) { return 1; }

/* Best first; the scalar one is last and always there. */
static const path_t paths[] = {
#ifdef HAVE_AVX512
    {"avx512", runs_avx512, fold_avx512, filter_avx512, lookup_avx512, shapes_avx512, model_avx512, encode_ucs2_avx512, encode_ucs4_avx512, hash_group_avx512, find_standings_avx512},
#endif
#ifdef HAVE_AVX2
    {"avx2", prepare_avx2, fold_avx2, filter_avx2, lookup_scalar, shapes_avx2, model_avx2, encode_ucs2, encode_ucs4, hash_group_scalar, find_standings_scalar},
#endif
#ifdef HAVE_NEON
    {"neon", runs_everywhere, fold_neon, filter_neon, lookup_scalar, shapes_neon, model_neon, encode_ucs2, encode_ucs4, hash_group_scalar, find_standings_scalar},
#endif
    {"scalar", runs_everywhere, fold_scalar, filter_scalar, lookup_scalar, shapes_scalar, model_scalar, encode_ucs2, encode_ucs4, hash_group_scalar, find_standings_scalar},
};

enum { PATH_COUNT = sizeof paths / sizeof *paths };

/* Folds the chunk; texts with a fault get no symbols. Returns 0, or -1 when memory runs out. */
static inline int fold_chunk(const path_t *path, const image_t *image, chunk_t *chunk) {
    int outcome = path->fold(image, chunk);
    if (outcome == FOLD_INVALID) {
        find_faults(chunk);
        chunk_drop_faults(chunk);
        outcome = path->fold(image, chunk);
    }
    return outcome == FOLD_OK ? 0 : -1;
}

#endif
