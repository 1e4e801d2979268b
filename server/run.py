"""A configuration completed into a running server, in this process.

config -> Server(config).start() -> .address ... .stop()

`fairpost serve` runs one of these in each worker (server/supervisor); by itself it serves tests and programs that
embed it.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from grpc_health.v1 import health, health_pb2

from fairpost.engine.decision_ids import DecisionIds
from fairpost.engine.vocabulary import Action
from fairpost.server import logs, transport
from fairpost.server.access.limits import channel_options
from fairpost.server.access.service import AccessControl
from fairpost.server.activation import RuleSets
from fairpost.server.audit import chain
from fairpost.server.audit.calls import audited, with_entries
from fairpost.server.audit.listing import AuditReading
from fairpost.server.calls import methods
from fairpost.server.calls.dispatch import Dispatcher
from fairpost.server.calls.pulse import Pulse
from fairpost.server.calls.reflection import reflection_method
from fairpost.server.calls.streams import Streams
from fairpost.server.config import Config, StartError
from fairpost.server.coordination import Alone, Questions
from fairpost.server.data_dir import locked, write_port
from fairpost.server.errors import ServiceError
from fairpost.server.filtering import FilterService
from fairpost.server.first_rules import first_rules
from fairpost.server.observe.figures import QUESTION as FIGURES
from fairpost.server.observe.figures import figures
from fairpost.server.parts import open_bulletin, open_instruments, open_registry, open_reviews, public_keys
from fairpost.server.rulebook import FIRED, Comparison, RulesInForce, ShadowResults, fired
from fairpost.server.rules import STATUS, RulesService, worker_status
from fairpost.server.sources.polling import SourcePolling
from fairpost.server.store import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairpost.server.access.inner import InnerDoor
    from fairpost.server.activation import Outcome
    from fairpost.server.bulletin.service import Bulletin
    from fairpost.server.coordination import Coordinator
    from fairpost.server.observe.decisions import DecisionLog
    from fairpost.server.observe.metrics import Metrics
    from fairpost.server.registry import Registry
    from fairpost.server.reviews import Reviews
    from fairpost.server.store import Store

__all__ = ["Server", "StartError"]

log = structlog.get_logger(__name__)

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
# grpcio refuses larger messages before we see them; beyond the largest one that is taken there is room for the
# message around it, so that callers get our error, which names the limit.
_HEADROOM = 1 << 20


class Server:
    """One process's server: registry, rule sets, services, and the port they are served on.

    coordinator: the tie to other workers on the port; default: there are none, and the data directory is locked here.
    questions: what this process can be asked by its coordinator; `Server` adds its own answers.
    inner: the socket by which the HTTP side calls for others; None: there is none.
    """

    registry: Registry
    """While it runs."""
    rule_sets: RuleSets
    """While it runs."""
    bulletin: Bulletin
    """While it runs."""
    reviews: Reviews
    """While it runs."""
    rules: RulesService
    """While it runs."""
    access: AccessControl
    """While it runs; its `reload` reads certificates and keys again."""

    def __init__(
        self,
        config: Config,
        *,
        coordinator: Coordinator | None = None,
        questions: Questions | None = None,
        inner: InnerDoor | None = None,
    ) -> None:
        self.config = config
        self._inner = inner
        self.questions = questions or Questions()
        self.address = ""
        self.port = 0
        self.reloaders: list[Callable[[Config], Callable[[], None]]] = [
            self._reload_here,
            self._reload_rules,
            self._reload_access,
        ]
        """Each looks at new settings, raises StartError or ServiceError if they will not do, and gives what puts them
        in force, which does not fail."""
        self._apply: Callable[[], None] = lambda: None
        self._alone = coordinator is None
        self._coordinator: Coordinator = coordinator or Alone(self.questions)
        self._closers = contextlib.ExitStack()  # closes last in, first out
        self._health = health.HealthServicer(experimental_non_blocking=True)
        self._grpc: grpc.Server | None = None
        self._drain: Callable[[float], None] = lambda _: None
        self._end_idle: Callable[[], None] = lambda: None
        self._draining = False
        self._metrics: Metrics | None = None
        self._figures: Callable[[], dict[str, Any]] = dict
        self.decisions: DecisionLog | None = None

    def metrics(self) -> bytes:
        """What this process has counted, in Prometheus' text format; nothing before it is started."""
        return self._metrics.exposition() if self._metrics is not None else b""

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
        if self._alone:
            self._closers.enter_context(locked(config.data_dir))
        keys = public_keys(config)
        self.registry = registry = open_registry(config, self._coordinator, self._closers)
        instruments = open_instruments(config, registry, self._coordinator, self._closers)
        self.decisions = instruments.decisions
        self.rule_sets = rule_sets = RuleSets(
            config.data_dir / "rules",
            keep=config.keep_revisions,
            keys=keys,
            on_first=self._ready,
            coordinator=self._coordinator,
        )
        self.bulletin = bulletin = open_bulletin(config, registry, rule_sets, self._closers)
        self._source = SourcePolling(
            rule_sets,
            config,
            leads=self._coordinator.leads,
            entered=lambda content, work: with_entries(
                registry.core.store, "rules source", "rule set", content, work, _activated
            ),
        )
        self._answer_questions()
        for service in methods.SERVICES:
            self._set_health(service, _NOT_SERVING if service == methods.FILTER else _SERVING)
        self._set_health("", _NOT_SERVING)
        if self._coordinator.starts_first:
            self._first_rules(rule_sets, registry.core.store)
        else:
            self._restore_rules()
        self.reviews = reviews = open_reviews(config, registry, self._closers)
        filtering = FilterService(
            rule_sets,
            registry.lookups.table,
            DecisionIds(),
            violations=registry.violations if config.record_violations else None,
            reviews=reviews.intake,
            held=[Action[name] for name in config.review_actions.split(",") if name],
            on_unavailable=config.on_unavailable,
            max_posts=config.max_posts,
            max_characters=config.max_characters,
            traces=instruments.traces,
        )
        self.rules = rules = RulesService(
            rule_sets,
            self._coordinator,
            importlib.metadata.version("fairpost"),
            in_force=RulesInForce(rule_sets, registry.core),
            comparison=Comparison(
                rule_sets,
                bulletin.notices,
                registry.core,
                registry.lookups.table,
                max_posts=config.max_posts,
                max_characters=config.max_characters,
            ),
            shadows=ShadowResults(rule_sets, registry.core, self._coordinator),
        )
        self.questions.add(FIRED, lambda rules: fired(filtering.counts, rules))
        self.access = access = AccessControl(config, registry.core.store, self._inner)
        self._closers.callback(access.close)
        access.start()
        streams = Streams(config.max_streams, access.waits)
        # Two more than there may be streams: they refuse the others.
        stream_threads = ThreadPoolExecutor(config.max_streams + 2, thread_name_prefix="stream")
        self._closers.callback(stream_threads.shutdown)
        watchers = ThreadPoolExecutor(config.max_watchers, thread_name_prefix="watcher")
        self._closers.callback(watchers.shutdown)

        def drain(seconds: float) -> None:
            registry.drain()
            streams.drain(seconds)

        self._drain, self._end_idle = drain, streams.end_idle
        table = methods.methods(
            filtering,
            registry,
            rules,
            bulletin,
            reviews,
            AuditReading(registry.core),
            max_request_bytes=config.max_request_bytes,
            max_bundle_bytes=config.max_bundle_bytes,
        )
        table = [audited(method, registry.core.store) for method in table]
        table.append(reflection_method([*methods.SERVICES, health.SERVICE_NAME]))
        watch = instruments.watch(table)
        self._figures = lambda: figures(watch.calls, filtering.counts, rule_sets)
        self._metrics = instruments.metrics(watch, filtering.counts, rule_sets, registry, reviews.intake)
        dispatcher = Dispatcher(access.gate, watch, streams, access.waits)
        handlers = transport.handlers(table, dispatcher, access.unread, streams=stream_threads, watchers=watchers)
        self._listen([*handlers, transport.health_handler(self._health, access.probes, access.waits)])
        self._closers.callback(self._source.close)
        self._source.start()

    def _first_rules(self, rule_sets: RuleSets, store: Store) -> None:
        began = now_ms()
        first_rules(rule_sets, self.config)
        active = rule_sets.active
        if active is None or active.activated_at < began:  # as before the restart
            return
        try:
            chain.record(store, method="start", subject=f"rule set {active.revision} ({active.source})")
        except ServiceError as error:
            raise StartError(error.message) from None

    def _restore_rules(self) -> None:
        """Serve what the other workers serve."""
        try:
            self.rule_sets.restore()
        except ServiceError as error:
            others = self._coordinator.gather(STATUS)
            # Where nobody can serve them it is in the status. Beside others that do, this worker would only refuse.
            if self.rule_sets.last_failure is None or any(answer.get("revision") for answer in others.values()):
                raise StartError(f"the active rule set cannot be served: {error.message}") from None

    def _listen(self, handlers: list[grpc.GenericRpcHandler[bytes, bytes]]) -> None:
        config = self.config
        largest = max(config.max_request_bytes, config.max_bundle_bytes) + _HEADROOM
        options = [
            ("grpc.max_receive_message_length", largest),
            # Without other workers a second server on the port would get half of the calls without anybody noticing.
            ("grpc.so_reuseport", int(self._coordinator.shares_port)),
            *channel_options(config),
        ]
        pulse = Pulse(self.access.pool)
        self.questions.add("ping", lambda _: {"stuck": pulse.stuck()})
        server = grpc.server(
            self.access.pool, options=options, handlers=handlers, maximum_concurrent_rpcs=config.max_in_flight
        )
        certificates = self.access.certificates
        host = f"[{config.host}]" if ":" in config.host else config.host
        try:
            where = f"{host}:{config.port}"
            self.port = (
                server.add_secure_port(where, certificates.credentials())
                if certificates
                else server.add_insecure_port(where)
            )
        except RuntimeError:
            self.port = 0
        if not self.port:
            raise StartError(
                f"{host}:{config.port}: cannot be listened on; is the port in use? --port 0 takes a free one"
            )
        self.address = f"{host}:{self.port}"
        if self._inner is not None:
            self._listen_inside(server, self._inner)
        server.start()
        self._grpc = server
        if self._alone and config.port_file:
            write_port(config.port_file, self.port)

    def _listen_inside(self, server: grpc.Server, inner: InnerDoor) -> None:
        try:
            Path(inner.socket).unlink(missing_ok=True)  # of a worker that was killed
            bound = server.add_insecure_port(f"unix:{inner.socket}")
        except (OSError, RuntimeError):
            bound = 0
        if not bound:
            raise StartError(f"{inner.socket}: no socket can be made there for the HTTP side")

    def stop(self, grace: float | None = None) -> None:
        """Refuse new calls, give those in flight `grace` seconds (default: config.drain_seconds), close everything."""
        server, self._grpc = self._grpc, None
        self._draining = True
        if server is not None:
            self._health.enter_graceful_shutdown()
            grace = self.config.drain_seconds if grace is None else grace
            self._drain(grace)
            stopped = server.stop(grace)
            while not stopped.wait(0.1):
                self._end_idle()
        self._closers.close()

    # ---- what the coordinator asks ----------------------------------------------------------------------------

    def _answer_questions(self) -> None:
        def prepare(content: Any) -> dict[str, Any]:
            self.rule_sets.prepare(content["revision"], content["digest"])
            return {}

        def swap(content: Any) -> dict[str, Any]:
            self.rule_sets.swap(content["revision"], content["history"])
            return {}

        def forget(content: Any) -> dict[str, Any]:
            self.rule_sets.forget(content["revision"])
            return {}

        def status(_: Any) -> dict[str, Any]:
            return worker_status(self.rule_sets) | {"source": self._source.status(), "draining": self._draining}

        def check(content: Any) -> dict[str, Any]:
            self._apply = self.reload(Config.of_json(content))
            return {}

        def apply(_: Any) -> dict[str, Any]:
            self._apply()
            return {}

        add = self.questions.add
        add(STATUS, status)
        add("metrics", lambda _: {"exposition": self.metrics().decode()})
        add(FIGURES, lambda _: self._figures())
        add("rules.prepare", prepare)
        add("rules.swap", swap)
        add("rules.forget", forget)
        add("settings.check", check)
        add("settings.apply", apply)

    def reload(self, config: Config) -> Callable[[], None]:
        """Look at new settings; gives what puts them in force (those of RELOADABLE).

        Raises:
            StartError, ServiceError: they will not do; nothing has changed.
        """
        ready = [look(config) for look in self.reloaders]

        def apply() -> None:
            for each in ready:
                each()

        return apply

    def _reload_here(self, config: Config) -> Callable[[], None]:
        def apply() -> None:
            self.config = config
            logs.configure(config)

        return apply

    def _reload_rules(self, config: Config) -> Callable[[], None]:
        keys = public_keys(config)
        self.rule_sets.check_trust(keys)

        def apply() -> None:
            self.rule_sets.keys = keys
            self.rule_sets.keep = config.keep_revisions
            self._source.configure(config)

        return apply

    def _reload_access(self, config: Config) -> Callable[[], None]:
        if not self.access.reload():
            raise StartError("tls_cert, tls_key, tls_client_ca: cannot be used, the former are; the log says why")

        def apply() -> None:
            self.access.quotas.messages, self.access.quotas.bytes = config.quota_messages, config.quota_bytes

        return apply

    def _ready(self) -> None:
        self._set_health(methods.FILTER, _SERVING)
        self._set_health("", _SERVING)

    def _set_health(self, service: str, status: health_pb2.HealthCheckResponse.ServingStatus.ValueType) -> None:
        self._health.set(service, status)


def _activated(outcome: Outcome) -> str:
    previous = outcome.previous.revision if outcome.previous else "none"
    return f"rule set {previous} -> {outcome.active.revision}"
