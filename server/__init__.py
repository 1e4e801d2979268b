"""The gRPC server and the seller registry. What calls them is in `fairpost.client`.

    from fairpost.server import Config, serve
    raise SystemExit(serve(Config(port=0)))

Needs the extra `server`. Names are imported on first use, so that a program that looks at the configuration does not
load the registry's store.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairpost.server.config import Config
    from fairpost.server.run import Server
    from fairpost.server.supervisor import serve

__all__ = ["Config", "Server", "serve"]

_HOMES = {"Config": "config", "Server": "run", "serve": "supervisor"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
