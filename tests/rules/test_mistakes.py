# ruff: noqa: E501 - a table reads better in long lines
"""Every kind of mistake in packs, laws and policy: each is found at its place and says what would be right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fairpost.rules import PackErrors, PackProblem, lint, load_packs

Write = Callable[..., Path]


def static(folder: Path) -> list[PackProblem]:
    """What is wrong with the sources themselves, cases aside."""
    return lint(folder, run_cases=False)


# (what, file, text to replace, replacement, "line:column", parts of the message)
MISTAKES = [
    # -- YAML ------------------------------------------------------------------------------------------------
    ("bad YAML", "medical", "[糖尿病, 湿疹, 高血压]", "[糖尿病, 湿疹", "7:11", ["not valid YAML", "did not find"]),
    ("duplicate key", "medical", "    weight: 0.85\n", "    weight: 0.85\n    weight: 0.9\n", "16:5", ["duplicate key 'weight': line 15"]),
    ("merge key", "medical", "    weight: 0.85\n", "    weight: 0.85\n    <<: {}\n", "16:5", ["merge keys"]),
    ("no pack", "medical", "pack: medical", "pakc: medical", "1:1", ["neither a pack", "did you mean 'pack'?"]),
    # -- shape -----------------------------------------------------------------------------------------------
    ("key of a pack", "medical", "groups:", "grups:", "9:1", ["unknown key 'grups'; did you mean 'groups'?"]),
    ("key of a list", "medical", "fold: [default]}", "folds: [default]}", "8:30", ["unknown key 'folds'; did you mean 'fold'?"]),
    ("key of a rule", "medical", "    unless:", "    unles:", "18:5", ["unknown key 'unles'; did you mean 'unless'?"]),
    ("key of a case", "medical", "date: 2015", "dat: 2015", "24:87", ["unknown key 'dat'; did you mean 'date'?"]),
    ("key of a seller", "medical", "{licences: [food]}", "{license: [food]}", "23:50", ["unknown key 'license'; did you mean 'licences'?"]),
    ("missing key", "medical", "    weight: 0.85\n", "", "12:5", ["missing key 'weight'"]),
    ("category", "medical", "category: COMMERCE", "category: COMERCE", "26:15", ["unknown category 'COMERCE'; did you mean 'COMMERCE'?"]),
    ("severity", "medical", "severity: high", "severity: hi", "14:15", ["unknown severity 'hi'", "Known: low, medium, high, critical"]),
    ("mode", "medical", "mode: shadow", "mode: shadowed", "36:11", ["unknown mode 'shadowed'; did you mean 'shadow'?"]),
    ("fold class", "medical", "[default, repeat]", "[default, repeats]", "5:47", ["unknown fold class 'repeats'; did you mean 'repeat'?"]),
    ("licence of a case", "medical", "[food]", "[foood]", "23:61", ["unknown licence 'foood'; did you mean 'food'?"]),
    ("seller of a case", "medical", "seller: {licences: [food]}", "seller: unknwn", "23:49", ["unknown seller 'unknwn'; did you mean 'unknown'?"]),
    ("weight too big", "medical", "weight: 0.85", "weight: 1.01", "15:13", ["weight: 1.01 is out of range"]),
    ("weight zero", "medical", "weight: 0.85", "weight: 0", "15:13", ["weight: 0 is out of range"]),
    ("weight a word", "medical", "weight: 0.85", "weight: heavy", "15:13", ["weight: expected a number, read 'heavy'"]),
    ("cap", "medical", "cap: 0.9", "cap: 2", "10:17", ["cap: 2 is out of range"]),
    ("date", "medical", "from: 2015-09-01", "from: 2015-13-01", "20:23", ["'2015-13-01' is not a date", "month"]),
    ("date of a case", "medical", "date: 2015-08-31", "date: 31.8.2015", "24:93", ["'31.8.2015' is not a date", "YYYY-MM-DD"]),
    ("list for a word", "medical", "[不能, 不得]", "[不能, [不得]]", "7:26", ["expected a word, read a list"]),
    ("null for a word", "medical", "[不能, 不得]", "[不能, null]", "7:26", ["expected a word, read nothing", "quotes"]),
    ("word for a list", "medical", "disease: [糖尿病, 湿疹, 高血压]", "disease: 糖尿病", "6:12", ["expected a mapping"]),
    ("message without English", "medical", ", en: Sold}", "}", "39:5", ["missing key 'en'"]),
    # -- names -----------------------------------------------------------------------------------------------
    ("rule of another pack", "medical", "- id: medical.sale", "- id: medicine.sale", "25:9", ["must start with its pack: write 'medical.sale'"]),
    ("duplicate rule", "medical", "- id: medical.sale", "- id: medical.cure-claim", "25:9", ["duplicate rule id 'medical.cure-claim'", "12:9"]),
    ("shape of a rule id", "medical", "- id: medical.sale", "- id: Sale", "25:9", ["rule id 'Sale' must be PACK.NAME"]),
    ("list name", "medical", "  sold: {", "  Sold: {", "8:3", ["list name 'Sold' must be lower-case", ]),
    ("list named as a recogniser", "medical", "  negation: {", "  price: {", "7:3", ["hidden by the recogniser"]),
    ("reserved list name", "medical", "  negation: {", "  commerce: {", "7:3", ["word of the rule language"]),
    ("reserved list name, the model", "medical", "  negation: {", "  model: {", "7:3", ["word of the rule language"]),
    ("no model", "medical", "any(sold) or price", "any(sold) or model > 0.1", "29:24", ["when: there is no text model to ask", "compare commerce"]),
    ("unknown list", "medical", "any(sold)", "any(sld)", "29:15", ["when: unknown list 'sld'; did you mean 'sold'?"]),
    ("unknown rule", "medical", 'rule("medical.cure-claim")', 'rule("medical.cure-clam")', "37:16", ["unknown rule 'medical.cure-clam'; did you mean 'medical.cure-claim'?"]),
    ("unknown licence", "medical", '("drug-retail")', '("drug-retial")', "18:28", ["unless: unknown licence 'drug-retial'; did you mean 'drug-retail'?"]),
    ("unknown group", "medical", "    group: claims\n    when", "    group: claim\n    when", "16:12", ["unknown group 'claim'; did you mean 'claims'?"]),
    ("unknown law", "medical", "basis: [cn.advertising-law/17]\n    effective", "basis: [cn.advertisment-law/17]\n    effective", "19:13", ["law 'cn.advertisment-law' is not in laws.yaml; did you mean 'cn.advertising-law'?"]),
    ("unknown article", "medical", "law/17]\n    effective", "law/18]\n    effective", "19:13", ["article '18' of cn.advertising-law is not in laws.yaml", "cn.advertising-law/17"]),
    ("no article", "medical", "law/17]\n    effective", "law]\n    effective", "19:13", ["names no article"]),
    ("channel of a case", "medical", "date: 2015-08-31", "channel: moment", "24:96", ["unknown channel 'moment'; did you mean 'moments'?"]),
    # -- words -----------------------------------------------------------------------------------------------
    ("folds to nothing", "medical", "[不能, 不得]", "[不能, 💰]", "7:26", ["'💰' folds to nothing", "fold: [width, case]"]),
    ("duplicate word", "medical", "[不能, 不得]", "[不能, 不能]", "7:26", ["duplicate '不能'", "line 7", "keep one"]),
    ("duplicate after folding", "medical", "包治]", "根根治]", "5:26", ["duplicate '根根治': '根治' on line 5", "both fold to '根治'"]),
    ("too long", "medical", "[不能, 不得]", f"[不能, {'不得' * 128}]", "7:26", ["256 symbols after folding; at most 255"]),
    ("regular pattern without bound", "medical", "[不能, 不得]", "[不能, /不得*/]", "7:26", ["regular pattern '/不得*/': column 3: '*' has no bound; write {0,8}"]),
    ("regular pattern without anchor", "medical", "[不能, 不得]", "[不能, /不?.得?/]", "7:26", ["regular pattern '/不?.得?/': it has no literal that every match must hold"]),
    ("regular pattern under fewer folds", "medical", "包治], fold: [default, repeat]", "/包.治/], fold: [case]", "5:26", ["'/包.治/' is a regular pattern, since it stands between slashes", "fold: [default]", "a list of its own"]),
    ("fold class of the pack", "medical", "lists:", "fold: [default, phonetics]\nlists:", "4:17", ["unknown fold class 'phonetics'; did you mean 'phonetic'?"]),
    ("repeat without default for the pack", "medical", "lists:", "fold: [case, repeat]\nlists:", "4:7", ["'repeat' works on top of 'default'"]),
    ("regular patterns that are the same", "medical", "[不能, 不得]", "[/不(能)/, /不能/]", "7:30", ["duplicate '/不能/': '/不(能)/' on line 7 is the same; keep one"]),
    ("allowed word", "medical", "allow: [不能不]", "allow: [不能不, 不得]", "7:26", ["'不得' is dead or its allow word is", "line 7"]),
    ("repeat without default", "medical", "fold: [default]}", "fold: [case, repeat]}", "8:36", ["'repeat' works on top of 'default'"]),
    ("empty list", "medical", "disease: [糖尿病, 湿疹, 高血压]", "disease: []", "6:3", ["list 'disease' is empty"]),
    ("list without words", "medical", "disease: [糖尿病, 湿疹, 高血压]", "disease: {fold: [case]}", "6:3", ["neither 'words' nor 'file'"]),
    ("missing list file", "medical", "disease: [糖尿病, 湿疹, 高血压]", "disease: {file: lists/disease.txt}", "6:19", ["'lists/disease.txt' cannot be read", "No such file"]),
    ("list file elsewhere", "medical", "disease: [糖尿病, 湿疹, 高血压]", "disease: {file: ../disease.txt}", "6:19", ["must lie in the pack's folder"]),
    # -- rules -----------------------------------------------------------------------------------------------
    ("no cases", "medical", "    cases: {match: [只要99元包邮], pass: [今天天气好]}\n", "", "25:9", ["rule 'medical.sale' has no cases"]),
    ("no match case", "medical", "{match: [只要99元包邮], pass", "{match: [], pass", "30:5", ["has no 'match' case"]),
    ("no pass case", "medical", ", pass: [今天天气好]", "", "30:5", ["has no 'pass' case"]),
    ("no basis", "medical", "    basis: [cn.advertising-law/17]\n    effective", "    effective", "12:9", ["'medical.cure-claim' has no basis"]),
    ("no message", "medical", "    message: {zh: 售卖, en: Sold}\n", "", "31:9", ["'medical.sold-cure' has no message"]),
    ("until before from", "medical", "{from: 2015-09-01}", "{from: 2015-09-01, until: 2015-09-01}", "20:42", ["until 2015-09-01 is not after from 2015-09-01"]),
    ("commerce reads commerce", "medical", "any(sold) or price", "any(sold) or commerce > 0.1", "29:24", ["a COMMERCE rule must not read commerce"]),
    ("commerce names others", "medical", "any(sold) or price", 'any(sold) or rule("medical.cure-claim")', "29:29", ["may name COMMERCE rules only"]),
    ("names itself", "medical", 'rule("medical.cure-claim")', 'rule("medical.sold-cure")', "37:16", ["in a circle: medical.sold-cure -> medical.sold-cure"]),
    ("names a rule that is off", "medical", "    effective: {from: 2015-09-01}\n", "    mode: off\n", "37:16", ["rule 'medical.cure-claim' is off"]),
    # -- conditions ------------------------------------------------------------------------------------------
    ("syntax", "medical", "any(sold) or price", "any(sold) or or price", "29:24", ["'or' is not expected here"]),
    ("ends early", "medical", "any(sold) or price", "any(sold) or", "29:23", ["ends too early"]),
    ("open parenthesis", "medical", "any(sold) or price", "any(sold or price", "29:28", ["a parenthesis is never closed"]),
    ("distance", "medical", "disease, 8)", "disease, 1001)", "17:31", ["1001 is out of range: from 0 to 1000"]),
    ("second line of a block", "medical", "when: any(sold) or price", "when: |\n      any(sold) or\n        any(prise)", "31:13", ["unknown list 'prise'; did you mean 'price'?"]),
    ("folded block", "medical", "when: any(sold) or price", "when: >-\n      any(sold)\n      or any(sol)", "31:14", ["unknown list 'sol'"]),
    ("single quoted", "medical", "any(sold) or price", "'any(sold) or any(prise)'", "29:29", ["unknown list 'prise'"]),
    ("double quoted", "medical", "any(sold) or price", '"channel == \\"moment\\" or price"', "29:23", ["unknown channel 'moment'; did you mean 'moments'?"]),
    ("plain over lines", "medical", "any(sold) or price", "any(sold) or\n      any(prise)", "30:11", ["unknown list 'prise'"]),
    ("nested too deep", "medical", "any(sold) or price", "not " * 30 + "price", "29:107", ["nested too deep: at most 24 levels"]),
    # -- laws ------------------------------------------------------------------------------------------------
    ("overlapping versions", "laws", "until: 2020-01-01", "until: 2020-01-02", "10:48", ["overlaps the version from 2015-09-01 until 2020-01-02"]),
    ("endless version", "laws", "until: 2020-01-01", "until: null", "10:48", ["until further notice", "2020-01-01 at the latest"]),
    ("version that ends before", "laws", "until: 2020-01-01", "until: 2015-09-01", "9:66", ["is not after from 2015-09-01"]),
    ("key of a law", "laws", "source:", "sorce:", "4:5", ["unknown key 'sorce'; did you mean 'source'?"]),
    ("successor", "laws", "until: 2020-01-01}", "until: 2020-01-01, successor: cn.x/1}", "9:89", ["law 'cn.x' is not in laws.yaml"]),
    # -- policy ----------------------------------------------------------------------------------------------
    ("falling thresholds", "policy", "SHIELD: 0.8", "SHIELD: 0.5", "26:48", ["SHIELD at 0.5 would come before REVIEW at 0.6"]),
    ("unknown channel", "policy", "  group-chat:", "  groupchat:", "28:3", ["unknown channel 'groupchat'; did you mean 'group-chat'?"]),
    ("threshold category", "policy", "ABSOLUTE: {REVIEW", "ABSOLUT: {REVIEW", "29:5", ["unknown category 'ABSOLUT'; did you mean 'ABSOLUTE'?"]),
    ("unknown action", "policy", "{REVIEW: 0.2}", "{REVEW: 0.2}", "29:16", ["unknown key 'REVEW'; did you mean 'REVIEW'?"]),
    ("category without a name", "policy", "  STANDING: {zh: 受限, en: Standing}\n", "", "3:1", ["no name for STANDING"]),
    ("exposure", "policy", "clean: 1.2", "clean: lots", "30:63", ["clean: expected a number, read 'lots'"]),
    ("exposure of clean posts", "policy", "clean: 1.2", "clean: 0.9", "30:63", ["clean 0.9 is below 1", "expected 1 or more"]),
    ("exposure above the most", "policy", "max: 1.5", "max: 1.1", "30:63", ["clean 1.2 is above max 1.1", "expected clean <= max"]),
    ("exposure of review", "policy", "review: 0.0", "review: 0.5", "30:32", ["review 0.5 is above limit 0.3", "expected review <= limit"]),
    ("exposure of limit", "policy", "unregistered: 0.7", "unregistered: 0.2", "30:19", ["limit 0.3 is above unregistered 0.2"]),
    ("exposure of the floor", "policy", "max: 1.5", "max: 1.5, floor: 0.1", "30:19", ["limit 0.3 is above floor 0.1"]),
    ("exposure as a share", "policy", "limit: 0.3", "limit: 1.3", "30:19", ["limit: 1.3 is out of range"]),
    ("listed default", "policy", "[moments, group-chat]", "[moments, group-chat, default]", "23:33", ["'default' is always there"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "parts"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_mistake(
    file: str, old: str, new: str, place: str, parts: list[str], write: Write, sound: dict[str, str]
) -> None:
    assert old in sound[file], "the table is out of step with the sound pack"
    folder = write(**{file: sound[file].replace(old, new, 1)})
    with pytest.raises(PackErrors) as caught:
        load_packs(folder)
    errors = caught.value.errors
    at_place = [error for error in errors if f"{error.line}:{error.column}" == place and Path(error.file).stem == file]
    assert at_place, f"no error at {place}:\n{caught.value}"
    assert any(all(part in error.message for part in parts) for error in at_place), str(caught.value)


def test_sound_pack_has_no_errors(write: Write) -> None:
    problems = lint(write())
    assert [problem.kind for problem in problems] == ["warning"]


def test_one_mistake_is_one_error(write: Write, sound: dict[str, str]) -> None:
    """Errors that only follow from another one are noise: most rows of the table give exactly one."""
    noisy = {}
    for what, file, old, new, *_ in MISTAKES:
        problems = [p for p in static(write(**{file: sound[file].replace(old, new, 1)})) if p.kind == "error"]
        if len(problems) > 1:
            noisy[what] = [str(problem) for problem in problems]
    # a file that cannot be read at all, and names that others use, may pull others with them
    assert set(noisy) <= {
        "bad YAML", "key of a pack", "list name", "list named as a recogniser", "reserved list name",
            "reserved list name, the model", "word for a list",
    }, noisy  # fmt: skip


def test_all_mistakes_of_all_files_at_once(write: Write, sound: dict[str, str]) -> None:
    medical = sound["medical"].replace("severity: high", "severity: hi").replace("any(sold)", "any(sld)")
    medical = medical.replace("[不能, 不得]", "[不能, 💰]").replace("weight: 0.9", "weight: 9")
    laws = sound["laws"].replace("until: 2020-01-01", "until: 2019-33-01")
    policy = sound["policy"].replace("clean: 1.2", "clean: lots")
    with pytest.raises(PackErrors) as caught:
        load_packs(write(medical=medical, laws=laws, policy=policy))
    found = [f"{Path(error.file).name}:{error.line}:{error.column}" for error in caught.value.errors]
    assert found == [
        "laws.yaml:9:66", "medical.yaml:7:26", "medical.yaml:14:15", "medical.yaml:29:15", "medical.yaml:34:13", "policy.yaml:30:63",
    ]  # fmt: skip
    assert str(caught.value).count("\n") == len(found) - 1


def test_circle_of_rules(write: Write, sound: dict[str, str]) -> None:
    medical = sound["medical"].replace("    when: near(", '    when: rule("medical.sold-cure") and near(')
    with pytest.raises(PackErrors) as caught:
        load_packs(write(medical=medical))
    [error] = caught.value.errors
    assert "in a circle: medical.cure-claim -> medical.sold-cure -> medical.cure-claim" in error.message


def test_not_utf8(write: Write, sound: dict[str, str]) -> None:
    content = sound["medical"].encode().replace("湿疹".encode(), "湿疹".encode("gbk"))
    [error] = [p for p in static(write(medical=content)) if "UTF-8" in p.message]
    assert (error.line, error.column) == (6, 19)
    assert "byte 0xd5 is not valid UTF-8 here; save the file in UTF-8" in error.message


def test_control_character(write: Write, sound: dict[str, str]) -> None:
    [error] = [p for p in static(write(medical=sound["medical"].replace("湿疹", "湿\x01疹"))) if "YAML" in p.message]
    assert "not valid YAML" in error.message


@pytest.mark.parametrize(
    ("content", "part"), [("", "the file is empty"), ("- a\n", "neither a pack"), ("a: &x [*x]\n", "")]
)
def test_odd_files(content: str, part: str, write: Write) -> None:
    problems = [p for p in static(write(medical=content)) if p.kind == "error"]
    assert problems
    assert any(part in p.message for p in problems)


def test_no_files(tmp_path: Path) -> None:
    [error] = lint(tmp_path)
    assert "no .yaml file in this folder" in error.message
    [error] = lint(tmp_path / "nowhere.yaml")
    assert "no such file or folder" in error.message


def test_same_pack_twice(write: Write, sound: dict[str, str]) -> None:
    messages = [p.message for p in static(write(other=sound["medical"]))]
    assert any("pack 'medical' is in" in message for message in messages)
    assert any("duplicate rule id 'medical.sale'" in message for message in messages)


def test_words_of_a_file(write: Write, sound: dict[str, str]) -> None:
    medical = sound["medical"].replace("[糖尿病, 湿疹, 高血压]", "{file: lists/disease.txt}")
    words = "# diseases\n糖尿病\n  湿疹  # eczema\n高血压\n\nC#\n糖 尿 病\n"
    [error] = [p for p in static(write(medical=medical, lists__disease_txt=words)) if p.kind == "error"]
    assert error.file.endswith("lists/disease.txt")
    assert (error.line, error.column) == (7, 1)
    assert "duplicate '糖 尿 病': '糖尿病' on line 2 is the same" in error.message
    folder = write(medical=medical, lists__disease_txt=words.replace("糖 尿 病\n", ""))
    assert load_packs(folder).lists["medical.disease"].words == ("糖尿病", "湿疹", "高血压", "C#")


# (what, text to replace, replacement, "line:column", part of the message)
WARNINGS = [
    ("no trigger", "any(sold) or price", "any(sold) or not price", "25:9", "'medical.sale' has no trigger"),
    ("unused list", "any(sold) or price", "price", "8:3", "list 'medical.sold' is used by no rule"),
    ("edge characters", "[元, 包邮, vx]", "[100%, 包邮, vx]", "8:18", "'100%' is matched as '100'"),
    ("single symbol", "vx]", "vx, 微]", "8:29", "'微' is a single symbol without word boundaries"),
    ("short regular pattern", "vx]", "vx, /微信?/]", "8:29", "'/微信?/' may match a single symbol"),
    ("useless allow word", "allow: [不能不]", "allow: [不能不, 无需]", "7:44", "allow word '无需' holds no word of the list"),
    ("useless allow word of the pack", "allow: [根治疗法]", "allow: [根治疗法, 无需]", "3:15", "holds no word of the pack"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "place", "part"), [row[1:] for row in WARNINGS], ids=[row[0] for row in WARNINGS]
)
def test_warning(old: str, new: str, place: str, part: str, write: Write, sound: dict[str, str]) -> None:
    assert old in sound["medical"]
    problems = static(write(medical=sound["medical"].replace(old, new, 1)))
    assert all(problem.kind == "warning" for problem in problems), problems
    assert any(f"{p.line}:{p.column}" == place and part in p.message for p in problems), "\n".join(map(str, problems))


def test_law_that_ends_while_the_rule_goes_on(write: Write, sound: dict[str, str]) -> None:
    laws = sound["laws"].replace(
        "en: Art. 17}, from: 2015-09-01, until: null", "en: Art. 17}, from: 2015-09-01, until: 2021-01-01"
    )
    warnings = [p for p in static(write(laws=laws)) if "in force until 2021-01-01 only" in p.message]
    assert [(p.line, p.column) for p in warnings] == [(19, 13), (38, 13)]
