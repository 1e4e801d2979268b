"""One HTTP request to somebody else's server, that cannot be led into our own network (SSRF).

A name is resolved once; every address that it has must be public, and the connection goes to one of these very
addresses, so that a second answer of the name service changes nothing. Redirects are not followed, proxies not asked.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "NotReached", "Target", "is_public", "post", "target_of"]

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotReached(Exception):
    """No answer; the message says why. is_final: whether it would be the same again."""

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


class Target(NamedTuple):
    """An address of the web, taken apart. path: with the query."""

    is_tls: bool
    host: str
    port: int
    path: str


class Answer(NamedTuple):
    """retry_after: seconds, where the server names them."""

    status: int
    retry_after: float | None


def target_of(url: str, *, allow_private: bool) -> Target:
    """
    Raises:
        ValueError: no address that we send to; the message says what would be right.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        name = host if ":" in host else host.encode("idna").decode("ascii")
    except ValueError as error:  # UnicodeError is one, too
        raise ValueError(f"{url!r} is no address: {error}") from None
    schemes = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in schemes or not name:
        raise ValueError(f"{url!r} is no address for webhooks; write https://example.com/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address with a password in it is not taken; requests are signed instead")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or any(character <= " " for character in path):
        raise ValueError(f"{url!r}: write characters other than ASCII as %XX")
    is_tls = parts.scheme == "https"
    return Target(is_tls, name, port or (443 if is_tls else 80), path)


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public internet; what carries another address inside is judged by that."""
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.teredo:
            return False
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            address = inner
    return address.is_global and not address.is_multicast


def post(
    target: Target, body: bytes, headers: Mapping[str, str], *, allow_private: bool, seconds: float = 10.0
) -> Answer:
    """Send a request and read no more of the answer than its head.

    Raises:
        NotReached: no answer within `seconds`, or an address that we do not connect to.
    """
    address = _address(target, allow_private)
    connection = _Pinned(target, address, seconds)
    # A server that sends its head byte by byte keeps no timeout of a single read; this ends it.
    alarm = threading.Timer(seconds, connection.cut)
    alarm.daemon = True
    alarm.start()
    try:
        connection.request("POST", target.path, body, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, _seconds(answer.headers.get("Retry-After")))
    except (OSError, http.client.HTTPException, ValueError) as error:
        if connection.is_cut:
            raise NotReached(f"{target.host}: no answer within {seconds:g} s") from None
        raise NotReached(f"{target.host}: {type(error).__name__}: {error}"[:300]) from None
    finally:
        alarm.cancel()
        connection.close()


def _address(target: Target, allow_private: bool) -> str:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotReached(f"{target.host}: cannot be resolved: {error}") from None
    addresses = [str(each[4][0]) for each in found]
    private = [address for address in addresses if not is_public(address)]
    if private and not allow_private:
        raise NotReached(
            f"{target.host}: is {private[0]}, which is not of the public internet; webhooks do not go there"
        )
    return addresses[0]


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, which speaks to the host by its name."""

    def __init__(self, target: Target, address: str, seconds: float) -> None:
        host = f"[{target.host}]" if ":" in target.host else target.host
        super().__init__(host, target.port, timeout=seconds)
        self.default_port = 443 if target.is_tls else 80  # else the port stands in the header Host
        self._target = target
        self._address = address
        self.is_cut = False

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self._target.port), self.timeout)
        if self._target.is_tls:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self._target.host)

    def cut(self) -> None:
        """End it from another thread."""
        self.is_cut = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 8 else None
