"""What the text model is trained on: features of many texts, computed by the kernels that serve."""

import functools
from dataclasses import dataclass

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from fairpost.engine.image cimport Image
from fairpost.engine.native cimport TEXT_OK, chunk_t, model_bigram, model_unigram
from fairpost.engine.scanner cimport Scanner, chunk_of

from fairpost.engine.build import build_patterns
from fairpost.engine.folds import DEFAULT
from fairpost.engine.layout import MODEL_BITS
from fairpost.engine.texts import Texts

__all__ = ["ModelFeatures", "model_features"]


@dataclass(frozen=True, eq=False)
class ModelFeatures:
    """Features of n texts, as rows of sparse matrices.

    Attributes:
        indptr: int64[n + 1]; row i is indices[indptr[i]:indptr[i + 1]].
        indices: uint32[m], buckets, one for each unigram and each bigram of a text; what occurs twice stands twice.
        shapes: int64[n], how many shapes each text has; its row has twice as many buckets.
        signal_indptr, signals: int64[n + 1] and uint16[k], the numbers of the enforced COMMERCE rules that fire on each
            text; empty rows without rules.
        commerce: float32[n], the score as those rules give it; 0 without rules.

    With the weights of a model, logit i is bias + scale * weights[row i].sum() / sqrt(max(shapes[i], 1)).
    """

    indptr: np.ndarray
    indices: np.ndarray
    shapes: np.ndarray
    signal_indptr: np.ndarray
    signals: np.ndarray
    commerce: np.ndarray


@functools.cache
def _folds():
    """An image of the default folds: what the model reads does not depend on patterns."""
    return Image(build_patterns(["x"], DEFAULT, False, {}))


def model_features(texts, bits, rules=None):
    """Features of n texts for a model of 2**bits weights.

    Args:
        texts: `Texts`, a list of str or bytes, or a pyarrow string or binary array.
        bits: 8 to 22.
        rules: None, or the `RuleSet` whose COMMERCE rules are features beside the buckets.

    Raises:
        ValueError: bits is out of range; a text is not UTF-8, the message has its number.
    """
    low, high = MODEL_BITS
    if not low <= bits <= high:
        raise ValueError(f"bits is {bits}, expected {low} to {high}")
    columns = Texts.of(texts)
    cdef size_t count = len(columns)
    content, starts = columns.bytes, np.ascontiguousarray(columns.offsets, dtype=np.int64)
    shapes = np.zeros(count, dtype=np.int64)
    cdef int64_t[::1] lengths = shapes
    parts = []
    cdef const int64_t[::1] offsets = starts
    cdef const uint8_t[::1] bytes_ = content
    cdef const uint8_t *base = &bytes_[0] if bytes_.shape[0] else NULL
    cdef Scanner scanner = Scanner(_folds())
    cdef chunk_t *chunk = &scanner.chunk
    cdef size_t first = 0, texts_here, k, written
    cdef uint32_t shift = 32 - <uint32_t>bits, i
    cdef const uint16_t *at
    cdef uint32_t[::1] part
    while first < count:
        texts_here = chunk_of(&offsets[0], first, count)
        if scanner.scan(base, &offsets[0], first, texts_here, base + offsets[count]) or scanner.path.shapes(chunk):
            raise MemoryError
        rows = np.empty(2 * chunk.shape_count, dtype=np.uint32)
        part = rows
        at = chunk.shapes_.at
        written = 0
        for k in range(texts_here):
            if chunk.texts[k].fault != TEXT_OK:
                raise ValueError(f"text {first + k} is not UTF-8: byte {chunk.texts[k].fault_at}")
            for i in range(chunk.texts[k].shape_begin, chunk.texts[k].shape_end):
                part[written] = model_unigram(at[i], shift)
                part[written + 1] = model_bigram(at[i], at[i + 1], shift)
                written += 2
            lengths[first + k] = chunk.texts[k].shape_end - chunk.texts[k].shape_begin
        parts.append(rows[:written])
        first += texts_here
    indptr = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(2 * shapes, out=indptr[1:])
    indices = np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint32)
    fired = np.zeros(0, dtype=np.uint16)
    fired_indptr = np.zeros(count + 1, dtype=np.int64)
    commerce = np.zeros(count, dtype=np.float32)
    if rules is not None:
        batch = rules.check_batch(columns)
        wanted = np.isin(batch.fired_rule, rules.commerce_rules)
        fired = batch.fired_rule[wanted]
        fired_indptr = np.concatenate([[0], np.cumsum(wanted)])[batch.fired_begin].astype(np.int64)
        commerce = batch.commerce
    return ModelFeatures(indptr, indices, shapes, fired_indptr, fired, commerce)
