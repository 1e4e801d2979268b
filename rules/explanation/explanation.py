"""One post, judged and taken apart: folded text, hits, rules with their conditions, scores, thresholds, exposure, laws.

What the engine answers is asked of the engine; what is arithmetic is done again by `scoring`, which tests hold equal to
the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fairpost.engine import Verdict
from fairpost.engine.dates import day_of_today
from fairpost.engine.folds import DEFAULT, fold
from fairpost.engine.model import probability
from fairpost.engine.vocabulary import CATEGORIES, COMMERCE, RECOGNISERS, STANDING_DTYPE, Action

from ..scoring import CategoryScore, Scale, exposure_steps
from .conditions import Part
from .parts import Bundle, Span

__all__ = ["Explainer", "Explanation", "Hit", "Node", "Removed", "RuleAnswer"]


@dataclass(frozen=True)
class Hit:
    """A word of a list, found at [begin, end) code points: as its pack writes it, as the post does, and folded."""

    list: str
    word: str
    matched: str
    folded: str
    begin: int
    end: int

    @property
    def is_recogniser(self) -> bool:
        return self.list in RECOGNISERS


@dataclass(frozen=True)
class Removed:
    """A hit that does not count, since a longer allow word covers it."""

    hit: Hit
    by: Hit


@dataclass(frozen=True)
class Node:
    """A part of a condition with its truth. witnesses: hits that show it, of a part that is true.

    op: "and", "or", "not", or for what has no parts the name of its operation, such as "near".
    """

    op: str
    text: str
    holds: bool
    witnesses: tuple[Span, ...]
    parts: tuple[Node, ...]
    name: str = ""
    """Of a condition under a name, with what it was given: `common.quoted(cure)`."""


@dataclass(frozen=True)
class RuleAnswer:
    """One rule that was evaluated. fired: its condition holds and it is in force on the day."""

    id: str
    category: str
    severity: str
    mode: str
    weight: float
    group: str | None
    in_force: bool
    fired: bool
    condition: Node
    laws: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Explanation:
    """Everything that led to `verdict`.

    folded: symbols as the scan reads them, `origins[i]` the code point of the text that symbol i comes from.
    restored: the folded text as it was meant, None where nothing in it is disguised.
    rules: those that were evaluated, in the engine's order. commerce: of the rules of COMMERCE, None where none fired.
    scores: of the violated categories; thresholds: for each of them (action, least score, whether it is reached).
    model: the text model's logit and probability, None without one. signals: where `commerce` is the probability of the
    logit and what rules of COMMERCE add to it, (rule, what it adds) for those that fired; None where it is `commerce`.
    """

    text: str
    folded: str
    origins: tuple[int, ...]
    restored: str | None
    hits: tuple[Hit, ...]
    removed: tuple[Removed, ...]
    rules: tuple[RuleAnswer, ...]
    commerce: CategoryScore | None
    model: tuple[float, float] | None
    signals: tuple[tuple[str, float], ...] | None
    scores: tuple[CategoryScore, ...]
    thresholds: Mapping[str, tuple[tuple[Action, float, bool], ...]]
    severity_weights: Mapping[str, float]
    exposure: tuple[tuple[str, float], ...]
    channel: str
    day: int
    verdict: Verdict
    names: Sequence[str]
    """Ids of rules, by the numbers in `commerce` and `scores`."""


class Explainer:
    """Explains posts by one bundle.

    Raises:
        fairpost.engine.InvalidBundle: it is no sound bundle.
    """

    def __init__(self, bundle: bytes) -> None:
        self._bundle = Bundle(bundle)
        self.rules = self._bundle.rules
        self._scale = Scale(self.rules)
        self._triggers = self.rules.triggers()
        self._meta = {entry["id"]: entry for entry in self.rules.meta["rules"]}

    def explain(
        self, text: str, *, seller: Any = None, channel: str = "", language: str = "", day: int | None = None
    ) -> Explanation:
        """Judge one post and say why.

        Args:
            seller: None, SELLER_NOT_FOUND, SELLER_UNAVAILABLE, or a STANDING_DTYPE record.
            day: days since 1970-01-01; None = today in China.

        Raises:
            fairpost.engine.InvalidPost: the text is empty, too long or not UTF-8.
        """
        day = day_of_today() if day is None else day
        rules = self.rules
        verdict = rules.check(text, seller=seller, channel=channel or None, language=language or None, day=day)
        request = _request(seller, channel, language, day)
        batch = rules.check_batch([text], **request)
        fired = batch.fired_rule.tolist()
        hits = self._hits(text)
        lists = {hit.list for hit in hits}
        asked = [k for k, needed in enumerate(self._triggers) if needed is None or not lists.isdisjoint(needed)]
        conditions = {rule: self._bundle.condition(rule) for rule in sorted({*asked, *fired})}
        truths = self._bundle.truths(conditions, text, request)
        known = channel if rules.channel_id(channel) else "default"
        enforced = [rule for rule in fired if not self._scale.shadow[rule]]
        scores = tuple(self._scale.scores(enforced))
        symbols, origins = fold(text, DEFAULT)
        model = None if verdict.model is None else (verdict.model, float(probability(np.float32(verdict.model))))
        signals = None
        if (added := self._bundle.signals) is not None:
            signals = tuple((rules.rule_ids[k], added[k]) for k in enforced if self._scale.category[k] == COMMERCE)
        return Explanation(
            text,
            "".join(map(chr, symbols)),
            tuple(origins),
            rules.restored(text),
            tuple(hits),
            tuple(self._removed(text, hits)),
            tuple(self._answer(rule, tree, truths, rule in fired, day) for rule, tree in conditions.items()),
            None if signals is not None else self._scale.score(COMMERCE, enforced),
            model,
            signals,
            scores,
            {CATEGORIES[score.category]: self._thresholds(score, known) for score in scores},
            dict(rules.meta["severity_weights"]),
            tuple(
                exposure_steps(rules.meta["exposure"], verdict.action, verdict.commerce, verdict.risk, _record(seller))
            ),
            known,
            day,
            verdict,
            rules.rule_ids,
        )

    def _hits(self, text: str) -> list[Hit]:
        return [self._hit(text, *found) for found in self.rules.matches(text)]

    def _hit(self, text: str, word: str, name: str, begin: int, end: int) -> Hit:
        matched = text[begin:end]
        return Hit(name, word, matched, self.rules.fold(matched), begin, end)

    def _removed(self, text: str, hits: Sequence[Hit]) -> list[Removed]:
        """Hits that there would be without allow words, each with the allow word that covers it."""
        counted = set(hits)
        allows = self._bundle.allows
        found = []
        for match in self._bundle.without_allows().matches(text):
            hit = self._hit(text, *match)
            if hit in counted:
                continue
            covering = [
                other
                for other in hits
                if other.list in allows.get(hit.list, ()) and other.begin <= hit.begin and hit.end <= other.end
            ]
            if covering:
                found.append(Removed(hit, max(covering, key=lambda other: other.end - other.begin)))
        return found

    def _answer(
        self, rule: int, tree: Part, truths: Mapping[tuple[int, int, int], tuple[Span, ...]], fired: bool, day: int
    ) -> RuleAnswer:
        name = self.rules.rule_ids[rule]
        entry = self._meta[name]

        def node(part: Part) -> Node:
            found = truths.get((rule, part.begin, part.end))
            below = tuple(node(each) for each in part.parts)
            return Node(part.op.name.lower(), part.text, found is not None, found or (), below, part.name)

        return RuleAnswer(
            name,
            self.rules.rule_category(rule),
            entry["severity"],
            entry["mode"],
            float(entry["weight"]),
            entry["group"],
            self._bundle.in_force(rule, day),
            fired,
            node(tree),
            self.rules.citations(rule, day),
            self.rules.message(rule),
        )

    def _thresholds(self, score: CategoryScore, channel: str) -> tuple[tuple[Action, float, bool], ...]:
        value = np.float32(score.score)
        given = self._scale.thresholds(channel, score.category)
        return tuple((action, float(str(least)), bool(value >= least)) for action, least in given.items())


_NO_STANDING: Final = np.zeros(0, STANDING_DTYPE)


def _record(seller: Any) -> Any:
    """A standing as a record, whatever shape it came in."""
    if seller is None or isinstance(seller, int | np.integer):
        return seller
    return np.array(seller, STANDING_DTYPE).reshape(1)[0]


def _request(seller: Any, channel: str, language: str, day: int) -> dict[str, Any]:
    """What `check_batch` takes for one post."""
    request: dict[str, Any] = {"channels": channel or None, "languages": language or None, "days": day}
    if isinstance(seller, int | np.integer):
        request |= {"sellers": np.array([seller], np.int32), "standings": _NO_STANDING}
    elif seller is not None:
        standings = np.array(seller, STANDING_DTYPE).reshape(1)
        request |= {"sellers": np.zeros(1, np.int32), "standings": standings}
    return request
