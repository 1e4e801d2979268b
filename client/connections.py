"""Targets, TLS and the API key; what both clients open connections with."""

from __future__ import annotations

import importlib.metadata
import ipaddress
import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ApiKey", "Targets", "Tls"]

_MIB = 1 << 20
_LOOK_SECONDS = 1.0
_SERVICE_CONFIG: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}


@dataclass(frozen=True, slots=True)
class Tls:
    """How connections are encrypted. All are paths of PEM files, read when the client is made.

    ca: certificates to trust; default: the system's (grpc's own list). certificate, key: the client's own, for mutual
    TLS. server_name: the name to expect in the server's certificate, where the target is another.
    """

    ca: str | Path | None = None
    certificate: str | Path | None = None
    key: str | Path | None = None
    server_name: str = ""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a client certificate needs its key: give both certificate and key, or neither")

    def credentials(self) -> grpc.ChannelCredentials:
        """
        Raises:
            ValueError: a file cannot be read.
        """
        return grpc.ssl_channel_credentials(
            root_certificates=_read(self.ca), private_key=_read(self.key), certificate_chain=_read(self.certificate)
        )


@dataclass(frozen=True, slots=True)
class Targets:
    """Where the servers are and how they are reached; one connection for each entry of `addresses`.

    Raises:
        ValueError: no target, or an API key that would travel in clear over a network.
    """

    addresses: tuple[str, ...]
    tls: Tls | None
    key: ApiKey | None

    @classmethod
    def of(
        cls,
        targets: str | Sequence[str],
        *,
        channels: int,
        tls: bool | Tls,
        api_key: str,
        api_key_file: str | Path | None,
    ) -> Targets:
        named = [targets] if isinstance(targets, str) else list(targets)
        if not named or not all(named):
            raise ValueError('targets: at least one address is needed, e.g. "127.0.0.1:50051"')
        if channels < 1:
            raise ValueError(f"channels is {channels}; at least 1 connection a target is needed")
        if api_key and api_key_file is not None:
            raise ValueError("give api_key or api_key_file, not both")
        key = ApiKey(api_key, Path(api_key_file) if api_key_file is not None else None)
        secured = Tls() if tls is True else tls or None
        if (api_key or api_key_file is not None) and secured is None:
            for target in named:
                if not is_loopback(target):
                    raise ValueError(
                        f"{target}: an API key would travel in clear over the network; use tls=True, or a server on "
                        "the loopback interface"
                    )
        # One after the other and not target by target: two calls in a row go to two servers.
        addresses = tuple(named * channels)
        return cls(addresses, secured, key if key.given else None)

    def options(self) -> list[tuple[str, Any]]:
        """Options of each channel."""
        version = importlib.metadata.version("fairpost")
        options: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", 64 * _MIB),
            ("grpc.max_send_message_length", 512 * _MIB),
            ("grpc.primary_user_agent", f"fairpost-python/{version}"),
            # We repeat calls ourselves (retrying.py); two loops would multiply.
            ("grpc.enable_retries", 0),
            # Channels with the same options share connections otherwise, and `channels` would do nothing.
            ("grpc.use_local_subchannel_pool", 1),
            # All addresses behind a name take part, e.g. the pods of a headless service.
            ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
            # A server that starts again is found soon; gRPC's own first wait is a second.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
            # Servers allow a ping every five minutes unless told otherwise; more often they end the connection.
            ("grpc.keepalive_time_ms", 310_000),
        ]
        if self.tls is not None and self.tls.server_name:
            options.append(("grpc.ssl_target_name_override", self.tls.server_name))
        return options


class ApiKey:
    """A key, or a file that holds one and may be replaced while the client runs. Thread-safe.

    The file is looked at no more than once a second, and read again if it is another one or was written since. A file
    that is gone or empty for a moment (it is being replaced) leaves the key as it was.
    """

    def __init__(self, key: str, path: Path | None, now: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._looked = 0.0
        self._metadata = self._made(key, "api_key") if key else ()
        self.given = bool(key) or path is not None
        if path is not None:
            self._look()
            if not self._metadata:
                raise ValueError(f"{path}: cannot be read, or holds no API key")
            self._looked = now()

    def __repr__(self) -> str:
        return f"ApiKey({'file ' + str(self._path) if self._path else 'given'})"

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call."""
        if self._path is not None and self._now() - self._looked >= _LOOK_SECONDS:
            with self._lock:
                self._looked = self._now()
                self._look()
        return self._metadata

    def _look(self) -> None:
        assert self._path is not None
        try:
            state = self._path.stat()
            seen = (state.st_ino, state.st_mtime_ns, state.st_size)
            if seen == self._seen:
                return
            key = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return
        if key:
            self._metadata = self._made(key, str(self._path))
            self._seen = seen

    @staticmethod
    def _made(key: str, where: str) -> tuple[tuple[str, str], ...]:
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError(f"{where}: an API key is one word of visible ASCII characters")  # the key itself is secret
        return (("authorization", f"Bearer {key}"),)


def is_loopback(target: str) -> bool:
    """Whether a gRPC target cannot leave this machine: 127.0.0.0/8, ::1, localhost, a unix socket."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    names = target.removeprefix("dns:").lstrip("/") if target.startswith("dns:") else target
    if names.startswith(("ipv4:", "ipv6:")):
        names = names[5:]
    return all(_is_local_host(_host(name)) for name in names.split(","))


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]


def _is_local_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read(path: str | Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None


class Process:
    """The process that made a client. grpc's connections do not survive a fork."""

    __slots__ = ("_pid",)

    def __init__(self) -> None:
        self._pid = os.getpid()

    def require_same(self) -> None:
        """
        Raises:
            RuntimeError: this is a child that was forked off later.
        """
        if os.getpid() != self._pid:
            raise RuntimeError(
                f"this client was made in process {self._pid}, before a fork; make one in each process after the fork"
            )
