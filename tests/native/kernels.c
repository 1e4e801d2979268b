/* What each path of the kernels makes of the same texts, for comparison across paths and machines.
 *
 * Standard input: u32 bundle bytes, u32 texts, u32 text bytes, u32 unigram bytes; the bundle, i8 unigrams (the text model's
 * weights by symbol), u32 ends of the texts, their bytes. Output: for each path a line "path NAME", then for each chunk and
 * text its fault, symbols with offsets and sum of weights; survivors, buckets and matches of the chunk; then what the
 * evasion scan reads, its elements and matches; then each text's matches of context patterns. */
#include <stdio.h>

#include "restore.h"
#include "examine.h"
#include "match.h"
#include "paths.h"

typedef struct {
    char tag[4];
    uint32_t item;
    uint64_t offset, count, reserved;
} section_t;

static void *take(size_t bytes, size_t slack) {
    void *at = aligned_alloc(64, (bytes + slack + 64) / 64 * 64);
    if (at == NULL || fread(at, 1, bytes, stdin) != bytes) exit(2);
    return at;
}

static const section_t *section(const uint8_t *bundle, const char *tag) {
    uint32_t count;
    memcpy(&count, bundle + 12, 4);
    const section_t *table = (const section_t *)(bundle + 64);
    for (uint32_t k = 0; k < count; k++)
        if (memcmp(table[k].tag, tag, 4) == 0) return &table[k];
    exit(3);
}

#define COUNT(tag) (section(bundle, tag)->count)
#define POINT(member, tag) image->member = (const void *)(bundle + section(bundle, tag)->offset)

/* As Image._point() in image.pyx does, which also checks the bundle first. */
static void open_bundle(image_t *image, const uint8_t *bundle, const int8_t *unigrams) {
    static uint16_t flat[65536];
    memset(image, 0, sizeof *image);
    POINT(fold_block, "FBLK");
    POINT(fold_symbol, "FSYM");
    for (uint32_t c = 0; c < 65536; c++) flat[c] = fold_symbol(image, c);
    flat[RAW_ASTRAL] = SYMBOL_EXPANDS;
    flat[RAW_NOTHING] = SYMBOL_SKIP;
    flat[RAW_SEPARATOR] = SYMBOL_BOUNDARY;
    image->fold_flat = flat;
    POINT(expansions, "FEXP");
    image->expansion_count = COUNT("FEXP");
    POINT(expansion_symbols, "FEXS");
    POINT(fine_block, "VBLK");
    POINT(fine_code_point, "VCPT");
    POINT(fine_expansions, "VEXP");
    POINT(fine_expansion_code_points, "VEXS");
    POINT(unigram_map, "UMAP");
    for (size_t k = 0; k < COUNT("UMAP"); k++) image->has_unigrams |= image->unigram_map[k] != 0;
    POINT(filter_map, "FMAP");
    image->filter_bits = (uint32_t)__builtin_ctzll(COUNT("FMAP") * 64);
    image->filter_shift = 32 - (image->filter_bits - 3);
    POINT(displacement, "DISP");
    image->displacement_count = (uint32_t)COUNT("DISP");
    POINT(slots, "SLOT");
    image->slot_count = (uint32_t)COUNT("SLOT");
    POINT(entries, "ENTR");
    image->entry_count = COUNT("ENTR");
    POINT(patterns, "PATT");
    image->pattern_count = COUNT("PATT");
    POINT(pattern_symbols, "PSYM");
    POINT(fine, "FINE");
    POINT(fine_symbols, "FCPT");
    POINT(regulars, "RGXR");
    POINT(regular_anchors, "RGXA");
    POINT(regular_starts, "RGXC");
    POINT(regular_masks, "RGXM");
    POINT(symbol_sets, "RGXN");
    POINT(model_weights, "MODW");
    image->model_shift = 32 - (uint32_t)__builtin_ctzll(COUNT("MODW"));
    image->model_unigrams = unigrams;
    image->model_scale = 0.01;
    image->examined_from = -0.1; /* some windows have more, some less */
}

/* Once the image is whole: its context is the same but for the index. */
static void open_context(image_t *whole, const uint8_t *bundle) {
    static image_t context;
    image_t *image = &context;
    if (!COUNT("CTXI")) return;
    *image = *whole;
    POINT(unigram_map, "CUMP");
    POINT(filter_map, "CFMP");
    POINT(displacement, "CDSP");
    POINT(slots, "CSLT");
    POINT(entries, "CENT");
    image->has_unigrams = 0;
    for (size_t j = 0; j < COUNT("CUMP"); j++) image->has_unigrams |= image->unigram_map[j] != 0;
    image->filter_bits = (uint32_t)__builtin_ctzll(COUNT("CFMP") * 64);
    image->filter_shift = 32 - (image->filter_bits - 3);
    image->displacement_count = (uint32_t)COUNT("CDSP");
    image->slot_count = (uint32_t)COUNT("CSLT");
    image->entry_count = COUNT("CENT");
    whole->context = &context;
}

static void open_evasion(evasion_t *evasion, const uint8_t *bundle) {
    memset(evasion, 0, sizeof *evasion);
#define POINT_EVASION(member, tag) evasion->member = (const void *)(bundle + section(bundle, tag)->offset)
    POINT_EVASION(symbol_of, "ESYM");
    POINT_EVASION(usual, "EUSU");
    POINT_EVASION(split_map, "ESPM");
    POINT_EVASION(lookalikes, "ELOK");
    evasion->lookalike_count = COUNT("ELOK");
    POINT_EVASION(splits, "ESPL");
    evasion->split_count = COUNT("ESPL");
    POINT_EVASION(letters, "ELET");
    evasion->letter_count = COUNT("ELET");
    POINT_EVASION(emoji, "EMOJ");
    evasion->emoji_count = COUNT("EMOJ");
    POINT_EVASION(emoji_symbols, "EMOS");
    POINT_EVASION(emoji_offsets, "EMOO");
    POINT_EVASION(emoji_sounds, "EMOA");
    POINT_EVASION(alike_offsets, "EALO");
    POINT_EVASION(alike, "EALI");
    POINT_EVASION(alike_sounds, "EALS");
    POINT_EVASION(words, "EWRD");
    POINT_EVASION(word_symbols, "EWSY");
    POINT_EVASION(forms, "EFRM");
    POINT_EVASION(form_sounds, "EFSY");
    POINT_EVASION(places, "EKEY");
    POINT_EVASION(bucket_offsets, "EKYO");
    evasion->bucket_mask = (uint32_t)COUNT("EKYO") - 2;
    POINT_EVASION(key_map, "EKYM");
    evasion->key_map_shift = 32 - (uint32_t)__builtin_ctzll(COUNT("EKYM") * 64);
    POINT_EVASION(pair_map, "EPAI");
    POINT_EVASION(neighbour_map, "EADJ");
    POINT_EVASION(list_classes, "ELVA");
}

static void show_restored(const restorer_t *r, const column_match *writings) {
    printf("restored");
    for (size_t k = 0; k < r->chunk.text_count; k++) {
        const text_t *text = &r->chunk.texts[k];
        printf(" %u weights %lld:", r->texts.at[k], (long long)text->weights);
        for (uint32_t i = text->symbol_begin; i <= text->symbol_end; i++)
            printf(" %x@%u,%u-%u=%u", chunk_symbols(&r->chunk)[i], chunk_offsets(&r->chunk)[i], r->origins.at[i].begin, r->origins.at[i].end, r->origins.at[i].how);
    }
    printf("\nwritings");
    for (size_t i = 0; i < writings->count; i++) {
        const match_t *m = &writings->at[i];
        printf(" %u:%u[%u,%u)%u", m->text, m->pattern, m->byte_begin, m->byte_end, m->writing);
    }
    printf("\n");
}

static void show(const chunk_t *chunk, const column_match *matches) {
    for (size_t k = 0; k < chunk->text_count; k++) {
        const text_t *text = &chunk->texts[k];
        printf("text %u fault %u at %u weights %lld window %a examined %u:", text->group, text->fault, text->fault_at,
               (long long)text->weights, (double)text->window, text->is_examined);
        for (uint32_t i = text->symbol_begin; i <= text->symbol_end; i++)
            printf(" %x@%u", chunk_symbols(chunk)[i], chunk_offsets(chunk)[i]);
        printf("\n");
    }
    printf("survivors");
    for (size_t i = 0; i < chunk->survivor_count; i++) printf(" %u", chunk->survivors.at[i]);
    printf("\nbuckets");
    for (size_t i = 0; i < chunk->found_count; i++) printf(" %u:%u", chunk->found.at[i], chunk->buckets.at[i]);
    printf("\nmatches");
    for (size_t i = 0; i < matches->count; i++) {
        const match_t *m = &matches->at[i];
        printf(" %u:%u[%u,%u)", m->text, m->pattern, m->byte_begin, m->byte_end);
    }
    printf("\n");
}

static void show_context(uint32_t text, const column_match *matches) {
    printf("context %u", text);
    for (size_t k = 0; k < matches->count; k++)
        printf(" %u[%u,%u)", matches->at[k].pattern, matches->at[k].byte_begin, matches->at[k].byte_end);
    printf("\n");
}

int main(void) {
    uint32_t *head = take(16, 0);
    uint8_t *bundle = take(head[0], 0);
    int8_t *unigrams = take(head[3], 0);
    uint32_t *ends = take(head[1] * sizeof(uint32_t), 0);
    uint8_t *bytes = take(head[2], 0);
    image_t image;
    open_bundle(&image, bundle, unigrams);
    evasion_t evasion;
    open_evasion(&evasion, bundle);
    image.evasion = &evasion;
    open_context(&image, bundle);
    for (int p = 0; p < PATH_COUNT; p++) {
        const path_t *path = &paths[p];
        if (!path->runs_here()) continue;
        printf("path %s\n", path->name);
        chunk_t chunk;
        column_match matches;
        matcher_t matcher = {0}, writings_matcher = {0}, context_matcher = {0};
        restorer_t restorer;
        column_match writings, context;
        memset(&context, 0, sizeof context);
        memset(&restorer, 0, sizeof restorer);
        memset(&writings, 0, sizeof writings);
        memset(&chunk, 0, sizeof chunk);
        memset(&matches, 0, sizeof matches);
        for (uint32_t first = 0, end; first < head[1]; first = end) {
            const uint32_t from = first ? ends[first - 1] : 0;
            for (end = first + 1; end < head[1] && ends[end] - from <= CHUNK_BYTES; end++) {}
            if (chunk_begin(&chunk, end - first, ends[end - 1] - from, bytes + head[2])) return 4;
            for (uint32_t k = first; k < end; k++) {
                const uint32_t begin = k ? ends[k - 1] : 0;
                chunk_add(&chunk, bytes + begin, ends[k] - begin, k);
            }
            if (chunk_end(&chunk) || fold_chunk(path, &image, &chunk) || path->model(&image, &chunk)) return 4;
            choose_texts(&image, &chunk);
            if (look_through(path, &image, &chunk)) return 4;
            matcher_begin(&matcher, &image, &chunk, &matches, 0);
            if (match_chunk(&matcher)) return 4;
            show(&chunk, &matches);
            for (uint32_t k = 0; k < chunk.text_count; k++) {
                if (match_context(path, &image, UINT64_MAX, &chunk, k, 1, &context_matcher, &context, 0)) return 4;
                show_context(k, &context);
            }
            if (restore_chunk(&restorer, &image, &chunk)) return 4;
            if (restorer.chunk.text_count == 0) continue;
            if (path->model(&image, &restorer.chunk)) return 4;
            if (look_near(path, &image, &restorer)) return 4;
            matcher_begin(&writings_matcher, &image, &restorer.chunk, &writings, 0);
            if (match_chunk(&writings_matcher)) return 4;
            tell_matches(&restorer, &chunk, &writings, 0, restorer.chunk.text_count);
            show_restored(&restorer, &writings);
        }
        matcher_free(&matcher);
        column_match_free(&matches);
        matcher_free(&writings_matcher);
        column_match_free(&writings);
        matcher_free(&context_matcher);
        column_match_free(&context);
        restorer_free(&restorer);
        chunk_free(&chunk);
    }
    free(head);
    free(bundle);
    free(unigrams);
    free(ends);
    free(bytes);
    return 0;
}
