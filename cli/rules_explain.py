"""`fairpost rules explain`: why one post gets its verdict, step by step."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from fairpost.cli import posts, render, rule_sets
from fairpost.cli.errors import CommandError

if TYPE_CHECKING:
    from rich.console import Console

    from fairpost.rules.explanation import Explanation, Node, RuleAnswer
    from fairpost.rules.scoring import CategoryScore

__all__ = ["EPILOG", "explain"]

EPILOG: Final = "\n\n".join(
    [
        "Examples:",
        "fairpost rules explain '根治糖尿病的茶，98元包邮'",
        "fairpost rules explain '坚果98元包邮' --seller '{tenure_days: 900, strikes: {MEDICAL: 1}}' --channel moments",
        "fairpost rules explain --rules my-packs/ --with-shipped --json < post.txt",
    ]
)
JOINTS: Final = {"and": "all", "or": "any"}
TRUTH: Final = {True: ("true ", "green"), False: ("false", "dim")}


def explain(
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="The post; '-' or none: standard input.")] = None,
    rules: Annotated[str, typer.Option("--rules", metavar="RULES", help="Bundle, packs, or 'shipped'.")] = "shipped",
    with_shipped: rule_sets.WithShippedOption = False,
    seller: Annotated[
        str | None,
        typer.Option(
            "--seller",
            help="A standing as in cases of packs, such as '{tenure_days: 900, licences: [food]}' ('{}': in good "
            "standing), 'unknown' or 'unavailable'; with --registry the seller's id.",
        ),
    ] = None,
    registry: posts.RegistryOption = None,
    channel: posts.ChannelOption = "",
    language: posts.LanguageOption = "",
    date: posts.DateOption = None,
    fired: Annotated[bool, typer.Option("--fired", help="Only rules that fired, not all that were evaluated.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Everything as one JSON document, numbers not rounded.")
    ] = False,
) -> None:
    """Say every step from a post to its verdict.

    Folded text, hits and what removed them, the rules that were evaluated with the parts of their conditions, scores,
    thresholds, action, risk, exposure, laws. Read from the bundle: what is explained is what is enforced.
    """
    from fairpost.cli.check import known_channel
    from fairpost.cli.rule_sets import content_of
    from fairpost.engine import InvalidPost
    from fairpost.engine.dates import day_of_date
    from fairpost.rules.explanation import Explainer

    explainer = Explainer(content_of(rules, "--rules", with_shipped=with_shipped))
    known_channel(explainer.rules, channel)
    on = posts.day_of(date)
    post = _stdin() if text is None or text == "-" else text
    try:
        found = explainer.explain(
            post,
            seller=_standing(seller, registry),
            channel=channel,
            language=language,
            day=None if on is None else day_of_date(on),
        )
    except (InvalidPost, UnicodeEncodeError) as error:
        raise CommandError(f"the post cannot be judged: {error}", status=1) from None
    if as_json:
        from fairpost.rules.explanation.document import document

        print(json.dumps(document(found), ensure_ascii=False, indent=1))
        return
    _show(found, render.make_console(), fired)


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise CommandError(
            f"standard input is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02X}"
        ) from None


def _standing(seller: str | None, registry: str | None) -> Any:
    """What the engine takes as the seller.

    Raises:
        CommandError: it is no standing; the message says what is wrong with which key.
    """
    if seller is None:
        if registry is not None:
            raise CommandError(f"--registry {registry}: name the seller too: --seller ID")
        return None
    if registry is not None:
        from fairpost.cli.standings import open_registry

        rows, standings = open_registry(registry).lookup([seller])
        return standings[int(rows[0])] if rows[0] >= 0 else int(rows[0])
    from pydantic import ValidationError

    from fairpost.engine import SELLER_NOT_FOUND, SELLER_UNAVAILABLE
    from fairpost.rules.cases import standing_of
    from fairpost.rules.schema import SellerModel

    words = {"unknown": SELLER_NOT_FOUND, "unavailable": SELLER_UNAVAILABLE}
    if seller in words:
        return words[seller]
    import yaml

    try:
        given = yaml.safe_load(seller)
    except yaml.YAMLError:
        given = None
    if not isinstance(given, dict):
        raise CommandError(
            f"--seller {seller}: is neither 'unknown' nor 'unavailable' nor a standing such as "
            "'{tenure_days: 900, licences: [food]}'; an id needs --registry"
        )
    try:
        return standing_of(SellerModel.model_validate(given))[0]
    except ValidationError as error:
        first = error.errors()[0]
        raise CommandError(f"--seller: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _show(found: Explanation, console: Console, fired_only: bool) -> None:
    from fairpost.engine.dates import date_of_day

    verdict = found.verdict
    spans = [(e.begin, e.end) for e in verdict.evidence if not e.shadow]
    console.print(render.excerpt(found.text, spans, marked=not console.color_system, budget=2000), soft_wrap=True)
    _line(console, f"revision {verdict.revision}, channel {found.channel}, law of {date_of_day(found.day)}", "dim")
    _title(console, "Folded")
    _line(console, found.folded or "(nothing)")
    changes = _changes(found)
    if changes:
        _line(console, changes, "dim")
    if found.restored is not None:
        _title(console, "Restored")
        _line(console, found.restored)
    _show_hits(found, console)
    _title(console, "Rules")
    answers = [answer for answer in found.rules if answer.fired or not fired_only]
    for answer in sorted(answers, key=lambda answer: not answer.fired):
        _show_rule(found, answer, console)
    if not answers:
        _line(console, "none was evaluated: no word that a rule waits for is in the post", "dim")
    _show_scores(found, console)
    _title(console, "Exposure")
    for step, value in found.exposure:
        _line(console, f"{value:8.4f}  {step}")
    _title(console, "Verdict")
    line = Text()
    line.append_text(render.action_text(verdict.action.name))
    line.append(f"  risk {verdict.risk:.4f}  commerce {verdict.commerce:.4f}  exposure {verdict.exposure:.4f}")
    console.print(line)
    for law in sorted({law for e in verdict.evidence if not e.shadow for law in e.basis}):
        _line(console, f"  {law}")


def _title(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, style="bold"))


def _line(console: Console, line: str, style: str = "") -> None:
    console.print(Text(render.visible(line), style=style), soft_wrap=True)


def _changes(found: Explanation) -> str:
    """What became of the characters that are not read as they stand: `Ｖ>v at 17; dropped: * at 11`."""
    images: dict[int, str] = {}
    for symbol, origin in zip(found.folded, found.origins, strict=True):
        images[origin] = images.get(origin, "") + symbol
    read = [f"{c}>{images[k]} at {k}" for k, c in enumerate(found.text) if k in images and images[k] != c]
    dropped = [f"{'blank' if c.isspace() else c} at {k}" for k, c in enumerate(found.text) if k not in images]
    parts = []
    if read:
        parts.append("read as: " + ", ".join(_some(read)))
    if dropped:
        parts.append("dropped: " + ", ".join(_some(dropped)))
    return "; ".join(parts)


def _some(items: list[str], most: int = 30) -> list[str]:
    return items if len(items) <= most else [*items[:most], f"and {len(items) - most} more"]


def _show_hits(found: Explanation, console: Console) -> None:
    """Hits by list, recognisers first; then those that an allow word removed."""
    for title, chosen in (
        ("Recognisers", [hit for hit in found.hits if hit.is_recogniser]),
        ("Words", [hit for hit in found.hits if not hit.is_recogniser]),
    ):
        if not chosen:
            continue
        _title(console, title)
        lists: dict[str, list[str]] = {}
        for hit in chosen:
            word = "" if hit.is_recogniser or hit.word == hit.matched else f" = {hit.word}"
            lists.setdefault(hit.list, []).append(f"{hit.matched} [{hit.begin}, {hit.end}){word}")
        for name, words in sorted(lists.items()):
            _line(console, f"{name}: {'; '.join(_some(words))}")
    for removed in found.removed:
        hit, by = removed.hit, removed.by
        _line(
            console,
            f"{hit.list}: {hit.matched} [{hit.begin}, {hit.end}) does not count inside the allow word "
            f"{by.matched} [{by.begin}, {by.end}) of {by.list}",
            "dim",
        )


def _show_rule(found: Explanation, answer: RuleAnswer, console: Console) -> None:
    line = Text()
    line.append("fired " if answer.fired else "      ", style="bold red" if answer.fired else "")
    line.append(answer.id, style="bold" if answer.fired else "")
    group = f", group {answer.group}" if answer.group else ""
    line.append(f"  {answer.category} {answer.severity}, weight {answer.weight:g}{group}", style="dim")
    if answer.mode == "shadow":
        line.append("  shadow: counts for nothing", style="yellow")
    if not answer.in_force:
        line.append("  not in force on this day", style="yellow")
    console.print(line, soft_wrap=True)
    _show_node(found, answer.condition, console, 1)
    if answer.fired and answer.laws:
        _line(console, f"        {'; '.join(answer.laws)}", "dim")


def _show_node(found: Explanation, node: Node, console: Console, depth: int) -> None:
    """The truth of a part, and below `and`, `or` and `not` of one of them that of its parts."""
    word, style = TRUTH[node.holds]
    line = Text("    " * depth)
    line.append(word, style=style)
    inner = node.parts[0] if node.op == "not" else node
    negated = "not " if node.op == "not" else ""
    joint = JOINTS.get(inner.op)
    line.append(f"  {negated}{joint} of" if joint else f"  {node.text}", style="" if node.holds else "dim")
    if inner.name and (joint or inner.name != inner.text):
        line.append(f"   = {inner.name}", style="" if node.holds else "dim")
    if not joint and inner.witnesses:
        shown = ", ".join(f"{found.text[begin:end]} [{begin}, {end})" for _, begin, end in inner.witnesses)
        line.append(f"   {render.visible(shown)}", style="cyan")
    console.print(line, soft_wrap=True)
    if joint:
        for part in inner.parts:
            _show_node(found, part, console, depth + 1)


def _show_scores(found: Explanation, console: Console) -> None:
    from fairpost.engine.vocabulary import CATEGORIES, SEVERITIES

    _title(console, "Scores")
    if found.commerce is not None:
        _show_score(found, found.commerce, console)
    if found.model is not None:
        _line(console, f"text model: logit {found.model[0]:.4f}, probability {found.model[1]:.4f}")
    if found.model is not None and found.signals is not None:
        terms = "".join(f" + {signal:g} {rule}" for rule, signal in found.signals)
        _line(console, f"commerce = 1 / (1 + exp(-x)), x = {found.model[0]:.4f} text model{terms}")
    _line(console, f"commerce {found.verdict.commerce:.4f}")
    for score in found.scores:
        _show_score(found, score, console)
        steps = [
            f"{action.name} {least:g} {'reached' if reached else 'not reached'}"
            for action, least, reached in found.thresholds[CATEGORIES[score.category]]
        ]
        _line(console, f"    thresholds of {found.channel}: {', '.join(steps) or 'none'}")
    if found.scores:
        weights = [found.severity_weights[SEVERITIES[score.severity]] for score in found.scores]
        factors = [f"(1 - {_f32(s.score):.4f} x {w:g})" for s, w in zip(found.scores, weights, strict=True)]
        _line(console, f"risk = 1 - {''.join(factors)} = {found.verdict.risk:.4f}")
    else:
        _line(console, "no category is violated: risk 0, ALLOW", "dim")


def _f32(value: float) -> float:
    """A score as the verdict has it."""
    import numpy as np

    return float(np.float32(value))


def _show_score(found: Explanation, score: CategoryScore, console: Console) -> None:
    from fairpost.engine.vocabulary import CATEGORIES, SEVERITIES

    factors = "".join(f"(1 - {part.score:.4g})" for part in score.parts)
    _line(
        console, f"{CATEGORIES[score.category]} = 1 - {factors} = {_f32(score.score):.4f}, {SEVERITIES[score.severity]}"
    )
    for part in score.parts:
        names = ", ".join(found.names[rule] for rule in part.rules)
        if part.group is None:
            _line(console, f"    {part.score:.4g}  {names}", "dim")
            continue
        capped = f", capped at {part.cap:g}" if part.cap is not None and part.total > part.cap else ""
        _line(console, f"    {part.score:.4g}  group {part.group}: {names}: {part.total:.4g}{capped}", "dim")
