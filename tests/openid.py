"""An OpenID Connect provider for tests, which signs tokens rightly and, when told, wrongly."""

from __future__ import annotations

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import httpx
from joserfc import jwk, jwt

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ISSUER", "KEY", "OTHER", "Provider", "served"]

ISSUER = "https://id.example"
KEY = jwk.RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER = jwk.RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})


class Provider:
    """Answers as a provider does; `claims` and `header` replace what its next ID token has."""

    def __init__(self, issuer: str = ISSUER) -> None:
        self.issuer = issuer
        self.keys = [KEY]
        self.signs = KEY
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.token: dict[str, Any] | None = None
        self.metadata: dict[str, Any] = {}
        self.asked: list[str] = []
        self.form: dict[str, str] = {}
        self.authorization = ""
        self.nonce = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        match request.url.path:
            case "/.well-known/openid-configuration":
                endpoints = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys"}
                found = {"issuer": self.issuer} | {name: f"{self.issuer}/{path}" for name, path in endpoints.items()}
                return httpx.Response(200, json=found | self.metadata)
            case "/keys":
                return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in self.keys]})
            case "/token":
                self.form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
                self.authorization = request.headers.get("authorization", "")
                if self.token is not None:
                    return httpx.Response(400, json=self.token)
                return httpx.Response(200, json={"access_token": "a", "id_token": self.id_token()})
        return httpx.Response(404)

    def id_token(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "u-17",
            "aud": "fairpost",
            "exp": now + 300,
            "iat": now,
            "nonce": self.nonce,
        }
        claims |= {"name": "Li Mei", "realm": {"groups": ["reviewers", "unknown"]}} | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": self.signs.kid} | self.header, claims, self.signs)


@contextlib.contextmanager
def served() -> Iterator[Provider]:
    """A provider at an address of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            url = f"{provider.issuer}{self.path}"
            request = httpx.Request(self.command, url, headers=dict(self.headers), content=self.rfile.read(size))
            answer = provider(request)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = Provider(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield provider
        server.shutdown()
        thread.join()
