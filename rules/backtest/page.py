"""A backtest as one HTML file: figures, charts, tables that sort, and samples with their evidence marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from fairpost.engine import Verdict
from fairpost.engine.vocabulary import Action

from ..page import document, section, table_html
from .charts import diverging_bars, paired_bars
from .counts import Group
from .run import Backtest
from .samples import Sample
from .tables import by_category, by_rule, per_million, summary, tables

__all__ = ["page"]

_BARS: Final = 20
_SELLERS: Final = 50
_LONGEST: Final = 600
"""Code points of a post that are shown."""


def page(backtest: Backtest, files: Sequence[str], old: str = "old", new: str = "new") -> str:
    """The report.

    Args:
        files: where the posts came from; old, new: what the rule sets were called. All for the reader only.
    """
    title = f"Backtest: {old} → {new}"
    return document(title, _body(backtest, files, old, new))


def _body(backtest: Backtest, files: Sequence[str], old: str, new: str) -> Iterator[str]:
    counts = backtest.counts
    yield f"<h1>{escape(old)} → {escape(new)}</h1>"
    yield (
        f'<p class="muted">revisions <code>{backtest.old.revision}</code> → <code>{backtest.new.revision}</code>, '
        f"posts of {escape(', '.join(files))}</p>"
    )
    yield '<div class="figures">'
    yield _figure(f"{counts.posts:,}", "posts")
    yield _figure(f"{counts.flips:,}", "judged otherwise")
    yield _figure(f"{per_million(counts.flips, counts.posts):,.1f}", "per million")
    yield _figure(f"{counts.stricter:,}", "stricter", "strict" if counts.stricter else "")
    yield _figure(f"{counts.milder:,}", "milder", "mild" if counts.milder else "")
    yield "</div>"
    yield section("Actions", _actions(backtest), _matrix(backtest), note="rows: old action; columns: new action")
    rules = by_rule(backtest)
    named = {column.name: k for k, column in enumerate(rules.columns)}
    bars = [(str(r[0]), int(r[named["milder"]] or 0), int(r[named["stricter"]] or 0)) for r in rules.rows]
    charts = {
        rules.title: [bar for bar in bars if bar[1] or bar[2]],
        "By channel": [(name, g.milder, g.stricter) for name, g in _sorted(counts.channels)],
        "By seller": [(name, g.milder, g.stricter) for name, g in _sorted(counts.sellers)],
    }
    categories = by_category(backtest)
    for table in tables(backtest, sellers=_SELLERS)[1:]:
        if table.title == categories.title:
            chart = diverging_bars(
                [(str(r[0]), int(r[4] or 0), int(r[3] or 0)) for r in table.rows], "vanished", "appeared"
            )
        else:
            chart = diverging_bars(charts.get(table.title, [])[:_BARS], "milder", "stricter")
        yield section(table.title, chart, table_html(table), note=table.note)
    samples = backtest.samples.all()
    if samples:
        yield section("Samples", *_samples(backtest, samples), note=f"drawn with seed {backtest.seed}")
    if counts.seconds:
        yield f'<p class="note">{escape(summary(backtest)[-1])}</p>'


def _sorted(groups: dict[str, Group]) -> list[tuple[str, Group]]:
    found = [(name, g) for name, g in groups.items() if g.milder or g.stricter]
    return sorted(found, key=lambda x: (-x[1].flips, x[0]))


def _figure(number: str, what: str, style: str = "") -> str:
    return f'<div class="figure {style}"><b>{number}</b><span>{what}</span></div>'


def _actions(backtest: Backtest) -> str:
    """Posts by action, old beside new, without those that are allowed: they would dwarf the rest."""
    matrix = backtest.counts.matrix
    rows = [(a.name, int(matrix[a].sum()), int(matrix[:, a].sum())) for a in Action if a is not Action.ALLOW]
    key = '<p class="note"><span class="key" style="background:var(--before)"></span>old'
    return paired_bars(rows, "old", "new") + f'{key}<span class="key" style="background:var(--after)"></span>new</p>'


def _matrix(backtest: Backtest) -> str:
    """The matrix, its flips coloured by direction and by their share of all flips."""
    matrix = backtest.counts.matrix
    most = max(int(matrix[a, b]) for a in Action for b in Action if a != b) or 1
    heads = "".join(f"<th>{action.name}</th>" for action in Action)
    rows = []
    for a in Action:
        cells = []
        for b in Action:
            n = int(matrix[a, b])
            style = "same" if a == b else "zero" if not n else "strict" if b > a else "mild"
            heat = f' style="--heat:{15 + 45 * n / most:.0f}%"' if style in ("strict", "mild") else ""
            cells.append(f'<td class="{style}"{heat}>{n:,}</td>')
        rows.append(f'<tr><td class="text">{a.name}</td>{"".join(cells)}</tr>')
    head = f'<thead><tr><th class="text">old ↓ new →</th>{heads}</tr></thead>'
    return f'<div class="scroll"><table>{head}<tbody>{"".join(rows)}</tbody></table></div>'


def _samples(backtest: Backtest, samples: Sequence[Sample]) -> Iterator[str]:
    """Samples by rule, the rules of most flips first."""
    order = {str(row[0]): k for k, row in enumerate(by_rule(backtest).rows)}
    last = None
    for sample in sorted(samples, key=lambda s: (order.get(s.cause, len(order)), -s.change, s.post)):
        if (sample.cause, sample.change) != last:
            last = (sample.cause, sample.change)
            cause = backtest.table.names.index(sample.cause)
            what = {1: "appeared", -1: "vanished", 0: "redefined"}[sample.change]
            told = "" if cause == backtest.table.elsewhere else f' <span class="muted">{what}</span>'
            yield f"<h3>{escape(sample.cause)}{told}</h3>"
        yield _sample(sample)


def _sample(sample: Sample) -> str:
    spans = [(e.begin, e.end) for v in (sample.old, sample.new) for e in v.evidence if e.text == 0 and not e.shadow]
    where = " · ".join(part for part in (sample.name, sample.seller, sample.channel) if part)
    return (
        f'<div class="sample">{_action(sample.old)} → {_action(sample.new)} '
        f'<span class="muted">{escape(where)}</span><div class="post">{_marked(sample.text, spans)}</div><dl>'
        f"<dt>old</dt><dd>{_reasons(sample.old)}</dd><dt>new</dt><dd>{_reasons(sample.new)}</dd></dl></div>"
    )


def _action(verdict: Verdict) -> str:
    return f'<span class="action {verdict.action.name}">{verdict.action.name}</span>'


def _reasons(verdict: Verdict) -> str:
    labels = ", ".join(f"{label.category} {label.score:.2f} {label.severity}" for label in verdict.labels)
    rules: dict[str, list[str]] = {}
    for each in verdict.evidence:
        if not each.shadow:
            rules.setdefault(each.rule, []).append(each.matched)
    named = [f"<code>{escape(rule)}</code> {escape(' '.join(dict.fromkeys(w)))}" for rule, w in rules.items()]
    scores = f"risk {verdict.risk:.2f}, commerce {verdict.commerce:.2f}, exposure ×{verdict.exposure:.2f}"
    return "; ".join(part for part in (escape(labels), *named, scores) if part)


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The begin of a post, its evidence between <mark>s; characters that are not printable are blanks."""
    inside = [False] * len(text)
    for begin, end in spans:
        inside[begin:end] = [True] * (end - begin)
    parts = []
    position, stop = 0, min(len(text), _LONGEST)
    while position < stop:
        end = position
        while end < stop and inside[end] == inside[position]:
            end += 1
        piece = escape("".join(c if c.isprintable() or c in "\n\u200d\ufe0f" else " " for c in text[position:end]))
        parts.append(f"<mark>{piece}</mark>" if inside[position] else piece)
        position = end
    return "".join(parts) + ("…" if len(text) > stop else "")
