"""Server reflection as a method of ours: behind the gate, and a stream like others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grpc_reflection.v1alpha import reflection, reflection_pb2

from fairpost.server import wire
from fairpost.server.calls.call import Kind, Method

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["reflection_method"]

_LARGEST = 64 * 1024


def reflection_method(services: Iterable[str]) -> Method:
    """ServerReflectionInfo for these services and itself."""
    servicer: Any = reflection.ReflectionServicer([*services, reflection.SERVICE_NAME])

    def answer(content: bytes) -> bytes:
        request = wire.parse(reflection_pb2.ServerReflectionRequest, content)
        # The library answers a stream of requests, each by one answer.
        (response,) = servicer.ServerReflectionInfo(iter([request]), None)
        sent: bytes = response.SerializeToString()
        return sent

    return Method(reflection.SERVICE_NAME, "ServerReflectionInfo", Kind.STREAM, _LARGEST, answer=answer)
