"""A configuration completed into a running server.

config -> Server(config).start() -> .address ... .stop()
serve(config)    the same until SIGTERM or SIGINT; what `fairpost serve` calls
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from fairpost.server import logs, transport
from fairpost.server.activation import RuleSets
from fairpost.server.decisions import DecisionIds
from fairpost.server.errors import ServiceError
from fairpost.server.filtering import FilterService
from fairpost.server.registry import KeyFileError, Keys, LadderError, Registry, read_ladder
from fairpost.server.rules import RulesService
from fairpost.server.store import Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

    from fairpost.server.config import Config

__all__ = ["Server", "StartError", "serve"]

log = structlog.get_logger(__name__)

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
# grpcio refuses larger messages before we see them; beyond the largest one that is taken there is room for the
# message around it, so that callers get our error, which names the limit.
_HEADROOM = 1 << 20


class StartError(Exception):
    """The server cannot start; the message says why and what to do."""


class Server:
    """One server process: registry, rule sets, services, and the port they are served on."""

    registry: Registry
    """While it runs."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.address = ""
        self.port = 0
        self._closers = contextlib.ExitStack()  # closes last in, first out
        self._health = health.HealthServicer(experimental_non_blocking=True)
        self._streams = transport.Streams(config.streams)
        self._grpc: grpc.Server | None = None
        self._drain_registry: Callable[[], None] = lambda: None

    def start(self) -> Server:
        """Load everything, then listen.

        Raises:
            StartError: something is missing, damaged or in use; nothing is left open.
        """
        try:
            self._start()
        except BaseException:
            self._closers.close()
            raise
        return self

    def _start(self) -> None:
        config = self.config
        self._open_data_dir(config.data_dir)
        self.registry = registry = self._open_registry(config)
        rule_sets = RuleSets(config.data_dir / "rules", keep=config.keep_revisions, on_first=self._ready)
        for service in (transport.REGISTRY, transport.COMPLAINTS, transport.APPEALS):
            self._set_health(service, _SERVING)
        self._set_health(transport.RULES, _SERVING)
        self._set_health(transport.FILTER, _NOT_SERVING)
        self._set_health("", _NOT_SERVING)
        first_rules(rule_sets, config)
        filtering = FilterService(
            rule_sets,
            registry.lookups.table,
            DecisionIds(),
            violations=registry.violations if config.record_violations else None,
            on_unavailable=config.on_unavailable,
            max_posts=config.max_posts,
            max_characters=config.max_characters,
        )
        rules = RulesService(rule_sets, importlib.metadata.version("fairpost"))
        changes = ThreadPoolExecutor(config.max_watchers, thread_name_prefix="changes")
        self._closers.callback(changes.shutdown)
        self._drain_registry = registry.drain
        self._listen(
            transport.handlers(
                filtering,
                registry,
                rules,
                self._streams,
                changes,
                max_request_bytes=config.max_request_bytes,
                max_bundle_bytes=config.max_bundle_bytes,
            )
        )

    def _open_data_dir(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self._closers.enter_context((folder / "lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"{folder}: another server uses this data directory; stop it or take another") from None
        except OSError as error:
            raise StartError(f"{folder}: cannot be used as data directory: {error.strerror}") from None

    def _open_registry(self, config: Config) -> Registry:
        try:
            keys = Keys.open(config.registry_key_file or config.data_dir / "identity.key")
            ladder = read_ladder(config.ladder) if config.ladder else None
            store = Store.open(config.registry or f"sqlite:///{config.data_dir / 'registry.sqlite'}")
        except (KeyFileError, LadderError, StoreError) as error:
            raise StartError(str(error)) from None
        registry = Registry(
            store,
            keys,
            ladder=ladder,
            snapshot_dir=config.data_dir,
            snapshot_seconds=config.snapshot_seconds,
            verification_days=config.verification_days,
            lookup_ttl=config.lookup_ttl,
            missing_ttl=config.missing_ttl,
            max_items=config.max_posts,
            answer_days=config.answer_days,
        )
        self._closers.callback(registry.close)
        try:
            registry.start()
        except ServiceError as error:
            raise StartError(error.message) from None
        return registry

    def _listen(self, handlers: list[grpc.GenericRpcHandler[bytes, bytes]]) -> None:
        config = self.config
        largest = max(config.max_request_bytes, config.max_bundle_bytes) + _HEADROOM
        options = [
            ("grpc.max_receive_message_length", largest),
            # Otherwise a second server on the port would get half of the calls without anybody noticing.
            ("grpc.so_reuseport", 0),
        ]
        pool = ThreadPoolExecutor(config.threads, thread_name_prefix="call")
        self._closers.callback(pool.shutdown)
        server = grpc.server(pool, options=options)
        server.add_generic_rpc_handlers(handlers)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        ours = (transport.FILTER, transport.REGISTRY, transport.COMPLAINTS, transport.APPEALS, transport.RULES)
        names = (*ours, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        host = f"[{config.host}]" if ":" in config.host else config.host
        try:
            self.port = server.add_insecure_port(f"{host}:{config.port}")
        except RuntimeError:
            self.port = 0
        if not self.port:
            raise StartError(
                f"{host}:{config.port}: cannot be listened on; is the port in use? --port 0 takes a free one"
            )
        self.address = f"{host}:{self.port}"
        server.start()
        self._grpc = server
        if config.port_file:
            temporary = config.port_file.with_name(config.port_file.name + ".new")
            temporary.write_text(f"{self.port}\n")
            temporary.replace(config.port_file)

    def stop(self, grace: float | None = None) -> None:
        """Refuse new calls, give those in flight `grace` seconds (default: config.drain_seconds), close everything."""
        server, self._grpc = self._grpc, None
        if server is not None:
            self._health.enter_graceful_shutdown()
            self._streams.drain()
            self._drain_registry()
            stopped = server.stop(self.config.drain_seconds if grace is None else grace)
            while not stopped.wait(0.1):
                self._streams.end_idle()
        self._closers.close()

    def _ready(self) -> None:
        self._set_health(transport.FILTER, _SERVING)
        self._set_health("", _SERVING)

    def _set_health(self, service: str, status: health_pb2.HealthCheckResponse.ServingStatus.ValueType) -> None:
        self._health.set(service, status)


def first_rules(rule_sets: RuleSets, config: Config) -> None:
    """Activate what the server is to start with: --rules, else what was active before, else the shipped packs.

    What was active before and cannot be loaded is not replaced by something else: the server starts without rules,
    and its status says why.

    Raises:
        StartError: the rules that were asked for are not usable.
    """
    restored = False
    with contextlib.suppress(ServiceError):
        restored = rule_sets.restore()
    failed = rule_sets.last_failure is not None
    if config.rules is not None:
        content, source = _read_rules(config.rules), config.rules.name
        # Chosen by name on the command line: no guard against a smaller rule set.
        try:
            rule_sets.activate(content, source=source, force=True)
        except ServiceError as error:
            raise StartError(f"{config.rules}: {error.message}") from None
    elif not restored and not failed and not config.no_rules:
        try:
            rule_sets.activate(_shipped_rules(), source="shipped packs")
        except ServiceError as error:
            raise StartError(f"shipped packs: {error.message}") from None


def _read_rules(path: Path) -> bytes:
    """A bundle's bytes, from its file or from the packs of a folder."""
    from fairpost.rules import PackErrors, compile_packs

    try:
        return compile_packs(path) if path.is_dir() else path.read_bytes()
    except PackErrors as found:
        raise StartError("\n".join([f"{path}: the packs do not compile", *map(str, found.errors)])) from None
    except OSError as error:
        raise StartError(f"{path}: cannot be read: {error.strerror}") from None


def _shipped_rules() -> bytes:
    from fairpost.rules import PackErrors
    from fairpost.rules.shipped import shipped_bundle

    try:
        return shipped_bundle().read_bytes()
    except PackErrors as found:
        raise StartError("\n".join(["the shipped packs do not compile", *map(str, found.errors)])) from None
    except OSError as error:
        raise StartError(f"shipped packs: {error.filename}: {error.strerror}; see FAIRPOST_CACHE") from None


def serve(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; to be called in the main thread. Gives the exit status."""
    logs.configure(config)
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(130)  # asked twice: what is in flight is not waited for
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server = Server(config)
        try:
            server.start()
        except StartError as error:
            print(f"fairpost serve: {error}", file=sys.stderr)
            return 2
        print(f"fairpost serves on {server.address}", flush=True)
        log.info("serving", address=server.address, threads=config.threads, data_dir=str(config.data_dir))
        stop.wait()
        log.info("draining", seconds=config.drain_seconds)
        server.stop()
        log.info("stopped")
        return 0
    finally:
        for number, action in before.items():
            signal.signal(number, action)
