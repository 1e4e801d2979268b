"""How verdicts look on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.style import Style
from rich.text import Text

from fairpost.engine.vocabulary import Action

__all__ = ["ACTION_STYLES", "action_text", "excerpt", "exposure_text", "labels_text", "make_console", "visible"]

ACTION_STYLES: Final[Mapping[str, str]] = {
    "ALLOW": "bold green",
    "LIMIT": "bold yellow",
    "REVIEW": "bold cyan",
    "SHIELD": "bold magenta",
    "BLOCK": "bold white on red",
}
EVIDENCE_STYLE: Final = Style.parse("bold black on yellow")
WIDTH_OF_FILES: Final = 120


def make_console(*, stderr: bool = False) -> Console:
    """A console that is as wide as the terminal, and 120 columns where the output is a file or a pipe."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDTH_OF_FILES
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=False)


def action_text(action: str) -> Text:
    """The action in its colour."""
    return Text(action, style=ACTION_STYLES[action])


def exposure_text(exposure: float) -> Text:
    """`x1.35`, green above and dim below neutral."""
    style = "green" if exposure > 1 else "" if exposure == 1 else "dim" if exposure == 0 else "yellow"
    return Text(f"×{exposure:.2f}", style=style)


def labels_text(labels: Iterable[Mapping[str, Any]]) -> Text:
    """`MEDICAL 0.85 high`, a label a line."""
    return Text("\n").join(Text(f"{label['category']} {label['score']:.2f} {label['severity']}") for label in labels)


def excerpt(text: str, spans: Sequence[tuple[int, int]], *, marked: bool, budget: int = 160) -> Text:
    """The post with its evidence highlighted in place; long stretches without evidence are shortened.

    Where there are no colours, `marked` puts evidence between « and ».
    `spans` count code points. Control characters and line breaks are shown as blanks, so that no post can
    move the cursor or change colours.
    """
    spans = _merged(spans)
    keep = _kept(len(text), spans, budget)
    shown = Text()
    for begin, end in keep:
        if begin > 0 and (not shown.plain or not shown.plain.endswith("…")):
            shown.append("…", style="dim")
        position = begin
        for b, e in spans:
            b, e = max(b, begin), min(e, end)
            if e <= b:
                continue
            shown.append(visible(text[position:b]))
            piece = visible(text[b:e])
            shown.append(f"«{piece}»" if marked else piece, style=EVIDENCE_STYLE)
            position = e
        shown.append(visible(text[position:end]))
        if end < len(text):
            shown.append("…", style="dim")
    return shown


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order; those that touch or overlap are one."""
    merged: list[tuple[int, int]] = []
    for b, e in sorted(spans):
        if b == e:
            continue
        if merged and b <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(e, merged[-1][1]))
        else:
            merged.append((b, e))
    return merged


def _kept(length: int, spans: Sequence[tuple[int, int]], budget: int) -> list[tuple[int, int]]:
    """Pieces of the text to show: all of it, or its begin, or the surroundings of the evidence."""
    if length <= budget:
        return [(0, length)]
    if not spans:
        return [(0, budget)]
    around = max(6, budget // (2 * len(spans)) - 4)
    pieces: list[tuple[int, int]] = []
    for b, e in spans:
        piece = (max(0, b - around), min(length, e + around))
        if pieces and piece[0] <= pieces[-1][1] + 2:
            pieces[-1] = (pieces[-1][0], max(pieces[-1][1], piece[1]))
        else:
            pieces.append(piece)
        if sum(stop - start for start, stop in pieces) > budget:
            break
    return pieces


def visible(text: str) -> str:
    """Control characters and line breaks as blanks: no post can move the cursor or change colours."""
    return "".join(c if c.isprintable() or c in "\u200d\ufe0f" else " " for c in text)


def action_names() -> list[str]:
    """From mild to severe."""
    return [a.name for a in Action]
