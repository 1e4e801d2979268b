"""The truth of every part of a condition on one post, said by the engine: each part becomes a rule of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fairpost.engine import Flag, RuleSet, VerdictBatch, layout
from fairpost.engine.build import reindexed
from fairpost.engine.image import Image
from fairpost.engine.seal import assemble
from fairpost.engine.verdict import NO_LIST
from fairpost.engine.vocabulary import MODES

from .conditions import Names, Part, parts_of

__all__ = ["Bundle", "Span"]

_ALWAYS: Final = -(2**31)
_NEVER: Final = 2**31 - 1
_CATEGORY: Final = 1  # any but COMMERCE: its rules come first, and have no evidence

Span = tuple[str, int, int]
"""(list, begin, end) of a witness, in code points."""


class Bundle:
    """A bundle taken apart: the rule set, its conditions as trees, and variants of it that answer questions."""

    def __init__(self, content: bytes) -> None:
        self.rules = RuleSet.from_bytes(content)
        self._sections: dict[str, NDArray[Any]] = dict(Image(content).sections)
        meta = self.rules.meta
        self._meta = meta
        names = Names(
            meta["list_names"], self._sections["OPND"], self.rules.rule_ids, meta["channels"], meta["languages"]
        )
        packs = {entry["id"]: entry["pack"] for entry in meta["rules"]}
        self._named = {entry["id"]: entry.get("named", ()) for entry in meta["rules"]}
        self._names, self._packs = names, packs
        self._bare: RuleSet | None = None

    def condition(self, rule: int) -> Part:
        """The condition of rule number `rule`."""
        first, count = (int(self._sections["RULE"][rule][name]) for name in ("code", "code_count"))
        code = self._sections["CODE"][first : first + count]
        name = self.rules.rule_ids[rule]
        named = {(begin, end): text for begin, end, text in self._named[name]}
        return parts_of(code, self._names, self._packs[name], named)

    @property
    def signals(self) -> list[float] | None:
        """By rule, what it adds to the logit of which `commerce` is the probability; None where that is a noisy-or."""
        column = self._sections.get("MODR")
        return None if column is None or not column.size else [float(signal) for signal in column]

    def in_force(self, rule: int, day: int) -> bool:
        """Whether the rule is in force on a day."""
        record = self._sections["RULE"][rule]
        return bool(record["from_day"] <= day < record["until_day"])

    @property
    def allows(self) -> Mapping[str, tuple[str, ...]]:
        """By list, the allow lists that apply to it."""
        return {entry["name"]: tuple(entry["allows"]) for entry in self._meta["lists"]}

    def without_allows(self) -> RuleSet:
        """The same rule set in which no allow word removes a hit."""
        if self._bare is None:
            sections = {**self._sections, "ALST": np.zeros_like(self._sections["ALST"]), "ALLW": np.zeros(0, np.uint16)}
            self._bare = RuleSet.from_bytes(assemble(reindexed(sections)))
        return self._bare

    def truths(
        self, conditions: Mapping[int, Part], text: str, request: Mapping[str, Any]
    ) -> dict[tuple[int, int, int], tuple[Span, ...]]:
        """The parts that are true on a post, as (rule, begin, end), each with its witnesses.

        Args:
            conditions: by rule number; request: what `check_batch` takes beside the text.
        """
        parts = [(rule, part.begin, part.end) for rule, tree in conditions.items() for part in tree.walk()]
        return self._truths(parts, text, request) if parts else {}

    def _truths(
        self, parts: Sequence[tuple[int, int, int]], text: str, request: Mapping[str, Any]
    ) -> dict[tuple[int, int, int], tuple[Span, ...]]:
        dissected = self._with_rules(parts)
        batch = dissected.check_batch([text], **request)
        if batch.flags[0] & Flag.EVIDENCE_CAPPED and len(parts) > 1:  # witnesses are missing: ask in two halves
            middle = len(parts) // 2
            first, second = parts[:middle], parts[middle:]
            return {**self._truths(first, text, request), **self._truths(second, text, request)}
        count = self.rules.rule_count
        spans = _spans(batch, self._meta["list_names"])
        fired = batch.fired_rule[batch.fired_rule >= count].tolist()
        return {parts[number - count]: tuple(spans.get(number, ())) for number in fired}

    def _with_rules(self, parts: Sequence[tuple[int, int, int]]) -> RuleSet:
        """The rule set with a rule for every part behind its own rules. They are enforced: a lack of room is told.

        A part is of its rule's category, so that lists stay the context that they are (engine/asking.py); one of a
        COMMERCE rule is of another, since those give no evidence, and read no context.
        """
        rules = self._sections["RULE"]
        more = np.zeros(len(parts), layout.RULE_DTYPE)
        for number, (rule, begin, end) in enumerate(parts):
            category = int(rules[rule]["category"]) or _CATEGORY
            more[number] = (
                int(rules[rule]["code"]) + begin, end - begin, 0.0, _ALWAYS, _NEVER, -1, category, 0,
                MODES.index("enforce"), 0,
            )  # fmt: skip
        always = np.arange(len(rules), len(rules) + len(parts), dtype=np.uint16)
        signals = self._sections.get("MODR", np.zeros(0))
        if signals.size:  # one for each rule
            signals = np.concatenate([signals, np.zeros(len(parts))])
        meta = {**self._meta, "rule_ids": [*self.rules.rule_ids, *(f"#{k}" for k in range(len(parts)))]}
        return RuleSet.from_bytes(
            assemble(
                {
                    **self._sections,
                    "RULE": np.concatenate([rules, more]),
                    "ALWA": np.concatenate([self._sections["ALWA"], always]),
                    "MODR": signals,
                    "META": np.frombuffer(json.dumps(meta).encode(), np.uint8),
                }
            )
        )


def _spans(batch: VerdictBatch, lists: Sequence[str]) -> dict[int, list[Span]]:
    """Witnesses by rule number."""
    found: dict[int, list[Span]] = {}
    columns = (batch.evidence_rule, batch.evidence_list, batch.evidence_start, batch.evidence_stop)
    for rule, list_id, begin, end in zip(*(column.tolist() for column in columns), strict=True):
        if list_id != NO_LIST:
            found.setdefault(rule, []).append((lists[list_id], begin, end))
    return found
