"""The standing table as a program of its own: under the sanitizers of addresses, undefined behaviour and threads, and
with NEON in an emulator of aarch64."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLAGS = ["-O2", "-g", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-pthread"]


def run(compiler: str, folder: Path, work: str, *flags: str, under: tuple[str, ...] = ()) -> None:
    source, target = ROOT / "tests" / "native" / "standings.c", folder / "standings"
    command = [compiler, *FLAGS, *flags, f"-I{ROOT / 'engine' / 'kernels'}", str(source), "-o", str(target), "-lm"]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([*under, str(target), work], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


@pytest.mark.parametrize(("work", "sanitizers"), [("steps", "address,undefined"), ("threads", "thread")])
def test_under_sanitizers(tmp_path: Path, work: str, sanitizers: str) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is here")
    run(compiler, tmp_path, work, f"-fsanitize={sanitizers}")


def test_on_neon(tmp_path: Path) -> None:
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if compiler is None or emulator is None:
        pytest.skip("aarch64-linux-gnu-gcc or qemu-aarch64 is not here (Debian: gcc-aarch64-linux-gnu, qemu-user)")
    run(compiler, tmp_path, "steps", "-static", under=(emulator,))
