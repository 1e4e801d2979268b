"""The file of a trained model: what it is, which features it takes, its weights; small, and checked when read.

    0   8s   magic, b"fairmodl"
    8   u4   version
    12  u4   bytes of the description
    16  32s  SHA-256 of all that follows
    48       the description, JSON; then the weights, int8, compressed by zlib

All numbers are little-endian. The description holds `features` (the name of the definition of features; under another
one it does not load), `bits`, `scale`, `bias`, `length`, `signals`, `signal_scale`, and `about`, what training noted.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from fairpost.engine import TextModel

__all__ = ["FEATURES", "InvalidModel", "describe_model", "load_model", "model_bytes"]

MAGIC: Final = b"fairmodl"
VERSION: Final = 1
FEATURES: Final = "shapes-2: unigrams, bigrams, length"
"""Changes with `features`, `shapes_of`, `logit` of `fairpost.engine.model`: weights are worth nothing under another."""
_HEAD: Final = struct.Struct("<8sII32s")


class InvalidModel(ValueError):
    """A file is no whole model file of this version; the message says what is wrong."""


def model_bytes(model: TextModel, about: Mapping[str, Any]) -> bytes:
    """The file's bytes. `about` is JSON."""
    described = {
        "features": FEATURES,
        "bits": model.bits,
        "scale": model.scale,
        "bias": model.bias,
        "length": model.length,
        "signals": None if model.signals is None else dict(model.signals),
        "signal_scale": model.signal_scale,
        "about": dict(about),
    }
    description = json.dumps(described, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    rest = description + zlib.compress(model.weights.tobytes(), 9)
    return _HEAD.pack(MAGIC, VERSION, len(description), hashlib.sha256(rest).digest()) + rest


def load_model(path: Path) -> TextModel:
    """Read a model file.

    Raises:
        OSError: it cannot be read.
        InvalidModel: it is damaged, or of another version or other features; the message has the path.
    """
    return _model_of(path.read_bytes(), str(path))


def describe_model(path: Path) -> dict[str, Any]:
    """The file's description, `about` among it. Raises as `load_model` does."""
    return _parts(path.read_bytes(), str(path))[0]


def _parts(content: bytes, where: str) -> tuple[dict[str, Any], bytes]:
    if len(content) < _HEAD.size or content[:8] != MAGIC:
        raise InvalidModel(f"{where}: no model file (it does not begin with {MAGIC.decode()!r})")
    _, version, length, digest = _HEAD.unpack_from(content)
    if version != VERSION:
        raise InvalidModel(f"{where}: model file of version {version}, expected {VERSION}; train it anew")
    rest = content[_HEAD.size :]
    if hashlib.sha256(rest).digest() != digest or length > len(rest):
        raise InvalidModel(f"{where}: damaged: its checksum does not fit its content")
    described = json.loads(rest[:length])
    if described["features"] != FEATURES:
        raise InvalidModel(
            f"{where}: made for the features {described['features']!r}, here are {FEATURES!r}; train it anew"
        )
    return described, rest[length:]


def _model_of(content: bytes, where: str) -> TextModel:
    described, packed = _parts(content, where)
    try:
        inflate = zlib.decompressobj()
        weights = np.frombuffer(inflate.decompress(packed, 1 << 23), dtype=np.int8)
        model = TextModel(
            weights,
            described["scale"],
            described["bias"],
            described["signals"],
            described["signal_scale"],
            described["length"],
        )
    except (ValueError, TypeError, KeyError, zlib.error) as error:
        raise InvalidModel(f"{where}: {error}") from None
    if model.bits != described["bits"]:
        raise InvalidModel(f"{where}: {model.weights.size} weights, expected 2**{described['bits']}")
    return model
