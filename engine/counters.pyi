"""Exact counts of what judged posts came to, taken where they are judged."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.verdict import VerdictBatch

class PostTotals(NamedTuple):
    actions: NDArray[np.uint64]
    refused: int
    categories: NDArray[np.uint64]
    rules: NDArray[np.uint64]

class PostCounts:
    rule_count: int
    def __init__(self, rule_count: int) -> None: ...
    def add(self, batch: VerdictBatch, refused: int = 0) -> None: ...
    def refuse(self, posts: int) -> None: ...
    def read(self) -> PostTotals: ...
