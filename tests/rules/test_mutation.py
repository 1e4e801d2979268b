"""Mutations: what each kind writes, that a seed draws them, what counts as kept, floors."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from random import Random

import pytest

from fairpost.engine import RuleSet
from fairpost.engine.folds import DEFAULT, evasion, fold
from fairpost.rules import bundle_of, load_packs, shipped_packs
from fairpost.rules.mutation import (
    KINDS,
    Fallen,
    Mutations,
    Strength,
    TablesError,
    fallen,
    mutate_cases,
    mutate_posts,
    own_tables,
    read_tables,
    tables,
)
from fairpost.rules.mutation.cells import cells_of, text_of
from fairpost.rules.mutation.foreign import FILES
from fairpost.rules.mutation.strength import ELSEWHERE, FURTHER, LIKE_BUILD, draw_homophone

OWN = own_tables()
UNIFORM = own_tables(Strength.UNIFORM)

PACK = """\
pack: tea
floor: 0.5
lists:
  cure: {words: [根治, 治愈], fold: [default, repeat]}
  contact: [加VX, 微信]
rules:
  - id: tea.cure
    category: MEDICAL
    severity: high
    weight: 0.9
    when: any(cure)
    basis: [cn.advertising-law/17]
    message: {zh: 不得宣称治疗疾病, en: Must not claim to treat disease}
    floor: 0.9
    cases: {match: [这款茶根治糖尿病, 三天治愈], pass: [今天天气好]}
  - id: tea.sells
    category: COMMERCE
    severity: low
    weight: 0.5
    when: any(contact)
    cases: {match: [加VX有惊喜], pass: [今天天气好]}
  - id: tea.nobody
    category: STANDING
    severity: low
    weight: 0.5
    when: seller.unregistered
    basis: [cn.advertising-law/17]
    message: {zh: 卖家未登记, en: Unknown seller}
    cases: {match: [{text: 好茶, seller: unknown}], pass: [今天天气好]}
"""


def pack(tmp_path: Path, text: str = PACK) -> Path:
    path = tmp_path / "tea.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def written(kind: str, text: str, *spans: tuple[int, int], seed: int = 0) -> str | None:
    cells = cells_of(text, spans)
    return text_of(cells) if KINDS[kind].apply(cells, Random(seed), OWN) else None


def folded(text: str) -> str:
    return "".join(map(chr, fold(text, DEFAULT)[0]))


@pytest.mark.parametrize("kind", ["width", "case", "script", "separators", "zero-width", "inserted-emoji", "styled"])
@pytest.mark.parametrize("seed", range(20))
def test_the_default_fold_undoes(kind: str, seed: int) -> None:
    text = "根治疗病加VX1号微信有惊喜"
    mutant = written(kind, text, (0, 4), (4, 8), (8, 13), seed=seed)
    assert mutant is not None
    assert mutant != text
    assert folded(mutant) == folded(text)


@pytest.mark.parametrize("seed", range(10))
def test_letters_upside_down_and_digits(seed: int) -> None:
    assert written("upside-down", "VX 加我", (0, 2)) == "ʌX 加我"
    mutant = written("digits", "电话139", (2, 5), seed=seed)
    assert mutant is not None
    assert not mutant.endswith("139")
    assert folded(mutant) == "电话139"


@pytest.mark.parametrize("kind", ["homophone", "look-alike", "split", "martian", "emoji", "mixed-pinyin", "pinyin"])
@pytest.mark.parametrize("seed", range(20))
def test_every_hit_is_changed_and_at_most_half_of_a_word(kind: str, seed: int) -> None:
    text = "好的加薇信代理钱马不"
    cells = cells_of(text, [(2, 5), (5, 9)])
    assert KINDS[kind].apply(cells, Random(seed), UNIFORM)
    for first, last in ((2, 5), (5, 9)):
        changed = sum(not cell.is_open for cell in cells[first:last])
        assert changed
        if kind not in ("martian", "pinyin"):
            assert changed <= (last - first) // 2 or changed == 1


def test_homophones_sound_the_same() -> None:
    for seed in range(50):
        mutant = written("homophone", "根治", (0, 2), seed=seed)
        assert mutant is not None
        assert mutant != "根治"
        assert [evasion.syllable_of[ord(c)] for c in mutant] == [evasion.syllable_of[ord(c)] for c in "根治"]


@pytest.mark.parametrize("kind", ["homophone", "look-alike"])
def test_as_measured_one_character_of_a_hit_is_changed_mostly(kind: str) -> None:
    changed, outside = [], 0
    for seed in range(400):
        cells = cells_of("好的加薇信代理钱马不", [(2, 5), (5, 9)])
        assert KINDS[kind].apply(cells, Random(seed), OWN)
        changed += [sum(not cell.is_open for cell in cells[first:last]) for first, last in ((2, 5), (5, 9))]
        outside += sum(not cell.is_open for cell in (*cells[:2], cells[9]))
    assert min(changed) == 1
    assert 1 + FURTHER < sum(changed) / len(changed) < 1 + 4 * FURTHER  # 1 or 2 others that can be
    assert ELSEWHERE / 2 < outside / (3 * 400) < ELSEWHERE * 2


def test_as_measured_half_of_the_homophones_are_built_alike() -> None:
    like, other = OWN.sounding("有")
    assert "侑" in like
    assert "又" in other
    assert set(like + other) == set(evasion.homophones("有"))
    rng = Random(0)
    drawn = [draw_homophone(rng, like, other) for _ in range(2000)]
    assert abs(sum(form in like for form in drawn) / len(drawn) - LIKE_BUILD) < 0.04
    assert drawn.count(other[0]) > 3 * drawn.count(other[20])
    assert draw_homophone(rng, (), ("又",)) == draw_homophone(rng, ("又",), ()) == "又"


@pytest.mark.parametrize(
    ("kind", "text", "span", "mutant"),
    [
        ("pinyin", "能根治吗", (1, 3), "能genzhi吗"),
        ("pinyin", "加VX微信号", (3, 5), "加VX weixin号"),
        ("repeats", "139", (0, 3), None),
        ("separators", "治", (0, 1), None),
        ("case", "根治", (0, 2), None),
        ("digits", "根治139", (0, 2), None),
        ("homophone", "VX", (0, 2), None),
        ("script", "的了", (0, 2), None),
        ("contact", "根治", (0, 2), None),
    ],
)
def test_what_a_kind_can_change(kind: str, text: str, span: tuple[int, int], mutant: str | None) -> None:
    assert written(kind, text, span) == mutant


def test_contacts_are_disguised_where_they_are_contacts() -> None:
    seen = {written("contact", "加微信13900001111拿3个vx", (0, 3), (3, 14), (17, 19), seed=seed) for seed in range(60)}
    joined = "".join(filter(None, seen))
    assert {"葳", "徽", "壹", "⑨", "ν"} <= set(joined)
    assert all(mutant is not None and "拿3个" in mutant for mutant in seen)


def test_a_character_in_two_spans_belongs_to_the_shorter() -> None:
    cells = cells_of("能根治糖尿病", [(1, 6), (1, 3)])
    assert [cell.hit for cell in cells] == [-1, 1, 1, 0, 0, 0]


def test_the_same_seed_gives_the_same_mutants(tmp_path: Path) -> None:
    source = load_packs(pack(tmp_path))

    def made(seed: int) -> list[tuple[tuple[str, ...], str]]:
        return [(m.kinds, m.written) for m in mutate_cases(source, Mutations(OWN, seed=seed, pairs=5))]

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_cases_are_judged_as_cases_are(tmp_path: Path) -> None:
    source = load_packs(pack(tmp_path))
    run = Mutations(OWN, kinds=("separators", "width", "pinyin"), samples=1)
    found = list(mutate_cases(source, run))
    assert (run.texts, run.without) == (3, 1)  # a seller's standing has no words
    assert {m.rule for m in found} == {"tea.cure", "tea.sells"}
    assert all(m.kept for m in found if m.kinds in (("separators",), ("width",)))
    assert [m.category for m in found if m.rule == "tea.sells"] == ["COMMERCE"] * len(run.by_rule["tea.sells"])
    assert run.by_kinds["separators",] == [3, 3]
    assert all(not m.kept for mutants in run.lost.values() for m in mutants)


def test_pairs_apply_two_kinds(tmp_path: Path) -> None:
    run = Mutations(OWN, kinds=("separators", "width", "case"), pairs=2)
    found = [m for m in mutate_cases(load_packs(pack(tmp_path)), run) if len(m.kinds) == 2]
    assert {m.text for m in found} == {"加VX有惊喜"}  # nothing else has letters
    assert len(found) == 2
    assert all(unicodedata.normalize("NFKC", m.written) != m.text for m in found)


def test_posts_that_are_acted_on(tmp_path: Path) -> None:
    rules = RuleSet.from_bytes(bundle_of(load_packs(pack(tmp_path))))
    run = Mutations(OWN, kinds=("separators", "zero-width"))
    found = list(mutate_posts(rules, ["这款茶根治糖尿病", "今天天气好", "加VX有惊喜"], run))
    assert [(m.rule, m.text, m.kept) for m in found] == [("", "这款茶根治糖尿病", True)] * 2
    assert run.texts == 1


def test_floors(tmp_path: Path) -> None:
    source = load_packs(pack(tmp_path))
    assert {rule.id: rule.floor for rule in source.rules} == {"tea.cure": 0.9, "tea.sells": 0.5, "tea.nobody": 0.5}
    run = Mutations(OWN)
    run.by_rule = {"tea.cure": {("pinyin",): [10, 8], ("split", "pinyin"): [90, 0]}, "tea.sells": {("case",): [4, 2]}}
    assert fallen(source, run) == [Fallen("tea.cure", 0.9, 10, 8)]
    assert str(fallen(source, run)[0]) == "rule tea.cure finds 80.0% of 10 mutated cases, its floor is 90.0%"
    assert fallen(source, run, doubt=0.001) == []  # 8 of 10 are no proof in a sample
    run.by_rule["tea.cure"]["pinyin",] = [100, 70]
    assert fallen(source, run, doubt=0.001) == [Fallen("tea.cure", 0.9, 100, 70)]


def test_tables_of_figures(tmp_path: Path) -> None:
    source = load_packs(pack(tmp_path))
    run = Mutations(OWN, kinds=("case", "homophone", "width"), pairs=3)
    list(mutate_cases(source, run))
    kinds, pairs, rules = tables(run, source, 10)
    assert [row[0] for row in kinds.rows] == ["case", "homophone", "width", "all"]
    assert kinds.rows[0][:4] == ("case", 1, 1, 1.0)
    assert pairs.rows[-1][0] == "all"
    assert rules.rows[0][0] == "tea.cure"
    assert len(tables(run, None, 10)) == 2


def folder(tmp_path: Path, **changes: str | None) -> Path:
    contents: dict[str, str | None] = {
        "pinyin_char.tsv": "根\tgēn\n跟\tgēn,gèn\n治\tzhì,chí\n绿\tlǜ\n",
        "homophones_by_syllable.tsv": "gen\t根跟亘\nzhi\t治\n",
        "chaizi-jt.txt": "治\t水 台\t氵 台\n树\t木 又 寸 寸\n",
        "形近字语料库.txt": "治 冶始\n根\n",
        "pinyin_to_emoji.tsv": "gen\t🌲\nzhi\t☞\n",
        "fanjian_suoyin.txt": "树\t樹\n治\t治\n",
    }
    for name, content in (contents | {key.replace("__", "."): value for key, value in changes.items()}).items():
        if content is not None:
            (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def test_other_tables(tmp_path: Path) -> None:
    writing = read_tables(folder(tmp_path))
    assert writing.pinyin("绿") == ("lv",)
    assert writing.homophones("根") == ("跟",)  # 亘 has no reading here
    assert writing.splits("治") == ("水台", "氵台")
    assert writing.splits("树") == ()
    assert writing.look_alikes("治") == ("冶", "始")
    assert writing.emoji("跟") == ("🌲",)
    assert writing.traditional("树") == ("樹",)
    assert writing.traditional("治") == writing.martian("你") == writing.words("手机") == ()


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(TablesError, match=r"gone: no such folder; expected one with pinyin_char.tsv, "):
        read_tables(tmp_path / "gone")


def test_a_table_that_is_missing(tmp_path: Path) -> None:
    here = folder(tmp_path)
    (here / "chaizi-jt.txt").unlink()
    with pytest.raises(
        TablesError, match=r"chaizi-jt.txt: cannot be read: No such file or directory; a folder of tables holds"
    ):
        read_tables(here)


def test_a_line_without_a_tab(tmp_path: Path) -> None:
    with pytest.raises(TablesError, match=r"pinyin_char.tsv:2: no tab; expected a key, a tab and its forms"):
        read_tables(folder(tmp_path, pinyin_char__tsv="根\tgēn\n治 zhì\n"))


def test_a_table_that_is_not_utf8(tmp_path: Path) -> None:
    here = folder(tmp_path)
    (here / "chaizi-jt.txt").write_bytes("治\t水 台".encode("gb18030"))
    with pytest.raises(TablesError, match=r"chaizi-jt.txt: not UTF-8: byte 0 is 0xD6"):
        read_tables(here)


@pytest.mark.corpora
def test_published_tables_are_read() -> None:
    corpora = os.environ.get("FAIRPOST_CORPORA")
    if not corpora or not all((Path(corpora) / "evasion" / name).exists() for name in FILES):
        pytest.skip("no tables beside the project")
    writing = read_tables(Path(corpora) / "evasion")
    assert "氵台" in writing.splits("治")
    assert writing.pinyin("治") == ("zhi",)


def test_shipped_rules_keep_their_floors() -> None:
    """On two cases of each rule: a rule fails that is below its floor beyond what the draw explains."""
    source = load_packs(shipped_packs())
    run = Mutations(OWN)
    for _ in mutate_cases(source, run, most=2):
        pass
    assert [str(each) for each in fallen(source, run, doubt=0.001)] == []
