"""The terms of a complaint: pure functions of its dates and a day. All days are days in China.

return-period   A buyer at a distance may send goods back within seven days of receiving them, counted from the day
                after (Consumer Protection Law, Art. 25; Interim Measures for Seven-Day Returns, Art. 10). Stopped
                by filing; overdue says that the complaint came too late.
seller-answer   A demand to return goods that is not settled within fifteen days counts as refused (Measures for
                Penalties on Infringement of Consumer Rights, Art. 9). For all other kinds the term is policy: the
                ladder's `complaints`. Stopped by the seller's answer, or by the complaint's end.
handling        An authority handles a complaint within seven working days of receiving it (Consumer Protection Law,
                Art. 46); a platform that decides complaints holds itself to the same. Stopped by the complaint's end.

The day on which a term begins is not counted; it ends with the last moment of `due`. Working days are Monday to Friday,
with the State Council's holidays and working weekends as far as the ladder has them. What was due is fixed when the
complaint is filed: a new ladder changes no complaint.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from fairpost.v1 import complaint_pb2

if TYPE_CHECKING:
    from fairpost.server.registry.ladder import ComplaintTerms

__all__ = ["Clock", "Dates", "answer_due", "clocks", "handling_due", "late", "next_due"]

RETURN_DAYS: Final = 7
RETURN_ANSWER_DAYS: Final = 15
HANDLING_WORKING_DAYS: Final = 7
_RETURN: Final = complaint_pb2.COMPLAINT_KIND_RETURN
_SATURDAY: Final = 5


class Dates(Protocol):
    """What the clocks read of a complaint; a row of `complaints` has it."""

    @property
    def kind(self) -> int: ...
    @property
    def filed_on(self) -> date: ...
    @property
    def received_on(self) -> date | None: ...
    @property
    def answer_due(self) -> date: ...
    @property
    def handling_due(self) -> date: ...
    @property
    def answered_on(self) -> date | None: ...
    @property
    def ended_on(self) -> date | None: ...


@dataclass(frozen=True, slots=True)
class Clock:
    """due: the last day for it. stopped: None while it runs."""

    name: str
    basis: str
    due: date
    stopped: date | None
    overdue: bool


def answer_due(kind: int, filed_on: date, terms: ComplaintTerms) -> date:
    """Last day for the seller's answer."""
    if kind == _RETURN:
        return filed_on + timedelta(days=RETURN_ANSWER_DAYS)
    return filed_on + timedelta(days=terms.answer_days[complaint_kind(kind)])


def complaint_kind(kind: int) -> str:
    """The word of policy for a kind: "QUALITY", ..."""
    return complaint_pb2.ComplaintKind.Name(kind).removeprefix("COMPLAINT_KIND_")  # type: ignore[arg-type]


def handling_due(filed_on: date, terms: ComplaintTerms) -> date:
    """The seventh working day after the filing."""
    day, left = filed_on, HANDLING_WORKING_DAYS
    while left:
        day += timedelta(days=1)
        left -= is_working_day(day, terms)
    return day


def is_working_day(day: date, terms: ComplaintTerms) -> bool:
    if day.weekday() >= _SATURDAY:
        return day in terms.working_weekends
    return day not in terms.days_off


def clocks(complaint: Dates, day: date) -> tuple[Clock, ...]:
    """All clocks of a complaint as they stand on `day`, which is not before it was filed."""
    found = []
    if complaint.kind == _RETURN and complaint.received_on is not None:
        due = complaint.received_on + timedelta(days=RETURN_DAYS)
        found.append(_clock("return-period", "消费者权益保护法 第二十五条", due, complaint.filed_on, day))
        basis = "侵害消费者权益行为处罚办法 第九条"
    else:
        basis = "policy"
    answered = complaint.answered_on or complaint.ended_on
    found.append(_clock("seller-answer", basis, complaint.answer_due, answered, day))
    handling = "消费者权益保护法 第四十六条"
    found.append(_clock("handling", handling, complaint.handling_due, complaint.ended_on, day))
    return tuple(found)


def _clock(name: str, basis: str, due: date, stopped: date | None, day: date) -> Clock:
    return Clock(name, basis, due, stopped, (stopped or day) > due)


def late(complaint: Dates, since: date, day: date) -> list[Clock]:
    """The running clocks of seller and handler whose first overdue day is in `since` .. `day`, the earliest first."""
    first = timedelta(days=1)
    found = [clock for clock in _running(complaint, day) if since <= clock.due + first <= day]
    return sorted(found, key=lambda clock: clock.due)


def next_due(complaint: Dates, day: date) -> date | None:
    """The first day after `day` on which a running clock of seller or handler becomes overdue."""
    days = [clock.due + timedelta(days=1) for clock in _running(complaint, day)]
    return min((each for each in days if each > day), default=None)


def _running(complaint: Dates, day: date) -> list[Clock]:
    return [clock for clock in clocks(complaint, day) if clock.stopped is None]
