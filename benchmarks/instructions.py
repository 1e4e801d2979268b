"""`make instructions`: machine instructions a post on the scalar path, counted by valgrind: noise does not touch them.

    make instructions [ARGS=--store]

A work is run twice under callgrind, with few and with more rounds; the difference, divided by the posts in between, is
free of start-up, and the same every time to about 0.1%. Compared with instructions.json: 5% more fails; less is
reported. `--store` writes the file anew, for an author who says in the commit why the numbers moved.

Compilers differ by more than 5%: with another compiler or processor than that of the stored numbers nothing is
compared, and the run says so. Python, Cython and NumPy barely matter (the loops are C); where they differ it is said
beside a failure, as it is where the packs or the sample posts have changed since.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

STORED = Path(__file__).with_name("instructions.json")
POSTS = 500
ROUNDS = (2, 5)
TOLERANCE = 0.05


def run_rounds(bundle: str, posts: str, rounds: int) -> None:
    """What callgrind counts: only the engine is imported."""
    import gc

    from fairpost.engine import RuleSet, Texts

    gc.disable()
    rules = RuleSet.open(bundle)
    texts = Texts.of(json.loads(Path(posts).read_text(encoding="utf-8")))
    for _ in range(rounds):
        rules.check_batch(texts, days=20_000)


def count(bundle: Path, posts: Path) -> int:
    """Instructions a post, in whole ones."""
    # Nothing else is inherited. NumPy's OpenBLAS keeps a thread that spins while it waits, as many instructions as
    # there is time for, which once halved a figure: with one thread none waits.
    environment = {
        "FAIRPOST_KERNELS": "scalar",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
    }
    work = [sys.executable, __file__, str(bundle), str(posts), "--rounds"]
    # Once without counting: the first import after a change writes byte code, which is as much work as many rounds.
    subprocess.run([*work, "1"], env=environment, check=True)
    collected = []
    for rounds in ROUNDS:
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *work, str(rounds)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        found = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode or not found:
            raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr[-2000:]}")
        collected.append(int(found[1]))
    few, more = collected
    return round((more - few) / (POSTS * (ROUNDS[1] - ROUNDS[0])))


def measure() -> dict[str, Any]:
    """Instructions a post of each work, and what they depend on."""
    from corpus import made_posts, made_words
    from source import source_of

    from fairpost.engine.build import build
    from fairpost.rules import shipped_bundle

    texts = made_posts(POSTS)
    contents = {"fold and match 10k": build(source_of(made_words(10_000))), "full check": shipped_bundle().read_bytes()}
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        bundle, posts = Path(folder) / "rules.fpb", Path(folder) / "posts.json"
        posts.write_text(json.dumps(texts), encoding="utf-8")
        for name, content in contents.items():
            bundle.write_bytes(content)
            figures[name] = count(bundle, posts)
    compiler = subprocess.run(["cc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()
    return {
        "instructions a post": figures,
        "must agree": {"compiler": f"cc {compiler}", "machine": platform.machine()},
        "may differ": {
            "Python": platform.python_version(),
            **{package: importlib.metadata.version(package) for package in ("Cython", "numpy")},
            "posts": hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:12],
            **{name: hashlib.sha256(content).hexdigest()[:12] for name, content in contents.items()},
        },
    }


def compare(now: dict[str, Any], stored: dict[str, Any]) -> int:
    """Print what moved; 1 if something costs more than the tolerance allows."""
    figures, before = now["instructions a post"], stored["instructions a post"]
    unlike = [f"{key} {stored['must agree'].get(key)} -> {value}" for key, value in now["must agree"].items()
              if stored["must agree"].get(key) != value]  # fmt: skip
    worse = []
    for name, figure in figures.items():
        old = before.get(name)
        moved = f"{figure / old - 1:+.1%} against {old:,}" if old else "not stored"
        print(f"{name:<20} {figure:>10,} instructions a post   {moved}")
        if not old or figure > old * (1 + TOLERANCE):
            worse.append(name)
        elif figure < old * (1 - TOLERANCE / 5):
            print("  less than stored: keep it so with `make instructions ARGS=--store`")
    if unlike:
        print(f"not compared, the stored numbers are of another tool chain: {', '.join(unlike)}")
        return 0
    if worse:
        changed = [f"{key} {stored['may differ'].get(key)} -> {value}" for key, value in now["may differ"].items()
                   if stored["may differ"].get(key) != value]  # fmt: skip
        print(f"more than {TOLERANCE:.0%} above the stored numbers: {', '.join(worse)}")
        print(f"changed since they were stored: {', '.join(changed) or 'only the code'}")
        print("if this is meant: `make instructions ARGS=--store`, and say why in the commit")
    return 1 if worse else 0


def main() -> int:
    """Count; compare or store."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--store", action="store_true", help="write instructions.json anew")
    options.add_argument("--rounds", type=int, help=argparse.SUPPRESS)
    options.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.rounds:
        bundle, posts = chosen.files
        run_rounds(bundle, posts, chosen.rounds)
        return 0
    if shutil.which("valgrind") is None:
        print("left out: valgrind is not installed (Debian: apt-get install valgrind)")
        return 0
    now = measure()
    if chosen.store:
        STORED.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
        print(f"stored in {STORED}")
    return compare(now, json.loads(STORED.read_text(encoding="utf-8")))


if __name__ == "__main__":
    raise SystemExit(main())
