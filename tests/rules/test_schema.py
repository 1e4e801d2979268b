"""The JSON Schema takes what the compiler takes, and refuses the commonest mistakes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest
import yaml

from fairpost.rules import json_schema, shipped_packs

Write = Callable[..., Path]


# YAML 1.2 as editors read it: `off` is a word, a date is a word
class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012 - an instance variable to the stubs of yaml


for tag, pattern, first in [
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?[0-9]*\.[0-9]+$", "-+.0123456789"),
]:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


def read(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)


@pytest.fixture(scope="module")
def validator() -> jsonschema.protocols.Validator:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", ["medical", "laws", "policy"])
def test_sound_sources(name: str, sound: dict[str, str], validator: jsonschema.protocols.Validator) -> None:
    validator.validate(read(sound[name]))


@pytest.mark.parametrize("path", sorted(shipped_packs().glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_sources(path: Path, validator: jsonschema.protocols.Validator) -> None:
    validator.validate(read(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("severity: high", "severity: hi"),
        ("mode: shadow", "mode: shadowed"),
        ("    unless:", "    unles:"),
        ("weight: 0.85", "weight: 1.5"),
        ("[default, repeat]", "[default, repeats]"),
        ("    weight: 0.85\n", ""),
        ("licences: [food]", "licences: [foood]"),
    ],
)
def test_mistakes(old: str, new: str, sound: dict[str, str], validator: jsonschema.protocols.Validator) -> None:
    assert not validator.is_valid(read(sound["medical"].replace(old, new)))


def test_one_kind_of_file(sound: dict[str, str]) -> None:
    kind: Literal["pack", "laws", "policy"]
    for kind, name in (("pack", "medical"), ("laws", "laws"), ("policy", "policy")):
        schema = json_schema(kind)
        json.dumps(schema)
        jsonschema.Draft202012Validator(schema).validate(read(sound[name]))
