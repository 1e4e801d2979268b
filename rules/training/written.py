"""Posts that we wrote ourselves, drawn from templates (`written.yaml`): a source to train on that may be shipped.

The corpora that are public hold short messages, reviews and comments. The posts of small sellers are not among them,
and a model that never saw one takes the words of goods for those of a review.
"""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

__all__ = ["written_posts"]

_SLOT = re.compile(r"\{(\w+)(\??)\}")


@cache
def _templates() -> dict[str, Any]:
    path = Path(__file__).parent / "written.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def written_posts(count: int, seed: int = 0) -> tuple[list[str], list[int]]:
    """`count` posts and for each 1 if it sells or promotes something, else 0, half of them each, without repeats.

    The same `count` and `seed` give the same posts.

    Raises:
        ValueError: the templates do not hold so many different posts.
    """
    chance = random.Random(f"written {seed}")
    document = _templates()
    slots: dict[str, list[str]] = {name: [str(word) for word in words] for name, words in document["slots"].items()}

    def fill(template: str) -> str:
        def phrase(match: re.Match[str]) -> str:
            return "" if match[2] and chance.random() < 0.5 else fill(chance.choice(slots[match[1]]))

        return _SLOT.sub(phrase, template)

    posts: dict[str, int] = {}
    for label, templates in ((1, document["selling"]), (0, document["other"])):
        wanted, tries = (count + label) // 2 + len(posts), 0
        while len(posts) < wanted:
            tries += 1
            if tries > 50 * count + 1000:
                raise ValueError(f"{count} posts are wanted, and the templates hold about {len(posts)}")
            posts.setdefault(fill(chance.choice(templates)).strip(), label)
    return list(posts), list(posts.values())
