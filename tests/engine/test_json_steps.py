"""JSON read in steps is what `json.loads` reads, for whatever bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.strategies import examples

from fairpost.engine import json_steps

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
)
records = st.dictionaries(
    st.text(max_size=3), values | st.lists(st.dictionaries(st.text(max_size=3), values), max_size=4)
)


def read(loads: Any, content: bytes) -> Any:
    """What it gives, NaN included, or why it does not."""
    try:
        return repr(loads(content))
    except ValueError as error:
        return type(error), str(error)


@examples(100)
@given(values | records, st.sampled_from([None, 0, 2]), st.sampled_from([(",", ":"), (" , ", "\t: ")]), st.booleans())
def test_what_is_written_is_read(value: Any, indent: int | None, separators: Any, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=ascii_only)
    content = text.encode("utf-8", "surrogatepass")
    assert read(json_steps.loads, content) == read(json.loads, content)
    padded = b" \n" + content + b"\r\t "
    assert read(json_steps.loads, padded) == read(json.loads, padded)


@examples(200)
@given(records, st.data())
def test_what_is_damaged_is_refused_alike(value: Any, data: st.DataObject) -> None:
    content = bytearray(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from(b'{}[],:" x\\').map(lambda b: bytes([b]))
        )
    assert read(json_steps.loads, bytes(content)) == read(json.loads, bytes(content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"{} {}",
        b'{"a":[{}]}',
        b'{"a":[{},]}',
        b'{"a":[{}',
        b'{"a":[ {"b":1} , 2, [3] ] , "a":[{"c":4}]}',
        b"{1:2}",
        b'{"a":[{"b":1}}',
        b'{"a" [{}]}',
        b'{"a":[{}],}',
        b"\xef\xbb\xbf{}",
        '{"a":[{}]}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b'{"a":[{"b":NaN}]}',
    ],
)
def test_cases(content: bytes) -> None:
    assert read(json_steps.loads, content) == read(json.loads, content)


def test_nesting_without_end_is_refused_alike() -> None:
    content = b'{"a":[{"b":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}"
    for loads in (json_steps.loads, json.loads):
        with pytest.raises(RecursionError):
            loads(content)
