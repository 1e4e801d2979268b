"""Verdict columns of the engine -> the output columns of `fairpost check`, as Arrow arrays.

No post becomes a Python object: labels and evidence are lists of structures built from the columns, matched
text is gathered from the bytes of the posts by array arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from fairpost.engine.vocabulary import (
    CATEGORIES,
    ENFORCEMENT,
    LISTING,
    REGISTRATION,
    SELLER_NONE,
    SELLER_NOT_FOUND,
    SEVERITIES,
    Action,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fairpost.engine import RuleSet, VerdictBatch

__all__ = ["EVIDENCE", "LABEL", "SCHEMA", "Posts", "Table", "gather_ranges", "matched"]

LABEL: Final = pa.struct([("category", pa.string()), ("score", pa.float32()), ("severity", pa.string())])
EVIDENCE: Final = pa.struct(
    [
        ("rule", pa.string()),
        ("category", pa.string()),
        ("begin", pa.uint32()),
        ("end", pa.uint32()),
        ("matched", pa.string()),
        ("basis", pa.list_(pa.string())),
    ]
)
SCHEMA: Final = pa.schema(
    [
        ("id", pa.string()),
        ("action", pa.string()),
        ("risk", pa.float32()),
        ("commerce", pa.float32()),
        ("exposure", pa.float32()),
        ("labels", pa.list_(LABEL)),
        ("evidence", pa.list_(EVIDENCE)),
        ("shadow", pa.list_(EVIDENCE)),
        ("seller_standing", pa.string()),
        ("revision", pa.string()),
    ]
)
"""Spans of evidence are half-open and count code points of the post's text. `shadow` is that of shadow rules."""

ACTIONS: Final = pa.array([a.name for a in Action])
CATEGORY_NAMES: Final = pa.array(CATEGORIES)
SEVERITY_NAMES: Final = pa.array(SEVERITIES)


@dataclass(frozen=True)
class Posts:
    """The posts of one chunk that a verdict table is made for, in the order of the batch."""

    texts: pa.BinaryArray
    ids: pa.StringArray
    sellers: NDArray[np.int32] | None
    standings: NDArray[Any] | None


def gather_ranges(begins: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indexes of all elements of ranges, one range after the other: [3, 10], [2, 3] -> [3, 4, 10, 11, 12]."""
    stops = np.cumsum(lengths)
    total = int(stops[-1]) if len(stops) else 0
    indexes: NDArray[np.int64] = np.arange(total) + np.repeat(begins - (stops - lengths), lengths)
    return indexes


def owners(begins: NDArray[np.uint32]) -> NDArray[np.int64]:
    """The post of every element of a list column."""
    counts: NDArray[np.int64] = np.subtract(begins[1:], begins[:-1], dtype=np.int64)
    return np.repeat(np.arange(len(counts)), counts)


def _select_lists(begins: NDArray[Any], keep: NDArray[np.bool_]) -> NDArray[np.int32]:
    """List borders after elements with `keep` false are gone."""
    kept = np.zeros(len(keep) + 1, np.int32)
    np.cumsum(keep, out=kept[1:])
    borders: NDArray[np.int32] = kept[begins.astype(np.int64)]
    return borders


class Table:
    """Makes output tables from verdict batches of one rule set on one day."""

    def __init__(self, rules: RuleSet, day: int) -> None:
        names = [rule["id"] for rule in rules.meta["rules"]]
        categories = [rule["category"] for rule in rules.meta["rules"]]
        self._rule_names = pa.array(names, pa.string())
        self._rule_categories = pa.array(
            [c if isinstance(c, str) else CATEGORIES[c] for c in categories],
            pa.string(),
        )
        self._basis = pa.array([list(rules.citations(i, day)) for i in range(len(names))], pa.list_(pa.string()))
        self._revision = rules.revision

    def record_batch(self, batch: VerdictBatch, posts: Posts) -> pa.RecordBatch:
        """The output columns for the posts of a batch that have a verdict (status OK), in order."""
        ok = batch.status == 0
        columns = [
            posts.ids,
            ACTIONS.take(pa.array(batch.action)),
            pa.array(batch.risk),
            pa.array(batch.commerce),
            pa.array(batch.exposure),
            self._labels(batch),
            self._evidence(batch, posts, batch.evidence_shadow == 0),
            self._evidence(batch, posts, batch.evidence_shadow != 0),
            _standing(posts, len(batch)),
            pa.repeat(pa.scalar(self._revision), len(batch)),
        ]
        made = pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
        return made if ok.all() else made.filter(pa.array(ok))

    def _labels(self, batch: VerdictBatch) -> pa.ListArray:
        values = pa.StructArray.from_arrays(
            [
                CATEGORY_NAMES.take(pa.array(batch.label_category)),
                pa.array(batch.label_score),
                SEVERITY_NAMES.take(pa.array(batch.label_severity)),
            ],
            fields=list(LABEL),
        )
        return pa.ListArray.from_arrays(pa.array(batch.label_begin.astype(np.int32)), values)

    def _evidence(self, batch: VerdictBatch, posts: Posts, chosen: NDArray[np.bool_]) -> pa.ListArray:
        """Evidence of enforced rules, or of shadow rules: what those find stands apart, as it changes no verdict."""
        rule = pa.array(batch.evidence_rule[chosen])
        begin = batch.evidence_start[chosen]
        end = batch.evidence_stop[chosen]
        post = owners(batch.evidence_begin)
        values = pa.StructArray.from_arrays(
            [
                self._rule_names.take(rule),
                self._rule_categories.take(rule),
                pa.array(begin),
                pa.array(end),
                matched(posts.texts, post[chosen], begin, end),
                self._basis.take(rule),
            ],
            fields=list(EVIDENCE),
        )
        return pa.ListArray.from_arrays(pa.array(_select_lists(batch.evidence_begin, chosen)), values)


def matched(
    texts: pa.BinaryArray, post: NDArray[np.int64], begin: NDArray[np.uint32], end: NDArray[np.uint32]
) -> pa.StringArray:
    """The pieces `texts[post][begin:end]`, spans in code points, without decoding any text.

    The k-th code point of the chunk starts at the k-th byte that is no continuation byte; posts named in
    `post` are sound UTF-8, so each starts at such a byte whatever its neighbours hold.
    """
    if not len(post):
        return pa.array([], pa.string())
    _, offsets_buffer, content_buffer = texts.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32, len(texts) + 1, texts.offset * 4)
    content = np.frombuffer(content_buffer, np.uint8)[: offsets[-1]]
    starts = np.append(np.flatnonzero((content & 0xC0) != 0x80), len(content))
    first = np.searchsorted(starts, offsets[post])
    # The end of a post is where its bytes end: a neighbour that is no UTF-8 may begin with a continuation byte.
    begin_byte = np.minimum(starts[first + begin], offsets[post + 1])
    end_byte = np.minimum(starts[first + end], offsets[post + 1])
    lengths = (end_byte - begin_byte).astype(np.int64)
    borders = np.zeros(len(post) + 1, np.int32)
    np.cumsum(lengths, out=borders[1:])
    pieces = content[gather_ranges(begin_byte, lengths)]
    return pa.Array.from_buffers(pa.string(), len(post), [None, pa.py_buffer(borders), pa.py_buffer(pieces)])


def _standing(posts: Posts, count: int) -> pa.StringArray:
    """`registration/enforcement/listing`, `not_found`, `unavailable`, or null where the post names no seller."""
    if posts.sellers is None:
        return pa.nulls(count, pa.string())
    words: list[str | None] = []
    if posts.standings is not None:
        words = [
            f"{REGISTRATION[s['registration']]}/{ENFORCEMENT[s['enforcement']]}/{LISTING[s['listing']]}"
            for s in posts.standings
        ]
    known = len(words)
    words += [None, "not_found", "unavailable"]
    row = np.where(
        posts.sellers >= 0,
        posts.sellers,
        np.where(
            posts.sellers == SELLER_NONE, known, np.where(posts.sellers == SELLER_NOT_FOUND, known + 1, known + 2)
        ),
    )
    return pa.array(words, pa.string()).take(pa.array(row))
