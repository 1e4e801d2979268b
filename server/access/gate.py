"""The dispatcher's gate: credentials, role, load, deadline, quota, in the order of what they cost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from fairpost.server.access.inner import is_inside
from fairpost.server.access.roles import METHODS, ROLES, VISITOR, Access
from fairpost.server.audit.caller import NOBODY, set_caller
from fairpost.server.calls.call import Kind
from fairpost.server.errors import DeadlineExceeded, PermissionDenied, ServiceError, Unauthenticated
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairpost.server.access.attempts import Attempts
    from fairpost.server.access.inner import InnerDoor, Principal
    from fairpost.server.access.keyring import Keyring
    from fairpost.server.access.keys import ApiKey
    from fairpost.server.access.limits import Shedder
    from fairpost.server.access.quotas import Bucket, Quotas
    from fairpost.server.access.unread import Unread
    from fairpost.server.calls.call import Call, Method

__all__ = ["AccessGate", "Admitted"]

ANONYMOUS: Final = "anonymous"
LOOPBACK: Final = "loopback"
_NO_ROLES: Final[frozenset[str]] = frozenset()
_UNKNOWN: Final = Access(frozenset(ROLES), open=False)


class Admitted:
    """A call that was let in; and who calls, for the audit log."""

    __slots__ = ("_bucket", "_call", "_gate", "_key", "_method", "_peer", "_since", "actor", "roles")

    def __init__(
        self,
        gate: AccessGate,
        method: Method,
        call: Call,
        actor: str,
        key: ApiKey | None,
        bucket: Bucket | None,
        peer: str | None,
        roles: frozenset[str],
    ) -> None:
        self._gate = gate
        self._method = method
        self._call = call
        self._key = key
        self._bucket = bucket
        self._peer = peer
        self._since = time.perf_counter()
        self.actor = actor
        self.roles = roles
        """What the caller has been given; none for somebody without credentials."""

    def message(self, size: int) -> None:
        """
        Raises:
            DeadlineExceeded: the caller has given up.
            ResourceExhausted: its quota is used up.
            Unauthenticated: its key is good no longer.
        """
        left = self._call.time_left()
        if left is not None and left <= 0.0:
            raise DeadlineExceeded(
                reason_pb2.REASON_DEADLINE_PASSED,
                "the deadline had passed before work on the request began; nothing was done",
            )
        if self._bucket is not None:
            self._bucket.take(size)
        if self._key is not None and self._method.kind is not Kind.UNARY:
            self._gate.keyring.check(self._key)

    def check(self) -> None:
        """
        Raises:
            Unauthenticated: its key is good no longer: calls that last end.
        """
        if self._key is not None:
            self._gate.keyring.check(self._key)

    def leave(self) -> None:
        # Left in the thread's context the call would live until the next one there, and that is dear: 30 us a call.
        set_caller(NOBODY)
        if self._method.kind is Kind.UNARY:
            self._gate.shedder.took(time.perf_counter() - self._since)

    @property
    def expires_at(self) -> int | None:
        """When the caller's key ends, in milliseconds since 1970; None: it does not, or there is none."""
        return self._key.expires_at if self._key is not None else None

    @property
    def method(self) -> str:
        return self._method.path

    @property
    def peer(self) -> str:
        return address(self._call.peer()) if self._peer is None else self._peer


class AccessGate:
    """Thread-safe.

    Args:
        required: whether callers need credentials for methods that are open otherwise.
        certificates: roles by name of a client certificate (subject alternative name, or common name); None: no
            certificates are asked for.
        nobody: what the audit log calls callers without credentials where none are needed.
        inner: where the HTTP side's calls come in; None: nowhere.
    """

    def __init__(
        self,
        keyring: Keyring,
        shedder: Shedder,
        quotas: Quotas,
        unread: Unread,
        attempts: Attempts,
        *,
        required: bool,
        certificates: Mapping[str, frozenset[str]] | None = None,
        nobody: str = LOOPBACK,
        inner: InnerDoor | None = None,
    ) -> None:
        self.keyring = keyring
        self.shedder = shedder
        self._quotas = quotas
        self._unread = unread
        self._attempts = attempts
        self._required = required
        self._certificates = certificates
        self._nobody = nobody
        self._inner = inner

    def enter(self, method: Method, call: Call) -> Admitted:
        """
        Raises:
            Unauthenticated, PermissionDenied: not this caller.
            ResourceExhausted: not now.
        """
        if method.kind is Kind.UNARY:
            self.shedder.check(*call.queued())
            self._unread.check()
        access = METHODS.get(method.path, _UNKNOWN)
        key: ApiKey | None = None
        actor, roles = self._nobody, _NO_ROLES
        principal: Principal | None = None
        try:
            if self._inner is not None and is_inside(call):
                principal = self._inner.principal(call)
            authorization = call.authorization()
            if authorization is not None:
                key = self.keyring.find(authorization)
                actor, roles = key.actor, key.roles
                if key.roles.isdisjoint(access.roles):
                    raise _role_missing(method, access, f"key {key.key_id} ({key.name})", key.roles)
            elif principal is not None:
                actor, roles = principal.actor, principal.roles
                if principal.roles.isdisjoint(access.roles) and not access.public:
                    raise _role_missing(method, access, actor, principal.roles)
            elif self._certificates is not None:
                actor, roles = self._by_certificate(self._certificates, method, access, call)
            elif (self._required or not access.open) and not access.public:
                raise _missing(method, access)
        except ServiceError as error:
            if access.changes:
                who = actor if actor != self._nobody else ANONYMOUS
                where = principal.peer if principal is not None else address(call.peer())
                self._attempts.add(who, method.path, where, error.reason_name)
            raise
        bucket = None
        peer = None if principal is None else principal.peer
        if self._quotas:
            # Visitors share a name, and no quota.
            is_nobody = actor in (self._nobody, VISITOR)
            bucket = self._quotas.bucket((peer or address(call.peer())) if is_nobody else actor)
        admitted = Admitted(self, method, call, actor, key, bucket, peer, roles)
        set_caller(admitted)
        return admitted

    def _by_certificate(
        self, certificates: Mapping[str, frozenset[str]], method: Method, access: Access, call: Call
    ) -> tuple[str, frozenset[str]]:
        names = call.identities()
        known = [name for name in names if name in certificates]
        if not known:
            if access.public or (access.open and not self._required):
                return f"certificate:{names[0] if names else '?'}", _NO_ROLES
            raise Unauthenticated(
                reason_pb2.REASON_CREDENTIALS_INVALID,
                f"the client certificate's names ({', '.join(names)[:200] or 'none'}) have no roles here; "
                f"{method.path} needs {_either(access.roles)}: send a key, or add the name to client_identities",
                metadata=_wanted(access),
            )
        roles = _NO_ROLES.union(*(certificates[name] for name in known))
        if roles.isdisjoint(access.roles):
            raise _role_missing(method, access, f"certificate {known[0][:100]}", roles)
        return f"certificate:{known[0]}", roles


def address(peer: str) -> str:
    """A peer without its port, which tells nothing: "ipv4:192.0.2.7"."""
    kind, _, rest = peer.partition(":")
    return f"{kind}:{rest.rpartition(':')[0]}" if kind in ("ipv4", "ipv6") else peer


def _wanted(access: Access) -> dict[str, str]:
    """What the error says beside its text: roles that a key can have."""
    return {"roles": ",".join(sorted(access.roles - {VISITOR}))}


def _either(roles: frozenset[str]) -> str:
    named = [role for role in ROLES if role in roles]
    return f"role {named[0]}" if len(named) == 1 else f"one of the roles {', '.join(named)}"


def _missing(method: Method, access: Access) -> Unauthenticated:
    return Unauthenticated(
        reason_pb2.REASON_CREDENTIALS_MISSING,
        f"{method.path} needs a key with {_either(access.roles)}; send it as metadata 'authorization: Bearer fp_...'",
        metadata=_wanted(access),
    )


def _role_missing(method: Method, access: Access, who: str, roles: frozenset[str]) -> PermissionDenied:
    return PermissionDenied(
        reason_pb2.REASON_ROLE_MISSING,
        f"{method.path} needs {_either(access.roles)}; {who} has {', '.join(sorted(roles)) or 'none'}",
        metadata=_wanted(access),
    )
