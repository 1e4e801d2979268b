"""The sample sellers, posts, documents and complaints of rules/samples, brought into a server through its services."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import yaml

from fairpost.cli.errors import CommandError
from fairpost.engine.dates import today

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fairpost.client import Client

__all__ = [
    "check_held",
    "file_appeals",
    "file_complaints",
    "publish_documents",
    "read_samples",
    "register_sample",
    "register_sellers",
    "sample_request",
]

_ACTOR: Final = "demo"
_VIOLATION_SECONDS: Final = 20.0


def samples_folder() -> Path:
    """Where the samples are."""
    from fairpost.rules import shipped_packs

    return shipped_packs().parent / "samples"


def read_samples(name: str) -> Any:
    """What one file of the samples says."""
    return yaml.load((samples_folder() / name).read_text(encoding="utf-8"), Loader=_Loader)


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """Safe YAML, the quick one where libyaml is there."""


def register_sample(client: Client, seller: dict[str, Any]) -> None:
    """Register one seller of samples/sellers.yaml and record the events that its standing needs."""
    from fairpost.cli.seller import KINDS
    from fairpost.v1 import registry_pb2, seller_pb2

    client.register(
        registry_pb2.RegisterSellerRequest(
            seller_id=seller["id"],
            kind=KINDS[seller["kind"]],  # type: ignore[arg-type]
            name=seller["name"],
            identity_number=seller.get("identity_number", ""),
            credit_code=seller.get("credit_code", ""),
            categories=seller["categories"],
            licences=[
                seller_pb2.Licence(
                    scope=licence["scope"],
                    number=licence["number"],
                    valid_from=str(licence["valid_from"]),
                    valid_until=str(licence["valid_until"] or ""),
                )
                for licence in seller["licences"]
            ],
            exempt_reason=seller.get("exempt_reason", ""),
        )
    )
    for event in _events(seller["standing"]):
        event.actor, event.reason = "demo", "sample seller"
        client.record_event(seller["id"], event)


def _events(standing: dict[str, Any]) -> Iterator[Any]:
    from fairpost.engine.vocabulary import ENFORCEMENT, LISTING, REGISTRATION
    from fairpost.v1 import seller_event_pb2

    def number(words: tuple[str, ...], word: str) -> Any:
        return words.index(word) + 1  # 0 is "unspecified" in the API

    # No event turns an admitted seller back into one that hands papers in; such a seller is incomplete by its record.
    if standing["registration"] != "pending":
        since = today() - timedelta(days=standing["tenure_days"])
        active = seller_event_pb2.RegistrationChange(state=number(REGISTRATION, "active"))
        yield seller_event_pb2.SellerEvent(registration=active, effective=since.isoformat())
        if standing["registration"] != "active":
            state = seller_event_pb2.RegistrationChange(state=number(REGISTRATION, standing["registration"]))
            yield seller_event_pb2.SellerEvent(registration=state)
    if standing["enforcement"] != "none":
        yield seller_event_pb2.SellerEvent(
            enforcement=seller_event_pb2.EnforcementChange(state=number(ENFORCEMENT, standing["enforcement"]))
        )
    if standing["listing"] != "none":
        yield seller_event_pb2.SellerEvent(
            listing=seller_event_pb2.ListingChange(
                state=number(LISTING, standing["listing"]), permanent=standing["listing"] == "blacklisted"
            )
        )
    # What the ladder made of the strikes is over.
    long_ago = (today() - timedelta(days=100)).isoformat()
    for category, count in standing["strikes"].items():
        for _ in range(count):
            yield seller_event_pb2.SellerEvent(strike=seller_event_pb2.Strike(category=category), effective=long_ago)


def sample_request(post: dict[str, Any]) -> Any:
    """A post of samples/posts.yaml as a message."""
    from fairpost.v1 import post_pb2

    return post_pb2.Post(
        id=post["id"],
        seller_id=post.get("seller") or "",
        text=post["text"],
        channel=post.get("channel") or "",
        language=post.get("language") or "",
    )


def register_sellers(client: Client) -> int:
    """Register all sample sellers; gives how many."""
    sellers = read_samples("sellers.yaml")["sellers"]
    for seller in sellers:
        register_sample(client, seller)
    return len(sellers)


def publish_documents(client: Client) -> int:
    """Publish, schedule and withdraw the sample documents; gives how many there are."""
    from fairpost.cli.bulletin_reading import KINDS
    from fairpost.cli.words import number_of

    documents = read_samples("documents.yaml")
    for document in documents:
        kind = number_of("kind", document["kind"], KINDS)
        for version in document["versions"]:
            fields = {
                "document_id": document["id"],
                "kind": kind,
                "content": _content(version),
                "note": version.get("note", ""),
                "actor": _ACTOR,
            }
            if days := document.get("scheduled_days"):
                client.schedule(datetime.now(UTC) + timedelta(days=days), **fields)
            else:
                client.publish(**fields)
        if reason := document.get("withdrawn"):
            client.withdraw(document["id"], actor=_ACTOR, reason=reason)
    return len(documents)


def _content(version: dict[str, Any]) -> Any:
    from fairpost.v1 import bulletin_pb2

    begin, end = version.get("effective_days", (None, None))
    return bulletin_pb2.DocumentContent(
        title=bulletin_pb2.LocalText(**version["title"]),
        body=bulletin_pb2.LocalText(**version["body"]),
        categories=version.get("categories", ()),
        laws=version.get("laws", ()),
        effective_from=_day(begin),
        effective_until=_day(end),
    )


def _day(days: int | None) -> str:
    return "" if days is None else (today() + timedelta(days=days)).isoformat()


def file_complaints(client: Client) -> int:
    """File the sample complaints and take their steps; gives how many there are."""
    from fairpost.cli.complaint import KINDS
    from fairpost.cli.words import number_of

    complaints = read_samples("complaints.yaml")["complaints"]
    for complaint in complaints:
        received = complaint.get("received_days")
        filed = client.file_complaint(
            seller_id=complaint["seller"],
            kind=number_of("kind", complaint["kind"], KINDS),
            consumer_id=complaint["consumer"],
            consumer_contact=complaint.get("contact", ""),
            post_id=complaint.get("post", ""),
            order_id=complaint.get("order", ""),
            statement=complaint["statement"],
            evidence=complaint.get("evidence", ()),
            received_on=_day(None if received is None else -received),
        )
        for step in complaint["steps"]:
            _take_step(client, filed.complaint.complaint_id, step)
    return len(complaints)


def _take_step(client: Client, complaint_id: str, step: dict[str, Any]) -> None:
    from fairpost.cli.complaint import OUTCOMES
    from fairpost.cli.words import number_of

    ((name, content),) = step.items()
    match name:
        case "assign":
            client.assign_complaint(complaint_id, handler=content, actor=_ACTOR)
        case "answer":
            client.answer_complaint(complaint_id, answer=content, actor=_ACTOR)
        case "resolve":
            client.resolve_complaint(
                complaint_id,
                outcome=number_of("outcome", content["outcome"], OUTCOMES),
                resolution=content["resolution"],
                strike_category=content.get("strike", ""),
                actor=_ACTOR,
            )
        case "withdraw":
            client.withdraw_complaint(complaint_id, actor=_ACTOR)
        case _:
            raise ValueError(f"complaints.yaml: {name!r} is no step; one of assign, answer, resolve, withdraw")


def check_held(client: Client) -> None:
    """Check the sample posts that are to be held for review, which puts them into the queue."""
    held = read_samples("complaints.yaml")["held"]
    client.check_batch([sample_request(post) for post in held])


def file_appeals(client: Client) -> int:
    """Check the posts of the sample appeals, file the appeals against their violations, and decide those that are
    decided; gives how many there are.

    Raises:
        CommandError: a post led to no violation.
    """
    from fairpost.cli.appeal import STATES
    from fairpost.cli.words import number_of

    appeals = read_samples("complaints.yaml")["appeals"]
    for appeal in appeals:
        post = sample_request(appeal["post"] | {"seller": appeal["seller"]})
        client.check(post)
        against = _violation(client, appeal["seller"], post.id)
        filed = client.file_appeal(appeal["seller"], against, appeal["statement"])
        if decision := appeal.get("decide"):
            state = number_of("state", decision["state"], STATES)
            client.decide_appeal(filed.appeal_id, **(decision | {"state": state}))
    return len(appeals)


def _violation(client: Client, seller_id: str, post_id: str) -> int:
    """Sequence of the violation that a post made: it is recorded soon after the verdict."""
    deadline = time.monotonic() + _VIOLATION_SECONDS
    while time.monotonic() < deadline:
        for event in client.events(seller_id):
            if event.violation.post_id == post_id:
                return event.sequence
        time.sleep(0.02)
    raise CommandError(f"the sample post {post_id} of {seller_id} led to no violation", status=1)
