"""The text model: a linear model over hashed character unigrams and bigrams of a text as the scan reads it.

A text's symbols s[0], ..., s[n - 1] are its characters under the default folds, as 16-bit numbers; a character
above U+FFFF is `Symbol.OTHER`, whatever the patterns of the bundle are. They give 2 n features: the unigrams s[i] and
the bigrams (s[i], s[i + 1]), where `Symbol.BOUNDARY` stands behind the last symbol. Each feature is hashed
into one of 2**bits buckets, each bucket has an int8 weight, and

    logit = bias + scale * (sum of the weights of all features of all texts of the post) / sqrt(max(n, 1))

with n the symbols of all its texts: computed in float64 from left to right and rounded to float32 once.

This module is what training uses. The kernels (kernels/model*.h) give the same numbers, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairpost.engine.folds import DEFAULT, fold
from fairpost.engine.layout import FIRST_SYMBOL, MODEL_BITS, MODEL_DTYPE, MODEL_MAX, Symbol

__all__ = ["TextModel", "features", "logit", "probability", "symbols_of"]

_FIRST: Final = np.uint32(0x9E3779B1)
_SECOND: Final = np.uint32(0xC2B2AE35)


def symbols_of(text: str) -> NDArray[np.uint16]:
    """The symbols of `text`, as the scan reads it: uint16[n]."""
    symbols = np.array(fold(text, DEFAULT)[0], dtype=np.uint32)
    # What has no symbol of its own in a bundle without patterns. U+FFFF and the lowest code points are reserved.
    symbols[(symbols < FIRST_SYMBOL) | (symbols >= 0xFFFF)] = Symbol.OTHER
    return symbols.astype(np.uint16)


def features(symbols: ArrayLike, bits: int = 18) -> NDArray[np.uint32]:
    """Buckets of the features of one text.

    Args:
        symbols: uint16[n], without boundary. Those of the surrogates' range, which a bundle gives to rare
            characters of its patterns, count as `Symbol.OTHER`.
        bits: log2 of the number of buckets, 8 to 22.

    Returns:
        uint32[2 n]: the buckets of the unigrams, then those of the bigrams.

    Raises:
        ValueError: bits is outside 8..22, or `symbols` are not one-dimensional or outside 0..65535.
    """
    shift = np.uint32(32 - _checked_bits(bits))
    given = np.asarray(symbols)
    if given.ndim != 1:
        raise ValueError(f"symbols have {given.ndim} dimensions, expected 1: the symbols of one text")
    if given.size and not 0 <= int(given.min()) <= int(given.max()) <= 0xFFFF:
        raise ValueError("a symbol is outside 0..65535: these are not the symbols of a text (see symbols_of)")
    first = given.astype(np.uint32)
    first[(first & 0xF800) == 0xD800] = Symbol.OTHER
    second = np.append(first[1:], np.uint32(Symbol.BOUNDARY))[: first.size]
    unigrams = first * _FIRST
    return np.concatenate([unigrams, unigrams + second * _SECOND]) >> shift


def logit(total: int, symbols: int, scale: float, bias: float) -> np.float32:
    """The logit of a post with `symbols` symbols in all whose features' weights add up to `total`."""
    return np.float32(bias + scale * float(total) / math.sqrt(float(max(symbols, 1))))


def probability(logits: ArrayLike) -> NDArray[np.float64]:
    """1 / (1 + exp(-logit)) of a column of logits: float64[n], in 0..1."""
    # Not in the kernels: the exponential is not rounded alike on every machine, and decisions must replay.
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-np.asarray(logits, dtype=np.float64)))


@dataclass(frozen=True, eq=False)
class TextModel:
    """A trained model, as a bundle holds it.

    Attributes:
        weights: int8[2**bits], bits from 8 to 22.
        scale: what a sum of weights is multiplied by.
        bias: the logit of a text whose weights add up to 0.

    Raises:
        ValueError, TypeError: one of them has the wrong type, size or range; the message names it.
    """

    weights: NDArray[np.int8]
    scale: float
    bias: float

    def __post_init__(self) -> None:
        weights = np.array(self.weights)  # a copy: the caller's may change
        if weights.dtype != np.int8:
            raise TypeError(f"weights are {weights.dtype}, expected int8")
        if weights.ndim != 1:
            raise ValueError(f"weights have {weights.ndim} dimensions, expected 1")
        low, high = MODEL_BITS
        if not (1 << low <= weights.size <= 1 << high and weights.size & (weights.size - 1) == 0):
            raise ValueError(f"{weights.size} weights, expected a power of two from 2**{low} to 2**{high}")
        for name in ("scale", "bias"):
            value = float(getattr(self, name))
            if not abs(value) <= MODEL_MAX:  # neither is a NaN
                raise ValueError(f"{name} is {value:g}, expected a number from -{MODEL_MAX:g} to {MODEL_MAX:g}")
            object.__setattr__(self, name, value)
        weights.flags.writeable = False
        object.__setattr__(self, "weights", weights)

    @property
    def bits(self) -> int:
        """log2 of the number of buckets."""
        return int(self.weights.size).bit_length() - 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TextModel):
            return NotImplemented
        return (self.scale, self.bias) == (other.scale, other.bias) and np.array_equal(self.weights, other.weights)

    def __hash__(self) -> int:
        return hash((self.weights.tobytes(), self.scale, self.bias))

    def logit(self, texts: Iterable[str]) -> np.float32:
        """The logit of a post of these texts: slow, for training and tests."""
        total, count = 0, 0
        for text in texts:
            symbols = symbols_of(text)
            total += int(self.weights[features(symbols, self.bits)].sum(dtype=np.int64))
            count += symbols.size
        return logit(total, count, self.scale, self.bias)

    def sections(self) -> dict[str, NDArray[Any]]:
        """The sections of a bundle that hold it."""
        return {"MODW": self.weights, "MODP": np.array([(self.scale, self.bias, self.bits, 0)], dtype=MODEL_DTYPE)}

    @staticmethod
    def of_sections(sections: dict[str, NDArray[Any]]) -> TextModel | None:
        """The model of a bundle's sections, None where there is none."""
        if not sections["MODP"].size:
            return None
        return TextModel(sections["MODW"], float(sections["MODP"]["scale"][0]), float(sections["MODP"]["bias"][0]))


def unigram_weights(weights: NDArray[np.int8], bits: int) -> NDArray[np.int8]:
    """The weight of each of the 65,536 symbols alone: int8[65536], which stays in the cache where `weights` do not."""
    return weights[features(np.arange(1 << 16), bits)[: 1 << 16]]


def _checked_bits(bits: int) -> int:
    low, high = MODEL_BITS
    if not low <= bits <= high:
        raise ValueError(f"bits is {bits}, expected {low} to {high}")
    return bits
