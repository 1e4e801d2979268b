/* Large pieces of zeroed memory straight from the system: they go back to it at once, and only what was touched counts. */
#ifndef FAIRPOST_PAGES_H
#define FAIRPOST_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

/* `size` bytes of zeros, or NULL. Huge: they start at a multiple of HUGE_PAGE, and the system is asked for such pages:
 * a table of 10 M sellers is random reads over 320 MB, and each would first have to find its small page. */
static inline void *pages_take(size_t size, int is_huge) {
    size_t room = is_huge ? size + HUGE_PAGE : size;
    uint8_t *at = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return NULL;
    if (is_huge) {
        size_t before = -(uintptr_t)at & (HUGE_PAGE - 1), page = (size_t)sysconf(_SC_PAGESIZE);
        size_t end = before + (size + page - 1) / page * page;
        if (before) munmap(at, before);
        if (end < room) munmap(at + end, room - end);
        at += before;
#ifdef MADV_HUGEPAGE
        madvise(at, size, MADV_HUGEPAGE); /* a wish: without it everything works */
#endif
    }
    return at;
}

static inline void pages_give_back(void *at, size_t size) {
    if (at != NULL) munmap(at, size);
}

#endif
