"""Conditions as a bundle holds them: postfix code back to a tree, each of whose nodes is a piece of that code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fairpost.engine import vocabulary as v
from fairpost.engine.layout import UNQUOTED, Op

from .. import expression as e
from ..render import render

__all__ = ["Names", "Part", "parts_of", "tree_of"]

_ALL_CATEGORIES: Final = 255
_NODES: Final = {Op.NOT: 1, Op.AND: 2, Op.OR: 2}


@dataclass(frozen=True)
class Names:
    """What the numbers in the code mean."""

    lists: Sequence[str]
    operands: Any  # layout.OPERAND_DTYPE[n]
    rules: Sequence[str]
    channels: Sequence[str]
    languages: Sequence[str]

    def operand(self, number: int) -> e.Operand:
        found = self.operands[number]
        free_of, within = int(found["free_of"]), int(found["within"])
        return e.Operand(
            self.lists[int(found["list"])],
            None if free_of < 0 else self.lists[free_of],
            within & ~UNQUOTED,
            bool(within & UNQUOTED),
        )


@dataclass(frozen=True)
class Part:
    """A node of a condition: instructions begin .. end of the rule's code leave its truth.

    text: as it would be written in the rule's pack. `and` and `or` over several parts are one node.
    """

    op: Op
    text: str
    begin: int
    end: int
    parts: tuple[Part, ...] = ()
    name: str = ""
    """Of a condition under a name, with what it was given: `common.quoted(cure)`."""

    def walk(self) -> list[Part]:
        """The node and everything below it, parents first."""
        return [self, *(below for part in self.parts for below in part.walk())]


def parts_of(code: Any, names: Names, pack: str, named: Mapping[tuple[int, int], str]) -> Part:
    """The tree of one rule's code.

    Args:
        code: layout.INSTRUCTION_DTYPE[n] of a checked bundle.
        named: (begin, end) of what stands under a name in the rule's pack.
    """
    stack: list[Part] = []
    for at, instruction in enumerate(code):
        op = Op(int(instruction["op"]))
        if op not in _NODES:
            text = render(_leaf(op, instruction, names), pack)
            stack.append(Part(op, text, at, at + 1, name=named.get((at, at + 1), "")))
            continue
        below = stack[-_NODES[op] :]
        del stack[-_NODES[op] :]
        begin = below[0].begin
        if op is not Op.NOT and below[0].op is op and not below[0].name:  # a and b and c: the code joins two at a time
            below = [*below[0].parts, below[1]]
        stack.append(Part(op, _joined(op, below), begin, at + 1, tuple(below), named.get((begin, at + 1), "")))
    return stack[0]


def tree_of(code: Any, names: Names) -> e.Node:
    """The same code as a condition, with nothing under a name and `and` and `or` over several parts in one node."""
    stack: list[e.Node] = []
    for instruction in code:
        op = Op(int(instruction["op"]))
        if op not in _NODES:
            stack.append(_leaf(op, instruction, names))
        elif op is Op.NOT:
            stack.append(e.Not(stack.pop()))
        else:
            joint = e.And if op is Op.AND else e.Or
            right, left = stack.pop(), stack.pop()
            stack.append(joint((*(left.xs if isinstance(left, joint) else (left,)), right)))
    return stack[0]


def _joined(op: Op, below: Sequence[Part]) -> str:
    texts = [part.name or (f"({part.text})" if part.op in (Op.AND, Op.OR) else part.text) for part in below]
    return f"not {texts[0]}" if op is Op.NOT else f" {op.name.lower()} ".join(texts)


def _leaf(op: Op, i: Any, names: Names) -> e.Node:
    a, n, value = int(i["a"]), int(i["n"]), float(i["value"])
    cmp = e.COMPARISONS[int(i["cmp"])]
    match op:
        case Op.ANY:
            return e.Any(names.operand(a))
        case Op.COUNT | Op.COUNT_DISTINCT:
            return e.Count(names.operand(a), op is Op.COUNT_DISTINCT, cmp, n)
        case Op.NEAR:
            return e.Near(names.operand(a), names.operand(int(i["b"])), n)
        case Op.BEFORE:
            return e.Before(names.operand(a), names.operand(int(i["b"])), n)
        case Op.RULE:
            return e.RuleFired(names.rules[a])
        case Op.COMMERCE:
            return e.Commerce(cmp, value)
        case Op.MODEL:
            return e.Model(cmp, value)
        case Op.REGISTERED:
            return e.Registered()
        case Op.UNREGISTERED:
            return e.Unregistered()
        case Op.UNAVAILABLE:
            return e.Unavailable()
        case Op.LICENCE:
            return e.Licence(v.LICENCES[a])
        case Op.STRIKES:
            return e.Strikes(None if a == _ALL_CATEGORIES else v.CATEGORIES[a], cmp, n)
        case Op.TENURE:
            return e.Tenure(cmp, n)
        case Op.ENFORCEMENT:
            return e.Enforcement(cmp, v.ENFORCEMENT[n])
        case Op.LISTING:
            return e.Listing(cmp, v.LISTING[n])
        case Op.CHANNEL:
            return e.Channel(names.channels[a])
        case Op.LANGUAGE:
            return e.Language(names.languages[a])
        case _:
            raise ValueError(f"{op.name} is no leaf of a condition")
