"""Folds `phonetic`, `glyph` and `emoji` in packs: the pack's key, what excuses, regular patterns, warnings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT, EVASION
from fairpost.rules import compile_packs, lint, load_packs

Write = Callable[..., Path]

PACK = """
pack: tea
fold: [repeat, phonetic, glyph, emoji]
lists:
  cure: {words: [根治, 药到病除, "/治.{0,2}病/"], allow: [根治术]}
  plain: {words: [断根], fold: [default]}
  some: {words: [包治], fold: [emoji]}
rules: []
"""


def test_the_pack_speaks_for_lists_that_say_nothing(write: Write) -> None:
    lists = load_packs(write(tea=PACK)).lists
    assert lists["tea.cure"].folds == DEFAULT | EVASION | {"repeat"}
    assert lists["tea.plain"].folds == DEFAULT
    assert lists["tea.some"].folds == DEFAULT | {"emoji"}
    assert lists["tea.cure:allow"].folds == DEFAULT


def test_what_is_found(write: Write) -> None:
    rules = RuleSet.from_bytes(compile_packs(write(tea=PACK)))

    def found(text: str) -> list[str]:
        matches = [(name, text[begin:end]) for _, name, begin, end in rules.matches(text)]
        return [f"{name} {word}" for name, word in matches if name.startswith("tea.")]

    assert found("本品根智") == ["tea.cure 根智"]
    assert found("根治术") == ["tea.cure:allow 根治术"]
    assert found("根智术") == ["tea.cure 根智"]  # what excuses is read as it stands
    assert found("根根治") == ["tea.cure 根根治", "tea.cure 根治"]
    assert found("断艮") == []
    assert found("治老病") == ["tea.cure 治老病"]
    assert found("智老病") == []
    assert found("氵台老疒丙") == ["tea.cure 氵台老疒丙"]
    assert found("💊到病除") == ["tea.cure 💊到病除"]


def test_a_list_whose_words_cannot_be_disguised_is_a_warning(write: Write) -> None:
    pack = PACK.replace("{words: [断根], fold: [default]}", "{words: [治, vip], fold: [phonetic, glyph]}")
    assert [str(p).partition(": ")[2] for p in lint(write(tea=pack)) if "folds" in p.message] == [
        "warning: list 'plain' folds glyph, phonetic, and none of its words can be written so: "
        "that takes two characters, one of them Chinese"
    ]
    assert not [p for p in lint(write(tea=PACK)) if "can be written so" in p.message]
