"""Ports that several processes share, and that stay ours while none of them listens."""

from __future__ import annotations

import contextlib
import errno
import socket

from fairpost.server.config import StartError

__all__ = ["listening", "reserve"]


def reserve(host: str, port: int) -> tuple[list[socket.socket], int]:
    """Sockets that are bound and do not listen, for every address of `host`, and the port, which is a free one for 0.

    Workers bind the same with SO_REUSEPORT; the kernel spreads connections over those that listen. While one of these
    sockets is open, nobody else gets the port, also when all workers are away, and no other server can join in
    unnoticed: that is looked for first, by a bind without SO_REUSEPORT.

    Raises:
        StartError: the port is in use, or the address is not ours.
    """
    shown = f"[{host}]" if ":" in host else host
    with contextlib.ExitStack() as stack:
        try:
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            held = []
            for family, _, _, _, address in addresses:
                sockaddr = (address[0], port, *address[2:])
                if port:
                    with _made(family, socket.SO_REUSEADDR) as probe:
                        probe.bind(sockaddr)
                held.append(stack.enter_context(_bound(family, sockaddr)))
                port = held[-1].getsockname()[1]
        except OSError as error:
            hint = "; is the port in use? --port 0 takes a free one" if error.errno == errno.EADDRINUSE else ""
            raise StartError(f"{shown}:{port}: cannot be listened on{hint or f': {error.strerror}'}") from None
        stack.pop_all()
        return held, port


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens, for a child to accept from; connections wait in it while the child is replaced.

    Raises:
        StartError: the port is in use, or the address is not ours.
    """
    shown = f"[{host}]" if ":" in host else host
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        made = _made(family, socket.SO_REUSEADDR)
        try:
            made.bind((address[0], port, *address[2:]))
            made.listen(128)
        except OSError:
            made.close()
            raise
        return made
    except OSError as error:
        hint = "; is the port in use? --http-port 0 takes a free one" if error.errno == errno.EADDRINUSE else ""
        raise StartError(f"{shown}:{port}: HTTP cannot be served there{hint or f': {error.strerror}'}") from None


def _made(family: int, *options: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    for option in options:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
    return made


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    # Without SO_REUSEADDR another supervisor's probe fails from now on. Connections that an earlier server without
    # SO_REUSEPORT has closed can be in the way of that for a minute; then it has to be with.
    try:
        made = _made(family, socket.SO_REUSEPORT)
        made.bind(address)
    except OSError:
        made.close()
        made = _made(family, socket.SO_REUSEPORT, socket.SO_REUSEADDR)
        try:
            made.bind(address)
        except OSError:
            made.close()
            raise
    return made
