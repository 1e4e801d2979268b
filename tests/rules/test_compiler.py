"""Compiling: the same bytes everywhere, evaluation order, code, and what the bundle says of itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT, fold
from fairpost.engine.source import Cmp, Op
from fairpost.engine.vocabulary import CATEGORIES, RECOGNISERS, Action
from fairpost.rules import PackErrors, bundle_of, compile_packs, load_packs
from fairpost.rules.compiler import lower

Write = Callable[..., Path]

SCRIPT = """
import hashlib, sys
from fairpost.rules import compile_packs
print(hashlib.sha256(compile_packs(sys.argv[1])).hexdigest())
"""


def test_same_bytes_whatever_the_hash_seed_and_the_folder(write: Write, tmp_path: Path) -> None:
    folder = write()
    elsewhere = tmp_path / "elsewhere" / "packs"
    shutil.copytree(folder, elsewhere, ignore=shutil.ignore_patterns("elsewhere"))
    digests = set()
    for seed, place in (("1", folder), ("2", elsewhere), ("77", Path("."))):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(place)],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(run.stdout.strip())
    assert len(digests) == 1


def test_evaluation_order(write: Write) -> None:
    source = load_packs(write())
    assert [rule.id for rule in source.rules] == ["medical.sale", "medical.cure-claim", "medical.sold-cure"]


def test_a_rule_comes_after_those_it_names(write: Write, sound: dict[str, str]) -> None:
    rule = sound["medical"].index("  - id: medical.cure-claim")
    last = sound["medical"].index("  - id: medical.sold-cure")
    turned = sound["medical"][:rule] + sound["medical"][last:] + "\n" + sound["medical"][rule:last]
    source = load_packs(write(medical=turned))
    assert [rule.id for rule in source.rules] == ["medical.sale", "medical.cure-claim", "medical.sold-cure"]


def test_code(write: Write) -> None:
    lowered = lower(load_packs(write()))
    assert tuple(lowered.lists[: len(RECOGNISERS)]) == RECOGNISERS
    sale, claim, sold = lowered.rules
    assert [step.op for step in sale.code] == [Op.ANY, Op.ANY, Op.OR]
    assert [step.op for step in claim.code] == [Op.NEAR, Op.BEFORE, Op.NOT, Op.AND, Op.LICENCE, Op.NOT, Op.AND]
    assert [step.op for step in sold.code] == [Op.RULE, Op.COMMERCE, Op.AND]
    assert sold.code[0].a == 1
    assert (sold.code[1].cmp, sold.code[1].value) == (Cmp.GE, 0.5)
    assert [lowered.lists[x] for x in sale.triggers or ()] == ["price", "medical.sold"]
    assert [lowered.lists[x] for x in claim.triggers or ()] == ["medical.disease"]  # its words are longer
    assert claim.triggers == sold.triggers
    assert (claim.group, sold.group, sale.group) == (0, 0, -1)
    assert list(lowered.policy.group_caps) == [0.9]
    allow = lowered.list_allows[lowered.lists.index("medical.negation")]
    assert [lowered.lists[x] for x in allow] == ["medical.negation:allow", "medical:allow"]


def test_thresholds_of_a_channel(write: Write) -> None:
    lowered = lower(load_packs(write()))
    absolute = CATEGORIES.index("ABSOLUTE")
    table = lowered.policy.thresholds
    assert lowered.channels == ["default", "moments", "group-chat"]
    assert table[1, absolute, Action.LIMIT] == np.float32(0.3)
    assert table[2, absolute, Action.REVIEW] == np.float32(0.2)
    assert np.isinf(table[2, absolute, Action.LIMIT])


def test_rules_that_are_off_are_left_out(write: Write, sound: dict[str, str]) -> None:
    source = load_packs(write(medical=sound["medical"].replace("mode: shadow", "mode: off")))
    assert [rule.id for rule in source.off_rules] == ["medical.sold-cure"]
    assert RuleSet.from_bytes(bundle_of(source)).rule_ids == ["medical.sale", "medical.cure-claim"]


def test_what_the_bundle_says(write: Write) -> None:
    meta = RuleSet.from_bytes(compile_packs(write())).meta
    assert meta["policy"] == "test"
    assert [pack["name"] for pack in meta["packs"]] == ["medical"]
    [claim] = [rule for rule in meta["rules"] if rule["id"] == "medical.cure-claim"]
    assert claim["message"]["en"] == "Ordinary goods must not claim to treat disease"
    assert claim["basis"] == ["cn.advertising-law/17"]
    assert (claim["file"], claim["line"], claim["from"], claim["until"]) == ("medical.yaml", 12, "2015-09-01", None)
    [version] = meta["laws"]["cn.advertising-law"]["articles"]["17"]
    assert (version["from"], version["until"]) == ("2015-09-01", None)


def test_verdict_of_a_compiled_pack(write: Write) -> None:
    rules = RuleSet.from_bytes(compile_packs(write()))
    verdict = rules.check("这款茶根 治糖尿病", day=20000)
    assert verdict.action is Action.SHIELD
    assert [(label.category, label.severity) for label in verdict.labels] == [("MEDICAL", "high")]
    assert {(entry.rule, entry.matched, entry.basis) for entry in verdict.evidence} == {
        ("medical.cure-claim", "根 治", ("《中华人民共和国广告法》第十七条",)),
        ("medical.cure-claim", "糖尿病", ("《中华人民共和国广告法》第十七条",)),
    }


@pytest.mark.parametrize("missing", ["laws", "policy"])
def test_shipped_laws_and_policy_stand_in(missing: str, write: Write, sound: dict[str, str]) -> None:
    source = load_packs(write(**{missing: None, "medical": sound["medical"]}))
    assert source.laws
    assert source.policy.policy == ("default" if missing == "policy" else "test")


def test_limits_of_the_format(write: Write, sound: dict[str, str]) -> None:
    """What only the builder knows comes as a PackErrors as well."""
    astral = [chr(code) for code in range(0x20000, 0x21000)]
    rare = "\n".join(character + "甲" for character in astral if fold(character, DEFAULT)[0] == [ord(character)])
    medical = sound["medical"].replace("[糖尿病, 湿疹, 高血压]", "{file: lists/disease.txt}")
    with pytest.raises(PackErrors, match=r"medical\.yaml:1:1: error: cannot be built: patterns hold more than"):
        compile_packs(write(medical=medical, lists__disease_txt=rare))
