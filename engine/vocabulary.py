"""Words and numbers shared by every part: actions, categories, severities, licences, seller states.

The *position* of a word in its tuple is its number in bundles, in standing records and in verdict
columns. Tuples only grow at their end; `RESERVED` room is stated where a record has a fixed width.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

__all__ = [
    "CATEGORIES",
    "COMMERCE",
    "ENFORCEMENT",
    "FOLD_CLASSES",
    "LICENCES",
    "LISTING",
    "MAX_CATEGORIES",
    "MODES",
    "RECOGNISERS",
    "REGISTRATION",
    "SELLER_NONE",
    "SELLER_NOT_FOUND",
    "SELLER_RECORD_DTYPE",
    "SELLER_UNAVAILABLE",
    "SEVERITIES",
    "SINCE_NEVER",
    "STANDING_DTYPE",
    "UNITS",
    "Action",
    "Status",
]


class Action(IntEnum):
    """What to do with a post, from mild to severe."""

    ALLOW = 0
    LIMIT = 1
    REVIEW = 2
    SHIELD = 3
    BLOCK = 4


class Status(IntEnum):
    """Why a post has no verdict; `OK` where it has one."""

    OK = 0
    INVALID_UTF8 = 1
    EMPTY = 2
    TOO_LONG = 3


MAX_CATEGORIES: Final = 32

CATEGORIES: Final = (
    "COMMERCE",  # a signal, not a violation: its score is the verdict's `commerce`
    "ABSOLUTE",
    "AUTHORITY",
    "MEDICAL",
    "HEALTH_FOOD",
    "COSMETIC",
    "INVESTMENT",
    "EDUCATION",
    "PYRAMID",
    "FALSE_TRADE",
    "DISPARAGE",
    "COUNTERFEIT",
    "BANNED_GOODS",
    "INDUCE",
    "RIGHTS",
    "DISCLOSURE",
    "DIVERT",
    "UNREGISTERED",
    "STANDING",  # commerce by a suspended, shielded or blacklisted seller
)
COMMERCE: Final = 0

SEVERITIES: Final = ("low", "medium", "high", "critical")
MODES: Final = ("enforce", "shadow", "off")

FOLD_CLASSES: Final = (
    *("width", "case", "script", "digits", "letters", "zero-width", "separators"),
    *("repeat", "phonetic", "glyph", "emoji"),
)
"""Fold classes that a list may take; the first seven make up `default`, the others work on top of it."""

RECOGNISERS: Final = (
    "contact.wechat",
    "contact.phone",
    "contact.qq",
    "contact.url",
    "contact.email",
    "price",
    "percent",
)
"""Built-in lists: list id = position. A compiled rule set's own lists follow them."""

UNITS: Final = ("utf8", "utf16", "codepoints")
"""Units of spans: UTF-8 bytes, UTF-16 code units, Unicode code points."""

REGISTRATION: Final = ("draft", "pending", "active", "lapsed", "closed")
ENFORCEMENT: Final = ("none", "warned", "limited", "shielded", "suspended")
LISTING: Final = ("none", "blacklisted", "rehabilitated")

LICENCES: Final = (
    "food",  # 食品经营许可
    "prepackaged-food",  # 仅销售预包装食品备案
    "food-production",  # 食品生产许可, 小作坊登记
    "health-food",  # 保健食品注册或备案
    "cosmetics",  # 化妆品注册或备案
    "drug-retail",  # 药品经营许可
    "medical-device",  # 医疗器械经营许可或备案
    "medical-advertising",  # 医疗、药品、医疗器械、保健食品广告审查
    "medical-institution",  # 医疗机构执业许可
    "education",  # 办学许可
    "finance",  # 金融业务许可
    "direct-selling",  # 直销经营许可
    "publications",  # 出版物经营许可
    "tobacco",  # 烟草专卖零售许可
    "alcohol",  # 酒类经营
    "travel",  # 旅行社业务经营许可
    "brand-authorisation",  # 品牌授权
)
"""Licence scopes; position = bit in `STANDING_DTYPE.licences` (32 at most)."""

SELLER_NONE: Final = -1
SELLER_NOT_FOUND: Final = -2
SELLER_UNAVAILABLE: Final = -3
"""In a `sellers` column, beside rows of the standing table: the post names no seller; the registry
does not know the seller; the registry could not answer. Three different answers, never mixed."""

STANDING_DTYPE: Final = np.dtype(
    [
        ("licences", "<u4"),  # bit = position in LICENCES
        ("tenure_days", "<u4"),  # days since the registration became active
        ("registration", "u1"),  # position in REGISTRATION
        ("enforcement", "u1"),  # position in ENFORCEMENT
        ("listing", "u1"),  # position in LISTING
        ("complaints", "u1"),  # open complaints, saturating
        ("reserved", "<u4"),
        ("strikes", "u1", (MAX_CATEGORIES,)),  # live strikes by category, saturating
    ]
)
"""One seller's standing, 48 bytes, as the engine reads it."""
assert STANDING_DTYPE.itemsize == 48

SINCE_NEVER: Final = -(2**31)
"""`SELLER_RECORD_DTYPE.since_day` of a seller whose registration is not active."""

SELLER_RECORD_DTYPE: Final = np.dtype(
    [
        ("licences", "<u4"),  # bit = position in LICENCES
        ("since_day", "<i4"),  # first day of the active registration, in days since 1970; or SINCE_NEVER
        ("registration", "u1"),  # position in REGISTRATION
        ("enforcement", "u1"),  # position in ENFORCEMENT
        ("listing", "u1"),  # position in LISTING
        ("complaints", "u1"),  # open complaints, saturating
        ("strikes", "u1", (MAX_CATEGORIES,)),  # live strikes by category, saturating
    ]
)
"""One seller's standing, 44 bytes, as a `StandingTable` is told it: without a day, so that it holds from day to day."""
