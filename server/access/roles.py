"""Roles and methods: who may call what. The one table; a test holds it equal to the services' descriptors.

    checker     judges posts and looks sellers up: feeds, shops, mirrors of the registry
    registrar   keeps sellers' records; takes complaints and appeals in
    moderator   decides: events, complaints, appeals
    publisher   activates rule sets; publishes in the bulletin
    ops         runs the servers: goes back to an earlier rule set, sees their state
    auditor     reads what was decided, without persons' data in clear

A key or certificate has one or several. `open` methods need neither where the server listens on the loopback interface
without TLS (or was told that it needs no authentication); the others are refused without one even there: they change
what every post is judged by.

    visitor     whoever reads the public pages, for whom the HTTP side calls

No key and no certificate has that one: the HTTP side alone names it, by its token (inner.py).
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["METHODS", "ROLES", "VISITOR", "Access"]

ROLES: Final = ("checker", "registrar", "moderator", "publisher", "ops", "auditor")
"""What keys and certificates can have."""
VISITOR: Final = "visitor"


class Access(NamedTuple):
    """Who may call a method. roles: any of them is enough; open: nobody needs credentials where the server asks for
    none; public: nobody ever does; changes: what is changed by it is in the audit log, as are refused attempts."""

    roles: frozenset[str]
    open: bool = True
    public: bool = False
    changes: bool = False


def _by(*roles: str, changes: bool = False, open: bool = True) -> Access:
    assert set(roles) <= {*ROLES, VISITOR}
    return Access(frozenset(roles), open=open, changes=changes)


_ANY: Final = Access(frozenset(ROLES))
_READ_BY_ALL: Final = Access(frozenset({*ROLES, VISITOR}))
_PUBLIC: Final = Access(frozenset(ROLES), public=True)
_READERS: Final = ("registrar", "moderator", "auditor")
_OFFICE: Final = ("registrar", "moderator")
_STANDINGS: Final = ("checker", "registrar", "moderator", "auditor")

METHODS: Final[dict[str, Access]] = {
    "fairpost.v1.FilterService/CheckPost": _by("checker", VISITOR),
    "fairpost.v1.FilterService/CheckPosts": _by("checker"),
    "fairpost.v1.FilterService/StreamCheck": _by("checker"),
    "fairpost.v1.RegistryService/RegisterSeller": _by("registrar", changes=True),
    "fairpost.v1.RegistryService/UpdateSeller": _by("registrar", changes=True),
    "fairpost.v1.RegistryService/GetSeller": _by(*_READERS),
    "fairpost.v1.RegistryService/ListSellers": _by(*_READERS),
    "fairpost.v1.RegistryService/ListEvents": _by(*_READERS),
    "fairpost.v1.RegistryService/RecordEvent": _by("moderator", changes=True),
    "fairpost.v1.RegistryService/LookupSeller": _by(*_STANDINGS, VISITOR),
    "fairpost.v1.RegistryService/BatchLookupSellers": _by(*_STANDINGS),
    "fairpost.v1.RegistryService/DiffSellers": _by("checker", "auditor"),
    "fairpost.v1.RegistryService/WatchSellers": _by("checker", "auditor"),
    "fairpost.v1.RegistryService/GetSnapshot": _by("checker", "auditor"),
    "fairpost.v1.RegistryService/ExportPerson": _by("registrar", changes=True),
    "fairpost.v1.RegistryService/ErasePerson": _by("registrar", changes=True),
    "fairpost.v1.ComplaintService/FileComplaint": _by(*_OFFICE, VISITOR, changes=True),
    "fairpost.v1.ComplaintService/AssignComplaint": _by("moderator", changes=True),
    "fairpost.v1.ComplaintService/AnswerComplaint": _by(*_OFFICE, changes=True),
    "fairpost.v1.ComplaintService/ResolveComplaint": _by("moderator", changes=True),
    "fairpost.v1.ComplaintService/WithdrawComplaint": _by(*_OFFICE, changes=True),
    # With the consumer's contact in clear; the list has it not.
    "fairpost.v1.ComplaintService/GetComplaint": _by(*_OFFICE),
    "fairpost.v1.ComplaintService/ListComplaints": _by(*_READERS),
    "fairpost.v1.AppealService/FileAppeal": _by(*_OFFICE, changes=True),
    "fairpost.v1.AppealService/DecideAppeal": _by("moderator", changes=True),
    "fairpost.v1.AppealService/GetAppeal": _by(*_READERS),
    "fairpost.v1.AppealService/ListAppeals": _by(*_READERS),
    "fairpost.v1.ReviewService/ListReviews": _by("moderator", "auditor"),
    # With the post's text.
    "fairpost.v1.ReviewService/GetReview": _by("moderator"),
    "fairpost.v1.ReviewService/GetReviewQueue": _by("moderator", "ops", "auditor"),
    "fairpost.v1.ReviewService/ClaimReviews": _by("moderator", changes=True),
    "fairpost.v1.ReviewService/ReleaseReview": _by("moderator", changes=True),
    "fairpost.v1.ReviewService/DecideReview": _by("moderator", changes=True),
    "fairpost.v1.ReviewService/WatchReviews": _by("checker", "moderator", "auditor"),
    "fairpost.v1.AuditService/ListAudit": _by("auditor"),
    "fairpost.v1.RulesService/ActivateBundle": _by("publisher", changes=True, open=False),
    "fairpost.v1.RulesService/KeepBundle": _by("publisher", changes=True, open=False),
    # With texts of reviewed posts, as the results of shadow rules.
    "fairpost.v1.RulesService/CompareRules": _by("publisher", "moderator"),
    "fairpost.v1.RulesService/ListShadowResults": _by("publisher", "moderator"),
    "fairpost.v1.RulesService/RollBack": _by("publisher", "ops", changes=True, open=False),
    **{f"fairpost.v1.BulletinService/{name}": _READ_BY_ALL for name in ("Get", "List", "ListVersions")},
    "fairpost.v1.BulletinService/Subscribe": _ANY,
    "fairpost.v1.BulletinService/Publish": _by("publisher", changes=True),
    "fairpost.v1.BulletinService/Schedule": _by("publisher", changes=True),
    "fairpost.v1.BulletinService/Withdraw": _by("publisher", changes=True),
    "fairpost.v1.BulletinService/ListScheduled": _by("publisher", "auditor"),
    "fairpost.v1.BulletinService/DraftNotice": _by("publisher"),
    "fairpost.v1.BulletinService/Acknowledge": _by("registrar", changes=True),
    "fairpost.v1.BulletinService/ListAcknowledgements": _by(*_READERS, "publisher"),
    "fairpost.v1.BulletinService/ListDeliveries": _by("publisher", "ops", "auditor"),
    "fairpost.v1.BulletinService/RetryDelivery": _by("publisher", "ops", changes=True),
    "fairpost.v1.AccessService/WhoAmI": _ANY,
    "fairpost.v1.RulesService/GetStatus": _ANY,
    "fairpost.v1.RulesService/ListRules": _READ_BY_ALL,
    "fairpost.v1.RulesService/ListRevisions": _by("publisher", "ops", "auditor"),
    # Probes and balancers have no keys, and learn nothing but whether the server serves.
    "grpc.health.v1.Health/Check": _PUBLIC,
    "grpc.health.v1.Health/List": _PUBLIC,
    "grpc.health.v1.Health/Watch": _PUBLIC,
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _ANY,
}
"""By path: service, slash, method."""
