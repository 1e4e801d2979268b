"""Fold tables: what each class makes of each kind of character, and what holds for all code points."""

from __future__ import annotations

import itertools
import time
import unicodedata

import numpy as np
import pytest

from fairpost.engine import folds
from fairpost.engine.folds import DEFAULT, DROP, fold, fold_table

CASES = [
    # classes, text, folded, why
    ("width", "ＡＢｃ１２％：", "ABc12%:", "full-width ASCII"),
    ("width", "ｱﾊﾟｰﾄ", "アハ\u309aート", "half-width katakana; voicing marks stay symbols of their own"),
    ("width", "アパート", "アハ\u309aート", "and full-width katakana folds to the same"),
    ("width", "が か゛ か\u3099", "か\u3099 か\u3099 か\u3099", "three spellings of one kana"),
    ("width", "㎏ ㎡ ㏄ ㎞", "kg m2 cc km", "squared units are common in price lists"),
    ("width", "㈱ ㊙ 🈲 🈚", "株 秘 禁 無", "enclosed ideographs, without their parentheses"),
    ("width", "㈠ ㊉", "一 十", "enclosed Chinese numerals are ideographs, not digits"),
    ("width", "½", "1/2", "a fraction is what one would type"),
    ("width", "ﬁ ﬃ ĳ", "fi ffi ij", "ligatures"),
    ("width", "⼈ ⻋ 豈 \U0002f800", "人 车 豈 丽", "radicals and compatibility ideographs look the same"),
    ("width", "\u3000\u00a0", "  ", "ideographic and no-break space are spaces"),
    ("width", "… ￥ ﹪", "... ¥ %", "compatibility punctuation"),
    ("width", "① 𝐕 Ⓥ", "① 𝐕 Ⓥ", "styled characters belong to digits and letters"),
    ("case", "VX Ａ Я Ω ẞ ß", "vx ａ я ω ss ss", "small letters of every script; ß is ss"),
    ("case", "İI", "ii", "one character each: no stray combining dot"),
    ("script", "臺灣後裡麵", "台湾后里面", "traditional characters, first choice of OpenCC"),
    ("script", "了乾淨", "了干净", "乾 has two readings; the first choice is taken"),
    ("script", "根治", "根治", "simplified characters stay"),
    ("digits", "①⑩⑳ ⑴ ⒈ ❶ ⓵ ⓿ 🄁", "11020 1 1 1 1 0 0", "circled, parenthesised, dotted, dingbat"),
    ("digits", "² ₂ 𝟐 𝟮 ２ ٣ ३ 🯲", "2 2 2 2 2 3 3 2", "super- and subscript, mathematical, other scripts'"),
    ("digits", "🔟", "10", "keycap ten is one emoji"),
    ("digits", "壹贰叁肆伍陆柒捌玖拾佰仟", "一二三四五六七八九十百千", "financial numerals"),
    ("digits", "貳〇一", "二零一", "一 is not 1: too many words hold it"),
    ("digits", "Ⅳ", "Ⅳ", "Roman numerals are letters"),
    ("letters", "𝐕𝓿𝕧𝖛𝚟 ⓥⓋ ⒱", "Vvvvv vV v", "mathematical, circled, parenthesised"),
    ("letters", "🅥 🆅 🅅 🇻🇽", "V V V VX", "negative, squared, regional indicators"),
    ("letters", "ᴠ ᵥ ᵛ ʰ ⅴ Ⅹ", "v v v h v X", "small capitals, sub- and superscript, Roman numerals"),
    ("letters", "🆚 🆓 🅰", "VS FREE A", "squared words"),
    ("letters", "wēixìn ṽ Ł ø", "weixin v L o", "accents: pinyin with tone marks is typed without"),
    ("letters", "АВСЕНКМОРТХ", "ABCEHKMOPTX", "Cyrillic look-alikes"),
    ("letters", "ΑΒΕΟΡΧ ν ω", "ABEOPX v w", "Greek look-alikes"),
    ("letters", "привет ληψ", "пpиbet ληψ", "letters that look like none of ours stay"),
    ("letters", "ꓦ Ꮩ", "V V", "Lisu and Cherokee in fancy text"),
    ("letters", "ʍǝᴉxᴉn ʌx Ɐ", "weixin vx A", "letters upside down, in the order in which they stand"),
    ("zero-width", "微\u200b信\u200d\ufeff\u00ad\u2060", "微信", "zero-width space, joiner, BOM, soft hyphen"),
    ("zero-width", "❤\ufe0f 葛\U000e0100", "❤ 葛", "variation selectors"),
    ("zero-width", "\U000e0076\u3164\uffa0\u115f", "", "tags and Hangul fillers show nothing"),
    ("zero-width", "w\u0336e\u0301\u20dd 信\u0489", "we 信", "stacked marks"),
    ("zero-width", "हिन्दी ไทย", "हिन्दी ไทย", "vowel signs are no noise"),
    ("zero-width", "a\x00b\x1b\x7f\tc\n", "ab\tc\n", "controls are dropped, white space is not"),
    ("separators", "根 治*\t\n\u3000糖，尿。病!", "根治糖尿病", "space and punctuation"),
    ("separators", "加💰微❤信→★+=$￥", "加微信", "emoji and symbols; recognisers read the original"),
    ("separators", "微\ue001信\U000f0000", "微信", "private use: old phones' emoji, nothing legible"),
    ("separators", "①ⓥ㎏🈲™", "①ⓥ㎏🈲™", "symbols in which another class reads text stay"),
    ("separators", "の々ー", "の々ー", "letters and marks of repetition stay"),
    ("default", "1\ufe0f\u20e32️⃣", "12", "keycap emoji"),
    ("default", "Ｖ❤𝓧：①３⑧", "vx138", "all classes in one"),
    ("default", "℃ № ™ ㋀", "cnotm1月", "symbols made of letters"),
    ("default", "國家級", "国家级", "traditional"),
    ("default", "🇨🇳", "cn", "a flag is its letters"),
    ("default", "零风险 〇风险 壹号", "零风险零风险一号", "numerals"),
    ("default", "", "", "nothing"),
    ("", "Ａ①. ", "Ａ①. ", "no class, no change"),
]


def classes(names: str) -> frozenset[str]:
    return DEFAULT if names == "default" else frozenset(names.split())


@pytest.mark.parametrize(("names", "text", "folded", "why"), CASES, ids=[f"{c[0]}-{c[3]}" for c in CASES])
def test_case(names: str, text: str, folded: str, why: str) -> None:
    codes, origins = fold(text, classes(names))
    assert "".join(map(chr, codes)) == folded, why
    assert len(origins) == len(codes)
    assert origins == sorted(origins)


def test_origins_point_at_the_source_character() -> None:
    codes, origins = fold("a㎏ \u200bß。1", DEFAULT)
    assert ("".join(map(chr, codes)), origins) == ("akgss1", [0, 1, 1, 4, 4, 6])


def test_unknown_class_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown fold class 'wdith'; there are case, .* and repeat"):
        fold_table(["wdith"])


def test_repeat_is_not_about_characters() -> None:
    assert fold_table(DEFAULT | {"repeat"}) is fold_table(DEFAULT)


@pytest.mark.parametrize("code", [0xD800, 0xDFFF, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF, 0xFDD0, 0x0378, 0x4E00, 0x3042])
def test_kept(code: int) -> None:
    assert fold_table(DEFAULT).image(code) == (code,)


def subsets() -> list[frozenset[str]]:
    names = sorted(DEFAULT)
    return [frozenset(s) for n in range(len(names) + 1) for s in itertools.combinations(names, n)]


def test_closed_over_all_code_points_and_all_subsets() -> None:
    default = fold_table(DEFAULT)
    target, expansions = default.target, default.expansions  # expansions are unique: equal numbers, equal images
    for subset in subsets():
        table = fold_table(subset)
        single = table.target >= 0
        assert np.array_equal(target[table.target[single]], target[single]), subset
        assert (target[table.target == DROP] == DROP).all(), subset
        for code in np.flatnonzero(table.target < DROP).tolist():
            image = tuple(x for part in table.image(code) for x in default.image(part))
            value = int(target[code])
            assert image == ((value,) if value >= 0 else () if value == DROP else expansions[-value - 2]), hex(code)


def test_idempotent_for_every_subset() -> None:
    for subset in subsets():
        table = fold_table(subset)
        images = table.target[table.target >= 0]
        assert np.array_equal(table.target[images], images), subset
        parts = np.array(sorted({x for e in table.expansions for x in e}), np.int32)
        assert np.array_equal(table.target[parts], parts), subset


def test_expansions_are_sorted_unique_and_plural() -> None:
    for subset in (DEFAULT, frozenset({"width"})):
        expansions = fold_table(subset).expansions
        assert list(expansions) == sorted(set(expansions))
        assert min(map(len, expansions)) >= 2


def test_canonically_equivalent_texts_fold_alike() -> None:
    table = fold_table(DEFAULT)
    for code in range(folds.CODE_POINTS):
        if 0xD800 <= code <= 0xDFFF or 0xAC00 <= code <= 0xD7A3:  # surrogates; Hangul, as documented
            continue
        decomposed = unicodedata.normalize("NFD", chr(code))
        if decomposed != chr(code):
            assert tuple(x for d in decomposed for x in table.image(ord(d))) == table.image(code), hex(code)


def test_default_fold_of_letters_never_vanishes() -> None:
    """Letters and digits of every script stay, except what Unicode itself calls invisible."""
    table = fold_table(DEFAULT)
    dropped = {
        code
        for code in np.flatnonzero(table.target == DROP).tolist()
        if unicodedata.category(chr(code)) in ("Lu", "Ll", "Lt", "Lo", "Nd", "Nl", "No")
    }
    fillers = {0x115F, 0x1160, 0x3164, 0xFFA0}
    arabic_marks = {c for c in dropped if unicodedata.normalize("NFKC", chr(c))[0] in " \u0640"}  # marks as letters
    assert dropped - arabic_marks == fillers


def test_plain_text_is_untouched() -> None:
    table = fold_table(DEFAULT)
    for char in "abcdefghijklmnopqrstuvwxyz0123456789最好根治国家级一二三":
        assert table.image(ord(char)) == (ord(char),)


def test_character_classes() -> None:
    def flagged(flag: int, text: str) -> list[bool]:
        return [bool(folds.CHAR_CLASS[ord(c)] & flag) for c in text]

    assert all(flagged(folds.LATIN, "aZＶ𝐕ⓥ㎏🆚éв"))
    assert not any(flagged(folds.LATIN, "1微。 я"))
    assert all(flagged(folds.DIGIT, "09５①⑩²٣㎡"))
    assert not any(flagged(folds.DIGIT, "一壹a"))
    assert all(flagged(folds.SENTENCE, "。！？!?；;\n\r\u2028\u2029｡…"))
    assert all(flagged(folds.CLAUSE, "。！？!?；;\n\r…，,﹐"))
    assert not any(flagged(folds.CLAUSE, "、､.．:：~ "))
    assert not any(flagged(folds.SENTENCE, "，,﹐"))
    assert all(flagged(folds.SEPARATOR, " \u3000\n，*❤$+"))
    assert not any(flagged(folds.SEPARATOR, "①ⓥa的\u200b"))
    assert all(flagged(folds.EMOJI, "❤😀💰🧧🇻"))
    assert not any(flagged(folds.EMOJI, "1#*a，的"))
    assert all(flagged(folds.ZERO_WIDTH, "\u200b\ufe0f\u00ad\x00"))


def test_every_delimiter_is_dropped_by_separators() -> None:
    """`near` and `before` look for delimiters among the dropped characters."""
    delimiters = (folds.CHAR_CLASS & (folds.CLAUSE | folds.SENTENCE)) > 0
    assert (fold_table(DEFAULT).target[delimiters] == DROP).all()
    sentences = (folds.CHAR_CLASS & folds.SENTENCE) > 0
    assert ((folds.CHAR_CLASS[sentences] & folds.CLAUSE) > 0).all()


def test_tables_cannot_be_written_to() -> None:
    for array in (fold_table(DEFAULT).target, folds.CHAR_CLASS):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_loading_is_quick() -> None:
    folds._steps.cache_clear()
    folds._compose.cache_clear()
    best = float("inf")
    for _ in range(5):
        begin = time.process_time()
        folds._steps.__wrapped__()
        folds._compose.__wrapped__(DEFAULT)
        best = min(best, time.process_time() - begin)
    assert best < 0.05
