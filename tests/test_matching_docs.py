"""Every example of docs/matching.md prints what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_readme import run_python

PAGE = Path(__file__).resolve().parent.parent / "docs" / "matching.md"
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_examples_are_found() -> None:
    assert len(EXAMPLES) == PAGE.read_text(encoding="utf-8").count("```python") > 4


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_example(code: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_python(code) == output
