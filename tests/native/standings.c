/* The standing table as a program of its own, for sanitizers and other machines.
 *
 * standings steps: any changes beside an array that says what must be found; with every placement of hashes.
 * standings threads: one writer, three readers; a batch that shows two states ends the program with status 1. */
#include <stdio.h>

#include "paths.h"
#include "standings.h"

enum { IDS = 3000, ID_BYTES = 8, BATCH = 400 };

static uint8_t bytes[IDS * ID_BYTES];
static int64_t ends[IDS + 1];
static const uint64_t placements[] = {~0ull, 0, 0xFull << 60, 3, 0xFFFF};

static uint64_t chance(uint64_t *state) {
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return *state;
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void make_ids(void) {
    for (int k = 0; k <= IDS; k++) ends[k] = k * ID_BYTES;
    for (int k = 0; k < IDS; k++) {
        char text[ID_BYTES + 1];
        snprintf(text, sizeof text, "s%07d", k);
        memcpy(bytes + k * ID_BYTES, text, ID_BYTES);
    }
}

static seller_ids_t some_ids(size_t first, size_t count) {
    return (seller_ids_t){bytes, ends + first, ends + first + 1, count};
}

static void open_table(standings_t *table, const path_t *path, uint64_t placement) {
    const uint8_t *key = (const uint8_t *)"0123456789abcdef";
    if (standings_open(table, key, path->hash_group, path->find_standings, placement)) fail("no memory");
}

/* Let `count` sellers have `number` as licences, and some of them strikes. */
static void put(standings_t *table, size_t first, size_t count, uint32_t number, int64_t sequence, size_t gone) {
    static seller_record_t records[IDS];
    static change_t changes[IDS];
    size_t removals;
    for (size_t k = 0; k < count; k++) {
        records[k] = (seller_record_t){.licences = number, .since_day = SINCE_NEVER, .registration = 2};
        records[k].strikes[number % 32] = (uint8_t)((first + k) % 5);
    }
    seller_ids_t ids = some_ids(first, count), removed = some_ids(first, gone);
    if (standings_apply(table, sequence, &ids, records, &removed, changes, &removals)) fail("a change failed");
}

/* The same from the last to the first, as where ids lie anywhere in a request, and some posts name nobody. */
static void look_back(standings_t *table, const uint32_t *wanted) {
    static int64_t begins[IDS], behind[IDS];
    static int32_t sellers[IDS];
    static standing_t standings[IDS];
    int64_t sequence;
    for (int k = 0; k < IDS; k++) {
        begins[k] = k % 7 == 5 ? 0 : ends[IDS - 1 - k];
        behind[k] = k % 7 == 5 ? 0 : ends[IDS - k];
    }
    for (size_t count = 1; count <= IDS; count += 1 + count / 2) {
        seller_ids_t ids = {bytes, begins, behind, count};
        size_t found = standings_look_up(table, &ids, 0, sellers, standings, &sequence), known = 0;
        for (size_t k = 0; k < count; k++) {
            uint32_t number = k % 7 == 5 ? 0 : wanted[IDS - 1 - k];
            int32_t row = number ? (int32_t)known : k % 7 == 5 ? SELLER_IS_NONE : SELLER_IS_UNKNOWN;
            if (sellers[k] != row) fail("a wrong row, from behind");
            if (number && standings[known++].licences != number) fail("a wrong standing, from behind");
        }
        if (found != known) fail("a wrong count, from behind");
    }
}

static void steps(const path_t *path, uint64_t placement) {
    static uint32_t wanted[IDS];
    static int32_t sellers[IDS];
    static standing_t standings[IDS];
    standings_t table;
    uint64_t state = 88172645463325252u;
    int64_t sequence;
    memset(wanted, 0, sizeof wanted);
    open_table(&table, path, placement);
    for (uint32_t step = 1; step <= 100; step++) {
        size_t first = chance(&state) % IDS, count = chance(&state) % BATCH, gone = chance(&state) % 3 ? 0 : count / 2;
        if (count > IDS - first) count = IDS - first;
        if (gone > count) gone = count;
        put(&table, first, count, step, step, gone);
        for (size_t k = 0; k < count; k++) wanted[first + k] = k < gone ? 0 : step;
        if (step % 10 && step > 10) continue;
        seller_ids_t all = some_ids(0, IDS);
        size_t found = standings_look_up(&table, &all, 0, sellers, standings, &sequence), known = 0;
        for (int k = 0; k < IDS; k++) {
            if (wanted[k] == 0 ? sellers[k] != SELLER_IS_UNKNOWN : sellers[k] != (int32_t)known) fail("a wrong row");
            if (wanted[k] == 0) continue;
            const standing_t *standing = &standings[known++];
            if (standing->licences != wanted[k] || standing->strikes[wanted[k] % 32] != k % 5) fail("a wrong standing");
        }
        if (found != known || found != table.content->rows.count || sequence != step) fail("a wrong count");
        look_back(&table, wanted);
    }
    standings_close(&table);
}

static standings_t shared;
static int is_over;

static void *read_all(void *first) {
    static __thread int32_t sellers[IDS];
    static __thread standing_t standings[IDS];
    int64_t sequence, last = 0;
    seller_ids_t ids = some_ids((size_t)(uintptr_t)first, BATCH);
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        if (standings_look_up(&shared, &ids, 0, sellers, standings, &sequence) != BATCH) fail("a seller is missing");
        if (sequence < last) fail("time goes back");
        for (int k = 0; k < BATCH; k++)
            if (standings[k].licences != (uint32_t)sequence) fail("two states in one batch");
        last = sequence;
    }
    return NULL;
}

static void threads(const path_t *path) {
    pthread_t readers[3];
    open_table(&shared, path, ~0ull);
    put(&shared, 0, 2 * BATCH, 0, 0, 0);
    for (int k = 0; k < 3; k++)
        if (pthread_create(&readers[k], NULL, read_all, (void *)(uintptr_t)(k * BATCH / 2))) fail("no thread");
    for (uint32_t step = 1; step <= 200; step++) {
        size_t others = 2 * BATCH + step % 7 * 300;
        put(&shared, others, 300, step, step - 1, step % 2 ? 0 : 300); /* grows and shrinks around those read */
        put(&shared, 0, 2 * BATCH, step, step, 0);
        if (step % 100) continue;
        content_t *fresh = content_open(~0ull);
        static seller_record_t records[2 * BATCH];
        for (int k = 0; k < 2 * BATCH; k++) records[k] = (seller_record_t){.licences = step};
        seller_ids_t ids = some_ids(0, 2 * BATCH);
        if (fresh == NULL || content_reserve(fresh, ids.count) || content_fill(&shared, fresh, &ids, records)) fail("fill");
        fresh->sequence = step;
        content_close(standings_exchange(&shared, fresh));
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (int k = 0; k < 3; k++) pthread_join(readers[k], NULL);
    standings_close(&shared);
}

int main(int count, char **words) {
    const path_t *path = paths;
    while (!path->runs_here()) path++;
    make_ids();
    if (count > 1 && strcmp(words[1], "threads") == 0) {
        threads(path);
    } else {
        for (const path_t *each = path; each < paths + PATH_COUNT; each++)
            for (size_t k = 0; k < sizeof placements / sizeof *placements; k++) steps(each, placements[k]);
    }
    puts("ok");
    return 0;
}
