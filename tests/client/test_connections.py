"""Targets, TLS, API keys, processes; and that the two clients are one."""

from __future__ import annotations

import datetime
import inspect
import ipaddress
import os
from pathlib import Path
from typing import Any

import grpc
import pytest
from client.scripted import Scripted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fairpost.client import AsyncClient, CallFailed, Client, Retry, Tls
from fairpost.client.connections import ApiKey, is_loopback


def test_the_key_goes_with_every_call(scripted: Scripted, make: Any) -> None:
    client = make(scripted.target, api_key="fp_test_1")
    client.lookup("s")
    list(client.check_many([]))
    next(client.watch("1"))
    assert {call.metadata["authorization"] for call in scripted.calls} == {"Bearer fp_test_1"}
    assert scripted.calls[0].metadata["user-agent"].startswith("fairpost-python/")
    make(scripted.target).lookup("s")
    assert "authorization" not in scripted.calls[-1].metadata


def test_a_key_file_is_read_again(tmp_path: Path) -> None:
    path, clock = tmp_path / "key", [0.0]
    path.write_text("first\n")
    key = ApiKey("", path, lambda: clock[0])
    assert key.metadata() == (("authorization", "Bearer first"),)
    path.with_name("new").write_text("second\n")
    path.with_name("new").replace(path)
    assert key.metadata()[0][1] == "Bearer first"  # looked at once a second
    clock[0] = 1.1
    assert key.metadata()[0][1] == "Bearer second"
    for content in ("", "\n"):  # it is being written
        path.write_text(content)
        clock[0] += 1.1
        assert key.metadata()[0][1] == "Bearer second"
    path.unlink()
    clock[0] += 1.1
    assert key.metadata()[0][1] == "Bearer second"
    assert "second" not in repr(key)


def test_a_key_is_not_sent_in_clear_over_a_network(tmp_path: Path, make: Any) -> None:
    message = r"example\.com:50051: an API key would travel in clear over the network; use tls=True"
    with pytest.raises(ValueError, match=message):
        make(["127.0.0.1:50051", "example.com:50051"], api_key="k")
    (tmp_path / "key").write_text("k")
    with pytest.raises(ValueError, match=message):
        make("example.com:50051", api_key_file=tmp_path / "key")
    make("example.com:50051", api_key="k", tls=True)
    make(["localhost:1", "127.0.0.1:1", "[::1]:1", "unix:/run/fairpost.sock"], api_key="k")


@pytest.mark.parametrize(
    ("target", "loopback"),
    [
        ("localhost:1", True),
        ("127.8.0.1:1", True),
        ("[::1]:1", True),
        ("::1", True),
        ("unix:/run/x", True),
        ("dns:///localhost:1", True),
        ("ipv4:127.0.0.1:1,127.0.0.2:1", True),
        ("ipv4:127.0.0.1:1,192.0.2.1:1", False),
        ("dns:///localhost.example.com:1", False),
        ("10.0.0.1:1", False),
        ("[2001:db8::1]:1", False),
        ("fairpost:1", False),
        ("", False),
    ],
)
def test_loopback(target: str, loopback: bool) -> None:
    assert is_loopback(target) is loopback


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"targets": []}, "targets: at least one address"),
        ({"targets": ""}, "targets: at least one address"),
        ({"channels": 0}, "channels is 0"),
        ({"api_key": "a b"}, "api_key: an API key is one word of visible ASCII characters"),
        ({"api_key": "k", "api_key_file": "x"}, "give api_key or api_key_file, not both"),
        ({"api_key_file": "/nowhere/key"}, "/nowhere/key: cannot be read, or holds no API key"),
        ({"tls": Tls(ca="/nowhere/ca.pem")}, "/nowhere/ca.pem: cannot be read: No such file"),
    ],
)
def test_wrong_arguments(make: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make(**arguments)
    assert "a b" not in str(caught.value)


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(ValueError, match="give both certificate and key, or neither"):
        Tls(certificate="client.pem")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, and server and client certificates of it."""
    folder = tmp_path_factory.mktemp("tls")
    now = datetime.datetime.now(datetime.UTC)
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])

    def issue(name: str, key: Any, subject: x509.Name, *, is_root: bool) -> None:
        names = [x509.DNSName("fairpost.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names[:1] if name == "other" else names), critical=False)
        )
        made = builder.sign(root_key, hashes.SHA256())
        (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.key").write_bytes(secret)

    issue("ca", root_key, root_name, is_root=True)
    for name in ("server", "client", "other"):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issue(name, ec.generate_private_key(ec.SECP256R1()), subject, is_root=False)
    return folder


def secured(folder: Path, name: str, *, mutual: bool = False) -> Scripted:
    pair = ((folder / f"{name}.key").read_bytes(), (folder / f"{name}.pem").read_bytes())
    ca = (folder / "ca.pem").read_bytes() if mutual else None
    return Scripted(grpc.ssl_server_credentials([pair], ca, require_client_auth=mutual))


def test_tls(make: Any, authority: Path) -> None:
    server = secured(authority, "server")
    try:
        client = make(server.target, tls=Tls(ca=authority / "ca.pem"), api_key="secret")
        client.lookup("s")
        assert server.calls[0].metadata["authorization"] == "Bearer secret"
        untrusting = make(server.target, tls=True, retry=None, timeout=5)
        with pytest.raises(CallFailed) as caught:
            untrusting.lookup("s")
        assert caught.value.code == "UNAVAILABLE"
    finally:
        server.stop()


def test_mutual_tls_and_another_name(make: Any, authority: Path) -> None:
    server = secured(authority, "other", mutual=True)
    own: Any = {"certificate": authority / "client.pem", "key": authority / "client.key"}
    try:
        make(server.target, tls=Tls(ca=authority / "ca.pem", server_name="fairpost.test", **own)).lookup("s")
        for tls in (Tls(ca=authority / "ca.pem", **own), Tls(ca=authority / "ca.pem", server_name="fairpost.test")):
            with pytest.raises(CallFailed):
                make(server.target, tls=tls, retry=Retry(attempts=1), timeout=5).lookup("s")
        assert len(server.calls) == 1
    finally:
        server.stop()


def test_a_client_does_not_survive_a_fork(scripted: Scripted, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make(scripted.target)
    client.lookup("s")
    monkeypatch.setattr(os, "getpid", lambda: 1)
    calls = (lambda: client.lookup("s"), lambda: list(client.check_many([])), lambda: next(client.watch("1")))
    for call in calls:
        with pytest.raises(RuntimeError, match=r"made in process .*, before a fork; make one in each process"):
            call()


def test_both_clients_are_the_same() -> None:
    """Names, parameters, defaults and docstrings."""
    differing = {"__enter__", "__exit__", "__aenter__", "__aexit__", "check_many", "stream", "channel", "_responses"}
    differing |= {"_results", "_pages", "with_options", "batched"}

    def members(client: type) -> dict[str, Any]:
        return {name: found for name, found in vars(client).items() if inspect.isfunction(found)}

    one, other = members(Client), members(AsyncClient)
    assert set(one) - {"__enter__", "__exit__"} == set(other) - {"__aenter__", "__aexit__"}
    assert len(one) > 40
    for name in set(one) - differing:
        assert inspect.getdoc(one[name]) == inspect.getdoc(other[name]), name
    for name in set(one) & set(other):
        first, second = inspect.signature(one[name]).parameters, inspect.signature(other[name]).parameters
        assert [(p.name, p.kind, p.default) for p in first.values()] == [
            (p.name, p.kind, p.default) for p in second.values()
        ], name
