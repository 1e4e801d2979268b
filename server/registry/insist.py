"""Writing what no caller waits for: again while the store is away, one by one where something of it is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from fairpost.server.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from fairpost.server.registry.core import Core

__all__ = ["Told", "insist"]

_FAILURES: Final = 3
"""After so many, what is written rather than the store may be at fault."""


class Item(Protocol):
    """Something that is written once."""

    @property
    def key(self) -> Any: ...

    @property
    def decision_id(self) -> str: ...


Written = TypeVar("Written", bound=Item)


class Told(NamedTuple):
    """Events of the log: while the store cannot be written; for one that is at fault; for one that is given up."""

    waits: str
    at_fault: str
    given_up: str


def insist(
    core: Core,
    part: Sequence[Written],
    write: Callable[[Sequence[Written]], int],
    go_on: Callable[[], bool],
    *,
    told: Told,
    log: Any,
) -> tuple[int, set[Hashable]]:
    """How many were new, and the keys of those that could not be written.

    Args:
        write: writes several, all or none; gives how many were new.
        go_on: waits for a moment; whether it is to be tried again after it.
    """
    failures = 0
    while True:
        try:
            return write(part), set()
        except ServiceError as error:
            failures += 1
            if failures == 1:
                log.error(told.waits, reason=error.reason_name)
            if failures >= _FAILURES and _is_sound(core):
                break
            if not go_on():
                return 0, {item.key for item in part}
        except Exception:
            if len(part) == 1:
                log.exception(told.at_fault, decision_id=part[0].decision_id)
            break
    # One by one: the others must not suffer from the one that is at fault.
    if len(part) == 1:
        log.error(told.given_up, decision_id=part[0].decision_id)
        return 0, {part[0].key}
    results = [insist(core, [item], write, go_on, told=told, log=log) for item in part]
    return sum(new for new, _ in results), set().union(*(failed for _, failed in results))


def _is_sound(core: Core) -> bool:
    """Whether the store takes a transaction with nothing of ours."""
    try:
        core.write(lambda transaction: None)
    except ServiceError:
        return False
    return True
