"""Flips of a backtest as a table: a row for each post whose verdict differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from fairpost.engine.vocabulary import CATEGORIES, Action
from fairpost.rules.backtest import Kind, Words
from fairpost.rules.truth import UNLABELLED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fairpost.cli.posts import Batch
    from fairpost.rules.backtest import Flips, Judged, RuleTable

__all__ = ["FLIPS", "flip_rows"]

NAMES: Final = pa.list_(pa.string())
FLIPS: Final = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("id", pa.string()),
        ("seller", pa.string()),
        ("channel", pa.string()),
        ("violating", pa.bool_()),
        ("kinds", NAMES),
        ("old_action", pa.string()),
        ("new_action", pa.string()),
        ("old_risk", pa.float32()),
        ("new_risk", pa.float32()),
        ("old_commerce", pa.float32()),
        ("new_commerce", pa.float32()),
        ("old_exposure", pa.float32()),
        ("new_exposure", pa.float32()),
        ("categories_appeared", NAMES),
        ("categories_vanished", NAMES),
        ("rules_appeared", NAMES),
        ("rules_vanished", NAMES),
        ("rules_redefined", NAMES),
    ]
)
"""`row` is the post's line (Parquet: row) in `file`, from 1; `violating` is what its label says, null without one."""

ACTIONS: Final = pa.array([action.name for action in Action])
CATEGORY_NAMES: Final = pa.array(CATEGORIES)
KIND_NAMES: Final = pa.array([str(kind.name).lower() for kind in Kind])


def flip_rows(batch: Batch, judged: Judged, table: RuleTable) -> pa.RecordBatch:
    """Rows of `FLIPS` for one batch."""
    flips, old, new = judged.flips, judged.old, judged.new
    post = flips.post
    names = pa.array(table.names)
    state = None if batch.truth is None else batch.truth.state[post]
    columns = [
        pa.array([str(batch.chunk.path)] * len(flips), pa.string()),
        pa.array(batch.chunk.places[post]),
        _taken(batch.chunk.ids, post),
        _named(batch.sellers, post),
        _named(batch.channels, post),
        pa.nulls(len(flips), pa.bool_()) if state is None else pa.array(state == 1, mask=state == UNLABELLED),
        _bits(flips.kinds.astype(np.uint32), KIND_NAMES),
        ACTIONS.take(pa.array(old.action[post])),
        ACTIONS.take(pa.array(new.action[post])),
    ]
    for name in ("risk", "commerce", "exposure"):
        columns += [pa.array(getattr(verdicts, name)[post]) for verdicts in (old, new)]
    columns += [_bits(flips.labels_appeared, CATEGORY_NAMES), _bits(flips.labels_vanished, CATEGORY_NAMES)]
    rule = flips.cause != table.elsewhere
    columns += [_causes(flips, rule & (flips.change == change), names) for change in (1, -1, 0)]
    return pa.RecordBatch.from_arrays(columns, schema=FLIPS)


def _taken(column: pa.StringArray | None, post: NDArray[np.int64]) -> pa.StringArray:
    return pa.nulls(len(post), pa.string()) if column is None else column.take(pa.array(post))


def _named(words: Words | None, post: NDArray[np.int64]) -> pa.StringArray:
    if words is None:
        return pa.nulls(len(post), pa.string())
    return pa.array(words.words, pa.string()).take(pa.array(words.codes[post]))


def _bits(masks: NDArray[np.uint32], names: pa.StringArray) -> pa.ListArray:
    """The names of the bits that are set, in their order."""
    numbers = np.arange(len(names), dtype=np.uint32)
    is_set = (masks[:, None] >> numbers & 1).astype(np.bool_)
    return _lists(is_set.sum(axis=1), np.nonzero(is_set)[1], names)


def _causes(flips: Flips, wanted: NDArray[np.bool_], names: pa.StringArray) -> pa.ListArray:
    counts = np.bincount(flips.owner()[wanted], minlength=len(flips))
    return _lists(counts, flips.cause[wanted], names)


def _lists(counts: NDArray[Any], items: NDArray[Any], names: pa.StringArray) -> pa.ListArray:
    borders = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=borders[1:])
    return pa.ListArray.from_arrays(pa.array(borders), names.take(pa.array(items)))
