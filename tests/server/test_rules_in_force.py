"""ListRules: the rules in force for readers, from compiled packs."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from fairpost.client import CallFailed
from fairpost.rules import compile_packs
from fairpost.v1 import rules_pb2, verdict_pb2

if TYPE_CHECKING:
    from pathlib import Path

PACK = """
pack: tea
description: {zh: 茶, en: Tea}
lists:
  cure: [根治, 治愈]
  best: [天下第一]
rules:
  - id: tea.cure
    category: MEDICAL
    severity: high
    weight: 0.85
    when: any(cure)
    basis: [cn.advertising-law/17]
    message: {zh: 普通商品不得宣称治疗疾病, en: Ordinary goods must not claim to treat disease}
    cases: {match: [这款茶根治百病], pass: [这款茶好喝]}
  - id: tea.best
    category: ABSOLUTE
    severity: medium
    weight: 0.5
    when: any(best)
    effective: {from: 2026-01-01, until: 2030-01-01}
    basis: [cn.advertising-law/17]
    message: {zh: 不得使用绝对化用语, en: No superlatives}
    cases: {match: [天下第一好茶], pass: [一款好茶]}
  - id: tea.trial
    category: MEDICAL
    severity: low
    weight: 0.5
    mode: shadow
    when: any(best)
    basis: [cn.advertising-law/17]
    message: {zh: 试行, en: On trial}
    cases: {match: [天下第一好茶], pass: [一款好茶]}
"""
LAWS = """
laws:
  cn.advertising-law:
    title: {zh: 中华人民共和国广告法, en: Advertising Law of the PRC}
    source: 全国人民代表大会常务委员会
    articles:
      "17":
        - cite: {zh: 第十六条, en: Art. 16}
          from: 1995-02-01
          until: 2015-09-01
          summary: {zh: 旧条, en: The former article}
        - cite: {zh: 第十七条, en: Art. 17}
          from: 2015-09-01
          summary: {zh: 不得涉及疾病治疗功能, en: No claims of treating disease}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder: Path = tmp_path_factory.mktemp("packs")
    (folder / "tea.yaml").write_text(PACK, encoding="utf-8")
    (folder / "laws.yaml").write_text(LAWS, encoding="utf-8")
    return compile_packs([folder])


def ask(client: Any, **fields: Any) -> rules_pb2.ListRulesResponse:
    answer: rules_pb2.ListRulesResponse = client.call("ListRules", rules_pb2.ListRulesRequest(**fields))
    return answer


def ids(answer: rules_pb2.ListRulesResponse) -> list[str]:
    return [rule.rule for rule in answer.rules]


def test_rules_in_force(inside: Any, compiled: bytes, bundle: Any) -> None:
    running = inside().start()
    client = running.client
    with pytest.raises(CallFailed, match="no rule set is active yet") as caught:
        ask(client)
    assert caught.value.reason == "REASON_NO_ACTIVE_RULE_SET"
    revision = client.activate(compiled).active.revision
    running.server.registry.core.today = lambda: date(2026, 11, 28)
    answer = ask(client)
    assert answer.revision == revision
    assert answer.HasField("activated_at")
    assert ids(answer) == ["tea.best", "tea.cure"]
    (best, cure) = answer.rules
    assert (cure.category, cure.severity) == ("MEDICAL", verdict_pb2.SEVERITY_HIGH)
    assert cure.weight == pytest.approx(0.85)
    assert cure.message.zh == "普通商品不得宣称治疗疾病"
    assert (list(cure.not_allowed), list(cure.allowed)) == (["这款茶根治百病"], ["这款茶好喝"])
    (law,) = cure.laws
    assert (law.article, law.citation.zh) == ("cn.advertising-law/17", "《中华人民共和国广告法》第十七条")
    assert law.citation.en == "Advertising Law of the PRC, Art. 17"
    assert law.summary.en == "No claims of treating disease"
    assert (best.effective_from, best.effective_until) == ("2026-01-01", "2030-01-01")
    assert [(each.category, each.rule_count) for each in answer.categories] == [("ABSOLUTE", 1), ("MEDICAL", 1)]
    assert answer.categories[1].title.zh
    assert {"SHIELD", "BLOCK"} <= set(answer.categories[1].thresholds)
    # What a day decides: which rules there are, and which law they rest on.
    before = ask(client, day="2015-01-01")
    assert ids(before) == ["tea.cure"]
    assert before.rules[0].laws[0].citation.zh == "《中华人民共和国广告法》第十六条"
    assert ids(ask(client, day="2030-01-01")) == ["tea.cure"]
    # Conditions.
    assert ids(ask(client, category="ABSOLUTE")) == ["tea.best"]
    assert ids(ask(client, shadow=True)) == ["tea.best", "tea.cure", "tea.trial"]
    assert ask(client, rule="tea.trial", shadow=True).rules[0].shadow
    assert ids(ask(client, query="SUPERLATIVES")) == ["tea.best"]
    assert ids(ask(client, query="第十七条")) == ["tea.best", "tea.cure"]
    assert ids(ask(client, query="nothing like it")) == []
    # Pages, which another rule set makes invalid.
    first = ask(client, page_size=1)
    assert ids(first) == ["tea.best"]
    last = ask(client, page_size=1, page_token=first.next_page_token)
    assert (ids(last), last.next_page_token) == (["tea.cure"], "")
    client.activate(bundle({"根治": 0.97}), force=True)
    with pytest.raises(CallFailed, match="is active now; start without a token"):
        ask(client, page_size=1, page_token=first.next_page_token)
    assert "medical.0" in ids(ask(client))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"category": "COMMERCE"}, "category: 'COMMERCE' is none of ABSOLUTE, AUTHORITY"),
        ({"day": "today"}, "day: 'today' is no day; write YYYY-MM-DD"),
        ({"query": "茶" * 101}, "query: has 101 characters; at most 100 are taken"),
        ({"page_size": 1001}, "page_size: is 1001; at most 1000"),
        ({"page_token": "x"}, "page_token: is none of this list"),
    ],
)
def test_what_is_wrong_is_told(refusing: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(CallFailed) as caught:
        ask(refusing.client, **fields)
    assert message in caught.value.message
