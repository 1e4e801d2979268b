"""A small synchronous client of all services.

with Client("127.0.0.1:50051") as client:
    verdict = client.check("本店茶叶根治糖尿病", seller_id="seller-1", channel="moments")
    for result in client.check_many(posts):
        ...
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from fairpost.v1 import (
    appeal_pb2,
    appeal_pb2_grpc,
    complaint_pb2,
    complaint_pb2_grpc,
    filter_pb2,
    filter_pb2_grpc,
    post_pb2,
    registry_pb2,
    registry_pb2_grpc,
    rules_pb2,
    rules_pb2_grpc,
    seller_event_pb2,
    seller_pb2,
    verdict_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from types import TracebackType

__all__ = ["CallFailed", "Client"]

Answer = TypeVar("Answer")

_MIB = 1 << 20
_OPTIONS = [("grpc.max_receive_message_length", 64 * _MIB), ("grpc.max_send_message_length", 512 * _MIB)]


class CallFailed(Exception):
    """A call that the server refused or that did not reach it.

    code: name of the gRPC status ("INVALID_ARGUMENT"); reason: name of the `Reason`, "" if the status is not from
    fairpost; violations: (field, description) of each field at fault; metadata: of the ErrorInfo.
    """

    def __init__(
        self,
        code: str,
        message: str,
        reason: str = "",
        violations: Sequence[tuple[str, str]] = (),
        metadata: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}{f' ({reason})' if reason else ''}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        self.violations = tuple(violations)
        self.metadata = metadata or {}

    @classmethod
    def of(cls, error: grpc.RpcError) -> CallFailed:
        try:
            status = rpc_status.from_call(error)  # type: ignore[arg-type]
        except (ValueError, AttributeError):  # no status in the trailers, or one that contradicts the call's
            status = None
        code = error.code().name
        if status is None:
            return cls(code, error.details() or "")
        reason, metadata, violations = "", {}, []
        for detail in status.details:
            info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if detail.Unpack(info):
                reason, metadata = info.reason, dict(info.metadata)
            elif detail.Unpack(bad):
                violations = [(violation.field, violation.description) for violation in bad.field_violations]
        return cls(code, status.message, reason, violations, metadata)


def _call(method: Callable[..., Answer], request: Any, timeout: float | None) -> Answer:
    try:
        return method(request, timeout=timeout)
    except grpc.RpcError as error:
        raise CallFailed.of(error) from None


class Client:
    """A connection to one server. Thread-safe.

    timeout: seconds for each unary call; streams have no deadline.
    """

    def __init__(self, target: str = "127.0.0.1:50051", *, timeout: float | None = 30.0) -> None:
        self.target = target
        self._timeout = timeout
        self.channel = grpc.insecure_channel(target, options=_OPTIONS)
        self.filter = filter_pb2_grpc.FilterServiceStub(self.channel)
        self.registry = registry_pb2_grpc.RegistryServiceStub(self.channel)
        self.complaints = complaint_pb2_grpc.ComplaintServiceStub(self.channel)
        self.appeals = appeal_pb2_grpc.AppealServiceStub(self.channel)
        self.rules = rules_pb2_grpc.RulesServiceStub(self.channel)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.channel.close()

    def wait_ready(self, seconds: float) -> None:
        """Return when the server can be reached.

        Raises:
            CallFailed: not within that time (code UNAVAILABLE).
        """
        try:
            grpc.channel_ready_future(self.channel).result(timeout=seconds)
        except grpc.FutureTimeoutError:
            raise CallFailed("UNAVAILABLE", f"{self.target}: no server answers within {seconds:g} s") from None

    # ---- posts ------------------------------------------------------------------------------------------

    def check(
        self,
        post: post_pb2.Post | str,
        *,
        unit: post_pb2.SpanUnit.ValueType = post_pb2.SPAN_UNIT_CODE_POINTS,
        dry_run: bool = False,
        **fields: Any,
    ) -> verdict_pb2.Verdict:
        """Judge one post, given as message or as text with further fields of Post by name. dry_run: for previews, what
        it finds is not recorded in the seller's log."""
        if isinstance(post, str):
            post = post_pb2.Post(text=post, **fields)
        request = filter_pb2.CheckPostRequest(post=post, unit=unit, dry_run=dry_run)
        return _call(self.filter.CheckPost, request, self._timeout).verdict

    def check_batch(
        self,
        posts: Sequence[post_pb2.Post],
        *,
        unit: post_pb2.SpanUnit.ValueType = post_pb2.SPAN_UNIT_CODE_POINTS,
        dry_run: bool = False,
    ) -> filter_pb2.CheckPostsResponse:
        """Judge some posts in one call and by one revision."""
        request = filter_pb2.CheckPostsRequest(posts=posts, unit=unit, dry_run=dry_run)
        return _call(self.filter.CheckPosts, request, self._timeout)

    def check_many(
        self,
        posts: Iterable[post_pb2.Post],
        *,
        batch: int = 64,
        unit: post_pb2.SpanUnit.ValueType = post_pb2.SPAN_UNIT_CODE_POINTS,
        dry_run: bool = False,
    ) -> Iterator[verdict_pb2.CheckResult]:
        """Stream any number of posts; results in order. Posts are taken from the iterable as answers come back."""
        for response in self.stream(_batches(posts, batch), unit=unit, dry_run=dry_run):
            yield from response.results

    def stream(
        self,
        batches: Iterable[Sequence[post_pb2.Post]],
        *,
        unit: post_pb2.SpanUnit.ValueType = post_pb2.SPAN_UNIT_CODE_POINTS,
        in_flight: int = 8,
        dry_run: bool = False,
    ) -> Iterator[filter_pb2.StreamCheckResponse]:
        """Stream batches; one response each, in order. At most `in_flight` of them are unanswered at a time."""
        free = threading.Semaphore(in_flight)
        ended = threading.Event()

        def requests() -> Iterator[filter_pb2.StreamCheckRequest]:
            for sequence, posts in enumerate(batches, 1):
                free.acquire()
                if ended.is_set():
                    return
                yield filter_pb2.StreamCheckRequest(posts=posts, unit=unit, sequence=sequence, dry_run=dry_run)

        call = self.filter.StreamCheck(requests())
        try:
            for response in call:
                free.release()
                yield response
        except grpc.RpcError as error:
            raise CallFailed.of(error) from None
        finally:
            # The caller may stop early; grpcio's sending thread must not wait for ever.
            ended.set()
            free.release()
            call.cancel()  # type: ignore[no-untyped-call]

    # ---- sellers ----------------------------------------------------------------------------------------

    def register(self, request: registry_pb2.RegisterSellerRequest) -> registry_pb2.RegisterSellerResponse:
        return _call(self.registry.RegisterSeller, request, self._timeout)

    def record_event(
        self, seller_id: str, event: seller_event_pb2.SellerEvent, *, request_id: str = ""
    ) -> registry_pb2.RecordEventResponse:
        request = registry_pb2.RecordEventRequest(seller_id=seller_id, event=event, request_id=request_id)
        return _call(self.registry.RecordEvent, request, self._timeout)

    def decide(self, request: registry_pb2.RecordEventRequest) -> registry_pb2.RecordEventResponse:
        """RecordEvent with all its fields."""
        return _call(self.registry.RecordEvent, request, self._timeout)

    def seller(self, seller_id: str) -> seller_pb2.Seller:
        request = registry_pb2.GetSellerRequest(seller_id=seller_id)
        return _call(self.registry.GetSeller, request, self._timeout).seller

    def update_seller(self, request: registry_pb2.UpdateSellerRequest) -> registry_pb2.UpdateSellerResponse:
        return _call(self.registry.UpdateSeller, request, self._timeout)

    def sellers(self, **conditions: Any) -> Iterator[seller_pb2.Seller]:
        """All sellers that fulfil the conditions (fields of ListSellersRequest), page by page, by seller id."""
        return self._pages(self.registry.ListSellers, registry_pb2.ListSellersRequest(**conditions), "sellers")

    def events(self, seller_id: str) -> Iterator[seller_event_pb2.SellerEvent]:
        """A seller's log, oldest first."""
        return self._pages(self.registry.ListEvents, registry_pb2.ListEventsRequest(seller_id=seller_id), "events")

    def watch(
        self, cursor: str = "", *, seller_ids: Sequence[str] = ()
    ) -> Generator[registry_pb2.WatchSellersResponse, None, None]:
        """Changes of standing after the cursor, for as long as they are taken; close the generator to end."""
        call = self.registry.WatchSellers(registry_pb2.WatchSellersRequest(cursor=cursor, seller_ids=seller_ids))
        try:
            yield from call
        except grpc.RpcError as error:
            raise CallFailed.of(error) from None
        finally:
            call.cancel()  # type: ignore[no-untyped-call]

    def snapshot(self) -> Iterator[registry_pb2.GetSnapshotResponse]:
        """All standings at one sequence, in parts."""
        try:
            yield from self.registry.GetSnapshot(registry_pb2.GetSnapshotRequest())
        except grpc.RpcError as error:
            raise CallFailed.of(error) from None

    def diff(self, cursor: str) -> registry_pb2.DiffSellersResponse:
        return _call(self.registry.DiffSellers, registry_pb2.DiffSellersRequest(cursor=cursor), self._timeout)

    def export_person(self, seller_id: str, **fields: Any) -> bytes:
        """All that is kept about a seller as a person, as JSON; actor, reason."""
        request = registry_pb2.ExportPersonRequest(seller_id=seller_id, **fields)
        return _call(self.registry.ExportPerson, request, self._timeout).content

    def erase_person(self, seller_id: str, **fields: Any) -> registry_pb2.ErasePersonResponse:
        """actor, reason."""
        request = registry_pb2.ErasePersonRequest(seller_id=seller_id, **fields)
        return _call(self.registry.ErasePerson, request, self._timeout)

    def lookup(self, seller_id: str, *, token: str = "", fully: bool = False) -> registry_pb2.SellerAnswer:
        """A seller's standing: as it is in memory, at least as fresh as `token`, or fully consistent."""
        request = registry_pb2.LookupSellerRequest(seller_id=seller_id, consistency=_consistency(token, fully))
        return _call(self.registry.LookupSeller, request, self._timeout).answer

    def lookup_many(
        self, seller_ids: Sequence[str], *, token: str = "", fully: bool = False
    ) -> Sequence[registry_pb2.SellerAnswer]:
        request = registry_pb2.BatchLookupSellersRequest(seller_ids=seller_ids, consistency=_consistency(token, fully))
        return _call(self.registry.BatchLookupSellers, request, self._timeout).answers

    # ---- complaints and appeals: fields of each method's request are given by name -------------------------

    def file_complaint(self, **fields: Any) -> complaint_pb2.FileComplaintResponse:
        """seller_id, kind, consumer_id, statement; for a return received_on."""
        return _call(self.complaints.FileComplaint, complaint_pb2.FileComplaintRequest(**fields), self._timeout)

    def assign_complaint(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        """handler, actor."""
        request = complaint_pb2.AssignComplaintRequest(complaint_id=complaint_id, **fields)
        return _call(self.complaints.AssignComplaint, request, self._timeout).complaint

    def answer_complaint(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        """answer, actor."""
        request = complaint_pb2.AnswerComplaintRequest(complaint_id=complaint_id, **fields)
        return _call(self.complaints.AnswerComplaint, request, self._timeout).complaint

    def resolve_complaint(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        """outcome, resolution, actor; strike_category and strike_weight for a strike with it."""
        request = complaint_pb2.ResolveComplaintRequest(complaint_id=complaint_id, **fields)
        return _call(self.complaints.ResolveComplaint, request, self._timeout).complaint

    def withdraw_complaint(self, complaint_id: str, **fields: Any) -> complaint_pb2.Complaint:
        """actor."""
        request = complaint_pb2.WithdrawComplaintRequest(complaint_id=complaint_id, **fields)
        return _call(self.complaints.WithdrawComplaint, request, self._timeout).complaint

    def complaint(self, complaint_id: str) -> complaint_pb2.Complaint:
        """With the consumer's contact in clear."""
        request = complaint_pb2.GetComplaintRequest(complaint_id=complaint_id)
        return _call(self.complaints.GetComplaint, request, self._timeout).complaint

    def list_complaints(self, **conditions: Any) -> Iterator[complaint_pb2.Complaint]:
        """All that meet the conditions of ListComplaintsRequest, oldest first."""
        request = complaint_pb2.ListComplaintsRequest(**conditions)
        return self._pages(self.complaints.ListComplaints, request, "complaints")

    def file_appeal(self, seller_id: str, against: int, statement: str, **fields: Any) -> appeal_pb2.Appeal:
        """against: sequence of the event."""
        request = appeal_pb2.FileAppealRequest(seller_id=seller_id, against=against, statement=statement, **fields)
        return _call(self.appeals.FileAppeal, request, self._timeout).appeal

    def decide_appeal(self, appeal_id: str, **fields: Any) -> appeal_pb2.DecideAppealResponse:
        """state (upheld or overturned), decision, actor."""
        request = appeal_pb2.DecideAppealRequest(appeal_id=appeal_id, **fields)
        return _call(self.appeals.DecideAppeal, request, self._timeout)

    def appeal(self, appeal_id: str) -> appeal_pb2.Appeal:
        return _call(self.appeals.GetAppeal, appeal_pb2.GetAppealRequest(appeal_id=appeal_id), self._timeout).appeal

    def list_appeals(self, **conditions: Any) -> Iterator[appeal_pb2.Appeal]:
        """All that meet the conditions of ListAppealsRequest, oldest first."""
        return self._pages(self.appeals.ListAppeals, appeal_pb2.ListAppealsRequest(**conditions), "appeals")

    # ---- rules ------------------------------------------------------------------------------------------

    def activate(self, bundle: bytes, *, source: str = "", force: bool = False) -> rules_pb2.ActivateBundleResponse:
        request = rules_pb2.ActivateBundleRequest(bundle=bundle, source=source, force=force)
        return _call(self.rules.ActivateBundle, request, self._timeout)

    def roll_back(self, revision: str = "") -> rules_pb2.RollBackResponse:
        return _call(self.rules.RollBack, rules_pb2.RollBackRequest(revision=revision), self._timeout)

    def status(self) -> rules_pb2.GetStatusResponse:
        return _call(self.rules.GetStatus, rules_pb2.GetStatusRequest(), self._timeout)

    def revisions(self) -> list[rules_pb2.Revision]:
        """All kept revisions, latest activation first."""
        request = rules_pb2.ListRevisionsRequest(page_size=100)
        return list(self._pages(self.rules.ListRevisions, request, "revisions"))

    def _pages(self, method: Callable[..., Any], request: Any, field: str) -> Iterator[Any]:
        """The entries of all pages of a list, one page at a time."""
        while True:
            page = _call(method, request, self._timeout)
            yield from getattr(page, field)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


def _batches(posts: Iterable[post_pb2.Post], size: int) -> Iterator[Sequence[post_pb2.Post]]:
    iterator = iter(posts)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def _consistency(token: str, fully: bool) -> registry_pb2.Consistency | None:
    if fully:
        return registry_pb2.Consistency(fully_consistent=True)
    return registry_pb2.Consistency(at_least_as_fresh=token) if token else None
