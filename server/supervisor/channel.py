"""Questions and answers between the supervisor and a child, in both directions at once over one connected socket.

Frame: length of the rest (4 bytes, big-endian), then JSON in UTF-8, an object with `id` (of the question, chosen by
who asks) and one of

    ask     name of the question, with `content`
    answer  what was answered
    error   why there is no answer: {"kind": name of an exception's class, "message": "...", further entries}
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Channel", "ChannelClosed", "ChannelTimeout", "Refused"]

log = structlog.get_logger(__name__)

LARGEST: Final = 64 << 20
"""Bytes of a frame. Bundles do not travel here, they are files; the largest are expositions of metrics."""
_SEND_SECONDS: Final = 10
_LENGTH: Final = struct.Struct(">I")


class ChannelClosed(Exception):
    """The other side has gone, or has sent what is no frame."""


class ChannelTimeout(Exception):
    """The other side has not answered in time. Its answer is dropped if it comes later."""


class Refused(Exception):
    """The question was understood, and the answer is no. `entries`: whatever belongs to the error, JSON."""

    def __init__(self, message: str, **entries: Any) -> None:
        super().__init__(message)
        self.message = message
        self.entries = entries


class Channel:
    """One end. Thread-safe.

    answer: (question, content) -> answer, all JSON; called in a thread of its own for each question. What it raises
    goes back: Refused with its message and entries, anything else by the name of its class, with a line in the log.
    on_end: called once, in the reading thread, when the other side has gone or `close` was called.
    """

    def __init__(
        self,
        end: socket.socket,
        answer: Callable[[str, Any], Any],
        *,
        on_end: Callable[[], None] = lambda: None,
        name: str = "control",
    ) -> None:
        self._socket = end
        self._answer = answer
        self._on_end = on_end
        self._name = name
        self._numbers = itertools.count(1)
        self._sending = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[dict[str, Any] | None]] = {}
        self._lock = threading.Lock()
        self._closed = False
        # A side that takes nothing must not hold who asks it; reading waits for as long as it takes.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_SECONDS, 0))
        self._reader = threading.Thread(target=self._read, name=name, daemon=True)

    def start(self) -> Channel:
        self._reader.start()
        return self

    @property
    def closed(self) -> bool:
        return self._closed

    def ask(self, question: str, content: Any = None, *, timeout: float) -> Any:
        """The other side's answer.

        Raises:
            ChannelTimeout: none within `timeout` seconds.
            ChannelClosed: the other side has gone, before the question or after it.
            Refused: it says no.
        """
        number = next(self._numbers)
        box: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        with self._lock:
            if self._closed:
                raise ChannelClosed(f"{self._name}: closed")
            self._waiting[number] = box
        try:
            self._send({"id": number, "ask": question, "content": content})
            frame = box.get(timeout=timeout)
        except queue.Empty:
            raise ChannelTimeout(f"{self._name}: no answer to {question!r} within {timeout:g} s") from None
        finally:
            with self._lock:
                self._waiting.pop(number, None)
        if frame is None:
            raise ChannelClosed(f"{self._name}: closed before {question!r} was answered")
        if "error" in frame:
            error = dict(frame["error"])
            raise Refused(error.pop("message"), **error)
        return frame.get("answer")

    def close(self) -> None:
        """Let both sides know that nothing more comes."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if not self._reader.is_alive():
            self._ended()

    # ---- the threads ------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            while (head := self._exactly(_LENGTH.size)) is not None:
                (length,) = _LENGTH.unpack(head)
                if length > LARGEST:
                    raise ValueError(f"a frame of {length} bytes; at most {LARGEST} are taken")
                content = self._exactly(length)
                if content is None:
                    return
                self._take(json.loads(content))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("control channel broken", channel=self._name, why=str(error))
        finally:
            self._ended()

    def _take(self, frame: dict[str, Any]) -> None:
        if "ask" in frame:
            threading.Thread(target=self._serve, args=(frame,), name=f"{self._name}-answer", daemon=True).start()
            return
        with self._lock:
            box = self._waiting.get(frame["id"])
        if box is not None:
            box.put(frame)

    def _serve(self, frame: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"id": frame["id"]}
        try:
            reply["answer"] = self._answer(frame["ask"], frame.get("content"))
        except Refused as error:
            reply["error"] = {"kind": "Refused", **error.entries, "message": error.message}
        except Exception as error:
            log.exception("question failed", channel=self._name, question=frame["ask"])
            reply["error"] = {"kind": type(error).__name__, "message": f"{type(error).__name__}: {error}"}
        with contextlib.suppress(ChannelClosed):
            self._send(reply)

    def _send(self, frame: dict[str, Any]) -> None:
        content = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            with self._sending:
                self._socket.sendall(_LENGTH.pack(len(content)) + content)
        except OSError as error:
            # Part of the frame may be on its way: nothing can follow it.
            self.close()
            why = os.strerror(error.errno) if error.errno else str(error)
            raise ChannelClosed(f"{self._name}: cannot be written to: {why}") from None

    def _exactly(self, size: int) -> bytes | None:
        """So many bytes; None at the end of the stream."""
        parts, missing = [], size
        while missing:
            try:
                part = self._socket.recv(min(missing, 1 << 20))
            except ConnectionResetError:  # gone with our bytes unread
                return None
            if not part:
                return None
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _ended(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waiting = list(self._waiting.values())
        for box in waiting:
            box.put(None)
        self._socket.close()
        self._on_end()
