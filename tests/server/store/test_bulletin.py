"""What the bulletin on any store must do: each test runs on SQLite and on PostgreSQL, unchanged."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from server_time import DAY_MS

from fairpost.server.bulletin import service
from fairpost.server.bulletin.documents import PUBLISHING
from fairpost.server.errors import ServiceError
from fairpost.server.registry import MustAcknowledge, Registry
from fairpost.server.registry.jobs import Jobs, run_jobs
from fairpost.server.registry.verify import verify
from fairpost.server.store import schema
from fairpost.v1 import bulletin_pb2, registry_pb2, seller_event_pb2, standing_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GUIDELINE, REGULATION = bulletin_pb2.DOCUMENT_KIND_GUIDELINE, bulletin_pb2.DOCUMENT_KIND_REGULATION
NOTICE = bulletin_pb2.DOCUMENT_KIND_NOTICE
SCHEDULED, PUBLIC = bulletin_pb2.DOCUMENT_STATE_SCHEDULED, bulletin_pb2.DOCUMENT_STATE_PUBLIC
SUPERSEDED, WITHDRAWN = bulletin_pb2.DOCUMENT_STATE_SUPERSEDED, bulletin_pb2.DOCUMENT_STATE_WITHDRAWN


class Time:
    """Milliseconds, which tests move."""

    def __init__(self) -> None:
        self.at = 1_800_000_000_000

    def __call__(self) -> int:
        return self.at

    def forward(self, milliseconds: int) -> None:
        self.at += milliseconds


class Bulletin(service.Bulletin):
    """One whose registry tests can reach."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry, lambda: None)
        self.registry = registry


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def bulletins(registries: Callable[..., Registry], time: Time) -> Callable[..., Bulletin]:
    """Makes bulletins on one store, as several servers have them; no thread runs."""
    return lambda **options: Bulletin(registries(now=time, **options))


@pytest.fixture
def bulletin(bulletins: Callable[..., Bulletin]) -> Bulletin:
    return bulletins()


def refused(call: Any, *arguments: Any, **fields: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        call(*arguments, **fields)
    return caught.value


def draft(
    document_id: str = "seller-rules",
    *,
    title: str = "卖家守则",
    body: str = "# 守则\n\n不得*虚假*宣传。",
    **fields: Any,
) -> bulletin_pb2.PublishRequest:
    content: dict[str, Any] = {
        "categories": ["rules"],
        "laws": ["cn.advertising-law/17"],
        "rules": ["health.cure-claim"],
    }
    content |= fields.pop("content", {})
    values: dict[str, Any] = {"document_id": document_id, "kind": REGULATION, "actor": "publisher-1"} | fields
    message = bulletin_pb2.PublishRequest(**values, content=bulletin_pb2.DocumentContent(**content))
    message.content.title.zh, message.content.body.zh = title, body
    return message


def scheduled(time: Time, milliseconds: int, **fields: Any) -> bulletin_pb2.ScheduleRequest:
    request = bulletin_pb2.ScheduleRequest(request_id=fields.pop("request_id", ""), document=draft(**fields))
    request.publish_at.FromMilliseconds(time.at + milliseconds)
    return request


def get(bulletin: Bulletin, document_id: str = "seller-rules", number: int = 0) -> bulletin_pb2.Document:
    return bulletin.reading.get(bulletin_pb2.GetDocumentRequest(document_id=document_id, number=number)).document


def ids(bulletin: Bulletin, **conditions: Any) -> list[str]:
    request = bulletin_pb2.ListDocumentsRequest(**conditions)
    return [document.document_id for document in bulletin.reading.list(request).documents]


def turn(bulletin: Bulletin) -> None:
    report = Jobs(bulletin.registry.core).run(PUBLISHING)
    assert report.state == "done", report


def told(bulletin: Bulletin, cursor: str = "", **fields: Any) -> tuple[list[tuple[str, int, int]], str]:
    """What a subscriber is told until there is nothing more: (document, number, state), and the cursor."""
    found: list[tuple[str, int, int]] = []
    for part in bulletin.stream.subscribe(bulletin_pb2.SubscribeRequest(cursor=cursor, **fields), lambda: True):
        found += [(e.document.document_id, e.document.number, e.document.state) for e in part.entries]
        last = part.cursor
        if not part.entries:
            break
    return found, last


def test_publish_and_its_versions(bulletin: Bulletin, time: Time) -> None:
    answer = bulletin.documents.publish(draft(note="首次发布"))
    first = answer.document
    assert (first.document_id, first.number, first.state, first.version) == ("seller-rules", 1, PUBLIC, 1)
    assert first.published_at.ToMilliseconds() == first.first_published_at.ToMilliseconds() == time.at
    assert get(bulletin) == first
    time.forward(1000)
    second = bulletin.documents.publish(draft(title="卖家守则（新）", note="改题", expected_version=1)).document
    assert (second.number, second.state, second.version) == (2, PUBLIC, 2)
    assert second.first_published_at == first.first_published_at
    assert get(bulletin).content.title.zh == "卖家守则（新）"
    old = get(bulletin, number=1)
    assert (old.state, old.content, old.note, old.version) == (SUPERSEDED, first.content, "首次发布", 2)
    history = bulletin.reading.versions(bulletin_pb2.ListVersionsRequest(document_id="seller-rules")).versions
    assert [(version.number, version.state) for version in history] == [(1, SUPERSEDED), (2, PUBLIC)]
    found = refused(bulletin.documents.publish, draft(expected_version=1))
    assert (found.reason_name, found.metadata) == ("REASON_CONFLICT", {"version": "2"})
    assert refused(bulletin.documents.publish, draft("other", expected_version=3)).reason_name == "REASON_CONFLICT"
    found = refused(bulletin.documents.publish, draft(kind=GUIDELINE))
    assert "kind: must be DOCUMENT_KIND_REGULATION, as in the document's other versions" in found.message
    named = bulletin.documents.publish(draft("")).document.document_id
    assert named.startswith("d-")
    assert ids(bulletin) == [named, "seller-rules"]


def test_what_is_wrong_is_told_at_once(bulletin: Bulletin, time: Time) -> None:
    request = draft(
        "Bad Id", kind=0, note="x" * 1001, actor="", title="", body="a\u202eb", bundle=b"x", request_id="a b"
    )
    request.content.title.en = "a\nb"
    request.content.effective_from, request.content.effective_until = "2026-02-30", "2026-01-01"
    request.content.categories.extend(["Nicht So", "rules"])
    request.content.laws.append("no law")
    request.content.rules.extend(["x", "health.cure-claim"])
    found = refused(bulletin.documents.publish, request)
    assert {violation.field for violation in found.violations} == {
        "request_id", "document_id", "kind", "note", "actor", "bundle", "content.title.zh", "content.title.en",
        "content.body.zh", "content.effective_from", "content.categories[1]", "content.categories[2]",
        "content.laws[1]", "content.rules[1]", "content.rules[2]",
    }  # fmt: skip
    assert dict(found.violations)["content.body.zh"] == "has the control character U+202E"
    request = draft(content={"effective_from": "2026-02-02", "effective_until": "2026-02-01"}, body=" ")
    found = refused(bulletin.documents.publish, request)
    assert dict(found.violations) == {
        "content.body.zh": "must not be blank",
        "content.effective_until": "2026-02-01 is before effective_from (2026-02-02)",
    }
    assert "document.title" not in str(refused(bulletin.documents.schedule, bulletin_pb2.ScheduleRequest()).violations)
    for offset in (0, -1, 3654 * DAY_MS):
        found = refused(bulletin.documents.schedule, scheduled(time, offset))
        assert [violation.field for violation in found.violations] == ["publish_at"]
    found = refused(bulletin.documents.publish, draft(kind=3, bundle=b"", title="x"))
    assert [violation.field for violation in found.violations] == ["bundle", "content.title"]
    found = refused(bulletin.documents.publish, draft(kind=3, bundle=b"no bundle", title="", body=""))
    assert found.reason_name == "REASON_NO_ACTIVE_RULE_SET"
    for call, message in (
        (bulletin.reading.get, bulletin_pb2.GetDocumentRequest(document_id="no")),
        (bulletin.reading.versions, bulletin_pb2.ListVersionsRequest(document_id="no")),
        (bulletin.documents.withdraw, bulletin_pb2.WithdrawRequest(document_id="no", actor="a", reason="r")),
    ):
        assert refused(call, message).reason_name == "REASON_DOCUMENT_NOT_FOUND"


def test_idempotency(bulletins: Callable[..., Bulletin], time: Time) -> None:
    first, second = bulletins(), bulletins()
    answer = first.documents.publish(draft(request_id="r1"))
    assert second.documents.publish(draft(request_id="r1")) == answer
    assert (
        refused(second.documents.publish, draft(request_id="r1", title="Anders")).reason_name
        == "REASON_REQUEST_ID_REUSED"
    )
    later = scheduled(time, 5000, request_id="r2", document_id="later")
    answer = first.documents.schedule(later)
    time.forward(60_000)
    assert second.documents.schedule(later) == answer
    withdraw = bulletin_pb2.WithdrawRequest(request_id="r3", document_id="seller-rules", actor="a", reason="r")
    assert first.documents.withdraw(withdraw) == second.documents.withdraw(withdraw)
    assert [
        version.number
        for version in second.reading.versions(bulletin_pb2.ListVersionsRequest(document_id="seller-rules")).versions
    ] == [1]


def test_scheduled_publication(bulletins: Callable[..., Bulletin], time: Time) -> None:
    bulletin, other = bulletins(), bulletins()
    made = bulletin.documents.schedule(scheduled(time, 60_000)).document
    assert (made.number, made.state, made.publish_at.ToMilliseconds()) == (1, SCHEDULED, time.at + 60_000)
    assert refused(get, bulletin).reason_name == "REASON_DOCUMENT_NOT_FOUND"
    assert ids(bulletin) == []
    listed = bulletin.reading.scheduled(bulletin_pb2.ListScheduledRequest()).documents
    assert [(d.document_id, d.number) for d in listed] == [("seller-rules", 1)]
    time.forward(59_999)
    assert not PUBLISHING.due(bulletin.registry.core)
    turn(bulletin)
    assert ids(bulletin) == []
    time.forward(1)
    assert PUBLISHING.due(bulletin.registry.core)
    turn(bulletin)
    turn(other)  # safe to be done twice
    assert (get(bulletin).state, get(bulletin).published_at.ToMilliseconds()) == (PUBLIC, time.at)
    # A second version: readers see the first until its time has come.
    bulletin.documents.schedule(scheduled(time, 60_000, title="第二版"))
    assert get(bulletin).number == 1
    assert refused(get, bulletin, "seller-rules", 2).reason_name == "REASON_DOCUMENT_NOT_FOUND"
    # A third one takes its place, and publishing at once that of the third.
    bulletin.documents.schedule(scheduled(time, 90_000, title="第三版"))
    bulletin.documents.publish(draft(title="第四版"))
    assert not bulletin.reading.scheduled(bulletin_pb2.ListScheduledRequest()).documents
    time.forward(DAY_MS)
    turn(bulletin)
    assert (get(bulletin).number, get(bulletin).content.title.zh) == (4, "第四版")
    versions = bulletin.reading.versions(bulletin_pb2.ListVersionsRequest(document_id="seller-rules")).versions
    assert [version.number for version in versions] == [1, 4]
    found, _ = told(bulletin, from_beginning=True)
    assert found == [("seller-rules", 1, PUBLIC), ("seller-rules", 4, PUBLIC)]


def test_many_that_are_due_at_once(bulletin: Bulletin, time: Time) -> None:
    for number in range(45):
        bulletin.documents.schedule(scheduled(time, 1000 + number, document_id=f"doc-{number:02}"))
    time.forward(2000)
    turn(bulletin)
    found, _ = told(bulletin, from_beginning=True)
    assert [name for name, _, _ in found] == [f"doc-{number:02}" for number in range(45)]


def test_withdrawal_keeps_the_history(bulletin: Bulletin, time: Time) -> None:
    bulletin.documents.publish(draft())
    bulletin.documents.publish(draft(title="第二版"))
    bulletin.documents.schedule(scheduled(time, 60_000, title="第三版"))
    only = bulletin_pb2.WithdrawRequest(document_id="seller-rules", scheduled_only=True, actor="a", reason="作废")
    assert bulletin.documents.withdraw(only).document.number == 3
    assert refused(bulletin.documents.withdraw, only).reason_name == "REASON_WRONG_STATE"
    assert get(bulletin).state == PUBLIC
    found = refused(
        bulletin.documents.withdraw,
        bulletin_pb2.WithdrawRequest(document_id="seller-rules", actor="a", reason="r", expected_version=1),
    )
    assert found.reason_name == "REASON_CONFLICT"
    time.forward(5)
    request = bulletin_pb2.WithdrawRequest(document_id="seller-rules", actor="publisher-1", reason="有误")
    made = bulletin.documents.withdraw(request).document
    assert (made.number, made.state, made.withdrawal_reason) == (2, WITHDRAWN, "有误")
    assert made.withdrawn_at.ToMilliseconds() == time.at
    assert get(bulletin) == made
    assert (ids(bulletin), ids(bulletin, withdrawn=True)) == ([], ["seller-rules"])
    assert get(bulletin, number=1).state == SUPERSEDED
    found = refused(bulletin.documents.withdraw, request)
    assert found.message == "document_id: seller-rules is withdrawn already"
    # It can be published again.
    assert bulletin.documents.publish(draft(title="第四版")).document.number == 4
    assert ids(bulletin) == ["seller-rules"]
    assert told(bulletin, from_beginning=True)[0] == [
        ("seller-rules", number, state) for number, state in ((1, PUBLIC), (2, PUBLIC), (2, WITHDRAWN), (4, PUBLIC))
    ]


def test_lists_are_stable(bulletin: Bulletin, time: Time) -> None:
    """Documents published between the pages: those that were there at the beginning come once, in their order."""
    names = [f"doc-{number:02}" for number in range(20)]
    for name in names:
        bulletin.documents.publish(draft(name))
    request = bulletin_pb2.ListDocumentsRequest(page_size=3, titles_only=True)
    found: list[str] = []
    while True:
        page = bulletin.reading.list(request)
        found += [document.document_id for document in page.documents]
        assert not any(document.content.body.zh for document in page.documents)
        bulletin.documents.publish(draft(f"new-{len(found)}"))
        bulletin.documents.publish(draft(names[len(found) % 20], title="改"))  # a new version keeps its place
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == names[::-1]
    assert ids(bulletin, latest_change_first=True, page_size=1) == [names[len(found) % 20]]
    request.kinds.append(NOTICE)
    assert refused(bulletin.reading.list, request).reason_name == "REASON_INVALID_PAGE_TOKEN"


def test_search_and_filters(bulletin: Bulletin) -> None:
    bulletin.documents.publish(
        draft(
            "one", kind=GUIDELINE, title="如何写广告", content={"categories": ["MEDICAL"], "laws": [], "rules": ["a.x"]}
        )
    )
    bulletin.documents.publish(
        draft(
            "two",
            body="Ｄｅｒ 100%\n\nTEXT_",
            content={
                "categories": ["rules"],
                "laws": ["cn.x/1"],
                "effective_from": "2027-01-01",
                "effective_until": "2027-12-31",
            },
        )
    )
    assert ids(bulletin) == ["two", "one"]
    assert ids(bulletin, kinds=[GUIDELINE]) == ["one"]
    assert (ids(bulletin, category="MEDICAL"), ids(bulletin, rule="a.x")) == (["one"], ["one"])
    assert (ids(bulletin, law="cn.x"), ids(bulletin, law="cn.x/1"), ids(bulletin, law="cn.x/2")) == (
        ["two"],
        ["two"],
        [],
    )
    assert ids(bulletin, in_force_on="2027-12-31") == ["two", "one"]
    assert ids(bulletin, in_force_on="2028-01-01") == ["one"]
    for query, expected in (
        ("广告", ["one"]),
        ("der 100%", ["two"]),
        ("text_", ["two"]),
        ("textx", []),
        ("%", ["two"]),
        ("ONE", ["one"]),
        ("a.x", ["one"]),
        ("虚假", ["one"]),
    ):
        assert ids(bulletin, query=query) == expected, query
    # What the public version says counts, not what an earlier one said.
    bulletin.documents.publish(draft("one", kind=GUIDELINE, title="其他", content={"categories": ["food"]}))
    assert (ids(bulletin, category="MEDICAL"), ids(bulletin, query="广告"), ids(bulletin, category="food")) == (
        [],
        [],
        ["one"],
    )
    wrong: dict[str, Any] = {"query": "x" * 101, "page_size": 1001, "kinds": [9]}
    found = refused(bulletin.reading.list, bulletin_pb2.ListDocumentsRequest(**wrong))
    assert {violation.field for violation in found.violations} == {"query", "page_size", "kinds[0]"}


def test_the_log_is_append_only(bulletin: Bulletin) -> None:
    bulletin.documents.publish(draft())
    store = bulletin.registry.core.store
    for statement in (
        sa.update(schema.bulletin_log).values(reason="x"),
        sa.delete(schema.bulletin_log),
        sa.update(schema.document_versions).values(note="x"),
        sa.delete(schema.document_versions),
    ):
        with pytest.raises(ServiceError) as caught, store.write() as connection:
            connection.execute(statement)
        assert re.search("append-only|never", str(caught.value.__cause__))


def test_subscribers_lose_and_double_nothing(bulletins: Callable[..., Bulletin], time: Time) -> None:
    """Two servers write; a subscriber leaves and comes back with its cursor after every part, at either of them."""
    first, second = bulletins(), bulletins()
    stop = threading.Event()
    wrote: list[int] = []

    def write() -> None:
        for number in range(40):
            (first, second)[number % 2].documents.publish(draft(f"doc-{number % 7}", title=f"第{number}版"))
            wrote.append(number)
        stop.set()

    writer = threading.Thread(target=write)
    found: list[tuple[str, int]] = []
    turns = 0
    request = bulletin_pb2.SubscribeRequest(from_beginning=True)
    writer.start()
    while True:
        ended = stop.is_set()
        parts: Any = (first, second)[turns % 2].stream.subscribe(request, lambda: True)
        part = next(parts)
        parts.close()
        found += [(entry.document.document_id, entry.document.number) for entry in part.entries]
        assert [entry.sequence for entry in part.entries] == sorted({entry.sequence for entry in part.entries})
        request = bulletin_pb2.SubscribeRequest(cursor=part.cursor)
        turns += 1
        if ended and not part.entries:
            break
    writer.join()
    assert found == [(f"doc-{number % 7}", number // 7 + 1) for number in range(40)]


def test_cursors(bulletins: Callable[..., Bulletin], registration: Any) -> None:
    bulletin = bulletins()
    answer = bulletin.documents.publish(draft("one"))
    listed = bulletin.reading.list(bulletin_pb2.ListDocumentsRequest())
    assert listed.cursor == answer.cursor
    bulletin.documents.publish(draft("two", kind=GUIDELINE, content={"categories": ["food"]}))
    bulletin.registry.sellers.register(registration("s1"))
    assert told(bulletin, answer.cursor)[0] == [("two", 1, PUBLIC)]
    assert told(bulletin)[0] == []
    assert told(bulletin, from_beginning=True, kinds=[GUIDELINE])[0] == [("two", 1, PUBLIC)]
    assert told(bulletin, from_beginning=True, category="rules")[0] == [("one", 1, PUBLIC)]
    ahead = bulletin.registry.core.token(99)

    def subscribe(**fields: Any) -> None:
        next(bulletin.stream.subscribe(bulletin_pb2.SubscribeRequest(**fields), lambda: True))

    for fields, reason in (
        ({"cursor": ahead}, "REASON_CURSOR_EXPIRED"),
        ({"cursor": "x.1"}, "REASON_INVALID_TOKEN"),
        ({"kinds": [9]}, "REASON_INVALID_FIELD"),
    ):
        with pytest.raises(ServiceError) as caught:
            subscribe(**fields)
        assert caught.value.reason_name == reason
    assert verify(bulletin.registry.core).differences == []


# ---- acknowledgements ----------------------------------------------------------------------------------------


def acknowledge(
    bulletin: Bulletin, seller_id: str = "s1", number: int = 1, **fields: Any
) -> bulletin_pb2.AcknowledgeResponse:
    values: dict[str, Any] = {"document_id": "seller-rules", "number": number} | fields
    return bulletin.acknowledgements.acknowledge(bulletin_pb2.AcknowledgeRequest(seller_id=seller_id, **values))


def test_registration_may_ask_for_an_acknowledgement(bulletins: Callable[..., Bulletin], registration: Any) -> None:
    bulletin = bulletins(must_acknowledge=MustAcknowledge(("seller-rules",)))
    registry = bulletin.registry
    seller = registry.sellers.register(registration("s1")).seller
    assert seller.standing.registration == standing_pb2.REGISTRATION_PENDING
    assert list(seller.requirements.currently_due) == ["acknowledgement: seller-rules"]
    assert refused(acknowledge, bulletin).reason_name == "REASON_DOCUMENT_NOT_FOUND"
    bulletin.documents.publish(draft())
    answer = acknowledge(bulletin, request_id="a1")
    assert acknowledge(bulletin, request_id="a1") == answer
    assert list(answer.currently_due) == []
    seller = registry.sellers.get(registry_pb2.GetSellerRequest(seller_id="s1")).seller
    assert seller.standing.registration == standing_pb2.REGISTRATION_ACTIVE
    # A new version asks nothing of those who have accepted the one before.
    bulletin.documents.publish(draft(title="第二版"))
    assert not registry.sellers.get(registry_pb2.GetSellerRequest(seller_id="s1")).seller.requirements.currently_due
    found = refused(acknowledge, bulletin)
    assert (found.reason_name, found.metadata) == ("REASON_CONFLICT", {"version": "2"})
    assert "number: seller-rules is public in version 2, not 1; read that one" in found.message
    acknowledge(bulletin, number=2, actor="clerk-1")
    again = acknowledge(bulletin, number=2)
    assert again.acknowledgement.actor == "clerk-1"  # once is enough
    listed = bulletin.acknowledgements.list(bulletin_pb2.ListAcknowledgementsRequest(document_id="seller-rules"))
    assert [(a.seller_id, a.number, a.actor) for a in listed.acknowledgements] == [
        ("s1", 1, "seller"),
        ("s1", 2, "clerk-1"),
    ]
    events = registry.sellers.events(registry_pb2.ListEventsRequest(seller_id="s1")).events
    assert [event.WhichOneof("change") for event in events] == ["registration", "acknowledgement", "acknowledgement"]
    assert (list(events[0].must_acknowledge), events[1].acknowledgement.number) == (["seller-rules"], 1)
    assert verify(registry.core).differences == []
    # Sellers who were there before are not asked: the event says what it asked for.
    other = bulletins()
    seller = other.registry.sellers.register(registration("s2")).seller
    assert not seller.requirements.currently_due


def test_reinstatement_may_ask_for_one(bulletins: Callable[..., Bulletin], registration: Any) -> None:
    bulletin = bulletins(must_acknowledge=MustAcknowledge((), ("seller-rules",)))
    registry = bulletin.registry
    bulletin.documents.publish(draft())
    registry.sellers.register(registration("s1"))
    acknowledge(bulletin)

    def decide(**change: Any) -> standing_pb2.Standing:
        event = seller_event_pb2.SellerEvent(actor="registrar-1", reason="test", **change)
        return registry.decisions.record_event(registry_pb2.RecordEventRequest(seller_id="s1", event=event)).standing

    limited = {"enforcement": seller_event_pb2.EnforcementChange(state=standing_pb2.ENFORCEMENT_LIMITED)}
    lifted = {"enforcement": seller_event_pb2.EnforcementChange(state=standing_pb2.ENFORCEMENT_NONE)}
    assert decide(**lifted).registration == standing_pb2.REGISTRATION_ACTIVE  # nothing was lifted
    assert decide(**limited).registration == standing_pb2.REGISTRATION_ACTIVE
    assert decide(**lifted).registration == standing_pb2.REGISTRATION_PENDING
    # What was accepted before does not count: it is asked for anew, in the same version.
    assert list(acknowledge(bulletin).currently_due) == []
    for state in (standing_pb2.REGISTRATION_CLOSED, standing_pb2.REGISTRATION_ACTIVE):
        standing = decide(registration=seller_event_pb2.RegistrationChange(state=state))
    assert standing.registration == standing_pb2.REGISTRATION_PENDING
    assert verify(registry.core).differences == []


def test_acknowledgements_go_with_the_record(bulletins: Callable[..., Bulletin], registration: Any, clock: Any) -> None:
    bulletin = bulletins()
    registry = bulletin.registry
    bulletin.documents.publish(draft())
    registry.sellers.register(registration("s1"))
    acknowledge(bulletin)
    assert refused(acknowledge, bulletin, "nobody").reason_name == "REASON_SELLER_NOT_FOUND"
    change = seller_event_pb2.RegistrationChange(state=standing_pb2.REGISTRATION_CLOSED)
    closed = seller_event_pb2.SellerEvent(actor="a", reason="r", registration=change)
    registry.decisions.record_event(registry_pb2.RecordEventRequest(seller_id="s1", event=closed))
    clock.forward(3 * 366 + 2)
    assert run_jobs(registry.core, ["retention"])[0].counts["records"] == 1
    assert not bulletin.acknowledgements.list(bulletin_pb2.ListAcknowledgementsRequest()).acknowledgements
    assert verify(registry.core).differences == []
    assert refused(acknowledge, bulletin).reason_name == "REASON_ERASED"


def test_wrong_acknowledgements(bulletin: Bulletin) -> None:
    found = refused(acknowledge, bulletin, "", 0, document_id="X", actor="a\nb", request_id=" ")
    assert {violation.field for violation in found.violations} == {
        "seller_id",
        "number",
        "document_id",
        "actor",
        "request_id",
    }
    request = bulletin_pb2.ListAcknowledgementsRequest(document_id="X", seller_id=" ", page_size=2000)
    found = refused(bulletin.acknowledgements.list, request)
    assert {violation.field for violation in found.violations} == {"document_id", "seller_id", "page_size"}


def test_a_watcher_is_woken(bulletins: Callable[..., Bulletin]) -> None:
    """A subscriber at one server sees what another publishes, without waiting for a checkpoint."""
    first, second = bulletins(), bulletins()
    parts: Iterator[bulletin_pb2.SubscribeResponse] = first.stream.subscribe(
        bulletin_pb2.SubscribeRequest(), lambda: True
    )
    assert not next(parts).entries
    second.documents.publish(draft())
    first.registry.lookups.catch_up()
    assert [entry.document.document_id for entry in next(parts).entries] == ["seller-rules"]
