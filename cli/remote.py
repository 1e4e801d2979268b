"""Calls to a running server, with errors as a person wants to read them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fairpost.cli.errors import CommandError, require

if TYPE_CHECKING:
    from fairpost.server import CallFailed, Client

__all__ = ["DEFAULT_SERVER", "connect", "failure"]

DEFAULT_SERVER = "127.0.0.1:50051"


@contextlib.contextmanager
def connect(target: str, option: str, purpose: str) -> Iterator[Client]:
    """A client of a server; a call that fails inside the block becomes a `CommandError`.

    Args:
        option: the option that named the target, for the message.
        purpose: the command, for the message about a missing extra.
    """
    require("grpc", "server", purpose)
    require("grpc_status", "server", purpose)
    from fairpost.server import CallFailed, Client

    with Client(target) as client:
        try:
            yield client
        except CallFailed as error:
            raise failure(error, target, option) from None


def failure(error: CallFailed, target: str, option: str) -> CommandError:
    """What a failed call means: no server there, or what it refused, every field on a line of its own."""
    if error.code == "UNAVAILABLE" and not error.reason:
        return CommandError(
            f"no fairpost server answers at {target} ({error.message}); start one with 'fairpost serve', "
            f"or name another with {option} HOST:PORT"
        )
    if error.violations:  # the message of such an error is the same list in one line
        refused = [f"{target}: {error.code} ({error.reason})"]
        refused += [f"{field}: {description}" for field, description in error.violations]
        return CommandError("\n  ".join(refused), status=1)
    return CommandError(f"{target}: {error}", status=1)
