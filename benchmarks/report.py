"""`make bench`: one table of a run, and with --write also RESULTS.md and the charts.

    python benchmarks/report.py RUN.json [--write]

RUN.json is what `pytest benchmarks --benchmark-json` wrote. In RESULTS.md only the part between the two marks is
generated; figures are of the quickest round.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers import EACH

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- bench: begin, written by make bench -->", "<!-- bench: end -->"
OURS = "fairpost"
PACKAGES = (
    *("fairpost", "hyperscan", "daachorse", "ahocorasick-rs", "google-re2", "pyahocorasick"),
    *("Cython", "numpy", "pyarrow", "pytest-benchmark"),
)


def _rate(seconds: float, per: int) -> str:
    return f"{per / seconds:,.0f}"


def _nanoseconds(seconds: float, per: int) -> str:
    return f"{1e9 * seconds / per:,.2f}"


def _duration(seconds: float, per: int) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _each(seconds: float, per: int) -> str:
    return _duration(seconds / per, 1)


def _bytes(figure: float, per: int) -> str:
    return f"{figure / per:,.1f}"


@dataclass(frozen=True)
class Suite:
    """A table: its heading, what its columns are, and how a cell is written."""

    heading: str
    columns: str
    cell: Callable[[float, int], str]


SUITES = {
    "peers": Suite("Bare matching, all overlapping matches, posts/s", "patterns", _rate),
    "pass": Suite("One pass with all default folds, verdict columns out, posts/s", "patterns", _rate),
    "check": Suite("Full check with the shipped packs, verdict columns out, posts/s", "rules", _rate),
    "latency": Suite("One post a call", "", _duration),
    "paths": Suite("Paths of the kernels, posts/s", "path", _rate),
    "threads": Suite("Threads in one call, posts/s", "threads", _rate),
    "patterns": Suite("More patterns of one list (random ones of 1M), posts/s", "patterns", _rate),
    "length": Suite("Longer texts, ns a character", "characters a text", _nanoseconds),
    "crafted": Suite("Crafted texts, ns a character", "characters a text", _nanoseconds),
    "build": Suite("Compiling and opening (with full verification)", "patterns", _duration),
    "lookups": Suite("Standing table of 10 M sellers, lookups/s", "ids", _rate),
    "standings": Suite("Standing table: one change, one file", "sellers", _each),
    "standing bytes": Suite("Standing table: bytes a seller", "sellers", _bytes),
    "registry": Suite("The registry, acknowledged when on disk", "", _each),
    "wire": Suite("A server's answer to a batch of 64 posts without a network, ns a post", "posts", _nanoseconds),
    "serving": Suite("A server on the same machine, posts/s", "rules", _rate),
}


class Run:
    """Measurements by suite, row and column."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.machine = document["machine_info"]
        self.date = document["datetime"][:10]
        self.cells: dict[str, dict[str, dict[str, tuple[float, int]]]] = {}
        for entry in document["benchmarks"]:
            info = entry["extra_info"]
            row = self.cells.setdefault(info["suite"], {}).setdefault(info["row"], {})
            # `figure`: what was measured where it is no time.
            row[info["column"]] = (info.get("figure", entry["stats"]["min"]), info["per"])

    def speed(self, suite: str, row: str, column: str) -> float | None:
        """Units of work per second."""
        found = self.cells.get(suite, {}).get(row, {}).get(column)
        return found and found[1] / found[0]

    def columns(self, suite: str) -> list[str]:
        """In the order in which they were measured first."""
        return list(dict.fromkeys(column for row in self.cells[suite].values() for column in row))

    def best_peer(self, column: str, form: str) -> tuple[float, str] | None:
        """The quickest peer on a pattern list, in one form or in any (form "")."""
        rows = [row for row in self.cells.get("peers", {}) if row != OURS and row.endswith(form)]
        speeds = [(speed, row) for row in rows if (speed := self.speed("peers", row, column))]
        return max(speeds, default=None)


def tables(run: Run) -> str:
    """All suites that were run, as Markdown that is also readable as it is."""
    parts = []
    for name, suite in SUITES.items():
        if name not in run.cells:
            continue
        columns = run.columns(name)
        rows = [[suite.columns, *columns]]
        for row, cells in run.cells[name].items():
            rows.append([row, *(suite.cell(*cells[c]) if c in cells else "–" for c in columns)])
        rows.extend(ratios(run, name, columns))
        parts.append(f"### {suite.heading}\n\n{grid(rows)}")
    return "\n\n".join(parts)


def ratios(run: Run, suite: str, columns: list[str]) -> list[list[str]]:
    """Rows that compare ours with the best peer's bare matching, with the best path, with one thread."""
    mine = {
        "peers": (OURS,),
        "pass": tuple(run.cells.get("pass", ())),
        "check": tuple(row for row in run.cells.get("check", ()) if row.endswith("Arrow")),
    }.get(suite, ())
    rows = []
    for row in mine:
        for form, words in ((EACH, f"best peer, {EACH}"), ("", "best peer in any form")):
            line = []
            for column in columns:
                ours, peer = run.speed(suite, row, column), run.best_peer(column, form)
                line.append(f"{ours / peer[0]:.2f} x {peer[1].partition(',')[0]}" if ours and peer else "–")
            if set(line) != {"–"}:
                rows.append([f"**{row} / {words}**", *line])
    if suite in ("paths", "threads"):
        for row in run.cells[suite]:
            first = run.speed(suite, row, columns[0])
            speeds = [run.speed(suite, row, column) for column in columns]
            rows.append([f"**{row} / {columns[0]}**", *(f"{s / first:.2f}" if s and first else "–" for s in speeds)])
    return rows


def grid(rows: list[list[str]]) -> str:
    """A Markdown table with aligned columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for number, row in enumerate(rows):
        cells = [cell.rjust(w) if k else cell.ljust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))]
        lines.append(f"| {' | '.join(cells)} |")
        if number == 0:
            rules = ["-" * (w + 1) + ":" if k else "-" * (w + 2) for k, w in enumerate(widths)]
            lines.append(f"|{'|'.join(rules)}|")
    return "\n".join(lines)


def about(run: Run) -> str:
    """Machine, versions, date."""
    cpu = run.machine["cpu"]
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{package} not installed")
    return (
        f"{run.date}. {cpu.get('brand_raw', run.machine['machine'])}, {cpu.get('count', '?')} cores, "
        f"{run.machine['system']} {run.machine['release'].split('-')[0]}, Python {run.machine['python_version']}, "
        f"{run.machine['compiler']}. {', '.join(versions)}.\n\nMeasured on {run.machine['corpus']}."
    )


def write(run: Run) -> None:
    """RESULTS.md between its marks, and the charts."""
    import charts

    names = charts.draw(run, FOLDER / "charts")
    pictures = "\n".join(f"![{title}](charts/{name})" for name, title in names.items())
    path = FOLDER / "RESULTS.md"
    generated = f"{BEGIN}\n\n{about(run)}\n\n{pictures}\n\n{tables(run)}\n\n{END}"
    part = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    text, count = part.subn(lambda _: generated, path.read_text(encoding="utf-8"))
    if count != 1:
        raise SystemExit(f"{path}: expected one part between\n{BEGIN}\nand\n{END}")
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Print, and write where asked to."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run", type=Path)
    options.add_argument("--write", action="store_true", help="write RESULTS.md and the charts anew")
    chosen = options.parse_args()
    run = Run(json.loads(chosen.run.read_text(encoding="utf-8")))
    print(f"{about(run)}\n\n{tables(run)}")
    if chosen.write:
        write(run)


if __name__ == "__main__":
    main()
