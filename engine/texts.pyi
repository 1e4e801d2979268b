from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

class Texts:
    bytes: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    def __init__(self, content: Any, offsets: Any) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> bytes: ...  # type: ignore[valid-type]
    @staticmethod
    def of(texts: Texts | Iterable[str | bytes | None] | Any) -> Texts: ...  # type: ignore[valid-type]

def parts_of(texts: Texts | Iterable[str | bytes | None] | Any) -> list[Texts]: ...
