"""How a fault of a bundle is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["InvalidBundle", "Sections", "inside", "refuse", "require"]

Sections = Mapping[str, NDArray[Any]]


class InvalidBundle(ValueError):
    """A file is not a whole, well-formed bundle of this format; the message says what is wrong and where."""


def require(holds: Any, message: str) -> None:
    if not bool(holds):
        raise InvalidBundle(message)


def refuse(fault: str | None) -> None:
    if fault is not None:
        raise InvalidBundle(fault)


def inside(start: NDArray[Any], length: NDArray[Any], size: int) -> bool:
    """Every start + length <= size, without overflow."""
    return bool((start.astype(np.uint64) + length.astype(np.uint64) <= size).all())
