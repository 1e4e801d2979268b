"""Bundles of the current format, kept as files: they open, answer as they did, and are what is built today.

A change of the format, of a fold table or of the builder cannot pass unseen: it has to renew the files, by
`FAIRPOST_RENEW=1 pytest tests/engine/test_golden.py`, and a change that old bundles do not survive takes a new
`layout.FORMAT_VERSION`.
"""

from __future__ import annotations

import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reference import index as reference
from reference.folding import folded
from reference.sample import sample_source

from fairpost.engine import RuleSet, layout
from fairpost.engine.build import build, build_patterns
from fairpost.engine.folds import DEFAULT
from fairpost.engine.image import Image

FOLDER = Path(__file__).parents[1] / "data" / "bundles"
RENEW = os.environ.get("FAIRPOST_RENEW", "") not in ("", "0")
WORDS = ["最好", "最好的", "根治糖尿病", "好", "aA", "ＶＸ", "vx", "加微信", "微信", "加微信号", "㎏", "100%", "a b"]
TEXTS = [
    *("最好的，加 ＶＸ：abc123", "根治糖尿病 100% 😀😀😀", "ａＡ 加微信号 5㎏", "最 好 a b", "aAa bB", "没有"),
    *("请问能根治吗，据晚报报道", "最好的天气，求助"),
]


def rule_set(content: bytes) -> Any:
    ruleset = RuleSet.from_bytes(content)
    answers = []
    for text in TEXTS:
        verdict = ruleset.check(text)
        labels = [[label.category, round(label.score, 6)] for label in verdict.labels]
        answers.append({"action": verdict.action.name, "labels": labels, "matches": ruleset.matches(text)})
    return answers


def pattern_set(content: bytes) -> Any:
    image = Image(content)
    folds = frozenset(image.meta["folds"])
    pool = {int(code): 0xD800 + k for k, code in enumerate(image.sections["RARE"])}
    answers = []
    for text in TEXTS:
        codes = map(ord, folded(text, folds).string)
        symbols = [pool.get(code, code if code < 0xFFFF else layout.Symbol.OTHER) for code in codes]
        answers.append(reference.scan(image.sections, symbols))
    return answers


def patterns(words: list[str], folds: frozenset[str]) -> bytes:
    return build_patterns(words, folds, False, {"of": "test"})


KINDS: dict[str, tuple[Callable[[], bytes], Callable[[bytes], Any]]] = {
    "rules": (lambda: build(sample_source()), rule_set),
    "patterns": (lambda: patterns(WORDS, DEFAULT), pattern_set),
    "patterns-without-folds": (lambda: patterns([*WORDS, "😀😀"], frozenset()), pattern_set),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_kept_bundle(name: str) -> None:
    built, answers_of = KINDS[name]
    file, answers = FOLDER / f"{name}.fpb.xz", FOLDER / f"{name}.json"
    if RENEW:
        file.write_bytes(lzma.compress(built(), preset=9))
        lines = (json.dumps(answer, ensure_ascii=False) for answer in answers_of(built()))
        answers.write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")
    kept = lzma.decompress(file.read_bytes())
    version = int.from_bytes(kept[8:12], "little")
    assert version == layout.FORMAT_VERSION, "renew the golden files (see above) for the new format"
    found = json.loads(json.dumps(answers_of(kept)))  # tuples become lists
    assert found == json.loads(answers.read_text("utf-8"))
    assert built() == kept, "the same source gives other bytes than before: is that meant?"
