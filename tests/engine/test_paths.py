"""Every path of the kernels that this machine runs gives the same columns, to the last bit."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from fairpost.engine import RuleSet
from fairpost.engine.judge import available_paths, choose_path

PIECES = [
    *"012abcv vx。，！ \n\u200b",
    *(
        "最好",
        "根治",
        "糖尿病",
        "100%",
        "包邮",
        "根治疗法",
        "ﷺ",
        "㎏",
        "㌀",
        "ガ",
        "ｶﾞ",
        "㈱",
        "é",
        "ß",
        "①",
        "𝟐",
        "𠀀",
        "😀",
        "🇦",
    ),
]
BYTES = [0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xE4, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF]


@pytest.fixture(autouse=True)
def best_path_afterwards() -> Iterator[None]:
    yield
    choose_path()


def columns(path: str, bundle: bytes, texts: list[bytes]) -> dict[str, bytes]:
    choose_path(path)
    batch = RuleSet.from_bytes(bundle).check_batch(texts, days=20_050, unit="utf8")
    return {name: column.tobytes() for name, column in vars(batch).items() if isinstance(column, np.ndarray)}


def sample_texts(chance: random.Random, count: int) -> list[bytes]:
    """Texts of every length around the width of a vector; two in five with bytes changed or cut off."""
    texts = []
    for _ in range(count):
        text = bytearray("".join(chance.choices(PIECES, k=chance.choice((1, 5, 20, 64, 200)))).encode())
        if chance.random() < 0.4:
            for _ in range(chance.choice((1, 1, 3))):
                text[chance.randrange(len(text))] = chance.choice(BYTES)
            del text[chance.randrange(len(text)) + 1 :]
        texts.append(bytes(text))
    return texts


@pytest.mark.parametrize("path", available_paths())
def test_paths_agree(path: str, sample_bundle: bytes) -> None:
    texts = sample_texts(random.Random(7), 20_000)
    assert columns(path, sample_bundle, texts) == columns("scalar", sample_bundle, texts)


@pytest.mark.parametrize("path", available_paths())
def test_a_fault_across_two_vectors(path: str, sample_bundle: bytes) -> None:
    """A lead byte at the end of 64 bytes, its continuation missing at the start of the next 64."""
    texts = [
        b"a" * filler + lead + b"a" * 80
        for filler in range(56, 66)
        for lead in (b"\xf4", b"\xf4\x8f", b"\xf0\x9f\x98", b"\xe4", b"\xe4\xb8", b"\xc3", b"\xf7\xbf\xbf")
    ]
    choose_path(path)
    batch = RuleSet.from_bytes(sample_bundle).check_batch(texts)
    assert set(batch.status.tolist()) == {1}
    assert batch.status_offset.tolist() == [text.rindex(b"a" * 80) - len(text.strip(b"a")) for text in texts]


def test_the_environment_chooses(sample_bundle: bytes) -> None:
    script = "from fairpost.engine.judge import choose_path; import fairpost.engine"
    refused = subprocess.run(
        [sys.executable, "-c", script], env={"FAIRPOST_KERNELS": "sse9"}, capture_output=True, text=True, check=False
    )
    assert f"kernels 'sse9': this machine runs {', '.join(available_paths())}" in refused.stderr
    assert (
        subprocess.run([sys.executable, "-c", script], env={"FAIRPOST_KERNELS": "scalar"}, check=False).returncode == 0
    )


def test_an_unknown_path_is_refused() -> None:
    with pytest.raises(ValueError, match=r"kernels 'mmx': this machine runs .*scalar"):
        choose_path("mmx")
