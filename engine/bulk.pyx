"""Judges the posts of one batch, in one thread or several, into columns."""

from dataclasses import dataclass

import numpy as np

cimport numpy as cnp

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from fairpost.engine.answer cimport answer_t
from fairpost.engine.buffers cimport adopt
from fairpost.engine.image cimport Image, standing_t
from fairpost.engine.finder cimport request_t
from fairpost.engine.judge cimport Judge

from fairpost.engine.shares import LEAST_BYTES, each_in_a_thread

__all__ = ["Columns", "judge_batch"]

cnp.import_array()

_FIXED = {
    "status": np.uint8,
    "status_offset": np.uint32,
    "status_text": np.uint16,
    "action": np.uint8,
    "risk": np.float32,
    "commerce": np.float32,
    "exposure": np.float32,
    "model": np.float32,
    "flags": np.uint16,
}


@dataclass(frozen=True)
class Columns:
    """The columns of a request as `finder.pxd` describes request_t; None for NULL."""

    bytes: object
    offsets: object
    segments: object
    posts: int
    sellers: object
    standings: object
    channels: object
    channel: int
    languages: object
    language: int
    days: object
    day: int
    unit: int
    max_characters: int


def judge_batch(Image image not None, list spare not None, given, threads):
    """{name: column} of the verdicts, by the names of `VerdictBatch`.

    Args:
        spare: Judges of this image that are not in use; what is made here is left there.
        given: Columns.
        threads: how many work, on parts of about equally many bytes each. The answer is always the same.
    """
    fixed = {name: np.zeros(given.posts, dtype) for name, dtype in _FIXED.items()}
    answers = each_in_a_thread(lambda share: _judge(image, spare, given, share, fixed), _shares(given, threads))
    return {**fixed, **_joined(answers)}


def _shares(given, threads):
    """[(first, end)]: runs of posts of about equally many bytes, one for each thread."""
    ends = given.offsets if given.segments is None else given.offsets[given.segments]
    total = int(ends[given.posts] - ends[0])
    threads = max(1, min(threads, total // LEAST_BYTES, given.posts))
    bounds = [int(ends[0]) + total * k // threads for k in range(1, threads)]
    cuts = [0, *np.searchsorted(ends[:given.posts], bounds, "left").tolist(), given.posts]
    return list(zip(cuts, cuts[1:]))


def _joined(answers):
    """One dictionary of ragged columns; those of each answer begin at 0."""
    if len(answers) == 1:
        return answers[0]
    joined = {}
    for name in answers[0]:
        if not name.endswith("_begin"):
            joined[name] = np.concatenate([answer[name] for answer in answers])
            continue
        before = 0
        parts = [np.zeros(1, np.uint32)]
        for answer in answers:
            parts.append(answer[name][1:] + np.uint32(before))
            before += answer[name].item(-1)
        joined[name] = np.concatenate(parts)
    return joined


def _judge(Image image, list spare, given, share, fixed):
    """Judge posts first .. end without the GIL: their entries of `fixed` are written, their ragged columns returned."""
    cdef request_t request
    cdef answer_t answer
    cdef Judge judge
    cdef int outcome
    cdef size_t first = share[0], posts = share[1] - share[0]
    request.bytes = <const uint8_t*>_at(given.bytes, 0)
    request.begins = <const int64_t*>_at(given.offsets, first if given.segments is None else 0)
    request.ends = request.begins + 1
    request.readable = request.bytes + <size_t>given.bytes.size
    request.segments = <const int64_t*>_at(given.segments, first)
    request.posts = posts
    request.sellers = <const int32_t*>_at(given.sellers, first)
    request.standings = <const standing_t*>_at(given.standings, 0)
    request.channels = <const uint16_t*>_at(given.channels, first)
    request.languages = <const uint16_t*>_at(given.languages, first)
    request.days = <const int32_t*>_at(given.days, first)
    request.channel = given.channel
    request.language = given.language
    request.day = given.day
    request.max_characters = given.max_characters
    request.unit = given.unit

    begins = {name: np.zeros(posts + 1, np.uint32) for name in ("label_begin", "evidence_begin", "fired_begin")}
    memset(&answer, 0, sizeof(answer))
    answer.status = <uint8_t*>_at(fixed["status"], first)
    answer.status_offset = <uint32_t*>_at(fixed["status_offset"], first)
    answer.status_text = <uint16_t*>_at(fixed["status_text"], first)
    answer.action = <uint8_t*>_at(fixed["action"], first)
    answer.risk = <float*>_at(fixed["risk"], first)
    answer.commerce = <float*>_at(fixed["commerce"], first)
    answer.exposure = <float*>_at(fixed["exposure"], first)
    answer.model = <float*>_at(fixed["model"], first)
    answer.flags = <uint16_t*>_at(fixed["flags"], first)
    answer.label_end = <uint32_t*>_at(begins["label_begin"], 1)
    answer.evidence_end = <uint32_t*>_at(begins["evidence_begin"], 1)
    answer.fired_end = <uint32_t*>_at(begins["fired_begin"], 1)

    try:
        judge = spare.pop()
    except IndexError:
        judge = Judge(image)
    with nogil:
        outcome = judge.run(&request, &answer)
    # Each column's memory becomes an array's, also where the judge ran out of it.
    ragged = {
        "label_category": adopt(answer.label_category.at, answer.label_category.count, cnp.NPY_UINT8),
        "label_score": adopt(answer.label_score.at, answer.label_score.count, cnp.NPY_FLOAT32),
        "label_severity": adopt(answer.label_severity.at, answer.label_severity.count, cnp.NPY_UINT8),
        "evidence_rule": adopt(answer.evidence.rule, answer.evidence.count, cnp.NPY_UINT16),
        "evidence_pattern": adopt(answer.evidence.pattern, answer.evidence.count, cnp.NPY_UINT32),
        "evidence_list": adopt(answer.evidence.list, answer.evidence.count, cnp.NPY_UINT16),
        "evidence_text": adopt(answer.evidence.text, answer.evidence.count, cnp.NPY_UINT16),
        "evidence_start": adopt(answer.evidence.start, answer.evidence.count, cnp.NPY_UINT32),
        "evidence_stop": adopt(answer.evidence.stop, answer.evidence.count, cnp.NPY_UINT32),
        "evidence_shadow": adopt(answer.evidence.shadow, answer.evidence.count, cnp.NPY_UINT8),
        "fired_rule": adopt(answer.fired_rule.at, answer.fired_rule.count, cnp.NPY_UINT16),
    }
    if outcome != 0:  # the judge is not kept: it may be in the middle of a post
        raise MemoryError(f"judging {posts} posts")
    spare.append(judge)
    return {**begins, **ragged}


cdef void* _at(column, size_t item) except? NULL:
    """Item `item` of a column; NULL for None."""
    if column is None:
        return NULL
    return <char*>cnp.PyArray_DATA(<cnp.ndarray>column) + item * <size_t>column.dtype.itemsize
