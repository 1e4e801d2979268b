"""Hypothesis strategies: texts in which something is found, patterns, rule sources, sellers."""

from __future__ import annotations

import datetime
import os
import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from fairpost.engine import vocabulary as v
from fairpost.engine.folds import DEFAULT, EVASION
from fairpost.engine.model import TextModel
from fairpost.engine.regular import InvalidRegular, compile_regular
from fairpost.rules import expression as e
from fairpost.rules.source import ListSource, RuleSource, Source

from .conditions import Seller
from .matching import Pattern
from .sample import EXPOSURE
from .sources import policy, rule_of, source_of

__all__ = [
    "VECTOR_PIECES",
    "contacts",
    "dense",
    "examples",
    "pattern_sets",
    "posts",
    "random_model",
    "sellers",
    "sources",
    "texts",
    "thinned",
    "weighted",
    "words",
]

# Few characters, so that patterns hit, repeat and overlap; each stands for a kind of character.
COMMON = "最好好ab1 ，。"
KINDS = (
    "AＡⓐ𝐚áв"  # letters of several styles
    "①２²壹一"  # digits
    "㎏㎡ﬁßガｶﾞ½"  # several symbols
    "後后國"  # scripts
    "\u200b\ufe0f\u0301\u20e3"  # dropped: format, selector, marks
    "、！\n-❤😀…"  # dropped: separators, among them delimiters
    "\ue000\ufffe\u0378\x00𠮷"  # the odd ones
)
# For texts that are drawn by `random`: words that patterns know, and characters of every kind and length.
VECTOR_PIECES = [
    *"012abcv vx。，！ \n\u200b",
    *(
        "最好",
        "根治",
        "糖尿病",
        "100%",
        "包邮",
        "根治疗法",
        "加",
        "微信",
        "ﷺ",
        "㎏",
        "㌀",
        "ガ",
        "ｶﾞ",
        "㈱",
        "é",
        "ß",
        "①",
        "𝟐",
        "𠀀",
        "😀",
        "🇦",
        "痊鱼",
        "quan yu",
        "药dao病厨",
        "氵台",
        "💊到疒丙除",
        "药到疒",
    ),
]


def weighted(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of the strategies, each as often as its weight says (one_of joins equal ones and knows no weights)."""
    table = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.integers(0, len(table) - 1).flatmap(table.__getitem__)


characters = st.one_of(
    st.sampled_from(COMMON),
    st.sampled_from(COMMON + KINDS),
)
anything = st.characters(exclude_categories=["Cs"])
texts = st.one_of(
    st.text(characters, max_size=40),
    st.text(st.one_of(characters, anything), max_size=20),
)
words = st.one_of(
    st.text(st.sampled_from("最好ab1"), min_size=1, max_size=3), st.text(characters, min_size=1, max_size=5)
)

some_classes = st.frozensets(st.sampled_from(sorted(DEFAULT)))
fold_sets = st.one_of(st.just(DEFAULT), st.just(DEFAULT | {"repeat"}), st.just(DEFAULT), some_classes)


# Regular patterns, of the whole grammar; most have an anchor, `compiles` keeps those.
_symbols = st.sampled_from("最好好ab1AＡ①國㎏")
_members = st.one_of(st.sampled_from("最好aB1國"), st.sampled_from(["a-c", "最-朁", "0-9", "\\d", "A-b"]))
_classes = st.builds(
    lambda negated, members: f"[{negated}{''.join(members)}]",
    st.sampled_from(["", "", "^"]),
    st.lists(_members, min_size=1, max_size=3),
)
_atoms = weighted((5, _symbols), (2, _classes), (2, st.just(".")), (1, st.just("\\d")))
_repeats = st.sampled_from(["", "", "", "", "?", "?", "{2}", "{1,3}", "{,2}", "{0,4}", "{2,3}"])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    sequence = st.lists(st.tuples(inner, _repeats).map("".join), min_size=1, max_size=4).map("".join)
    return st.builds(
        lambda group, alternatives: f"{group}{'|'.join(alternatives)})",
        st.sampled_from(["(", "(?:"]),
        st.lists(sequence, min_size=1, max_size=3),
    )


_nested = st.recursive(_atoms, _larger, max_leaves=10)
_pieces = st.one_of(st.tuples(_atoms, _repeats), st.tuples(_nested, _repeats)).map("".join)
regular_texts = st.lists(_pieces, min_size=1, max_size=5).map("".join)


def sample_match(pattern: Pattern, chance: random.Random) -> str:
    """A folded text that the regular pattern matches, or nearly (it may be left at any symbol)."""
    automaton = compile_regular(pattern.text[1:-1])
    active = automaton.first
    out: list[str] = []
    while active and len(out) < 60:
        states = [k for k in range(len(automaton.symbols)) if active >> k & 1]
        state = chance.choice(states)
        symbols = automaton.symbols[state]
        out.append(chance.choice([c for c in "最好ab1k国0cz" if ord(c) in symbols] or ["x"]))
        if automaton.last >> state & 1 and chance.random() < 0.4:
            break
        active = automaton.chain >> state & 1 and 1 << (state + 1)
        for before, others in automaton.branches:
            active |= others if before >> state & 1 else 0
    return "".join(out)


@st.composite
def with_matches(draw: st.DrawFn, pattern: Pattern) -> str:
    """Texts made of matches of a regular pattern and what stands between them."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    parts = draw(st.lists(st.one_of(st.none(), st.none(), st.text(characters, max_size=4)), min_size=1, max_size=6))
    return "".join(sample_match(pattern, chance) if part is None else part for part in parts)


def compiles(text: str) -> bool:
    try:
        compile_regular(text)
    except InvalidRegular:
        return False
    return True


regular_patterns = st.builds(
    lambda text, edges: Pattern(f"/{text}/", DEFAULT, edges), regular_texts.filter(compiles), st.booleans()
)


def _legal(pattern: Pattern) -> bool:
    """Patterns that the compiler takes: something must be left of them after the default fold."""
    return bool(Pattern(pattern.text, DEFAULT).folded)


# For conditions: words out of which the texts are made, so that lists hit often, near and far, across delimiters.
VOCABULARY = ("最", "好", "最好", "最好了", "a", "ab", "b", "12", "1", "国家", "國", "好国", "kg", "a1")
TOKENS = (*VOCABULARY, *"很是Ａ①㎏，，。、 \n❤\u200b", " ", "、", "最最", "9元", "5%", *'“”「」"', "“最好”", "”“")
dense = st.lists(st.sampled_from(TOKENS), min_size=3, max_size=25).map("".join)

patterns = st.builds(Pattern, words, fold_sets, st.booleans()).filter(_legal)
pattern_sets = st.lists(weighted((5, patterns), (1, regular_patterns)), min_size=1, max_size=8)

# Pieces of contacts and prices: put together at random they make and break what the recognisers know.
PIECES = (Path(__file__).parents[1] / "data" / "contact_pieces.txt").read_text("utf-8").split()
contacts = st.lists(st.sampled_from([*PIECES, " ", "\n", "\u3000", "\u200b", "\ufe0f"]), max_size=14).map("".join)

_standings = st.builds(
    Seller,
    answer=st.none(),
    licences=st.frozensets(st.sampled_from(v.LICENCES), max_size=3),
    tenure_days=st.sampled_from([0, 30, 365, 900, 5000]),
    registration=st.sampled_from(["active"] * 8 + list(v.REGISTRATION)),
    enforcement=st.sampled_from(["none"] * 4 + list(v.ENFORCEMENT)),
    listing=st.sampled_from(["none"] * 4 + list(v.LISTING)),
    strikes=st.dictionaries(st.sampled_from(v.CATEGORIES[1:5]), st.integers(1, 5), max_size=2).map(
        lambda counts: tuple(sorted(counts.items()))
    ),
    complaints=st.sampled_from([0, 0, 1, 7, 255]),
)
sellers = weighted(
    (3, _standings),
    (1, st.sampled_from([v.SELLER_NONE, v.SELLER_NOT_FOUND, v.SELLER_UNAVAILABLE]).map(Seller)),
)

NAMES = ("a.one", "a.two", "b.three")
CHANNELS = ("moments", "group-chat")
LANGUAGES = ("zh", "en")
SCORED = ("COMMERCE", "ABSOLUTE", "MEDICAL", "DIVERT")
comparisons = st.sampled_from(e.COMPARISONS)


@cache
def _conditions(
    names: tuple[str, ...], earlier: tuple[str, ...], commerce: bool, model: bool
) -> st.SearchStrategy[e.Node]:
    """Conditions over these lists; `earlier`: rules that may be named; `commerce`, `model`: whether it may be read."""
    name = weighted((9, st.sampled_from(names)), (1, st.sampled_from(["price", "percent", "contact.phone"])))
    distance = st.sampled_from([0, 0, 1, 1, 2, 3, 5, 8])
    operand = weighted(
        (6, st.builds(e.Operand, name)),
        (2, st.builds(e.Operand, name, name, distance)),
        (1, st.builds(e.Operand, name, st.none(), st.just(0), st.just(True))),
        (1, st.builds(e.Operand, name, name, distance, st.just(True))),
    )
    of_hits: list[st.SearchStrategy[e.Node]] = [
        st.builds(e.Any, operand),
        st.builds(e.Count, operand, st.booleans(), comparisons, st.integers(0, 4)),
        st.builds(e.Near, operand, operand, distance),
        st.builds(e.Before, operand, operand, distance),
    ]
    of_facts: list[st.SearchStrategy[e.Node]] = [
        st.sampled_from([e.Registered(), e.Unregistered(), e.Unavailable()]),
        st.builds(e.Licence, st.sampled_from(v.LICENCES[:3])),
        st.builds(e.Strikes, st.one_of(st.none(), st.sampled_from(v.CATEGORIES[1:5])), comparisons, st.integers(0, 5)),
        st.builds(e.Tenure, comparisons, st.sampled_from([0, 30, 900])),
        st.builds(e.Enforcement, comparisons, st.sampled_from(v.ENFORCEMENT)),
        st.builds(e.Listing, comparisons, st.sampled_from(v.LISTING)),
        st.builds(e.Channel, st.sampled_from(CHANNELS)),
        st.builds(e.Language, st.sampled_from(LANGUAGES)),
    ]
    if earlier:
        of_facts += [st.builds(e.RuleFired, st.sampled_from(earlier))] * 4
    if commerce:
        of_facts += [st.builds(e.Commerce, comparisons, st.sampled_from([0.0, 0.3, 0.4, 0.58, 0.9]))] * 4
    if model:
        of_facts += [st.builds(e.Model, comparisons, st.sampled_from([-2.5, -0.5, 0.0, 0.1, 0.75, 3.0]))] * 4
    leaf = weighted((3, st.one_of(of_hits)), (1, st.one_of(of_facts)))
    several = st.lists(weighted((4, leaf), (1, st.builds(e.Not, leaf))), min_size=2, max_size=3).map(tuple)
    joint = weighted((1, st.builds(e.And, several)), (1, st.builds(e.Or, several)))
    pair = st.tuples(weighted((2, joint), (1, st.builds(e.Not, joint)), (1, leaf)), leaf)
    return weighted(
        (3, st.one_of(of_hits)), (1, leaf), (4, joint), (1, st.builds(e.And, pair)), (1, st.builds(e.Or, pair))
    )


def _date(day: int | None) -> datetime.date | None:
    return None if day is None else datetime.date(1970, 1, 1) + datetime.timedelta(days=day)


_listed = weighted((5, st.sampled_from(VOCABULARY)), (1, words.filter(lambda word: _legal(Pattern(word, DEFAULT)))))
_listed_words = st.lists(_listed, min_size=1, max_size=4, unique=True).map(tuple)
_allow_word = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=3).map("".join)
_literal_allow_words = st.lists(_allow_word, min_size=1, max_size=2, unique=True).map(tuple)


# Written for the tokens; a list of them takes the default folds.
_regulars = st.sampled_from(
    ["/最.?好/", "/[最很]好{1,2}/", "/a[b1]?/", "/(国|國).{0,3}(家|a)/", r"/\d元/", "/好[^最]{,2}了?/", "/1.?2?/"]
)
_words_and_folds = weighted(
    (
        3,
        st.tuples(
            _listed_words,
            st.sampled_from([DEFAULT, DEFAULT | {"repeat"}, DEFAULT, frozenset({"case", "width"})]),
        ),
    ),
    (
        1,
        st.tuples(
            st.lists(weighted((1, _listed), (1, _regulars)), min_size=1, max_size=4, unique=True).map(tuple),
            st.sampled_from([DEFAULT, DEFAULT | EVASION, DEFAULT | EVASION | {"repeat"}, DEFAULT | {"glyph"}]),
        ),
    ),
)
_allow_words = weighted((3, _literal_allow_words), (1, st.tuples(_regulars)))


_lists = st.tuples(
    *(
        st.builds(
            lambda name, words_and_folds, edges, allows: ListSource(
                name, words_and_folds[0], words_and_folds[1], edges, allows
            ),
            st.just(name),
            _words_and_folds,
            st.booleans(),
            st.sampled_from([("a.one:allow",), ("a:allow",), ("a.one:allow", "a:allow")] if name == "a.one" else [()]),
        )
        for name in NAMES
    ),
    st.builds(ListSource, st.just("a.one:allow"), _allow_words, st.just(DEFAULT), st.booleans()),
    st.builds(ListSource, st.just("a:allow"), _allow_words, st.just(DEFAULT), st.just(True)),
)
_spans = [(None, None), (None, None), (19900, None), (None, 20000), (19000, 20500)]
_rule_fields: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "weight": st.sampled_from([0.1, 0.25, 0.3, 0.5, 0.58, 0.85, 1.0]),
        "severity": st.sampled_from(v.SEVERITIES),
        "mode": st.sampled_from(["enforce", "enforce", "enforce", "shadow"]),
        "group": st.sampled_from([None, None, "a.x", "b.y"]),
    }
)
_policies = st.builds(
    lambda values, commerce: policy(
        {
            "default": {
                name: dict(zip(("LIMIT", "REVIEW", "SHIELD", "BLOCK"), sorted(four), strict=True))
                for name, four in zip(SCORED[1:], values, strict=True)
            },
            "group-chat": {"MEDICAL": {"REVIEW": 0.3}},
        },
        EXPOSURE | {"commerce": commerce},
        channels=CHANNELS,
    ),
    st.tuples(*[st.tuples(*[st.sampled_from([0.1, 0.3, 0.5, 0.58, 0.7, 0.85, 0.95])] * 4)] * (len(SCORED) - 1)),
    st.sampled_from([0.0, 0.3, 0.4]),
)


def random_model(bits: int, scale: float, bias: float) -> TextModel:
    """A model of 2**bits weights of every size."""
    weights = np.random.default_rng(bits).integers(-128, 128, 1 << bits).astype(np.int8)
    return TextModel(weights, scale, bias, length=-bias)


_MODELS = (
    None,
    random_model(8, 0.01, 0.1),
    random_model(13, -0.004, -0.5),
    replace(random_model(9, 0.02, -0.7), signals={}, signal_scale=1.5),
)


@st.composite
def sources(draw: st.DrawFn) -> Source:
    groups = {"a.x": draw(st.sampled_from([0.3, 0.7, 1.0])), "b.y": 0.5}
    model = draw(st.sampled_from(_MODELS))
    rules: list[RuleSource] = []
    for number in range(draw(st.integers(4, 9))):
        category = "COMMERCE" if number < 2 else draw(st.sampled_from(SCORED[1:]))
        earlier = tuple(rule.id for rule in rules if category != "COMMERCE" or rule.category == "COMMERCE")
        begin, end = draw(st.sampled_from(_spans))
        rules.append(
            rule_of(
                f"a.r{number}",
                category,
                draw(_conditions(NAMES, earlier, category != "COMMERCE", model is not None)),
                effective_from=_date(begin),
                effective_until=_date(end),
                **draw(_rule_fields),
            )
        )
    least = draw(
        st.sampled_from([None, None, -1.0, -0.5, 0.0, 0.5])
    )  # most texts of the tests have logits around these
    policy = draw(_policies).model_copy(update={"examined_from": least})
    return source_of(draw(_lists), rules, groups, policy, model)


@st.composite
def posts(draw: st.DrawFn) -> dict[str, Any]:
    text = weighted((30, dense), (3, texts), (3, contacts), (1, st.just("")))
    return {
        "texts": draw(st.lists(text, min_size=1, max_size=2)),
        "seller": draw(sellers),
        "channel": draw(st.sampled_from(["default", *CHANNELS, "elsewhere"])),
        "language": draw(st.sampled_from(["", *LANGUAGES, "fr"])),
        "day": draw(st.sampled_from([19000, 19899, 19900, 19999, 20000, 20500])),
    }


def _times() -> int:
    return int(os.environ.get("FAIRPOST_EXAMPLES", "1"))


def thinned(items: Sequence[Any], step: int) -> Sequence[Any]:
    """Every `step`-th of what a slow reference has to judge; FAIRPOST_EXAMPLES=20 takes twenty times as many."""
    return items[:: max(1, step // _times())]


def examples(count: int) -> settings:
    """The same examples in every run; FAIRPOST_EXAMPLES=20 tries twenty times as many, others each time."""
    times = _times()
    return settings(
        max_examples=count * times,
        derandomize=times == 1,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
