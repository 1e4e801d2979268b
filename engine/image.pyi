from mmap import mmap
from os import PathLike
from typing import Any

from numpy.typing import NDArray

from fairpost.engine.check import InvalidBundle as InvalidBundle

class Image:
    sections: dict[str, NDArray[Any]]
    meta: dict[str, Any]
    digest: str
    size: int
    is_pattern_set: bool
    def __init__(self, content: bytes | bytearray | memoryview | mmap, checked: str = "") -> None: ...
    @staticmethod
    def open(path: str | PathLike[str], *, checked: str = "") -> Image: ...
