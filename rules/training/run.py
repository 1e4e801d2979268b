"""One training from posts and packs to a model and what its card says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fairpost.engine import RuleSet, TextModel, model_features

from ..compiler import bundle_of
from ..source import Source
from .evaluation import evaluate, leave_out
from .fitting import BITS, SEED, STRENGTH, fit, weight_of
from .posts import APART, CASES, EVADED, POSTS, WRITTEN, Posts, split_of, with_ours

__all__ = ["Task", "train"]

_OURS: Final = {
    CASES: "cases of the packs' rules, our own sentences, licensed as the project",
    POSTS: "our own posts of every kind (rules/training/posts.jsonl), licensed as the project",
    EVADED: "cases and posts of ours that sell something, rewritten as evaders write",
    WRITTEN: "drawn from templates of our own (rules/training/written.yaml), licensed as the project",
}


@dataclass(frozen=True)
class Task:
    """What to train, and what to measure.

    Attributes:
        left: groups of sources, each of one platform, to leave out in further trainings.
        fresh: sources never trained on in those, whose posts of label 0 are their normal class.
        remarks: what the card says of a source.
        weights: how much a post of a source counts; 1 for those that it does not name, and what fits ours.
        written: how many posts of our templates are added.
        cases: whether the cases of the rules are.
        own: whether the posts that we wrote one by one are.
    """

    left: Sequence[Sequence[str]] = ()
    fresh: Sequence[str] = ()
    remarks: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    written: int = 12_000
    cases: bool = True
    own: bool = True
    bits: int = BITS
    strength: float = STRENGTH
    seed: int = SEED
    name: str = "commerce"


def train(
    posts: Posts, source: Source, task: Task, tell: Callable[[str], None] = lambda _: None
) -> tuple[TextModel, dict[str, Any]]:
    """Train on labelled posts and the COMMERCE rules of packs; the model, and what its file notes `about` it.

    tell: is told what is done next.

    Raises:
        ValueError: there are not posts of both labels to train and to calibrate on.
    """
    rules = RuleSet.from_bytes(bundle_of(source))
    weights = {rule.id: rule.weight for rule in source.rules}
    posts = with_ours(posts, source, rules, cases=task.cases, own=task.own, drawn=task.written)
    tell("features")
    parts, features = split_of(posts), model_features(posts.texts, task.bits, rules)
    tell("fitting")
    options: dict[str, Any] = {
        "bits": task.bits,
        "strength": task.strength,
        "seed": task.seed,
        "source_weights": task.weights,
    }
    fitted = fit(posts, rules, weights, features=features, parts=parts, **options)
    left: dict[str, float] = {}
    for group in task.left:
        tell(f"fitting without {', '.join(group)}")
        left |= leave_out(posts, rules, weights, group, task.fresh, parts=parts, features=features, **options)
    names = dict.fromkeys(posts.sources.tolist())
    about = {
        "name": task.name,
        "sources": {
            name: {
                "posts": int((posts.sources == name).sum()),
                "selling": int(((posts.sources == name) & (posts.labels == 1)).sum()),
                "weight": weight_of(name, task.weights),
                "remark": task.remarks.get(name, _OURS.get(name, "")),
            }
            for name in names
        },
        "training": fitted.report,
        "near_copies": int((parts == APART).sum()),
        "test": evaluate(fitted.model, posts, rules, parts, features),
        "left_out": left,
        "fresh": list(task.fresh),
    }
    return fitted.model, about
