"""`fairpost serve`: a supervisor, its workers on one port, and one child for HTTP.

    supervisor.py  Supervisor: starts, replaces, answers its children
    children.py    a child: started, watched, replaced
    channel.py     questions and answers between them
    changes.py     activations over all workers
    settings.py    settings read again on SIGHUP
    ports.py       the port that workers share
    inner.py       the sockets by which the HTTP side calls them
    forking.py     new processes, forked by the zygote (zygote.py), which has loaded what workers need
    child.py       what runs in a child: a worker (worker.py) or the HTTP side (fairpost.server.web)
    member.py      a worker's tie to the others

serve(config)  until SIGTERM or SIGINT; what `fairpost serve` calls
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from typing import TYPE_CHECKING, Literal

import structlog

from fairpost.server import logs
from fairpost.server.config import StartError
from fairpost.server.supervisor.signals import next_of
from fairpost.server.supervisor.supervisor import Supervisor

if TYPE_CHECKING:
    from types import FrameType

    from fairpost.server.config import Config

__all__ = ["serve"]

log = structlog.get_logger(__name__)


def serve(config: Config) -> int:
    """Serve until SIGTERM or SIGINT, reading settings again on SIGHUP; to be called in the main thread. Gives the
    exit status."""
    logs.configure(config)
    events: queue.SimpleQueue[Literal["stop", "reload"]] = queue.SimpleQueue()
    supervisor = Supervisor(config)
    asked = started = False

    def on_stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            supervisor.kill()  # asked twice: what is in flight is not waited for
            os._exit(130)
        asked = True
        if not started:
            raise StartError("stopped while starting")  # nothing is in flight yet
        events.put("stop")

    def on_reload(_number: int, _frame: FrameType | None) -> None:
        events.put("reload")

    actions = {signal.SIGTERM: on_stop, signal.SIGINT: on_stop, signal.SIGHUP: on_reload}
    before = {number: signal.signal(number, action) for number, action in actions.items()}
    try:
        try:
            supervisor.start()
            started = True
        except StartError as error:
            if asked:
                supervisor.kill()
                return 0
            print(f"fairpost serve: {error}", file=sys.stderr)
            return 2
        print(f"fairpost serves on {supervisor.address}", flush=True)
        if supervisor.http_address:
            print(f"fairpost serves HTTP on http://{supervisor.http_address}", flush=True)
        while next_of(events) == "reload":
            # In a thread of its own: it may wait for workers, and a signal to stop must not wait for that.
            threading.Thread(target=supervisor.reload, name="reload", daemon=True).start()
        return supervisor.stop()
    finally:
        for number, action in before.items():
            signal.signal(number, action)
