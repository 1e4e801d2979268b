"""Signatures of rule sets: Ed25519 (RFC 8032) over the bundle's exact bytes.

What is signed is `CONTEXT` and then the file's bytes, so that a signature made for something else is worth nothing
here. A key's id is the first 16 hexadecimal digits of the SHA-256 of its 32 raw bytes.

Beside a bundle `rules.fpb` lies `rules.fpb.sig`, one line of text:

    fairpost-ed25519 0123456789abcdef BASE64 OF 64 BYTES
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fairpost.server.errors import FailedPrecondition, InvalidArgument
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = [
    "CONTEXT",
    "KeyInvalid",
    "PublicKeys",
    "Signature",
    "SigningKey",
    "signature_path",
]

CONTEXT: Final = b"fairpost.v1 rule set bundle\n"
SIGNATURE_BYTES: Final = 64
LARGEST_FILE: Final = 4096
"""Bytes of a key or signature file that are looked at."""
_RAW_BYTES: Final = 32
_WORD: Final = "fairpost-ed25519"


class KeyInvalid(Exception):
    """A file is no key, or no signature; the message names it and says what was expected."""


class Signature(NamedTuple):
    """value: 64 bytes."""

    key_id: str
    value: bytes

    @classmethod
    def parse(cls, text: str, name: str) -> Signature:
        """
        Raises:
            KeyInvalid: it is not one line as above.
        """
        words = text.split()
        try:
            word, key_id, encoded = words
            value = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            word, key_id, value = "", "", b""
        if word != _WORD or len(value) != SIGNATURE_BYTES:
            raise KeyInvalid(f"{name}: no signature; expected one line: {_WORD} KEY-ID BASE64")
        return cls(key_id, value)

    def line(self) -> str:
        return f"{_WORD} {self.key_id} {base64.b64encode(self.value).decode()}\n"


def signature_path(bundle: Path) -> Path:
    """Where the signature of a file lies."""
    return bundle.with_name(bundle.name + ".sig")


class SigningKey:
    """A private key. Its bytes are in no message and no representation."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = _key_id(_raw(key.public_key()))

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, path: Path) -> SigningKey:
        """
        Raises:
            KeyInvalid: no unencrypted Ed25519 private key in PEM.
            OSError: it cannot be read.
        """
        try:
            key = serialization.load_pem_private_key(_content(path), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyInvalid(
                f"{path}: no private key to sign with; expected Ed25519 in PEM without a password, as "
                "`fairpost rules keygen` writes"
            )
        return cls(key)

    def private_pem(self) -> bytes:
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def public_pem(self) -> bytes:
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, bundle: bytes) -> Signature:
        return Signature(self.key_id, self._key.sign(CONTEXT + bundle))


@dataclass(frozen=True)
class PublicKeys:
    """The keys whose signatures count; none: signatures are not asked for. by_id: raw bytes by key id."""

    by_id: Mapping[str, bytes]

    @classmethod
    def read(cls, paths: Iterable[Path]) -> PublicKeys:
        """
        Raises:
            KeyInvalid: one cannot be read, or is no Ed25519 public key in PEM or base64.
        """
        found = {}
        for path in paths:
            try:
                raw = _public(_content(path))
            except OSError as error:
                raise KeyInvalid(f"{path}: cannot be read: {error.strerror}") from None
            except (ValueError, UnsupportedAlgorithm):
                raise KeyInvalid(f"{path}: no public key; expected Ed25519 in PEM, or its 32 bytes in base64") from None
            found[_key_id(raw)] = raw
        return cls(found)

    def __bool__(self) -> bool:
        return bool(self.by_id)

    def verify(self, bundle: bytes, signature: Signature | None) -> str:
        """Gives the id of the key that has signed it; "" where signatures are not asked for.

        Raises:
            FailedPrecondition: not signed, or with a key that is not among these.
            InvalidArgument: the signature is not of these bytes.
        """
        if not self.by_id:
            return ""
        if signature is None:
            raise FailedPrecondition(
                reason_pb2.REASON_BUNDLE_UNSIGNED,
                "bundle: it is not signed, and this server takes only rule sets signed with one of its "
                "rules_public_keys; sign it: fairpost rules sign BUNDLE --key KEY",
            )
        raw = self.by_id.get(signature.key_id)
        if raw is None:
            known = ", ".join(sorted(self.by_id))
            raise FailedPrecondition(
                reason_pb2.REASON_SIGNING_KEY_UNKNOWN,
                f"bundle: signed with key {signature.key_id[:64]!r}, which is not among this server's "
                f"rules_public_keys: {known}",
            )
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(signature.value, CONTEXT + bundle)
        except InvalidSignature:
            raise InvalidArgument(
                reason_pb2.REASON_SIGNATURE_WRONG,
                f"bundle: the signature by key {signature.key_id} is not of these bytes; the file was changed after "
                "it was signed, or the signature is another file's",
            ) from None
        return signature.key_id


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST_FILE)


def _public(content: bytes) -> bytes:
    if content.lstrip().startswith(b"-----"):
        key = serialization.load_pem_public_key(content)
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("another kind of key")
        return _raw(key)
    raw = base64.b64decode(content.strip(), validate=True)
    if len(raw) != _RAW_BYTES:
        raise ValueError("another length")
    return raw


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _key_id(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:16]
