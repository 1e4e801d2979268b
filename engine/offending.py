"""Posts of a request of which more has to be known than their verdicts: what the engine can tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from fairpost.engine.vocabulary import Action

__all__ = ["Held", "Offending", "Refused"]


@dataclass(slots=True)
class Offending:
    """A judged post of a known seller whose action is SHIELD or BLOCK.

    Attributes:
        index: of the post in its batch.
        day: for which it was judged, in days since 1970.
        labels: ((position in CATEGORIES, score), ...).
        rules: numbers of the enforced rules in evidence, each once.
        standing: record of STANDING_DTYPE, the seller's.
        begin, end: bytes of the post's message in a request that was answered as bytes; of a CheckPost its last piece.
    """

    index: int
    day: int
    action: Action
    labels: tuple[tuple[int, float], ...]
    rules: tuple[int, ...]
    standing: np.void
    decision_id: str
    begin: int = 0
    end: int = 0


class Held(NamedTuple):
    """A judged post with an action for which it is handed over: what is needed to judge it again, and no more, since
    there may be many.

    Attributes:
        post: position of the post in its batch.
        day: for which it was judged, in days since 1970.
        seller: 0 or more: the registry knows him; otherwise SELLER_NONE, SELLER_NOT_FOUND or SELLER_UNAVAILABLE.
        standing: bytes of a STANDING_DTYPE record, his; empty where the registry does not know him.
        begin, end: as in `Offending`.
    """

    post: int
    day: int
    seller: int
    standing: bytes
    decision_id: str
    begin: int
    end: int


@dataclass(slots=True)
class Refused:
    """A post of a request that could not be judged.

    Attributes:
        index: of the post in its batch.
        begin, end: bytes of its message in the request.
        status: `Status` of its texts; 0: it did not come so far, something else is wrong.
        part, offset: of which text, and where; as `VerdictBatch.status_text` and `status_offset`.
    """

    index: int
    begin: int
    end: int
    status: int
    part: int
    offset: int
