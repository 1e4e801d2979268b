"""Verdict messages from the columns of a judged batch: the plain way, which the engine's bytes must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairpost.engine.vocabulary import SEVERITIES
from fairpost.v1 import verdict_pb2

if TYPE_CHECKING:
    from fairpost.engine import Verdict, VerdictBatch

__all__ = ["BatchReader"]

_BOUNDS = (
    (1, verdict_pb2.BOUND_MATCHES),
    (2, verdict_pb2.BOUND_WORK),
    (4, verdict_pb2.BOUND_EVIDENCE),
)


class BatchReader:
    """Columns of a batch as Python lists, which are read faster item by item, and verdict messages from them."""

    def __init__(self, batch: VerdictBatch, revision: str) -> None:
        self._batch = batch
        self._revision = revision
        self.status = batch.status.tolist()
        self._action = batch.action.tolist()
        self._risk = batch.risk.tolist()
        self._commerce = batch.commerce.tolist()
        self._exposure = batch.exposure.tolist()
        self._flags = batch.flags.tolist()
        self._evidence_begin = batch.evidence_begin.tolist()
        self._label_begin = batch.label_begin.tolist()

    def fill(self, message: verdict_pb2.Verdict, k: int) -> None:
        """Everything that post `k`'s verdict has from the engine."""
        message.action = self._action[k] + 1
        message.risk = self._risk[k]
        message.commerce = self._commerce[k]
        message.exposure = self._exposure[k]
        message.revision = self._revision
        if flags := self._flags[k]:
            message.bounds_reached.extend(bound for bit, bound in _BOUNDS if flags & bit)
        has_labels = self._label_begin[k] != self._label_begin[k + 1]
        if has_labels or self._evidence_begin[k] != self._evidence_begin[k + 1]:
            # Only now the engine makes objects: most posts have nothing to show.
            _explain(message, self._batch[k], self._batch, self._evidence_begin[k])


def _explain(message: verdict_pb2.Verdict, verdict: Verdict, batch: VerdictBatch, first: int) -> None:
    """Labels and evidence; `first` is where the post's evidence begins in the batch's columns."""
    for label in verdict.labels:
        message.labels.add(
            category=label.category,
            score=label.score,
            severity=SEVERITIES.index(label.severity) + 1,
        )
    for row, evidence in enumerate(verdict.evidence, first):
        rule = int(batch.evidence_rule[row])
        message.evidence.add(
            rule=evidence.rule,
            category=evidence.category,
            text_index=evidence.text,
            begin=evidence.begin,
            end=evidence.end,
            matched=evidence.matched,
            folded=evidence.folded,
            basis=evidence.basis,
            message=verdict_pb2.LocalisedText(zh=evidence.message, en=batch.ruleset.message(rule, "en")),
            shadow=evidence.shadow,
        )
