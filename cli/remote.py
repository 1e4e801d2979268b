"""Calls to a running server, with errors as a person wants to read them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairpost.cli.errors import CommandError, require

if TYPE_CHECKING:
    from fairpost.client import CallFailed, Client

__all__ = ["DEFAULT_SERVER", "connect", "credentials", "failure"]

DEFAULT_SERVER = "127.0.0.1:50051"


@contextlib.contextmanager
def connect(target: str, option: str, purpose: str) -> Iterator[Client]:
    """A client of a server; a call that fails inside the block becomes a `CommandError`.

    Args:
        option: the option that named the target, for the message.
        purpose: the command, for the message about a missing extra.
    """
    require("grpc", "client", purpose)
    require("grpc_status", "client", purpose)
    from fairpost.client import CallFailed, Client, Retry

    # A person waits: a server that is being restarted is asked again, one that is not there is named soon.
    try:
        opened = Client(target, retry=Retry(attempts=3), **credentials())
    except ValueError as error:
        raise CommandError(f"{option} {error}") from None
    with opened as client:
        try:
            yield client
        except CallFailed as error:
            raise failure(error, target, option) from None


_given: dict[str, str] = {}


def use(api_key_file: Path | None, tls_ca: str | None) -> None:
    """What was given before the command's name, where it is the same for all commands; it wins over the environment."""
    _given.clear()
    if api_key_file is not None:
        _given["FAIRPOST_API_KEY_FILE"] = str(api_key_file)
        _given["FAIRPOST_API_KEY"] = ""
    if tls_ca is not None:
        _given["FAIRPOST_TLS_CA"] = tls_ca


def credentials() -> dict[str, Any]:
    """What a client of any command needs to be let in, as arguments of `Client`: from the options of `fairpost` itself,
    else from the environment.

        FAIRPOST_API_KEY, FAIRPOST_API_KEY_FILE    the key, or a file with it
        FAIRPOST_TLS_CA                            roots of the server's certificate, PEM; "system": those of grpcio
        FAIRPOST_TLS_CLIENT_CERT, ..._KEY          the client's own certificate and key

    Raises:
        CommandError: a file cannot be read, or holds no key.
    """
    from fairpost.client import Tls

    found: dict[str, Any] = {}
    settings = os.environ | _given
    key, path = settings.get("FAIRPOST_API_KEY"), settings.get("FAIRPOST_API_KEY_FILE")
    try:
        if key or path:
            found["api_key"] = (key or Path(path or "").read_text(encoding="utf-8")).strip()
            if not found["api_key"].startswith("fp_"):
                where = "FAIRPOST_API_KEY" if key else f"--api-key-file {path}"
                raise CommandError(f"{where}: holds no API key; 'fairpost keys create' prints one (fp_...)")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--api-key-file {path}: cannot be read: {getattr(error, 'strerror', error)}") from None
    ca = settings.get("FAIRPOST_TLS_CA")
    certificate, private = (settings.get(f"FAIRPOST_TLS_CLIENT_{name}") or None for name in ("CERT", "KEY"))
    if ca or certificate or private:
        try:
            found["tls"] = Tls(ca=None if ca == "system" else ca or None, certificate=certificate, key=private)
            found["tls"].credentials()
        except ValueError as error:
            raise CommandError(f"TLS: {error}") from None
    return found


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
