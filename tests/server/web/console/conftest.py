"""One server with its HTTP side for all tests of the console, and browsers without JavaScript."""

from __future__ import annotations

import html
import itertools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from openid import Provider, served
from running import Running
from tea_packs import compiled

from fairpost.server.access.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


PUBLIC = "http://posts.localhost"
"""The server's public address; what the provider sends browsers back to."""
_NUMBERS = itertools.count(1)
RULES = (
    ("cure", "根治", "enforce", 0.97),
    ("special", "特效", "enforce", 0.65),
    ("trial", "秘方", "shadow", 0.97),
)
"""Rules of the server: id, word, mode, weight."""


@dataclass
class Console(Running):
    """A server with its HTTP side."""

    base: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    """By role, and of all roles."""
    stricter: bytes = b""
    """Another rule set, for those who change it."""


class Browser:
    """Keeps cookies, sends forms as a page has them, follows redirects on demand."""

    def __init__(self, base: str, language: str = "en") -> None:
        # Each has an address of its own, as logins are limited by address.
        self.address = f"192.0.2.{next(_NUMBERS)}"
        headers = {"Accept-Language": language, "X-Forwarded-For": self.address}
        self.http = httpx.Client(base_url=base, headers=headers, timeout=30)
        self.page = httpx.Response(200)

    def get(self, path: str, **headers: str) -> httpx.Response:
        self.page = self.http.get(path, headers=headers, follow_redirects=True)
        return self.page

    def forms(self) -> dict[str, dict[str, str]]:
        """The page's forms that are posted: hidden fields, and those with a value, by address."""
        found: dict[str, dict[str, str]] = {}
        for attributes, body in re.findall(r"<form([^>]*)>(.*?)</form>", self.page.text, re.DOTALL):
            if 'method="post"' not in attributes:
                continue
            action = html.unescape(re.findall(r'action="([^"]*)"', attributes)[0])
            fields = {}
            for tag in re.findall(r"<input[^>]*>", body):
                name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
                kind = re.search(r'type="([^"]*)"', tag)
                if name and value and (kind is None or kind[1] not in ("checkbox", "radio") or " checked" in tag):
                    fields[name[1]] = html.unescape(value[1])
            # Of several forms of one address the first; its hidden `kind` or `step` is given by whoever sends it.
            found.setdefault(action, fields)
        return found

    def post(self, action: str, files: Any = None, **fields: str) -> httpx.Response:
        """Send the page's form with this address, filled in, and follow to where it leads."""
        content = self.forms()[action] | fields
        self.page = self.http.post(action, data=content, files=files, follow_redirects=True)
        return self.page

    def log_in(self, key: str) -> httpx.Response:
        self.get("/console/login")
        return self.post("/console/login", key=key)

    @property
    def text(self) -> str:
        """What a reader sees of the page, without tags."""
        return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", self.page.text)))


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """Whom the server asks for logins by OpenID Connect."""
    with served() as found:
        yield found


@pytest.fixture(scope="session")
def console_server(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("console")
    http_port = folder / "http.port"
    options = {
        "http_port": 0,
        "http_port_file": http_port,
        "trusted_proxies": "127.0.0.1",
        "public_url": PUBLIC,
        "oidc_issuer": provider.issuer,
        "oidc_client_id": "fairpost",
        "oidc_roles_claim": "realm.groups",
        "oidc_roles": json.dumps({"reviewers": ["moderator"]}),
    }
    running = Console(folder / "data", options)
    running.start()
    running.client.activate(compiled(folder / "packs", *RULES), source="test rules")
    running.base = f"http://127.0.0.1:{http_port.read_text().strip()}"
    running.keys = {role: running.make_key(role) for role in ROLES}
    running.keys["to be revoked"] = running.make_key("auditor")
    running.keys["all"] = running.api_key
    running.stricter = compiled(folder / "stricter", *RULES, ("well", "包好", "enforce", 0.97))
    yield running
    failed = [line for line in running.printed().splitlines() if "page failed" in line]
    running.kill()
    assert not failed


@pytest.fixture
def browser(console_server: Console) -> Iterator[Callable[..., Browser]]:
    """Makes browsers; with the name of a role logged in by a key with that role ("all": with all of them)."""
    made: list[Browser] = []

    def make(role: str = "", language: str = "en") -> Browser:
        made.append(Browser(console_server.base, language))
        if role:
            assert made[-1].log_in(console_server.keys[role]).status_code == 200
        return made[-1]

    yield make
    for each in made:
        each.http.close()
