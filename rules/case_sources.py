"""Cases out of packs: those that stand at their rule, and those that stand alone, by the id of a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from .document import Document, Path
from .problems import Problems, known
from .schema import CasesModel, PackFile
from .source import CaseSource, RuleSource

__all__ = ["case_sources", "check_channels", "further_cases", "with_cases"]


def check_channels(
    document: Document, path: Path, cases: CasesModel, channels: Sequence[str], problems: Problems
) -> None:
    """Cases name channels of the policy."""
    for kind, texts in (("match", cases.match), ("pass", cases.pass_)):
        for index, case in enumerate(texts):
            if case.channel is not None and case.channel not in ("default", *channels):
                place = document.place((*path, kind, index, "channel"))
                problems.error(place, known("channel", case.channel, ("default", *channels)))


def case_sources(document: Document, path: Path, cases: CasesModel) -> tuple[CaseSource, ...]:
    """The cases at `path` of a document."""
    return tuple(
        CaseSource(
            case.text,
            kind == "match",
            case.seller,
            case.channel,
            case.language,
            case.date,
            document.place((*path, kind, index)),
            tuple(case.extra_texts),
        )
        for kind, texts in (("match", cases.match), ("pass", cases.pass_))
        for index, case in enumerate(texts)
    )


def further_cases(
    documents: Sequence[tuple[Document, PackFile]],
    rule_ids: Sequence[str],
    channels: Sequence[str],
    problems: Problems,
) -> dict[str, tuple[CaseSource, ...]]:
    """The cases that packs have for rules by their id, beside the rules' own. rule_ids: of all packs."""
    found: dict[str, tuple[CaseSource, ...]] = {}
    for document, pack in documents:
        for rule_id, cases in pack.cases.items():
            if rule_id not in rule_ids:
                problems.error(document.key_place(("cases", rule_id)), known("rule", rule_id, rule_ids))
                continue
            check_channels(document, ("cases", rule_id), cases, channels, problems)
            found[rule_id] = found.get(rule_id, ()) + case_sources(document, ("cases", rule_id), cases)
    return found


def with_cases(rules: Iterable[RuleSource], further: Mapping[str, tuple[CaseSource, ...]]) -> tuple[RuleSource, ...]:
    """The rules with further cases after their own."""
    return tuple(replace(rule, cases=rule.cases + further.get(rule.id, ())) for rule in rules)
