"""The text model: a linear model over hashed unigrams and bigrams of a text as the scan reads it, and over rules.

A text's symbols are its characters under the default folds, as 16-bit numbers. Each number in it (a run of digits and
of masked digits, xxx) becomes one symbol that says how long it is, and each Latin word one of 8192 by a hash: see
`shapes_of`. The n shapes s[0], ..., s[n - 1] give 2 n features: the unigrams s[i] and the bigrams (s[i], s[i + 1]),
where `Symbol.BOUNDARY` stands behind the last. Each feature is hashed into one of 2**bits buckets, each bucket has an
int8 weight, and

    logit = bias + length * (min(max(n, 12), 48) - 12) / 36
                 + scale * (sum of the weights of all features of all texts of the post) / sqrt(max(n, 1))

with n the shapes of all its texts: computed in float64 from left to right and rounded to float32 once. Where the model
has `signals`, the score `commerce` is logistic(logit + the signals of the enforced COMMERCE rules that fired).

This module is the definition; training (by way of `model_features`) and serving use the kernels (kernels/shapes.h,
kernels/model*.h), which give the same numbers, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairpost.engine.folds import DEFAULT, fold
from fairpost.engine.layout import (
    FIRST_SYMBOL,
    MODEL_BITS,
    MODEL_DTYPE,
    MODEL_LENGTHS,
    MODEL_MAX,
    SIGNAL_MAX,
    SIGNAL_STEP,
    Symbol,
)

__all__ = ["NUMBERS", "WORDS", "TextModel", "features", "logistic", "logit", "probability", "shapes_of", "symbols_of"]

_FIRST: Final = np.uint32(0x9E3779B1)
_SECOND: Final = np.uint32(0xC2B2AE35)

NUMBERS: Final = 0xD800
"""The symbol of a number of one digit; those of longer ones follow."""
WORDS: Final = range(0xD810, 0xD810 + 8192)
"""The symbols of Latin words: surrogates and private use, which no character folds to."""
_LENGTHS: Final = (0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 8, 8, 8, 9)  # a number's class by its length, up to 15


def symbols_of(text: str) -> NDArray[np.uint16]:
    """The symbols of `text`, as the scan reads it: uint16[n]."""
    symbols = np.array(fold(text, DEFAULT)[0], dtype=np.uint32)
    # What has no symbol of its own in a bundle without patterns. U+FFFF and the lowest code points are reserved.
    symbols[(symbols < FIRST_SYMBOL) | (symbols >= 0xFFFF)] = Symbol.OTHER
    return symbols.astype(np.uint16)


def shapes_of(text: str) -> NDArray[np.uint16]:
    """What the model reads of `text`: uint16[n].

    A run of digits and of words that are all x is one number, whatever separators were in it: NUMBERS + a class of its
    length (1, 2, 3, 4, 5-6, 7-8, 9-10, 11, 12-14, more). Letters a-z that touch in the text are a word: one alone
    stays, two or more are WORDS.start + a hash of them. Slow: for tests.
    """
    origins = fold(text, DEFAULT)[1]
    symbols = symbols_of(text).tolist()
    shapes: list[int] = []
    at = 0
    while at < len(symbols):
        begin = at
        while at < len(symbols):
            if 0x30 <= symbols[at] <= 0x39:
                at += 1
                continue
            word = _word_end(symbols, origins, at)
            if word == at or any(letter != 0x78 for letter in symbols[at:word]):
                break
            at = word
        if at > begin:
            shapes.append(NUMBERS + _LENGTHS[min(at - begin, 15)])
            continue
        at = max(_word_end(symbols, origins, begin), begin + 1)
        shapes.append(symbols[begin] if at == begin + 1 else _word(symbols[begin:at]))
    return np.array(shapes, dtype=np.uint16)


def _word_end(symbols: list[int], origins: list[int], begin: int) -> int:
    """Where the word ends that begins at symbol `begin`; `begin` itself if there is none."""
    end = begin
    while end < len(symbols) and 0x61 <= symbols[end] <= 0x7A:
        if end > begin and origins[end] > origins[end - 1] + 1:
            break  # a separator was there; symbols of one expansion have one origin
        end += 1
    return end


def _word(letters: list[int]) -> int:
    """The symbol of a word: FNV-1a of its letters, mixed."""
    value = 0x811C9DC5
    for letter in letters:
        value = ((value ^ letter) * 0x01000193) & 0xFFFFFFFF
    return WORDS.start + ((value * 0x9E3779B1 & 0xFFFFFFFF) >> 19)


def features(shapes: ArrayLike, bits: int = 18) -> NDArray[np.uint32]:
    """Buckets of the features of one text.

    Args:
        shapes: uint16[n], without boundary (`shapes_of`).
        bits: log2 of the number of buckets, 8 to 22.

    Returns:
        uint32[2 n]: the buckets of the unigrams, then those of the bigrams.

    Raises:
        ValueError: bits is outside 8..22, or `shapes` are not one-dimensional or outside 0..65535.
    """
    shift = np.uint32(32 - _checked_bits(bits))
    given = np.asarray(shapes)
    if given.ndim != 1:
        raise ValueError(f"shapes have {given.ndim} dimensions, expected 1: the shapes of one text")
    if given.size and not 0 <= int(given.min()) <= int(given.max()) <= 0xFFFF:
        raise ValueError("a shape is outside 0..65535: these are not the shapes of a text (see shapes_of)")
    first = given.astype(np.uint32)
    second = np.append(first[1:], np.uint32(Symbol.BOUNDARY))[: first.size]
    unigrams = first * _FIRST
    return np.concatenate([unigrams, unigrams + second * _SECOND]) >> shift


def logit(total: int, shapes: int, scale: float, bias: float, length: float = 0.0) -> np.float32:
    """The logit of a post with `shapes` shapes in all whose features' weights add up to `total`."""
    least, most = MODEL_LENGTHS
    beyond = float(min(max(shapes, least), most) - least)
    return np.float32(
        bias + length * beyond / float(most - least) + scale * float(total) / math.sqrt(float(max(shapes, 1)))
    )


def logistic(value: float) -> float:
    """1 / (1 + exp(-value)) to about 1e-13, by + * / alone, in the kernels' order: the same bits on every machine."""
    t = min(abs(value), 40.0) * -0.015625  # exp(-x) is exp(-x / 64)**64; the inner one is a series of twelve terms
    power = 1.0 + t * (1.0 / 12.0)
    for k in range(11, 0, -1):
        power = 1.0 + t / k * power
    for _ in range(6):
        power *= power
    return power / (1.0 + power) if value < 0 else 1.0 / (1.0 + power)


def probability(logits: ArrayLike) -> NDArray[np.float64]:
    """1 / (1 + exp(-logit)) of a column of logits: float64[n], in 0..1."""
    # For people; the kernels take `logistic`, which is rounded alike on every machine.
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-np.asarray(logits, dtype=np.float64)))


@dataclass(frozen=True, eq=False)
class TextModel:
    """A trained model, as a bundle holds it.

    Attributes:
        weights: int8[2**bits], bits from 8 to 22.
        scale: what a sum of weights is multiplied by.
        bias: the logit of a text whose weights add up to 0.
        signals: by rule id, what a COMMERCE rule that fires adds to the logit: 0 to 32, in steps of 1/256 (rounded to
            them), so that sums are exact. None: `commerce` is the noisy-or of the rules, and nothing of the model.
        signal_scale: of a COMMERCE rule that `signals` does not name (it is newer than the model), what
            -log(1 - weight) is multiplied by, 0 to 32.
        length: what a post of 48 shapes and more has added to its logit, and shorter ones in part: a float32.

    Raises:
        ValueError, TypeError: one of them has the wrong type, size or range; the message names it.
    """

    weights: NDArray[np.int8]
    scale: float
    bias: float
    signals: Mapping[str, float] | None = None
    signal_scale: float = field(default=1.0)
    length: float = 0.0

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
        if not abs(float(self.length)) <= MODEL_MAX:
            raise ValueError(f"length is {self.length:g}, expected a number from -{MODEL_MAX:g} to {MODEL_MAX:g}")
        object.__setattr__(self, "length", float(np.float32(self.length)))
        if not 0.0 <= float(self.signal_scale) <= SIGNAL_MAX:
            raise ValueError(f"signal_scale is {self.signal_scale:g}, expected a number from 0 to {SIGNAL_MAX:g}")
        if self.signals is not None:
            for rule, value in self.signals.items():
                if not 0.0 <= value <= SIGNAL_MAX:
                    raise ValueError(
                        f"the signal of rule {rule} is {value:g}, expected a number from 0 to {SIGNAL_MAX:g}"
                    )
            signals = {rule: _stepped(value) for rule, value in sorted(self.signals.items())}
            object.__setattr__(self, "signals", MappingProxyType(signals))
        weights.flags.writeable = False
        object.__setattr__(self, "weights", weights)

    @property
    def bits(self) -> int:
        """log2 of the number of buckets."""
        return int(self.weights.size).bit_length() - 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TextModel):
            return NotImplemented
        return self._values() == other._values() and np.array_equal(self.weights, other.weights)

    def __hash__(self) -> int:
        return hash((self.weights.tobytes(), self.scale, self.bias))

    def _values(self) -> tuple[Any, ...]:
        return (
            self.scale,
            self.bias,
            self.length,
            self.signal_scale,
            None if self.signals is None else dict(self.signals),
        )

    def signal(self, rule: str, weight: float) -> float:
        """What the COMMERCE rule of that id and weight adds to the logit when it fires."""
        assert self.signals is not None
        known = self.signals.get(rule)
        if known is not None:
            return known
        return _stepped(min(-math.log(max(1.0 - weight, 1e-9)) * self.signal_scale, SIGNAL_MAX))

    def logit(self, texts: Iterable[str]) -> np.float32:
        """The logit of a post of these texts: slow, for training and tests."""
        total, count = 0, 0
        for text in texts:
            shapes = shapes_of(text)
            total += int(self.weights[features(shapes, self.bits)].sum(dtype=np.int64))
            count += shapes.size
        return logit(total, count, self.scale, self.bias, self.length)

    def sections(self) -> dict[str, NDArray[Any]]:
        """The sections of a bundle that hold it."""
        return {
            "MODW": self.weights,
            "MODP": np.array([(self.scale, self.bias, self.bits, self.length, -MODEL_MAX)], dtype=MODEL_DTYPE),
        }

    @staticmethod
    def of_sections(sections: dict[str, NDArray[Any]]) -> TextModel | None:
        """The model of a bundle's sections, None where there is none. Its signals are not read (section MODR)."""
        if not sections["MODP"].size:
            return None
        scale, bias, length = (float(sections["MODP"][name][0]) for name in ("scale", "bias", "length"))
        return TextModel(sections["MODW"], scale, bias, length=length)


def unigram_weights(weights: NDArray[np.int8], bits: int) -> NDArray[np.int8]:
    """The weight of each of the 65,536 symbols alone: int8[65536], which stays in the cache where `weights` do not."""
    return weights[features(np.arange(1 << 16), bits)[: 1 << 16]]


def _stepped(value: float) -> float:
    return round(value / SIGNAL_STEP) * SIGNAL_STEP


def _checked_bits(bits: int) -> int:
    low, high = MODEL_BITS
    if not low <= bits <= high:
        raise ValueError(f"bits is {bits}, expected {low} to {high}")
    return bits
