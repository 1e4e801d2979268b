"""What a server may be listened on with what protection: decided at the start, before a port is open."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from fairpost.server.config import StartError

if TYPE_CHECKING:
    from fairpost.server.config import Config

__all__ = ["ExposureError", "check", "is_loopback", "needs_credentials"]


class ExposureError(StartError):
    """The settings would open the server to others; the message says what to do."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address. Names other than localhost are not looked up: what they mean
    can change."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def needs_credentials(config: Config) -> bool:
    """Whether callers need a key or a certificate for methods that are open otherwise."""
    if config.require_authentication is not None:
        return config.require_authentication
    return not is_loopback(config.host) or config.tls_cert is not None


def check(config: Config) -> None:
    """
    Raises:
        ExposureError: another address than loopback without TLS or without authentication, and not `insecure`; or half
            of what TLS needs.
    """
    if (config.tls_cert is None) != (config.tls_key is None):
        given, missing = ("tls-cert", "tls-key") if config.tls_cert else ("tls-key", "tls-cert")
        raise ExposureError(f"--{given} is given and --{missing} is not: TLS needs both")
    if config.tls_client_ca is not None and config.tls_cert is None:
        raise ExposureError("--tls-client-ca is given without --tls-cert and --tls-key: certificates need TLS")
    if config.client_identities and config.tls_client_ca is None:
        raise ExposureError("--client-identity is given without --tls-client-ca, which says whose certificates count")
    if config.insecure or is_loopback(config.host):
        return
    lacking = []
    if config.tls_cert is None:
        lacking.append("without TLS (--tls-cert, --tls-key)")
    if not needs_credentials(config):
        lacking.append("without authentication (--require-authentication)")
    if lacking:
        raise ExposureError(
            f"{config.host} can be reached by others, and would be served {' and '.join(lacking)}. Give what is "
            "missing, listen on 127.0.0.1, or say --insecure where something in front of the server has both"
        )
