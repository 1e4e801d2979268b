"""A small sound pack set for the tests of the rule language, and a way to write packs into a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parent.parent / "data" / "packs"

Write = Callable[..., Path]


@pytest.fixture(scope="session")
def sound() -> dict[str, str]:
    """Sources by name: `medical`, `laws`, `policy`."""
    return {path.stem: path.read_text(encoding="utf-8") for path in DATA.glob("*.yaml")}


@pytest.fixture
def write(tmp_path: Path, sound: dict[str, str]) -> Write:
    """Write name=content as name.yaml (`lists__a_txt` as lists/a.txt) and give the folder; None leaves a file out."""

    def writer(**files: str | bytes | None) -> Path:
        for name, content in (sound | files).items():
            if content is not None:
                path = tmp_path / (name.replace("__", "/").replace("_txt", ".txt") if "__" in name else f"{name}.yaml")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return writer
