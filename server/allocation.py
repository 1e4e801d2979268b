"""How the C library's heap of a server that lives long is used."""

from __future__ import annotations

import ctypes
from typing import Final

__all__ = ["give_large_blocks_back", "trim"]

_M_MMAP_THRESHOLD: Final = -3
"""malloc.h of glibc."""
_LARGE: Final = 1 << 20
_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2


def give_large_blocks_back() -> None:
    """Let blocks of 1 MiB and more go back to the system when they are freed, and what is smaller lie in two heaps.

    By itself glibc raises that limit to the largest block that was freed (up to 32 MiB): after the first rule set that
    arrives in a message of 12 MB, such messages come from the heap, which they tear to pieces; a worker had 440 MB of
    its own after some dozens of activations instead of 130. And it gives each thread a heap of its own, up to eight a
    core, in which what others could use lies idle: a worker grew by a tenth over 100 activations instead of a fiftieth,
    and answered no more. Elsewhere than on glibc this does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_ARENA_MAX, _ARENAS)


def trim() -> None:
    """Give back what is free inside of the heap, too: after a rule set was freed, whose names and messages lay among
    others. Other threads that want memory wait for some milliseconds at most; the GIL is free meanwhile."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
