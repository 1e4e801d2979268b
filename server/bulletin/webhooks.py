"""Webhooks by the Standard Webhooks scheme (standardwebhooks.com): what was published or withdrawn, signed.

A message names the document and what it is about; its body is read with BulletinService.Get. `webhook-id` is the same
however often a message is sent, so a receiver that has seen it can leave it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Final

from google.protobuf.json_format import MessageToDict

from fairpost.server.bulletin.network import NotReached, post, target_of
from fairpost.server.bulletin.receivers import DeliveryFailed, Interests, Told
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Webhook", "payload", "secret_key", "signature"]

_PREFIX: Final = "whsec_"
_GONE: Final = 410
_PUBLIC: Final = bulletin_pb2.DOCUMENT_STATE_PUBLIC


def secret_key(secret: str) -> bytes:
    """The key of a secret `whsec_` and base64.

    Raises:
        ValueError: it is none, or not of 24 to 64 bytes. It is not quoted.
    """
    try:
        if not secret.startswith(_PREFIX):
            raise ValueError
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("is no secret; write whsec_ and base64 of 24 to 64 random bytes") from None
    if not 24 <= len(key) <= 64:
        raise ValueError(f"has {len(key)} bytes; 24 to 64 are taken")
    return key


def signature(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The header webhook-signature: one `v1,` and base64 of HMAC-SHA256 for each key."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(key, signed, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def payload(entry: bulletin_pb2.BulletinEntry) -> bytes:
    """The body of a message: the same bytes whenever it is made."""
    document = bulletin_pb2.Document()
    document.CopyFrom(entry.document)
    document.content.ClearField("body")
    is_public = document.state == _PUBLIC
    at = document.published_at if is_public else document.withdrawn_at
    content = {
        "type": "bulletin.published" if is_public else "bulletin.withdrawn",
        "timestamp": at.ToJsonString(),
        "data": {
            "sequence": entry.sequence,
            "document": MessageToDict(document, preserving_proto_field_name=True),
        },
    }
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


class Webhook:
    """A receiver that is told by HTTP.

    keys: what it is signed with; several while a secret is being changed.
    """

    def __init__(
        self,
        name: str,
        url: str,
        keys: Sequence[bytes],
        interests: Interests,
        *,
        allow_private: bool = False,
        seconds: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._target = target_of(url, allow_private=allow_private)
        self._keys = tuple(keys)
        self._interests = interests
        self._allow_private = allow_private
        self._seconds = seconds
        self._clock = clock

    def wants(self, document: bulletin_pb2.Document) -> bool:
        return self._interests.wants(document)

    def deliver(self, told: Told) -> None:
        """
        Raises:
            DeliveryFailed: it was not taken.
        """
        body = payload(told.entry)
        timestamp = int(self._clock())
        headers = {
            "content-type": "application/json",
            "user-agent": "fairpost-bulletin",
            "webhook-id": told.message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._keys, told.message_id, timestamp, body),
        }
        try:
            answer = post(self._target, body, headers, allow_private=self._allow_private, seconds=self._seconds)
        except NotReached as error:
            raise DeliveryFailed(str(error), is_final=error.is_final) from None
        if not 200 <= answer.status < 300:
            raise DeliveryFailed(
                f"{self._target.host}: status {answer.status}",
                is_final=answer.status == _GONE,
                retry_after=answer.retry_after,
            )
