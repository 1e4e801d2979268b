"""A client of HTTP/2 frames, for what no gRPC library would send. Blocking, one connection."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING, Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["RawClient", "framed"]


def framed(message: bytes) -> bytes:
    """A message as gRPC puts it on a stream."""
    return b"\0" + len(message).to_bytes(4, "big") + message


class RawClient:
    """window: how many bytes of answers the server may send on a stream before the client says more."""

    def __init__(self, port: int, *, window: int = 65_535) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        configuration = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.connection = h2.connection.H2Connection(configuration)
        self.connection.local_settings = h2.settings.Settings(
            client=True, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}
        )
        self.connection.initiate_connection()
        self.events: list[Any] = []
        self.flush()
        self.read(0.5, h2.events.RemoteSettingsChanged)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def flush(self) -> None:
        self.socket.sendall(self.connection.data_to_send())

    def call(self, path: str, body: bytes | None = None, *, end: bool = True, **metadata: str) -> int:
        """Begin a call; body None: its message never comes. Gives the stream's id; nothing is sent before `flush`."""
        stream: int = self.connection.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", f"/{path}"),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            *((name.replace("_", "-"), value) for name, value in metadata.items()),
        ]
        self.connection.send_headers(stream, headers)
        if body is not None:
            self.connection.send_data(stream, framed(body), end_stream=end)
        return stream

    def read(self, seconds: float, *until: type) -> list[Any]:
        """Events that come within a time, or until one of these kinds has."""
        deadline = time.monotonic() + seconds
        found: list[Any] = []
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                content = self.socket.recv(65_536)
            except TimeoutError:
                break
            except ConnectionError:
                found.append(h2.events.ConnectionTerminated())
                break
            if not content:
                found.append(h2.events.ConnectionTerminated())
                break
            try:
                new = self.connection.receive_data(content)
            except h2.exceptions.ProtocolError:  # frames after the end, which is lost with them
                found.append(h2.events.ConnectionTerminated())
                break
            found += new
            self.socket.settimeout(5)
            with contextlib.suppress(ConnectionError):  # the end is read next
                self.flush()
            if until and any(isinstance(event, until) for event in new):
                break
        self.events += found
        return found
