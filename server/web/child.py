"""The HTTP side from the supervisor's hello to its end: uvicorn on a socket that the supervisor has opened."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

import structlog
import uvicorn

from fairpost.server import logs
from fairpost.server.config import Config
from fairpost.server.supervisor.channel import ChannelClosed, ChannelTimeout, Refused
from fairpost.server.web.app import AskedWorkers, make_app
from fairpost.server.web.clients import Clients
from fairpost.server.web.services import Services
from fairpost.server.web.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairpost.server.supervisor.child import Link

__all__ = ["run"]

log = structlog.get_logger(__name__)

_SLACK: Final = 5.0
_OPEN_CONNECTIONS: Final = 1000


class _Uvicorn(uvicorn.Server):
    """Signals are the child's business, not uvicorn's; and the supervisor is told when it serves."""

    def __init__(self, config: uvicorn.Config, link: Link) -> None:
        super().__init__(config)
        self._link = link

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # In a thread: the answer may ask this child in turn.
        threading.Thread(target=self._tell, name="serving", daemon=True).start()

    def _tell(self) -> None:
        with contextlib.suppress(ChannelClosed, ChannelTimeout, Refused):
            self._link.serving()


def run(link: Link) -> int:
    """Serve until the link says stop; gives the exit status."""

    def gather(question: str, content: Any, timeout: float) -> dict[int, dict[str, Any]]:
        asked = {"question": question, "content": content, "timeout": timeout}
        try:
            answers = link.channel.ask("gather", asked, timeout=timeout + _SLACK)
        except (ChannelClosed, ChannelTimeout, Refused) as error:
            log.error("workers cannot be asked", why=str(error))
            return {}
        return {int(number): answer for number, answer in answers.items()}

    workers, inner, settings = AskedWorkers(link.task["workers"], gather), link.task["inner"], link.settings
    services = Services([f"{inner['folder']}/{number}" for number in range(workers.count)], inner["token"])
    app = make_app(workers, Site(settings, services, workers, Clients(settings.public_url, settings.trusted_proxies)))
    server = _Uvicorn(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            # Who asks is told by `Clients`, from proxies that the settings name.
            proxy_headers=False,
            limit_concurrency=_OPEN_CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
        ),
        link,
    )

    def stop() -> None:
        server.should_exit = True

    pending: list[Config] = []

    def check(content: Any) -> dict[str, Any]:
        pending[:] = [Config.of_json(content)]
        return {}

    def apply(_: Any) -> dict[str, Any]:
        logs.configure(pending[0])
        return {}

    link.answers |= {"settings.check": check, "settings.apply": apply}
    link.on_stop = stop
    if link.stop.is_set():
        return 0
    server.run(sockets=[socket.socket(fileno=link.inherited[0])])
    return 0
