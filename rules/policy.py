"""The policy: thresholds that rise with the action, channels that exist, names for every category."""

from __future__ import annotations

from typing import Final

from fairpost.engine import vocabulary

from .document import Document
from .problems import Problems, known
from .schema import ACTIONS, Exposure, PolicyFile

__all__ = ["check_policy"]


def check_policy(document: Document, policy: PolicyFile, problems: Problems) -> None:
    """What the shape alone does not say about a policy."""
    for index, channel in enumerate(policy.channels):
        place = document.place(("channels", index))
        if channel == "default":
            problems.error(place, "channel 'default' is always there; remove it from the list")
        elif channel in policy.channels[:index]:
            problems.error(place, f"duplicate channel {channel!r}; keep one")
    channels = ("default", *policy.channels)
    broken = policy.thresholds == {}
    if "default" not in policy.thresholds and not broken:
        problems.error(document.key_place(("thresholds",)), "thresholds need a 'default'; other channels override it")
    for channel, categories in policy.thresholds.items():
        if channel not in channels:
            problems.error(document.key_place(("thresholds", channel)), known("channel", channel, channels))
        for category, thresholds in categories.items():
            previous, above = 0.0, ""
            for action in ACTIONS:
                value = getattr(thresholds, action)
                if value is None:
                    continue
                if value < previous:
                    problems.error(
                        document.place(("thresholds", channel, category, action)),
                        f"{action} at {value:g} would come before {above} at {previous:g}; "
                        "thresholds must not fall from LIMIT over REVIEW and SHIELD to BLOCK",
                    )
                previous, above = value, action
    _check_exposure(document, policy.exposure, problems)
    if policy.categories:
        missing = [name for name in vocabulary.CATEGORIES if name not in policy.categories]
        if missing:
            problems.error(
                document.key_place(("categories",)),
                f"no name for {', '.join(missing)}; write NAME: {{zh: ..., en: ...}} for each category",
            )


_ORDER: Final = (
    ("review", "limit", "a post that waits for a person would be displayed more than a limited one"),
    ("limit", "unregistered", "a limited post would be displayed more than an unregistered seller's"),
    ("limit", "floor", "a limited post would be displayed more than a clean one"),
    ("clean", "max", "a clean post would start above the most there is"),
)


def _check_exposure(document: Document, exposure: Exposure, problems: Problems) -> None:
    """Numbers in an order in which more evidence, a strike or a complaint never raises exposure."""
    for lesser, greater, why in _ORDER:
        low, high = getattr(exposure, lesser), getattr(exposure, greater)
        if low > high:
            problems.error(
                document.place(("exposure", lesser if lesser in exposure.model_fields_set else greater)),
                f"{lesser} {low:g} is above {greater} {high:g}: {why}; expected {lesser} <= {greater}",
            )
    if exposure.clean < 1.0:
        problems.error(
            document.place(("exposure", "clean")),
            f"clean {exposure.clean:g} is below 1: clean goods of sellers in good standing would be displayed less "
            "than other posts; expected 1 or more",
        )
