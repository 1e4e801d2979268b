"""Packs for the tests of tools: a rule set and variants of it, and words of which posts are made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml

from fairpost.engine import RuleSet
from fairpost.rules import bundle_of, load_packs, shipped_packs

__all__ = ["BASE", "VARIANTS", "WORDS", "compiled", "policy", "written"]

WORDS = ["根治", "糖尿病", "最好", "第一", "一元", "包邮", "元旦", "稳赚", "今天", "加微信abc123", "，"]

THRESHOLDS = {
    "default": {
        "MEDICAL": {"LIMIT": 0.3, "REVIEW": 0.6, "SHIELD": 0.8, "BLOCK": 0.95},
        "ABSOLUTE": {"LIMIT": 0.3, "REVIEW": 0.5},
        "INVESTMENT": {"SHIELD": 0.5},
    },
    "group-chat": {"MEDICAL": {"REVIEW": 0.5}},
}

BASE = """\
pack: probe
lists:
  cure: {words: [根治, 治愈, 药到病除], fold: [default, repeat]}
  disease: [糖尿病]
  best: [最好, 第一]
  sold: {words: [一元, 包邮], allow: [一元旦]}
  gain: [稳赚]
groups: {claim: {cap: 0.7}}
rules:
  - id: probe.sells
    category: COMMERCE
    severity: low
    weight: 0.5
    when: any(sold)
    cases: {match: [一元], pass: [今天]}
  - id: probe.contact
    category: COMMERCE
    severity: low
    weight: 0.4
    when: contact.wechat
    cases: {match: [加微信abc123], pass: [今天]}
  - id: probe.cure
    category: MEDICAL
    severity: high
    weight: 0.85
    when: near(cure, disease, 8)
    basis: [cn.advertising-law/17]
    message: {zh: 不得宣称治疗疾病, en: Must not claim to treat disease}
    cases: {match: [根治糖尿病], pass: [今天]}
  - id: probe.cure-word
    category: MEDICAL
    severity: medium
    weight: 0.4
    when: any(cure)
    basis: [cn.advertising-law/17]
    message: {zh: 不得宣称治疗疾病, en: Must not claim to treat disease}
    cases: {match: [根治], pass: [今天]}
  - id: probe.best
    category: ABSOLUTE
    severity: medium
    weight: 0.4
    group: claim
    when: any(best) and commerce >= 0.5
    basis: [cn.advertising-law/17]
    message: {zh: 不得用绝对化用语, en: No superlatives}
    cases: {match: [最好的一元], pass: [最好]}
  - id: probe.both
    category: ABSOLUTE
    severity: medium
    weight: 0.6
    group: claim
    when: count(best, distinct) >= 2
    basis: [cn.advertising-law/17]
    message: {zh: 不得用绝对化用语, en: No superlatives}
    cases: {match: [最好第一], pass: [最好]}
  - id: probe.gain
    category: INVESTMENT
    severity: critical
    weight: 0.9
    mode: shadow
    when: any(gain)
    basis: [cn.advertising-law/17]
    message: {zh: 不得保证收益, en: No promised returns}
    cases: {match: [稳赚], pass: [今天]}
"""


def policy(**exposure: float) -> str:
    """The shipped policy with thresholds of our own."""
    shipped = yaml.safe_load((shipped_packs() / "policy.yaml").read_text(encoding="utf-8"))
    shipped |= {"channels": ["moments", "group-chat"], "thresholds": THRESHOLDS}
    shipped["exposure"] |= {"limit": 0.3, "review": 0.0, **exposure}
    return yaml.safe_dump(shipped, allow_unicode=True)


def _without() -> str:
    """`best` rests on another rule now, and 一元 sells nothing any more."""
    pack = BASE.replace("any(best) and commerce", 'rule("probe.both") and commerce')
    pack = pack.replace("[一元, 包邮]", "[包邮]").replace("match: [一元]", "match: [包邮]")
    return pack.replace("match: [最好的一元]", "match: [最好第一包邮]")


def _other_policy() -> str:
    return policy(limit=0.5).replace("SHIELD: 0.8", "SHIELD: 0.9")


VARIANTS: dict[str, Callable[[], tuple[str, str]]] = {
    "base": lambda: (BASE, policy()),
    "lighter": lambda: (BASE.replace("weight: 0.85", "weight: 0.5").replace("cap: 0.7", "cap: 0.45"), policy()),
    "without": lambda: (_without(), policy()),
    "enforced": lambda: (BASE.replace("    mode: shadow\n", ""), policy()),
    "policy": lambda: (BASE, _other_policy()),
}


def written(folder: Path, name: str) -> Path:
    """A folder with one variant's pack and policy."""
    pack, policy = VARIANTS[name]()
    path = folder / name
    path.mkdir(exist_ok=True)
    (path / "probe.yaml").write_text(pack, encoding="utf-8")
    (path / "policy.yaml").write_text(policy, encoding="utf-8")
    return path


def compiled(folder: Path) -> dict[str, RuleSet]:
    """All variants, compiled."""
    return {name: RuleSet.from_bytes(bundle_of(load_packs(written(folder, name)))) for name in VARIANTS}
