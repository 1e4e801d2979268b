"""Training of the text model: the split, the fit, the file, the card. On posts of our own, in seconds."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairpost.engine import RuleSet, TextModel, model_features
from fairpost.rules import bundle_of, compile_packs, load_packs
from fairpost.rules.model_file import FEATURES, InvalidModel, describe_model, load_model, model_bytes
from fairpost.rules.training import (
    Posts,
    Task,
    case_posts,
    evaluate,
    leave_out,
    measured,
    model_card,
    parts_of,
    split_of,
    train,
)
from fairpost.rules.training.evaluation import auc, f1, reliability
from fairpost.rules.training.fitting import calibrate
from fairpost.rules.training.written import written_posts

pytest.importorskip("sklearn")

PACK = """
pack: shop
lists:
  call: [私聊下单, 加微信, 现货, 包邮]
  news: [通报]
groups: {}
rules:
  - id: shop.call
    category: COMMERCE
    severity: low
    weight: 0.4
    when: any(call)
    cases: {match: [现货包邮], pass: [今天下雨]}
  - id: shop.rare
    category: COMMERCE
    severity: low
    weight: 0.5
    when: any(news) and any(call)
    cases: {match: [通报现货], pass: [今天通报]}
"""


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packs") / "shop.yaml"
    path.write_text(PACK, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def posts() -> Posts:
    texts, labels = written_posts(1500, seed=7)
    origins = ["first" if k % 3 else "second" for k in range(len(texts))]
    return Posts.of(texts, labels, origins)


TASK = Task(written=0, own=False, bits=12, name="small")


@pytest.fixture(scope="module")
def trained(pack: Path, posts: Posts) -> tuple[TextModel, dict[str, Any]]:
    return train(posts, load_packs(pack), TASK)


def test_written_posts_are_the_same_for_a_seed() -> None:
    texts, labels = written_posts(400, seed=3)
    assert (texts, labels) == written_posts(400, seed=3)
    assert texts != written_posts(400, seed=4)[0]
    assert len(set(texts)) == 400
    assert sum(labels) == 200
    assert not any("{" in text or "}" in text for text in texts)


def test_near_copies_are_in_one_part() -> None:
    first = "特价 28 元一箱，电话13800001111"
    copies = [first, "特价 39 元一箱，电话xxxxxxxxxxx", "特價２８元一箱！电话 13900002222", "特价99元一箱电话"]
    assert len(set(parts_of(copies).tolist())) == 1
    many = parts_of([f"第{chr(0x4E00 + k)}次" for k in range(2000)])
    assert np.bincount(many, minlength=20).min() > 60


def test_cases_are_labelled_posts(pack: Path) -> None:
    source = load_packs(pack)
    found = case_posts(source, RuleSet.from_bytes(bundle_of(source)))
    assert dict(zip(found.texts, found.labels.tolist(), strict=True)) == {
        "现货包邮": 1,
        "今天下雨": 0,
        "通报现货": 1,
        "今天通报": 0,
    }


def test_a_model_learns_what_sells(trained: tuple[TextModel, dict[str, Any]], pack: Path) -> None:
    model, about = trained
    assert about["test"]["auc"] > 0.97
    assert about["test"]["calibration_error"] < 0.1
    assert set(about["sources"]) == {"first", "second", "cases", "evaded"}
    assert about["near_copies"] > 0
    assert model.signals is not None
    assert set(model.signals) == {"shop.call", "shop.rare"}
    # A rule that training hardly saw still has half of what its author says.
    assert model.signals["shop.rare"] >= round(0.5 * np.log(2) * 256) / 256
    rules = RuleSet.from_bytes(compile_packs(pack, model=model))
    texts = ["面霜新品上架，正品保证，两盒88元包邮，想要的私聊下单", "孩子发烧了，下雨天在医院陪床", "现货"]
    sells, harmless, _ = (verdict.commerce for verdict in rules.check_batch(texts))
    assert sells > 0.8
    assert harmless < 0.2
    assert measured(model, texts, rules) == pytest.approx(rules.check_batch(texts).commerce, abs=1e-6)


def test_training_is_repeatable(trained: tuple[TextModel, dict[str, Any]], pack: Path, posts: Posts) -> None:
    again = train(posts, load_packs(pack), TASK)
    assert model_bytes(*again) == model_bytes(*trained)


def test_more_evidence_never_lowers_commerce(trained: tuple[TextModel, dict[str, Any]], pack: Path) -> None:
    model = trained[0]
    with_rules = RuleSet.from_bytes(compile_packs(pack, model=model))
    silent = PACK.replace("any(call)\n", "any(call) and any(news)\n").replace("现货包邮", "通报包邮")
    quieter = pack.parent / "quieter.yaml"
    quieter.write_text(silent, encoding="utf-8")
    without = RuleSet.from_bytes(compile_packs(quieter, model=model))
    texts = ["现货", "包邮的毛衣", "加微信聊天气", "今天下雨"]
    more, less = with_rules.check_batch(texts).commerce, without.check_batch(texts).commerce
    assert (more >= less).all()
    assert (more[:3] > less[:3]).all()


def test_a_source_left_out(pack: Path, posts: Posts) -> None:
    model, about = train(posts, load_packs(pack), Task(left=[["second"]], written=0, own=False, bits=12, cases=False))
    assert list(about["left_out"]) == ["second"]
    assert about["left_out"]["second"] > 0.95
    source = load_packs(pack)
    rules = RuleSet.from_bytes(bundle_of(source))
    features, parts = model_features(posts.texts, 12, rules), split_of(posts)
    weights = {rule.id: rule.weight for rule in source.rules}
    alone = leave_out(posts, rules, weights, ["second"], [], bits=12, parts=parts, features=features)
    assert alone == about["left_out"]
    figures = evaluate(model, posts, rules, parts, features)
    assert sum(row["posts"] for row in figures["sources"].values()) == figures["posts"] == about["test"]["posts"]


def test_one_label_is_not_enough(pack: Path, posts: Posts) -> None:
    only = posts.chosen(posts.labels == 1)
    with pytest.raises(ValueError, match="posts for training are all of one label; both are needed"):
        train(only, load_packs(pack), Task(written=0, own=False, cases=False))


def test_the_card_says_it_all(trained: tuple[TextModel, dict[str, Any]]) -> None:
    about = trained[1]
    card = model_card(about | {"left_out": {"second": 0.98765}, "fresh": ["first"]})
    for part in ("# Model card: small", "| first | 1,000 |", "| second | 0.9877 |", "## Calibration", "## Limits"):
        assert part in card
    assert f"F1 {about['test']['f1']:.4f}" in card
    assert all(len(line) <= 200 for line in card.splitlines())


# -- figures ---------------------------------------------------------------------------------------


def test_auc_counts_pairs() -> None:
    truth, score = np.array([1, 0, 1, 0, 0]), np.array([0.9, 0.9, 0.4, 0.1, 0.4])
    pairs = [(a > b) + 0.5 * (a == b) for a in score[truth == 1] for b in score[truth == 0]]
    assert auc(truth, score) == pytest.approx(np.mean(pairs))
    assert np.isnan(auc(np.ones(3), score[:3]))


def test_f1() -> None:
    assert f1(np.array([1, 1, 0, 0]), np.array([True, False, True, False])) == 0.5
    assert f1(np.array([0, 0]), np.array([False, False])) == 0.0


def test_reliability() -> None:
    rows, error = reliability(np.array([1, 0, 0, 0]), np.array([1.0, 0.15, 0.15, 0.05]))
    assert [row["posts"] for row in rows] == [1, 2, 1]
    assert error == pytest.approx((0.0 + 2 * 0.15 + 0.05) / 4)


def test_calibration_makes_probabilities() -> None:
    chance = np.random.default_rng(5)
    logit = chance.normal(0, 2, 20_000)
    truth = (chance.random(20_000) < 1 / (1 + np.exp(-(0.5 * logit - 1)))).astype(float)
    slope, shift = calibrate(truth, logit, np.ones(20_000))
    assert slope == pytest.approx(0.5, abs=0.03)
    assert shift == pytest.approx(-1, abs=0.05)
    assert calibrate(1 - truth, logit, np.ones(20_000))[0] == 0.05  # never turned round


# -- the file --------------------------------------------------------------------------------------


@pytest.fixture
def model() -> TextModel:
    weights = np.random.default_rng(1).integers(-128, 128, 256).astype(np.int8)
    return TextModel(weights, 0.01, -1.5, {"a.b": 0.5, "a.c": 0.0}, 0.75, 2.5)


def test_a_file_holds_the_model(model: TextModel, tmp_path: Path) -> None:
    path = tmp_path / "a.model"
    path.write_bytes(model_bytes(model, {"name": "甲"}))
    assert load_model(path) == model
    assert describe_model(path)["about"] == {"name": "甲"}
    assert model_bytes(model, {"name": "甲"}) == path.read_bytes()


def damaged(content: bytes, **changed: Any) -> bytes:
    """The file with another description and a right checksum."""
    length = struct.unpack_from("<I", content, 12)[0]
    described = json.loads(content[48 : 48 + length]) | changed
    description = json.dumps(described).encode()
    rest = description + content[48 + length :]
    return content[:12] + struct.pack("<I", len(description)) + hashlib.sha256(rest).digest() + rest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b"fairpost" + b[8:], "no model file"),
        (lambda b: b[:20], "no model file"),
        (lambda b: b[:8] + struct.pack("<I", 9) + b[12:], "model file of version 9, expected 1; train it anew"),
        (lambda b: b[:-1] + bytes([b[-1] ^ 1]), "damaged: its checksum does not fit its content"),
        (lambda b: damaged(b, features="others"), f"made for the features 'others', here are '{FEATURES}'"),
        (lambda b: damaged(b, bits=9), r"256 weights, expected 2\*\*9"),
        (lambda b: damaged(b, scale=1e99), "scale is 1e\\+99, expected a number"),
        (lambda b: damaged(b, signals={"a": -1}), "the signal of rule a is -1, expected a number from 0 to 32"),
    ],
)
def test_a_damaged_file_is_refused(model: TextModel, tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "a.model"
    path.write_bytes(change(model_bytes(model, {})))
    with pytest.raises(InvalidModel, match=message) as caught:
        load_model(path)
    assert str(caught.value).startswith(str(path))


def test_weights_that_would_fill_the_memory_are_refused(model: TextModel, tmp_path: Path) -> None:
    content = model_bytes(model, {})
    length = struct.unpack_from("<I", content, 12)[0]
    rest = content[48 : 48 + length] + zlib.compress(bytes(1 << 26))
    path = tmp_path / "a.model"
    path.write_bytes(content[:16] + hashlib.sha256(rest).digest() + rest)
    with pytest.raises(InvalidModel, match="8388608 weights, expected a power of two"):
        load_model(path)


# -- among packs -----------------------------------------------------------------------------------


def test_a_model_among_the_packs_is_compiled_in(model: TextModel, pack: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(PACK, encoding="utf-8")
    assert load_packs(tmp_path).model is None
    (tmp_path / "shop.model").write_bytes(model_bytes(model, {}))
    assert load_packs(tmp_path).model == model
    assert load_packs(tmp_path, None).model is None
    assert load_packs(pack).model is None


def test_what_is_wrong_with_a_model_among_the_packs(model: TextModel, tmp_path: Path) -> None:
    from fairpost.rules import PackErrors

    (tmp_path / "shop.yaml").write_text(PACK, encoding="utf-8")
    (tmp_path / "a.model").write_bytes(b"something else")
    with pytest.raises(PackErrors) as caught:
        load_packs(tmp_path)
    assert "no model file" in str(caught.value)
    for name in ("a.model", "b.model"):
        (tmp_path / name).write_bytes(model_bytes(model, {}))
    with pytest.raises(PackErrors) as caught:
        load_packs(tmp_path)
    assert "a second text model: a.model is there already; keep one" in str(caught.value)
