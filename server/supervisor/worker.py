"""A worker: a `Server` that shares its port, from the supervisor's hello to its end."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import structlog

from fairpost.server.access.inner import InnerDoor
from fairpost.server.allocation import give_large_blocks_back
from fairpost.server.coordination import Questions
from fairpost.server.data_dir import joined
from fairpost.server.errors import ServiceError
from fairpost.server.run import Server, StartError
from fairpost.server.supervisor.channel import ChannelClosed, ChannelTimeout, Refused
from fairpost.server.supervisor.member import Member
from fairpost.server.supervisor.signals import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairpost.server.supervisor.child import Link

__all__ = ["run"]

log = structlog.get_logger(__name__)


def run(link: Link) -> int:
    """Serve until the link says stop; gives the exit status."""
    give_large_blocks_back()
    task = link.task
    if task["core"] is not None:
        os.sched_setaffinity(0, {task["core"]})  # before there are threads that would keep another one
    member = Member(link.channel, task["number"], starts_first=task["starts_first"])
    questions = _Linked(link.answers)

    def lead(_: Any) -> dict[str, Any]:
        member.leading = True
        return {}

    link.answers["lead"] = lead
    with joined(link.settings.data_dir):
        inner = InnerDoor(**task["inner"]) if task["inner"] else None
        server = Server(link.settings, coordinator=member, questions=questions, inner=inner)
        try:
            server.start()
        except StartError as error:
            link.failed(str(error))
            return 2
        except Exception as error:
            log.exception("worker cannot start")
            link.failed(f"worker {member.worker}: {type(error).__name__}: {error}; its log says more")
            return 1
        with contextlib.suppress(ChannelClosed, ChannelTimeout):
            link.serving()
        wait_until(link.stop.wait)
        server.stop(link.drain_seconds)
    return 0


class _Linked(Questions):
    """Questions that the supervisor may ask; refusals go back with their reason."""

    def __init__(self, answers: dict[str, Callable[[Any], Any]]) -> None:
        super().__init__()
        self._linked = answers

    def add(self, name: str, answer: Callable[[Any], Any]) -> None:
        def guarded(content: Any) -> Any:
            try:
                return answer(content)
            except ServiceError as error:
                raise Refused(error.message, reason=error.reason_name) from None
            except StartError as error:
                raise Refused(str(error)) from None

        super().add(name, answer)
        self._linked[name] = guarded
