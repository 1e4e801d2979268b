"""Recognisers by their definition: regular expressions over the recogniser view of a text.

docs/recognisers.md explains each; the expressions there and here are the same (a test compares them).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import regex

from fairpost.engine.folds import DEFAULT, fold
from fairpost.engine.vocabulary import RECOGNISERS

__all__ = ["ALTERNATIVES", "FRAGMENTS", "VIEW", "recognise"]

VIEW = DEFAULT - {"separators"}

FRAGMENTS = {
    # numbers and money
    "NUMBER": r"(?>(?:[0-9]{1,3}(?:,[0-9]{3}(?![0-9])){1,3}|[0-9]{1,8}(?![0-9]))(?:\.[0-9]{1,4}(?![0-9]))?)",
    "ALONE": r"(?<![0-9])(?<![0-9]\.)",
    "TIMES": r"(?:[百千万亿]{1,2}|[wk](?![a-z]))?+",
    "HAN": r"[零一二三四五六七八九十百千万两]",
    # contacts
    "FILL": r"""[ :号码是为加我+,.~=>→⇒👉☞("'“”\[【「*-]""",
    "NOT_A_COUNT": r"(?![0-9a-z%元块万亿人个名位粉])",
    "NUMERAL": r"[零一二三四五六七八九]",
    "MIXED": r"[0-9零一二三四五六七八九]",
    "HAS_DIGIT": r"(?<=[0-9][零一二三四五六七八九]{0,10})",
    "MARK": r"(?:[a-z0-9_-]|{NUMERAL}(?={NUMERAL}{0,3}[0-9_-]))",
    "ID": (
        # Said to be an id (`微信号: abcdef`), or an id by its look (`微信 abc123`), or a number.
        r"(?:(?={FILL}{0,5}[:号是=>→⇒👉☞]){FILL}{0,6}+[a-z]{MARK}{5,19}+(?!{MARK})"
        r"|{FILL}{0,6}+(?=[a-z]+[0-9_-])[a-z]{MARK}{5,19}+(?!{MARK})"
        r"|{FILL}{0,6}+{ACCOUNT})"
    ),
    "ACCOUNT": (
        r"(?:[1-9一二三四五六七八九]{MIXED}{4,10}+{HAS_DIGIT}{NOT_A_COUNT}(?!{HAN})"
        r"|[1-9][0-9]{4,10}+{NOT_A_COUNT})"
    ),
    "JOIN": r"[ .*_+~·❤-]",
    "GAP": r"[ .·–—-]",
    "STEP": r"[ .·–—_*~-]",
    # names of machines
    "LABEL": r"[a-z0-9][a-z0-9-]{0,62}+",
    "NAME_START": r"(?<![a-z0-9@_])(?<![a-z0-9][.-])",
    "PATH": r"(?::[0-9]{2,5}+(?![0-9]))?+(?:/(?:[a-z0-9._~:/?#@&=%+$-]{0,2000}[a-z0-9/_~=#&%+$-])?)?+",
    "TOP": r"(?:com|cn|net|org|cc|top|xyz|vip|shop|store|club|site|online|info|ltd|mobi|wang|ren|biz|asia|hk|tw|icu)",
    "TOP_WITH_PATH": r"(?:me|io|co|tv|app|live|link|pro|fun|work|wiki)",
}

ALTERNATIVES: dict[str, tuple[str, ...]] = {
    "contact.wechat": (
        r"[微薇威徽维]{JOIN}?[信芯]{ID}",
        r"(?<![a-z0-9])[vw]{JOIN}?[信芯]{ID}",
        r"(?<![a-z0-9])(?:vx|wx|weixin|wechat){ID}",
        r"加我?[v微薇](?!ip){ID}",
        r"\+v(?!ip){ID}",
        r"(?<![a-z0-9])v(?=[:号]){ID}",
        r"[微薇](?=[:号]){ID}",
    ),
    "contact.phone": (
        r"(?<![0-9])(?:(?:\+?86|0086){GAP}?)?1[3-9][0-9]{GAP}?[0-9]{4}{GAP}?[0-9]{4}(?![0-9])",
        r"(?<![0-9])(?<!{HAN})[1一][3-9三四五六七八九]{MIXED}{9}{HAS_DIGIT}(?![0-9])(?!{HAN})",
        r"(?<![0-9])(?<![0-9]{STEP})1{STEP}[3-9](?:{STEP}[0-9]){9}(?!{STEP}?[0-9])",
        r"(?<![0-9])[48]00[ -]?(?:[0-9]{3}[ -]?[0-9]{4}|[0-9]{4}[ -]?[0-9]{3})(?![0-9])",
        r"(?<![0-9])(?:\(0(?:10|2[0-9]|[3-9][0-9]{2})\)[ -]?|0(?:10|2[0-9]|[3-9][0-9]{2}) ?[–—-] ?)[0-9]{7,8}(?![0-9])",
    ),
    "contact.qq": (r"(?:(?<![a-z0-9])q[q扣叩]?|[扣叩]{2}|企鹅)(?:{FILL}|群){0,6}+{ACCOUNT}",),
    "contact.url": (
        r"https?://[a-z0-9](?:[a-z0-9._~:/?#@&=%+$-]{0,2000}[a-z0-9/_~=#&%+$-])?",
        r"{NAME_START}www(?:\.{LABEL}){1,6}+(?!@){PATH}",
        r"{NAME_START}(?:{LABEL}\.){1,6}(?:{TOP}|{TOP_WITH_PATH}(?=/))(?![a-z0-9@_-])(?!\.[a-z0-9]){PATH}",
    ),
    "contact.email": (
        r"(?<![a-z0-9])(?<![a-z0-9][._%+-])[a-z0-9][a-z0-9._%+-]{0,63}+@(?:{LABEL}\.){1,5}[a-z]{2,24}(?![a-z0-9-])",
    ),
    "price": (
        r"[¥$€£₩] {0,2}+{NUMBER}{TIMES}",
        r"(?<![a-z])(?:rmb|cny|usd|hkd)[ :]{0,2}+{NUMBER}{TIMES}",
        r"{ALONE}{NUMBER} ?+{TIMES}[多余来]?+ ?+(?:元(?![旦宵素件月气])|块(?!头)钱?+"
        r"|[美港日欧韩]元|美金|港币|英镑|人民币|刀"
        r"|(?:rmb|cny|usd|hkd|yuan|dollars?+)(?![a-z]))",
        r"{ALONE}{NUMBER}元? ?/ ?[件斤盒瓶个只条箱包袋套双张份支罐片粒组本台克对串桶提]",
        r"(?:[原现特售单定底进]|批发|代理|零售|活动|优惠|秒杀|团购|到手|拿货|一口|直播|专柜|会员|拼团|成本|市场)价"
        r"[ :为是仅只才需要¥]{0,4}+{NUMBER}{TIMES}(?![%‰折年月日天个件号点])",
        r"(?<!{HAN}){HAN}{1,8}+(?:块钱|元(?![旦宵素件月气论化次二三里桥]))",
    ),
    "percent": (
        r"{ALONE}[0-9]{1,8}+(?:\.[0-9]{1,4}(?![0-9]))?+ ?[%‰]",
        r"百分之(?:{HAN}{1,8}+(?:点{HAN}{1,6}+)?+|[0-9]{1,8}+(?:\.[0-9]{1,4}(?![0-9]))?+)",
        r"百分百",
    ),
}
"""By recogniser: its alternatives. At each position the longest alternative that matches is taken."""


def expand(expression: str) -> str:
    """Fill in the fragments; `{2}`, `{1,3}` are repetitions and stay."""
    while True:
        filled = regex.sub(r"\{([A-Z_]+)\}", lambda m: FRAGMENTS[m[1]], expression)
        if filled == expression:
            return expression
        expression = filled


@cache
def compiled(name: str) -> tuple[regex.Pattern[str], tuple[regex.Pattern[str], ...]]:
    each = [expand(a) for a in ALTERNATIVES[name]]
    return regex.compile("|".join(f"(?:{e})" for e in each)), tuple(regex.compile(e) for e in each)


@dataclass(frozen=True)
class Recognised:
    """begin, end: code points of the original text."""

    recogniser: str
    begin: int
    end: int


def recognise(text: str) -> list[Recognised]:
    """All recognisers' hits in one text: leftmost, then longest, not overlapping within one recogniser."""
    codes, origins = fold(text, VIEW)
    view = "".join(map(chr, codes))
    found = []
    for name in RECOGNISERS:
        anywhere, alternatives = compiled(name)
        position = 0
        while (leftmost := anywhere.search(view, position)) is not None:
            begin = leftmost.start()
            end = max(m.end() for a in alternatives if (m := a.match(view, begin)) is not None)
            found.append(Recognised(name, origins[begin], origins[end - 1] + 1))
            position = end
    return found
