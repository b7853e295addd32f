"""The report: everything of a folder as one page that needs nothing else."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Any

from .picture import draw
from .style import DARK, LIGHT, Theme
from .summary import summary
from .tables import Grid, failures, grids, notes

__all__ = ["webpage"]

Document = dict[str, Any]

_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #23272e; --muted: #6b7079;
  --faint: #d9dce1; --stripe: #f5f6f8; --link: #0b6bcb; --warning: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181d; --ink: #e6e8eb; --muted: #9aa1ab;
  --faint: #343a43; --stripe: #1c2027; --link: #4ba3f5; --warning: #ff8a80; } }
body { margin: 0 auto; padding: 1.5rem; max-width: 72rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 3rem 0 .6rem; padding-top: 1rem;
  border-top: 1px solid var(--faint); }
h2 small, caption { color: var(--muted); font-weight: normal; }
caption { text-align: left; padding: .4rem 0; }
a { color: var(--link); }
nav { columns: 16rem; margin: 1rem 0; }
nav a { display: block; text-decoration: none; }
img { max-width: 100%; height: auto; display: block; margin: 0 0 1rem; }
.table { overflow-x: auto; margin: 0 0 .6rem; }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .7rem; text-align: left; white-space: nowrap; vertical-align: bottom; }
th { white-space: normal; min-width: 4.5rem; }
thead th { border-bottom: 2px solid var(--faint); }
summary { cursor: pointer; color: var(--muted); margin: 0 0 .5rem; }
tr.last td { border-bottom: 1px solid var(--faint); }
tbody tr:nth-child(even) { background: var(--stripe); }
.number { text-align: right; }
p.note { margin: .2rem 0; color: var(--muted); font-size: .87rem; }
p.warning, pre { color: var(--warning); font-size: .87rem; }
pre { white-space: pre-wrap; }
"""


def webpage(documents: list[Document]) -> str:
    """HTML of all `documents`, their pictures inside it, for light and for dark screens."""
    links = "".join(
        f'<a href="#{escape(name)}">{escape(name)}</a>'
        for name in (document["case"]["name"] for document in documents)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>gpunet bench</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>gpunet bench</h1>\n{_machine(documents)}\n{_left_out(documents)}\n"
        f"<nav>{links}</nav>\n{_summary(documents)}\n"
        f"{''.join(map(_section, documents))}</body></html>\n"
    )


def _machine(documents: list[Document]) -> str:
    """What it was measured on: lines that all documents share once, others with their values."""
    found: dict[str, dict[str, None]] = {}
    for document in documents:
        machine = document["machine"]
        versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items())
        for name, value in (
            ("processor", f"{machine['processor']}, {machine['usable_cores']} cores"),
            ("GPU", machine["gpu"] or "none"), ("system", machine["system"]),
            ("Python", machine["python"]), ("versions", versions),
            ("commit", machine["commit"]), ("date", machine["date"][:10]),
        ):  # fmt: skip
            if value:
                found.setdefault(name, {})[value] = None
    rows = [[name, "; ".join(values)] for name, values in found.items()]
    cells = "".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
    return f'<div class="table machine"><table>{cells}</table></div>'


def _summary(documents: list[Document]) -> str:
    grid = summary(documents)
    if grid is None:
        return ""
    return f"<h2>Summary</h2>\n<details open><summary>{escape(grid.title)}</summary>\n" + (
        f"{_table(grid._replace(title=''))}</details>"
    )


def _left_out(documents: list[Document]) -> str:
    """The sides that were not measured anywhere, and why."""
    rows = [row for document in documents for row in document["rows"]]
    ran = {name for row in rows for name in row.get("sides", {})}
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        for name, why in row.get("missing", {}).items():
            if name not in ran:
                found.setdefault(why, {})[name] = None
    if not found:
        return ""
    parts = [f"{', '.join(names)} ({why})" for why, names in found.items()]
    return f'<p class="note">Left out: {escape("; ".join(parts))}.</p>'


def _section(document: Document) -> str:
    case = document["case"]
    parts = [
        f'<h2 id="{escape(case["name"])}">{escape(case["title"])} '
        f"<small>{escape(case['name'])}</small></h2>",
        _picture(document),
        *map(_table, grids(document)),
        *(f'<p class="note">{escape(text)}</p>' for text in notes(document)),
        *(f"<pre>{escape(text)}</pre>" for text in failures(document)),
        *(f'<p class="warning">{escape(text)}</p>' for text in document["warnings"]),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _table(grid: Grid) -> str:
    title = f"<caption>{escape(grid.title)}</caption>" if grid.title else ""
    kinds = [' class="number"' if numeric else "" for _, numeric in grid.columns]
    head = "".join(f"<th{kind}>{escape(name)}</th>" for kind, (name, _) in zip(kinds, grid.columns))
    last = ' class="last"'
    body = "".join(
        f"<tr{last if i in grid.sections else ''}>"
        + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, row))
        + "</tr>"
        for i, row in enumerate(grid.rows)
    )
    return (
        f'<div class="table"><table>{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _picture(document: Document) -> str:
    light, dark = (_encoded(document, theme) for theme in (LIGHT, DARK))
    if not light:
        return ""
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img alt="{escape(document["case"]["title"])}" src="{light}"></picture>'
    )


def _encoded(document: Document, theme: Theme) -> str:
    """The picture as the address of its own data."""
    figure = draw(document, theme, titled=False)
    if figure is None:
        return ""
    file = io.BytesIO()
    figure.savefig(file, dpi=120, format="png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
