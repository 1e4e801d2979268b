"""Documents against the models of `schema`: every error with its place, and still a model to go on with.

pydantic reports all errors of one pass but then gives no model. `validate` repairs what was wrong (the
unknown key goes, the bad value becomes a stand-in) and passes again, so that one mistake does not hide
what else is wrong in the file.
"""

from __future__ import annotations

import copy
import difflib
import types
import typing
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .document import Document
from .problems import Problems, known
from .schema import BROKEN, Model

__all__ = ["validate"]

_M = TypeVar("_M", bound=Model)
_PASSES = 12

# Stand-ins for required values that are missing or wrong: valid, and silent in the later checks.
_TEXTS = {"zh": BROKEN, "en": BROKEN}
_STAND_INS: dict[str, Any] = {
    "id": BROKEN,
    "pack": BROKEN,
    "policy": BROKEN,
    "category": BROKEN,
    "severity": BROKEN,
    "weight": 0.5,
    "cap": 1.0,
    "when": BROKEN,
    "text": BROKEN,
    "zh": BROKEN,
    "en": BROKEN,
    "source": BROKEN,
    "title": _TEXTS,
    "cite": _TEXTS,
    "from": "1900-01-01",
    "articles": {},
    "laws": {},
    "categories": {},
    "thresholds": {},
    "severity_weights": {"low": 0.0, "medium": 0.0, "high": 0.0, "critical": 0.0},
    "exposure": {
        "limit": 0,
        "review": 0,
        "unregistered": 0,
        "clean": 0,
        "per_year": 0,
        "per_strike": 0,
        "per_complaint": 0,
        "clean_risk": 0,
        "floor": 0,
        "max": 0,
        "commerce": 0,
    },
    "low": 0.0,
    "medium": 0.0,
    "high": 0.0,
    "critical": 0.0,
}
_NUMBERS = frozenset(_STAND_INS["exposure"])


def validate(document: Document, model: type[_M], problems: Problems) -> _M | None:
    """The file as `model`, errors reported; `None` only where it could not be repaired."""
    if not isinstance(document.value, dict):
        problems.error(document.place(), f"expected a mapping with the keys {', '.join(_keys(model))}")
        return None
    value = copy.deepcopy(document.value)
    seen: set[tuple[Any, ...]] = set()  # places that have their error: what follows from its repair is none
    for _ in range(_PASSES):
        try:
            return model.model_validate(value, by_alias=True, by_name=False)
        except ValidationError as caught:
            errors: list[Any] = list(caught.errors(include_url=False))
            unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
            for error in errors:
                if error["loc"] not in seen and not _is_misspelt(error, unknown):
                    _report(document, model, error, problems)
                seen.add(error["loc"])
            for error in reversed(errors):
                _repair(value, error["loc"], error["type"])
                document.repaired.append(error["loc"])
    return None


def _is_misspelt(error: Any, unknown: Sequence[tuple[Any, ...]]) -> bool:
    """Whether a missing key is there after all, under a name close to its own that is reported already."""
    if error["type"] != "missing":
        return False
    beside = [str(loc[-1]) for loc in unknown if loc[:-1] == error["loc"][:-1]]
    return bool(difflib.get_close_matches(str(error["loc"][-1]), beside, n=1, cutoff=0.6))


def _report(document: Document, model: type[Model], error: Any, problems: Problems) -> None:
    loc, kind, value = error["loc"], error["type"], error["input"]
    if kind == "extra_forbidden":
        problems.error(document.key_place(loc), known("key", loc[-1], _keys(_model_at(model, loc[:-1]))))
        return
    if kind == "missing":
        inside = document.key_place(loc[:-1]) if loc[:-1] else document.place()
        problems.error(inside, f"missing key {str(loc[-1])!r}{_where(loc[:-1])}")
        return
    place = document.key_place(loc) if "[key]" in loc else document.place(loc)
    problems.error(place, _message(model, error, loc, kind, value))


def _message(model: type[Model], error: Any, loc: Sequence[Any], kind: str, value: Any) -> str:
    name = next((str(part) for part in reversed(loc) if isinstance(part, str) and part != "[key]"), "value")
    if kind in ("unknown_word", "bad_name", "bad_date"):
        return str(error["msg"])
    read = _described(value)
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        keys = _keys(_model_at(model, loc))
        return f"{name}: expected a mapping{' with the keys ' + ', '.join(keys) if keys else ''}, read {read}"
    if kind == "list_type":
        return f"{name}: expected a list, such as [a, b], read {read}"
    if kind == "string_type":
        hint = "; put it in quotes if the word itself is meant" if value is None else ""
        return f"{name}: expected a word, read {read}{hint}"
    if kind in ("bool_parsing", "bool_type"):
        return f"{name}: expected true or false, read {read}"
    if kind in ("float_parsing", "float_type", "int_parsing", "int_type", "int_from_float", "finite_number"):
        whole = "a whole number" if kind.startswith("int") else "a number"
        return f"{name}: expected {whole}, read {read}"
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return f"{name}: {value} is out of range; it {_lower(error['msg']).replace('input ', '')}"
    if kind in ("too_short", "string_too_short"):
        return f"{name}: must not be empty"
    return f"{name}: {_lower(error['msg'])}, read {read}"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _described(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return repr(value)


def _where(loc: Sequence[Any]) -> str:
    return f" in {'.'.join(str(part) for part in loc)}" if loc else ""


def _repair(value: Any, loc: Sequence[Any], kind: str) -> None:
    """Change `value` so that the error at `loc` does not come up again."""
    trail: list[tuple[Any, Any]] = []
    here = value
    for part in loc:
        found = part in here if isinstance(here, dict) else isinstance(here, list) and part in range(len(here))
        if found:
            trail.append((here, part))
            here = here[part]
    if kind == "missing":
        if isinstance(here, dict):
            here[loc[-1]] = copy.deepcopy(_STAND_INS.get(str(loc[-1]), BROKEN))
        return
    if not trail:
        return
    parent, key = trail[-1]
    if kind == "extra_forbidden" or "[key]" in loc:
        del parent[key]
    elif isinstance(parent, list):
        parent[key] = {} if kind in ("model_type", "dict_type", "model_attributes_type") else BROKEN
    elif key in _STAND_INS and not (key in _NUMBERS and isinstance(parent[key], dict)):
        parent[key] = copy.deepcopy(_STAND_INS[key])
    else:
        del parent[key]


def _keys(model: type[BaseModel] | None) -> list[str]:
    if model is None:
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel], loc: Sequence[Any]) -> type[BaseModel] | None:
    """The model that describes the mapping at `loc`, or `None` where that is a free mapping or a scalar."""
    here: Any = model
    for part in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            fields = {field.alias or name: field.annotation for name, field in here.model_fields.items()}
            if part in fields:
                here = _bare(fields[part])
        elif get_origin(here) is dict:
            here = _bare(get_args(here)[1])
        elif get_origin(here) is list:
            here = _bare(get_args(here)[0])
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _bare(annotation: Any) -> Any:
    """The annotation without `Annotated` and `Optional`; of a union, its model."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            members = [_bare(member) for member in typing.get_args(annotation) if member is not type(None)]
            models = [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]
            annotation = (models or members)[0]
        else:
            return annotation
