import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fairpost.engine.matches import Matches
from fairpost.engine.texts import Texts

DEFAULT_FOLDS: frozenset[str]

class PatternSet:
    @staticmethod
    def compile(
        patterns: Iterable[str | bytes],
        *,
        folds: Iterable[str] = (),
        match_kind: Literal["overlapping", "leftmost-longest"] = "overlapping",
        word_boundaries: bool = False,
    ) -> PatternSet: ...
    @staticmethod
    def open(path: str | os.PathLike[str]) -> PatternSet: ...
    @staticmethod
    def from_bytes(content: Any) -> PatternSet: ...
    def to_bytes(self) -> bytes: ...
    def save(self, path: str | os.PathLike[str]) -> None: ...
    @property
    def patterns(self) -> list[str]: ...
    @property
    def folds(self) -> frozenset[str]: ...
    @property
    def match_kind(self) -> str: ...
    @property
    def word_boundaries(self) -> bool: ...
    @property
    def size(self) -> int: ...
    @property
    def digest(self) -> str: ...
    @property
    def revision(self) -> str: ...
    def __len__(self) -> int: ...
    def scan(
        self,
        texts: Texts | Iterable[str | bytes | None] | Any,
        *,
        unit: Literal["codepoints", "utf8", "utf16"] = "codepoints",
        threads: int = 1,
        errors: Literal["strict", "skip"] = "strict",
    ) -> Matches: ...
    def count(
        self,
        texts: Texts | Iterable[str | bytes | None] | Any,
        *,
        threads: int = 1,
        errors: Literal["strict", "skip"] = "strict",
    ) -> NDArray[np.uint32]: ...
    def is_match(self, text: str | bytes) -> bool: ...
    def find(
        self, text: str | bytes, *, unit: Literal["codepoints", "utf8", "utf16"] = "codepoints"
    ) -> list[tuple[int, int, int]]: ...
    def replace(
        self, text: str, by: str | Sequence[str] | Mapping[int, str] | Mapping[str, str] | Callable[[int, str], str]
    ) -> str: ...
