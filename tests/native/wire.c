/* Requests as the wire codec reads them, from memory that ends where they end: what is read beyond is seen.
 *
 * Standard input: any number of u32 kind, u32 bytes, and the bytes. Output, a line each: REQUEST_... or LOOKUP_..., then for
 * FilterService's requests for each post whether it was refused and its texts in hexadecimal; for lookups the ids. */
#include <stdio.h>

#include "wire_posts.h"
#include "wire_standings.h"

static void put_hex(const uint8_t *bytes, int64_t begin, int64_t end) {
    putchar('.');
    for (int64_t k = begin; k < end; k++) printf("%02x", bytes[k]);
}

int main(void) {
    static requests_t requests;
    static lookups_t lookups;
    const name_t channels[] = {{0, 6, 1}, {6, 7, 2}};
    terms_t terms = {.channels = {(const uint8_t *)"strictmoments", channels, 2}, .max_posts = 5, .today = 20000};
    uint32_t head[2];
    while (fread(head, 4, 2, stdin) == 2) {
        uint8_t *bytes = (uint8_t *)malloc(head[1] ? head[1] : 1);
        if (bytes == NULL || fread(bytes, 1, head[1], stdin) != head[1]) return 2;
        if (head[0] > FOR_STREAM_CHECK) {
            printf("%d", read_lookups(&lookups, (int)head[0] - FOR_STREAM_CHECK - 1, 5, 0, bytes, head[1]));
            for (size_t k = 0; k < lookups.count; k++) {
                putchar(' ');
                put_hex(bytes, lookups.begins[k], lookups.ends[k]);
            }
        } else {
            printf("%d", read_request(&requests, &terms, (int)head[0], bytes, head[1]));
            for (size_t k = 0; k < requests.count; k++) {
                printf(" %d", requests.posts[k].is_refused);
                for (int64_t t = requests.segments[k]; t < requests.segments[k + 1]; t++)
                    put_hex(bytes, requests.text_begins[t], requests.text_ends[t]);
            }
        }
        putchar('\n');
        free(bytes);
    }
    requests_free(&requests);
    lookups_free(&lookups);
    return 0;
}
