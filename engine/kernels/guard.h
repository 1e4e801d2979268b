/* A lock that many readers share, and that a waiting writer gets before readers who come later. */
#ifndef FAIRPOST_GUARD_H
#define FAIRPOST_GUARD_H

#include <pthread.h>

typedef struct {
    pthread_mutex_t writing; /* one writer at a time: over all of a change, most of which readers do not notice */
    pthread_rwlock_t showing; /* held by readers, and by the writer only while what they read changes */
} guard_t;

static inline int guard_open(guard_t *guard) {
    pthread_rwlockattr_t attributes;
    if (pthread_mutex_init(&guard->writing, NULL)) return -1;
    pthread_rwlockattr_init(&attributes);
#ifdef __GLIBC__
    /* By default glibc lets readers pass a waiting writer: under load it would wait for ever. No reader takes it
     * twice. */
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    int failed = pthread_rwlock_init(&guard->showing, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    if (failed) pthread_mutex_destroy(&guard->writing);
    return failed ? -1 : 0;
}

static inline void guard_close(guard_t *guard) {
    pthread_rwlock_destroy(&guard->showing);
    pthread_mutex_destroy(&guard->writing);
}

static inline void guard_read(guard_t *guard) { pthread_rwlock_rdlock(&guard->showing); }
static inline void guard_show(guard_t *guard) { pthread_rwlock_wrlock(&guard->showing); }
static inline void guard_done(guard_t *guard) { pthread_rwlock_unlock(&guard->showing); }
static inline void guard_write(guard_t *guard) { pthread_mutex_lock(&guard->writing); }
static inline void guard_written(guard_t *guard) { pthread_mutex_unlock(&guard->writing); }

#endif
