"""A small pack for servers under test: rules of one word each, on an article of a sample law."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairpost.rules import compile_packs

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LAWS", "compiled"]

_RULE = """
  - id: tea.{id}
    category: MEDICAL
    severity: high
    weight: {weight}
    mode: {mode}
    when: any({id})
    basis: [cn.law/1]
    message: {{zh: 不得宣称疗效, en: No cures}}
    cases: {{match: [这款茶{word}百病], pass: [这款茶好喝]}}
"""
LAWS = """
laws:
  cn.law:
    title: {zh: 示例法, en: Sample Law}
    source: 示例
    articles: {"1": [{cite: {zh: 第一条, en: Art. 1}, from: 2000-01-01, summary: {zh: 示例, en: Sample}}]}
"""


def compiled(folder: Path, *rules: tuple[str, str, str, float]) -> bytes:
    """A bundle with rules of (id, word, mode, weight); `fairpost rules compile` makes the same."""
    folder.mkdir()
    lists = "".join(f"  {name}: [{word}]\n" for name, word, _, _ in rules)
    made = "".join(_RULE.format(id=name, word=word, mode=mode, weight=weight) for name, word, mode, weight in rules)
    (folder / "tea.yaml").write_text(f"pack: tea\nlists:\n{lists}rules:\n{made}", encoding="utf-8")
    (folder / "laws.yaml").write_text(LAWS, encoding="utf-8")
    return compile_packs([folder])
