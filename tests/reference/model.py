"""What the text model says of a post, feature by feature."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np

from fairpost.engine.folds import DEFAULT, fold
from fairpost.engine.model import TextModel

__all__ = [
    "buckets",
    "logistic",
    "logit_of",
    "logit_of_shapes",
    "passages",
    "shapes",
    "shapes_of",
    "symbol_of",
    "symbols",
]

BOUNDARY, OTHER = 3, 4
CLASSES = {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 5, 8: 5, 9: 6, 10: 6, 11: 7, 12: 8, 13: 8, 14: 8}


def symbols(text: str) -> list[int]:
    """The symbols of a text where no pattern has given a number to a character above U+FFFF."""
    return [symbol_of(code) for code in fold(text, DEFAULT)[0]]


def symbol_of(code: int) -> int:
    return code if 5 <= code < 0xFFFF else OTHER


def shapes(text: str) -> list[int]:
    """The shapes of a text."""
    return shapes_of(symbols(text), fold(text, DEFAULT)[1])


def shapes_of(symbols: Sequence[int], origins: Sequence[int]) -> list[int]:
    """The shapes of a text's symbols. origins: the code point of the text that each symbol comes from."""
    return [shape for shape, _ in tokens_of(symbols, origins)]


def tokens_of(symbols: Sequence[int], origins: Sequence[int]) -> list[tuple[int, int]]:
    """Symbols, numbers and Latin words as one shape each, and of how many symbols it is made: by a regular expression,
    NUL between letters that do not touch.

    origins: the code point of the text that each symbol comes from.
    """
    marked = ""
    for k, symbol in enumerate(symbols):
        if k and chr(symbol) in LETTERS and marked[-1] in LETTERS and origins[k] > origins[k - 1] + 1:
            marked += "\0"
        marked += chr(symbol)
    read = []
    for part in re.finditer(r"(?:[0-9]|\0*(?<![a-z])x+(?![a-z]))+|[a-z]+|\0|[^\0]", marked, re.DOTALL):
        token = part[0].replace("\0", "")
        if not token:
            continue
        if re.fullmatch("[0-9x]+", token):
            shape = 0xD800 + CLASSES.get(len(token), 9)
        elif len(token) == 1:
            shape = ord(token)
        else:
            value = 0x811C9DC5
            for letter in token:
                value = (value ^ ord(letter)) * 0x01000193 % 2**32
            shape = 0xD810 + value * 0x9E3779B1 % 2**32 // 2**19
        read.append((shape, len(token)))
    return read


LETTERS = "abcdefghijklmnopqrstuvwxyz"


def buckets(of: Sequence[int], bits: int) -> Iterator[int]:
    """The bucket of each feature of one text: unigrams and bigrams in turn."""
    for first, second in zip(of, [*of[1:], BOUNDARY], strict=False):  # an empty text has none
        yield first * 0x9E3779B1 % 2**32 // 2 ** (32 - bits)
        yield (first * 0x9E3779B1 + second * 0xC2B2AE35) % 2**32 // 2 ** (32 - bits)


def logit_of(model: TextModel, texts: Sequence[str]) -> np.float32:
    """The logit of a post of these texts."""
    return logit_of_shapes(model, [shapes(text) for text in texts])


def logit_of_shapes(model: TextModel, read: Sequence[Sequence[int]]) -> np.float32:
    total = sum(int(model.weights[bucket]) for text in read for bucket in buckets(text, model.bits))
    count = sum(len(text) for text in read)
    return rounded_logit(model, total, count)


def rounded_logit(model: TextModel, total: int, count: int) -> np.float32:
    """Nothing for the length up to 12 shapes, all of it from 48 on, and a 36th more with each shape in between."""
    share = 0 if count <= 12 else 36 if count >= 48 else count - 12
    return np.float32(model.bias + model.length * share / 36 + model.scale * total / math.sqrt(max(count, 1)))


def window_of(model: TextModel, texts: Sequence[str]) -> np.float32:
    """The greatest logit of a window of these texts: two neighbouring blocks of 20 shapes, the last may be shorter; a
    text of one block is one window."""
    return max(logit for text in texts for _, logit in windows(model, shapes(text)))


def windows(model: TextModel, read: Sequence[int]) -> Iterator[tuple[int, np.float32]]:
    """(first shape, logit) of each window of a text."""
    each = [int(model.weights[bucket]) for bucket in buckets(read, model.bits)]
    both = [unigram + bigram for unigram, bigram in zip(each[::2], each[1::2], strict=True)]
    for begin in range(0, max(1, len(read) - 20), 20):
        window = both[begin : begin + 40]
        yield begin, rounded_logit(model, sum(window), len(window))


def passages(model: TextModel, text: str, least: float) -> tuple[tuple[int, int], ...]:
    """Symbols (begin, end) of the windows of at least this logit; those that touch are one."""
    tokens = tokens_of(symbols(text), fold(text, DEFAULT)[1])
    starts = [0]
    for _, size in tokens:
        starts.append(starts[-1] + size)
    found: list[tuple[int, int]] = []
    for first, logit in windows(model, [shape for shape, _ in tokens]):
        begin, end = starts[first], starts[min(first + 40, len(tokens))]
        if logit < least:
            continue
        if found and found[-1][1] >= begin:
            found[-1] = found[-1][0], end
        else:
            found.append((begin, end))
    return tuple(found)


def logistic(value: float) -> float:
    """e to the power of -|value|, as a power of 64 of a polynomial, and from it the probability."""
    t = -min(abs(value), 40.0) / 64
    power = 1.0
    for k in range(12, 0, -1):
        power = 1.0 + (t * (1.0 / 12.0) if k == 12 else t / k * power)
    for _ in range(6):
        power = power * power
    return power / (1.0 + power) if value < 0 else 1.0 / (1.0 + power)
