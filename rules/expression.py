"""Conditions as a tree: what `when` and `unless` say, with every name resolved.

The nodes are plain frozen data: the compiler turns them into byte code, the reference in the tests
evaluates them directly. `parser` makes them from text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Final, TypeAlias

__all__ = [
    "COMPARISONS",
    "And",
    "Any",
    "Before",
    "Channel",
    "Commerce",
    "Count",
    "Enforcement",
    "Language",
    "Licence",
    "Listing",
    "Model",
    "Named",
    "Near",
    "Node",
    "Not",
    "Operand",
    "Or",
    "Registered",
    "RuleFired",
    "Strikes",
    "Tenure",
    "Unavailable",
    "Unregistered",
    "compare",
    "depth",
    "operands",
    "walk",
]

COMPARISONS: Final = (">=", ">", "<=", "<", "==")
"""Comparison operators, in the order of the engine's `Cmp`."""


@dataclass(frozen=True)
class Operand:
    """Hits of a list or recogniser; with `free_of`, only those that have no hit of that list before them.

    unquoted: only those that do not stand between quotation marks.
    """

    list: str
    free_of: str | None = None
    within: int = 0
    unquoted: bool = False


@dataclass(frozen=True)
class Any:
    """`x` has a hit."""

    x: Operand


@dataclass(frozen=True)
class Count:
    """The number of hits of `x`, or of its different patterns, compares with `n`."""

    x: Operand
    distinct: bool
    cmp: str
    n: int


@dataclass(frozen=True)
class Near:
    """A hit of `x` and one of `y`, in either order, at most `n` symbols apart, in one sentence."""

    x: Operand
    y: Operand
    n: int


@dataclass(frozen=True)
class Before:
    """A hit of `x` ends at or before the begin of one of `y`, at most `n` symbols apart, in one clause."""

    x: Operand
    y: Operand
    n: int


@dataclass(frozen=True)
class RuleFired:
    """Another rule fired on this post, in whatever mode it is."""

    rule: str


@dataclass(frozen=True)
class Commerce:
    """The probability that the post sells something."""

    cmp: str
    value: float


@dataclass(frozen=True)
class Model:
    """The text model's logit."""

    cmp: str
    value: float


@dataclass(frozen=True)
class Registered:
    """The registry knows the seller and his registration is active."""


@dataclass(frozen=True)
class Unregistered:
    """The registry does not know the seller, or his registration is not active."""


@dataclass(frozen=True)
class Unavailable:
    """The registry could not answer."""


@dataclass(frozen=True)
class Licence:
    """The seller holds a licence of this scope."""

    scope: str


@dataclass(frozen=True)
class Strikes:
    """Live strikes of a category, or of all together (`category` is None)."""

    category: str | None
    cmp: str
    n: int


@dataclass(frozen=True)
class Tenure:
    """Days since the registration became active."""

    cmp: str
    n: int


@dataclass(frozen=True)
class Enforcement:
    """The measure in force against the seller, in the order of `vocabulary.ENFORCEMENT`."""

    cmp: str
    state: str


@dataclass(frozen=True)
class Listing:
    """Blacklisted, rehabilitated or none."""

    cmp: str
    state: str


@dataclass(frozen=True)
class Channel:
    """The post is for this channel."""

    name: str


@dataclass(frozen=True)
class Language:
    """The post says that it is in this language."""

    name: str


@dataclass(frozen=True)
class Named:
    """`x`, which stands under the name `pack.name` and was given these lists."""

    name: str
    given: tuple[Operand, ...]
    x: Node


@dataclass(frozen=True)
class Not:
    x: Node


@dataclass(frozen=True)
class And:
    xs: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    xs: tuple[Node, ...]


Node: TypeAlias = (
    Any
    | Count
    | Near
    | Before
    | RuleFired
    | Commerce
    | Model
    | Registered
    | Unregistered
    | Unavailable
    | Licence
    | Strikes
    | Tenure
    | Enforcement
    | Listing
    | Channel
    | Language
    | Named
    | Not
    | And
    | Or
)

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": lambda a, b: a >= b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    "<": lambda a, b: a < b,
    "==": lambda a, b: a == b,
}


def compare(a: float, cmp: str, b: float) -> bool:
    """`a cmp b` for one of `COMPARISONS`."""
    return _COMPARE[cmp](a, b)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first."""
    yield node
    if isinstance(node, Not | Named):
        yield from walk(node.x)
    elif isinstance(node, And | Or):
        for child in node.xs:
            yield from walk(child)


def operands(node: Node) -> Iterator[Operand]:
    """Every operand of the condition, in reading order; one that is used twice comes twice."""
    for part in walk(node):
        for field in fields(part):
            value = getattr(part, field.name)
            if isinstance(value, Operand):
                yield value


def depth(node: Node) -> int:
    """Levels of the tree; a leaf is 1."""
    if isinstance(node, Named):
        return depth(node.x)
    if isinstance(node, Not):
        return 1 + depth(node.x)
    if isinstance(node, And | Or):
        return 1 + max(depth(child) for child in node.xs)
    return 1
