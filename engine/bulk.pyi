"""Judges the posts of one batch, in one thread or several, into columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.image import Image

@dataclass(frozen=True)
class Columns:
    bytes: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    segments: NDArray[np.int64] | None
    posts: int
    sellers: NDArray[np.int32] | None
    standings: NDArray[np.void] | None
    channels: NDArray[np.uint16] | None
    channel: int
    languages: NDArray[np.uint16] | None
    language: int
    days: NDArray[np.int32] | None
    day: int
    unit: int
    max_characters: int

def judge_batch(image: Image, spare: list[object], given: Columns, threads: int) -> dict[str, NDArray[np.generic]]: ...
