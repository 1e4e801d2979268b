"""The first page: rate, actions, top rules, latency, workers, and what waits for whoever looks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from starlette.routing import Route

from fairpost.server.errors import ServiceError
from fairpost.server.web.console.desk import Desk, for_staff
from fairpost.server.web.console.overview.charts import areas, lines
from fairpost.server.web.console.overview.history import EVERY_SECONDS, KEPT, quantile
from fairpost.v1 import appeal_pb2, complaint_pb2, review_pb2, rules_pb2

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["routes"]

ACTIONS: Final = ("BLOCK", "SHIELD", "REVIEW", "LIMIT", "ALLOW")
_SPAN: Final = KEPT * EVERY_SECONDS
_TOP: Final = 10
_COUNTED: Final = 100
"""What waits is counted up to here: more is "100+"."""
_QUANTILES: Final = {"p50": 0.5, "p99": 0.99}


class Waiting(NamedTuple):
    """Work that waits. name: of its message; at_least: there are more than were counted; path: where it is done, ""
    for who may only know of it."""

    name: str
    number: int
    at_least: bool
    path: str


def routes() -> list[BaseRoute]:
    return [
        Route("/console", for_staff(show), methods=["GET"]),
        Route("/console/live", for_staff(live, is_use=False), methods=["GET"]),
    ]


async def show(desk: Desk) -> Response:
    return desk.page("overview.html", **await _figures(desk), waiting=await _waiting(desk))


async def live(desk: Desk) -> Response:
    """The part of the page that refreshes itself."""
    return desk.page("overview_live.html", **await _figures(desk), headers={"Cache-Control": "no-store"})


async def _figures(desk: Desk) -> dict[str, Any]:
    history = desk.console.history
    intervals, whole = list(history.intervals), history.together()
    now = intervals[-1].at if intervals else 0.0
    ages = [now - interval.at for interval in intervals]
    series = {
        action: [interval.actions[action] / interval.seconds for interval in intervals] for action in reversed(ACTIONS)
    }
    latency: dict[str, list[float | None]] = {
        name: [_milliseconds(quantile(interval.latency, share)) for interval in intervals]
        for name, share in _QUANTILES.items()
    }
    latest = intervals[-1] if intervals else None
    return {
        "rule_status": await desk.calls.rules.GetStatus(rules_pb2.GetStatusRequest()),
        "every": int(EVERY_SECONDS),
        "minutes": max(1, round(whole.seconds / 60)),
        "latest": latest,
        "whole": whole,
        "actions": [(action, whole.actions[action], _share(whole.actions[action], whole.posts)) for action in ACTIONS],
        "rate_chart": areas(ages, series, _SPAN),
        "latency_chart": lines(ages, latency, _SPAN),
        "quantiles": {name: _milliseconds(quantile(whole.latency, share)) for name, share in _QUANTILES.items()},
        "top_rules": [(rule, count, _share(count, whole.posts)) for rule, count in whole.rules.most_common(_TOP)],
        "top_categories": [
            (category, count, _share(count, whole.posts)) for category, count in whole.categories.most_common(_TOP)
        ],
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000 if math.isfinite(seconds) else math.inf


async def _waiting(desk: Desk) -> list[Waiting]:
    """What waits for this person, as far as they may see it; what cannot be counted at present is left out."""
    found = []
    for count in (_reviews, _complaints, _overdue, _appeals):
        try:
            waiting = await count(desk)
        except ServiceError:
            continue
        if waiting is not None:
            found.append(waiting)
    return found


async def _reviews(desk: Desk) -> Waiting | None:
    if not desk.may("ReviewService/GetReviewQueue"):
        return None
    queue = await desk.calls.reviews.GetReviewQueue(review_pb2.GetReviewQueueRequest())
    pending = sum(each.count for each in queue.counts if each.state == review_pb2.REVIEW_STATE_PENDING)
    return Waiting("reviews", pending, False, "/console/reviews" if desk.may("ReviewService/ListReviews") else "")


async def _complaints(desk: Desk) -> Waiting | None:
    open_ = (
        complaint_pb2.COMPLAINT_STATE_FILED,
        complaint_pb2.COMPLAINT_STATE_ASSIGNED,
        complaint_pb2.COMPLAINT_STATE_ANSWERED,
    )
    return await _complaints_like(desk, "complaints", "/console/complaints", states=open_)


async def _overdue(desk: Desk) -> Waiting | None:
    return await _complaints_like(desk, "overdue", "/console/complaints?overdue=1", overdue=True)


async def _complaints_like(desk: Desk, name: str, path: str, **conditions: Any) -> Waiting | None:
    if not desk.may("ComplaintService/ListComplaints"):
        return None
    request = complaint_pb2.ListComplaintsRequest(page_size=_COUNTED, **conditions)
    answer = await desk.calls.complaints.ListComplaints(request)
    return Waiting(name, len(answer.complaints), bool(answer.next_page_token), path)


async def _appeals(desk: Desk) -> Waiting | None:
    if not desk.may("AppealService/ListAppeals"):
        return None
    request = appeal_pb2.ListAppealsRequest(page_size=_COUNTED, states=[appeal_pb2.APPEAL_STATE_FILED])
    answer = await desk.calls.appeals.ListAppeals(request)
    return Waiting("appeals", len(answer.appeals), bool(answer.next_page_token), "/console/appeals")
