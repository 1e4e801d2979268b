"""TLS and mutual TLS over real connections; certificates that change while the server runs; what it refuses to be."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from certificates import Authority
from running import until

from fairpost.client import CallFailed, Client, Tls
from fairpost.server import Config
from fairpost.server.access import exposure
from fairpost.server.audit.reading import entries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def served_certificate(port: int) -> str:
    """The server's certificate as a new connection gets it, PEM."""
    return ssl.get_server_certificate(("127.0.0.1", port))


def local(running: Any, **tls: Any) -> Client:
    return Client(f"localhost:{running.server.port}", tls=Tls(**tls), timeout=10)


def test_tls_needs_a_key_even_on_loopback(inside: Callable[..., Any], tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    certificate, key = ca.sign("server")
    running = inside(tls_cert=certificate, tls_key=key).start()
    with local(running, ca=ca.path) as client:
        with pytest.raises(CallFailed, match=r"REASON_CREDENTIALS_MISSING.* needs a key with one of the roles"):
            client.status()
        with pytest.raises(CallFailed, match="UNAVAILABLE"):
            Client(running.server.address, timeout=20).status()  # in clear
    with Client(f"localhost:{running.server.port}", tls=Tls(ca=ca.path), api_key=running.make_key("auditor")) as client:
        assert not client.status().serving
    other = Authority(tmp_path, "another authority")
    with local(running, ca=other.path) as client, pytest.raises(CallFailed, match="UNAVAILABLE"):
        client.status()


def test_certificates_are_exchanged_while_the_server_runs(
    inside: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ca = Authority(tmp_path)
    certificate, key = ca.sign("server")
    running = inside(tls_cert=certificate, tls_key=key).start()
    api_key, port = running.make_key("auditor"), running.server.port
    first = certificate.read_text()
    with Client(f"localhost:{port}", tls=Tls(ca=ca.path), api_key=api_key) as client:
        client.status()
        assert served_certificate(port) == first
        ca.sign("server")
        until(lambda: served_certificate(port) != first, "the new certificate is not served")
        second = certificate.read_text()
        assert served_certificate(port) == second
        client.status()  # the connection stays
        for content, message in (
            (b"", "no certificate in PEM form"),
            (second.encode()[:200], "no certificate in PEM form"),
            (first.encode(), "is not the key of the first certificate in"),
        ):
            certificate.write_bytes(content)
            assert not running.server.access.reload()
            assert message in running.server.access.certificates.failure
            assert served_certificate(port) == second
        assert "TLS certificates stay as they were" in capsys.readouterr().out
        ca.sign("server")
        assert running.server.access.reload()
        assert running.server.access.certificates.failure == ""
        third = certificate.read_text()
        assert served_certificate(port) == third != second


def test_mutual_tls_gives_roles_by_name(inside: Callable[..., Any], tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    certificate, key = ca.sign("server")
    identities = {
        "spiffe://example/feed": ["checker"],
        "publisher.example": ["publisher"],
        "plain name": ["auditor", "registrar"],
    }
    running = inside(tls_cert=certificate, tls_key=key, tls_client_ca=ca.path, client_identities=identities).start()

    def client(name: str, *names: str, by: Any = ca, api_key: str = "") -> Client:
        pem, private = by.sign(name, names=names)
        tls = Tls(ca=ca.path, certificate=pem, key=private)
        return Client(f"localhost:{running.server.port}", tls=tls, timeout=10, api_key=api_key)

    def refused(call: Any, *arguments: Any) -> tuple[str, str]:
        with pytest.raises(CallFailed) as caught:
            call(*arguments)
        return caught.value.reason or caught.value.code, caught.value.message

    with client("feed", "spiffe://example/feed", "feed.example") as feed:
        assert refused(feed.check, "x")[0] == "REASON_NO_ACTIVE_RULE_SET"
        reason, message = refused(feed.roll_back)
        assert reason == "REASON_ROLE_MISSING"
        assert message == (
            "fairpost.v1.RulesService/RollBack needs one of the roles publisher, ops; "
            "certificate spiffe://example/feed has checker"
        )
    with client("p", "publisher.example") as publisher:
        assert refused(publisher.roll_back)[0] == "REASON_NO_EARLIER_REVISION"
    with client("plain name") as plain:
        assert list(plain.sellers()) == []
        assert refused(plain.check, "x")[0] == "REASON_ROLE_MISSING"
    with client("unknown", "stranger.example") as stranger:
        reason, message = refused(stranger.status)
        assert reason == "REASON_CREDENTIALS_INVALID"
        assert message.startswith("the client certificate's names (stranger.example) have no roles here")
    # Alternative names count, and the common name not beside them.
    with client("plain name", "stranger.example") as sly:
        assert refused(sly.sellers().__next__)[0] == "REASON_CREDENTIALS_INVALID"
    with client("unknown", "stranger.example", api_key=running.make_key("auditor")) as keyed:
        assert not keyed.status().serving
    with client("feed", "spiffe://example/feed", by=Authority(tmp_path, "another authority")) as forged:
        assert refused(forged.status)[0] == "UNAVAILABLE"
    with local(running, ca=ca.path) as bare:
        assert refused(bare.status)[0] == "UNAVAILABLE"
    running.server.access.attempts.write()
    with running.server.registry.core.store.read() as connection:
        actors = {entry.actor for entry in entries(connection) if entry.method.endswith("RollBack")}
    assert actors == {"certificate:publisher.example", "anonymous"}


def test_bad_files_are_refused_at_the_start(inside: Callable[..., Any], tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    certificate, key = ca.sign("server")
    _, other_key = ca.sign("other")
    old, old_key = ca.sign("old", days=-1)
    empty, missing = tmp_path / "empty.pem", tmp_path / "missing.pem"
    empty.write_text("nothing")
    for options, message in (
        ({"tls_cert": missing, "tls_key": key}, f"{missing}: cannot be read: No such file or directory"),
        ({"tls_cert": empty, "tls_key": key}, f"{empty}: no certificate in PEM form"),
        ({"tls_cert": certificate, "tls_key": empty}, f"{empty}: no private key in PEM form"),
        (
            {"tls_cert": certificate, "tls_key": other_key},
            f"{other_key}: is not the key of the first certificate in {certificate}; "
            "the server's own certificate comes first",
        ),
        ({"tls_cert": old, "tls_key": old_key}, f"{old}: expired at "),
        ({"tls_cert": certificate, "tls_key": key, "tls_client_ca": empty}, f"{empty}: no certificate in PEM form"),
        ({"tls_cert": certificate}, "--tls-cert is given and --tls-key is not: TLS needs both"),
        ({"tls_key": key}, "--tls-key is given and --tls-cert is not: TLS needs both"),
        ({"tls_client_ca": ca.path}, "--tls-client-ca is given without --tls-cert and --tls-key"),
        (
            {"client_identities": {"a": ["ops"]}},
            "--client-identity is given without --tls-client-ca, which says whose certificates count",
        ),
    ):
        assert inside(**options).refused().startswith(message)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("localhost.example", False),
        ("db", False),
    ],
)
def test_what_is_loopback(host: str, loopback: bool) -> None:
    assert exposure.is_loopback(host) is loopback


def test_no_open_port_for_others(inside: Callable[..., Any], tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    certificate, key = ca.sign("server")
    lacking = inside(host="0.0.0.0").refused()
    assert lacking == (
        "0.0.0.0 can be reached by others, and would be served without TLS (--tls-cert, --tls-key). Give what is "
        "missing, listen on 127.0.0.1, or say --insecure where something in front of the server has both"
    )
    open_tls = {"host": "0.0.0.0", "tls_cert": certificate, "tls_key": key, "require_authentication": False}
    assert "would be served without authentication (--require-authentication)." in inside(**open_tls).refused()
    both = inside(host="0.0.0.0", require_authentication=False).refused()
    assert "without TLS (--tls-cert, --tls-key) and without authentication" in both
    assert exposure.needs_credentials(Config(host="0.0.0.0", insecure=True))


def test_insecure_says_so(inside: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    running = inside(host="0.0.0.0", insecure=True, require_authentication=False).start()
    assert "insecure: others can reach this server" in capsys.readouterr().out
    with Client(f"127.0.0.1:{running.server.port}") as client:
        assert not client.status().serving
        with pytest.raises(CallFailed, match="REASON_CREDENTIALS_MISSING"):
            client.roll_back()
    assert isinstance(client.channel, grpc.Channel)
