"""Imports between the folders go one way: cli -> server -> rules -> engine; server -> v1; cli -> client -> v1."""

from __future__ import annotations

import ast
import fnmatch
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "engine": ROOT / "engine",
    "rules": ROOT / "rules",
    "v1": ROOT / "proto" / "fairpost" / "v1",
    "server": ROOT / "server",
    "client": ROOT / "client",
    "cli": ROOT / "cli",
}
MAY_IMPORT = {
    "engine": {"engine"},
    "rules": {"rules", "engine"},
    "v1": {"v1"},
    "server": {"server", "rules", "engine", "v1"},
    "client": {"client", "v1"},
    "cli": {"cli", "client", "server", "rules", "engine", "v1"},
}
# What only an extra brings: commands import it when they run.
ONLY_WITH_EXTRA = {"grpc", "google", "grpc_health", "grpc_reflection", "grpc_status", "sqlalchemy", "structlog"}
ONLY_WITH_EXTRA |= {"stdnum", "pydantic_settings", "pyarrow", "alembic", "cryptography", "psycopg"}
ONLY_WITH_EXTRA |= {"prometheus_client", "opentelemetry", "orjson"}
ONLY_WITH_EXTRA |= {"starlette", "uvicorn", "httpx", "fsspec", "jinja2", "markupsafe", "multipart"}

CIMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(?P<source>[.\w]+)[ \t]+c?import\b|c?import[ \t]+(?P<plain>[.\w]+))", re.M)


def imported(path: Path) -> Iterator[str]:
    """Dotted names that a module imports or cimports."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".pyx", ".pxd"):
        for found in CIMPORT.finditer(text):
            yield found["source"] or found["plain"]
        return
    for node in ast.walk(ast.parse(text, str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            if module == "fairpost":  # from fairpost import server
                yield from (f"fairpost.{alias.name}" for alias in node.names)


def sources(folder: str) -> list[Path]:
    return sorted(p for p in FOLDERS[folder].rglob("*") if p.suffix in (".py", ".pyx", ".pxd", ".pyi"))


def part_of(name: str) -> str | None:
    pieces = name.split(".")
    return pieces[1] if pieces[0] == "fairpost" and len(pieces) > 1 else None


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_go_one_way(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(folder)
        for name in imported(path)
        if (part := part_of(name)) is not None and part not in MAY_IMPORT[folder]
    ]
    assert not wrong


@pytest.mark.parametrize("folder", FOLDERS)
def test_relative_imports_stay_in_their_folder(folder: str) -> None:
    wrong = []
    for path in sources(folder):
        depth = len(path.relative_to(FOLDERS[folder]).parts)
        for name in imported(path):
            dots = len(name) - len(name.lstrip("."))
            if dots > depth:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
            if dots and path.suffix in (".pyx", ".pxd"):
                wrong.append(f"{path.relative_to(ROOT)}: Cython finds declarations by absolute name only: {name}")
    assert not wrong


def without_extras(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code where nothing that only an extra brings can be imported."""
    block = f"import sys; sys.modules.update(dict.fromkeys({sorted(ONLY_WITH_EXTRA)!r}))\n"
    return subprocess.run([sys.executable, "-c", block + code], capture_output=True, text=True, check=False)


def test_base_install_suffices_to_import() -> None:
    done = without_extras("import fairpost.engine, fairpost.rules, fairpost.cli.app")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["check", "posts.txt"], "bulk"),
        (["rules", "backtest", "shipped", "shipped", "posts.txt"], "bulk"),
        (["rules", "stats", "--posts", "posts.txt"], "bulk"),
        (["serve"], "server"),
        (["seller", "lookup", "somebody"], "client"),
        (["demo"], "server"),
        (["decisions", "export", "decisions/", "-o", "out.parquet"], "bulk"),
        (["replay", "--all", "--log", "decisions/"], "server"),
    ],
)
def test_commands_name_the_extra_they_need(arguments: list[str], extra: str) -> None:
    done = without_extras(f"from fairpost.cli import main; main({arguments!r})")
    assert done.returncode == 2
    assert f"pip install 'fairpost[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_fairpost_is_a_namespace() -> None:
    assert not (ROOT / "fairpost").exists()
    assert not (ROOT / "proto" / "__init__.py").exists()
    assert not (ROOT / "proto" / "fairpost" / "__init__.py").exists()


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_part_is_typed(folder: str) -> None:
    assert (FOLDERS[folder] / "py.typed").exists()


def test_cimports_are_seen(tmp_path: Path) -> None:
    source = tmp_path / "x.pyx"
    source.write_text(
        "from fairpost.rules.a cimport b\ncimport fairpost.server.c as d\nfrom libc.stdint cimport int8_t\n"
    )
    assert list(imported(source)) == ["fairpost.rules.a", "fairpost.server.c", "libc.stdint"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_read_at_run_time_is_packaged(folder: str) -> None:
    """A file that is no source is named by package-data; the wheel would miss it otherwise."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]
    built = {".py", ".pyx", ".h", ".c", ".so", ".pyc", ".html", ".md"}
    missing = []
    for path in FOLDERS[folder].rglob("*"):
        if path.is_dir() or path.suffix in built or path.name.startswith("."):
            continue
        package = path.parent
        while package != FOLDERS[folder] and not (package / "__init__.py").exists():
            package = package.parent
        name = ".".join(["fairpost", folder, *package.relative_to(FOLDERS[folder]).parts])
        inside = path.relative_to(package).as_posix()
        if not any(fnmatch.fnmatch(inside, pattern) for pattern in patterns.get(name, ())):
            missing.append(f"{path.relative_to(ROOT)} is not in package-data of {name}")
    assert not missing
