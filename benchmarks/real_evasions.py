"""How real sellers disguise what they write: measured on adverts that say the same in different disguises.

    python benchmarks/real_evasions.py CORPORA

CORPORA holds labelled.jsonl (text, spam, source) and the folder evasion (tables of other people, see
`fairpost.rules.mutation.read_tables`). Adverts that share a good part of their sounds are one campaign; they are
aligned, and where one of them writes a character of the same sound or look as another one does, the form that ordinary
text has more seldom there is the disguise. Whether our reader would tell it plays no part. Only counts are printed.

What is counted as no disguise: a form that ordinary text has at that place, too (帐户, 以经: slips), and a pair of
characters that normal messages exchange as well.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT, evasion, fold
from fairpost.rules import shipped_bundle
from fairpost.rules.mutation import Writing, read_tables

SOURCES = ("sms800k", "sms800k_6class", "fbs_sms")
SHORTEST = 10
SHINGLE = 4
COMMONEST = 400
"""A shingle that more texts have tells no campaign."""
SHARED = 0.3
NEIGHBOURS = 8
ORDINARY = 2
"""Pairs that ordinary text has more often than this are ordinary."""
SELDOMER = 30
"""Ordinary text has a plain character so many times as often as one that stands for it, if their pairs tell nothing."""
CONTEXT = 2
USUAL = 8
BINS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Disguise:
    """Character `at` of a text, meant as another one."""

    at: int
    meant: str
    written: str
    sounds: bool
    looks: bool


def folded(text: str) -> str:
    return "".join(map(chr, fold(text, DEFAULT)[0]))


def is_han(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff"


class Ordinary:
    """How often everyday text has two characters side by side."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._pairs: Counter[str] = Counter()
        for text in texts:
            self._pairs.update(text[k : k + 2] for k in range(len(text) - 1))

        self._characters = Counter("".join(texts))

    def often(self, char: str) -> int:
        return self._characters[char]

    def around(self, text: str, at: int, char: str) -> int:
        """How often it has the more frequent of the pairs that `char` would make at `at`."""
        pairs = [text[at - 1] + char] if at else []
        pairs += [char + text[at + 1]] if at + 1 < len(text) else []
        return max((self._pairs[pair] for pair in pairs), default=0)


def neighbours(texts: Sequence[str], judge: Judge) -> Iterator[tuple[int, int]]:
    """Pairs of texts (later, earlier) that share SHARED of the shorter one's shingles of sounds."""
    shingles = []
    index: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        sounds = [judge.sound(c) for c in text]
        shingles.append({tuple(sounds[k : k + SHINGLE]) for k in range(len(sounds) - SHINGLE + 1)})
        for shingle in shingles[-1]:
            index[shingle].append(number)
    for number, own in enumerate(shingles):
        shared: Counter[int] = Counter()
        for shingle in own:
            if len(index[shingle]) <= COMMONEST:
                shared.update(other for other in index[shingle] if other < number)
        for other, count in shared.most_common(NEIGHBOURS):
            if count >= SHINGLE + 2 and count >= SHARED * min(len(own), len(shingles[other])):
                yield number, other


def aligned(a: str, b: str) -> Iterator[tuple[int, int]]:
    """Places at which two texts have different characters where they are otherwise alike."""
    for tag, i, j, k, n in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "replace" and j - i == n - k:
            yield from zip(range(i, j), range(k, n), strict=True)


class Judge:
    """Which of two characters is a disguise of the other, by tables of other people and by ordinary text alone."""

    def __init__(self, writing: Writing, ordinary: Ordinary) -> None:
        self._writing = writing
        self._ordinary = ordinary
        self.sound = cache(self._sound)
        self.relation = cache(self._relation)

    def _sound(self, char: str) -> str:
        """Its syllable; the character itself where it has none."""
        return self._writing.pinyin(char)[0] if self._writing.pinyin(char) else char

    def _relation(self, a: str, b: str) -> tuple[bool, bool]:
        """Whether two Han characters sound alike, and whether they look alike."""
        if not (is_han(a) and is_han(b)):
            return False, False
        looks = b in self._writing.look_alikes(a) or a in self._writing.look_alikes(b)
        return self.sound(a) == self.sound(b), looks

    def is_plain(self, text: str, at: int, char: str, other: str) -> bool:
        """Whether ordinary text has `char` there and `other` not, or `other` nowhere."""
        pairs = self._ordinary.around(text, at, char), self._ordinary.around(text, at, other)
        if pairs[1] > ORDINARY:
            return False
        return pairs[0] > ORDINARY or self._ordinary.often(char) > SELDOMER * (1 + self._ordinary.often(other))


def disguises_in(texts: Sequence[str], judge: Judge) -> dict[int, dict[int, Disguise]]:
    """By text and place: what a text of the same campaign, or the usual text around the place, writes plainly."""
    found: defaultdict[int, dict[int, Disguise]] = defaultdict(dict)
    for first, second in neighbours(texts, judge):
        for i, k in aligned(texts[first], texts[second]):
            a, b = texts[first][i], texts[second][k]
            if any(relation := judge.relation(a, b)):
                if judge.is_plain(texts[second], k, b, a):
                    found[first][i] = Disguise(i, b, a, *relation)
                elif judge.is_plain(texts[first], i, a, b):
                    found[second][k] = Disguise(k, a, b, *relation)
    for number, each in in_usual_context(texts, judge):
        found[number].setdefault(each.at, each)
    return found


def in_usual_context(texts: Sequence[str], judge: Judge) -> Iterator[tuple[int, Disguise]]:
    """Places where USUAL times as many texts have another character between the same CONTEXT characters."""
    fills: defaultdict[str, defaultdict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for number, text in enumerate(texts):
        for at in range(CONTEXT, len(text) - CONTEXT):
            if is_han(text[at]):
                fills[text[at - CONTEXT : at] + text[at + 1 : at + 1 + CONTEXT]][text[at]].append((number, at))
    for by_char in fills.values():
        meant, places = max(by_char.items(), key=lambda item: (len(item[1]), item[0]))
        for written, others in by_char.items():
            relation = judge.relation(meant, written)
            if any(relation) and len(places) >= USUAL * len(others) and written != meant:
                for number, at in others:
                    if judge.is_plain(texts[number], at, meant, written):
                        yield number, Disguise(at, meant, written, *relation)


def meant_text(text: str, found: dict[int, Disguise]) -> str:
    return "".join(found[k].meant if k in found else c for k, c in enumerate(text))


def _table(title: str, counts: Counter[str], order: Sequence[str]) -> None:
    total = max(counts.total(), 1)
    print(f"{title} (of {counts.total():,})")
    for name in order:
        print(f"  {name:<24} {counts[name]:>6,} {100 * counts[name] / total:>6.1f}%")


def rank_bin(rank: int) -> str:
    """0: the likeliest; "other": not in the list."""
    if rank < 0:
        return "other"
    low = 1
    for high in BINS:
        if rank < high:
            return f"{low}" if low == high else f"{low}-{high}"
        low = high + 1
    return f"over {BINS[-1]}"


BIN_NAMES = tuple(dict.fromkeys([*(rank_bin(k) for k in range(BINS[-1] + 1)), "other"]))


def main() -> None:
    """Measure, and print the distributions."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("corpora", type=Path)
    options.add_argument("--show", type=int, default=0, help="print so many of the pairs, the most frequent first")
    chosen = options.parse_args()
    writing = read_tables(chosen.corpora / "evasion")
    with (chosen.corpora / "labelled.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    kinds = [
        {folded(row["text"]) for row in rows if row["spam"] == spam and (spam != 1 or row["source"] in SOURCES)}
        for spam in (1, 0, None)
    ]
    adverts, normal, unlabelled = (sorted(text for text in kind if len(text) >= SHORTEST) for kind in kinds)
    judge = Judge(writing, Ordinary([*normal, *unlabelled]))
    slips = {(each.meant, each.written) for found in disguises_in(normal, judge).values() for each in found.values()}
    found = {
        number: kept
        for number, marked in disguises_in(adverts, judge).items()
        if (kept := {at: each for at, each in marked.items() if (each.meant, each.written) not in slips})
    }
    report(adverts, found, writing, len(slips), chosen.show)


def report(
    adverts: Sequence[str], found: dict[int, dict[int, Disguise]], writing: Writing, slips: int, show: int
) -> None:
    """Print what is known of the disguises by text and place."""
    every = [each for marked in found.values() for each in marked.values()]
    pairs = Counter((each.meant, each.written) for each in every)
    print(
        f"{len(adverts):,} adverts; {len(found):,} with a disguise, {len(every):,} characters, "
        f"{len(pairs):,} different pairs"
    )
    print(f"{slips} pairs are left out as slips")
    distinct = {(each.meant, each.written): each for each in every}.values()
    for what, those in (("places", every), ("different pairs", list(distinct))):
        _table(f"kinds by {what}", Counter(_kind(each) for each in those), ("sound and look", "sound", "look"))
        for is_kin in (True, False):
            heard = [e for e in those if e.sounds and (_kinship(e, writing) != "else") == is_kin]
            name = "of like build" if is_kin else "of other build"
            ranks = Counter(rank_bin(_rank_among(e, writing, is_kin)) for e in heard)
            _table(f"rank among homophones {name}, {what}", ranks, BIN_NAMES)
        kin = Counter(_kinship(e, writing) for e in those)
        _table(f"build, {what}", kin, ("one is part of the other", "a part in common", "else"))
        ranks = Counter(rank_bin(evasion.rare_forms(e.meant).find(e.written)) for e in those if e.sounds)
        _table(f"rank among rare forms, {what}", ranks, BIN_NAMES)
        ranks = Counter(rank_bin(evasion.likest(e.meant).find(e.written)) for e in those if e.looks)
        _table(f"rank among look-alikes, {what}", ranks, BIN_NAMES)
    rules = RuleSet.open(shipped_bundle())
    inside: Counter[tuple[int, int]] = Counter()
    outside, told = [0, 0], [0, 0]
    for number, marked in found.items():
        text = meant_text(adverts[number], marked)
        evidence = [e for e in rules.check(text).evidence if e.end > e.begin]
        spans = {(e.begin, e.end) for e in evidence}
        disguised = {e.rule for e in evidence if any(k in marked for k in range(e.begin, e.end))}
        told[0] += len(disguised)
        told[1] += len(disguised & {e.rule for e in rules.check(adverts[number]).evidence})
        covered = {k for begin, end in spans for k in range(begin, end)}
        for begin, end in spans:
            inside[sum(k in marked for k in range(begin, end)), end - begin] += 1
        rest = [k for k in range(len(text)) if k not in covered and is_han(text[k])]
        outside[0] += len(rest)
        outside[1] += sum(k in marked for k in rest)
    shares = Counter(len(m) / max(sum(map(is_han, adverts[n])), 1) for n, m in found.items())
    ordered = sorted(shares.elements())
    print(
        "share of a text's characters, quantiles 10, 25, 50, 75, 90:",
        *(f"{ordered[int(q * (len(ordered) - 1))]:.3f}" for q in (0.1, 0.25, 0.5, 0.75, 0.9)),
    )
    print(
        f"outside of evidence: {outside[1]:,} of {outside[0]:,} characters, "
        f"{100 * outside[1] / max(outside[0], 1):.1f}%"
    )
    hits = Counter({key: count for key, count in inside.items() if key[0]})
    others = sum((length - 1) * count for (_, length), count in hits.items())
    further = sum((changed - 1) * count for (changed, _), count in hits.items())
    print(
        f"hits with a disguise: {hits.total()}; of their other characters "
        f"{further} of {others}, {100 * further / max(others, 1):.1f}%"
    )
    print(f"rules whose hits are disguised: {told[0]}, {told[1]} of them fire on what was written")
    print("in a hit of evidence: characters changed (columns) by its length (rows)")
    for length in range(2, 13):
        row = [inside[n, length] for n in range(7)]
        print(f"  {length:>3} {' '.join(f'{n:>6,}' for n in row)}")
    for (meant, written), count in pairs.most_common(show):
        print(f"  {meant}{written} {count}")


def _kinship(each: Disguise, writing: Writing) -> str:
    return _build(each.meant, each.written, writing)


def _build(a: str, b: str, writing: Writing) -> str:
    parts = [{part for form in writing.splits(c) for part in form} for c in (a, b)]
    if a in parts[1] or b in parts[0]:
        return "one is part of the other"
    return "a part in common" if parts[0] & parts[1] else "else"


def _rank_among(each: Disguise, writing: Writing, is_kin: bool) -> int:
    """Its rank among the homophones of the same build, or of another."""
    others = [c for c in evasion.homophones(each.meant) if (_build(each.meant, c, writing) != "else") == is_kin]
    return others.index(each.written) if each.written in others else -1


def _kind(each: Disguise) -> str:
    return "sound and look" if each.sounds and each.looks else "sound" if each.sounds else "look"


if __name__ == "__main__":
    main()
