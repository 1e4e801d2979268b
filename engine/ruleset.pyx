"""RuleSet: a compiled rule set, ready to judge batches of posts."""

import functools
from datetime import date

import numpy as np

cimport numpy as cnp

from libc.stdint cimport int32_t
from libc.time cimport time, time_t

from fairpost.engine.image cimport Image, standing_t
from fairpost.engine.finder cimport Finder
from fairpost.engine.judge cimport Judge
from fairpost.engine.single cimport Single

from fairpost.engine.dates import date_of_day, day_of_date, day_of_today
from fairpost.engine.folds import DEFAULT, fold
from fairpost.engine.hits import hit_columns
from fairpost.engine.layout import FIRST_SYMBOL
from fairpost.engine.image import InvalidBundle
from fairpost.engine.bulk import Columns, judge_batch
from fairpost.engine.request import (
    MOST_CHARACTERS,
    check_options,
    check_threads,
    days_of,
    numbers_of,
    segments_of,
    sellers_of,
)
from fairpost.engine.texts import Texts
from fairpost.engine.wire import PostWire
from fairpost.engine.verdict import InvalidPost, VerdictBatch
from fairpost.engine.vocabulary import CATEGORIES, MAX_CATEGORIES, STANDING_DTYPE, UNITS

__all__ = ["InvalidBundle", "RuleSet"]

_WORDS = 32  # the words of evidence repeat; longer spans are seldom and not remembered


@functools.lru_cache(maxsize=16384)
def _fold_words(text):
    return "".join(map(chr, fold(text, DEFAULT)[0]))


_FIRST_DAY, _LAST_DAY = day_of_date(date.min), day_of_date(date.max)
_UNIT_NUMBERS = {unit: number for number, unit in enumerate(UNITS)}

cdef time_t _day_asked = -1  # the moment of the last question, and its answer
cdef int _day_then = 0


cdef int day_now() except? -1:
    """`dates.day_of_today`, asked anew once a second."""
    global _day_asked, _day_then
    cdef time_t now = time(NULL)
    if now != _day_asked:
        _day_then = day_of_today()
        _day_asked = now
    return _day_then


cdef class RuleSet:
    """A compiled rule set. Immutable; any number of threads may judge with it at once, without the GIL."""

    cdef Image image
    cdef readonly object path
    cdef readonly list rule_ids
    cdef list _rules
    cdef list _rule_categories
    cdef list _spare  # Judges not in use: list.append and list.pop are atomic
    cdef list _spare_singles
    cdef dict _channels
    cdef dict _languages
    cdef dict _citations
    cdef object _wire

    def __init__(self, Image image not None, path=None):
        if image.is_pattern_set:
            where = "" if path is None else f"{path}: "
            raise InvalidBundle(f"{where}a pattern set without rules, expected a rule set: open it with PatternSet")
        self.image = image
        self.path = path
        self.rule_ids = image.meta["rule_ids"]
        by_id = {rule["id"]: rule for rule in image.meta.get("rules", ())}
        self._rules = [by_id.get(name, {}) for name in self.rule_ids]
        self._rule_categories = [CATEGORIES[k] for k in image.sections["RULE"]["category"].tolist()]
        self._spare = [Judge(image)]  # what judges share is made now, not in the first call
        self._spare_singles = []
        self._channels = {name: number for number, name in enumerate(image.meta["channels"])}
        self._languages = {name: number for number, name in enumerate(image.meta["languages"])}
        self._citations = {}
        self._wire = None

    @staticmethod
    def open(path, *, checked=""):
        """Map the bundle at `path`, check it, and make it ready.

        Args:
            checked: see `Image.open`.

        Raises:
            OSError: the file cannot be read.
            InvalidBundle: it is damaged or of another format; the message says what and where.
        """
        return RuleSet(Image.open(path, checked=checked), path)

    @staticmethod
    def from_bytes(content):
        """The same from the bytes of a bundle, or a file of one mapped into memory."""
        return RuleSet(Image(content))

    @property
    def digest(self):
        """SHA-256 of the content, 64 hex digits."""
        return self.image.digest

    @property
    def revision(self):
        """The first 12 hex digits of the digest."""
        return self.image.digest[:12]

    @property
    def meta(self):
        """What the compiler noted: rules, lists, laws, policy. Do not change it."""
        return self.image.meta

    @property
    def size(self):
        """Bytes of the bundle."""
        return self.image.size

    @property
    def pattern_count(self):
        """Patterns of all lists. Of a regular pattern's anchors only the first counts."""
        sections = self.image.sections
        return self.image.view.pattern_count - (sections["RGXA"].size - sections["RGXR"].size)

    @property
    def rule_count(self):
        return self.image.view.rule_count

    @property
    def has_model(self):
        """Whether the bundle holds a text model."""
        return self.image.view.model_weights != NULL

    @property
    def commerce_rules(self):
        """Numbers of the enforced COMMERCE rules: uint16[k], ascending."""
        rules = self.image.sections["RULE"]
        return np.flatnonzero((rules["category"] == 0) & (rules["mode"] == 0)).astype(np.uint16)

    @property
    def signals(self):
        """What each rule adds to the logit that is `commerce`: float64[rules]; None where that is a noisy-or."""
        signals = self.image.sections["MODR"]
        return signals if signals.size else None

    def __repr__(self):
        return f"<RuleSet {self.revision}: {self.rule_count} rules, {self.pattern_count} patterns>"

    def __reduce__(self):
        raise TypeError("a RuleSet is not pickled: open its file in each process (the mapping is shared)")

    def channel_id(self, name):
        """Number of a channel; 0, the default, for one that the policy does not name."""
        return self._channels.get(name, 0)

    def language_id(self, name):
        """Number of a language; 0 for one that no rule names."""
        return self._languages.get(name, 0)

    def thresholds(self, channel):
        """Least score for each `Action`, by category, in a channel given by name: float32[MAX_CATEGORIES, 5]; infinity
        where the action is never taken."""
        return self.image.sections["THRE"].reshape(-1, MAX_CATEGORIES, 5)[self.channel_id(channel)]

    def fold(self, text):
        """`text` as the scan reads it."""
        return _fold_words(text) if len(text) <= _WORDS else "".join(map(chr, fold(text, DEFAULT)[0]))

    def patterns(self):
        """[(text as written, names of its lists)] of all patterns, by number. No kernel reads these texts, so opening
        does not look at them either: what a forged bundle has in place of UTF-8 comes as U+FFFD.

        Further anchors of a regular pattern have numbers too, no text and no lists.
        """
        sections = self.image.sections
        names = self.meta["list_names"]
        content, ends = sections["PTXT"].tobytes(), sections["PTXO"].tolist()
        lists = sections["PLST"].tolist()
        return [
            (content[begin:end].decode(errors="replace"), tuple(names[k] for k in lists[first:first + count]))
            for begin, end, (first, count) in zip(ends, ends[1:], sections["PATT"][["lists", "list_count"]].tolist())
        ]

    def matches(self, text):
        """[(pattern as written, list name, begin, end)] of all hits that count, in code points, by position.

        A recogniser's hit has the recogniser's name as its pattern. For tools and tests: slow.
        """
        encoded = text.encode()
        patterns = self.patterns()
        names = self.meta["list_names"]
        found = Finder(self.image).hits(encoded)
        return [
            (
                names[list_id] if pattern is None else patterns[pattern][0],
                names[list_id],
                len(encoded[:begin].decode()),
                len(encoded[:end].decode()),
            )
            for pattern, list_id, begin, end in found
        ]

    def restored(self, text):
        """The text as it was meant, under the default folds; None where nothing in it is disguised.

        For tools and tests: slow. A character without a symbol of its own is told as it is written.
        """
        encoded = text.encode()
        found = Finder(self.image).restored(encoded)
        if found is None:
            return None
        return "".join(
            [
                chr(symbol)
                if symbol >= FIRST_SYMBOL and not 0xD800 <= symbol < 0xE000
                else encoded[begin:].decode()[0]
                for symbol, begin in found
            ]
        )

    def hits(self, texts, *, max_characters=100_000):
        """(post, pattern, list) of every hit that counts in each of n texts: which words were found, before any rule.

        post uint32[m], number of the text, ascending; pattern uint32[m], number in `patterns()`, NO_PATTERN for a
        recogniser; list uint16[m], number in `meta["list_names"]`. Hits inside allow words do not count. Recognisers
        that no rule asks for are left out, and nothing is found in texts at fault.

        Args:
            texts: as in `check_batch`.
        """
        check_options("utf8", max_characters)
        return hit_columns(self.image, self._spare, Texts.of(texts), max_characters)

    def triggers(self):
        """[names of lists, or None] by rule number: without a hit in one of them the rule is not evaluated; None:
        it is evaluated on every post."""
        sections = self.image.sections
        names = self.meta["list_names"]
        found = [[] for _ in self.rule_ids]
        offsets, rules = sections["TRGO"].tolist(), sections["TRIG"].tolist()
        for list_id, (begin, end) in enumerate(zip(offsets, offsets[1:])):
            for rule in rules[begin:end]:
                found[rule].append(names[list_id])
        for rule in sections["ALWA"].tolist():
            found[rule] = None
        return [None if lists is None else tuple(lists) for lists in found]

    @property
    def wire(self):
        """PostWire: requests of the API from bytes to bytes. Made when it is first asked for, which takes a moment."""
        if self._wire is None:  # two threads may both make it: they make the same
            self._wire = PostWire(self.image, self, self._channels, self._languages)
        return self._wire

    def rule_category(self, rule):
        """Category code of rule number `rule`."""
        return self._rule_categories[rule]

    def noted(self, rule):
        """What the compiler noted of rule number `rule`: message, basis, mode, ...; {} where it noted nothing. Do not
        change it."""
        return self._rules[rule]

    def message(self, rule, language="zh"):
        """The rule's message for people; "" if it has none."""
        return (self._rules[rule].get("message") or {}).get(language, "")

    def citations(self, rule, day):
        """The articles on which rule number `rule` rests, as in force on `day` (days since 1970-01-01).

        Where none was in force on that day (a post from before the law), the article is left out.
        """
        key = (rule, day)
        found = self._citations.get(key)
        if found is None:
            on = date_of_day(min(max(day, _FIRST_DAY), _LAST_DAY)).isoformat()
            found = tuple(self._cite(article, on) for article in self._rules[rule].get("basis", ()))
            found = tuple(citation for citation in found if citation)
            if len(self._citations) > 65536:  # crafted dates must not fill the memory
                self._citations.clear()
            self._citations[key] = found
        return found

    def turns(self, rule):
        """[date, as the laws write it] from which on `citations(rule, day)` may be others than before."""
        found = []
        for article in self._rules[rule].get("basis", ()):
            law_id, _, name = article.partition("/")
            for version in self.meta.get("laws", {}).get(law_id, {}).get("articles", {}).get(name, ()):
                found.append(version["from"])
                if version.get("until"):
                    found.append(version["until"])
        return found

    def article(self, article, on):
        """(law, version) of an article (law/name) as in force on a day (ISO 8601), as the compiler noted them; None
        where none was."""
        law_id, _, name = article.partition("/")
        law = self.meta.get("laws", {}).get(law_id)
        if law is None:
            return None
        for version in law["articles"].get(name, ()):
            if version["from"] <= on and (not version.get("until") or on < version["until"]):
                return law, version
        return None

    def _cite(self, article, on):
        found = self.article(article, on)
        if found is None:
            return ""
        law, version = found
        return f"《{law['title']['zh']}》{version['cite']['zh']}"

    def check(self, text, *, extra=(), seller=None, channel=None, language=None, day=None, unit="codepoints",
              max_characters=100_000):
        """Judge one post.

        Args:
            text: the post, str or UTF-8 bytes.
            extra: further texts of the post (comments, text read from images).
            seller: None (the post names none), SELLER_NOT_FOUND, SELLER_UNAVAILABLE, or a STANDING_DTYPE record.
            day: days since 1970-01-01; None = today (in China, see `dates`).

        Raises:
            InvalidPost: the text is empty, too long or not UTF-8.
        """
        standings = sellers = None
        if seller is None:
            pass
        elif isinstance(seller, (int, np.integer)):
            sellers = np.array([seller], dtype=np.int32)
        else:
            standings = np.array(seller, dtype=STANDING_DTYPE).reshape(1)
            sellers = np.zeros(1, dtype=np.int32)
        if not extra:
            if seller is not None:
                sellers, standings = sellers_of(sellers, standings, 1)
            return self._check_one(text, sellers, standings, channel, language, day, unit, max_characters)
        texts = [text, *extra]
        batch = self.check_batch(
            texts,
            segments=np.array([0, len(texts)]),
            sellers=sellers,
            standings=standings,
            channels=channel,
            languages=language,
            days=day,
            unit=unit,
            max_characters=max_characters,
        )
        error = batch.error(0)
        if error is not None:
            raise InvalidPost(error)
        return batch[0]

    cdef object _check_one(self, text, sellers, standings, channel, language, day, unit, max_characters):
        """`check` of a post with one text, without columns for a batch."""
        cdef Single single
        cdef int number = _UNIT_NUMBERS.get(unit, -1), on = day_now() if day is None else int(day)
        if number < 0 or not 0 < max_characters <= MOST_CHARACTERS:
            check_options(unit, max_characters)  # says what is wrong
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"text is {type(text).__name__}, expected str or bytes")
        try:
            single = self._spare_singles.pop()
        except IndexError:
            single = Single(self.image)
        single.request.sellers = <const int32_t*>_at(sellers)
        single.request.standings = <const standing_t*>_at(standings)
        single.request.channel = 0 if channel is None else self._channels.get(channel, 0)
        single.request.language = 0 if language is None else self._languages.get(language, 0)
        single.request.day = on
        single.request.unit = number
        single.request.max_characters = max_characters
        try:
            verdict = single.check(self, text, unit, on)
        except InvalidPost:  # refused before anything fired; after a MemoryError it would not be clean
            self._spare_singles.append(single)
            raise
        self._spare_singles.append(single)
        return verdict

    def check_batch(self, texts, *, segments=None, sellers=None, standings=None, channels=None, languages=None,
                    days=None, unit="codepoints", max_characters=100_000, threads=1):
        """Judge n posts at once, without the GIL; a post at fault has a status, and its neighbours are unaffected.

        Args:
            texts: `Texts`, a list of str or bytes, or a pyarrow string or binary array.
            segments: None (text i is post i), or int[n + 1]: post i owns texts segments[i] .. segments[i + 1].
            sellers: None, or int32[n]: rows of `standings`, or SELLER_NONE, SELLER_NOT_FOUND, SELLER_UNAVAILABLE.
            standings: STANDING_DTYPE[m].
            channels, languages: None, one name for all, n names, or uint16[n] numbers (`channel_id`).
            days: None (today in China), one day for all, or int32[n], as days since 1970-01-01.
            unit: of the spans: "utf8" (bytes), "utf16" (code units) or "codepoints".
            max_characters: longest text, in code points.
            threads: how many work on the batch, in parts of about equally many bytes. The answer is always the same.

        Raises:
            ValueError, TypeError: a column has the wrong length, type or range; the message names it.
        """
        columns = Texts.of(texts)
        posts, spans = segments_of(segments, len(columns))
        seller_column, standing_column = sellers_of(sellers, standings, posts)
        channel_column, channel = numbers_of(channels, posts, self._channels, "channels")
        language_column, language = numbers_of(languages, posts, self._languages, "languages")
        day_column, day = days_of(days, posts)
        check_options(unit, max_characters)
        check_threads(threads)
        given = Columns(
            bytes=columns.bytes,
            offsets=columns.offsets,
            segments=spans,
            posts=posts,
            sellers=seller_column,
            standings=standing_column,
            channels=channel_column,
            channel=channel,
            languages=language_column,
            language=language,
            days=day_column,
            day=day,
            unit=UNITS.index(unit),
            max_characters=max_characters,
        )
        judged = judge_batch(self.image, self._spare, given, threads)
        when = day if day_column is None else day_column
        return VerdictBatch(self, columns, spans, when, unit, max_characters, judged)


cdef void* _at(column) except? NULL:
    """First byte of a column; NULL for None."""
    return NULL if column is None else cnp.PyArray_DATA(<cnp.ndarray>column)
