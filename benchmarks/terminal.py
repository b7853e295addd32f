"""Documents on the terminal."""

from __future__ import annotations

from math import prod
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .availability import missing
from .case import Case, Report
from .summary import summary
from .tables import Grid, failures, grids, notes

__all__ = ["listing", "show", "show_summary", "terminal"]


def terminal() -> Console:
    """The terminal; a file has room for the widest table."""
    console = Console()
    return console if console.is_terminal else Console(width=140)


def show(document: dict[str, Any], console: Console) -> None:
    """Print the tables, then what could not be run, what failed, and what to beware of."""
    case = document["case"]
    console.print(f"\n{case['name']}: {case['title']}", markup=False, highlight=False)
    for grid in grids(document):
        console.print(_table(grid))
    for note in notes(document):
        console.print(note, markup=False, highlight=False)
    for text in failures(document):
        console.print(Text(text, style="red"))
    for text in document["warnings"]:
        console.print(Text(text, style="yellow"))


def show_summary(documents: list[dict[str, Any]], console: Console) -> None:
    """Print gpunet's shares in all of `documents`, if there are any."""
    grid = summary(documents)
    if grid is not None:
        console.print()
        console.print(_table(grid))


def _table(grid: Grid) -> Table:
    table = Table(title=grid.title or None, title_justify="left")
    for name, numeric in grid.columns:
        table.add_column(name, justify="right" if numeric else "left")
    for i, row in enumerate(grid.rows):
        table.add_row(*row, end_section=i in grid.sections)
    return table


def listing(cases: dict[str, Case | Report], console: Console) -> None:
    """Print the cases, their rows, and which sides can run here."""
    table = Table("case", "measures", "rows", "sides that can run here", box=box.SIMPLE_HEAD)
    absent: dict[str, list[str]] = {}
    for case in cases.values():
        if isinstance(case, Report):
            table.add_row(case.name, case.title, "", "")
            continue
        here: list[str] = []
        for side in case.sides:
            reason = missing(side)
            names = absent.setdefault(reason, []) if reason else here
            if side.name not in names:
                names.append(side.name)
        table.add_row(case.name, case.title, _options(case), ", ".join(here))
    console.print(table, markup=False)
    for reason, names in absent.items():
        console.print(f"{reason}: {', '.join(names)}", markup=False, highlight=False)


def _options(case: Case) -> str:
    values = {name: dict.fromkeys(str(row[name]) for row in case.grid) for name in case.grid[0]}
    if prod(map(len, values.values())) > len(case.grid):  # no product of its options
        return "; ".join(" ".join(f"{k} {v}" for k, v in row.items()) for row in case.grid)
    return ", ".join(f"{name} {'|'.join(found)}" for name, found in values.items())
