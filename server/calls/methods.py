"""The table of all methods of fairpost.v1: name, form, limit, and what answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairpost.server import wire
from fairpost.server.access.who import who_am_i
from fairpost.server.calls.call import Kind, Method
from fairpost.v1 import (
    access_pb2,
    appeal_pb2,
    audit_pb2,
    bulletin_pb2,
    complaint_pb2,
    filter_pb2,
    registry_pb2,
    review_pb2,
    rules_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.message import Message

    from fairpost.server.audit.listing import AuditReading
    from fairpost.server.bulletin.service import Bulletin
    from fairpost.server.filtering import FilterService
    from fairpost.server.registry import Registry
    from fairpost.server.reviews import Reviews
    from fairpost.server.rules import RulesService

    _Table = dict[str, tuple[Any, Callable[[Any], Message]]]
    """Methods of one request and one answer, by name: the request's type, and what answers."""

__all__ = [
    "ACCESS",
    "APPEALS",
    "AUDIT",
    "BULLETIN",
    "COMPLAINTS",
    "FILTER",
    "REGISTRY",
    "REVIEWS",
    "RULES",
    "SERVICES",
    "methods",
]

ACCESS = access_pb2.DESCRIPTOR.services_by_name["AccessService"].full_name
APPEALS = appeal_pb2.DESCRIPTOR.services_by_name["AppealService"].full_name
AUDIT = audit_pb2.DESCRIPTOR.services_by_name["AuditService"].full_name
BULLETIN = bulletin_pb2.DESCRIPTOR.services_by_name["BulletinService"].full_name
COMPLAINTS = complaint_pb2.DESCRIPTOR.services_by_name["ComplaintService"].full_name
FILTER = filter_pb2.DESCRIPTOR.services_by_name["FilterService"].full_name
REGISTRY = registry_pb2.DESCRIPTOR.services_by_name["RegistryService"].full_name
REVIEWS = review_pb2.DESCRIPTOR.services_by_name["ReviewService"].full_name
RULES = rules_pb2.DESCRIPTOR.services_by_name["RulesService"].full_name

SERVICES = (FILTER, REGISTRY, COMPLAINTS, APPEALS, REVIEWS, RULES, BULLETIN, AUDIT, ACCESS)


def methods(
    filtering: FilterService,
    registry: Registry,
    rules: RulesService,
    bulletin: Bulletin,
    reviews: Reviews,
    audit: AuditReading,
    *,
    max_request_bytes: int,
    max_bundle_bytes: int,
) -> list[Method]:
    """All of them; a test holds the table equal to the services' descriptors."""
    return [
        *_filter_methods(filtering, max_request_bytes),
        *_registry_methods(registry, max_request_bytes),
        *_complaint_methods(registry, max_request_bytes),
        *_appeal_methods(registry, max_request_bytes),
        *_rules_methods(rules, max_request_bytes, max_bundle_bytes),
        *_bulletin_methods(bulletin, max_request_bytes, max_bundle_bytes),
        *_review_methods(reviews, max_request_bytes),
        _unary(AUDIT, "ListAudit", audit_pb2.ListAuditRequest, audit.list, max_request_bytes),
        _unary(ACCESS, "WhoAmI", access_pb2.WhoAmIRequest, who_am_i, max_request_bytes),
    ]


def _filter_methods(filtering: FilterService, limit: int) -> list[Method]:
    return [
        Method(FILTER, "CheckPost", Kind.UNARY, limit, answer=filtering.check_post_bytes),
        Method(FILTER, "CheckPosts", Kind.UNARY, limit, answer=filtering.check_posts_bytes),
        Method(FILTER, "StreamCheck", Kind.STREAM, limit, answer=filtering.stream_check_bytes),
    ]


def _registry_methods(registry: Registry, limit: int) -> list[Method]:
    sellers, decisions, lookups = registry.sellers, registry.decisions, registry.lookups
    mirrors, erasure = registry.mirrors, registry.erasure

    def unary(name: str, request_type: Any, call: Callable[[Any], Message]) -> Method:
        return _unary(REGISTRY, name, request_type, call, limit)

    return [
        unary("RegisterSeller", registry_pb2.RegisterSellerRequest, sellers.register),
        unary("UpdateSeller", registry_pb2.UpdateSellerRequest, sellers.update),
        unary("GetSeller", registry_pb2.GetSellerRequest, sellers.get),
        unary("ListSellers", registry_pb2.ListSellersRequest, sellers.search),
        unary("ListEvents", registry_pb2.ListEventsRequest, sellers.events),
        unary("RecordEvent", registry_pb2.RecordEventRequest, decisions.record_event),
        Method(REGISTRY, "LookupSeller", Kind.UNARY, limit, answer=lookups.lookup_bytes),
        Method(REGISTRY, "BatchLookupSellers", Kind.UNARY, limit, answer=lookups.batch_bytes),
        unary("DiffSellers", registry_pb2.DiffSellersRequest, mirrors.diff),
        _parts(REGISTRY, "WatchSellers", registry_pb2.WatchSellersRequest, mirrors.watch, limit),
        _parts(
            REGISTRY,
            "GetSnapshot",
            registry_pb2.GetSnapshotRequest,
            lambda request, _: mirrors.snapshot(request),
            limit,
        ),
        unary("ExportPerson", registry_pb2.ExportPersonRequest, erasure.export),
        unary("ErasePerson", registry_pb2.ErasePersonRequest, erasure.erase),
    ]


def _complaint_methods(registry: Registry, limit: int) -> list[Method]:
    complaints = registry.complaints
    found: _Table = {
        "FileComplaint": (complaint_pb2.FileComplaintRequest, complaints.file),
        "AssignComplaint": (complaint_pb2.AssignComplaintRequest, complaints.assign),
        "AnswerComplaint": (complaint_pb2.AnswerComplaintRequest, complaints.answer),
        "ResolveComplaint": (complaint_pb2.ResolveComplaintRequest, complaints.resolve),
        "WithdrawComplaint": (complaint_pb2.WithdrawComplaintRequest, complaints.withdraw),
        "GetComplaint": (complaint_pb2.GetComplaintRequest, complaints.get),
        "ListComplaints": (complaint_pb2.ListComplaintsRequest, complaints.search),
    }
    return _unaries(COMPLAINTS, found, limit)


def _appeal_methods(registry: Registry, limit: int) -> list[Method]:
    appeals = registry.appeals
    found: _Table = {
        "FileAppeal": (appeal_pb2.FileAppealRequest, appeals.file),
        "DecideAppeal": (appeal_pb2.DecideAppealRequest, appeals.decide),
        "GetAppeal": (appeal_pb2.GetAppealRequest, appeals.get),
        "ListAppeals": (appeal_pb2.ListAppealsRequest, appeals.search),
    }
    return _unaries(APPEALS, found, limit)


def _rules_methods(rules: RulesService, limit: int, bundle_limit: int) -> list[Method]:
    with_bundle: _Table = {
        "ActivateBundle": (rules_pb2.ActivateBundleRequest, rules.activate),
        "KeepBundle": (rules_pb2.KeepBundleRequest, rules.keep),
        "CompareRules": (rules_pb2.CompareRulesRequest, rules.comparison.compare),
    }
    others: _Table = {
        "RollBack": (rules_pb2.RollBackRequest, rules.roll_back),
        "GetStatus": (rules_pb2.GetStatusRequest, rules.status),
        "ListRevisions": (rules_pb2.ListRevisionsRequest, rules.revisions),
        "ListRules": (rules_pb2.ListRulesRequest, rules.in_force.list),
        "ListShadowResults": (rules_pb2.ListShadowResultsRequest, rules.shadows.list),
    }
    return [
        *_unaries(RULES, with_bundle, bundle_limit),
        *_unaries(RULES, others, limit),
    ]


def _bulletin_methods(bulletin: Bulletin, limit: int, bundle_limit: int) -> list[Method]:
    documents, reading, acknowledgements = bulletin.documents, bulletin.reading, bulletin.acknowledgements
    deliveries = bulletin.deliveries
    with_bundle: _Table = {
        "Publish": (bulletin_pb2.PublishRequest, documents.publish),
        "Schedule": (bulletin_pb2.ScheduleRequest, documents.schedule),
        "DraftNotice": (bulletin_pb2.DraftNoticeRequest, bulletin.notices.draft),
    }
    others: _Table = {
        "Withdraw": (bulletin_pb2.WithdrawRequest, documents.withdraw),
        "Get": (bulletin_pb2.GetDocumentRequest, reading.get),
        "List": (bulletin_pb2.ListDocumentsRequest, reading.list),
        "ListVersions": (bulletin_pb2.ListVersionsRequest, reading.versions),
        "ListScheduled": (bulletin_pb2.ListScheduledRequest, reading.scheduled),
        "Acknowledge": (bulletin_pb2.AcknowledgeRequest, acknowledgements.acknowledge),
        "ListAcknowledgements": (bulletin_pb2.ListAcknowledgementsRequest, acknowledgements.list),
        "ListDeliveries": (bulletin_pb2.ListDeliveriesRequest, deliveries.list),
        "RetryDelivery": (bulletin_pb2.RetryDeliveryRequest, deliveries.retry),
    }
    return [
        *_unaries(BULLETIN, with_bundle, bundle_limit),
        *_unaries(BULLETIN, others, limit),
        _parts(BULLETIN, "Subscribe", bulletin_pb2.SubscribeRequest, bulletin.stream.subscribe, limit),
    ]


def _review_methods(reviews: Reviews, limit: int) -> list[Method]:
    reading, claims = reviews.reading, reviews.claims
    found: _Table = {
        "ListReviews": (review_pb2.ListReviewsRequest, reading.list),
        "GetReview": (review_pb2.GetReviewRequest, reading.get),
        "GetReviewQueue": (review_pb2.GetReviewQueueRequest, reading.queue),
        "ClaimReviews": (review_pb2.ClaimReviewsRequest, claims.claim),
        "ReleaseReview": (review_pb2.ReleaseReviewRequest, claims.release),
        "DecideReview": (review_pb2.DecideReviewRequest, reviews.decisions.decide),
    }
    return [
        *_unaries(REVIEWS, found, limit),
        _parts(REVIEWS, "WatchReviews", review_pb2.WatchReviewsRequest, reviews.stream.watch, limit),
    ]


def _unaries(service: str, table: _Table, limit: int) -> list[Method]:
    return [_unary(service, name, request_type, call, limit) for name, (request_type, call) in table.items()]


def _unary(service: str, name: str, request_type: Any, call: Callable[[Any], Message], limit: int) -> Method:
    def answer(content: bytes) -> bytes:
        return call(wire.parse(request_type, content)).SerializeToString()

    return Method(service, name, Kind.UNARY, limit, answer=answer)


def _parts(
    service: str,
    name: str,
    request_type: Any,
    call: Callable[[Any, Callable[[], bool]], Iterator[Message]],
    limit: int,
) -> Method:
    def parts(content: bytes, is_active: Callable[[], bool]) -> Iterator[bytes]:
        for part in call(wire.parse(request_type, content), is_active):
            yield part.SerializeToString()

    return Method(service, name, Kind.PARTS, limit, parts=parts)
