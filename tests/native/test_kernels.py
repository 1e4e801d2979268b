"""The kernels as a program of their own: every path of this machine under sanitizers, NEON in an emulator of aarch64.

They must make the same of the same texts, down to each symbol, offset, survivor, bucket and match.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.model import buckets, shapes, window_of
from reference.sample import sample_source
from reference.strategies import VECTOR_PIECES, examples, random_model, texts

from fairpost.engine.build import build
from fairpost.engine.model import TextModel, unigram_weights

ROOT = Path(__file__).parents[2]
FLAGS = ["-O3", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-ffp-contract=off"]
MODEL = random_model(12, 1.0, 0.0)
BYTES = [0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xE4, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF]


class Program:
    """The compiled program with one bundle, ready to be fed texts."""

    def __init__(self, *command: str) -> None:
        self.command = command
        self.bundle = build(replace(sample_source(), model=MODEL))
        self.unigrams = unigram_weights(MODEL.weights, MODEL.bits).tobytes()

    def run(self, given: Sequence[bytes]) -> dict[str, list[str]]:
        """Path -> what it made of the texts, line by line."""
        ends = np.cumsum([len(text) for text in given])
        head = np.array([len(self.bundle), len(given), ends[-1], len(self.unigrams)], "<u4")
        parts = [head.tobytes(), self.bundle, self.unigrams, ends.astype("<u4").tobytes(), *given]
        done = subprocess.run(self.command, input=b"".join(parts), capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr.decode()
        made: dict[str, list[str]] = {}
        for line in done.stdout.decode().splitlines():
            if line.startswith("path "):
                lines = made.setdefault(line.removeprefix("path "), [])
            else:
                lines.append(line)
        return made


def compiled(compiler: str, target: Path, *flags: str) -> str:
    source = ROOT / "tests" / "native" / "kernels.c"
    command = [compiler, *FLAGS, *flags, f"-I{ROOT / 'engine' / 'kernels'}", str(source), "-o", str(target), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return str(target)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Program:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is here")
    # Less optimised it is compiled in a third of the time; what the kernels do is in intrinsics all the same.
    flags = ["-O1", "-fsanitize=address,undefined"]
    return Program(compiled(compiler, tmp_path_factory.mktemp("host") / "kernels", *flags))


@pytest.fixture(scope="module")
def neon(tmp_path_factory: pytest.TempPathFactory) -> Program:
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if compiler is None or emulator is None:
        pytest.skip("aarch64-linux-gnu-gcc or qemu-aarch64 is not here (Debian: gcc-aarch64-linux-gnu, qemu-user)")
    return Program(emulator, compiled(compiler, tmp_path_factory.mktemp("neon") / "kernels", "-static"))


def sample_texts(count: int) -> list[bytes]:
    """Texts of every length around the width of a vector; two in five with bytes changed or cut off; one of 60 KB."""
    chance = random.Random(7)
    made = []
    for _ in range(count):
        text = bytearray("".join(chance.choices(VECTOR_PIECES, k=chance.choice((1, 5, 20, 64, 200)))).encode())
        if chance.random() < 0.4:
            for _ in range(chance.choice((1, 1, 3))):
                text[chance.randrange(len(text))] = chance.choice(BYTES)
            del text[chance.randrange(len(text)) + 1 :]
        made.append(bytes(text))
    return [*made, "".join(chance.choices(VECTOR_PIECES, k=20_000)).encode(), b"", b""]


def faults_between_vectors() -> list[bytes]:
    """Every lead byte with too few continuations, at every place around the ends of 16, 32 and 64 bytes."""
    broken = (
        b"\xf4",
        b"\xf4\x8f",
        b"\xf0\x9f\x98",
        b"\xe4",
        b"\xe4\xb8",
        b"\xc3",
        b"\xf7\xbf\xbf",
        b"\x80",
        b"\xed\xa0\x80",
    )
    return [
        b"a" * filler + lead + b"a" * 80
        for filler in (*range(12, 20), *range(28, 36), *range(60, 68))
        for lead in broken
    ]


def assert_paths_equal(program: Program, given: Sequence[bytes], expected: list[str] | None = None) -> list[str]:
    made = program.run(given)
    first = expected if expected is not None else made["scalar"]
    for path, lines in made.items():
        for line, wanted in zip(lines, first, strict=True):
            assert line == wanted, path
    return made["scalar"]


@pytest.mark.parametrize("given_texts", [sample_texts(3000), faults_between_vectors()], ids=["mixed", "faults"])
def test_paths(host: Program, given_texts: list[bytes]) -> None:
    lines = assert_paths_equal(host, given_texts)
    assert sum(line.startswith("text ") for line in lines) == len(given_texts)
    assert sum(" fault 1 " in line for line in lines) > len(given_texts) // 5
    assert sum(line.count("[") for line in lines if line.startswith("matches")) > len(given_texts) // 10 or (
        given_texts == faults_between_vectors()
    )


@pytest.mark.parametrize("given_texts", [sample_texts(3000), faults_between_vectors()], ids=["mixed", "faults"])
def test_neon(host: Program, neon: Program, given_texts: list[bytes]) -> None:
    assert set(neon.run([b"a"])) == {"neon", "scalar"}
    assert_paths_equal(neon, given_texts, host.run(given_texts)["scalar"])


batches = st.lists(texts.map(str.encode) | st.binary(max_size=70), min_size=1, max_size=12)


@examples(100)
@given(batch=batches)
def test_any_texts(host: Program, batch: list[bytes]) -> None:
    assert_paths_equal(host, batch)


@examples(100)
@given(batch=batches)
def test_any_texts_on_neon(host: Program, neon: Program, batch: list[bytes]) -> None:
    assert_paths_equal(neon, batch, host.run(batch)["scalar"])


@examples(50)
@given(batch=st.lists(texts, min_size=1, max_size=12))
def test_weights_of_the_text_model(host: Program, batch: list[str]) -> None:
    """The sums of every path are those of the reference, and the windows' greatest logits."""
    scaled = TextModel(MODEL.weights, 0.01, 0.0)  # as kernels.c has it
    expected = [
        (sum(int(MODEL.weights[b]) for b in buckets(shapes(text), MODEL.bits)), float(window_of(scaled, [text])))
        for text in batch
    ]
    for lines in host.run([text.encode() for text in batch]).values():
        told = [line.split(":")[0].split() for line in lines if line.startswith("text ")]
        found = [
            (int(words[words.index("weights") + 1]), float.fromhex(words[words.index("window") + 1])) for words in told
        ]
        assert found == expected
