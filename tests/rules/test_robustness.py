# ruff: noqa: E501, PT017 - tables read better in long lines; what is asserted here depends on the source
"""Broken sources of any kind are answered with errors at places inside the files, never with a crash."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairpost.rules import PackErrors, load_packs

SCRAPS = st.sampled_from(
    ["", " ", "\n", "\t", ":", ": ", "- ", "[", "]", "{", "}", ",", "'", '"', "#", "&a", "*a", "!!python/object:os.system", "|",
     ">", "%", "null", "~", "---", "...", "\x00", "\ufeff", "😀", "9" * 40, "-1", "nan", ".inf", "any(", "<<", "? ", "\\", "\u2028",
     "2015-02-30", "rule(\"medical.sale\")", "default", "repeat", "medical"]
)  # fmt: skip
CUTS = st.tuples(st.floats(0, 1), st.integers(0, 12), SCRAPS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(st.sampled_from(["medical", "laws", "policy"]), st.lists(CUTS, min_size=1, max_size=3))
def test_mutated_sources(tmp_path: Path, sound: dict[str, str], name: str, cuts: list[tuple[float, int, str]]) -> None:
    text = sound[name]
    for where, length, scrap in cuts:
        at = int(where * len(text))
        text = text[:at] + scrap + text[at + length :]
    for stem, content in (sound | {name: text}).items():
        (tmp_path / f"{stem}.yaml").write_text(content, encoding="utf-8")
    try:
        load_packs(tmp_path)
    except PackErrors as caught:
        assert caught.errors
        lines = {
            stem: len(re.split("[\n\x85\u2028\u2029]", content)) + 1 for stem, content in (sound | {name: text}).items()
        }
        for error in caught.errors:
            stem = Path(error.file).stem
            assert 1 <= error.line <= lines.get(stem, 1), error
            assert error.column >= 1


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [*x]\n",
        "pack: &x {a: *x}\n",
        "[" * 2000,
        "a: " + "{b: " * 500,
        "&a [*a]",
        "? [x]\n: 1\n",
        "pack: x\nrules: {}\n",
    ],
)
def test_hostile_yaml(tmp_path: Path, sound: dict[str, str], text: str) -> None:
    for stem, content in (sound | {"medical": text}).items():
        (tmp_path / f"{stem}.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(PackErrors):
        load_packs(tmp_path)
