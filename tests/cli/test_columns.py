"""The array arithmetic of bulk checks against plain Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpost.cli import readers, render, verdicts, writers

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(st.one_of(TEXT, st.binary(max_size=8)), min_size=1, max_size=12), st.integers(0, 3), st.data())
def test_matched_is_the_slice_of_the_text(texts: list[str | bytes], skipped: int, data: st.DataObject) -> None:
    """Whatever bytes the neighbours hold, and in a slice of a larger array too."""
    encoded = [t if isinstance(t, bytes) else t.encode() for t in texts]
    column = pa.array([b"\x80"] * skipped + encoded, pa.binary()).slice(skipped)
    spans = []
    for number, text in enumerate(texts):
        if isinstance(text, str):
            begin = data.draw(st.integers(0, len(text)))
            spans.append((number, begin, data.draw(st.integers(begin, len(text)))))
    post, begins, ends = (np.array([s[i] for s in spans], np.int64) for i in range(3))
    found = verdicts.matched(column, post, begins.astype(np.uint32), ends.astype(np.uint32))
    assert found.to_pylist() == [str(texts[n])[b:e] for n, b, e in spans]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 5))))
def test_gather_ranges(ranges: list[tuple[int, int]]) -> None:
    begins = np.array([b for b, _ in ranges], np.int64)
    lengths = np.array([n for _, n in ranges], np.int64)
    assert verdicts.gather_ranges(begins, lengths).tolist() == [b + k for b, n in ranges for k in range(n)]


EVIDENCE = st.fixed_dictionaries(
    {
        "rule": st.sampled_from(["a.b", "c.d"]),
        "category": st.just("MEDICAL"),
        "begin": st.integers(0, 2**32 - 1),
        "end": st.integers(0, 2**32 - 1),
        "matched": TEXT,
        "basis": st.lists(TEXT, max_size=2),
    }
)
SCORE = st.floats(0, 1, width=32)
ROW = st.fixed_dictionaries(
    {
        "id": st.one_of(st.none(), TEXT),
        "action": st.sampled_from(["ALLOW", "BLOCK"]),
        "risk": SCORE,
        "commerce": SCORE,
        "exposure": SCORE,
        "labels": st.lists(
            st.fixed_dictionaries({"category": st.just("MEDICAL"), "score": SCORE, "severity": st.just("low")}),
            max_size=2,
        ),
        "evidence": st.lists(EVIDENCE, max_size=3),
        "shadow": st.lists(EVIDENCE, max_size=2),
        "seller_standing": st.one_of(st.none(), st.just("not_found")),
        "revision": st.just("0123456789ab"),
    }
)


@given(st.lists(ROW, min_size=1, max_size=6), st.integers(0, 2))
def test_json_lines_are_what_json_would_write(rows: list[dict[str, Any]], skipped: int) -> None:
    batch = pa.RecordBatch.from_pylist(rows, schema=verdicts.SCHEMA).slice(min(skipped, len(rows)))
    lines = writers.json_objects(writers.as_json(batch)).to_pylist()
    assert [as_float32(json.loads(line)) for line in lines] == [as_float32(row) for row in batch.to_pylist()]


def as_float32(row: Any) -> Any:
    """Shortest decimals of float32 are not those of float64; compare what they mean."""
    if isinstance(row, dict):
        return {k: float(np.float32(v)) if k in FLOATS else as_float32(v) for k, v in row.items()}
    return [as_float32(item) for item in row] if isinstance(row, list) else row


FLOATS = {"risk", "commerce", "exposure", "score"}


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.binary(max_size=9).map(lambda b: b.replace(b"\n", b"")), st.sampled_from([b"\n", b"\r\n"]))),
    st.binary(max_size=3).map(lambda b: b.replace(b"\n", b"")),
    st.integers(1, 5),
)
def test_lines_are_cut_as_python_cuts_them(
    tmp_path_factory: Any, lines: list[tuple[bytes, bytes]], rest: bytes, block: int
) -> None:
    content = b"".join(line + end for line, end in lines) + rest
    path = Path(tmp_path_factory.getbasetemp()) / "lines.txt"
    path.write_bytes(content)
    expected = content.split(b"\n")
    if not expected[-1]:
        expected.pop()
    before = readers.BLOCK
    readers.BLOCK = block  # type: ignore[misc]
    try:
        chunks = list(readers.read(path, readers.Columns()))
    finally:
        readers.BLOCK = before  # type: ignore[misc]
    texts = [text for chunk in chunks for text in chunk.texts.to_pylist()]
    # One CR before LF is the line's end; at the very end of a file without a last line feed too.
    assert texts == [line.removesuffix(b"\r") for line in expected]
    assert [int(p) for chunk in chunks for p in chunk.places] == list(range(1, len(expected) + 1))


@given(st.text(max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 20)), max_size=5))
def test_excerpts_show_evidence_and_only_the_post(text: str, raw: list[tuple[int, int]]) -> None:
    spans = [(b, min(b + n, len(text))) for b, n in raw if b <= len(text)]
    shown = render.excerpt(text, spans, marked=False)
    visible = render.visible(text)
    position = 0
    for piece in shown.plain.split("…"):
        assert (position := visible.replace("…", "|").find(piece.replace("…", "|"), position)) >= 0 or "…" in text
    if len(text) <= 160 and "…" not in text:
        assert shown.plain == visible
        marked = render.excerpt(text, spans, marked=True).plain
        assert marked.replace("«", "").replace("»", "") == visible.replace("«", "").replace("»", "")
