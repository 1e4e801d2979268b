"""LookupSeller and BatchLookupSellers from a request's bytes to the answer's."""

from typing import Final

from fairpost.engine.standings import StandingTable

LOOKUP_SELLER: Final = 0
BATCH_LOOKUP_SELLERS: Final = 1

class SellerWire:
    def __init__(self, store_id: str, *, most: int = 10_000) -> None: ...
    def answer(
        self,
        kind: int,
        content: bytes,
        table: StandingTable,
        day: int,
        ttl: int,
        missing_ttl: int,
        is_fresh: bool = False,
    ) -> bytes | None: ...
