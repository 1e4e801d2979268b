"""What the text model says of a post, feature by feature."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from fairpost.engine.folds import DEFAULT, fold
from fairpost.engine.model import TextModel

__all__ = ["buckets", "logit_of", "symbols"]

BOUNDARY, OTHER = 3, 4


def symbols(text: str) -> list[int]:
    """The symbols of a text where no pattern has given a number to a character above U+FFFF."""
    return [code if 5 <= code < 0xFFFF else OTHER for code in fold(text, DEFAULT)[0]]


def buckets(of: Sequence[int], bits: int) -> Iterator[int]:
    """The bucket of each feature of one text: unigrams and bigrams in turn."""
    for first, second in zip(of, [*of[1:], BOUNDARY], strict=False):  # an empty text has none
        yield first * 0x9E3779B1 % 2**32 // 2 ** (32 - bits)
        yield (first * 0x9E3779B1 + second * 0xC2B2AE35) % 2**32 // 2 ** (32 - bits)


def logit_of(model: TextModel, texts: Sequence[str]) -> np.float32:
    """The logit of a post of these texts."""
    read = [symbols(text) for text in texts]
    total = sum(int(model.weights[bucket]) for text in read for bucket in buckets(text, model.bits))
    count = sum(len(text) for text in read)
    return np.float32(model.bias + model.scale * total / math.sqrt(max(count, 1)))
