"""Sample posts with their verdicts, as a table, or as cards where the terminal is narrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table as Grid
from rich.text import Text

from fairpost.cli import render
from fairpost.engine.vocabulary import CATEGORIES, COMMERCE, SEVERITIES, Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

__all__ = ["Sample", "show_kinds", "show_samples"]

KINDS: Final = {
    "honest": ("Honest commerce", 5),
    "claim": ("False and banned claims", 16),
    "evasion": ("The same in disguise", 8),
    "hard-negative": ("The words without the violation", 7),
    "life": ("Nothing is for sale", 3),
    "seller": ("The same words, judged by who says them", 9),
}
"""Kinds of samples/README.md: their heading, and how many of each the demo shows."""
NARROW: Final = 100


@dataclass(frozen=True)
class Sample:
    """A sample post and its verdict (a `fairpost.v1.Verdict`)."""

    id: str
    kind: str
    seller: str
    text: str
    expected: dict[str, Any]
    arguable: frozenset[str]
    missed: bool
    verdict: Any

    @classmethod
    def of(cls, post: dict[str, Any], verdict: Any) -> Sample:
        """From an entry of samples/posts.yaml."""
        return cls(
            id=post["id"],
            kind=post.get("kind", ""),
            seller=post.get("seller") or "",
            text=post["text"],
            expected=post.get("expect", {}),
            arguable=frozenset(post.get("arguable", ())),
            missed="missed" in post,
            verdict=verdict,
        )

    @property
    def action(self) -> str:
        """Name of the verdict's action. In the API 0 is "unspecified", so numbers are one higher."""
        return Action(self.verdict.action - 1).name

    @property
    def categories(self) -> list[str]:
        """Categories of the labels, without COMMERCE."""
        return [label.category for label in self.verdict.labels if label.category != CATEGORIES[COMMERCE]]

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is what samples/posts.yaml says."""
        wanted = self.expected.get("action", [])
        actions = {wanted} if isinstance(wanted, str) else set(wanted)
        exactly = set(self.expected.get("categories", ()))
        return self.action in actions and exactly <= set(self.categories) <= exactly | self.arguable

    def post(self, *, marked: bool) -> Text:
        """The text with its evidence highlighted, and the law that the evidence rests on."""
        hits = [e for e in self.verdict.evidence if not e.shadow and e.category != CATEGORIES[COMMERCE]]
        shown = render.excerpt(self.text, [(e.begin, e.end) for e in hits], marked=marked)
        for citation in dict.fromkeys(basis for e in hits for basis in e.basis):
            shown.append(f"\n{citation}", style="italic dim")
        return shown

    def labels(self) -> Text:
        """A label a line."""
        return render.labels_text(
            {"category": label.category, "score": label.score, "severity": SEVERITIES[label.severity - 1]}
            for label in self.verdict.labels
            if label.category != CATEGORIES[COMMERCE]
        )


def chosen(samples: Iterable[Sample], kind: str, most: int) -> list[Sample]:
    """Some samples of a kind that show different things: first one of every set of categories and action."""
    first: dict[tuple[str, ...], Sample] = {}
    rest: list[Sample] = []
    for sample in samples:
        if sample.kind == kind:
            key = (sample.action, *sample.categories, sample.seller if kind == "seller" else "")
            if key in first:
                rest.append(sample)
            else:
                first[key] = sample
    return [*first.values(), *rest][:most]


def show_kinds(samples: Sequence[Sample], console: Console) -> None:
    """Print some verdicts of every kind under a heading."""
    for kind, (title, most) in KINDS.items():
        few = chosen(samples, kind, most)
        if few:
            total = sum(sample.kind == kind for sample in samples)
            console.print(f"\n[bold]{title}[/] [dim]({len(few)} of {total})[/]")
            show_samples(few, console)


def show_samples(samples: Sequence[Sample], console: Console) -> None:
    """Print verdicts."""
    if console.width < NARROW:
        for sample in samples:
            line = Text(f"{sample.id} ", style="dim")
            line.append(render.action_text(sample.action)).append(" ").append(
                render.exposure_text(sample.verdict.exposure)
            )
            if sample.seller:
                line.append(f" {sample.seller}", style="dim")
            console.print(line)
            labels = sample.labels()
            if labels.plain:
                console.print(labels)
            console.print(sample.post(marked=not console.color_system))
            console.print()
        return
    grid = Grid(show_lines=True, expand=True, show_header=True, header_style="dim", border_style="dim")
    grid.add_column("post id, seller", style="dim", width=20, overflow="fold")
    grid.add_column("action", width=6, no_wrap=True)
    grid.add_column("exposure", width=8, justify="right", no_wrap=True)
    grid.add_column("labels", width=26, overflow="fold")
    grid.add_column("post, with its evidence and the law", ratio=1, overflow="fold")
    for sample in samples:
        grid.add_row(
            "\n".join(filter(None, [sample.id, sample.seller])),
            render.action_text(sample.action),
            render.exposure_text(sample.verdict.exposure),
            sample.labels(),
            sample.post(marked=not console.color_system),
        )
    console.print(grid)
