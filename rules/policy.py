"""The policy: thresholds that rise with the action, channels that exist, names for every category."""

from __future__ import annotations

from fairpost.engine import vocabulary

from .document import Document
from .problems import Problems, known
from .schema import ACTIONS, PolicyFile

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
    if policy.categories:
        missing = [name for name in vocabulary.CATEGORIES if name not in policy.categories]
        if missing:
            problems.error(
                document.key_place(("categories",)),
                f"no name for {', '.join(missing)}; write NAME: {{zh: ..., en: ...}} for each category",
            )
