"""What a server process is watched with, made from its configuration."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

from fairpost.server.observe.access import AccessLog
from fairpost.server.observe.decisions import DecisionLog
from fairpost.server.observe.decisions.files import LogFile
from fairpost.server.observe.decisions.records import Recorder
from fairpost.server.observe.decisions.sampling import Sampling
from fairpost.server.observe.metrics import Metrics
from fairpost.server.observe.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.server.activation import RuleSets
    from fairpost.server.calls.call import Method
    from fairpost.server.config import Config
    from fairpost.server.counts import Counts
    from fairpost.server.observe.traces import Traces
    from fairpost.server.registry import Keys, Registry
    from fairpost.server.reviews.intake import Intake

__all__ = ["InstrumentError", "Instruments"]

_KEY_BYTES = 32


class InstrumentError(Exception):
    """Traces or the decision log cannot be had as they were asked for; the message says why and what to do."""


class Instruments:
    """Traces and the decision log, if they are asked for. `close` writes what waits.

    Args:
        keys: of the registry; the decision log masks under one derived from them, so that a seller has the same mask
            in the logs of all its servers.
        worker: name of the process among those that share a decision log.

    Raises:
        InstrumentError: the folder of the decision log cannot be written, the extra `otel` is missing, an OTEL_*
            variable is wrong.
    """

    def __init__(self, config: Config, keys: Keys, *, worker: str = "0") -> None:
        self.traces = _traces() if config.traces else None
        self.decisions = _decisions(config, keys, worker)
        if self.decisions is not None:
            self.decisions.start()

    def watch(self, methods: Sequence[Method]) -> Watch:
        """The observer of the dispatcher."""
        return Watch(methods, access_log=AccessLog(), decisions=self.decisions, traces=self.traces)

    def metrics(
        self, watch: Watch, counts: Counts, rule_sets: RuleSets, registry: Registry, reviews: Intake
    ) -> Metrics:
        return Metrics(
            calls=watch.calls,
            counts=counts,
            rule_sets=rule_sets,
            registry=registry,
            reviews=reviews,
            decisions=self.decisions,
        )

    def close(self) -> None:
        if self.decisions is not None:
            self.decisions.close()
        if self.traces is not None:
            self.traces.close()


def _traces() -> Traces:
    try:
        from fairpost.server.observe.traces import Traces, TracesError, configured
    except ModuleNotFoundError as error:
        raise InstrumentError(f"traces need the package {error.name!r}: pip install 'fairpost[otel]'") from None
    try:
        return Traces(configured(), version=importlib.metadata.version("fairpost"))
    except TracesError as error:
        raise InstrumentError(str(error)) from None


def _decisions(config: Config, keys: Keys, worker: str) -> DecisionLog | None:
    if config.decision_log is None:
        return None
    try:
        file = LogFile(
            config.decision_log,
            worker,
            max_bytes=config.decision_log_file_bytes,
            max_seconds=config.decision_log_file_seconds,
            keep_days=config.decision_log_keep_days,
        )
    except OSError as error:
        raise InstrumentError(
            f"{config.decision_log}: cannot be used for the decision log: {error.strerror or error}"
        ) from None
    masked = [name.strip() for name in config.decision_log_masked.split(",") if name.strip()]
    recorder = Recorder(keys.derived("decision-log", _KEY_BYTES), masked=masked, texts=config.decision_log_texts)
    return DecisionLog(
        file,
        recorder,
        Sampling.parse(config.decision_log_sample),
        room=config.decision_log_queue_bytes,
        share=config.decision_log_share,
    )
