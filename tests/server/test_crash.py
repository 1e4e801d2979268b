"""A short run of `make crash`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def crash() -> Any:
    spec = importlib.util.spec_from_file_location("crash", Path(__file__).with_name("crash.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["crash"] = module
    spec.loader.exec_module(module)
    return module


def test_sqlite(crash: Any) -> None:
    counts = crash.rounds("sqlite", 2, 5, lambda counts: None)
    assert counts["killed server"] == 2
    assert counts["acknowledged"] >= 4


def test_postgresql(crash: Any, postgresql: Any) -> None:
    """One of each: the server, a backend, the database server."""
    counts = crash.rounds("postgresql", 3, 1, lambda counts: None)
    assert counts["rounds"] == 3
    assert {"killed server", "killed backend", "killed postgresql"} <= counts.keys()
    assert counts["acknowledged"] >= 8
