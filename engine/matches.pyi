from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

class Matches:
    post: NDArray[np.uint32]
    pattern: NDArray[np.uint32]
    begin: NDArray[np.uint32]
    end: NDArray[np.uint32]
    ill_formed: NDArray[np.uint32]
    ill_formed_byte: NDArray[np.uint32]
    texts: int
    unit: str
    def __init__(
        self,
        columns: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]],
        ill_formed: tuple[NDArray[np.uint32], NDArray[np.uint32]],
        texts: int,
        unit: str,
    ) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[int, int, int, int]]: ...
    def __getitem__(self, row: int) -> tuple[int, int, int, int]: ...
    def of(self, post: int) -> list[tuple[int, int, int]]: ...
    def __arrow_c_schema__(self) -> Any: ...
    def __arrow_c_array__(self, requested_schema: Any = None) -> tuple[Any, Any]: ...
    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any: ...
