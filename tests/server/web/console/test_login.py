"""Logging in and out of the console: who gets in, what keeps others out, and when it ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from openid import Provider
from pydantic import ValidationError
from running import until

from fairpost.server.access import keys
from fairpost.server.config import Config, StartError
from fairpost.server.store import Store
from fairpost.server.web.console.console import oidc_settings
from fairpost.server.web.console.login import own_path
from fairpost.v1 import registry_pb2, seller_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COOKIE = "fairpost-console"


def cookie_of(response: httpx.Response) -> str:
    return next(line for line in response.headers.get_list("set-cookie") if line.startswith(f"{COOKIE}="))


def test_pages_ask_for_a_login_and_come_back(browser: Callable[..., Any], console_server: Any) -> None:
    guest = browser()
    asked = guest.http.get("/console/sellers?query=a%26b")
    assert asked.status_code == 303
    guest.get("/console/sellers?query=a%26b")
    assert "Please log in to see this page." in guest.text
    page = guest.post("/console/login", key=console_server.keys["auditor"])
    assert (page.url.path, page.url.query) == ("/console/sellers", b"query=a%26b")
    assert "key:" in page.text
    assert "auditor" in guest.text
    # Who is in already is not asked again.
    assert guest.get("/console/login?next=/console/audit").url.path == "/console/audit"


def test_a_form_without_a_session_does_nothing(browser: Callable[..., Any]) -> None:
    answer = browser().http.post("/console/rules/rollback", data={"revision": ""})
    assert answer.status_code == 401
    assert "Please log in" in answer.text


def test_the_cookie_is_for_this_site_alone(browser: Callable[..., Any], console_server: Any) -> None:
    guest = browser()
    guest.get("/console/login")
    content = guest.forms()["/console/login"] | {"key": console_server.keys["auditor"]}
    answer = guest.http.post("/console/login", data=content)
    cookie = cookie_of(answer).lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert "domain" not in cookie
    assert "secure" not in cookie  # http on loopback
    # Behind a proxy that speaks https.
    secure = guest.http.get("/console/login", headers={"X-Forwarded-Proto": "https"})
    assert "Strict-Transport-Security" in secure.headers
    token = re.findall(r'name="form_token" value="(\w+)"', secure.text)[0]
    form = next(line for line in secure.headers.get_list("set-cookie") if line.startswith("__Host-fairpost-form="))
    headers = {"X-Forwarded-Proto": "https", "Cookie": form.partition(";")[0]}
    content = {"form_token": token, "key": console_server.keys["auditor"]}
    answer = httpx.post(f"{console_server.base}/console/login", data=content, headers=headers)
    found = [line.lower() for line in answer.headers.get_list("set-cookie")]
    assert any(line.startswith("__host-fairpost-console=") and "secure" in line for line in found)


def test_each_login_begins_a_session_of_its_own(browser: Callable[..., Any], console_server: Any) -> None:
    guest = browser()
    guest.http.cookies.set(COOKIE, "planted-by-somebody-else", domain="127.0.0.1")
    guest.log_in(console_server.keys["moderator"])
    first = guest.http.cookies[COOKIE]
    assert first != "planted-by-somebody-else"
    thief = browser()
    thief.http.cookies.set(COOKIE, "planted-by-somebody-else", domain="127.0.0.1")
    assert "/console/login" in str(thief.get("/console").url)
    # A second login in the same browser ends the first session.
    again = guest.http.get("/console/login", headers={"Cookie": ""})
    assert again.status_code == 200
    token = re.findall(r'name="form_token" value="(\w+)"', again.text)[0]
    form = next(line for line in again.headers.get_list("set-cookie") if line.startswith("fairpost-form="))
    headers = {"Cookie": f"{form.partition(';')[0]}; {COOKIE}={first}"}
    answer = httpx.post(
        f"{console_server.base}/console/login",
        data={"form_token": token, "key": console_server.keys["auditor"]},
        headers=headers,
    )
    assert answer.status_code == 303
    assert cookie_of(answer).partition("=")[2].partition(";")[0] != first
    thief.http.cookies.set(COOKIE, first, domain="127.0.0.1")
    assert "/console/login" in str(thief.get("/console").url)


def test_logging_out_ends_the_session(browser: Callable[..., Any]) -> None:
    staff = browser("auditor")
    text = staff.http.cookies[COOKIE]
    staff.get("/console")
    page = staff.post("/console/logout")
    assert "You are logged out." in staff.text
    assert page.url.path == "/console/login"
    staff.http.cookies.set(COOKIE, text, domain="127.0.0.1")
    assert staff.get("/console/audit").url.path == "/console/login"


@pytest.mark.parametrize("key", ["", "fp_1", "fp_00000000_" + "0" * 64, "fp_ü", "<script>alert(1)</script>"])
def test_wrong_keys(browser: Callable[..., Any], console_server: Any, key: str) -> None:
    guest = browser()
    page = guest.log_in(key)
    assert page.status_code == 401
    assert "This key is not known here" in guest.text
    assert not key or key not in page.text
    assert COOKIE not in guest.http.cookies


def test_keys_are_in_no_log(browser: Callable[..., Any], console_server: Any) -> None:
    browser("ops").get("/console/rules")
    log = console_server.printed()
    assert "console: logged in" in log
    for key in console_server.keys.values():
        assert key[-64:] not in log


def test_logins_are_limited_by_address(browser: Callable[..., Any]) -> None:
    guest, other = browser(), browser()
    statuses = [guest.log_in(f"fp_{i:08x}_{'0' * 64}").status_code for i in range(12)]
    assert statuses[:10] == [401] * 10
    assert set(statuses[10:]) == {429}
    assert int(guest.page.headers["Retry-After"]) >= 1
    assert other.log_in("fp_1").status_code == 401


def test_a_revoked_key_ends_its_session(browser: Callable[..., Any], console_server: Any) -> None:
    text = console_server.keys["to be revoked"]
    staff = browser()
    assert staff.log_in(text).url.path == "/console"
    with Store.open(console_server.store_url, create=False) as store:
        keys.revoke(store, text.split("_")[1])
    until(lambda: staff.get("/console/audit").url.path != "/console/audit", "the session goes on", seconds=10)
    assert "Your key is good no longer" in staff.text
    # The session itself is gone, not only refused.
    assert staff.get("/console/login").url.path == "/console/login"


@pytest.mark.parametrize(
    "target",
    [
        *("https://evil.example/", "//evil.example", "/console//evil.example", "/console\\evil", "/consoleevil"),
        *("/documents", "javascript:alert(1)", "/console\n", "/console?next=ü", ""),
    ],
)
def test_a_login_leads_to_no_other_site(browser: Callable[..., Any], target: str) -> None:
    assert own_path(target) == "/console"
    page = browser().http.get("/console/login", params={"next": target})
    assert 'name="next" value="/console"' in page.text
    assert own_path("/console/sellers/file?id=a%2Fb") == "/console/sellers/file?id=a%2Fb"


def test_forms_of_other_sites_are_not_taken(browser: Callable[..., Any], console_server: Any) -> None:
    guest = browser()
    guest.get("/console/login")
    content = guest.forms()["/console/login"] | {"key": console_server.keys["all"]}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert guest.http.post("/console/login", data=content, headers=headers).status_code == 403
    assert guest.http.post("/console/login", data=content | {"form_token": "0" * 64}).status_code == 403
    staff = browser("all")
    staff.get("/console/rules")
    forms = staff.forms()
    # The token of a page from before the login is good no longer.
    before = content["form_token"]
    assert staff.http.post("/console/logout", data={"form_token": before}).status_code == 403
    assert (
        staff.http.post("/console/rules/rollback", data=forms["/console/logout"] | {"form_token": ""}).status_code
        == 403
    )
    assert staff.get("/console").url.path == "/console"


def test_a_link_from_elsewhere_finds_the_session(browser: Callable[..., Any]) -> None:
    """A strict cookie does not come along from another site: our own page asks once more."""
    guest = browser()
    answer = guest.http.get("/console/sellers?query=x", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0; url=/console/sellers?query=x"' in answer.text


def test_keys_are_taken_over_private_ways_alone(browser: Callable[..., Any], console_server: Any) -> None:
    guest = browser()
    guest.get("/console/login")
    content = guest.forms()["/console/login"] | {"key": console_server.keys["all"]}
    answer = guest.http.post("/console/login", data=content, headers={"Host": "192.0.2.80"})
    assert answer.status_code == 403
    assert "over HTTPS alone" in answer.text
    assert "password" not in guest.http.get("/console/login", headers={"Host": "192.0.2.80"}).text


def to_provider(guest: Any, provider: Provider) -> dict[str, str]:
    """Begin a login by the provider; gives what the browser is sent there with."""
    guest.get("/console/login?next=/console/reviews")
    answer = guest.http.post("/console/login/oidc", data=guest.forms()["/console/login/oidc"])
    assert answer.status_code == 303
    cookie = next(line.lower() for line in answer.headers.get_list("set-cookie") if line.startswith("fairpost-login="))
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert answer.headers["Location"].startswith(f"{provider.issuer}/auth?")
    sent = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
    assert sent["redirect_uri"].endswith("/console/login/oidc/callback")
    provider.nonce = sent["nonce"]
    return sent


def test_a_login_by_openid_connect(browser: Callable[..., Any], provider: Provider, console_server: Any) -> None:
    guest = browser()
    sent = to_provider(guest, provider)
    # A strict cookie is not shown on the way from another site: the page asks for the next itself.
    back = f"/console/login/oidc/callback?{urlencode({'code': 'c-1', 'state': sent['state']})}"
    page = guest.get(back, **{"Sec-Fetch-Site": "cross-site"})
    assert 'content="0; url=/console/reviews"' in page.text
    assert guest.get("/console/reviews").status_code == 200
    assert "Li Mei" in guest.text
    assert "moderator" in guest.text
    assert guest.get("/console/audit").status_code == 403
    # What such a person does is entered under their subject.
    console_server.client.register(registration_of("oidc-shop"))
    guest.get("/console/complaints/new?seller=oidc-shop")
    fields = {"kind": "other", "consumer_id": "c-9", "statement": "未发货", "seller": "oidc-shop"}
    guest.post("/console/complaints/new", **fields)
    assert "It was filed." in guest.text
    auditor = browser("auditor")
    assert "oidc:u-17" in auditor.get("/console/audit?method=FileComplaint").text
    # The answer of the provider is good once, and in the browser that asked.
    other = browser()
    page = other.get(back)
    assert page.status_code == 403
    assert "took too long, or was begun in another window" in other.text


def registration_of(seller_id: str) -> Any:
    kind = seller_pb2.SELLER_KIND_ENTERPRISE
    return registry_pb2.RegisterSellerRequest(
        seller_id=seller_id, kind=kind, name="示例", credit_code="91350100M000100Y43", categories=["clothing"]
    )


def test_logins_that_the_provider_does_not_vouch_for(browser: Callable[..., Any], provider: Provider) -> None:
    for claims, words in (({"aud": "another"}, "could not be verified"), ({"realm": {}}, "none of your groups")):
        guest = browser()
        sent = to_provider(guest, provider)
        provider.claims = claims
        try:
            page = guest.get(f"/console/login/oidc/callback?{urlencode({'code': 'c', 'state': sent['state']})}")
        finally:
            provider.claims = {}
        assert page.status_code == 403
        assert words in guest.text
        assert COOKIE not in guest.http.cookies
    guest = browser()
    sent = to_provider(guest, provider)
    hostile = {"error": "<script>alert(1)</script>", "state": sent["state"]}
    page = guest.get(f"/console/login/oidc/callback?{urlencode(hostile)}")
    assert "The login provider refused." in guest.text
    assert "<script>alert" not in page.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"oidc_issuer": "id.example"}, "is no issuer; write https://id.example.com"),
        ({"oidc_issuer": "http://id.example"}, "is no issuer"),
        ({"oidc_issuer": "https://id.example"}, "oidc_issuer needs oidc_client_id, too"),
        ({"oidc_issuer": "https://id.example", "oidc_client_id": "f"}, "oidc_issuer needs oidc_roles, too"),
        ({"oidc_roles": {"a": ["boss"]}}, "'boss' is no role"),
    ],
)
def test_settings_of_a_login_that_will_not_do(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        Config(**settings)


def test_a_secret_that_cannot_be_read(tmp_path: Path) -> None:
    login = {"oidc_client_id": "f", "oidc_roles": {"a": ["ops"]}, "public_url": "https://posts.example"}
    config = Config(
        oidc_issuer="https://id.example",
        oidc_client_secret_file=tmp_path / "none",
        **login,
    )
    with pytest.raises(StartError, match="the secret of oidc_client_id cannot be read"):
        oidc_settings(config)
    (tmp_path / "none").write_text("hush\n", encoding="utf-8")
    settings = oidc_settings(config)
    assert settings is not None
    assert settings.client_secret == "hush"
    assert settings.redirect_uri == "https://posts.example/console/login/oidc/callback"
