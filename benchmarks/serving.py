"""A real `fairpost serve` for benchmarks, and how they end."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Serving", "exit_status", "serving"]

_START_SECONDS = 300.0


class Serving:
    """A server that runs. port: of gRPC."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port


@contextlib.contextmanager
def serving(
    folder: Path, *options: str, prefix: Sequence[str] = (), program: Sequence[str] | None = None
) -> Iterator[Serving]:
    """Start it and wait until it serves; at the end stop it and wait for that.

    Args:
        folder: gets `data`, `port` and `log`.
        options: of `fairpost serve`, beside --port, --port-file and --data-dir.
        prefix: what runs the command, e.g. `taskset -c 0`.
        program: arguments of Python in place of `fairpost serve` and its options.

    Raises:
        SystemExit: it does not come up; its log was printed.
    """
    port_file, log_file = folder / "port", folder / "log"
    serve = ["-m", "fairpost.cli", "serve", "--port", "0", "--port-file", str(port_file)]
    serve += ["--data-dir", str(folder / "data"), *options]
    with log_file.open("wb") as log:
        process = subprocess.Popen([*prefix, sys.executable, *(program or serve)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not port_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                print(log_file.read_text(), file=sys.stderr)
                raise SystemExit(2)
            time.sleep(0.05)
        yield Serving(process, int(port_file.read_text()))
    finally:
        process.terminate()
        process.wait(60)


def exit_status(broken: Sequence[str]) -> int:
    """Prints the bounds that are broken; 1 if there are any."""
    for each in broken:
        print(f"BROKEN: {each}")
    return 1 if broken else 0
