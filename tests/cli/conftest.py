"""A small pack of our own, so that these tests do not depend on what the shipped packs say."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fairpost.cli import main

if TYPE_CHECKING:
    from fairpost.server import Server

PACK = """\
pack: probe
lists:
  cure: {words: [根治, 治愈], fold: [default, repeat]}
  sold: {words: [元, 包邮], allow: [元旦]}
rules:
  - id: probe.sells
    category: COMMERCE
    severity: low
    weight: 0.75
    when: any(sold)
    cases: {match: [十元一斤], pass: [元旦快乐]}
  - id: probe.cure
    category: MEDICAL
    severity: high
    weight: 0.875
    when: any(cure)
    unless: seller.licence("drug-retail")
    basis: [cn.advertising-law/17]
    message: {zh: 普通商品不得宣称治疗疾病, en: Ordinary goods must not claim to treat disease}
    cases: {match: [根治糖尿病, 根 根 治], pass: [今天天气好]}
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command as a user does, in an empty folder, and returns what it said.

    In this process, since starting Python costs more than most commands do; `process=True` starts one.
    """

    def call(*arguments: object, process: bool = False, **environment: str) -> subprocess.CompletedProcess[str]:
        words = [str(argument) for argument in arguments]
        if process:
            return subprocess.run(
                [sys.executable, "-m", "fairpost.cli", *words],
                cwd=tmp_path,
                env={**os.environ, "PYTHONUTF8": "1", **environment},
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        status: object = 0
        with (
            monkeypatch.context() as patch,
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            patch.chdir(tmp_path)
            patch.delenv("COLUMNS", raising=False)  # of whoever runs the tests
            for name, value in environment.items():
                patch.setenv(name, value)
            try:
                main(words)
            except SystemExit as end:
                status = end.code or 0
        assert isinstance(status, int)
        return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack's source."""
    path = tmp_path_factory.mktemp("pack") / "probe.yaml"
    path.write_text(PACK, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def bundle(pack: Path) -> Path:
    """The pack, compiled."""
    from fairpost.rules import compile_packs

    path = pack.with_name("probe.fpb")
    path.write_bytes(compile_packs([pack]))
    return path


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Starts servers; the environment has a key with all roles."""
    from fairpost.server import Config, Server
    from fairpost.server.access import keys
    from fairpost.server.access.roles import ROLES

    started: list[Server] = []

    def start(**settings: Any) -> str:
        config = Config(port=0, data_dir=tmp_path / "data", no_rules=True, **settings)
        started.append(Server(config).start())
        api_key, _ = keys.create(started[-1].registry.core.store, "test", ROLES)
        monkeypatch.setenv("FAIRPOST_API_KEY", api_key)
        return started[-1].address

    yield start
    for server in started:
        server.stop(0)
