"""The model card: what a model was trained on, how well it does, and where it does not; Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["model_card"]

_WHAT: Final = """\
Says how likely it is that a post sells or promotes something (`commerce`): a linear model over hashed unigrams and
bigrams of folded symbols, with numbers and Latin words as one symbol each, how many they are, and over the COMMERCE
rules that fire. It says nothing about whether a claim is true or lawful. The file holds weights and no text of the
sources."""

_LIMITS: Final = """\
- Probabilities hold for a mix of posts like that of the sources. Where fewer posts sell something, they are too high.
- Labels are those of the sources: spam that sells nothing counts as selling, and some service messages that promote
  do not.
- What a source lacks is learnt from templates and from the rules' own cases, which are sentences that we wrote.
- It reads words, not pictures, emoji or the seller. A text without a known n-gram has the probability of the bias."""


def model_card(about: Mapping[str, Any]) -> str:
    """The card of a model from what its training noted (`about` of the model file)."""
    test, trained = about["test"], about["training"]
    count, weights = trained["posts"], trained["weights"]
    loss = trained["log loss on the calibration part"]
    lines = [f"# Model card: {about['name']}", "", _WHAT, "", "## Sources", ""]
    lines += ["| source | posts | selling | weight | remarks |", "|---|---|---|---|---|"]
    for name, source in sorted(about["sources"].items()):
        figures = f"{source['posts']:,} | {source['selling']:,} | {source['weight']:g}"
        lines.append(f"| {name} | {figures} | {source['remark']} |")
    lines += [
        "",
        "Split by a hash of the folded text without digits. Near copies of a post held apart (half of their pieces of",
        f"four characters are the same), {about['near_copies']:,}, are trained on nowhere:",
        f"{count['training']:,} posts for training, {count['calibration']:,} for calibration,",
        f"{test['posts']:,} held apart. Seed {trained['seed']}, C = {trained['strength']:g}.",
        f"{weights['not zero']:,} of {weights['of']:,} int8 weights are not zero.",
        f"Log loss on the calibration part: {loss['float']} before rounding to int8, {loss['int8']} after.",
        "",
        "## On the parts held apart",
        "",
        f"At `commerce >= 0.5`. All together: F1 {test['f1']:.4f}, ROC AUC {test['auc']:.5f}.",
        "",
        "| source | posts | recall | false positives | AUC |",
        "|---|---|---|---|---|",
    ]
    for name, row in sorted(test["sources"].items()):
        found = f"{_percent(row['recall'])} | {_percent(row['false_positives'])} | {_number(row['auc'])}"
        lines.append(f"| {name} | {row['posts']:,} | {found} |")
    if about["left_out"]:
        lines += [
            "",
            "## On sources never trained on",
            "",
            "Trained anew without the source and others of its platform, and without those that are the normal class",
            f"beside the source's own ({', '.join(about['fresh']) or 'none'}).",
            "",
            "| left out | AUC |",
            "|---|---|",
        ]
        lines += [f"| {name} | {value:.4f} |" for name, value in about["left_out"].items()]
    lines += [
        "",
        "## Calibration",
        "",
        f"Expected calibration error on the parts held apart: {test['calibration_error']:.4f}.",
        "",
        "| probability | posts | mean said | share selling |",
        "|---|---|---|---|",
    ]
    for row in test["reliability"]:
        span = f"{row['from']:.1f}-{row['from'] + 0.1:.1f}"
        lines.append(f"| {span} | {row['posts']:,} | {row['said']:.3f} | {row['true']:.3f} |")
    lines += ["", "## Limits", "", _LIMITS, ""]
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}%"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
