"""The packed form of a seller's standing, as the store and the standing table keep it."""

from __future__ import annotations

from typing import Final

import numpy as np

from fairpost.engine.vocabulary import MAX_CATEGORIES

__all__ = ["NO_DAY", "SELLER_RECORD_DTYPE"]

NO_DAY: Final = -(2**31)
"""`since_day` of a seller whose registration is not active."""

SELLER_RECORD_DTYPE: Final = np.dtype(
    [
        ("licences", "<u4"),
        ("since_day", "<i4"),
        ("registration", "u1"),
        ("enforcement", "u1"),
        ("listing", "u1"),
        ("complaints", "u1"),
        ("strikes", "u1", (MAX_CATEGORIES,)),
    ]
)
