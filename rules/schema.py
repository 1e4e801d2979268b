"""The shape of packs, laws and policy: one set of pydantic models for checking and for the JSON Schema.

These models know shapes, numbers and words of `fairpost.engine.vocabulary`. What needs more than one
file (lists, rules and laws that are named somewhere) is checked in `resolve`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from fairpost.engine import vocabulary

from .problems import known

__all__ = [
    "BROKEN",
    "FILES",
    "NAME",
    "ArticleVersion",
    "CaseModel",
    "Effective",
    "GroupModel",
    "LawModel",
    "LawsFile",
    "ListModel",
    "Model",
    "PackFile",
    "PolicyFile",
    "RuleModel",
    "SellerModel",
    "Thresholds",
    "json_schema",
]

BROKEN: Final = "\ufdd0"
"""Stands for a word that was reported as wrong already, so that the rest is still checked."""

FOLDS: Final = ("default", *vocabulary.FOLD_CLASSES)
ACTIONS: Final = tuple(action.name for action in vocabulary.Action if action)
NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")


def _one_of(what: str, choices: Sequence[str]) -> tuple[AfterValidator, WithJsonSchema]:
    def check(word: str) -> str:
        if word != BROKEN and word not in choices:
            raise PydanticCustomError("unknown_word", "{message}", {"message": known(what, word, choices)})
        return word

    return AfterValidator(check), WithJsonSchema({"type": "string", "enum": list(choices)})


def _matching(what: str, pattern: re.Pattern[str], form: str) -> tuple[AfterValidator, WithJsonSchema]:
    def check(word: str) -> str:
        if word != BROKEN and not pattern.fullmatch(word):
            raise PydanticCustomError(
                "bad_name", "{what} {word} must be {form}", {"what": what, "word": repr(word), "form": form}
            )
        return word

    return AfterValidator(check), WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern.pattern})$"})


def _parse_date(value: Any) -> Any:
    """Dates are written YYYY-MM-DD and nothing else: pydantic alone would take seconds since 1970."""
    if value is None or isinstance(value, datetime.date):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return datetime.date.fromisoformat(value)
        reason = ""
    except ValueError as error:
        reason = f" ({error})"
    raise PydanticCustomError(
        "bad_date",
        "{word} is not a date{reason}; write YYYY-MM-DD, such as 2015-09-01",
        {"word": repr(value), "reason": reason},
    )


def _list_form(value: Any) -> Any:
    return {"words": value} if isinstance(value, list) else value


def _case_form(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


Word = Annotated[str, WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""Any scalar, as it is written: `- 100` is the word 100."""
Name = Annotated[str, *_matching("name", NAME, "lower-case letters, digits and single dashes, starting with a letter")]
Category = Annotated[str, *_one_of("category", vocabulary.CATEGORIES)]
Severity = Annotated[str, *_one_of("severity", vocabulary.SEVERITIES)]
Mode = Annotated[str, *_one_of("mode", vocabulary.MODES)]
Fold = Annotated[str, *_one_of("fold class", FOLDS)]
Licence = Annotated[str, *_one_of("licence", vocabulary.LICENCES)]
Date = Annotated[datetime.date, BeforeValidator(_parse_date), WithJsonSchema({"type": "string", "format": "date"})]
Fraction = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Weight = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)


class Texts(Model):
    """One text in Chinese and in English."""

    zh: Annotated[Word, Field(min_length=1)]
    en: Annotated[Word, Field(min_length=1)]


class ListModel(Model):
    """A named list of words; each word is one pattern."""

    words: list[Word] | None = None
    """The words, in the pack."""
    file: str | None = None
    """The words, in a file beside the pack: one a line, `#` starts a comment."""
    fold: list[Fold] | None = None
    """What differences of writing the list looks through; without it what the pack says."""
    word_boundaries: bool = True
    """Latin letters and digits at a pattern's ends must not go on outside it."""
    allow: list[Word] = Field(default=[])
    """Longer words that are harmless: a hit inside one of them does not count."""


_List = Annotated[ListModel, BeforeValidator(_list_form, json_schema_input_type=ListModel | list[Word])]


class GroupModel(Model):
    """A group of rules whose weights together never count for more than `cap`."""

    cap: Weight


class Effective(Model):
    """The days on which a rule is in force: `from` is the first, `until` the first that is not."""

    from_: Date | None = Field(default=None, alias="from")
    until: Date | None = None


class SellerModel(Model):
    """A seller's standing, as far as a case needs it."""

    registration: Annotated[str, *_one_of("registration", vocabulary.REGISTRATION)] = "active"
    licences: list[Licence] = Field(default=[])
    listing: Annotated[str, *_one_of("listing", vocabulary.LISTING)] = "none"
    enforcement: Annotated[str, *_one_of("enforcement", vocabulary.ENFORCEMENT)] = "none"
    strikes: dict[Category, Annotated[int, Field(ge=0, le=255)]] = Field(default={})
    tenure_days: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0


def _seller_kind(value: Any) -> str:
    return "word" if isinstance(value, str) else "standing"


_SellerWord = Annotated[str, *_one_of("seller", ("unknown", "unavailable"))]
_Seller = Annotated[
    Annotated[SellerModel, Tag("standing")] | Annotated[_SellerWord, Tag("word")], Discriminator(_seller_kind)
]


class CaseModel(Model):
    """One text on which a rule must fire (`match`) or must not (`pass`)."""

    text: Annotated[Word, Field(min_length=1)]
    seller: _Seller | None = None
    """Standing of the seller; `unknown`: the registry does not know him; `unavailable`: it cannot answer."""
    channel: str | None = None
    language: str | None = None
    date: Date | None = None
    extra_texts: list[Annotated[Word, Field(min_length=1)]] = Field(default=[])
    """Further texts of the post: comments, text read from images."""


Case = Annotated[CaseModel, BeforeValidator(_case_form, json_schema_input_type=CaseModel | Word)]


class CasesModel(Model):
    """The texts that prove a rule."""

    match: list[Case] = Field(default=[])
    pass_: list[Case] = Field(default=[], alias="pass")


class RuleModel(Model):
    """One rule: when it fires, what it weighs, the law it rests on, and the cases that prove it."""

    id: Annotated[
        str,
        *_matching(
            "rule id",
            re.compile(r"[a-z][a-z0-9_-]*\.[a-z0-9][a-z0-9_.-]*"),
            "PACK.NAME in lower-case letters, digits, dashes and dots",
        ),
    ]
    category: Category
    severity: Severity
    weight: Weight
    when: str
    unless: str | None = None
    group: str | None = None
    basis: list[str] = Field(default=[])
    effective: Effective = Field(default=Effective())
    mode: Mode = "enforce"
    message: Texts | None = None
    cases: CasesModel | None = None
    floor: Fraction | None = None
    """Share of its match cases, mutated by one kind of evasion each, that the rule must still find."""


class PackFile(Model):
    """A rule pack."""

    pack: Name
    description: Texts | None = None
    fold: list[Fold] = Field(default=["default"])
    """What the lists look through that say nothing themselves."""
    allow: list[Word] = Field(default=[])
    lists: dict[str, _List] = Field(default={})
    conditions: dict[str, Word] = Field(default={})
    """Conditions under a name, `name` or `name(x, y)` with lists as parameters; all packs may use them."""
    groups: dict[str, GroupModel] = Field(default={})
    floor: Fraction | None = None
    """The floor of the pack's rules that have none of their own."""
    rules: list[RuleModel] = Field(default=[])
    cases: dict[str, CasesModel] = Field(default={})
    """Further cases, by the id of a rule of any pack: those of appeals, say."""


class ArticleVersion(Model):
    """An article of a law as it is in force from a day (`until`: the first day on which it is not)."""

    cite: Texts
    from_: Date = Field(alias="from")
    until: Date | None = None
    summary: Texts | None = None
    """What it says, in our own words."""
    successor: str | None = None
    """`law-id/article-id` of what replaces it."""


class LawModel(Model):
    title: Texts
    source: Word
    """Who issued it."""
    articles: dict[str, Annotated[list[ArticleVersion], Field(min_length=1)]]


class LawsFile(Model):
    """The laws that rules may cite."""

    laws: dict[str, LawModel]


class Thresholds(Model):
    """Smallest score of a category from which each action is taken; an action left out is never taken."""

    LIMIT: Weight | None = None
    REVIEW: Weight | None = None
    SHIELD: Weight | None = None
    BLOCK: Weight | None = None


class SeverityWeights(Model):
    """What a label's severity counts for in `risk`."""

    low: Fraction
    medium: Fraction
    high: Fraction
    critical: Fraction


_Amount = Annotated[float, Field(ge=0.0, le=100.0, allow_inf_nan=False)]


class Exposure(Model):
    """How much a post is displayed: 0 not at all, 1 as usual, above 1 more than usual."""

    limit: Fraction
    review: Fraction
    unregistered: Fraction
    clean: _Amount
    per_year: _Amount
    per_strike: _Amount
    per_complaint: _Amount = 0.0
    clean_risk: Fraction = 0.0
    floor: Fraction = 0.5
    max: _Amount
    commerce: Fraction


Logit = Annotated[float, Field(ge=-100.0, le=100.0, allow_inf_nan=False)]


class PolicyFile(Model):
    """How scores become actions."""

    policy: Name
    severity_weights: SeverityWeights
    categories: dict[Category, Texts]
    channels: list[Name] = Field(default=[])
    thresholds: dict[str, dict[Category, Thresholds]]
    examined_from: Logit | None = None
    exposure: Exposure


FILES: Final[dict[str, type[Model]]] = {"pack": PackFile, "laws": LawsFile, "policy": PolicyFile}


def json_schema(kind: Literal["any", "pack", "laws", "policy"] = "any") -> dict[str, Any]:
    """JSON Schema (2020-12) for editors; `any` takes the three kinds of file, told apart by their first key."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    if kind != "any":
        return dialect | TypeAdapter(FILES[kind]).json_schema(by_alias=True)
    definitions: dict[str, Any] = {}
    for model in FILES.values():
        schema = TypeAdapter(model).json_schema(by_alias=True)
        definitions |= schema.pop("$defs", {})
        definitions[model.__name__] = schema
    choices = [{"$ref": f"#/$defs/{model.__name__}"} for model in FILES.values()]
    return dialect | {
        "title": "fairpost rule sources",
        "oneOf": choices,
        "$defs": dict(sorted(definitions.items())),
    }
