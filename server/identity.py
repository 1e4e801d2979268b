"""Identity numbers and credit codes: validation, masking and the keyed hash.

A clear identity number lives only as long as the request that brings it. The store gets `HMAC-SHA256(key, number)`,
by which a person who registers again can be recognised, and a masked form for people. The key lies beside the
database; whoever has both can find numbers by trying, since there are only some 10^13 of them. Encryption at rest
and keys from elsewhere come later.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
from typing import TYPE_CHECKING

from stdnum import numdb
from stdnum.cn import ric, uscc
from stdnum.exceptions import ValidationError

from fairpost.engine.dates import today
from fairpost.server.files import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["IdentityKey", "KeyFileError", "credit_code_fault", "identity_number_fault", "masked"]

_KEY_BYTES = 32
_USCC_LETTERS = "0-9 and A-Z without I, O, S, V and Z"


class KeyFileError(Exception):
    """The key file cannot be used; the message says what to do."""


class IdentityKey:
    """The key of the hashes. Made on first use; losing it means that known persons are no longer recognised."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def open(cls, path: Path) -> IdentityKey:
        """Read the key, or make one with mode 0600.

        Raises:
            KeyFileError: the file is of the wrong size or readable by others.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            sync_folder(path.parent)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeyFileError(f"{path}: others may read this key; run: chmod 600 {path}")
        secret = path.read_bytes()
        if len(secret) != _KEY_BYTES:
            raise KeyFileError(f"{path}: has {len(secret)} bytes, a key has {_KEY_BYTES}; restore it from a backup")
        return cls(secret)

    def hash(self, content: bytes) -> bytes:
        """32 bytes; equal for equal content, and without the key as good as random."""
        return hmac.new(self._secret, content, hashlib.sha256).digest()

    def hash_number(self, number: str) -> bytes:
        return self.hash(b"identity-number\0" + ric.compact(number).encode())


def masked(number: str) -> str:
    """First and last character, as in 1****************X; the birth date and the place stay hidden."""
    compact = ric.compact(number)
    return f"{compact[0]}{'*' * (len(compact) - 2)}{compact[-1]}"


def identity_number_fault(number: str) -> str | None:
    """What is wrong with an identity number (GB 11643, MOD 11-2), without quoting it; None if nothing is.

    python-stdnum's `validate` also wants the county code to have existed in the year of birth. Numbers have been
    given out since 1984, to people of all ages, so that refuses true ones (the standard's own example
    440524188001010014); here the code must have existed at any time.
    """
    compact = ric.compact(number)
    if len(compact) != 18:
        return f"has {len(compact)} characters; an identity number has 18"
    if not re.fullmatch(r"[0-9]{17}[0-9X]", compact, re.ASCII):
        return "must be 17 digits followed by a digit or X"
    if compact[-1] != ric.calc_check_digit(compact):
        return "the last character does not fit the others (GB 11643, MOD 11-2); was one misread?"
    try:
        born = ric.get_birth_date(compact)
    except ValidationError:
        born = None
    if born is None or born > today():
        return "characters 7 to 14 must be a date of birth (YYYYMMDD)"
    if not any(found for _, found in numdb.get("cn/loc").info(compact[:6])):
        return "the first six digits are no county code that was ever assigned"
    return None


def credit_code_fault(code: str) -> str | None:
    """What is wrong with a unified social credit code (GB 32100-2015); None if nothing is. The code is public."""
    compact = uscc.compact(code)
    if len(compact) != 18:
        return f"has {len(compact)} characters; a unified social credit code has 18"
    for position, character in enumerate(compact, 1):
        if position <= 8 and not re.fullmatch(r"[0-9]", character, re.ASCII):
            return f"character {position} is {character!r}; the first eight are digits"
        if not re.fullmatch(r"[0-9A-HJ-NP-RTUWXY]", character, re.ASCII):
            return f"character {position} is {character!r}; allowed are {_USCC_LETTERS}"
    right = uscc.calc_check_digit(compact[:17])
    if compact[-1] != right:
        return f"ends with {compact[-1]!r}; after these 17 characters the check character is {right!r} (GB 32100-2015)"
    return None
