"""Builds with sanitizers and runs the fuzz targets, one after the other (see this folder's __init__.py).

    python tests/fuzz/run.py [--seconds 60] [--replay FILE] [TARGET ...]

Exit status 1: something was found. Needs clang with its runtime, and atheris.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "build" / "fuzz"
TARGETS = ("texts", "patterns", "bundles", "wire", "columns", "standings")
SANITIZERS = "address,undefined,float-cast-overflow,fuzzer-no-link"
LIMITS = ("-timeout=20", "-rss_limit_mb=2048", "-max_len=4096", "-len_control=20")
PROGRESS = re.compile(r"^#(\d+)\s+(\w+)\s+cov: (\d+) ft: (\d+)", re.MULTILINE)
EXECUTED = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)
FRAME = re.compile(r"^    #[0-9]{2,} .*\n", re.MULTILINE)
"""A frame of the stack far from the fault: the interpreter's."""


@dataclass
class Outcome:
    target: str
    seconds: float
    processor: float
    """Seconds of the processor: on a shared machine the ones that count."""
    executions: int
    coverage: tuple[int, int]
    """Edges reached when the corpus of earlier runs and the seeds were read, and at the end."""
    found: list[Path]
    failed: bool
    log: Path


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fuzz what comes in from outside, under sanitizers.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"some of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together, without the build")
    parser.add_argument("--replay", type=Path, help="run one input of build/fuzz/findings instead")
    options = parser.parse_args(arguments)
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"unknown target {', '.join(sorted(unknown))}: there are {', '.join(TARGETS)}")
    build()
    if options.replay is not None:
        target = options.replay.name.partition("-")[0]
        return subprocess.run([*command(target), str(options.replay)], env=environment(), check=False).returncode
    targets = options.targets or TARGETS
    outcomes = [fuzz(target, options.seconds / len(targets)) for target in targets]
    return report(outcomes)


def build() -> None:
    """The packages with an instrumented extension, in build/fuzz/lib; only what changed is compiled."""
    if shutil.which("clang") is None:
        sys.exit("fuzz: clang is needed (Debian: apt-get install clang libclang-rt-dev llvm)")
    print("fuzz: building with sanitizers ...", flush=True)
    flags = {"FAIRPOST_SANITIZE": SANITIZERS, "CC": "clang", "LDSHARED": "clang -shared"}
    places = ["--build-lib", str(PLACE / "lib"), "--build-temp", str(PLACE / "temp")]
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build", *places], cwd=ROOT, env=os.environ | flags, check=True
    )


def environment() -> dict[str, str]:
    # One runtime for both sanitizers and the fuzzer, which atheris brings; it must be there before any allocation.
    runtime = Path(atheris.path()) / "asan_with_fuzzer.so"
    return os.environ | {
        "LD_PRELOAD": str(runtime),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:handle_abort=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # small objects too have an end that is noticed
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def command(target: str) -> list[str]:
    return [sys.executable, str(ROOT / "tests" / "fuzz" / "child.py"), target, str(PLACE)]


def fuzz(target: str, seconds: float) -> Outcome:
    seeds, corpus, findings = PLACE / "seeds" / target, PLACE / "corpus" / target, PLACE / "findings"
    shutil.rmtree(seeds, ignore_errors=True)
    for folder in (seeds, corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    dictionary, log = PLACE / f"{target}.dict", PLACE / f"{target}.log"
    dictionary.touch()
    prefix = f"{findings}/{target}-"
    began, started, used = time.monotonic(), time.time(), _processor()
    with log.open("wb") as out:
        status = subprocess.run(
            [
                *command(target),
                *LIMITS,
                f"-max_total_time={max(1, round(seconds))}",
                f"-artifact_prefix={prefix}",
                f"-dict={dictionary}",
                "-print_final_stats=1",
                str(corpus),
                str(seeds),
            ],
            env=environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    text = log.read_text("utf-8", "replace")
    progress = PROGRESS.findall(text)
    start = next((int(cov) for _, what, cov, _ in progress if what == "INITED"), 0)
    executed = EXECUTED.search(text)
    return Outcome(
        target,
        time.monotonic() - began,
        _processor() - used,
        int(executed[1]) if executed else int(progress[-1][0]) if progress else 0,
        (start, int(progress[-1][2]) if progress else 0),
        [path for path in sorted(findings.glob(f"{target}-*")) if path.stat().st_mtime >= started - 1],
        status != 0,
        log,
    )


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def report(outcomes: Sequence[Outcome]) -> int:
    print(f"{'target':10} {'seconds':>8} {'processor':>9} {'executions':>11} {'coverage':>15}  found")
    for o in outcomes:
        found = ", ".join(str(path.relative_to(ROOT)) for path in o.found) or ("failed" if o.failed else "nothing")
        figures = f"{o.seconds:8.0f} {o.processor:9.0f} {o.executions:11,} {o.coverage[0]:7} > {o.coverage[1]:5}"
        print(f"{o.target:10} {figures}  {found}")
    failed = [o for o in outcomes if o.failed]
    for o in failed:
        print(f"\n== {o.target}: the end of {o.log.relative_to(ROOT)}")
        print("\n".join(FRAME.sub("", o.log.read_text("utf-8", "replace")).splitlines()[-60:]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
