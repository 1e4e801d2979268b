"""Every path of the kernels that this machine runs: the table of cases, a property against the reference, and columns
that are equal to the last bit."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.matching import Match, Pattern, find_all
from reference.sources import fold_set, matcher_bundle
from reference.strategies import VECTOR_PIECES, examples, pattern_sets, texts

from fairpost.engine import RuleSet
from fairpost.engine.scanner import available_paths, choose_path, chosen_path
from fairpost.engine.vocabulary import RECOGNISERS

BYTES = [0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xE4, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF]


@pytest.fixture(scope="module", params=available_paths())
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    """Everything in the test runs on this path."""
    choose_path(request.param)
    yield request.param
    choose_path()


@pytest.fixture(autouse=True)
def best_path_afterwards(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    choose_path(request.getfixturevalue("path") if "path" in request.fixturenames else None)


def found(ruleset: RuleSet, text: str) -> list[Match]:
    return sorted(
        Match(begin, end, int(name.removeprefix("list ")))
        for _, name, begin, end in ruleset.matches(text)
        if name not in RECOGNISERS
    )


def test_cases(path: str, match_cases: list[dict[str, Any]]) -> None:
    for case in match_cases:
        patterns = [
            Pattern(w, fold_set(case.get("folds", ["default"])), case.get("word_boundaries", True))
            for w in case["patterns"]
        ]
        expected = [Match(begin, end, pattern) for pattern, begin, end in case["matches"]]
        assert found(RuleSet.from_bytes(matcher_bundle(patterns)), case["text"]) == expected, case["name"]


@examples(60)
@given(patterns=pattern_sets, posts=st.lists(texts, min_size=1, max_size=6))
def test_matches(path: str, patterns: list[Pattern], posts: list[str]) -> None:
    ruleset = RuleSet.from_bytes(matcher_bundle(patterns))
    for text in posts:
        assert found(ruleset, text) == find_all(patterns, text)


def test_texts_of_a_chunk_do_not_touch(path: str, sample_ruleset: RuleSet) -> None:
    """A pattern cut in two by the end of a text does not match; every text gets what it gets alone."""
    cut = [
        "根",
        "治",
        "最最",
        "好",
        "",
        "根治疗",
        "法",
        "v",
        "糖尿",
        "病包",
        "邮",
        "\x00根治\x00",
        "根\x00治",
        "😀根😀治",
    ]
    whole = ["根治", "最最好", "根治疗法", "糖尿病", "根治糖尿病包邮v"]
    posts = [*cut, *whole, *reversed(cut)] * 60
    batch = sample_ruleset.check_batch(posts, days=0, unit="utf8")
    alone = {text: sample_ruleset.check_batch([text], days=0, unit="utf8") for text in {*posts}}
    for i, text in enumerate(posts):
        one = alone[text]
        fired = batch.fired_rule[batch.fired_begin[i] : batch.fired_begin[i + 1]]
        evidence = slice(batch.evidence_begin[i], batch.evidence_begin[i + 1])
        assert batch.status[i] == one.status[0]
        assert fired.tolist() == one.fired_rule.tolist(), (i, text)
        assert batch.evidence_start[evidence].tolist() == one.evidence_start.tolist(), (i, text)
    assert batch.fired_rule.size > len(posts) // 10


def columns(path: str, bundle: bytes, texts: list[bytes]) -> dict[str, bytes]:
    choose_path(path)
    batch = RuleSet.from_bytes(bundle).check_batch(texts, days=20_050, unit="utf8")
    return {name: column.tobytes() for name, column in vars(batch).items() if isinstance(column, np.ndarray)}


def sample_texts(chance: random.Random, count: int) -> list[bytes]:
    """Texts of every length around the width of a vector; two in five with bytes changed or cut off."""
    texts = []
    for _ in range(count):
        text = bytearray("".join(chance.choices(VECTOR_PIECES, k=chance.choice((1, 5, 20, 64, 200)))).encode())
        if chance.random() < 0.4:
            for _ in range(chance.choice((1, 1, 3))):
                text[chance.randrange(len(text))] = chance.choice(BYTES)
            del text[chance.randrange(len(text)) + 1 :]
        texts.append(bytes(text))
    return texts


def test_paths_agree(path: str, sample_bundle: bytes) -> None:
    texts = sample_texts(random.Random(7), 20_000)
    assert columns(path, sample_bundle, texts) == columns("scalar", sample_bundle, texts)


def test_a_fault_across_two_vectors(path: str, sample_bundle: bytes) -> None:
    """A lead byte at the end of 64 bytes, its continuation missing at the start of the next 64."""
    texts = [
        b"a" * filler + lead + b"a" * 80
        for filler in range(56, 66)
        for lead in (b"\xf4", b"\xf4\x8f", b"\xf0\x9f\x98", b"\xe4", b"\xe4\xb8", b"\xc3", b"\xf7\xbf\xbf")
    ]
    batch = RuleSet.from_bytes(sample_bundle).check_batch(texts)
    assert set(batch.status.tolist()) == {1}
    assert batch.status_offset.tolist() == [text.rindex(b"a" * 80) - len(text.strip(b"a")) for text in texts]


def test_the_environment_chooses() -> None:
    script = "from fairpost.engine.scanner import chosen_path; print(chosen_path())"

    def run(kernels: str) -> subprocess.CompletedProcess[str]:
        environment = {"FAIRPOST_KERNELS": kernels}
        return subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
        )

    for name in available_paths():
        assert run(name).stdout.strip() == name
    assert run("").stdout.strip() == available_paths()[0]
    assert f"kernels 'sse9': this machine runs {', '.join(available_paths())}" in run("sse9").stderr


def test_an_unknown_path_is_refused() -> None:
    with pytest.raises(ValueError, match=r"kernels 'mmx': this machine runs .*scalar"):
        choose_path("mmx")
    assert chosen_path() == available_paths()[0]
