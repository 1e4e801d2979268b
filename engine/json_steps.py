"""JSON read in small steps, for processes in which other threads must not wait.

The parser of `json` keeps Python's lock from the first byte to the last: some 7 ms for a bundle's META, in which a
server answers no call. Here it is asked for one record of a list of records after the other.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

__all__ = ["loads"]

_raw_decode: Final = json.JSONDecoder().raw_decode
_space: Final = re.compile(r"[ \t\n\r]*").match


class _Other(ValueError):
    """Written in another way than we read in steps, or wrong."""


def loads(content: bytes) -> Any:
    """The same as `json.loads`, errors included."""
    try:
        text = content.decode()
        found, at = _object(text, _skip(text, 0))
        if _skip(text, at) == len(text):
            return found
    except (ValueError, IndexError):
        pass
    return json.loads(content)


def _skip(text: str, at: int) -> int:
    found = _space(text, at)
    assert found is not None  # it matches nothing, too
    return found.end()


def _object(text: str, at: int) -> tuple[dict[str, Any], int]:
    """The object that begins at `at`, and where it ends."""
    if text[at] != "{":
        raise _Other
    found: dict[str, Any] = {}
    at = _skip(text, at + 1)
    if text[at] == "}":
        return found, at + 1
    while True:
        name, at = _raw_decode(text, at)
        at = _skip(text, at)
        if not isinstance(name, str) or text[at] != ":":
            raise _Other
        found[name], at = _value(text, _skip(text, at + 1))
        at = _skip(text, at)
        if text[at] == "}":
            return found, at + 1
        if text[at] != ",":
            raise _Other
        at = _skip(text, at + 1)


def _value(text: str, at: int) -> tuple[Any, int]:
    if text[at] != "[" or text[_skip(text, at + 1)] != "{":
        value, at = _raw_decode(text, at)
        return value, at
    found = []
    while True:  # `at` is at "[" or ","
        record, at = _raw_decode(text, _skip(text, at + 1))
        found.append(record)
        at = _skip(text, at)
        if text[at] == "]":
            return found, at + 1
        if text[at] != ",":
            raise _Other
