"""Calls to a running server, with errors as a person wants to read them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fairpost.cli.errors import CommandError, require

if TYPE_CHECKING:
    import grpc

__all__ = ["DEFAULT_SERVER", "connect", "remote_errors"]

DEFAULT_SERVER = "127.0.0.1:50051"
TIMEOUT = 30.0

LARGEST_MESSAGE = 256 << 20


@contextlib.contextmanager
def connect(target: str, purpose: str) -> Iterator[grpc.Channel]:
    """A channel to a server; errors of calls inside the block become `CommandError`."""
    grpc = require("grpc", "server", purpose)
    require("grpc_status", "server", purpose)
    options = [("grpc.max_receive_message_length", LARGEST_MESSAGE), ("grpc.max_send_message_length", LARGEST_MESSAGE)]
    with grpc.insecure_channel(target, options=options) as channel, remote_errors(target):
        yield channel


@contextlib.contextmanager
def remote_errors(target: str) -> Iterator[None]:
    """Turn what a server answers into a message: every refused field on a line of its own."""
    import grpc

    try:
        yield
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.UNAVAILABLE and not _details(error):
            raise CommandError(
                f"no fairpost server answers at {target} ({error.details()}); start one with 'fairpost serve', "
                "or name another with --server HOST:PORT"
            ) from None
        lines = [f"{target} answered {error.code().name}: {error.details()}", *_details(error)]
        raise CommandError("\n  ".join(lines), status=1) from None


def _details(error: grpc.RpcError) -> list[str]:
    """Reason and field violations out of google.rpc details."""
    from google.rpc import error_details_pb2
    from grpc_status import rpc_status

    try:
        status = rpc_status.from_call(error)
    except ValueError:
        return []
    if status is None:
        return []
    lines = []
    for detail in status.details:
        bad_request = error_details_pb2.BadRequest()
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(bad_request):
            lines += [f"{each.field}: {each.description}" for each in bad_request.field_violations]
        elif detail.Unpack(info):
            lines.append(f"reason: {info.reason}")
    return lines
