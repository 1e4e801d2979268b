"""Columns of the Arrow C data interface made by hand, without pyarrow, so that they may be wrong."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

__all__ = ["Array", "Producer", "Schema", "capsule"]


class Array(ctypes.Structure):
    pass


class Schema(ctypes.Structure):
    pass


_RELEASE_ARRAY = ctypes.CFUNCTYPE(None, ctypes.POINTER(Array))
_RELEASE_SCHEMA = ctypes.CFUNCTYPE(None, ctypes.POINTER(Schema))
Array._fields_ = [
    *((name, ctypes.c_int64) for name in ("length", "null_count", "offset", "n_buffers", "n_children")),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.c_void_p),
    ("dictionary", ctypes.c_void_p),
    ("release", _RELEASE_ARRAY),
    ("private_data", ctypes.c_void_p),
]
Schema._fields_ = [
    *((name, ctypes.c_char_p) for name in ("format", "name", "metadata")),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.c_void_p),
    ("dictionary", ctypes.c_void_p),
    ("release", _RELEASE_SCHEMA),
    ("private_data", ctypes.c_void_p),
]
capsule = ctypes.pythonapi.PyCapsule_New
capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class Producer:
    """A column of the data interface; it counts what is released.

    shift: bytes by which every buffer misses its alignment.
    """

    def __init__(
        self,
        format: bytes,
        length: int,
        buffers: Sequence[bytes | None],
        null_count: int = -1,
        offset: int = 0,
        shift: int = 0,
    ) -> None:
        self.released: list[str] = []
        self._kept = [
            None if b is None else ctypes.create_string_buffer(bytes(shift) + b, max(1, shift + len(b)))
            for b in buffers
        ]
        addresses = [None if b is None else ctypes.addressof(b) + shift for b in self._kept]
        self._pointers = (ctypes.c_void_p * max(1, len(buffers)))(*addresses)
        self._callbacks = (_RELEASE_ARRAY(self._release_array), _RELEASE_SCHEMA(self._release_schema))
        self.array = Array(
            length, null_count, offset, len(buffers), 0, self._pointers, None, None, self._callbacks[0], None
        )
        self.schema = Schema(format, b"", None, 2, 0, None, None, self._callbacks[1], None)

    def _release_array(self, array: Any) -> None:
        self.released.append("array")
        array.contents.release = _RELEASE_ARRAY()

    def _release_schema(self, schema: Any) -> None:
        self.released.append("schema")
        schema.contents.release = _RELEASE_SCHEMA()

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        return (
            capsule(ctypes.addressof(self.schema), b"arrow_schema", None),
            capsule(ctypes.addressof(self.array), b"arrow_array", None),
        )
