"""A notice as Markdown, in Chinese or English. Every change of the data is in the text: a test walks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final, get_args

from .book import Book, Path, Value
from .difference import (
    Change,
    FieldChanged,
    ListAdded,
    ListFormChanged,
    ListRemoved,
    RuleAdded,
    RuleRemoved,
    ValueChanged,
    WordsChanged,
)
from .effects import pulls
from .markdown import code, codes, plain
from .notice import Entry, Notice, Way, way_of
from .phrases import Language, known, said

__all__ = ["cited", "markdown", "title"]

_MOST_USES: Final = 8


def title(notice: Notice, language: Language) -> str:
    """One line, without markup."""
    return said("title-emergency" if notice.emergency_reason else "title", language, day=notice.day.isoformat())


def markdown(notice: Notice, language: Language, *, most_words: int | None = None) -> str:
    """The body, without the title: CommonMark without HTML; headings begin at level 2.

    Args:
        most_words: of longer lists of words, so many are shown, and it is said how many more there are.
    """
    return _Text(notice, language, most_words).whole()


def cited(book: Book, basis: str, day: date, language: Language) -> tuple[str, str]:
    """(citation, summary) of `law/article` as in force on a day; of the last version, where none is."""
    law, _, article = basis.partition("/")
    versions = sorted({path[3] for path in book.values if path[:3] == ("laws", law, article)})
    iso, chosen = day.isoformat(), ""
    for begin in versions:
        until = book.value("laws", law, article, begin, "until")
        if begin <= iso and (until is None or iso < str(until)):
            chosen = begin
    chosen = chosen or (versions[-1] if versions else "")
    name = book.value("laws", law, "title", language) or book.value("laws", law, "title", "zh") or law
    where = ("laws", law, article, chosen)
    cite = book.value(*where, "cite", language) or book.value(*where, "cite", "zh") or article
    summary = book.value(*where, "summary", language) or ""
    return said("law", language, title=name, cite=cite), str(summary)


class _Text:
    def __init__(self, notice: Notice, language: Language, most_words: int | None) -> None:
        self._notice = notice
        self._language = language
        self._most_words = most_words
        self._used: dict[str, set[str]] = {}
        for book in (notice.old, notice.new):
            for rule, condition in book.conditions.items():
                for kind, name in pulls(condition):
                    if kind == "list":
                        self._used.setdefault(name, set()).add(rule)
        self._details: list[str] = []

    def say(self, key: str, **values: object) -> str:
        return said(key, self._language, **values)

    def whole(self) -> str:
        notice = self._notice
        parts = []
        if notice.emergency_reason:
            parts.append("> " + self.say("emergency", reason=plain(notice.emergency_reason)))
        counts: dict[str, object] = {way: sum(1 for _ in notice.of(way)) for way in get_args(Way)}
        parts.append(self.say("lead" if notice.entries else "nothing", day=notice.day.isoformat(), **counts))
        if notice.tightens:
            parts.append(self.say("rights"))
        for way in get_args(Way):
            entries = list(notice.of(way))
            if entries:
                parts.append(f"## {self.say(way)}")
                parts += [self._entry(entry) for entry in entries]
        parts.append(f"## {self.say('details')}")
        old, new = notice.old.revision, notice.new.revision
        parts.append("\n".join([f"- {self.say('revisions', old=code(old), new=code(new))}", *self._details]))
        return "\n\n".join(parts) + "\n"

    def _entry(self, entry: Entry) -> str:
        kind, name, *_ = entry.subject
        if kind == "rule":
            heading, lines = self._rule(name, entry)
        elif kind == "list":
            heading, lines = self._list(name, entry)
        else:
            heading, lines = self._value(entry)
        if entry.effects != entry.mainly:
            lines.append(self.say("exceptions"))
        return "\n".join([f"### {heading}", "", *(f"- {line}" for line in lines)])

    # ---- rules ------------------------------------------------------------------------------------------

    def _rule(self, rule: str, entry: Entry) -> tuple[str, list[str]]:
        new = self._notice.new.rules.get(rule)
        fields = new if new is not None else self._notice.old.rules[rule]
        book = self._notice.new if new is not None else self._notice.old
        message = (fields.get("message") or {}).get(self._language)
        heading = f"{plain(message)} ({code(rule)})" if message else code(rule)
        first = entry.changes[0][0]
        if isinstance(first, RuleAdded):
            lines = [self.say("rule-added" if fields.get("mode") == "enforce" else "rule-added-shadow")]
        elif isinstance(first, RuleRemoved):
            lines = [self.say("rule-removed")]
        else:
            lines = [self.say("rule-changed")]
        lines[0] += " " + self.say(
            "about",
            category=plain(book.category_name(fields["category"], self._language)),
            severity=self.say(fields["severity"]),
        )
        lines += self._fields(rule, entry)
        if not isinstance(first, FieldChanged):
            lines += self._period(fields)
            self._detail(rule, _written(fields["condition"], book.written.get(rule, {}), {}))
        if entry.way != "neither" or not isinstance(first, FieldChanged):
            lines += self._examples(rule, book)
        told = any(isinstance(change, FieldChanged) and change.field == "basis" for change, _ in entry.changes)
        if not told and (basis := fields.get("basis")):
            lines.append(self.say("basis", laws=self._laws(basis, book)))
        return heading, lines

    def _fields(self, rule: str, entry: Entry) -> Iterator[str]:
        for change, effects in entry.changes:
            if not isinstance(change, FieldChanged):
                continue
            if change.field == "condition":
                yield self.say(f"condition-{way_of(effects)}")
                self._detail(rule, self._conditions(change))
            else:
                yield self._field(change)

    def _field(self, change: FieldChanged) -> str:
        old, new = change.old, change.new
        match change.field:
            case "weight":
                return self.say("weight-up" if new > old else "weight-down", old=_number(old), new=_number(new))
            case "severity":
                return self.say("severity", old=self.say(old), new=self.say(new))
            case "mode":
                return self.say(f"mode-{new}")
            case "category":
                names = {
                    key: plain(book.category_name(value, self._language))
                    for key, value, book in (("old", old, self._notice.old), ("new", new, self._notice.new))
                }
                return self.say("category", **names)
            case "basis":
                before = self._laws(old or (), self._notice.old)
                return self.say("basis-changed", old=before, new=self._laws(new or (), self._notice.new))
            case "message":
                texts = {"old": (old or {}).get(self._language), "new": (new or {}).get(self._language)}
                return self.say("message", **{name: self._quoted(text) for name, text in texts.items()})
            case name:  # group, from, until
                return self.say(name, old=self._coded(old), new=self._coded(new))

    def _conditions(self, change: FieldChanged) -> str:
        """Both conditions as their packs wrote them; written out, where that is the same."""
        old, new = (book.written.get(change.rule, {}) for book in (self._notice.old, self._notice.new))
        if old == new:
            old = new = {}
        return f"{_written(change.old, old, new)} → {_written(change.new, new, old)}"

    def _detail(self, name: str, text: str) -> None:
        self._details.append(f"- {code(name)}: {text}")

    def _period(self, fields: Mapping[str, Any]) -> Iterator[str]:
        begin, end = fields.get("from"), fields.get("until")
        if begin and end:
            yield self.say("period", begin=begin, end=end)
        elif begin:
            yield self.say("period-from", begin=begin)
        elif end:
            yield self.say("period-until", end=end)

    def _examples(self, rule: str, book: Book) -> Iterator[str]:
        examples = book.examples.get(rule, {})
        for key, kind in (("not-allowed", "match"), ("allowed", "pass")):
            if texts := examples.get(kind):
                yield self.say(key, texts=self.say("comma").join(map(self._quoted, texts)))

    def _laws(self, basis: Iterable[str], book: Book) -> str:
        found = []
        for article in basis:
            citation, summary = cited(book, article, self._notice.day, self._language)
            law = plain(citation)
            found.append(self.say("law-says", law=law, summary=plain(summary)) if summary else law)
        return "; ".join(found) or self.say("none")

    def _quoted(self, text: str | None) -> str:
        return self.say("quote", text=plain(text)) if text else self.say("none")

    def _coded(self, value: object) -> str:
        return self.say("none") if value is None else code(value)

    # ---- lists ------------------------------------------------------------------------------------------

    def _list(self, name: str, entry: Entry) -> tuple[str, list[str]]:
        lines = [self.say(f"list-{way_of(self._notice.judge.more(name))}")]
        if used := sorted(self._used.get(name, ())):
            key = "list-used" if len(used) <= _MOST_USES else "list-used-many"
            lines.append(self.say(key, rules=codes(used[:_MOST_USES], self.say("comma")), count=len(used)))
        for change, _ in entry.changes:
            lines += self._list_change(change)
        return self.say("list", name=code(name)), lines

    def _list_change(self, change: Change) -> Iterator[str]:
        comma = self.say("comma")
        added: Sequence[object] = ()
        removed: Sequence[object] = ()
        match change:
            case ListAdded(_, words):
                yield self.say("list-added")
                added = [word.text for word in sorted(words.words)]
            case ListRemoved(_, words):
                yield self.say("list-removed")
                removed = [word.text for word in sorted(words.words)]
            case WordsChanged(_, more, fewer):
                added, removed = [word.text for word in more], [word.text for word in fewer]
            case ListFormChanged(_, "word_boundaries", _, new):
                yield self.say("boundaries-on" if new else "boundaries-off")
            case ListFormChanged(_, form, old, new):
                names = "folds" if form == "folds" else "lists"
                for way, left, right in (("more", new, old), ("fewer", old, new)):
                    if found := [each for each in left if each not in right]:
                        yield self.say(f"{form}-{way}", **{names: codes(found, comma)})
        for key, texts in (("words-added", added), ("words-removed", removed)):
            if texts:
                line = self.say(key, words=codes(texts[: self._most_words], comma))
                rest = len(texts) - self._most_words if self._most_words is not None else 0
                yield f"{line} {self.say('words-more', count=rest)}" if rest > 0 else line

    # ---- values -----------------------------------------------------------------------------------------

    def _value(self, entry: Entry) -> tuple[str, list[str]]:
        _, area, *rest = entry.subject
        changes = [change for change, _ in entry.changes if isinstance(change, ValueChanged)]
        for change in changes:
            values = [self._coded(_number(value) if value is not None else None) for value in (change.old, change.new)]
            self._detail(".".join(change.path), " → ".join(values))
        new = self._notice.new
        if area == "thresholds":
            channel = self.say("default-channel") if rest[0] == "default" else code(rest[0])
            heading = self.say(area, channel=channel, category=plain(new.category_name(rest[1], self._language)))
            return heading, [self._threshold(change) for change in changes]
        if area == "laws":
            where = ("laws", rest[0], "title", self._language)
            name = new.value(*where) or self._notice.old.value(*where) or rest[0]
            return self.say(area, title=plain(name)), [self._law(change.path, change) for change in changes]
        names = {}
        if rest:
            word = f"exposure-{rest[0]}" if area == "exposure" else rest[0]
            shown = self.say(word) if area in ("exposure", "severity_weights") and known(word) else code(rest[0])
            names = {"name": shown}
        lines = [self._change(change) for change in changes]
        note = {"examined_from": "examined-note", "model": "model-note", "channels": "channels-note"}.get(area)
        return self.say(area, **names), [*lines, *([self.say(note)] if note else [])]

    def _threshold(self, change: ValueChanged) -> str:
        key = "threshold-gone" if change.new is None else "threshold-new" if change.old is None else "threshold-both"
        values = {name: _number(value) for name, value in (("old", change.old), ("new", change.new))}
        return self.say(key, action=self.say(change.path[-1]), **values)

    def _law(self, path: Path, change: ValueChanged) -> str:
        _, _, part, *rest = path
        if part in ("title", "source") and len(rest) < 2:
            name = self.say(f"law-{part}")
        else:
            day, what, *_ = rest
            name = self.say(f"law-{what}", article=code(part), day=day)
        return f"{name}: {self._change(change)}"

    def _change(self, change: ValueChanged) -> str:
        key = "value-gone" if change.new is None else "value-new" if change.old is None else "value-both"
        return self.say(key, old=_shown(change.old), new=_shown(change.new))


def _written(condition: str, written: Mapping[str, str], others: Mapping[str, str]) -> str:
    """A condition as code: as written, with the named conditions that are written otherwise in `others`."""
    if "when" not in written:
        return code(condition)
    shown = [code(written["when"])]
    if "unless" in written:
        shown[0] += f" unless {code(written['unless'])}"
    for name, text in written.items():
        if name not in ("when", "unless") and others.get(name) != text:
            shown.append(code(f"{name}: {text}"))
    return "; ".join(shown)


def _shown(value: Value | None) -> str:
    return code(_number(value)) if isinstance(value, float | int) else plain(value)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | int) and not isinstance(value, bool) else str(value)
