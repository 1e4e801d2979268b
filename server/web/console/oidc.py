"""Login by OpenID Connect: the code flow with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1; RFC 7636).

What the provider tells of itself is read when somebody first logs in, and again after an hour. Its ID token is verified
by its published keys; algorithms without a signature, or with a shared secret, are not taken.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import errors as jose_errors
from joserfc import jwk, jwt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Identity", "LoginRefused", "Oidc", "OidcSettings"]

log = structlog.get_logger(__name__)

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
_SECONDS: Final = 10.0
_MOST_BYTES: Final = 256 * 1024
_METADATA_SECONDS: Final = 3600.0
_KEYS_SECONDS: Final = 60.0
"""Keys are read again for an unknown key id, but no more often than this."""
_PENDING_SECONDS: Final = 600.0
_MOST_PENDING: Final = 1_000
_LEEWAY: Final = 60


class LoginRefused(Exception):
    """This login does not succeed. `reason` is the name of a text of the catalogue, `detail` is for the log: what the
    provider says may hold anything."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class OidcSettings:
    """How the provider is asked, and what its claims mean here.

    Attributes:
        issuer: its URL, as its tokens have it in `iss`.
        client_secret: "" for a public client, which PKCE alone protects.
        redirect_uri: where it sends browsers back to.
        roles_claim: claim with groups or roles; dots lead into objects ("realm_access.roles").
        roles: roles here, by value of that claim.
    """

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    scopes: str
    roles_claim: str
    roles: Mapping[str, Iterable[str]]


@dataclass(frozen=True)
class Identity:
    """Who the provider says that it is."""

    subject: str
    name: str
    roles: frozenset[str]
    target: str = ""
    """Where they wanted to go."""


@dataclass
class _Pending:
    state: str
    nonce: str
    verifier: str
    until: float
    target: str


class Oidc:
    """One provider. Belongs to the event loop.

    Args:
        client: how it is reached.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        settings: OidcSettings,
        client: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._client = client or httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False)
        self._clock = clock
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._metadata: dict[str, Any] = {}
        self._metadata_at = 0.0
        self._keys: jwk.KeySet | None = None
        self._keys_at = 0.0

    async def close(self) -> None:
        await self._client.aclose()

    async def begin(self, target: str = "") -> tuple[str, str]:
        """The URL at the provider to which the browser is sent, and what its cookie has meanwhile: only the browser
        that began a login can end it. target: where it is to go afterwards.

        Raises:
            LoginRefused: the provider cannot be reached.
        """
        metadata = await self._provider()
        now = self._clock()
        for key in [key for key, each in self._pending.items() if each.until <= now]:
            del self._pending[key]
        while len(self._pending) >= _MOST_PENDING:
            self._pending.popitem(last=False)
        cookie = secrets.token_urlsafe(32)
        state, nonce, verifier = (secrets.token_urlsafe(size) for size in (32, 32, 48))
        pending = _Pending(state, nonce, verifier, now + _PENDING_SECONDS, target)
        self._pending[cookie] = pending
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.redirect_uri,
            "scope": self.settings.scopes,
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": create_s256_code_challenge(pending.verifier),
            "code_challenge_method": "S256",
        }
        endpoint = metadata["authorization_endpoint"]
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}", cookie

    async def finish(self, cookie: str, query: Mapping[str, str]) -> Identity:
        """Who has logged in, from what the provider sent the browser back with. A pending login ends with the first
        try, successful or not.

        Raises:
            LoginRefused: it is none of this browser's, the provider refused it, its answer or token will not do, or
                none of the person's groups has a role here.
        """
        pending = self._pending.pop(cookie, None)
        if pending is None or pending.until <= self._clock():
            raise LoginRefused("login.oidc.expired")
        if not secrets.compare_digest(query.get("state", "").encode(), pending.state.encode()):
            raise LoginRefused("login.oidc.expired", "another state came back than was sent")
        if "error" in query:
            raise LoginRefused("login.oidc.refused", f"{query['error']}: {query.get('error_description', '')}"[:500])
        # RFC 9207: which provider answers, where it tells.
        if query.get("iss", self.settings.issuer) != self.settings.issuer:
            raise LoginRefused("login.oidc.failed", f"the answer is of issuer {query['iss'][:200]!r}")
        if not query.get("code"):
            raise LoginRefused("login.oidc.failed", "the answer has no code")
        token = await self._token(query["code"], pending.verifier)
        claims = await self._claims(token, pending.nonce)
        roles = self._roles(claims)
        subject = str(claims["sub"])
        if not roles:
            raise LoginRefused("login.oidc.no_role", f"subject {subject[:200]!r}")
        name = next((claims[key] for key in ("name", "preferred_username", "email") if claims.get(key)), subject)
        return Identity(subject, str(name)[:100], roles, pending.target)

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[str]:
        value: Any = claims
        for part in self.settings.roles_claim.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        values = value if isinstance(value, list) else [value]
        return frozenset(role for each in values if isinstance(each, str) for role in self.settings.roles.get(each, ()))

    async def _provider(self) -> dict[str, Any]:
        now = self._clock()
        if self._metadata and now - self._metadata_at < _METADATA_SECONDS:
            return self._metadata
        url = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = await self._get(url)
        if found.get("issuer") != self.settings.issuer:
            raise LoginRefused("login.oidc.failed", f"{url} is of issuer {str(found.get('issuer'))[:200]!r}")
        for key in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            # Plain http only where the issuer itself is asked by it: on this machine (server/config.py).
            if not isinstance(found.get(key), str) or urlsplit(found[key]).scheme not in (
                "https",
                urlsplit(url).scheme,
            ):
                raise LoginRefused("login.oidc.failed", f"{url} has no {key} that can be used")
        self._metadata, self._metadata_at = found, now
        return found

    async def _token(self, code: str, verifier: str) -> dict[str, Any]:
        metadata = await self._provider()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.redirect_uri,
            "client_id": self.settings.client_id,
            "code_verifier": verifier,
        }
        auth: httpx.BasicAuth | None = None
        if self.settings.client_secret:
            methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
            if "client_secret_basic" in methods:
                auth = httpx.BasicAuth(self.settings.client_id, self.settings.client_secret)
            else:
                form["client_secret"] = self.settings.client_secret
        try:
            answer = await self._client.post(
                metadata["token_endpoint"], data=form, auth=auth or httpx.USE_CLIENT_DEFAULT
            )
        except httpx.HTTPError as error:
            raise LoginRefused("login.oidc.unreachable", f"{type(error).__name__}: {error}") from None
        token = _json(answer)
        if answer.status_code != httpx.codes.OK or not isinstance(token.get("id_token"), str):
            raise LoginRefused(
                "login.oidc.failed",
                f"the token endpoint answered {answer.status_code}: {str(token.get('error'))[:200]}",
            )
        return token

    async def _claims(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        text = token["id_token"]
        for again in (False, True):
            keys = await self._key_set(again)
            try:
                decoded = jwt.decode(text, keys, algorithms=ALGORITHMS)
                break
            except (jose_errors.InvalidKeyIdError, jose_errors.BadSignatureError, ValueError) as error:
                if again:
                    raise LoginRefused("login.oidc.failed", f"ID token: {error}") from None
            except jose_errors.JoseError as error:
                raise LoginRefused("login.oidc.failed", f"ID token: {error}") from None
        options = {
            "iss": {"essential": True, "value": self.settings.issuer},
            "aud": {"essential": True, "value": self.settings.client_id},
        }
        parameters = {
            "nonce": nonce,
            "client_id": self.settings.client_id,
            "access_token": token.get("access_token"),
        }
        claims = CodeIDToken(decoded.claims, decoded.header, options, parameters)
        try:
            claims.validate(leeway=_LEEWAY)
        except Exception as error:  # authlib's and joserfc's have no common base, and claims may be of any type
            raise LoginRefused("login.oidc.failed", f"ID token: {type(error).__name__}: {error}") from None
        if not isinstance(claims["sub"], str) or not claims["sub"] or len(claims["sub"]) > 255:
            raise LoginRefused("login.oidc.failed", "ID token: no subject")
        return dict(claims)

    async def _key_set(self, again: bool) -> jwk.KeySet:
        now = self._clock()
        old = self._keys is None or now - self._keys_at >= _METADATA_SECONDS
        if old or (again and now - self._keys_at >= _KEYS_SECONDS):
            metadata = await self._provider()
            found = await self._get(metadata["jwks_uri"])
            usable = [key for key in found.get("keys", ()) if isinstance(key, dict) and key.get("use", "sig") == "sig"]
            try:
                self._keys = jwk.KeySet.import_key_set({"keys": [key for key in usable if key.get("kty") != "oct"]})
            except (jose_errors.JoseError, ValueError, KeyError) as error:
                raise LoginRefused("login.oidc.failed", f"the provider's keys: {error}") from None
            self._keys_at = now
        assert self._keys is not None
        return self._keys

    async def _get(self, url: str) -> dict[str, Any]:
        try:
            answer = await self._client.get(url)
        except httpx.HTTPError as error:
            raise LoginRefused("login.oidc.unreachable", f"{type(error).__name__}: {error}") from None
        found = _json(answer)
        if answer.status_code != httpx.codes.OK or not found:
            raise LoginRefused("login.oidc.unreachable", f"{url} answered {answer.status_code}")
        return found


def _json(answer: httpx.Response) -> dict[str, Any]:
    if len(answer.content) > _MOST_BYTES:
        return {}
    try:
        found = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}
