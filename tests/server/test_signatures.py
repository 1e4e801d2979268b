"""Signed rule sets: what is refused once a public key is configured, and how it is told."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from fairpost.client import CallFailed
from fairpost.engine import RuleSet
from fairpost.server import Config
from fairpost.server.errors import ServiceError
from fairpost.server.signatures import CONTEXT, KeyInvalid, PublicKeys, Signature, SigningKey, signature_path

if TYPE_CHECKING:
    from pathlib import Path

WORDS = {"根治": 0.97, "特效": 0.65}


@pytest.fixture
def keys(tmp_path: Path) -> tuple[SigningKey, Path]:
    """A key to sign with, and the file of its public half."""
    key = SigningKey.generate()
    path = tmp_path / "rules.pub"
    path.write_bytes(key.public_pem())
    return key, path


def refused(client: Any, content: bytes, **options: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        client.activate(content, **options)
    return caught.value


def test_sign_and_verify(tmp_path: Path) -> None:
    key = SigningKey.generate()
    content = b"\0bundle" * 1000
    signature = key.sign(content)
    # The official library alone, as another program would: the context, then the bytes.
    public = serialization.load_pem_public_key(key.public_pem())
    assert isinstance(public, ed25519.Ed25519PublicKey)
    public.verify(signature.value, CONTEXT + content)
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    (tmp_path / "a").write_bytes(base64.b64encode(raw) + b"\n")
    (tmp_path / "b").write_bytes(SigningKey.generate().public_pem())
    trusted = PublicKeys.read([tmp_path / "a", tmp_path / "b"])
    assert trusted.verify(content, signature) == key.key_id
    assert Signature.parse(signature.line(), "x") == signature
    for changed in (content[:-1], content + b"\0", b"x" + content[1:]):
        with pytest.raises(ServiceError, match="is not of these bytes; the file was changed after it was signed"):
            trusted.verify(changed, signature)
    (tmp_path / "key").write_bytes(key.private_pem())
    assert SigningKey.read(tmp_path / "key").sign(content) == signature  # Ed25519 is deterministic
    assert PublicKeys({}).verify(content, None) == ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"AAAA",
        base64.b64encode(b"x" * 31),
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"\xff",
    ],
)
def test_what_is_no_public_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "k"
    path.write_bytes(content)
    with pytest.raises(KeyInvalid) as caught:
        PublicKeys.read([path])
    assert str(caught.value) == f"{path}: no public key; expected Ed25519 in PEM, or its 32 bytes in base64"
    with pytest.raises(KeyInvalid, match="cannot be read: No such file or directory"):
        PublicKeys.read([tmp_path / "none"])


def test_what_is_no_private_key(tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    locked = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    for content in (b"", other, locked, SigningKey.generate().public_pem()):
        (tmp_path / "k").write_bytes(content)
        with pytest.raises(KeyInvalid, match="no private key to sign with; expected Ed25519 in PEM without a password"):
            SigningKey.read(tmp_path / "k")


@pytest.mark.parametrize(
    "text", ["", "fairpost-ed25519 k", "fairpost-ed25519 k AAAA", "other k " + "A" * 88, "a b c d"]
)
def test_what_is_no_signature(text: str) -> None:
    with pytest.raises(KeyInvalid, match=r"x\.sig: no signature; expected one line: fairpost-ed25519 KEY-ID BASE64"):
        Signature.parse(text, "x.sig")


def test_only_signed_rule_sets_are_activated(inside: Any, bundle: Any, keys: Any) -> None:
    key, path = keys
    running = inside(rules_public_keys=[path]).start()
    client = running.client
    content = bundle(WORDS)
    found = refused(client, content, source="s", force=True)
    assert (found.code, found.reason) == ("FAILED_PRECONDITION", "REASON_BUNDLE_UNSIGNED")
    assert found.message == (
        "bundle: it is not signed, and this server takes only rule sets signed with one of its rules_public_keys; "
        "sign it: fairpost rules sign BUNDLE --key KEY"
    )
    assert client.status().last_failure.reason == "REASON_BUNDLE_UNSIGNED"
    other = SigningKey.generate()
    found = refused(client, content, signature=other.sign(content))
    assert (found.code, found.reason) == ("FAILED_PRECONDITION", "REASON_SIGNING_KEY_UNKNOWN")
    assert found.message == (
        f"bundle: signed with key '{other.key_id}', which is not among this server's rules_public_keys: {key.key_id}"
    )
    forged = Signature(key.key_id, other.sign(content).value)
    for signature in (forged, key.sign(content + b"\0"), key.sign(b"")):
        found = refused(client, content, signature=signature)
        assert (found.code, found.reason) == ("INVALID_ARGUMENT", "REASON_SIGNATURE_WRONG")
        assert found.message.startswith(f"bundle: the signature by key {key.key_id} is not of these bytes; ")
    # What is not trusted is not even parsed.
    assert refused(client, b"no bundle").reason == "REASON_BUNDLE_UNSIGNED"
    assert refused(client, b"no bundle", signature=key.sign(b"no bundle")).reason == "REASON_INVALID_BUNDLE"
    found = refused(client, content, signature=Signature("", b"short"))
    assert [field for field, _ in found.violations] == ["signature", "key_id"]
    assert not client.status().serving
    active = client.activate(content, signature=key.sign(content)).active
    assert (active.signed_by, client.status().active.signed_by) == (key.key_id, key.key_id)


def test_kept_signatures_count_at_restart_and_roll_back(inside: Any, bundle: Any, keys: Any, tmp_path: Path) -> None:
    key, path = keys
    first, second = bundle(WORDS, name="first"), bundle(WORDS, name="second")
    running = inside().start()  # asks for none, and keeps what comes
    running.client.activate(first)
    running.client.activate(second, signature=key.sign(second))
    assert running.client.status().active.signed_by == ""
    revision = RuleSet.from_bytes(first).revision
    running.stop()

    running.options = {"rules_public_keys": [path]}
    running.start()
    assert running.client.status().active.name == "second"
    with pytest.raises(CallFailed) as caught:
        running.client.roll_back()
    assert caught.value.reason == "REASON_BUNDLE_UNSIGNED"
    running.client.activate(first, signature=key.sign(first))
    assert running.client.roll_back().active.name == "second"
    # Keys may be exchanged while the active rule set is signed with one that stays.
    other = tmp_path / "other.pub"
    other.write_bytes(SigningKey.generate().public_pem())
    server = running.server
    server.reload(Config(rules_public_keys=[path, other], data_dir=running.data_dir))()
    with pytest.raises(ServiceError, match="bundle: signed with key"):
        server.reload(Config(rules_public_keys=[other], data_dir=running.data_dir))
    running.stop()

    # Who can write the folder cannot make the server serve something else.
    kept = running.data_dir / "rules" / f"{RuleSet.from_bytes(second).revision}.fpb"
    text = signature_path(kept).read_text()
    for content, reason in [
        (key.sign(first).line(), "REASON_SIGNATURE_WRONG"),
        ("rubbish", "REASON_INVALID_BUNDLE"),
        (None, "REASON_BUNDLE_UNSIGNED"),
    ]:
        signature_path(kept).unlink()
        if content is not None:
            signature_path(kept).write_text(content)
        running.start()
        status = running.client.status()
        assert (status.serving, status.last_failure.reason) == (False, reason)
        running.stop()
        signature_path(kept).write_text(text)
    running.start()
    assert running.client.status().active.name == "second"
    assert revision in [each.revision for each in running.client.revisions()]


def test_start_with_signed_rules(inside: Any, bundle: Any, keys: Any, tmp_path: Path) -> None:
    key, path = keys
    rules = tmp_path / "rules.fpb"
    rules.write_bytes(bundle(WORDS, name="mine"))
    running = inside(rules_public_keys=[path], rules=rules)
    assert running.refused().startswith(f"{rules}: bundle: it is not signed, and this server takes only rule sets")
    signature_path(rules).write_text("rubbish")
    assert running.refused() == f"{rules}.sig: no signature; expected one line: fairpost-ed25519 KEY-ID BASE64"
    signature_path(rules).write_text(key.sign(rules.read_bytes()).line())
    running.start()
    assert running.client.status().active.name == "mine"
    running.stop()
    # The shipped packs are not signed.
    shipped = inside("shipped", rules_public_keys=[path], no_rules=False)
    assert shipped.refused() == (
        "the shipped packs are not signed, and with rules_public_keys only signed rule sets are served; sign them "
        "(fairpost rules compile -o rules.fpb; fairpost rules sign rules.fpb --key KEY) and start with --rules "
        "rules.fpb, or wait for an activation with --no-rules"
    )
    wrong = inside("wrong", rules_public_keys=[tmp_path / "none"])
    assert wrong.refused() == f"rules_public_keys: {tmp_path}/none: cannot be read: No such file or directory"


def test_private_keys_are_not_shown() -> None:
    key = SigningKey.generate()
    assert key.private_pem().decode().splitlines()[1] not in f"{key!r} {vars(key)!r}"
