"""Text of a condition -> tree of `expression`.

Walks Python's syntax tree (see `syntax`) with a white list. All mistakes of one condition are reported,
each with its offset in the text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from fairpost.engine import vocabulary

from . import expression as e
from .problems import known
from .syntax import MAX_DEPTH, MAX_LENGTH, Mistake, Syntax
from .values import Values, Wrong, short, unknown

__all__ = ["MAX_COUNT", "MAX_DEPTH", "MAX_DISTANCE", "MAX_LENGTH", "Callable", "Mistake", "Parsed", "Scope", "parse"]

MAX_DISTANCE: Final = 1000
MAX_COUNT: Final = 255
MAX_TENURE: Final = 36500
MAX_LOGIT: Final = 100

_COMPARE: Final[dict[type[ast.cmpop], str]] = {ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=", ast.Lt: "<", ast.Eq: "=="}
_LIST_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_][A-Za-z0-9_-]*)?")
_CALLS: Final = ("any", "all", "near", "before", "count", "rule", "free", "unquoted")
_SELLER: Final = (
    "registered",
    "unregistered",
    "unavailable",
    "licence",
    "strikes",
    "tenure",
    "enforcement",
    "listing",
)
_NUMBERS_AND_FIELDS: Final = frozenset(
    {"commerce", "model", "channel", "language", "seller.tenure", "seller.enforcement", "seller.listing"}
)
_CONDITIONS: Final = (
    "any(x), all(x, y), near(x, y, n), before(x, y, n), count(x) >= n, commerce >= 0.4, seller.registered, "
    'channel == "moments", language == "zh", rule("pack.name")'
)


class Scope(Protocol):
    """What a condition may name."""

    channels: Sequence[str]
    has_model: bool

    def resolve_list(self, name: str) -> str | None:
        """Full name of the list or recogniser that `name` means here."""

    def list_names(self) -> Sequence[str]:
        """Names that `resolve_list` would take, for hints."""

    def rule_ids(self) -> Sequence[str]:
        """Ids of all rules."""

    def condition(self, name: str) -> Callable | None:
        """The condition under a name that `name` means here."""

    def condition_names(self) -> Sequence[str]:
        """Names that `condition` would take, for hints."""


class Callable(Protocol):
    """A condition under a name, see `definitions`."""

    name: str
    parameters: tuple[str, ...]
    text: str
    scope: Scope | None
    is_broken: bool


@dataclass
class Parsed:
    """The tree (None where there are mistakes), the mistakes, and where lists and rules are named."""

    node: e.Node | None
    mistakes: list[Mistake] = field(default_factory=list)
    rules: list[tuple[str, int]] = field(default_factory=list)
    lists: list[tuple[str, int]] = field(default_factory=list)
    commerce: int | None = None
    """Offset of the first use of `commerce`."""
    conditions: list[str] = field(default_factory=list)
    """Full names of the conditions that are named, those inside them too."""
    parameters: set[str] = field(default_factory=set)
    """Parameters that stand in the text."""


def parse(
    text: str, scope: Scope, given: Mapping[str, e.Operand] | None = None, inside: tuple[str, ...] = ()
) -> Parsed:
    """Parse one condition; never raises for what an author can write.

    given: what the parameters of a named condition stand for; inside: the names of those that the text is part of.
    A text that names a condition with mistakes of its own has no node and no mistake.
    """
    return _Parser(text, scope, given or {}, inside).run()


class _Parser(Values):
    def __init__(self, text: str, scope: Scope, given: Mapping[str, e.Operand], inside: tuple[str, ...]) -> None:
        self.text, self.scope, self.given, self.inside = text, scope, given, inside
        self.syntax = Syntax(text)
        self.result = Parsed(None)

    def run(self) -> Parsed:
        if not self.text.strip():
            self.mistake(0, f"the condition is empty; write one such as {_CONDITIONS}")
            return self.result
        if self.syntax.tree is None:
            if self.syntax.mistake is not None:
                self.result.mistakes.append(self.syntax.mistake)
            return self.result
        node = self.condition(self.syntax.tree, 1)
        if not self.result.mistakes and node is not None and not self.inside and e.depth(node) > MAX_DEPTH:
            self.mistake(0, f"nested too deep with the conditions that it names: at most {MAX_DEPTH} levels")
        if not self.result.mistakes:
            self.result.node = node
        return self.result

    def mistake(self, offset: int, message: str) -> None:
        self.result.mistakes.append(Mistake(offset, message))

    def start(self, node: ast.AST) -> int:
        return self.syntax.start(node)

    # -- conditions --------------------------------------------------------------------------

    def condition(self, node: ast.expr, level: int) -> e.Node | None:
        """The node as a condition; None, with the mistake noted, where it is none."""
        try:
            if level > MAX_DEPTH:
                raise Wrong(node, f'nested too deep: at most {MAX_DEPTH} levels; split the rule with rule("...")')
            return self._condition(node, level)
        except Wrong as wrong:
            self.mistake(self.start(wrong.node), wrong.message)
            return None

    def _condition(self, node: ast.expr, level: int) -> e.Node | None:
        if isinstance(node, ast.BoolOp):
            children = [self.condition(value, level + 1) for value in node.values]
            good = tuple(child for child in children if child is not None)
            if len(good) < len(children):
                return None
            return e.And(good) if isinstance(node.op, ast.And) else e.Or(good)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.condition(node.operand, level + 1)
            return None if inner is None else e.Not(inner)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        if isinstance(node, ast.Name | ast.Attribute):
            return self.bare_name(node)
        read = self.source(node)
        raise Wrong(node, f"{short(read)} is not a condition; a condition is {_CONDITIONS}")

    def call(self, node: ast.Call) -> e.Node | None:
        name = self.source(node.func)
        if node.keywords:
            raise Wrong(node.keywords[0], f"{name}() takes no named arguments; write the values in order")
        if name == "seller.licence":
            self.arguments(node, 1, 'seller.licence("food")')
            return e.Licence(self.word(node.args[0], "licence", vocabulary.LICENCES))
        if name == "seller.strikes":
            raise Wrong(node, "seller.strikes(...) is a number; compare it, as in seller.strikes(MEDICAL) >= 2")
        if name == "any":
            self.arguments(node, 1, "any(x)", "; for several lists write any(x) or any(y)")
            return e.Any(self.operand(node.args[0]))
        if name == "all":
            if len(node.args) < 2:
                raise Wrong(node, "all() takes two lists or more, as in all(x, y)")
            return e.And(tuple(e.Any(x) for x in self.operands(node.args)))
        if name in ("near", "before"):
            self.arguments(node, 3, f"{name}(x, y, 8)")
            x, y = self.operands(node.args[:2])
            n = self.whole(node.args[2], 0, MAX_DISTANCE)
            return e.Near(x, y, n) if name == "near" else e.Before(x, y, n)
        if name == "count":
            raise Wrong(node, "count(...) is a number; compare it, as in count(x) >= 2")
        if name == "free":
            raise Wrong(node, "free(...) is a set of hits; write it inside a condition, as in any(free(x, y, 4))")
        if name == "unquoted":
            raise Wrong(node, "unquoted(...) is a set of hits; write it inside a condition, as in any(unquoted(x))")
        if name == "rule":
            return self.rule(node)
        if (named := self.scope.condition(name)) is not None:
            return self.named(node, named, node.args)
        seller = [f"seller.{word}" for word in _SELLER]
        if name in ("commerce", "model", "channel", "language", *seller):
            raise Wrong(node.func, f"{name} takes no parentheses here")
        choices = (*_CALLS, "seller.licence", "seller.strikes", *self.scope.condition_names())
        raise Wrong(node.func, known("function", name, choices))

    def named(self, node: ast.expr, named: Callable, arguments: Sequence[ast.expr]) -> e.Node | None:
        """The condition under a name, with lists for its parameters."""
        if len(arguments) != len(named.parameters):
            form = named.name + (f"({', '.join(named.parameters)})" if named.parameters else "")
            raise Wrong(node, f"the condition is written {form}, with {len(named.parameters) or 'no'} list(s)")
        if named.name in self.inside:
            trail = " -> ".join((*self.inside[self.inside.index(named.name) :], named.name))
            raise Wrong(node, f"conditions go round in a circle: {trail}")
        operands = self.operands(arguments)
        self.result.conditions.append(named.name)
        if named.is_broken or named.scope is None:
            return None
        inner = parse(
            named.text, named.scope, dict(zip(named.parameters, operands, strict=True)), (*self.inside, named.name)
        )
        for mistake in inner.mistakes:
            raise Wrong(node, f"{named.name}: {mistake.message}")
        start = self.start(node)
        self.result.conditions += inner.conditions
        self.result.rules += [(rule, start) for rule, _ in inner.rules]
        self.result.lists += [(name, start) for name, _ in inner.lists]
        if inner.commerce is not None and self.result.commerce is None:
            self.result.commerce = start
        return None if inner.node is None else e.Named(named.name, tuple(operands), inner.node)

    def rule(self, node: ast.Call) -> e.Node:
        self.arguments(node, 1, 'rule("medical.cure-claim")')
        argument = node.args[0]
        if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
            read = short(self.source(argument), quote=False)
            raise Wrong(argument, f'write the id of the rule in quotes: rule("{read}")')
        if argument.value not in self.scope.rule_ids():
            raise Wrong(argument, unknown("rule", argument.value, self.scope.rule_ids()))
        self.result.rules.append((argument.value, self.start(argument)))
        return e.RuleFired(argument.value)

    def bare_name(self, node: ast.expr) -> e.Node | None:
        name = self.source(node)
        if name == "seller.registered":
            return e.Registered()
        if name == "seller.unregistered":
            return e.Unregistered()
        if name == "seller.unavailable":
            return e.Unavailable()
        if name in vocabulary.RECOGNISERS:
            return e.Any(self.operand(node))
        if name.startswith("seller."):
            examples = {
                "seller.licence": 'seller.licence("food")',
                "seller.strikes": "seller.strikes() >= 3",
                "seller.tenure": "seller.tenure >= 90",
                "seller.enforcement": 'seller.enforcement >= "limited"',
                "seller.listing": 'seller.listing == "blacklisted"',
            }
            if name in examples:
                raise Wrong(node, f"{name} alone is not a condition; write it as in {examples[name]}")
            raise Wrong(node, known("seller predicate", name, [f"seller.{word}" for word in _SELLER]))
        if name in ("commerce", "model", "channel", "language"):
            raise Wrong(node, f"{name} alone is not a condition; compare it")
        if name in self.given or self.scope.resolve_list(name) is not None:
            raise Wrong(node, f"a list is not a condition; write any({name})")
        if (named := self.scope.condition(name)) is not None:
            return self.named(node, named, ())
        if name.lower() in ("true", "false"):
            raise Wrong(node, "there are no constants in the language; use 'mode: off' to switch a rule off")
        choices = (*vocabulary.RECOGNISERS, "seller.registered", "commerce", "channel", *self.scope.condition_names())
        raise Wrong(node, known("name", name, choices))

    # -- comparisons -------------------------------------------------------------------------

    def comparison(self, node: ast.Compare) -> e.Node | None:
        if len(node.ops) > 1:
            raise Wrong(node, "compare two things at a time, and join the comparisons with 'and'")
        left, right, op = node.left, node.comparators[0], node.ops[0]
        name = self.source(left.func) if isinstance(left, ast.Call) else self.source(left)
        if isinstance(left, ast.Constant):
            raise Wrong(left, f"write the value on the right, as in {short(self.source(right), quote=False)} >= 1")
        if isinstance(left, ast.Call) and name in _NUMBERS_AND_FIELDS:
            raise Wrong(left, f"{name} takes no parentheses here")
        if name in ("channel", "language"):
            return self.post_field(name, op, right, node)
        if isinstance(op, ast.In | ast.NotIn | ast.Is | ast.IsNot | ast.NotEq):
            raise Wrong(node, "compare with >=, >, <=, < or ==; for 'is not', write not (... == ...)")
        cmp = _COMPARE[type(op)]
        if name == "commerce":
            if self.result.commerce is None:
                self.result.commerce = self.start(left)
            return e.Commerce(cmp, self.number(right, 0.0, 1.0))
        if name == "model":
            if not self.scope.has_model:
                raise Wrong(left, "there is no text model to ask; give one with the packs, or compare commerce")
            return e.Model(cmp, self.number(right, -MAX_LOGIT, MAX_LOGIT))
        if isinstance(left, ast.Call) and name == "count":
            return self.count(left, cmp, right)
        if isinstance(left, ast.Call) and name == "seller.strikes":
            if len(left.args) > 1 or left.keywords:
                raise Wrong(left, "seller.strikes() takes one category, or nothing for all of them")
            category = self.category(left.args[0]) if left.args else None
            return e.Strikes(category, cmp, self.whole(right, 0, MAX_COUNT * 32))
        if name == "seller.tenure":
            return e.Tenure(cmp, self.whole(right, 0, MAX_TENURE))
        if name == "seller.enforcement":
            return e.Enforcement(cmp, self.word(right, "enforcement", vocabulary.ENFORCEMENT))
        if name == "seller.listing":
            if cmp != "==":
                raise Wrong(node, 'seller.listing has no order; write it as in seller.listing == "blacklisted"')
            return e.Listing(cmp, self.word(right, "listing", vocabulary.LISTING))
        raise Wrong(
            left,
            f"{short(self.source(left))} is not a number; what can be compared is count(x), commerce, model, "
            "seller.strikes(), seller.tenure, seller.enforcement, seller.listing, channel, language",
        )

    def count(self, call: ast.Call, cmp: str, right: ast.expr) -> e.Node:
        if call.keywords or not 1 <= len(call.args) <= 2:
            raise Wrong(call, "count() is written count(x) or count(x, distinct)")
        distinct = len(call.args) == 2
        if distinct and self.source(call.args[1]) != "distinct":
            read = short(self.source(call.args[1]))
            raise Wrong(call.args[1], f"{read}: the second argument of count can only be 'distinct'")
        return e.Count(self.operand(call.args[0]), distinct, cmp, self.whole(right, 0, MAX_COUNT))

    def post_field(self, name: str, op: ast.cmpop, right: ast.expr, node: ast.Compare) -> e.Node:
        if isinstance(op, ast.Eq):
            return self.field_value(name, right)
        if isinstance(op, ast.In):
            if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
                raise Wrong(right, f'write the values in parentheses, as in {name} in ("a", "b")')
            values = tuple(self.field_value(name, item) for item in right.elts)
            return values[0] if len(values) == 1 else e.Or(values)
        raise Wrong(node, f'{name} is compared with == or in; for others write not {name} == "..."')

    def field_value(self, name: str, node: ast.expr) -> e.Node:
        if name == "channel":
            return e.Channel(self.word(node, "channel", ("default", *self.scope.channels)))
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            raise Wrong(node, 'write the language in quotes, such as "zh"')
        if not re.fullmatch(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", node.value):
            raise Wrong(node, f"{node.value!r} is not a language tag; write one such as 'zh', 'en' or 'zh-Hant'")
        return e.Language(node.value)

    # -- parts -------------------------------------------------------------------------------

    def arguments(self, node: ast.Call, count: int, form: str, hint: str = "") -> None:
        if len(node.args) != count:
            name = form.partition("(")[0]
            plural = "s" if count > 1 else ""
            raise Wrong(node, f"{name}() takes {count} argument{plural}, as in {form}, not {len(node.args)}{hint}")
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                raise Wrong(argument, "'*' is not in the language")

    def operands(self, nodes: Sequence[ast.expr]) -> list[e.Operand]:
        """All operands of a call: mistakes in several of them are all noted before giving up."""
        result, wrong = [], []
        for node in nodes:
            try:
                result.append(self.operand(node))
            except Wrong as caught:
                wrong.append(caught)
        for earlier in wrong[:-1]:
            self.mistake(self.start(earlier.node), earlier.message)
        if wrong:
            raise wrong[-1]
        return result

    def operand(self, node: ast.expr) -> e.Operand:
        if isinstance(node, ast.Call) and self.source(node.func) == "free":
            if node.keywords or len(node.args) != 3:
                raise Wrong(node, "write it as in free(x, y, 4): hits of x with no hit of y up to 4 symbols before")
            hits, others = self.operand(node.args[0]), self.operand(node.args[1])
            if hits.free_of is not None or others != e.Operand(others.list):
                raise Wrong(node, "free() takes the names of two lists; write unquoted(free(x, y, 4)) for both")
            return replace(hits, free_of=others.list, within=self.whole(node.args[2], 0, MAX_DISTANCE))
        if isinstance(node, ast.Call) and self.source(node.func) == "unquoted":
            if node.keywords or len(node.args) != 1:
                raise Wrong(node, "write it as in unquoted(x): hits of x that do not stand between quotation marks")
            return replace(self.operand(node.args[0]), unquoted=True)
        name = self.source(node)
        if isinstance(node, ast.Name | ast.Attribute) and name in self.given:
            self.result.parameters.add(name)
            return self.given[name]
        return e.Operand(self.list_name(node))

    def list_name(self, node: ast.expr) -> str:
        name = self.source(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            raise Wrong(node, f"write the list's name without quotes: {node.value}")
        if not isinstance(node, ast.Name | ast.Attribute) or not _LIST_NAME.fullmatch(name):
            raise Wrong(node, f"expected the name of a list or recogniser, read {short(name)}")
        full = self.scope.resolve_list(name)
        if full is None:
            raise Wrong(node, unknown("list", name, self.scope.list_names()))
        self.result.lists.append((full, self.start(node)))
        return full
