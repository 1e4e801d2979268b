"""PatternSet: many patterns looked for at once, for those who want matches and no rules."""

import os
import threading

import numpy as np

cimport numpy as cnp

from libc.stdint cimport int64_t, uint8_t, uint32_t

from fairpost.engine.image cimport Image
from fairpost.engine.search cimport (
    DONE,
    ILL_FORMED,
    LONGEST_TEXT,
    NO_MEMORY,
    Search,
    outcome_t,
    task_t,
    unit_t,
)

from fairpost.engine.build import build_patterns
from fairpost.engine.folds import DEFAULT
from fairpost.engine.image import InvalidBundle
from fairpost.engine.matches import Matches
from fairpost.engine.request import check_threads
from fairpost.engine.shares import LEAST_BYTES, in_two_steps
from fairpost.engine.texts import Texts, parts_of
from fairpost.engine.vocabulary import UNITS

__all__ = ["DEFAULT_FOLDS", "PatternSet"]

DEFAULT_FOLDS = DEFAULT
"""All fold classes but "repeat": Ｖ信 is V信, 繁體 is 繁体, ① is 1, and 根*治 is 根治."""

_KINDS = ("overlapping", "leftmost-longest")
_MOST_TEXTS = (1 << 32) - 1  # their numbers are uint32


cdef class PatternSet:
    """Literal patterns, compiled. Immutable; any number of threads may search with it at once, without the GIL.

    Made by `compile`, `open` or `from_bytes`. `len()` is the number of patterns.
    """

    cdef Image image
    cdef object _content
    cdef list _spare  # Searches not in use: list.append and list.pop are atomic
    cdef list _patterns
    cdef readonly frozenset folds
    cdef readonly str match_kind
    cdef readonly bint word_boundaries

    def __init__(self):
        raise TypeError("a PatternSet is made by PatternSet.compile, PatternSet.open or PatternSet.from_bytes")

    @staticmethod
    def compile(patterns, *, folds=(), match_kind="overlapping", word_boundaries=False):
        """Compile patterns, str or UTF-8 bytes; their numbers are their positions.

        Args:
            patterns: at least one character and at most 255 symbols (folded characters) each. Equal ones are
                all reported when matches overlap; leftmost-longest reports the one with the lowest number.
            folds: what is not told apart: names of fold classes (`fairpost.engine.folds`), `DEFAULT_FOLDS` for all;
                () = every character is itself. "repeat" makes runs of a character one, after the others.
            match_kind: "overlapping", every place of every pattern; or "leftmost-longest", matches that do not overlap:
                from the left, the longest of those that begin first.
            word_boundaries: whether a pattern that begins or ends with an ASCII letter (digit) matches only where no
                further letter (digit) touches that end.

        Raises:
            TypeError: a pattern is neither str nor bytes.
            ValueError: a pattern is empty, is not Unicode text, folds to nothing or is too long (the message has its
                position); a fold class or match kind does not exist.
        """
        if isinstance(patterns, (str, bytes)):
            raise TypeError(f"patterns must be a list of patterns, not one {type(patterns).__name__}")
        if isinstance(folds, str):
            raise TypeError(f"folds must be a collection of names, not one str: ({folds!r},)")
        if match_kind not in _KINDS:
            raise ValueError(f"match_kind is {match_kind!r}, expected {' or '.join(_KINDS)}")
        texts = [_text_of(number, pattern) for number, pattern in enumerate(patterns)]
        meta = {"match_kind": match_kind}
        return PatternSet.from_bytes(build_patterns(texts, frozenset(folds), bool(word_boundaries), meta))

    @staticmethod
    def open(path):
        """Map the set that `save` wrote to `path`, and check it. The file must be replaced by rename, not written into.

        Raises:
            OSError: the file cannot be read.
            InvalidBundle: it is damaged, of another format, or a rule set; the message says what and where.
        """
        return _set_of(Image.open(path), f"{os.fspath(path)}: ")

    @staticmethod
    def from_bytes(content):
        """The same from what `to_bytes` gave."""
        return _set_of(Image(content), "")

    def to_bytes(self):
        """The compiled set, as in a file."""
        return self.image.content.tobytes()

    def save(self, path):
        """Write the compiled set to `path`: beside it, then renamed, so that others see the old file or the new one."""
        path = os.fsdecode(path)
        beside = f"{path}.{os.getpid()}-{threading.get_ident()}.new"
        try:
            with open(beside, "xb") as file:
                file.write(self.image.content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            if os.path.exists(beside):
                os.unlink(beside)
            raise

    @property
    def patterns(self):
        """The patterns as given, as str."""
        if self._patterns is None:
            content, ends = self.image.sections["PTXT"].tobytes(), self.image.sections["PTXO"].tolist()
            try:
                self._patterns = [content[begin:end].decode() for begin, end in zip(ends, ends[1:])]
            except UnicodeDecodeError:
                raise InvalidBundle("section PTXT: a pattern is not UTF-8") from None
        return list(self._patterns)

    @property
    def digest(self):
        """SHA-256 of the content, 64 hex digits."""
        return self.image.digest

    @property
    def revision(self):
        """The first 12 hex digits of the digest."""
        return self.image.digest[:12]

    @property
    def size(self):
        """Bytes of the compiled set."""
        return self.image.size

    def __len__(self):
        return self.image.view.pattern_count

    def __repr__(self):
        return f"<PatternSet {self.revision}: {len(self)} patterns, {self.match_kind}>"

    def __reduce__(self):
        return PatternSet.from_bytes, (self.to_bytes(),)

    # -- batches ---------------------------------------------------------------------------------------------------

    def scan(self, texts, *, unit="codepoints", threads=1, errors="strict"):
        """All matches in n texts, as `Matches`: by text, then begin, then end, then pattern.

        Args:
            texts: a list of str or UTF-8 bytes, `Texts`, or an Arrow column of strings or bytes (pyarrow, Polars,
                pandas, anything with the PyCapsule interface), whose chunks are neither joined nor, but for views,
                copied. None and nulls are texts without matches.
            unit: of begin and end: "codepoints" (positions in a str), "utf8" (bytes), "utf16" (code units).
            threads: how many work on the batch, in parts of equally many bytes. The answer is always the same.
            errors: "strict" raises for a text that is not UTF-8 (or has a lone surrogate); "skip" finds nothing in it
                and notes it in `Matches.ill_formed`.

        Raises:
            ValueError: a text is ill-formed; the message names it and the byte. A text is longer than 2**30 bytes.
            TypeError: `texts` is nothing of these.
        """
        if unit not in UNITS:
            raise ValueError(f"unit is {unit!r}, expected one of {', '.join(UNITS)}")
        parts, total = _parts(texts)
        columns, ill_formed = self._search(parts, unit, self.match_kind == _KINDS[1], threads, errors, None)
        return Matches(columns, ill_formed, total, unit)

    def count(self, texts, *, threads=1, errors="strict"):
        """uint32[n], the number of matches in each text. The arguments are those of `scan`."""
        parts, total = _parts(texts)
        counts = np.zeros(total, dtype=np.uint32)
        self._search(parts, "utf8", self.match_kind == _KINDS[1], threads, errors, counts)
        return counts

    # -- one text --------------------------------------------------------------------------------------------------

    def is_match(self, text):
        """Whether any pattern matches in `text`, str or UTF-8 bytes."""
        return bool(self.count([_one(text)])[0])

    def find(self, text, *, unit="codepoints"):
        """[(pattern, begin, end)] of the matches in one text, by begin, then end, then pattern."""
        found = self.scan([_one(text)], unit=unit)
        return list(zip(found.pattern.tolist(), found.begin.tolist(), found.end.tolist()))

    def replace(self, text, by):
        """`text`, a str, with its leftmost-longest matches replaced, whatever the set's match kind.

        Args:
            by: a str for all; a sequence with one for each pattern; a mapping from patterns, by number or as
                given, where those left out stay; or a callable that gets the pattern's number and the matched text.

        Raises:
            ValueError: a sequence has not one str for each pattern.
            TypeError: what is to be put in is no str.
        """
        if not isinstance(text, str):
            raise TypeError(f"text is {type(text).__name__}, expected str")
        choose = self._chooser(by)
        columns, _ = self._search([Texts.of([text])], "codepoints", True, 1, "strict", None)
        _, pattern, begin, end = (column.tolist() for column in columns)
        pieces = []
        at = 0
        for k in range(len(pattern)):
            matched = text[begin[k]:end[k]]
            put = choose(pattern[k], matched)
            if not isinstance(put, str):
                raise TypeError(f"pattern {pattern[k]} is replaced by {type(put).__name__}, expected str")
            pieces += (text[at:begin[k]], put)
            at = end[k]
        return "".join((*pieces, text[at:]))

    def _chooser(self, by):
        if isinstance(by, str):
            return lambda pattern, matched: by
        if callable(by):
            return by
        if hasattr(by, "keys"):
            by_number = {
                number: by[key]
                for number, pattern in enumerate(self.patterns)
                for key in (number, pattern)
                if key in by
            }
            return by_number.get
        if len(by) != len(self):
            raise ValueError(f"by has {len(by)} replacements, expected one for each of the {len(self)} patterns")
        return lambda pattern, matched: by[pattern]

    # -- the search ------------------------------------------------------------------------------------------------

    def _search(self, parts, unit, is_longest, threads, errors, counts):
        """((post, pattern, begin, end), (ill-formed text, byte)) of a list of Texts."""
        if errors not in ("strict", "skip"):
            raise ValueError(f"errors is {errors!r}, expected strict or skip")
        check_threads(threads)
        options = (UNITS.index(unit), is_longest, errors == "strict", counts)
        columns, ill_formed = [], []

        def between(searches):
            """Room for what all have found, and where in it each begins."""
            places = []
            rows = bad_rows = 0
            for search in searches:
                places.append((rows, bad_rows))
                found, bad = search.counts()
                rows += found
                bad_rows += bad
            columns.extend([np.empty(rows, np.uint32) for _ in range(4)])
            ill_formed.extend([np.empty(bad_rows, np.uint32) for _ in range(2)])
            return places

        def finish(search, place):
            search.put(tuple(columns), tuple(ill_formed), *place)
            self._spare.append(search)

        in_two_steps(lambda share: self._work(share, options), _shares(parts, threads), between, finish)
        return columns, ill_formed

    def _work(self, share, options):
        """The Search with the answer for the share of one thread: [(Texts, first, end, number of the first text)]."""
        cdef Search search
        cdef task_t task
        cdef outcome_t outcome = DONE
        unit, is_longest, is_strict, counts = options
        task.unit = <unit_t><int>unit
        task.is_longest = is_longest
        task.is_strict = is_strict
        task.counts = NULL if counts is None else <uint32_t*>cnp.PyArray_DATA(<cnp.ndarray>counts)
        try:
            search = self._spare.pop()
        except IndexError:
            search = Search(self.image)
        for texts, first, end, base in share:
            task.bytes = <const uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>texts.bytes)
            task.readable = task.bytes + <size_t>texts.bytes.size
            task.offsets = <const int64_t*>cnp.PyArray_DATA(<cnp.ndarray>texts.offsets)
            task.first, task.end, task.base = first, end, base
            with nogil:
                outcome = search.run(&task)
            if outcome != DONE:
                break
        if outcome == DONE:
            return search
        fault, byte = search.fault, search.bad_byte.at[search.bad_byte.count - 1] if outcome == ILL_FORMED else 0
        search.forget()
        self._spare.append(search)
        if outcome == NO_MEMORY:
            raise MemoryError(f"searching {sum(len(texts) for texts, *_ in share)} texts")
        texts, number = _text_at(share, fault)
        if outcome == ILL_FORMED:
            raise ValueError(f"texts[{fault}] {_ill_formed(texts[number], byte)}")
        length = texts.offsets[number + 1] - texts.offsets[number]
        raise ValueError(f"texts[{fault}] has {length} bytes, the longest may have {LONGEST_TEXT}")


cdef PatternSet _set_of(Image image, str where):
    """The set in a bundle; `where` is where it comes from."""
    if not image.is_pattern_set:
        raise InvalidBundle(f"{where}a rule set, expected a pattern set: open it with RuleSet")
    folds, kind, boundaries = image.meta["folds"], image.meta.get("match_kind"), image.meta["word_boundaries"]
    if kind not in _KINDS:
        raise InvalidBundle(f"{where}section META: match_kind is {kind!r}, expected {' or '.join(_KINDS)}")
    cdef PatternSet made = PatternSet.__new__(PatternSet)
    made.image = image
    made.folds = frozenset(folds)
    made.match_kind = kind
    made.word_boundaries = boundaries
    made._spare = []
    return made


def _text_of(number, pattern):
    """Pattern `number` as str."""
    if isinstance(pattern, bytes):
        try:
            pattern = pattern.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"patterns[{number}] is not UTF-8 at byte {error.start}") from None
    if not isinstance(pattern, str):
        raise TypeError(f"patterns[{number}] is {type(pattern).__name__}, expected str or bytes")
    return str(pattern)


def _one(text):
    if not isinstance(text, (str, bytes)):
        raise TypeError(f"text is {type(text).__name__}, expected str or bytes")
    return text


def _parts(texts):
    """([Texts], number of texts)."""
    parts = parts_of(texts)
    total = sum(map(len, parts))
    if total > _MOST_TEXTS:
        raise ValueError(f"{total} texts at once, at most {_MOST_TEXTS} can be numbered")
    return parts, total


def _shares(parts, threads):
    """For each thread [(Texts, first, end, base)]: runs of the batch's texts, of about equally many bytes each.

    Text k of a Texts is number base + k of all.
    """
    sizes = [int(part.offsets[len(part)] - part.offsets[0]) for part in parts]
    total = sum(sizes)
    threads = max(1, min(threads, total // LEAST_BYTES))
    shares = [[] for _ in range(threads)]
    base = before = 0
    for part, size in zip(parts, sizes):
        # Where in the part's bytes each thread's share ends.
        bounds = [total * (k + 1) // threads - before + part.offsets[0] for k in range(threads)]
        ends = np.searchsorted(part.offsets[:len(part)], bounds, "left").tolist()
        ends[threads - 1] = len(part)
        first = 0
        for share, end in zip(shares, ends):
            if end > first:
                share.append((part, first, end, base))
                first = end
        base += len(part)
        before += size
    return [share for share in shares if share] or [[]]


def _text_at(share, number):
    """(Texts, text in it) of text `number` of all."""
    for texts, first, end, base in share:
        if base + first <= number < base + end:
            return texts, number - base
    raise IndexError(number)


def _ill_formed(text, byte):
    what = f"0x{text[byte]:02x}"
    if what == "0xed" and len(text) > byte + 1 and text[byte + 1] >= 0xA0:
        what = "a surrogate"
    return f"is not UTF-8 at byte {byte} ({what}); errors='skip' leaves such texts out"
