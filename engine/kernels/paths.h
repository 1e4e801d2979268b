/* The vector paths of the kernels, and the choice among those that this machine has. */
#ifndef FAIRPOST_PATHS_H
#define FAIRPOST_PATHS_H

#include "fold_avx512.h"
#include "match_avx512.h"
#include "recognise.h"

typedef struct {
    const char *name;
    int (*fold)(const image_t *, const uint8_t *, size_t, column_u16 *, column_u32 *, column_delimiter *, size_t *);
    int (*match)(matcher_t *);
} path_t;

/* Best first; the scalar one is last and always there. */
static const path_t paths[] = {
#ifdef HAVE_AVX512_PATH
    {"avx512", fold_text_avx512, match_text_avx512},
#endif
    {"scalar", fold_text, match_text},
};

static inline int path_count(void) { return (int)(sizeof paths / sizeof *paths); }

static inline int path_runs_here(const path_t *path) {
#ifdef HAVE_AVX512_PATH
    if (strcmp(path->name, "avx512") == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
#endif
    return strcmp(path->name, "scalar") == 0;
}

#endif
