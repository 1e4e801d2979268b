"""Login by OpenID Connect, against a provider that signs tokens, rightly and wrongly."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwk, jwt
from openid import ISSUER, KEY, OTHER, Provider

from fairpost.server.web.console.oidc import Identity, LoginRefused, Oidc, OidcSettings

SETTINGS = OidcSettings(
    issuer=ISSUER,
    client_id="fairpost",
    client_secret="hush hush",
    redirect_uri="https://posts.example/console/login/oidc/callback",
    scopes="openid profile",
    roles_claim="realm.groups",
    roles={"reviewers": ["moderator"], "office": ["registrar", "moderator"]},
)


def oidc(provider: Provider) -> Oidc:
    return Oidc(SETTINGS, httpx.AsyncClient(transport=httpx.MockTransport(provider)))


async def begin(login: Oidc, provider: Provider) -> tuple[dict[str, str], str]:
    url, cookie = await login.begin()
    sent = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    provider.nonce = sent["nonce"]
    return sent, cookie


def finished(provider: Any, **query: str) -> Identity:
    async def run() -> Identity:
        login = oidc(provider)
        sent, cookie = await begin(login, provider)
        return await login.finish(cookie, {"code": "c-1", "state": sent["state"]} | query)

    return asyncio.run(run())


def test_a_login() -> None:
    provider = Provider()

    async def run() -> Identity:
        login = oidc(provider)
        sent, cookie = await begin(login, provider)
        assert sent["response_type"] == "code"
        assert sent["scope"] == "openid profile"
        assert sent["redirect_uri"] == SETTINGS.redirect_uri
        assert sent["code_challenge_method"] == "S256"
        found = await login.finish(cookie, {"code": "c-1", "state": sent["state"], "iss": ISSUER})
        # RFC 7636: the challenge is the hash of what the token endpoint is shown.
        digest = hashlib.sha256(provider.form["code_verifier"].encode()).digest()
        assert sent["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return found

    assert asyncio.run(run()) == Identity("u-17", "Li Mei", frozenset({"moderator"}))
    assert provider.form["code"] == "c-1"
    assert "client_secret" not in provider.form
    assert base64.b64decode(provider.authorization.removeprefix("Basic ")) == b"fairpost:hush hush"


def test_two_logins_share_nothing() -> None:
    async def run() -> None:
        provider = Provider()
        login = oidc(provider)
        (first, one), (second, two) = await begin(login, provider), await begin(login, provider)
        assert one != two
        assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))
        with pytest.raises(LoginRefused, match=r"login\.oidc\.expired: another state"):
            await login.finish(one, {"code": "c", "state": second["state"]})
        # It ended with that try.
        with pytest.raises(LoginRefused, match=r"login\.oidc\.expired$"):
            await login.finish(one, {"code": "c", "state": first["state"]})
        assert (await login.finish(two, {"code": "c", "state": second["state"]})).subject == "u-17"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://other.example"}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": ["fairpost", "another"]}, "azp"),
        ({"azp": "another"}, "azp"),
        ({"exp": 1_000_000_000}, "[Ee]xpired"),
        ({"exp": None}, "exp"),
        ({"iat": 9_000_000_000}, "(iat|issued|future)"),
        ({"nonce": "stolen"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "subject"),
        ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
    ],
)
def test_tokens_that_are_not_for_us(claims: dict[str, Any], why: str) -> None:
    provider = Provider()
    provider.claims = claims
    with pytest.raises(LoginRefused, match=f"login.oidc.failed: ID token: .*{why}"):
        finished(provider)


def test_tokens_that_are_not_signed_by_the_provider() -> None:
    provider = Provider()
    provider.signs = OTHER
    with pytest.raises(LoginRefused, match=r"login\.oidc\.failed: ID token"):
        finished(provider)
    # A secret that everybody knows, the public key, signs nothing; nor does "none".
    provider = Provider()
    public = KEY.as_pem(private=False)
    for header, key in (
        ({"alg": "HS256"}, jwk.OctKey.import_key(hashlib.sha256(public).digest())),
        ({"alg": "none"}, None),
    ):
        claims = {"iss": ISSUER, "sub": "u-17", "aud": "fairpost", "exp": 9_000_000_000, "iat": 1}
        parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in (header, claims)]
        text = jwt.encode(header, claims, key) if key else ".".join([*parts, ""])
        provider.id_token = lambda text=text: text  # type: ignore[method-assign, misc]
        with pytest.raises(LoginRefused, match=r"login\.oidc\.failed: ID token"):
            finished(provider)


def test_a_provider_changes_its_keys() -> None:
    async def run() -> None:
        now = [1000.0]
        provider = Provider()
        login = Oidc(SETTINGS, httpx.AsyncClient(transport=httpx.MockTransport(provider)), clock=lambda: now[0])
        for _ in range(2):
            sent, cookie = await begin(login, provider)
            await login.finish(cookie, {"code": "c", "state": sent["state"]})
        assert provider.asked.count("/keys") == 1
        provider.keys, provider.signs = [OTHER], OTHER
        now[0] += 100
        sent, cookie = await begin(login, provider)
        assert (await login.finish(cookie, {"code": "c", "state": sent["state"]})).subject == "u-17"
        assert provider.asked.count("/keys") == 2
        assert provider.asked.count("/.well-known/openid-configuration") == 1

    asyncio.run(run())


def test_what_the_provider_refuses() -> None:
    with pytest.raises(LoginRefused, match=r"login\.oidc\.refused: access_denied: no"):
        finished(Provider(), error="access_denied", error_description="no")
    with pytest.raises(LoginRefused, match=r"login\.oidc\.failed: the answer is of issuer 'https://evil\.example'"):
        finished(Provider(), iss="https://evil.example")
    with pytest.raises(LoginRefused, match="has no code"):
        finished(Provider(), code="")
    provider = Provider()
    provider.token = {"error": "invalid_grant"}
    with pytest.raises(LoginRefused, match="the token endpoint answered 400: invalid_grant"):
        finished(provider)


def test_who_has_no_role_here() -> None:
    for groups in ([], ["unknown"], "unknown", None, {"reviewers": 1}, [7]):
        provider = Provider()
        provider.claims = {"realm": {"groups": groups}}
        with pytest.raises(LoginRefused, match=r"login\.oidc\.no_role"):
            finished(provider)
    provider = Provider()
    provider.claims = {"realm": {"groups": "office"}, "name": None, "email": "li@example.com"}
    assert finished(provider) == Identity("u-17", "li@example.com", frozenset({"registrar", "moderator"}))


def test_a_provider_that_is_away_or_another() -> None:
    async def run(answer: Any, why: str) -> None:
        login = Oidc(SETTINGS, httpx.AsyncClient(transport=httpx.MockTransport(answer)))
        with pytest.raises(LoginRefused, match=why):
            await login.begin()

    def away(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there")

    asyncio.run(run(away, r"login\.oidc\.unreachable: ConnectError"))
    asyncio.run(run(lambda _: httpx.Response(500), "answered 500"))
    asyncio.run(run(lambda _: httpx.Response(200, text="<html>"), "answered 200"))
    provider = Provider()
    provider.metadata = {"issuer": "https://other.example"}
    asyncio.run(run(provider, "is of issuer 'https://other"))
    provider.metadata = {"token_endpoint": "http://id.example/token"}
    asyncio.run(run(provider, "has no token_endpoint that can be used"))
    provider.metadata = {"jwks_uri": "file:///etc/passwd"}
    asyncio.run(run(provider, "has no jwks_uri"))
