"""Figures of rule sets: columns against plain Python, and `decides` against the compiler."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.variants import BASE, WORDS, policy, written

from fairpost.engine import RuleSet, Texts
from fairpost.engine.vocabulary import CATEGORIES
from fairpost.rules import bundle_of, load_packs
from fairpost.rules.backtest import Posts
from fairpost.rules.scoring import Scale
from fairpost.rules.statistics import Statistics
from fairpost.rules.statistics import tables as t
from fairpost.rules.statistics.fold_effects import without_fold
from fairpost.rules.truth import InvalidLabel, Truth, read_label

DAY = 20454
TEXTS = st.lists(st.sampled_from(WORDS), max_size=6).map("".join)
LABELS = st.sampled_from([None, "0", "1", "MEDICAL", "ABSOLUTE,MEDICAL"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("variants")


@pytest.fixture(scope="module")
def rules(folder: Path) -> RuleSet:
    return RuleSet.from_bytes(bundle_of(load_packs(written(folder, "base"))))


@pytest.fixture(scope="module")
def switched(folder: Path) -> dict[str, RuleSet]:
    """For each rule a rule set in which its mode is the other one: shadow, or for the shadow rule enforce."""
    found = {}
    for name in ("cure", "cure-word", "best", "both", "gain"):
        before, rest = BASE.split(f"  - id: probe.{name}\n")
        shadow = "    mode: shadow\n"
        rest = rest.replace(shadow, "") if name == "gain" else rest.replace("    when:", f"{shadow}    when:", 1)
        path = folder / f"switched-{name}"
        path.mkdir()
        (path / "probe.yaml").write_text(f"{before}  - id: probe.{name}\n{rest}", encoding="utf-8")
        (path / "policy.yaml").write_text(policy(), encoding="utf-8")
        found[f"probe.{name}"] = RuleSet.from_bytes(bundle_of(load_packs(path)))
    return found


@given(texts=st.lists(TEXTS, max_size=12), channel=st.sampled_from(["default", "group-chat"]), cut=st.integers(1, 12))
def test_decides_is_what_the_compiler_says(
    rules: RuleSet, switched: dict[str, RuleSet], texts: list[str], channel: str, cut: int
) -> None:
    statistics = Statistics(rules, day=DAY, channel=channel)
    for first in range(0, len(texts), cut):
        statistics.add(Posts(texts[first : first + cut]))
    good = [text for text in texts if text]
    for number, name in enumerate(rules.rule_ids):
        if name not in switched:
            continue
        other = switched[name]
        differ = sum(
            rules.check(text, channel=channel, day=DAY).action != other.check(text, channel=channel, day=DAY).action
            for text in good
        )
        assert int(statistics.whatif.effects.decides[number]) == differ, name


@given(posts=st.lists(st.tuples(TEXTS, LABELS), max_size=12), cut=st.integers(1, 12))
def test_sums_are_what_plain_python_counts(rules: RuleSet, posts: list[tuple[str, str | None]], cut: int) -> None:
    statistics = Statistics(rules, day=DAY)
    for first in range(0, len(posts), cut):
        part = posts[first : first + cut]
        statistics.add(Posts([text for text, _ in part], truth=Truth.of([label for _, label in part])))
    fired: Counter[str] = Counter()
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    together: Counter[tuple[str, str]] = Counter()
    hits: Counter[tuple[str, str]] = Counter()
    holding: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    evaluated: Counter[str] = Counter()
    labelled = 0
    triggers = dict(zip(rules.rule_ids, rules.triggers(), strict=True))
    for number, (text, label) in enumerate(posts):
        if not text:
            continue
        names = [rules.rule_ids[k] for k in rules.check_batch([text], days=DAY).fired_rule.tolist()]
        fired.update(names)
        together.update(itertools.permutations(names, 2))
        matches = rules.matches(text)
        for word, list_name, _, _ in matches:
            hits[word, list_name] += 1
            holding[word, list_name].add(number)
        lists = {list_name for _, list_name, _, _ in matches}
        evaluated.update(name for name, needed in triggers.items() if needed is None or lists & set(needed))
        if label is None:
            continue
        labelled += 1
        for name in names:
            category = rules.rule_category(rules.rule_ids.index(name))
            is_right = label != "0" if category == "COMMERCE" else label == "1" or category in label.split(",")
            (right if is_right else wrong)[name] += 1
    counts = statistics.rules
    assert counts.labelled == labelled
    for number, name in enumerate(rules.rule_ids):
        assert int(counts.fired[number]) == fired[name]
        assert (int(counts.right[number]), int(counts.wrong[number])) == (right[name], wrong[name])
        assert int(statistics.words.evaluated[number]) == evaluated[name]
        companion = counts.companions().get(number)
        most = max((together[name, other] for other in rules.rule_ids), default=0)
        assert (companion is None) == (most == 0)
        if companion is not None:
            assert together[name, rules.rule_ids[companion[0]]] == most
            assert companion[1] == most / fired[name]
    for entry in statistics.words.words():
        assert entry.hits == hits[entry.word, entry.list], entry
        assert entry.posts == len(holding[entry.word, entry.list])
    by_list = {found.list: found for found in statistics.words.lists()}
    assert by_list["probe.cure"].words == 3
    assert by_list["probe.cure"].hits == sum(n for (_, name), n in hits.items() if name == "probe.cure")


@settings(max_examples=30)
@given(texts=st.lists(TEXTS, min_size=1, max_size=12), channel=st.sampled_from(["default", "moments", "group-chat"]))
def test_scores_are_the_engine_s(rules: RuleSet, texts: list[str], channel: str) -> None:
    scale = Scale(rules)
    batch = rules.check_batch(texts, channels=channel, days=DAY)
    for k in range(len(batch)):
        fired = batch.fired_rule[batch.fired_begin[k] : batch.fired_begin[k + 1]].tolist()
        enforced = [rule for rule in fired if not scale.shadow[rule]]
        scores = scale.scores(enforced)
        labels = slice(batch.label_begin[k], batch.label_begin[k + 1])
        assert [(s.category, s.severity) for s in scores] == list(
            zip(batch.label_category[labels].tolist(), batch.label_severity[labels].tolist(), strict=True)
        )
        score32 = batch.label_score.dtype.type
        assert [score32(s.score) for s in scores] == batch.label_score[labels].tolist()
        if batch.status[k] == 0:
            assert scale.action(enforced, channel) == batch.action[k]
            assert score32(scale.risk(scores)) == batch.risk[k]
            commerce = scale.score(0, enforced)
            if rules.signals is None:
                assert score32(commerce.score if commerce else 0.0) == batch.commerce[k]


def test_hits_of_a_batch_are_those_of_each_text(rules: RuleSet) -> None:
    texts = ["根治糖尿病", b"\xff", "", "一元旦 一元 包-邮", "加微信abc123", "今天"]
    post, pattern, list_id = rules.hits(texts)
    names, patterns = rules.meta["list_names"], rules.patterns()
    found = [
        (p, names[k] if n == 0xFFFFFFFF else patterns[n][0], names[k])
        for p, n, k in zip(post.tolist(), pattern.tolist(), list_id.tolist(), strict=True)
    ]
    expected = [
        (k, word, name)
        for k, text in enumerate(texts)
        if isinstance(text, str)
        for word, name, _, _ in rules.matches(text)
        if name != "price"  # no rule asks for it
    ]
    assert found == expected
    assert [len(column) for column in rules.hits(Texts.of([]))] == [0, 0, 0]
    assert len(rules.hits(["根治" * 60], max_characters=100)[0]) == 0
    with pytest.raises(ValueError, match="max_characters is 0"):
        rules.hits(["x"], max_characters=0)


def test_triggers(rules: RuleSet) -> None:
    triggers = dict(zip(rules.rule_ids, rules.triggers(), strict=True))
    assert triggers["probe.cure-word"] == ("probe.cure",)
    assert triggers["probe.contact"] == ("contact.wechat",)


def test_folds(folder: Path) -> None:
    """Without `separators` 根*治 is not found, without `repeat` 药到病病除 is not."""
    source = load_packs(written(folder, "base"))
    rules = RuleSet.from_bytes(bundle_of(source))
    statistics = Statistics(rules, source, day=DAY)
    texts = ["根治糖尿病", "药到病病除", "最-好第*一", "最好"]
    statistics.add(Posts(texts, truth=Truth.of(["1", "1", "0", "0"])))
    assert statistics.folds is not None
    effects = {effect.fold: effect for effect in statistics.folds.effects}
    assert list(effects)[-1] == "repeat"
    assert (effects["repeat"].struck, effects["repeat"].found, effects["repeat"].false_alarms) == (1, 1, 0)
    assert (effects["separators"].struck, effects["separators"].false_alarms) == (1, 1)
    assert (effects["case"].struck, effects["case"].stricter, effects["case"].lost_cases) == (0, 0, 0)
    variant = RuleSet.from_bytes(without_fold(source, "separators"))
    assert variant.check("最-好第*一", day=DAY).labels == ()
    assert variant.check("根-治", day=DAY).labels != ()  # repeat works on top of default, so its lists keep it
    (table,) = [table for table in t.tables(statistics) if table.title.startswith("Folds")]
    assert [row[0] for row in table.rows][-1] == "repeat"


def test_labels_are_read() -> None:
    bits = {name: 1 << k for k, name in enumerate(CATEGORIES)}
    assert read_label("MEDICAL; health-food") == (1, bits["MEDICAL"] | bits["HEALTH_FOOD"])
    assert read_label(" Spam ") == (1, 0xFFFFFFFF)
    assert read_label("false") == (0, 0)
    assert read_label("") == read_label(None) == (-1, 0)
    with pytest.raises(InvalidLabel, match=r"'MEDICLA' is no label: expected 0 or 1, .*; did you mean 'MEDICAL'"):
        read_label("MEDICLA")
    with pytest.raises(InvalidLabel, match="',' is no label"):
        read_label(",")


def test_tables_without_posts(rules: RuleSet) -> None:
    assert t.tables(Statistics(rules)) == []
    assert t.summary(Statistics(rules))[0].endswith(" 7 rules")
