"""What somebody who means ill cannot do with the pages: requests as their programs would send them."""

from __future__ import annotations

import itertools
import re
import time
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from browser.site import Site

_addresses = itertools.count(1)
FORMS = ["/check", "/complaints/new"]
"""Public pages with a form that is sent back to them."""
PAGES = ["/", "/documents", "/documents/seller-rules", "/rules", "/check", "/sellers", "/complaints/new", "/nowhere"]
FIELD = re.compile(r'name="form_token" value="([0-9a-f]{64})"')
HOSTILE_HOST = "evil.example"


@pytest.fixture
def client(site: Site) -> Iterator[Callable[..., httpx.Client]]:
    """Makes clients, each of an address of its own: the server trusts this machine to say which."""
    made: list[httpx.Client] = []

    def make(address: str = "", **headers: str) -> httpx.Client:
        address = address or f"203.0.113.{next(_addresses)}"
        made.append(httpx.Client(base_url=site.url, headers={"X-Forwarded-For": address} | headers, timeout=20))
        return made[-1]

    yield make
    for each in made:
        each.close()


def token(client: httpx.Client, path: str) -> str:
    """Of the form on a page, whose cookie the client keeps."""
    page = client.get(path)
    found = FIELD.search(page.text)
    assert found, f"{path}: no form ({page.status_code})"
    return found[1]


# ---- headers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PAGES, "/console", "/console/login", "/static/none", "/bulletin/feed.atom"])
def test_every_answer_says_what_browsers_may_do_with_it(client: Callable[..., httpx.Client], path: str) -> None:
    headers = client().get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    for name in ("script-src", "style-src", "img-src", "connect-src", "form-action"):
        assert policy[name] == "'self'", name
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] in ("same-origin", "no-referrer")
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers  # it came by http
    assert "uvicorn" not in headers.get("Server", "")


def test_https_is_asked_for_once_it_was_used(client: Callable[..., httpx.Client]) -> None:
    answer = client(**{"X-Forwarded-Proto": "https"}).get("/check")
    assert "max-age=" in answer.headers["Strict-Transport-Security"]
    cookies = answer.headers.get_list("Set-Cookie")
    assert cookies
    assert all("Secure" in each and each.startswith("__Host-") for each in cookies)


def test_static_files_are_kept_for_ever_and_pages_are_not(client: Callable[..., httpx.Client]) -> None:
    visitor = client()
    page = visitor.get("/")
    assert "no-cache" in page.headers["Cache-Control"] or "no-store" in page.headers["Cache-Control"]
    sheet = re.search(r'href="(/static/[^"]+\.css)"', page.text)
    assert sheet
    assert "immutable" in visitor.get(sheet[1]).headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/static/../config.py", "/static/%2e%2e/app.py", "/static/x/..%2f..%2fapp.py", "/static//etc/passwd"]
)
def test_no_file_but_the_static_ones_is_given(client: Callable[..., httpx.Client], path: str) -> None:
    assert client().get(path).status_code == 404


def test_pages_of_another_host_are_refused(client: Callable[..., httpx.Client]) -> None:
    """A name that its owner makes to mean this server (DNS rebinding) is no name of ours."""
    visitor = client()
    for host in (HOSTILE_HOST, f"{HOSTILE_HOST}:80", f"127.0.0.1.{HOSTILE_HOST}", "a@b", "", "[::1"):
        answer = visitor.get("/", headers={"Host": host})
        assert answer.status_code in (400, 421), host
        assert "<form" not in answer.text
    for host in ("localhost", "127.0.0.1:1234", "[::1]:80"):
        assert visitor.get("/", headers={"Host": host}).status_code == 200, host


# ---- forms ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FORMS)
def test_forms_of_other_sites_are_refused(client: Callable[..., httpx.Client], path: str) -> None:
    visitor = client()
    good = {"form_token": token(visitor, path)}
    refused: dict[str, httpx.Response] = {
        "no token": visitor.post(path, data={"text": "x"}),
        "a wrong token": visitor.post(path, data=good | {"form_token": "0" * 64}),
        "another's token": visitor.post(path, data={"form_token": token(client(), path)}),
        "no cookie": client().post(path, data=good),
        "another origin": visitor.post(path, data=good, headers={"Origin": f"https://{HOSTILE_HOST}"}),
        "no origin": visitor.post(path, data=good, headers={"Origin": "null"}),
        "another port": visitor.post(path, data=good, headers={"Origin": "http://127.0.0.1:1"}),
        "another site": visitor.post(path, data=good, headers={"Sec-Fetch-Site": "cross-site"}),
        "the same site": visitor.post(path, data=good, headers={"Sec-Fetch-Site": "same-site"}),
    }
    assert {name: answer.status_code for name, answer in refused.items()} == dict.fromkeys(refused, 403)
    plain = visitor.post(
        path, content=b"form_token=" + good["form_token"].encode(), headers={"Content-Type": "text/plain"}
    )
    assert plain.status_code == 415
    own = visitor.post(path, data=good, headers={"Origin": str(visitor.base_url).rstrip("/")})
    assert own.status_code not in (403, 415), own.text


@pytest.mark.parametrize("path", FORMS)
def test_the_cookie_of_forms_is_kept_from_scripts_and_other_sites(
    client: Callable[..., httpx.Client], path: str
) -> None:
    (cookie,) = client().get(path).headers.get_list("Set-Cookie")
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()


@pytest.mark.parametrize("path", FORMS)
def test_forms_are_read_within_bounds(client: Callable[..., httpx.Client], path: str) -> None:
    visitor = client()
    good = {"form_token": token(visitor, path)}
    assert visitor.post(path, data=good | {"text": "长" * 30_000}).status_code == 413

    def endless() -> Iterator[bytes]:
        yield f"form_token={good['form_token']}&text=".encode()
        for _ in range(100):
            yield b"x" * 10_000

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert visitor.post(path, content=endless(), headers=headers).status_code == 413
    many = visitor.post(path, data=good | {f"field{i}": "x" for i in range(2000)})
    assert many.status_code in (400, 413)
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        assert visitor.request(method, path).status_code in (404, 405), method


# ---- limits -----------------------------------------------------------------------------------------------


def test_the_check_page_limits_one_client_and_answers_another(client: Callable[..., httpx.Client]) -> None:
    """Of 100 requests from one client most are refused, with when to come again; others are answered meanwhile."""
    greedy, other = client(), client()
    form = {"form_token": token(greedy, "/check"), "text": "今早摘的草莓，两斤三十五元"}
    others = {"form_token": token(other, "/check"), "text": "今早摘的草莓，两斤三十五元"}
    statuses, waited = [], []
    for i in range(100):
        answer = greedy.post("/check", data=form)
        statuses.append(answer.status_code)
        if answer.status_code == 429:
            assert int(answer.headers["Retry-After"]) >= 1
        if i % 25 == 24:
            began = time.perf_counter()
            assert other.post("/check", data=others).status_code == 200
            waited.append(time.perf_counter() - began)
    assert set(statuses) == {200, 429}
    assert statuses.count(200) < 60
    assert statuses[-1] == 429
    assert min(waited) < 0.5


def test_limits_go_by_the_address_that_our_proxy_saw(client: Callable[..., httpx.Client]) -> None:
    """What a client itself puts before it counts for nothing."""
    form: dict[str, str] = {}
    for i in range(60):
        visitor = client(f"198.51.100.{i}, 203.0.113.250")
        if not form:
            form = {"form_token": token(visitor, "/check"), "text": "x"}
            cookies = visitor.cookies
        visitor.cookies = cookies
        if visitor.post("/check", data=form).status_code == 429:
            return
    pytest.fail("no limit was met")


# ---- addresses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["//evil.example/", "///evil.example", "/%2f%2fevil.example", "/\\evil.example/"])
def test_no_page_sends_its_reader_to_an_address_of_the_request(client: Callable[..., httpx.Client], path: str) -> None:
    with httpx.Client(headers={"X-Forwarded-For": "203.0.113.251"}) as raw:
        answer = raw.get(str(client().base_url).rstrip("/") + path)
    assert answer.status_code == 404
    assert not re.search(r'(?:href|action|src)="(?:https?:)?[\\/]{2}', answer.text), answer.text


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "/console//evil.example",
        "javascript:alert(1)",
        "/console@evil.example",
    ],
)
def test_a_login_leads_to_the_console_alone(site: Site, client: Callable[..., httpx.Client], target: str) -> None:
    staff = client()
    form = {"form_token": token(staff, "/console/login"), "key": site.keys["auditor"], "next": target}
    answer = staff.post("/console/login", data=form)
    assert answer.status_code == 303, answer.text
    assert re.fullmatch(r"/console(\?.*)?", answer.headers["Location"])


# ---- sessions ---------------------------------------------------------------------------------------------

SESSION = "fairpost-console"


def log_in(client: httpx.Client, key: str) -> httpx.Response:
    return client.post("/console/login", data={"form_token": token(client, "/console/login"), "key": key})


def test_a_planted_session_is_worth_nothing(site: Site, client: Callable[..., httpx.Client]) -> None:
    """Session fixation: the id is made at the login, whatever the browser had before."""
    attacker, victim = client(), client()
    planted = "A" * 43
    victim.cookies.set(SESSION, planted)
    assert log_in(victim, site.keys["moderator"]).status_code == 303
    given = [each for each in victim.cookies.jar if each.name == SESSION and each.value != planted]
    assert given
    attacker.cookies.set(SESSION, planted)
    assert attacker.get("/console").status_code == 303
    # A second login makes another one, and ends the first.
    first = given[0].value
    again = client()
    again.cookies.set(SESSION, first or "")
    assert again.get("/console").status_code == 200
    page = again.get("/console/login")
    assert page.status_code == 303


def test_a_session_ends_with_its_logout_and_with_its_key(site: Site, client: Callable[..., httpx.Client]) -> None:
    staff, thief = client(), client()
    answer = log_in(staff, site.keys["moderator"])
    (cookie,) = (each for each in answer.headers.get_list("Set-Cookie") if each.startswith(SESSION))
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    thief.cookies.set(SESSION, staff.cookies[SESSION])
    page = thief.get("/console")
    assert page.status_code == 200
    assert site.keys["moderator"] not in page.text
    form = FIELD.search(staff.get("/console").text)
    assert form
    assert staff.post("/console/logout", data={"form_token": "x"}).status_code == 403
    assert staff.post("/console/logout", data={"form_token": form[1]}).status_code == 303
    assert thief.get("/console").status_code == 303


def test_forms_of_before_a_login_are_good_no_longer(site: Site, client: Callable[..., httpx.Client]) -> None:
    staff = client()
    before = token(staff, "/console/login")
    assert log_in(staff, site.keys["moderator"]).status_code == 303
    assert staff.post("/console/logout", data={"form_token": before}).status_code == 403


def test_logins_are_limited(site: Site, client: Callable[..., httpx.Client]) -> None:
    guesser = client()
    form = {"form_token": token(guesser, "/console/login"), "key": f"fp_{'0' * 8}_{'0' * 64}"}
    statuses = [guesser.post("/console/login", data=form).status_code for _ in range(30)]
    assert set(statuses) == {401, 429}
    assert log_in(client(), site.keys["auditor"]).status_code == 303
