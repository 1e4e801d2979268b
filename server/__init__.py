"""The gRPC server, the seller registry, and a client.

    from fairpost.server import Config, serve
    raise SystemExit(serve(Config(port=0)))

    from fairpost.server import Client
    with Client("127.0.0.1:50051") as client:
        verdict = client.check("...")

Needs the extra `server`. Names are imported on first use, so that a program that only calls a server does
not load the registry's store.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairpost.server.client import CallFailed, Client
    from fairpost.server.config import Config
    from fairpost.server.run import Server, serve

__all__ = ["CallFailed", "Client", "Config", "Server", "serve"]

_HOMES = {"CallFailed": "client", "Client": "client", "Config": "config", "Server": "run", "serve": "run"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
