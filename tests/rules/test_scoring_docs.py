"""The worked example of docs/scoring.md: what it prints is what the page shows, and what the prose says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_readme import run_python

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "scoring.md").read_text(encoding="utf-8")


def test_worked_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [pack] = re.findall(r"```yaml\n(pack: tea.*?)```", PAGE, re.DOTALL)
    [(code, shown)] = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "tea.yaml").write_text(pack, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run_python(code) == shown
    for number in ("exposure 1.20", "risk 0.240", "risk 0.360", "risk 0.692", "MEDICAL 0.70 high"):
        assert number in shown


def test_every_number_of_the_policy_is_described() -> None:
    from fairpost.rules.schema import Exposure

    for name in Exposure.model_fields:
        assert f"`{name}`" in PAGE
