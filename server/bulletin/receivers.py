"""Who is told of what is published, and what telling is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from fairpost.v1 import bulletin_pb2

__all__ = ["DeliveryFailed", "Interests", "Receiver", "Told"]


class DeliveryFailed(Exception):
    """It was not taken; the message is kept with the delivery. is_final: trying again is no use. retry_after: seconds
    that the receiver asks for."""

    def __init__(self, message: str, *, is_final: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.is_final = is_final
        self.retry_after = retry_after


class Told(NamedTuple):
    """A step of the log. message_id: the same whenever it is told."""

    message_id: str
    entry: bulletin_pb2.BulletinEntry


@dataclass(frozen=True)
class Interests:
    """Which documents a receiver is told of; nothing named: all."""

    kinds: frozenset[int] = frozenset()
    categories: frozenset[str] = frozenset()

    def wants(self, document: bulletin_pb2.Document) -> bool:
        of_kind = not self.kinds or document.kind in self.kinds
        return of_kind and (not self.categories or not self.categories.isdisjoint(document.content.categories))


class Receiver(Protocol):
    """Thread-safe. name: in the log of deliveries; it must not change."""

    @property
    def name(self) -> str: ...

    def wants(self, document: bulletin_pb2.Document) -> bool: ...

    def deliver(self, told: Told) -> None:
        """Tell it; may be called again with the same, and must then change nothing more.

        Raises:
            DeliveryFailed: it was not taken.
        """
