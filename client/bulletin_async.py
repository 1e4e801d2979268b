"""As bulletin.py, for asyncio."""

# Which message a method answers with follows from its name, which mypy does not know.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairpost.client import requests
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from datetime import datetime

    from google.protobuf.message import Message

__all__ = ["AsyncBulletinCalls"]


class AsyncBulletinCalls:
    """Of an `AsyncClient`, which has the calls themselves."""

    if TYPE_CHECKING:

        async def call(self, method: str, request: Message) -> Any: ...

        def _pages(self, method: str, request: Any, field: str) -> AsyncIterator[Any]: ...

        def _subscribed(self, request: bulletin_pb2.SubscribeRequest) -> AsyncGenerator[Any, None]: ...

    async def publish(self, **fields: Any) -> bulletin_pb2.DocumentResponse:
        """kind, content, actor; for a rule change bundle, or revision of one that the server keeps."""
        return await self.call("Publish", bulletin_pb2.PublishRequest(**fields))

    async def schedule(
        self, publish_at: datetime, *, request_id: str = "", **fields: Any
    ) -> bulletin_pb2.DocumentResponse:
        """The fields of publish."""
        return await self.call("Schedule", requests.schedule(publish_at, request_id, fields))

    async def withdraw(self, document_id: str, **fields: Any) -> bulletin_pb2.DocumentResponse:
        """actor, reason."""
        return await self.call("Withdraw", bulletin_pb2.WithdrawRequest(document_id=document_id, **fields))

    async def document(self, document_id: str, number: int = 0) -> bulletin_pb2.Document:
        """As it is public, or an earlier version of it."""
        return (
            await self.call("Get", bulletin_pb2.GetDocumentRequest(document_id=document_id, number=number))
        ).document

    def documents(self, **conditions: Any) -> AsyncIterator[bulletin_pb2.Document]:
        """All that meet the conditions of ListDocumentsRequest, the latest first publication first."""
        return self._pages("List", bulletin_pb2.ListDocumentsRequest(**conditions), "documents")

    def versions(self, document_id: str) -> AsyncIterator[bulletin_pb2.Document]:
        """Those that are or were public, oldest first."""
        return self._pages("ListVersions", bulletin_pb2.ListVersionsRequest(document_id=document_id), "versions")

    def scheduled(self) -> AsyncIterator[bulletin_pb2.Document]:
        """Versions that are not public yet."""
        return self._pages("ListScheduled", bulletin_pb2.ListScheduledRequest(), "documents")

    async def draft_notice(self, bundle: bytes = b"", **fields: Any) -> bulletin_pb2.DraftNoticeResponse:
        """The notice of the change to a bundle, or to the kept one of a revision, from the active one or old_bundle;
        nothing is published."""
        return await self.call("DraftNotice", bulletin_pb2.DraftNoticeRequest(bundle=bundle, **fields))

    def subscribe(self, cursor: str = "", **fields: Any) -> AsyncGenerator[bulletin_pb2.SubscribeResponse, None]:
        """What is published and withdrawn after the cursor, for as long as it is taken, across broken connections;
        close the generator to end. from_beginning, kinds, category."""
        return self._subscribed(bulletin_pb2.SubscribeRequest(cursor=cursor, **fields))

    async def acknowledge(
        self, seller_id: str, document_id: str, number: int, **fields: Any
    ) -> bulletin_pb2.AcknowledgeResponse:
        """A seller has read and accepted a version. actor, request_id."""
        named: dict[str, Any] = {"seller_id": seller_id, "document_id": document_id, "number": number}
        return await self.call("Acknowledge", bulletin_pb2.AcknowledgeRequest(**named, **fields))

    def acknowledgements(self, **conditions: Any) -> AsyncIterator[bulletin_pb2.DocumentAcknowledgement]:
        """All that meet the conditions of ListAcknowledgementsRequest, oldest first."""
        request = bulletin_pb2.ListAcknowledgementsRequest(**conditions)
        return self._pages("ListAcknowledgements", request, "acknowledgements")

    def deliveries(self, **conditions: Any) -> AsyncIterator[bulletin_pb2.Delivery]:
        """All that meet the conditions of ListDeliveriesRequest, oldest first."""
        return self._pages("ListDeliveries", bulletin_pb2.ListDeliveriesRequest(**conditions), "deliveries")

    async def retry_delivery(self, receiver: str, sequence: int, *, actor: str) -> bulletin_pb2.Delivery:
        """Have a dead or waiting delivery tried again now."""
        request = bulletin_pb2.RetryDeliveryRequest(receiver=receiver, sequence=sequence, actor=actor)
        return (await self.call("RetryDelivery", request)).delivery
