"""What opening a store can say."""

from __future__ import annotations

__all__ = ["StoreError"]


class StoreError(Exception):
    """The store cannot be opened; the message says which one, why, and what to do."""
