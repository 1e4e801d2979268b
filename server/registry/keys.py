"""Keys of the personal data: one for keyed hashes, several for encryption.

A clear identity number lives as long as the request that brings it. The store gets `HMAC-SHA256(key, number)`, by
which a person who registers again is recognised, the number encrypted (AES-256-GCM, NIST SP 800-38D, with a random
96-bit nonce), and a masked form for people. Whoever has the store and the keys has the numbers; with the hash key
alone, numbers can be found by trying, since there are only some 10^13. The keys belong elsewhere than the backups.

Encryption keys rotate (rotation.py): new data are written with the active one, old data are read with theirs. Which
one is active the store says, in `head`; a server that does not know it looks into its key file again. The hash key
does not rotate: it would have to be exchanged in all stored hashes at once, and is needed as long as any blacklisted
person must be recognised.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import os
import secrets
import stat
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fairpost.server.errors import Unavailable
from fairpost.server.files import sync_folder, write_durably
from fairpost.server.registry.numbers import compact_identity_number
from fairpost.v1 import reason_pb2

__all__ = ["ENVIRONMENT", "KeyFileError", "Keys", "UnknownKey"]

ENVIRONMENT: Final = "FAIRPOST_REGISTRY_KEYS"
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_FORM: Final = b"\x01"


class KeyFileError(Exception):
    """The keys cannot be used; the message says what to do."""


class UnknownKey(Unavailable):
    """Data encrypted with a key that is not among these, or changed since."""

    def __init__(self, message: str) -> None:
        super().__init__(reason_pb2.REASON_STORE_UNAVAILABLE, message)


@dataclass
class Keys:
    """The keys in use. encryption: by key id (4 bytes as 8 hexadecimal digits); active: id of the one to write with;
    path: the file they are from, where keys that are not known yet are looked for."""

    hash_key: bytes
    encryption: dict[str, bytes]
    active: str
    path: Path | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"Keys(active={self.active!r}, {len(self.encryption)} encryption keys)"

    # ---- where they come from ---------------------------------------------------------------------------

    @classmethod
    def make(cls, hash_key: bytes | None = None) -> Keys:
        """New random keys."""
        first = secrets.token_hex(_ID_BYTES)
        return cls(hash_key or secrets.token_bytes(_KEY_BYTES), {first: secrets.token_bytes(_KEY_BYTES)}, first)

    @classmethod
    def open(cls, path: Path) -> Keys:
        """The keys of the environment variable FAIRPOST_REGISTRY_KEYS, else of the file, which is made on first use.

        A file of 32 bytes is the hash key of the first store; it is kept, and gets encryption keys beside it.

        Raises:
            KeyFileError: not keys, or readable by others.
        """
        if content := os.environ.get(ENVIRONMENT):
            return cls.parse(content, ENVIRONMENT)
        if not path.exists():
            # Whole or not at all, and made by one of several servers that start at once.
            made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            cls.make().save(made)
            with contextlib.suppress(FileExistsError):
                os.link(made, path)
            made.unlink()
            sync_folder(path.parent)
        if stat.S_IMODE(path.stat().st_mode) & 0o077 and not _is_credential(path):
            raise KeyFileError(f"{path}: others may read these keys; run: chmod 600 {path}")
        raw = path.read_bytes()
        if len(raw) == _KEY_BYTES and not raw.startswith(b"{"):
            keys = cls.make(raw)
            keys.save(path)
        else:
            keys = cls.parse(raw.decode("utf-8", "replace"), str(path))
        keys.path = path
        return keys

    @classmethod
    def parse(cls, content: str, where: str) -> Keys:
        """Keys from their JSON form.

        Raises:
            KeyFileError: it is none; nothing of the content is quoted.
        """
        try:
            found: dict[str, Any] = json.loads(content)
            hash_key = base64.b64decode(found["hash"], validate=True)
            encryption = {name: base64.b64decode(key, validate=True) for name, key in found["encryption"].items()}
            active = found["active"]
            sound = len(hash_key) == _KEY_BYTES and active in encryption
            sound = sound and all(len(bytes.fromhex(name)) == _ID_BYTES for name in encryption)
            sound = sound and all(len(key) == _KEY_BYTES for key in encryption.values())
        except (ValueError, KeyError, TypeError, AttributeError):
            sound = False
        if not sound:
            raise KeyFileError(
                f"{where}: no registry keys; expected JSON with hash, encryption and active, keys of "
                f"{_KEY_BYTES} bytes in base64. Restore it from a backup"
            )
        return cls(hash_key, encryption, active)

    @property
    def text(self) -> str:
        """The JSON form; secret."""
        keys = {name: base64.b64encode(key).decode() for name, key in self.encryption.items()}
        content = {"hash": base64.b64encode(self.hash_key).decode(), "encryption": keys, "active": self.active}
        return json.dumps(content, indent=1) + "\n"

    def save(self, path: Path) -> None:
        """Replace the file, on disk when this returns."""
        write_durably(path, self.text.encode(), mode=0o600)

    # ---- rotation ---------------------------------------------------------------------------------------

    def with_new_key(self) -> Keys:
        """The same with one more encryption key, which is the active one."""
        name = secrets.token_hex(_ID_BYTES)
        return replace(self, encryption=self.encryption | {name: secrets.token_bytes(_KEY_BYTES)}, active=name)

    def only_active(self) -> Keys:
        """The same without the encryption keys that are no longer written with."""
        return replace(self, encryption={self.active: self.encryption[self.active]})

    def use(self, name: str) -> None:
        """Write with this key from now on: the store says that all do.

        Raises:
            UnknownKey: it is not among these, nor in the file.
        """
        if self._key(name) is None:
            raise UnknownKey(
                f"the registry's data are encrypted with key {name}, which this server does not have: its keys are "
                "another registry's, or were rotated elsewhere; give it the registry's key file"
            )
        self.active = name

    def _key(self, name: str) -> bytes | None:
        if name not in self.encryption and self.path is not None:
            try:
                found = Keys.parse(self.path.read_text("utf-8"), str(self.path))
            except (OSError, UnicodeDecodeError, KeyFileError):
                return None
            if hmac.compare_digest(found.hash_key, self.hash_key):
                self.encryption = self.encryption | found.encryption
        return self.encryption.get(name)

    # ---- use --------------------------------------------------------------------------------------------

    def hash(self, content: bytes) -> bytes:
        """32 bytes; equal for equal content, and without the key as good as random."""
        return hmac.digest(self.hash_key, content, "sha256")

    def hash_number(self, number: str) -> bytes:
        return self.hash(b"identity-number\0" + compact_identity_number(number).encode())

    def derived(self, purpose: str, length: int) -> bytes:
        """A key for another purpose: `length` bytes, at most 32."""
        return self.hash(b"derived\0" + purpose.encode())[:length]

    def encrypt(self, content: bytes, context: str) -> bytes:
        """Ciphertext that can be read only with the same context: where it belongs, so that it cannot be moved."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        name = bytes.fromhex(self.active)
        sealed = _cipher(self.encryption[self.active]).encrypt(nonce, content, context.encode())
        return _FORM + name + nonce + sealed

    def decrypt(self, cipher: bytes, context: str) -> bytes:
        """The content of `encrypt`.

        Raises:
            UnknownKey: another key, another context, or changed since.
        """
        name = cipher[1 : 1 + _ID_BYTES].hex()
        key = self._key(name)
        if not cipher.startswith(_FORM) or key is None:
            raise UnknownKey(f"personal data encrypted with key {name}, which is not among the registry's keys")
        begin = 1 + _ID_BYTES
        try:
            return _cipher(key).decrypt(
                cipher[begin : begin + _NONCE_BYTES], cipher[begin + _NONCE_BYTES :], context.encode()
            )
        except InvalidTag:
            raise UnknownKey(f"personal data do not fit key {name} and their place ({context.split(':')[0]})") from None


@lru_cache(maxsize=16)
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


def _is_credential(path: Path) -> bool:
    """Whether systemd keeps the file for this unit alone (LoadCredential=). Its folder is closed to others; the file's
    mode shows the mask of an access control list, and looks as if a group might read it."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and Path(folder or "").resolve() in path.resolve().parents
