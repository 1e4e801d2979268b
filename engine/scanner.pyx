"""Folds and matches texts, a chunk at a time, and chooses the kernels' path.

The environment variable FAIRPOST_KERNELS names the path for the process: avx512, avx2, neon or scalar. Without it
the best one that the machine runs is taken.
"""

import os

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fairpost.engine.image cimport Image
from fairpost.engine.native cimport (
    CHUNK_BYTES,
    PATH_COUNT,
    choose_texts,
    chunk_add,
    chunk_begin,
    chunk_end,
    chunk_free,
    column_match_free,
    fold_chunk,
    look_near,
    look_through,
    match_chunk,
    match_context,
    matcher_begin,
    matcher_free,
    path_t,
    paths,
    restore_chunk,
    restorer_free,
    tell_matches,
)

__all__ = ["available_paths", "choose_path", "chosen_path"]

cdef const path_t *_chosen = NULL


def available_paths():
    """Names of the kernels' paths that this machine runs, best first."""
    return [paths[k].name.decode() for k in range(PATH_COUNT) if paths[k].runs_here()]


def choose_path(name=None):
    """Use the path `name` for all that is judged or scanned from now on; None: the best.

    For tests and benchmarks: what is under way keeps the path it began with.

    Raises:
        ValueError: the machine does not run it, or there is none of this name.
    """
    global _chosen
    cdef int k
    for k in range(PATH_COUNT):
        if paths[k].runs_here() and (name is None or paths[k].name.decode() == name):
            _chosen = &paths[k]
            return
    raise ValueError(f"kernels {name!r}: this machine runs {', '.join(available_paths())}")


cdef const path_t *path_in_use() noexcept nogil:
    return _chosen


def chosen_path():
    """Name of the path in use."""
    return _chosen.name.decode()


choose_path(os.environ.get("FAIRPOST_KERNELS") or None)


cdef size_t chunk_of(const int64_t *offsets, size_t first, size_t end) noexcept nogil:
    """How many of the texts first .. end make a chunk: at least one, if there is one."""
    cdef size_t k = first
    while k < end and (k == first or offsets[k + 1] - offsets[first] <= CHUNK_BYTES):
        k += 1
    return k - first


cdef class Scanner:
    """Working memory for scanning with one bundle. Not thread-safe: one Scanner for each call under way."""

    def __cinit__(self, Image image not None):
        self.image = image
        self.view = &image.view

    def __dealloc__(self):
        chunk_free(&self.chunk)
        column_match_free(&self.matches)
        matcher_free(&self.matcher)
        column_match_free(&self.context)
        column_match_free(&self.context_writings)
        matcher_free(&self.context_matcher)
        restorer_free(&self.restorer)
        column_match_free(&self.writings)
        matcher_free(&self.writings_matcher)

    cdef int run(self, bint is_limited) noexcept nogil:
        """Fold and match the texts that were put into the chunk. Returns 0, or -1 when memory runs out.

        is_limited: cap matches and work of every post (texts of one group), and flag its texts.
        """
        self.path = _chosen
        if chunk_end(&self.chunk) or fold_chunk(self.path, self.view, &self.chunk):
            return -1
        if self.view.model_weights != NULL and self.path.model(self.view, &self.chunk):
            return -1
        choose_texts(self.view, &self.chunk)
        if look_through(self.path, self.view, &self.chunk):
            return -1
        matcher_begin(&self.matcher, self.view, &self.chunk, &self.matches, is_limited)
        if match_chunk(&self.matcher):
            return -1
        return self.find_writings(is_limited) if self.view.evasion != NULL else 0

    cdef int find_context(self, uint64_t asked, size_t first, size_t count, bint is_limited) noexcept nogil:
        """Matches of the context patterns for which those in `asked` ask, a bit each, in the texts from `first` on, all
        those of one post: to `context`, and those in restored texts to `context_writings`. Both are emptied."""
        cdef size_t k, restored = 0, begin = 0
        self.context_writings.count = 0
        if match_context(
            self.path, self.view, asked, &self.chunk, first, count, &self.context_matcher, &self.context, is_limited
        ):
            return -1
        for k in range(first, first + count):
            if self.chunk.texts[k].restored:
                begin = begin if restored else self.chunk.texts[k].restored - 1
                restored += 1
        if not restored:
            return 0
        if match_context(
            self.path, self.view, asked, &self.restorer.chunk, begin, restored, &self.context_matcher,
            &self.context_writings, is_limited
        ):
            return -1
        tell_matches(&self.restorer, &self.chunk, &self.context_writings, begin, restored)
        return 0

    cdef int find_writings(self, bint is_limited) noexcept nogil:
        """The evasion scan: the texts that hold disguises, matched once more as they were meant."""
        cdef restorer_t *restorer = &self.restorer
        self.writings.count = 0
        if restore_chunk(restorer, self.view, &self.chunk):
            return -1
        if restorer.chunk.text_count == 0:
            return 0
        if self.view.model_weights != NULL and self.path.model(self.view, &restorer.chunk):
            return -1
        if look_near(self.path, self.view, restorer):
            return -1
        matcher_begin(&self.writings_matcher, self.view, &restorer.chunk, &self.writings, is_limited)
        if match_chunk(&self.writings_matcher):
            return -1
        tell_matches(restorer, &self.chunk, &self.writings, 0, restorer.chunk.text_count)
        return 0

    cdef int scan(self, const uint8_t *bytes, const int64_t *offsets, size_t first, size_t count,
                  const uint8_t *readable) noexcept nogil:
        """The same for texts first .. first + count of a column that ends before `readable`, without limits."""
        cdef size_t k
        if chunk_begin(&self.chunk, count, <size_t>(offsets[first + count] - offsets[first]), readable):
            return -1
        for k in range(first, first + count):
            chunk_add(&self.chunk, bytes + offsets[k], <size_t>(offsets[k + 1] - offsets[k]), <uint32_t>(k - first))
        return self.run(False)
