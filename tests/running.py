"""A real server in processes of its own, for tests: started, called, stopped, killed, and its log read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from fairpost.client import CallFailed, Client
from fairpost.server.access import keys
from fairpost.server.access.roles import ROLES
from fairpost.server.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Running", "alive", "stop_in_the_midst", "until"]

T = TypeVar("T")

_START_SECONDS = 60.0  # the first start with the shipped packs compiles them


def until(holds: Callable[[], T], what: str = "it did not come to pass", seconds: float = 60.0) -> T:
    """Wait for what is to come to pass, and give it; what: said if it does not."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
    return found


def alive(pid: int) -> bool:
    """Not one that has ended, and waits for a parent to take notice of that."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@dataclass
class Running:
    """A server process and a client of it."""

    data_dir: Path
    options: dict[str, Any] = field(default_factory=dict)
    port: int = 0
    api_key: str = ""
    """With all roles: activating rules needs one even here."""
    environment: dict[str, str] = field(default_factory=dict)
    """Of its processes, beside settings."""

    @property
    def store_url(self) -> str:
        return str(self.options.get("registry") or f"sqlite:///{self.data_dir / 'registry.sqlite'}")

    def make_key(self, *roles: str, **fields: Any) -> str:
        """A key of the server's registry, by default with all roles."""
        with Store.open(self.store_url, create=False) as store:
            return keys.create(store, "test", roles or ROLES, **fields)[0]

    def start(self, *, expect_status: int | None = None) -> Running:
        port_file = self.data_dir.with_name(f"{self.data_dir.name}.port")
        port_file.unlink(missing_ok=True)
        self.log = self.data_dir.with_name(f"{self.data_dir.name}.log")
        settings = {
            "port": 0,
            "port_file": port_file,
            "data_dir": self.data_dir,
            "no_rules": True,
            "log_format": "json",
            "workers": 1,
        }
        settings |= self.options
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRPOST_")}
        environment |= self.environment
        environment |= {f"FAIRPOST_{name.upper()}": str(value) for name, value in settings.items()}
        program = "import sys; from fairpost.server import Config, serve; sys.exit(serve(Config()))"
        with self.log.open("ab") as log:
            # In a process group of its own, with its workers: `kill` ends them all at once.
            self.process = subprocess.Popen(
                [sys.executable, "-c", program],
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        if expect_status is not None:
            assert self.process.wait(_START_SECONDS) == expect_status
            return self
        deadline = time.monotonic() + _START_SECONDS
        while not port_file.exists():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.02)
        self.port = int(port_file.read_text())
        self.api_key = self.api_key or self.make_key()
        self.client = Client(f"127.0.0.1:{self.port}", api_key=self.api_key)
        return self

    def stop(self) -> int:
        """SIGTERM; gives the exit status."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """SIGKILL, to the supervisor and all its children."""
        self.client.close()
        self.kill_now()
        self.process.wait(60)

    def kill_now(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)

    def children(self) -> dict[str, int]:
        """Processes of the supervisor's children that serve, by name, as its log tells."""
        lines = [json.loads(line) for line in self.printed().splitlines() if line.startswith("{")]
        return {line["child"]: line["pid"] for line in lines if line.get("event") == "child serves"}

    def wait_logged(self, event: str, count: int = 1, seconds: float = 60.0, **entries: Any) -> list[dict[str, Any]]:
        """Lines of the log with this event and these entries, once there are so many."""
        deadline = time.monotonic() + seconds
        while True:
            lines = [json.loads(line) for line in self.printed().splitlines() if line.startswith("{")]
            found = [line for line in lines if line["event"] == event and entries.items() <= line.items()]
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, f"no {event!r} in the log:\n{self.printed()}"
            time.sleep(0.02)

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8")


def stop_in_the_midst(
    running: Running, calls: Callable[[], list[Callable[[], Any]]], usual: float
) -> tuple[list[Any], float]:
    """SIGTERM while calls are under way: what each gave, or how it failed, and the seconds until the server ended.

    On a busy machine a call may come after the signal and be told so: then all are made anew, of the server started
    again.

    Args:
        calls: makes the calls, of the server as it runs now. usual: seconds that one takes.
    """
    for _ in range(5):
        got: list[Any] = []

        def call(made: Callable[[], Any], got: list[Any] = got) -> None:
            try:
                got.append(made())
            except grpc.RpcError as error:
                got.append(CallFailed.of(error))
            except CallFailed as failure:
                got.append(failure)

        threads = [threading.Thread(target=call, args=(made,)) for made in calls()]
        for thread in threads:
            thread.start()
        time.sleep(usual / 2)
        begun = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert running.process.wait(60) == 0
        seconds = time.monotonic() - begun
        if not any(isinstance(each, CallFailed) and (each.reason == "REASON_DRAINING" or each.unsent) for each in got):
            return got, seconds
        running.client.close()
        running.start()
    raise AssertionError("some call came after the signal each time")
