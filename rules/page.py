"""HTML pages that need nothing else: one file, its style and script inside, readable in light and dark, offline.

What comes from posts, packs and files is text: `escape` stands between it and the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from .tables import Table, shown

__all__ = ["document", "section", "table_html"]

_STYLE: Final = """
:root { color-scheme: light dark;
  --ground: #fbfbfa; --card: #fff; --ink: #1d2129; --muted: #667085; --line: #dfe3e8; --accent: #2557a7;
  --strict: #c4473a; --mild: #2f8f5b; --before: #9aa4b2; --after: #2557a7; --mark: #ffe08a; --mark-ink: #3d2c00; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14161a; --card: #1c1f25; --ink: #e6e8eb; --muted: #98a2b3; --line: #333943; --accent: #8ab4f8;
  --strict: #ec7a6c; --mild: #5cc389; --before: #667085; --after: #8ab4f8; --mark: #6b5312; --mark-ink: #ffedb8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 24px 64px; }
h1 { font-size: 25px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 36px 0 10px; }
h3 { font-size: 14.5px; margin: 22px 0 8px; font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
p { margin: 4px 0; } .muted, .note { color: var(--muted); } .note { font-size: 13px; margin-top: 6px; }
code { font-family: ui-monospace, monospace; font-size: .93em; overflow-wrap: anywhere; }
.figures { display: flex; flex-wrap: wrap; gap: 12px; margin: 20px 0 8px; }
.figure { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 10px 16px; min-width: 130px; }
.figure b { display: block; font-size: 23px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.figure span { color: var(--muted); font-size: 13px; }
.figure.strict b { color: var(--strict); } .figure.mild b { color: var(--mild); }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th, td { padding: 6px 12px; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th { color: var(--muted); font-weight: 500; border-bottom: 1px solid var(--line); }
th.text, td.text { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 8em; }
tr + tr td { border-top: 1px solid var(--line); } td.zero { color: var(--muted); opacity: .55; }
table.sortable th { cursor: pointer; user-select: none; }
table.sortable th:focus-visible { outline: 2px solid var(--accent); }
th[aria-sort=ascending]::after { content: " ▴"; } th[aria-sort=descending]::after { content: " ▾"; }
td.strict { background: color-mix(in srgb, var(--strict) var(--heat), transparent); }
td.mild { background: color-mix(in srgb, var(--mild) var(--heat), transparent); }
td.same { color: var(--muted); }
svg { max-width: 100%; height: auto; display: block; font: 12.5px system-ui, "Noto Sans CJK SC", sans-serif; }
svg text { fill: var(--ink); } svg .muted { fill: var(--muted); } svg .axis { stroke: var(--line); }
svg .right { fill: var(--strict); } svg .left { fill: var(--mild); }
svg .before { fill: var(--before); } svg .after { fill: var(--after); }
.sample { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 10px 14px; margin: 8px 0; }
.sample .post { white-space: pre-wrap; overflow-wrap: anywhere; margin: 4px 0 6px; }
.sample dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 10px; margin: 0; font-size: 13px; }
.sample dt { color: var(--muted); } .sample dd { margin: 0; overflow-wrap: anywhere; }
mark { background: var(--mark); color: var(--mark-ink); border-radius: 2px; padding: 0 1px; }
.action { font: 600 12px ui-monospace, monospace; padding: 1px 6px; border-radius: 4px; border: 1px solid var(--line); }
.ALLOW { color: var(--mild); } .LIMIT, .REVIEW { color: var(--accent); } .SHIELD, .BLOCK { color: var(--strict); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 4px 0 10px; }
@media print { .scroll, .sample, .figure { break-inside: avoid; } }
"""

_SCRIPT: Final = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    const sort = () => {
      const up = head.getAttribute("aria-sort") === "descending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const number = head.classList.contains("text") ? null : row => parseFloat(value(row) || "-1");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => number ? number(a) - number(b) : value(a).localeCompare(value(b)));
      if (!up) rows.reverse();
      table.tBodies[0].append(...rows);
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
  });
}
"""


def document(title: str, body: Iterable[str]) -> str:
    """A whole page. Its policy forbids whatever is not in it: no request leaves it."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>",
            *body,
            f"</main><script>{_SCRIPT}</script></body></html>\n",
        ]
    )


def section(title: str, *parts: str, note: str = "") -> str:
    """A heading and what stands below it."""
    told = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}{told}</section>"


def table_html(table: Table) -> str:
    """A table that sorts by the column whose heading is clicked."""
    heads = "".join(
        f'<th class="text">{escape(c.name)}</th>' if c.is_text else f"<th>{escape(c.name)}</th>" for c in table.columns
    )
    rows = []
    for row in table.rows:
        cells = []
        for cell, column in zip(row, table.columns, strict=True):
            if column.is_text:
                cells.append(f'<td class="text">{escape(shown(cell, column))}</td>')
            else:
                style = ' class="zero"' if not cell else ""
                value = "" if cell is None else repr(cell)
                cells.append(f'<td{style} data-value="{value}">{escape(shown(cell, column))}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    body = "\n".join(rows)
    head = f"<thead><tr>{heads}</tr></thead>"
    return f'<div class="scroll"><table class="sortable">{head}<tbody>{body}</tbody></table></div>'
