"""What the .proto files declare."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

__all__ = ["services"]

_FOLDER = Path(__file__).resolve().parents[1] / "proto" / "fairpost" / "v1"


def services() -> list[Any]:
    """Descriptors of all services of fairpost.v1."""
    files = [importlib.import_module(f"fairpost.v1.{path.stem}_pb2").DESCRIPTOR for path in _FOLDER.glob("*.proto")]
    return [service for file in files for service in file.services_by_name.values()]
