"""Everything about access of one server process, put together and kept going."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import structlog

from fairpost.server.access import exposure
from fairpost.server.access.attempts import Attempts
from fairpost.server.access.gate import ANONYMOUS, LOOPBACK, AccessGate
from fairpost.server.access.keyring import Keyring
from fairpost.server.access.limits import Shedder
from fairpost.server.access.pool import CallPool
from fairpost.server.access.quotas import Quotas
from fairpost.server.access.tls import Certificates
from fairpost.server.access.unread import Unread
from fairpost.server.calls.waits import CALLS, PROBES, Waits

if TYPE_CHECKING:
    from fairpost.server.access.inner import InnerDoor
    from fairpost.server.config import Config
    from fairpost.server.store import Store

__all__ = ["AccessControl"]

log = structlog.get_logger(__name__)

_SWEEP_SECONDS: Final = 0.05
_REFRESH_SECONDS: Final = 1.0


class AccessControl:
    """Gate, threads and waits of one server process. inner: where the HTTP side's calls come in.

    Raises:
        ExposureError: the settings would open the server to others.
        CertificateError: the files for TLS cannot be used.
    """

    def __init__(self, config: Config, store: Store, inner: InnerDoor | None = None) -> None:
        exposure.check(config)
        self.certificates = (
            Certificates(config.tls_cert, config.tls_key, config.tls_client_ca)
            if config.tls_cert and config.tls_key
            else None
        )
        self.waits = Waits(idle_seconds=config.stream_idle_seconds, receive_seconds=config.receive_seconds)
        self.unread = Unread(config.max_unread_bytes, config.stream_idle_seconds)
        self.shedder = Shedder(config.queue_target_ms / 1000)
        self.keyring = Keyring(store)
        self.attempts = Attempts(store)
        self.quotas = Quotas(config.quota_messages, config.quota_bytes)
        self.pool = CallPool(config.threads)
        self.probes = CallPool(1)
        """Health checks are answered by a thread of their own, however busy the others are."""
        required = exposure.needs_credentials(config)
        identities = {name: frozenset(roles) for name, roles in config.client_identities.items()}
        self.gate = AccessGate(
            self.keyring,
            self.shedder,
            self.quotas,
            self.unread,
            self.attempts,
            required=required,
            certificates=identities if config.tls_client_ca else None,
            nobody=LOOPBACK if exposure.is_loopback(config.host) else ANONYMOUS,
            inner=inner,
        )
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._sweep, name="access-waits", daemon=True),
            threading.Thread(target=self._refresh, name="access-keys", daemon=True),
        ]
        if config.insecure and not exposure.is_loopback(config.host):
            log.warning("insecure: others can reach this server", host=config.host, authentication=required)

    def start(self) -> None:
        self.keyring.refresh()
        for thread in self._threads:
            thread.start()

    def reload(self) -> bool:
        """Read certificates and keys again now (SIGHUP); False if the certificates cannot be used."""
        self.keyring.refresh()
        return self.certificates.reload() if self.certificates else True

    def close(self) -> None:
        """End the threads of calls, and write what is to be written."""
        self.pool.shutdown()
        self.probes.shutdown()
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self.attempts.write()

    def _sweep(self) -> None:
        while not self._stop.wait(_SWEEP_SECONDS):
            lent = self.waits.sweep()
            self.pool.lend(lent[CALLS])
            self.probes.lend(lent[PROBES])
            self.unread.sweep()

    def _refresh(self) -> None:
        while not self._stop.wait(_REFRESH_SECONDS):
            try:
                self.keyring.refresh()
                self.attempts.write()
                if self.certificates:
                    self.certificates.reload_changed()
            except Exception:
                log.exception("access: will be tried again")
