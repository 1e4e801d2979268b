"""What hits: the patterns and lists found in a batch of texts, as columns, before any rule is asked."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset

cimport numpy as cnp

from fairpost.engine.buffers cimport adopt
from fairpost.engine.image cimport Image
from fairpost.engine.finder cimport request_t
from fairpost.engine.judge cimport Judge
from fairpost.engine.native cimport (
    TEXT_OK,
    column_u16,
    column_u16_free,
    column_u16_reserve,
    column_u32,
    column_u32_free,
    column_u32_reserve,
    hit_t,
)

__all__ = ["hit_columns"]

cnp.import_array()

ctypedef struct hits_t:
    column_u32 post, pattern
    column_u16 list


def hit_columns(Image image not None, list spare not None, texts, max_characters):
    """(post, pattern, list) of every hit that counts, by post and position.

    Args:
        spare: Judges of this image that are not in use; what is made here is left there.
        texts: Texts. In one that is ill-formed or too long nothing is found.
    """
    cdef request_t request
    cdef hits_t found
    cdef Judge judge
    cdef int outcome
    memset(&request, 0, sizeof(request))
    memset(&found, 0, sizeof(found))
    request.bytes = <const uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>texts.bytes)
    request.begins = <const int64_t*>cnp.PyArray_DATA(<cnp.ndarray>texts.offsets)
    request.ends = request.begins + 1
    request.readable = request.bytes + <size_t>texts.bytes.size
    request.posts = len(texts)
    request.max_characters = max_characters
    try:
        judge = spare.pop()
    except IndexError:
        judge = Judge(image)
    judge.everything = True
    with nogil:
        outcome = collect(judge, &request, &found)
    judge.everything = False
    if outcome != 0:  # the judge is not kept: it may be in the middle of a post
        column_u32_free(&found.post)
        column_u32_free(&found.pattern)
        column_u16_free(&found.list)
        raise MemoryError(f"hits of {len(texts)} texts")
    spare.append(judge)
    return (
        adopt(found.post.at, found.post.count, cnp.NPY_UINT32),
        adopt(found.pattern.at, found.pattern.count, cnp.NPY_UINT32),
        adopt(found.list.at, found.list.count, cnp.NPY_UINT16),
    )


cdef int collect(Judge judge, const request_t *request, hits_t *found) noexcept nogil:
    """Hits of all texts, a chunk of them at a time. Returns 0, or -1 when memory runs out."""
    cdef size_t first = 0, post, end
    while first < request.posts:
        end = judge.stage(request, first)
        if end == 0 or judge.scanner.run(True) != 0:
            return -1
        judge.match = judge.writing = 0
        for post in range(first, end):
            if judge.scanner.chunk.texts[post - first].fault == TEXT_OK and append(judge, post, first, found):
                return -1
        first = end
    return 0


cdef int append(Judge judge, size_t post, size_t first, hits_t *found) noexcept nogil:
    """Hits of one text, number post - first of the chunk."""
    cdef size_t k, row = found.post.count, count
    cdef const hit_t *hit
    if judge.find_hits(post - first, 1) != 0:
        return -1
    if not judge.is_sorted:
        judge.sort_and_chain()
    count = judge.hits_.count
    if (
        column_u32_reserve(&found.post, count)
        or column_u32_reserve(&found.pattern, count)
        or column_u16_reserve(&found.list, count)
    ):
        return -1
    for k in range(count):
        hit = &judge.hits_.at[k]
        found.post.at[row + k] = <uint32_t>post
        found.pattern.at[row + k] = hit.pattern
        found.list.at[row + k] = <uint16_t>hit.list
    found.post.count = found.pattern.count = found.list.count = row + count
    return 0
