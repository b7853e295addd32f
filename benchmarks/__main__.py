"""The command line of the benchmarks."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from . import harness, mlp, overhead

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
console = Console()


def _save(name: str, out: Path | None, results: object) -> None:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{name}.json"
        path.write_text(json.dumps({"machine": harness.machine(), "results": results}, indent=1))
        console.print(f"written to {path}")


@app.command("mlp")
def run_mlp(
    rounds: Annotated[int, typer.Option(help="Processes of each side, in turn.")] = 5,
    seconds: Annotated[float, typer.Option(help="Timed work of each process.")] = 1.0,
    busy: Annotated[
        bool, typer.Option(help="Also with one core taken by another process (gpunet alone).")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the JSON file.")] = None,
) -> None:
    """Training step of the 784-128-10 perceptron against PyTorch."""
    if warning := harness.quiet():
        console.print(f"[yellow]{warning}[/yellow]")
    table = Table(title="784-128-10, one training step (median, microseconds)")
    columns = ["optimizer", "batch", *(side.name for side in mlp.SIDES), "ratio"]
    if busy:
        columns += ["one core busy", "times quiet"]
    for column in columns:
        table.add_column(column, justify="right")
    results = []
    for options in mlp.CASES:
        found = harness.compare(mlp.SIDES, options, rounds=rounds, seconds=seconds)
        row = [options["optimizer"], str(options["batch"])]
        row += [
            f"{found[side.name]['median'] * 1e6:.0f}" if side.name in found else "not installed"
            for side in mlp.SIDES
        ]
        row.append(f"{found['gpunet']['ratio']:.2f}")
        if busy:
            with harness.keep_a_core_busy():
                loaded = harness.compare(mlp.SIDES[:1], options, rounds=rounds, seconds=seconds)
            found["gpunet, one core busy"] = loaded["gpunet"]
            slower = loaded["gpunet"]["median"] / found["gpunet"]["median"]
            row += [f"{loaded['gpunet']['median'] * 1e6:.0f}", f"{slower:.2f}"]
        table.add_row(*row)
        results.append({**options, "sides": found})
    console.print(table)
    _save(f"mlp-{time.strftime('%Y-%m-%d')}", out, results)


@app.command("overhead")
def run_overhead() -> None:
    """Cost of the tape: one Operation, forward and backward, without array work."""
    console.print(f"{overhead.per_function() * 1e6:.2f} us per Operation, forward and backward")


if __name__ == "__main__":
    app()
