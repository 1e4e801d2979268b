"""The supervisor: has the data directory and the port, starts and replaces children, and is asked by them.

It does no work of a server: no engine, no grpcio, no store is loaded here, so that it stays small and does not fall.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import structlog

from fairpost.server.access import exposure
from fairpost.server.config import StartError
from fairpost.server.data_dir import locked, write_port
from fairpost.server.supervisor.changes import Changes, ask_all
from fairpost.server.supervisor.channel import Channel, ChannelClosed, ChannelTimeout, Refused
from fairpost.server.supervisor.children import Child
from fairpost.server.supervisor.forking import Zygote
from fairpost.server.supervisor.inner import InnerSockets, inner_sockets
from fairpost.server.supervisor.ports import listening, reserve
from fairpost.server.supervisor.settings import Settings

if TYPE_CHECKING:
    from fairpost.server.config import Config

__all__ = ["Supervisor"]

log = structlog.get_logger(__name__)

GATHER_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 10.0
"""What workers get beside `drain_seconds` to write what they have in memory and close their stores."""
_WEB_SECONDS: Final = 2.0


class Supervisor:
    """`start`, then `stop`. Thread-safe."""

    def __init__(self, config: Config) -> None:
        self.address = ""
        self.http_address = ""
        self._closers = contextlib.ExitStack()
        self._zygote = Zygote()
        self._settings = Settings(config, lambda: self._all)
        self._workers: list[Child] = []
        self._web: Child | None = None
        self._inner: InnerSockets | None = None
        self._changes = Changes(lambda: self._workers, lambda: self._settings.current.worker_timeout)
        self._leading = threading.Lock()
        self._leader: tuple[Child, Channel] | None = None
        self._first_served = threading.Event()
        self._stopping = False

    def start(self) -> Supervisor:
        """Return when all workers serve.

        Raises:
            StartError: one does not; nothing is left running.
        """
        try:
            self._start()
        except BaseException:
            self.kill()
            self._closers.close()
            raise
        return self

    def _start(self) -> None:
        config = self._settings.current
        exposure.check(config)  # before a port is taken
        count, pins = config.worker_count, config.pins
        # Workers whose supervisor was killed end by themselves: a service manager may start the next one at once.
        self._closers.enter_context(locked(config.data_dir, patience=config.drain_seconds + _CLOSE_SECONDS))
        self._closers.callback(self._zygote.close)
        held, port = reserve(config.host, config.port)
        for each in held:
            self._closers.enter_context(each)
        host = f"[{config.host}]" if ":" in config.host else config.host
        self.address = f"{host}:{port}"
        self._settings.fix(port=port)
        http_port = self._reserve_http(config)
        self._workers = [self._worker(number) for number in range(count)]
        self._pins = pins
        self._start_and_wait(self._all)
        if self._web is not None and config.http_port_file:
            write_port(config.http_port_file, http_port)
        if config.port_file:
            write_port(config.port_file, port)
        log.info("serving", address=self.address, workers=count, threads=config.threads, pins=pins)

    def _reserve_http(self, config: Config) -> int:
        if config.http_port is None:
            return 0
        http = self._closers.enter_context(listening(config.http_host, config.http_port))
        port: int = http.getsockname()[1]
        host = f"[{config.http_host}]" if ":" in config.http_host else config.http_host
        self.http_address = f"{host}:{port}"
        self._settings.fix(http_port=port)
        self._web = self._child("web", 0, inherited=[http.fileno()])
        self._inner = self._closers.enter_context(inner_sockets(config.data_dir))
        return port

    def _worker(self, number: int) -> Child:
        return self._child("worker", number)

    def _child(self, kind: str, number: int, inherited: list[int] | None = None) -> Child:
        return Child(
            kind,
            number,
            fork=self._zygote.fork,
            answer=self._answer,
            timeout=lambda: self._settings.current.worker_timeout,
            on_serving=self._serves,
            on_end=self._ended,
            inherited=inherited or (),
        )

    def _start_and_wait(self, children: list[Child]) -> None:
        for child in children:
            child.start()
        for child in children:
            if why := child.wait_served():
                raise StartError(why)

    def stop(self) -> int:
        """Let calls in flight end within `drain_seconds`, then all children; gives the exit status."""
        self._stopping = True
        config = self._settings.current
        log.info("draining", seconds=config.drain_seconds)
        until = time.monotonic() + config.drain_seconds + _CLOSE_SECONDS
        stopping = [
            threading.Thread(target=child.stop, args=(config.drain_seconds,), daemon=True) for child in self._workers
        ]
        for each in stopping:
            each.start()
        late = [child for child in self._workers if not child.wait_ended(max(0.0, until - time.monotonic()))]
        for child in late:
            log.error("worker did not end in time and is killed", child=child.name, pid=child.pid)
            child.kill()
        if self._web is not None:  # last: until now it tells who asks that this server is not ready
            self._web.stop(_WEB_SECONDS)
            if not self._web.wait_ended(_WEB_SECONDS + 1.0):
                self._web.kill()
        for child in late:
            child.wait_ended(1.0)
        self._closers.close()
        log.info("stopped")
        return 0

    def kill(self) -> None:
        """End all children at once."""
        self._zygote.close()  # first: children that wait for it wait no longer
        for child in self._all:
            child.forsake()

    def reload(self) -> None:
        """Read the settings again."""
        self._settings.reload()

    @property
    def _all(self) -> list[Child]:
        return [*self._workers, *([self._web] if self._web is not None else [])]

    # ---- what children ask --------------------------------------------------------------------------------

    def _answer(self, child: Child, question: str, content: Any) -> Any:
        match question:
            case "hello":
                return self._task(child)
            case "serving":
                child.set_serving()
            case "failed":
                child.fault = content["why"]
            case "rules.acquire":
                return self._changes.acquire(_channel(child), content["patience"])
            case "rules.release":
                self._changes.release(content["token"])
            case "rules.join":
                child.joined = True
            case "rules.carry_out":
                return self._changes.carry_out(content["token"], content)
            case "gather":
                return self.gather(content["question"], content["content"], timeout=content["timeout"])
            case "settings.status":
                return self._settings.status()
            case _:
                raise Refused(f"the supervisor does not know {question!r}")
        return {}

    def _task(self, child: Child) -> dict[str, Any]:
        first = not self._first_served.is_set()
        if child is not self._workers[0]:
            # The first one alone makes keys and tables and activates the first rules; the others find them.
            self._first_served.wait()
        return {
            "kind": child.kind,
            "name": child.name,
            "number": child.number,
            "settings": self._settings.for_start(child),
            "starts_first": first and child is self._workers[0],
            "core": self._pins[child.number] if self._pins and child.kind == "worker" else None,
            "workers": len(self._workers),
            "inner": self._inner.task(child.number if child.kind == "worker" else None) if self._inner else None,
        }

    def gather(self, question: str, content: Any = None, *, timeout: float = GATHER_SECONDS) -> dict[str, Any]:
        """What each worker answers, by its number as text (JSON has no other keys); {"error": why} for one that does
        not. pid, started_at and replaced are added."""
        workers = self._workers
        answers = ask_all(workers, question, content, timeout=timeout)
        return {
            str(child.number): child.about() | ({"error": why} if why else answer)
            for child, (answer, why) in zip(workers, answers, strict=True)
        }

    # ---- what happens to children ---------------------------------------------------------------------------

    def _serves(self, child: Child) -> None:
        log.info("child serves", child=child.name, pid=child.pid)
        if child is self._workers[0]:
            self._first_served.set()
        self._settings.catch_up(child)
        self._choose_leader()

    def _ended(self, child: Child, channel: Channel) -> None:
        self._changes.gone(channel)
        with self._leading:
            if self._leader is not None and self._leader[1] is channel:
                self._leader = None
        self._choose_leader()

    def _choose_leader(self) -> None:
        """One worker leads: the first that serves, until it ends."""
        with self._leading:
            if self._leader is not None or self._stopping:
                return
            for child in self._workers:
                channel = child.channel
                if child.serving and channel is not None:
                    self._leader = child, channel
                    break
            else:
                return
        with contextlib.suppress(ChannelClosed, ChannelTimeout, Refused):
            channel.ask("lead", timeout=self._settings.current.worker_timeout)


def _channel(child: Child) -> Channel:
    channel = child.channel
    if channel is None:
        raise Refused(f"{child.name} is being replaced")
    return channel
