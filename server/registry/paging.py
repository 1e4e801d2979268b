"""Pages of lists. A token holds where the next page begins and which list it belongs to; forged ones are refused."""

from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING, Any

from fairpost.server.errors import InvalidArgument
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    import sqlalchemy as sa
    from google.protobuf.message import Message

    from fairpost.server.faults import Faults
    from fairpost.server.registry.keys import Keys

__all__ = ["DEFAULT_PAGE", "MOST", "Pages"]

DEFAULT_PAGE = 100
MOST = 1000
_SEAL_BYTES = 8


class Pages:
    """Page tokens of one list request: `request` has the fields page_size and page_token."""

    def __init__(self, keys: Keys, store_id: str, request: Any) -> None:
        self._keys = keys
        self._token = request.page_token
        self.size = request.page_size or DEFAULT_PAGE
        # What the token belongs to: the same list, with the same filter, in the same store.
        same: Message = type(request)()
        same.CopyFrom(request)
        same.ClearField("page_token")
        same.ClearField("page_size")
        name = f"{store_id}:{request.DESCRIPTOR.name}:".encode()
        self._list = keys.hash(name + same.SerializeToString(deterministic=True))[:_SEAL_BYTES]

    def check(self, faults: Faults) -> None:
        if self.size > MOST:
            faults.add("page_size", f"is {self.size}; at most {MOST}")

    def take(
        self, connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], *, descending: bool = False
    ) -> tuple[list[Any], str]:
        """The rows of this page, by a column that is unique and in the query, and the token for the next; "" on the
        last one. descending: the greatest first.

        Raises:
            InvalidArgument: the token is none of this list.
        """
        query = query.order_by(column.desc() if descending else column).limit(self.size + 1)
        if (after := self.begin()) is not None:
            query = query.where(column < after if descending else column > after)
        found = connection.execute(query).all()
        shown = list(found[: self.size])
        return shown, self.token(getattr(shown[-1], column.name)) if len(found) > len(shown) else ""

    def begin(self) -> Any:
        """Where this page begins: what `token` was given; None for the first page.

        Raises:
            InvalidArgument: not a token of this list.
        """
        if not self._token:
            return None
        try:
            raw = base64.urlsafe_b64decode(self._token.encode("ascii"))
            content, seal = raw[:-_SEAL_BYTES], raw[-_SEAL_BYTES:]
            if hmac.compare_digest(seal, self._seal(content)):
                return json.loads(content)
        except ValueError:
            pass
        raise InvalidArgument(
            reason_pb2.REASON_INVALID_PAGE_TOKEN,
            "page_token: is none of this list; send the one from the page before, with the same filter",
        )

    def token(self, after: Any) -> str:
        """For the next page."""
        content = json.dumps(after).encode()
        return base64.urlsafe_b64encode(content + self._seal(content)).decode()

    def _seal(self, content: bytes) -> bytes:
        return self._keys.hash(b"page\0" + self._list + content)[:_SEAL_BYTES]
