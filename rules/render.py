"""Conditions back to text, for messages."""

from __future__ import annotations

from fairpost.engine.vocabulary import RECOGNISERS

from . import expression as e

__all__ = ["render"]


def render(node: e.Node, pack: str = "") -> str:
    """The condition as it would be written in `pack` (its own lists by their short names)."""
    match node:
        case e.Any(x):
            return x.list if x == e.Operand(x.list) and x.list in RECOGNISERS else f"any({_operand(x, pack)})"
        case e.Count(x, distinct, cmp, n):
            return f"count({_operand(x, pack)}{', distinct' if distinct else ''}) {cmp} {n}"
        case e.Near(x, y, n):
            return f"near({_operand(x, pack)}, {_operand(y, pack)}, {n})"
        case e.Before(x, y, n):
            return f"before({_operand(x, pack)}, {_operand(y, pack)}, {n})"
        case e.RuleFired(rule):
            return f'rule("{rule}")'
        case e.Commerce(cmp, value):
            return f"commerce {cmp} {value:g}"
        case e.Model(cmp, value):
            return f"model {cmp} {value:g}"
        case e.Registered():
            return "seller.registered"
        case e.Unregistered():
            return "seller.unregistered"
        case e.Unavailable():
            return "seller.unavailable"
        case e.Licence(scope):
            return f'seller.licence("{scope}")'
        case e.Strikes(category, cmp, n):
            return f"seller.strikes({category or ''}) {cmp} {n}"
        case e.Tenure(cmp, n):
            return f"seller.tenure {cmp} {n}"
        case e.Enforcement(cmp, state):
            return f'seller.enforcement {cmp} "{state}"'
        case e.Listing(cmp, state):
            return f'seller.listing {cmp} "{state}"'
        case e.Channel(name):
            return f'channel == "{name}"'
        case e.Language(name):
            return f'language == "{name}"'
        case e.Named(name, given):
            lists = ", ".join(_operand(x, pack) for x in given)
            return name.removeprefix(f"{pack}.") + (f"({lists})" if given else "")
        case e.Not(x):
            return f"not {_inside(x, pack)}"
        case e.And(xs):
            return " and ".join(_inside(x, pack) for x in xs)
        case e.Or(xs):
            return " or ".join(_inside(x, pack) for x in xs)


def _inside(node: e.Node, pack: str) -> str:
    text = render(node, pack)
    return f"({text})" if isinstance(node, e.And | e.Or) else text


def _operand(operand: e.Operand, pack: str) -> str:
    text = operand.list.removeprefix(f"{pack}.")
    if operand.free_of is not None:
        text = f"free({text}, {operand.free_of.removeprefix(f'{pack}.')}, {operand.within})"
    return f"unquoted({text})" if operand.unquoted else text
