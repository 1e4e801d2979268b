"""The server's certificate, and those of its callers: read, looked at, and read again without a restart.

Files are looked at by what they are before grpcio gets them: it would only say that a handshake failed. New connections
get the newest sound files; those that are open stay as they are.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import grpc
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from fairpost.server.config import StartError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CertificateError", "Certificates"]

log = structlog.get_logger(__name__)

_SOON_DAYS: Final = 14


class CertificateError(StartError):
    """Files that cannot be used; the message says which, and why. It quotes nothing of a key."""


class Certificates:
    """Thread-safe.

    Args:
        certificate: PEM, the server's own first, then those between it and the root.
        key: PEM, its private key, unencrypted.
        client_ca: PEM, roots of the certificates that callers must have; None: they need none.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None = None) -> None:
        self._paths = (certificate, key, client_ca)
        self._lock = threading.Lock()
        self._seen = self._signature()
        self.expires, self._configuration = self._read()
        self._given = False
        self.failure = ""
        """Why the files as they are now are not in use; "": they are."""

    def credentials(self) -> grpc.ServerCredentials:
        """What grpcio listens with; it asks for newer files at each handshake."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration,
            self._newest,  # type: ignore[arg-type]  # None: as before; the stubs leave it out
            require_client_authentication=self._paths[2] is not None,
        )

    def reload(self) -> bool:
        """Read the files again, changed or not; False if they cannot be used: then those before stay.

        Called at SIGHUP; `reload_changed` looks by itself.
        """
        with self._lock:
            self._seen = self._signature()
            try:
                self.expires, self._configuration = self._read()
            except CertificateError as error:
                if self.failure != str(error):
                    log.error("TLS certificates stay as they were", error=str(error))
                self.failure = str(error)
                return False
            self._given = False
            self.failure = ""
            log.info("TLS certificates read", expires=self.expires.isoformat())
            return True

    def reload_changed(self) -> None:
        """Read the files again if they look other than at the last time."""
        if self._signature() != self._seen:
            self.reload()

    def _newest(self) -> grpc.ServerCertificateConfiguration | None:
        with self._lock:
            if self._given:
                return None
            self._given = True
            return self._configuration

    def _signature(self) -> tuple[tuple[int, int, int] | None, ...]:
        found: list[tuple[int, int, int] | None] = []
        for path in self._paths:
            try:
                status = path.stat() if path else None
            except OSError:
                status = None
            found.append((status.st_mtime_ns, status.st_size, status.st_ino) if status else None)
        return tuple(found)

    def _read(self) -> tuple[datetime, grpc.ServerCertificateConfiguration]:
        certificate_path, key_path, ca_path = self._paths
        chain, key = _bytes(certificate_path), _bytes(key_path)
        certificates = _certificates(certificate_path, chain)
        try:
            private = serialization.load_pem_private_key(key, None)
        except TypeError:
            raise CertificateError(f"{key_path}: the key is encrypted; give one without a passphrase") from None
        except ValueError:
            raise CertificateError(f"{key_path}: no private key in PEM form") from None
        if _public(private.public_key()) != _public(certificates[0].public_key()):
            raise CertificateError(
                f"{key_path}: is not the key of the first certificate in {certificate_path}; "
                "the server's own certificate comes first"
            )
        now = datetime.now(UTC)
        expires = min(each.not_valid_after_utc for each in certificates)
        if certificates[0].not_valid_before_utc > now:
            raise CertificateError(
                f"{certificate_path}: is not valid before {certificates[0].not_valid_before_utc.isoformat()}"
            )
        if expires <= now:
            raise CertificateError(f"{certificate_path}: expired at {expires.isoformat()}")
        if (expires - now).days < _SOON_DAYS:
            log.warning("TLS certificate expires soon", file=str(certificate_path), expires=expires.isoformat())
        roots = None
        if ca_path is not None:
            roots = _bytes(ca_path)
            _certificates(ca_path, roots)
        return expires, grpc.ssl_server_certificate_configuration([(key, chain)], root_certificates=roots)


def _public(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path}: cannot be read: {error.strerror}") from None


def _certificates(path: Path, content: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise CertificateError(f"{path}: no certificate in PEM form") from None
