"""The client for threads. `aio.py` has the same methods for asyncio; a test holds the two together."""

# Which message a method answers with follows from its name, which mypy does not know.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from fairpost.client import listening, requests
from fairpost.client.batcher import Batcher
from fairpost.client.batches import Filling, batches
from fairpost.client.bulletin import BulletinCalls
from fairpost.client.caller import Caller
from fairpost.client.catalogue import rpc
from fairpost.client.connections import Targets, Tls
from fairpost.client.errors import CallFailed
from fairpost.client.options import Options
from fairpost.client.retrying import Pace, Retry
from fairpost.client.reviews import ReviewCalls
from fairpost.client.rulebook import RulebookCalls
from fairpost.client.streaming import judge
from fairpost.client.verdicts import Checked, OnFailure, declares, degraded
from fairpost.v1 import (
    access_pb2,
    appeal_pb2,
    bulletin_pb2,
    complaint_pb2,
    filter_pb2,
    post_pb2,
    registry_pb2,
    rules_pb2,
    seller_event_pb2,
    seller_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    import grpc
    from google.protobuf.message import Message

    from fairpost.client.catalogue import Rpc
    from fairpost.client.streaming import Judged

__all__ = ["Client"]

CODE_POINTS = post_pb2.SPAN_UNIT_CODE_POINTS
_DEFAULT = Retry()


class Client(BulletinCalls, ReviewCalls, RulebookCalls):
    """Connections to one or several servers, and all methods of fairpost.v1.

    Thread-safe. Not fork-safe: make one in each process after the fork; a client from before raises RuntimeError.

    targets: gRPC targets ("host:port", "dns:///name:port", "unix:path"), one or several; calls go round over them and
    over all addresses behind a name. channels: connections a target; one connection stays with one worker process of a
    server. tls: True, or `Tls` with certificates of one's own. api_key, api_key_file: sent with each call; a file is
    read again when it changes. Refused without TLS, but for loopback. timeout, retry, hedge_after, on_failure: see
    `Options`.

    Raises:
        ValueError: an argument is wrong, or a file cannot be read.
    """

    def __init__(
        self,
        targets: str | Sequence[str] = "127.0.0.1:50051",
        *,
        timeout: float = 30.0,
        retry: Retry | None = _DEFAULT,
        hedge_after: float | None = None,
        on_failure: OnFailure = "raise",
        channels: int = 1,
        tls: bool | Tls = False,
        api_key: str = "",
        api_key_file: str | Path | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.options = Options(timeout=timeout, retry=retry, hedge_after=hedge_after, on_failure=on_failure)
        place = Targets.of(targets, channels=channels, tls=tls, api_key=api_key, api_key_file=api_key_file)
        self._caller = Caller(place, retry, pace or Pace())

    def with_options(self, **changes: Any) -> Client:
        """The same connections with other `Options`: `client.with_options(timeout=0.2).check(post)`. Costs little; it
        needs no closing of its own."""
        changed = object.__new__(type(self))
        changed.options = self.options.changed(**changes)
        changed._caller = self._caller
        return changed

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all connections, also for those who share them by `with_options`."""
        self._caller.close()

    def wait_ready(self, seconds: float) -> None:
        """Return when a server can be reached.

        Raises:
            CallFailed: not within that time (code UNAVAILABLE).
        """
        self._caller.wait_ready(seconds)

    @property
    def channel(self) -> grpc.Channel:
        """The first connection, for stubs of one's own; calls through it have no deadline, retry or key."""
        channel: grpc.Channel = self._caller.links[0].channel
        return channel

    def call(self, method: str, request: Message) -> Any:
        """Any unary method by its name ("GetStatus"), with deadline, retries and key; gives its response.

        Raises:
            ValueError: there is no such method.
            CallFailed: as from every method here.
        """
        return self._caller.call(rpc(method), request, self.options)

    # ---- posts ------------------------------------------------------------------------------------------

    def check(
        self,
        post: post_pb2.Post | str,
        *,
        unit: post_pb2.SpanUnit.ValueType = CODE_POINTS,
        dry_run: bool = False,
        **fields: Any,
    ) -> Checked:
        """Judge one post, given as message or as text with further fields of Post by name. dry_run: for previews, what
        it finds is not recorded in the seller's log."""
        message = requests.post(post, fields)
        request = filter_pb2.CheckPostRequest(post=message, unit=unit, dry_run=dry_run)
        try:
            return Checked(self.call("CheckPost", request).verdict)
        except CallFailed as failure:
            if not declares(self.options.on_failure, failure):
                raise
            return degraded(message, self.options.on_failure, failure)

    def check_batch(
        self,
        posts: Sequence[post_pb2.Post],
        *,
        unit: post_pb2.SpanUnit.ValueType = CODE_POINTS,
        dry_run: bool = False,
    ) -> list[Checked]:
        """Judge some posts in one call and by one revision."""
        request = filter_pb2.CheckPostsRequest(posts=posts, unit=unit, dry_run=dry_run)
        try:
            return requests.checked(posts, self.call("CheckPosts", request).results)
        except CallFailed as failure:
            if not declares(self.options.on_failure, failure):
                raise
            return [degraded(post, self.options.on_failure, failure) for post in posts]

    def check_many(
        self,
        posts: Iterable[post_pb2.Post],
        *,
        batch: int = 64,
        max_bytes: int = requests.BATCH_BYTES,
        in_flight: int = 8,
        unit: post_pb2.SpanUnit.ValueType = CODE_POINTS,
        dry_run: bool = False,
    ) -> Generator[Checked, None, None]:
        """Stream any number of posts; one result for each, in order, also over broken connections.

        Posts are taken from the iterable in a thread of its own, only so far that `in_flight` batches are unanswered.
        batch, max_bytes: how many posts, and how many bytes, a batch has at most.
        """
        made = requests.stream(batches(posts, Filling(batch, max_bytes)), unit, dry_run)
        return self._results(judge(self._caller, self.options, made, in_flight=in_flight))

    def _results(self, judged: Judged) -> Generator[Checked, None, None]:
        with contextlib.closing(judged):
            for request, response in judged:
                if isinstance(response, CallFailed):
                    yield from (degraded(post, self.options.on_failure, response) for post in request.posts)
                else:
                    yield from map(Checked.of, response.results)

    def stream(
        self,
        batches: Iterable[Sequence[post_pb2.Post]],
        *,
        unit: post_pb2.SpanUnit.ValueType = CODE_POINTS,
        in_flight: int = 8,
        dry_run: bool = False,
    ) -> Generator[filter_pb2.StreamCheckResponse, None, None]:
        """Stream batches; one response each, in order, numbered from 1. There is no local verdict for a whole batch:
        `on_failure` is "raise"."""
        options = self.options.changed(on_failure="raise")
        made = requests.stream(batches, unit, dry_run)
        return self._responses(judge(self._caller, options, made, in_flight=in_flight))

    def _responses(self, judged: Judged) -> Generator[filter_pb2.StreamCheckResponse, None, None]:
        with contextlib.closing(judged):
            for _, response in judged:
                assert not isinstance(response, CallFailed)
                yield response

    def batched(
        self,
        *,
        max_posts: int = 64,
        max_wait: float = 0.002,
        max_bytes: int = requests.BATCH_BYTES,
        unit: post_pb2.SpanUnit.ValueType = CODE_POINTS,
        dry_run: bool = False,
    ) -> Batcher:
        """Collects the posts that many callers check at a time into batches."""

        def send(posts: Sequence[post_pb2.Post]) -> Sequence[Checked]:
            return self.check_batch(posts, unit=unit, dry_run=dry_run)

        return Batcher(send, max_posts=max_posts, max_wait=max_wait, max_bytes=max_bytes)

    # ---- sellers ----------------------------------------------------------------------------------------

    def register(self, request: registry_pb2.RegisterSellerRequest) -> registry_pb2.RegisterSellerResponse:
        return self.call("RegisterSeller", request)

    def record_event(
        self, seller_id: str, event: seller_event_pb2.SellerEvent, *, request_id: str = ""
    ) -> registry_pb2.RecordEventResponse:
        request = registry_pb2.RecordEventRequest(seller_id=seller_id, event=event, request_id=request_id)
        return self.call("RecordEvent", request)

    def decide(self, request: registry_pb2.RecordEventRequest) -> registry_pb2.RecordEventResponse:
        """RecordEvent with all its fields."""
        return self.call("RecordEvent", request)

    def seller(self, seller_id: str) -> seller_pb2.Seller:
        return self.call("GetSeller", registry_pb2.GetSellerRequest(seller_id=seller_id)).seller

    def update_seller(self, request: registry_pb2.UpdateSellerRequest) -> registry_pb2.UpdateSellerResponse:
        return self.call("UpdateSeller", request)

    def sellers(self, **conditions: Any) -> Iterator[seller_pb2.Seller]:
        """All sellers that fulfil the conditions (fields of ListSellersRequest), page by page, by seller id."""
        return self._pages("ListSellers", registry_pb2.ListSellersRequest(**conditions), "sellers")

    def events(self, seller_id: str) -> Iterator[seller_event_pb2.SellerEvent]:
        """A seller's log, oldest first."""
        return self._pages("ListEvents", registry_pb2.ListEventsRequest(seller_id=seller_id), "events")

    def watch(
        self, cursor: str = "", *, seller_ids: Sequence[str] = ()
    ) -> Generator[registry_pb2.WatchSellersResponse, None, None]:
        """Changes of standing after the cursor, for as long as they are taken, across broken connections; close the
        generator to end."""
        request = registry_pb2.WatchSellersRequest(cursor=cursor, seller_ids=seller_ids)
        return listening.follow(self._caller, self.options, listening.WATCH_SELLERS, request)

    def snapshot(self) -> Generator[registry_pb2.GetSnapshotResponse, None, None]:
        """All standings at one sequence, in parts."""
        return listening.snapshot(self._caller, self.options)

    def diff(self, cursor: str) -> registry_pb2.DiffSellersResponse:
        return self.call("DiffSellers", registry_pb2.DiffSellersRequest(cursor=cursor))

    def export_person(self, seller_id: str, **fields: Any) -> bytes:
        """All that is kept about a seller as a person, as JSON; actor, reason."""
        request = registry_pb2.ExportPersonRequest(seller_id=seller_id, **fields)
        return self.call("ExportPerson", request).content

    def erase_person(self, seller_id: str, **fields: Any) -> registry_pb2.ErasePersonResponse:
        """actor, reason."""
        return self.call("ErasePerson", registry_pb2.ErasePersonRequest(seller_id=seller_id, **fields))

    def lookup(self, seller_id: str, *, token: str = "", fully: bool = False) -> registry_pb2.SellerAnswer:
        """A seller's standing: as it is in memory, at least as fresh as `token`, or fully consistent."""
        freshness = requests.consistency(token, fully)
        request = registry_pb2.LookupSellerRequest(seller_id=seller_id, consistency=freshness)
        return self.call("LookupSeller", request).answer

    def lookup_many(
        self, seller_ids: Sequence[str], *, token: str = "", fully: bool = False
    ) -> Sequence[registry_pb2.SellerAnswer]:
        """Several sellers' standings at one sequence of the log."""
        freshness = requests.consistency(token, fully)
        request = registry_pb2.BatchLookupSellersRequest(seller_ids=seller_ids, consistency=freshness)
        return self.call("BatchLookupSellers", request).answers

    # ---- complaints and appeals: fields of each method's request are given by name ----------------------

    def file_complaint(self, **fields: Any) -> complaint_pb2.FileComplaintResponse:
        """seller_id, kind, consumer_id, statement; for a return received_on."""
        return self.call("FileComplaint", complaint_pb2.FileComplaintRequest(**fields))

    def assign_complaint(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        """handler, actor."""
        request = complaint_pb2.AssignComplaintRequest(complaint_id=complaint_id, **fields)
        return self.call("AssignComplaint", request).complaint

    def answer_complaint(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        """answer, actor."""
        request = complaint_pb2.AnswerComplaintRequest(complaint_id=complaint_id, **fields)
        return self.call("AnswerComplaint", request).complaint

    def resolve_complaint(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        """outcome, resolution, actor; strike_category and strike_weight for a strike with it."""
        request = complaint_pb2.ResolveComplaintRequest(complaint_id=complaint_id, **fields)
        return self.call("ResolveComplaint", request).complaint

    def withdraw_complaint(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        """actor."""
        request = complaint_pb2.WithdrawComplaintRequest(complaint_id=complaint_id, **fields)
        return self.call("WithdrawComplaint", request).complaint

    def complaint(self, complaint_id: str) -> complaint_pb2.Complaint:
        """With the consumer's contact in clear."""
        return self.call("GetComplaint", complaint_pb2.GetComplaintRequest(complaint_id=complaint_id)).complaint

    def list_complaints(self, **conditions: Any) -> Iterator[complaint_pb2.Complaint]:
        """All that meet the conditions of ListComplaintsRequest, oldest first."""
        return self._pages("ListComplaints", complaint_pb2.ListComplaintsRequest(**conditions), "complaints")

    def file_appeal(self, seller_id: str, against: int, statement: str, **fields: Any) -> appeal_pb2.Appeal:
        """against: sequence of the event."""
        request = appeal_pb2.FileAppealRequest(seller_id=seller_id, against=against, statement=statement, **fields)
        return self.call("FileAppeal", request).appeal

    def decide_appeal(self, appeal_id: str, **fields: Any) -> appeal_pb2.DecideAppealResponse:
        """state (upheld or overturned), decision, actor."""
        return self.call("DecideAppeal", appeal_pb2.DecideAppealRequest(appeal_id=appeal_id, **fields))

    def appeal(self, appeal_id: str) -> appeal_pb2.Appeal:
        return self.call("GetAppeal", appeal_pb2.GetAppealRequest(appeal_id=appeal_id)).appeal

    def list_appeals(self, **conditions: Any) -> Iterator[appeal_pb2.Appeal]:
        """All that meet the conditions of ListAppealsRequest, oldest first."""
        return self._pages("ListAppeals", appeal_pb2.ListAppealsRequest(**conditions), "appeals")

    # ---- rules ------------------------------------------------------------------------------------------

    def activate(
        self, bundle: bytes, *, signature: tuple[str, bytes] | None = None, **fields: Any
    ) -> rules_pb2.ActivateBundleResponse:
        """source, force; emergency_reason and actor, if its notice cannot be waited for. Never sent twice: somebody
        else may have activated another one meanwhile. signature: key id and the 64 bytes that it signed with
        (`fairpost rules sign`)."""
        return self.call("ActivateBundle", requests.activation(bundle, signature, fields))

    def roll_back(self, revision: str = "", **fields: Any) -> rules_pb2.RollBackResponse:
        """emergency_reason, actor. Never sent twice: it would go back two steps."""
        return self.call("RollBack", rules_pb2.RollBackRequest(revision=revision, **fields))

    def who_am_i(self) -> access_pb2.WhoAmIResponse:
        """For whom the server takes this client, with which roles."""
        return self.call("WhoAmI", access_pb2.WhoAmIRequest())

    def status(self) -> rules_pb2.GetStatusResponse:
        return self.call("GetStatus", rules_pb2.GetStatusRequest())

    def revisions(self) -> list[rules_pb2.Revision]:
        """All kept revisions, latest activation first."""
        return list(self._pages("ListRevisions", rules_pb2.ListRevisionsRequest(page_size=100), "revisions"))

    def _subscribed(self, request: bulletin_pb2.SubscribeRequest) -> Generator[Any, None, None]:
        return listening.follow(self._caller, self.options, listening.SUBSCRIBE, request)

    def _followed(self, rpc: Rpc, request: Any) -> Generator[Any, None, None]:
        return listening.follow(self._caller, self.options, rpc, request)

    def _pages(self, method: str, request: Any, field: str) -> Iterator[Any]:
        """The entries of all pages of a list, one page at a time."""
        while True:
            page = self.call(method, request)
            yield from getattr(page, field)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
