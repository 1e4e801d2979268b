"""A PostgreSQL of the tests' own: the system's server programs, a new folder, a unix socket and nothing else.

The programs are those of Debian's package `postgresql` (or any installation with `initdb` and `postgres` on PATH).
PostgreSQL refuses to run as root; there it runs as an unprivileged user to whom the folder belongs.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["HOW_TO_GET", "Cluster", "programs"]

HOW_TO_GET = (
    "no PostgreSQL here: tests on it are left out. On Debian: apt-get install postgresql (make test does, as root)"
)
_SECONDS = 60.0
# As it is installed, but small, quiet and without network. fsync and full_page_writes stay on: the tests kill it.
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "max_wal_size": "256MB",
    "recovery_init_sync_method": "syncfs",
    "log_min_messages": "warning",
}


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, the newest version's; None: there is none."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True
    )
    on_path = shutil.which("initdb")
    for folder in [*folders, *([Path(on_path).resolve().parent] if on_path else [])]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


class Cluster:
    """Made empty and started; `stop` removes it."""

    def __init__(self) -> None:
        found = programs()
        if found is None:
            raise RuntimeError(HOW_TO_GET)
        self._bin = found
        # Not below pytest's folders, which others cannot enter; the path of a socket must be short, too.
        self.folder = Path(tempfile.mkdtemp(prefix="fairpost-pg-"))
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = next(pwd.getpwnam(name) for name in ("postgres", "nobody") if _known(name))
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._number = 0
        self._free: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        try:
            command = [self._bin / "initdb", "-D", self.folder / "base", "-U", "postgres", "--auth=trust"]
            command += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", "--no-sync"]
            made = self._run(*command)
            assert made.returncode == 0, made.stdout
            self.start()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, *command: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*map(str, command)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **self._identity,
        )

    def start(self) -> None:
        """Start the server (again, after `kill`), and wait until it answers."""
        settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        command = [self._bin / "postgres", "-D", self.folder / "base", "-k", self.folder, *settings]
        deadline = time.monotonic() + _SECONDS
        while True:
            with (self.folder / "log").open("ab") as log:
                self.process = subprocess.Popen(
                    [*map(str, command)],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    **self._identity,
                )
            while self.process.poll() is None:
                try:
                    psycopg.connect(self.dsn("postgres"), connect_timeout=2).close()
                except psycopg.OperationalError:
                    assert time.monotonic() < deadline, self.printed()
                    time.sleep(0.05)
                else:
                    return
            # Backends of a killed server may hold its shared memory for a moment longer.
            assert time.monotonic() < deadline, self.printed()
            time.sleep(0.1)

    def dsn(self, database: str) -> str:
        return f"host={self.folder} user=postgres dbname={database}"

    def url(self, database: str) -> str:
        """As in --registry."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def database(self) -> str:
        """An empty database; gives its name."""
        if self._free:
            return self._free.pop()
        self._number += 1
        name = f"test{self._number}"
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def give_back(self, database: str) -> None:
        """Empty it for the next test: quicker than making another, which is 300 files."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            others = "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
            connection.execute(f"SELECT pg_terminate_backend(pid) {others}", [database])
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        self._free.append(database)

    def kill_backends(self) -> None:
        """SIGKILL one process that serves a connection: the server then ends all, and recovers from its log."""
        with psycopg.connect(self.dsn("postgres")) as connection:
            query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            found = connection.execute(query + " ORDER BY random() LIMIT 1").fetchone()
            if found is not None:
                os.kill(found[0], signal.SIGKILL)

    def kill(self) -> None:
        """SIGKILL the server; what it has started ends by itself."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it at once, and remove the folder."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def printed(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def _known(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
