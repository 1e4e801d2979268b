"""What goes into the log when something breaks: where, and nothing of what was being handled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import structlog

from fairpost.server import Config, logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_tracebacks_show_no_local_variables(
    tmp_path: Path, log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(Config(data_dir=tmp_path, log_format=log_format))
    secret = "110105" + "19491231002X"

    def fails() -> None:
        number = secret
        raise ValueError(f"{len(number)} characters")

    try:
        fails()
    except ValueError:
        structlog.get_logger().exception("it broke", incident="1f")
    printed = capsys.readouterr().err
    assert "ValueError" in printed
    assert "18 characters" in printed
    assert "fails" in printed
    assert secret not in printed
    if log_format == "json":
        assert json.loads(printed)["incident"] == "1f"
