"""The examples of docs/rules.md compile, and say what they are said to say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fairpost.rules import PackErrors, compile_packs
from fairpost.rules.parser import _CALLS, _SELLER

Write = Callable[..., Path]

DOCS = Path(__file__).resolve().parents[2] / "docs" / "rules.md"
TEXT = DOCS.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def example(start: str) -> str:
    [found] = [text for text in EXAMPLES if text.startswith(start)]
    return str(found)


def test_pack_and_laws_compile(write: Write, sound: dict[str, str]) -> None:
    laws = sound["laws"] + example("laws:").removeprefix("laws:\n")
    folder = write(tea=example("pack: tea"), laws=laws, medical=None)
    assert compile_packs(folder)


def test_policy(write: Write, sound: dict[str, str]) -> None:
    names = re.search(r"categories:\n(?:  .*\n)+", sound["policy"])
    assert names
    policy = re.sub(r"categories: \{\}.*\n", names[0], example("policy:"))
    assert compile_packs(write(policy=policy))


def test_message_of_a_failing_case(write: Write) -> None:
    pack = example("pack: tea").replace("保健食品不能根治糖尿病", "根治糖尿病，不能")
    with pytest.raises(PackErrors) as caught:
        compile_packs(write(tea=pack, medical=None))
    [shown] = re.findall(r"```text\n(tea.yaml.*?)\n```", TEXT, re.DOTALL)
    assert str(caught.value).endswith(shown)


def test_everything_of_the_language_is_described() -> None:
    for word in (*_CALLS, *(f"seller.{name}" for name in _SELLER)):
        assert word in TEXT
