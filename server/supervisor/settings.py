"""The settings of a running server: read again on SIGHUP, taken over by all workers or by none."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from pydantic import ValidationError

from fairpost.server import logs
from fairpost.server.config import RELOADABLE, Config, StartError, faults
from fairpost.server.supervisor.changes import ask_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fairpost.server.supervisor.children import Child

__all__ = ["Settings"]

log = structlog.get_logger(__name__)

_CHECK_SECONDS: Final = 30.0


class Settings:
    """Thread-safe. `current` is in force."""

    def __init__(self, config: Config, children: Callable[[], Sequence[Child]]) -> None:
        self._given = config
        self.current = config
        self._children = children
        self._one = threading.RLock()
        self.version = 0
        self._read_at = _now()
        self._failed_at: int | None = None
        self._failure = ""
        self._need_restart: list[str] = []

    def status(self) -> dict[str, Any]:
        return {
            "read_at": self._read_at,
            "failed_at": self._failed_at,
            "failure": self._failure,
            "need_restart": self._need_restart,
        }

    def fix(self, **values: Any) -> None:
        """Settle what the start has found, such as the port for 0."""
        self.current = self.current.model_copy(update=values)

    def for_start(self, child: Child) -> dict[str, Any]:
        """What a child starts with, as JSON."""
        with self._one:
            child.settings_version = self.version
            return self.current.to_json()

    def catch_up(self, child: Child) -> None:
        """Let a child that has started meanwhile take over what is in force now."""
        with self._one:
            if child.settings_version == self.version:
                return
            child.settings_version = self.version
            ((_, why),) = ask_all([child], "settings.check", self.current.to_json(), timeout=_CHECK_SECONDS)
            if not why:
                ((_, why),) = ask_all([child], "settings.apply", None, timeout=self.current.worker_timeout)
            if why:
                log.error("child did not take over settings and is killed", child=child.name, why=why)
                child.kill()

    def reload(self) -> None:
        """Read them again; a fault keeps those in force, and is in the log and the status."""
        with self._one:
            try:
                self._reload()
            except ValidationError as error:
                self._refuse("; ".join(faults(error)))
            except StartError as error:
                self._refuse(str(error))

    def _reload(self) -> None:
        found = self._given.reread()
        names = type(found).model_fields
        self._need_restart = sorted(
            name for name in names if name not in RELOADABLE and getattr(found, name) != getattr(self._given, name)
        )
        candidate = self.current.model_copy(update={name: getattr(found, name) for name in RELOADABLE})
        changed = sorted(name for name in RELOADABLE if getattr(candidate, name) != getattr(self.current, name))
        children = [child for child in self._children() if child.serving]
        answers = ask_all(children, "settings.check", candidate.to_json(), timeout=_CHECK_SECONDS)
        for child, (_, why) in zip(children, answers, strict=True):
            if why and child.serving:
                raise StartError(f"{child.name}: {why}")
        self.current = candidate  # what a worker starts with from now on
        self.version += 1
        for child in children:
            child.settings_version = self.version
        logs.configure(candidate)
        channels = [child.channel for child in children]
        answers = ask_all(children, "settings.apply", None, timeout=candidate.worker_timeout)
        for child, channel, (_, why) in zip(children, channels, answers, strict=True):
            if why:
                log.error("child did not take over settings and is killed", child=child.name, why=why)
                child.kill_and_wait(channel, candidate.worker_timeout)
        self._read_at, self._failed_at, self._failure = _now(), None, ""
        log.info("settings read again", changed=changed, need_restart=self._need_restart)

    def _refuse(self, why: str) -> None:
        self._failed_at, self._failure = _now(), why
        log.error("settings refused, the old ones stay in force", why=why)


def _now() -> int:
    return time.time_ns() // 1_000_000
