"""Identity numbers and unified social credit codes: validation and masking (python-stdnum)."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from operator import mul

from stdnum import numdb
from stdnum.cn import ric, uscc

from fairpost.engine.dates import today

__all__ = ["compact_credit_code", "compact_identity_number", "credit_code_fault", "identity_number_fault", "masked"]

_NUMBER = re.compile(r"[0-9]{17}[0-9X]", re.ASCII)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_CODE = re.compile(r"[0-9]{8}[0-9A-HJ-NP-RTUWXY]{10}", re.ASCII)
_USCC_LETTERS = "0-9 and A-Z without I, O, S, V and Z"


def compact_identity_number(number: str) -> str:
    """Without separators, in capitals."""
    # Nearly all come like this; python-stdnum goes over every character's Unicode name.
    return number.upper() if number.isascii() and number.isalnum() else str(ric.compact(number))


def compact_credit_code(code: str) -> str:
    """Without separators, in capitals."""
    return code.upper() if code.isascii() and code.isalnum() else str(uscc.compact(code))


def masked(number: str) -> str:
    """First and last character, as in 1****************X; the birth date and the place stay hidden."""
    compact = compact_identity_number(number)
    return f"{compact[0]}{'*' * (len(compact) - 2)}{compact[-1]}"


def identity_number_fault(number: str) -> str | None:
    """What is wrong with an identity number (GB 11643, MOD 11-2), without quoting it; None if nothing is.

    python-stdnum's `validate` also wants the county code to have existed in the year of birth. Numbers have been
    given out since 1984, to people of all ages, so that refuses true ones (the standard's own example
    440524188001010014); here the code must have existed at any time.
    """
    compact = compact_identity_number(number)
    if len(compact) != 18:
        return f"has {len(compact)} characters; an identity number has 18"
    if not _NUMBER.fullmatch(compact):
        return "must be 17 digits followed by a digit or X"
    if compact[-1] != _check_character(compact):
        return "the last character does not fit the others (GB 11643, MOD 11-2); was one misread?"
    try:
        born = date(int(compact[6:10]), int(compact[10:12]), int(compact[12:14]))
    except ValueError:
        born = None
    if born is None or born > today():
        return "characters 7 to 14 must be a date of birth (YYYYMMDD)"
    if not _is_county(compact[:6]):
        return "the first six digits are no county code that was ever assigned"
    return None


def credit_code_fault(code: str) -> str | None:
    """What is wrong with a unified social credit code (GB 32100-2015); None if nothing is. The code is public."""
    compact = compact_credit_code(code)
    if len(compact) != 18:
        return f"has {len(compact)} characters; a unified social credit code has 18"
    for position, character in enumerate("" if _CODE.fullmatch(compact) else compact, 1):
        if position <= 8 and not re.fullmatch(r"[0-9]", character, re.ASCII):
            return f"character {position} is {character!r}; the first eight are digits"
        if not re.fullmatch(r"[0-9A-HJ-NP-RTUWXY]", character, re.ASCII):
            return f"character {position} is {character!r}; allowed are {_USCC_LETTERS}"
    right = uscc.calc_check_digit(compact[:17])
    if compact[-1] != right:
        return f"ends with {compact[-1]!r}; after these 17 characters the check character is {right!r} (GB 32100-2015)"
    return None


def _check_character(number: str) -> str:
    """ISO 7064, MOD 11-2, of the first 17 digits: as ric.calc_check_digit, which cleans the number once more."""
    return _CHECK[sum(map(mul, _WEIGHTS, map(int, number[:17]))) % 11]


@lru_cache(maxsize=10_000)
def _is_county(code: str) -> bool:
    """Whether six digits were ever the code of a county (GB/T 2260)."""
    return any(found for _, found in numdb.get("cn/loc").info(code))
