"""The charts of RESULTS.md, as SVG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter
from peers import EACH, ONE

if TYPE_CHECKING:
    from report import Run

STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "figure.figsize": (8, 4.6),
    "font.family": "sans-serif",
    "font.size": 10,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "fairpost",  # the same figures give the same file
}
COLOURS = ("#c1272d", "#1f77b4", "#2ca02c", "#8c564b", "#e08214", "#7b4fa3", "#5a5a5a")
OURS = {"linewidth": 2.8, "zorder": 5}


def draw(run: Run, folder: Path) -> dict[str, str]:
    """Write what can be drawn of the run into `folder`; file names with their titles."""
    folder.mkdir(exist_ok=True)
    drawn = {}
    with matplotlib.rc_context(STYLE):
        for name, title, plot, suite in (
            ("patterns.svg", "Bare matching: posts a second against patterns", _patterns, "peers"),
            ("length.svg", "Posts a second against length of the posts", _length, "length"),
            ("threads.svg", "Threads in one call: posts a second", _threads, "threads"),
        ):
            if suite not in run.cells:
                continue
            figure, axes = pyplot.subplots(layout="constrained")
            axes.set_title(title)
            plot(run, axes)
            figure.savefig(folder / name, metadata={"Date": None})
            pyplot.close(figure)
            drawn[name] = title
    return drawn


def _patterns(run: Run, axes: Any) -> None:
    sizes = {"1k": 1e3, "10k": 1e4, "120k": 1.2e5, "1M": 1.2e6}
    names = dict.fromkeys(row.partition(",")[0] for row in run.cells["peers"])
    for name, colour in zip(names, COLOURS, strict=False):
        for form, line in (("", "-"), (f", {EACH}", "-"), (f", {ONE}", "--")):
            at = [(sizes[c], s) for c in sizes if (s := run.speed("peers", name + form, c))]
            if at:
                style = {"linewidth": 1.5} if form else OURS
                axes.plot(
                    *zip(*at, strict=True), line, color=colour, marker="o", markersize=4, label=name + form, **style
                )
    axes.set(xscale="log", yscale="log", xlabel="patterns", ylabel="posts/s")
    axes.set_xticks(list(sizes.values()), list(sizes), minor=False)
    axes.minorticks_off()
    _plain(axes.yaxis)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8.5)


def _length(run: Run, axes: Any) -> None:
    for row, colour in zip(run.cells["length"], COLOURS, strict=False):
        at = [
            (n, s / n)
            for c in run.columns("length")
            if (n := int(c.replace(",", ""))) and (s := run.speed("length", row, c))
        ]
        axes.plot(*zip(*at, strict=True), color=colour, marker="o", markersize=4, label=row, linewidth=2)
    axes.set(xscale="log", yscale="log", xlabel="characters a post", ylabel="posts/s")
    _plain(axes.xaxis)
    _plain(axes.yaxis)
    axes.legend()


def _threads(run: Run, axes: Any) -> None:
    threads = run.columns("threads")
    rows = list(run.cells["threads"])
    width = 0.8 / len(threads)
    for k, count in enumerate(threads):
        speeds = [run.speed("threads", row, count) or 0.0 for row in rows]
        bars = axes.bar(
            [i + k * width for i in range(len(rows))], speeds, width * 0.92, color=COLOURS[k], label=f"threads={count}"
        )
        axes.bar_label(bars, [f"{speed / 1e6:.2f} M" for speed in speeds], padding=2)
    axes.set_xticks([i + width * (len(threads) - 1) / 2 for i in range(len(rows))], rows)
    axes.grid(visible=False, axis="x")
    axes.set(ylabel="posts/s")
    _plain(axes.yaxis)
    axes.legend()


def _plain(axis: Any) -> None:
    """1k, 10k, 1M in place of powers of ten."""
    units = ((1e6, "M"), (1e3, "k"), (1.0, ""))
    axis.set_major_formatter(
        FuncFormatter(lambda n, _: next((f"{n / size:g}{unit}" for size, unit in units if n >= size), f"{n:g}"))
    )
