"""A seller's log as the console shows it: what happened, in words, and what follows from what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairpost.server.web.catalogue import messages
from fairpost.server.web.console.words import Words
from fairpost.v1 import registry_pb2

if TYPE_CHECKING:
    from fairpost.server.web.catalogue import Language
    from fairpost.server.web.console.desk import Desk
    from fairpost.v1 import seller_event_pb2

__all__ = ["MOST", "event_of", "events_of", "told"]

MOST: Final = 5_000
"""Events that a file shows; of a longer log the latest."""
_PAGE: Final = 1_000


async def events_of(desk: Desk, seller_id: str) -> list[seller_event_pb2.SellerEvent]:
    """The latest events first."""
    found: list[seller_event_pb2.SellerEvent] = []
    request = registry_pb2.ListEventsRequest(seller_id=seller_id, page_size=_PAGE)
    while True:
        answer = await desk.calls.registry.ListEvents(request)
        found = (found + list(answer.events))[-MOST:]
        if not answer.next_page_token:
            return found[::-1]
        request.page_token = answer.next_page_token


async def event_of(desk: Desk, seller_id: str, sequence: int) -> seller_event_pb2.SellerEvent | None:
    """One event by its sequence; None if the seller has none with it."""
    return next((event for event in await events_of(desk, seller_id) if event.sequence == sequence), None)


def told(event: seller_event_pb2.SellerEvent, language: Language) -> str:
    """What happened, in one line."""
    kind = event.WhichOneof("change") or "unknown"
    return messages(language)[f"console.event.{kind}"].format_map(_values(event, kind, Words(language)))


def _values(event: seller_event_pb2.SellerEvent, kind: str, words: Words) -> dict[str, Any]:
    change: Any = getattr(event, kind, None)
    match kind:
        case "registration" | "enforcement" | "listing":
            return {"state": words.of(change, "state")}
        case "strike":
            return {"category": words.category(change.category), "weight": change.weight or 1}
        case "violation":
            action = words.value("Action", change.action.lower())
            return {"category": words.category(change.category), "action": action, "post": change.post_id or "—"}
        case "licence" | "licence_ended":
            return {"scope": words.scope(change.scope), "number": change.number}
        case "complaint":
            state = words.value("ComplaintState", change.state)
            if change.state == "overdue":
                state = f"{state} ({words.value('clock', change.clock)})"
            return {"state": state, "id": change.complaint_id}
        case "appeal":
            return {
                "state": words.value("AppealState", change.state),
                "id": change.appeal_id,
                "against": change.against,
            }
        case "record" | "erasure" | "export":
            return {"fields": ", ".join(words.value("field", field) for field in change.fields)}
        case "turned":
            return {"changes": "; ".join(change.changes)}
        case "verification":
            return {"day": change.next_verification}
        case "acknowledgement":
            return {"document": change.document_id, "number": change.number}
    return {}
