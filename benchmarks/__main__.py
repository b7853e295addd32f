"""The command line of the benchmarks."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from . import harness, mlp, overhead, textbook

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
    device: Annotated[str, typer.Option(help='"cpu" or "cuda".')] = "cpu",
    out: Annotated[Path | None, typer.Option(help="Folder for the JSON file.")] = None,
) -> None:
    """Training step of the 784-128-10 perceptron against PyTorch."""
    if device not in ("cpu", "cuda"):
        raise typer.BadParameter(f'--device: expected "cpu" or "cuda", got {device!r}')
    sides = mlp.CUDA_SIDES if device == "cuda" else mlp.SIDES
    ours = sides[0].name
    if not sides[0].installed:
        console.print("[red]no usable GPU: see `gpunet info`[/red]")
        raise typer.Exit(1)
    if warning := harness.quiet():
        console.print(f"[yellow]{warning}[/yellow]")
    table = Table(title="784-128-10, one training step (median, microseconds)")
    columns = ["optimizer", "batch", *(side.name for side in sides), "ratio"]
    if busy:
        columns += ["one core busy", "times quiet"]
    for column in columns:
        table.add_column(column, justify="right")
    results = []
    for options in mlp.CASES:
        found = harness.compare(sides, options, rounds=rounds, seconds=seconds)
        row = [options["optimizer"], str(options["batch"])]
        row += [
            f"{found[side.name]['median'] * 1e6:.0f}" if side.name in found else "not installed"
            for side in sides
        ]
        row.append(f"{found[ours]['ratio']:.2f}")
        if busy:
            with harness.keep_a_core_busy():
                loaded = harness.compare(sides[:1], options, rounds=rounds, seconds=seconds)
            found[f"{ours}, one core busy"] = loaded[ours]
            slower = loaded[ours]["median"] / found[ours]["median"]
            row += [f"{loaded[ours]['median'] * 1e6:.0f}", f"{slower:.2f}"]
        table.add_row(*row)
        results.append({**options, "sides": found})
    console.print(table)
    _save(f"mlp-{device}-{time.strftime('%Y-%m-%d')}", out, results)


@app.command("textbook")
def run_textbook(
    rounds: Annotated[int, typer.Option(help="Processes of each side, in turn.")] = 3,
    seconds: Annotated[float, typer.Option(help="Timed work of each process.")] = 0.5,
    out: Annotated[Path | None, typer.Option(help="Folder for the JSON file.")] = None,
) -> None:
    """Backpropagation of a mini-batch as matrices against the per-sample loop."""
    if warning := harness.quiet():
        console.print(f"[yellow]{warning}[/yellow]")
    table = Table(title="The textbook network, gradients of one mini-batch (microseconds)")
    for column in ("sizes", "batch", *(side.name for side in textbook.SIDES), "ratio"):
        table.add_column(column, justify="right")
    results = []
    for options in textbook.CASES:
        found = harness.compare(
            textbook.SIDES, options, rounds=rounds, seconds=seconds, steps=1, rtol=1e-9
        )
        medians = [f"{found[side.name]['median'] * 1e6:,.0f}" for side in textbook.SIDES]
        ratio = f"{found[textbook.SIDES[0].name]['ratio']:.3f}"
        table.add_row("-".join(map(str, options["sizes"])), str(options["batch"]), *medians, ratio)
        results.append({**options, "sides": found})
    console.print(table)
    _save(f"textbook-{time.strftime('%Y-%m-%d')}", out, results)


@app.command("overhead")
def run_overhead() -> None:
    """Cost of the tape: one Operation, forward and backward, without array work."""
    console.print(f"{overhead.per_function() * 1e6:.2f} us per Operation, forward and backward")


@app.command("kernels")
def run_kernels(
    names: Annotated[list[str] | None, typer.Argument(help="Kernels; all by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the JSON file.")] = None,
) -> None:
    """The size from which each Numba kernel beats its reference form."""
    from . import kernels

    if warning := harness.quiet():
        console.print(f"[yellow]{warning}[/yellow]")
    table = Table(title="Elements from which the Numba form is faster; times in microseconds")
    for column in ("kernel", "listed", "measured", *(f"{n:,}" for n in kernels.SIZES)):
        table.add_column(column, justify="left" if column == "kernel" else "right")
    results = []
    for name in names or kernels.cpu.SMALLEST_WORK:
        found = kernels.crossover(name)
        pairs = [f"{t['reference'] * 1e6:.1f} / {t['numba'] * 1e6:.1f}" for t in found["times"]]
        table.add_row(name, str(found["listed"]), str(found["from"] or "never"), *pairs)
        results.append(found)
    console.print(table)
    _save("kernels", out, results)


@app.command("bandwidth")
def run_bandwidth(
    out: Annotated[Path | None, typer.Option(help="Folder for the JSON file.")] = None,
) -> None:
    """Bandwidth of CUDA kernels against a copy on the device."""
    from . import bandwidth

    results = bandwidth.measure()
    table = Table("kernel", "GB/s", "share of the copy", title="2^26 elements of float32")
    for row in results:
        rate, share = row["gigabytes_per_second"], row["share_of_copy"]
        table.add_row(row["kernel"], f"{rate:.0f}", f"{share:.2f}")
    console.print(table)
    _save("bandwidth", out, results)


@app.command("machine")
def run_machine(
    out: Annotated[Path | None, typer.Option(help="Folder for the JSON file.")] = None,
) -> None:
    """The GPU, driver, versions and commit that results belong to."""
    found = harness.gpu()
    console.print_json(data=found)
    _save("machine", out, found)


if __name__ == "__main__":
    app()
