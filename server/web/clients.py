"""Who asks: the client's address behind trusted proxies, the scheme it used, and which hosts' pages these are.

Host names are checked against DNS rebinding: a page of somebody else's whose name is made to mean this server's address
would otherwise be of the same origin as ours, in the browser of somebody who can reach it. An address as host cannot be
made to mean another one, so that those are taken.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import Scope

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

__all__ = ["Client", "Clients"]

_UNKNOWN: Final = ipaddress.ip_address("0.0.0.0")


class Client:
    """address: of the client; secure: whether it came by https; forwarded: whether a proxy sent the request on."""

    __slots__ = ("address", "forwarded", "secure")

    def __init__(self, address: Address, *, secure: bool, forwarded: bool) -> None:
        self.address = address
        self.secure = secure
        self.forwarded = forwarded

    @property
    def peer(self) -> str:
        """As gRPC and the audit log write it."""
        return f"ipv4:{self.address}" if self.address.version == 4 else f"ipv6:[{self.address}]"

    @property
    def bucket(self) -> str:
        """What limits go by: of IPv6 the network, since one client has 2^64 addresses of it."""
        if self.address.version == 4:
            return str(self.address)
        return str(ipaddress.ip_network((int(self.address) >> 64 << 64, 64)))


class Clients:
    """public_url: of the pages; its host is taken beside addresses and localhost. trusted_proxies: networks whose
    X-Forwarded-For and X-Forwarded-Proto are believed, separated by commas.

    Raises:
        ValueError: one of both is none; the message says which and what would be right.
    """

    def __init__(self, public_url: str = "", trusted_proxies: str = "") -> None:
        self.public_url = public_url.rstrip("/")
        self._host = public_host(public_url)
        self._trusted = networks_of(trusted_proxies)

    def is_ours(self, host: str) -> bool:
        """Whether a request's Host header may name these pages."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in ("localhost", self._host):
            return bool(name)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def client_of(self, scope: Scope, headers: Headers) -> Client:
        peer = scope.get("client")
        address = _address(peer[0] if peer else "")
        scheme, forwarded = scope.get("scheme", "http"), False
        chain = [part.strip() for part in ",".join(headers.getlist("x-forwarded-for")).split(",") if part.strip()]
        if self._is_trusted(address):
            forwarded = bool(chain)
            # Each proxy appends whom it was called by: from the right up to the first that is none of ours.
            for part in reversed(chain):
                address = _address(part)
                if not self._is_trusted(address):
                    break
            scheme = headers.get("x-forwarded-proto", scheme).split(",")[-1].strip().lower()
        return Client(address, secure=scheme == "https", forwarded=forwarded)

    def origin(self, scope: Scope, headers: Headers) -> str:
        """Of these pages, as the request's browser names it: "https://example.com"."""
        client = self.client_of(scope, headers)
        return f"{'https' if client.secure else 'http'}://{headers.get('host', '')}".lower()

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def public_host(url: str) -> str:
    """The host of public_url; "" for none.

    Raises:
        ValueError: it is no address of pages.
    """
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(f"{url!r} is no address of a host's pages; write https://example.com")
    return parts.hostname


def networks_of(text: str) -> list[Network]:
    """
    Raises:
        ValueError: one is no network.
    """
    found: list[Network] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ipaddress.ip_network(part))
        except ValueError:
            raise ValueError(f"{part!r} is no network; write 10.0.0.0/8, or one address") from None
    return found


def _address(text: str) -> Address:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # a port of IPv4
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return _UNKNOWN
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
