"""The client for asyncio: the methods of `client.py` as coroutines and asynchronous iterators."""

# Which message a method answers with follows from its name, which mypy does not know.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from fairpost.client import requests
from fairpost.client.batcher_async import AsyncBatcher
from fairpost.client.batches import Filling, batches_async, either
from fairpost.client.bulletin_async import AsyncBulletinCalls
from fairpost.client.caller_async import AsyncCaller
from fairpost.client.catalogue import rpc
from fairpost.client.connections import Targets, Tls
from fairpost.client.errors import CallFailed
from fairpost.client.listening import SUBSCRIBE, WATCH_SELLERS
from fairpost.client.listening_async import follow_async, snapshot_async
from fairpost.client.options import Options
from fairpost.client.retrying import Pace, Retry
from fairpost.client.reviews_async import AsyncReviewCalls
from fairpost.client.rulebook_async import AsyncRulebookCalls
from fairpost.client.streaming_async import judge_async
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
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

    import grpc.aio
    from google.protobuf.message import Message

    from fairpost.client.catalogue import Rpc
    from fairpost.client.streaming_async import AsyncJudged

__all__ = ["AsyncClient"]

CODE_POINTS = post_pb2.SPAN_UNIT_CODE_POINTS
_DEFAULT = Retry()


class AsyncClient(AsyncBulletinCalls, AsyncReviewCalls, AsyncRulebookCalls):
    """Connections to one or several servers, and all methods of fairpost.v1.

    For the tasks of the event loop in which it is made. Not fork-safe: make one in each process after the fork; a
    client from before raises RuntimeError.

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
        self._caller = AsyncCaller(place, retry, pace or Pace())

    def with_options(self, **changes: Any) -> AsyncClient:
        """The same connections with other `Options`: `client.with_options(timeout=0.2).check(post)`. Costs little; it
        needs no closing of its own."""
        changed = object.__new__(type(self))
        changed.options = self.options.changed(**changes)
        changed._caller = self._caller
        return changed

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections, also for those who share them by `with_options`."""
        await self._caller.close()

    async def wait_ready(self, seconds: float) -> None:
        """Return when a server can be reached.

        Raises:
            CallFailed: not within that time (code UNAVAILABLE).
        """
        await self._caller.wait_ready(seconds)

    @property
    def channel(self) -> grpc.aio.Channel:
        """The first connection, for stubs of one's own; calls through it have no deadline, retry or key."""
        channel: grpc.aio.Channel = self._caller.links[0].channel
        return channel

    async def call(self, method: str, request: Message) -> Any:
        """Any unary method by its name ("GetStatus"), with deadline, retries and key; gives its response.

        Raises:
            ValueError: there is no such method.
            CallFailed: as from every method here.
        """
        return await self._caller.call(rpc(method), request, self.options)

    # ---- posts ------------------------------------------------------------------------------------------

    async def check(
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
            return Checked((await self.call("CheckPost", request)).verdict)
        except CallFailed as failure:
            if not declares(self.options.on_failure, failure):
                raise
            return degraded(message, self.options.on_failure, failure)

    async def check_batch(
        self,
        posts: Sequence[post_pb2.Post],
        *,
        unit: post_pb2.SpanUnit.ValueType = CODE_POINTS,
        dry_run: bool = False,
    ) -> list[Checked]:
        """Judge some posts in one call and by one revision."""
        request = filter_pb2.CheckPostsRequest(posts=posts, unit=unit, dry_run=dry_run)
        try:
            return requests.checked(posts, (await self.call("CheckPosts", request)).results)
        except CallFailed as failure:
            if not declares(self.options.on_failure, failure):
                raise
            return [degraded(post, self.options.on_failure, failure) for post in posts]

    def check_many(
        self,
        posts: AsyncIterable[post_pb2.Post] | Iterable[post_pb2.Post],
        *,
        batch: int = 64,
        max_bytes: int = requests.BATCH_BYTES,
        in_flight: int = 8,
        unit: post_pb2.SpanUnit.ValueType = CODE_POINTS,
        dry_run: bool = False,
    ) -> AsyncGenerator[Checked, None]:
        """Stream any number of posts; one result for each, in order, also over broken connections.

        Posts are taken from the iterable in a task of its own, only so far that `in_flight` batches are unanswered.
        batch, max_bytes: how many posts, and how many bytes, a batch has at most. Who leaves early closes the generator
        (`contextlib.aclosing`).
        """
        made = requests.stream_async(batches_async(posts, Filling(batch, max_bytes)), unit, dry_run)
        return self._results(judge_async(self._caller, self.options, made, in_flight=in_flight))

    async def _results(self, judged: AsyncJudged) -> AsyncGenerator[Checked, None]:
        async with contextlib.aclosing(judged):
            async for request, response in judged:
                if isinstance(response, CallFailed):
                    for post in request.posts:
                        yield degraded(post, self.options.on_failure, response)
                else:
                    for result in response.results:
                        yield Checked.of(result)

    def stream(
        self,
        batches: AsyncIterable[Sequence[post_pb2.Post]] | Iterable[Sequence[post_pb2.Post]],
        *,
        unit: post_pb2.SpanUnit.ValueType = CODE_POINTS,
        in_flight: int = 8,
        dry_run: bool = False,
    ) -> AsyncGenerator[filter_pb2.StreamCheckResponse, None]:
        """Stream batches; one response each, in order, numbered from 1. There is no local verdict for a whole batch:
        `on_failure` is "raise"."""
        options = self.options.changed(on_failure="raise")
        made = requests.stream_async(either(batches), unit, dry_run)
        return self._responses(judge_async(self._caller, options, made, in_flight=in_flight))

    async def _responses(self, judged: AsyncJudged) -> AsyncGenerator[filter_pb2.StreamCheckResponse, None]:
        async with contextlib.aclosing(judged):
            async for _, response in judged:
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
    ) -> AsyncBatcher:
        """Collects the posts that many callers check at a time into batches."""

        async def send(posts: Sequence[post_pb2.Post]) -> Sequence[Checked]:
            return await self.check_batch(posts, unit=unit, dry_run=dry_run)

        return AsyncBatcher(send, max_posts=max_posts, max_wait=max_wait, max_bytes=max_bytes)

    # ---- sellers ----------------------------------------------------------------------------------------

    async def register(self, request: registry_pb2.RegisterSellerRequest) -> registry_pb2.RegisterSellerResponse:
        return await self.call("RegisterSeller", request)

    async def record_event(
        self, seller_id: str, event: seller_event_pb2.SellerEvent, *, request_id: str = ""
    ) -> registry_pb2.RecordEventResponse:
        request = registry_pb2.RecordEventRequest(seller_id=seller_id, event=event, request_id=request_id)
        return await self.call("RecordEvent", request)

    async def decide(self, request: registry_pb2.RecordEventRequest) -> registry_pb2.RecordEventResponse:
        """RecordEvent with all its fields."""
        return await self.call("RecordEvent", request)

    async def seller(self, seller_id: str) -> seller_pb2.Seller:
        return (await self.call("GetSeller", registry_pb2.GetSellerRequest(seller_id=seller_id))).seller

    async def update_seller(self, request: registry_pb2.UpdateSellerRequest) -> registry_pb2.UpdateSellerResponse:
        return await self.call("UpdateSeller", request)

    def sellers(self, **conditions: Any) -> AsyncIterator[seller_pb2.Seller]:
        """All sellers that fulfil the conditions (fields of ListSellersRequest), page by page, by seller id."""
        return self._pages("ListSellers", registry_pb2.ListSellersRequest(**conditions), "sellers")

    def events(self, seller_id: str) -> AsyncIterator[seller_event_pb2.SellerEvent]:
        """A seller's log, oldest first."""
        return self._pages("ListEvents", registry_pb2.ListEventsRequest(seller_id=seller_id), "events")

    def watch(
        self, cursor: str = "", *, seller_ids: Sequence[str] = ()
    ) -> AsyncGenerator[registry_pb2.WatchSellersResponse, None]:
        """Changes of standing after the cursor, for as long as they are taken, across broken connections; close the
        generator to end."""
        request = registry_pb2.WatchSellersRequest(cursor=cursor, seller_ids=seller_ids)
        return follow_async(self._caller, self.options, WATCH_SELLERS, request)

    def snapshot(self) -> AsyncGenerator[registry_pb2.GetSnapshotResponse, None]:
        """All standings at one sequence, in parts."""
        return snapshot_async(self._caller, self.options)

    async def diff(self, cursor: str) -> registry_pb2.DiffSellersResponse:
        return await self.call("DiffSellers", registry_pb2.DiffSellersRequest(cursor=cursor))

    async def export_person(self, seller_id: str, **fields: Any) -> bytes:
        """All that is kept about a seller as a person, as JSON; actor, reason."""
        request = registry_pb2.ExportPersonRequest(seller_id=seller_id, **fields)
        return (await self.call("ExportPerson", request)).content

    async def erase_person(self, seller_id: str, **fields: Any) -> registry_pb2.ErasePersonResponse:
        """actor, reason."""
        return await self.call("ErasePerson", registry_pb2.ErasePersonRequest(seller_id=seller_id, **fields))

    async def lookup(self, seller_id: str, *, token: str = "", fully: bool = False) -> registry_pb2.SellerAnswer:
        """A seller's standing: as it is in memory, at least as fresh as `token`, or fully consistent."""
        freshness = requests.consistency(token, fully)
        request = registry_pb2.LookupSellerRequest(seller_id=seller_id, consistency=freshness)
        return (await self.call("LookupSeller", request)).answer

    async def lookup_many(
        self, seller_ids: Sequence[str], *, token: str = "", fully: bool = False
    ) -> Sequence[registry_pb2.SellerAnswer]:
        """Several sellers' standings at one sequence of the log."""
        freshness = requests.consistency(token, fully)
        request = registry_pb2.BatchLookupSellersRequest(seller_ids=seller_ids, consistency=freshness)
        return (await self.call("BatchLookupSellers", request)).answers

    # ---- complaints and appeals: fields of each method's request are given by name ----------------------

    async def file_complaint(self, **fields: Any) -> complaint_pb2.FileComplaintResponse:
        """seller_id, kind, consumer_id, statement; for a return received_on."""
        return await self.call("FileComplaint", complaint_pb2.FileComplaintRequest(**fields))

    async def assign_complaint(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        """handler, actor."""
        request = complaint_pb2.AssignComplaintRequest(complaint_id=complaint_id, **fields)
        return (await self.call("AssignComplaint", request)).complaint

    async def answer_complaint(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        """answer, actor."""
        request = complaint_pb2.AnswerComplaintRequest(complaint_id=complaint_id, **fields)
        return (await self.call("AnswerComplaint", request)).complaint

    async def resolve_complaint(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        """outcome, resolution, actor; strike_category and strike_weight for a strike with it."""
        request = complaint_pb2.ResolveComplaintRequest(complaint_id=complaint_id, **fields)
        return (await self.call("ResolveComplaint", request)).complaint

    async def withdraw_complaint(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        """actor."""
        request = complaint_pb2.WithdrawComplaintRequest(complaint_id=complaint_id, **fields)
        return (await self.call("WithdrawComplaint", request)).complaint

    async def complaint(self, complaint_id: str) -> complaint_pb2.Complaint:
        """With the consumer's contact in clear."""
        return (await self.call("GetComplaint", complaint_pb2.GetComplaintRequest(complaint_id=complaint_id))).complaint

    def list_complaints(self, **conditions: Any) -> AsyncIterator[complaint_pb2.Complaint]:
        """All that meet the conditions of ListComplaintsRequest, oldest first."""
        return self._pages("ListComplaints", complaint_pb2.ListComplaintsRequest(**conditions), "complaints")

    async def file_appeal(self, seller_id: str, against: int, statement: str, **fields: Any) -> appeal_pb2.Appeal:
        """against: sequence of the event."""
        request = appeal_pb2.FileAppealRequest(seller_id=seller_id, against=against, statement=statement, **fields)
        return (await self.call("FileAppeal", request)).appeal

    async def decide_appeal(self, appeal_id: str, **fields: Any) -> appeal_pb2.DecideAppealResponse:
        """state (upheld or overturned), decision, actor."""
        return await self.call("DecideAppeal", appeal_pb2.DecideAppealRequest(appeal_id=appeal_id, **fields))

    async def appeal(self, appeal_id: str) -> appeal_pb2.Appeal:
        return (await self.call("GetAppeal", appeal_pb2.GetAppealRequest(appeal_id=appeal_id))).appeal

    def list_appeals(self, **conditions: Any) -> AsyncIterator[appeal_pb2.Appeal]:
        """All that meet the conditions of ListAppealsRequest, oldest first."""
        return self._pages("ListAppeals", appeal_pb2.ListAppealsRequest(**conditions), "appeals")

    # ---- rules ------------------------------------------------------------------------------------------

    async def activate(
        self, bundle: bytes, *, signature: tuple[str, bytes] | None = None, **fields: Any
    ) -> rules_pb2.ActivateBundleResponse:
        """source, force; emergency_reason and actor, if its notice cannot be waited for. Never sent twice: somebody
        else may have activated another one meanwhile. signature: key id and the 64 bytes that it signed with
        (`fairpost rules sign`)."""
        return await self.call("ActivateBundle", requests.activation(bundle, signature, fields))

    async def roll_back(self, revision: str = "", **fields: Any) -> rules_pb2.RollBackResponse:
        """emergency_reason, actor. Never sent twice: it would go back two steps."""
        return await self.call("RollBack", rules_pb2.RollBackRequest(revision=revision, **fields))

    async def who_am_i(self) -> access_pb2.WhoAmIResponse:
        """For whom the server takes this client, with which roles."""
        return await self.call("WhoAmI", access_pb2.WhoAmIRequest())

    async def status(self) -> rules_pb2.GetStatusResponse:
        return await self.call("GetStatus", rules_pb2.GetStatusRequest())

    async def revisions(self) -> list[rules_pb2.Revision]:
        """All kept revisions, latest activation first."""
        request = rules_pb2.ListRevisionsRequest(page_size=100)
        return [revision async for revision in self._pages("ListRevisions", request, "revisions")]

    def _subscribed(self, request: bulletin_pb2.SubscribeRequest) -> AsyncGenerator[Any, None]:
        return follow_async(self._caller, self.options, SUBSCRIBE, request)

    def _followed(self, rpc: Rpc, request: Any) -> AsyncGenerator[Any, None]:
        return follow_async(self._caller, self.options, rpc, request)

    async def _pages(self, method: str, request: Any, field: str) -> AsyncIterator[Any]:
        """The entries of all pages of a list, one page at a time."""
        while True:
            page = await self.call(method, request)
            for entry in getattr(page, field):
                yield entry
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
