"""What a benchmark is: sides that do the same work, the grid of its options, and who is compared.

Each case is declared once, beside the code of its sides, and listed in `gpunet.benchmarks.cases`;
everything else (processes, checks, tables, files, pictures) is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

__all__ = ["OURS", "PEERS", "Case", "Report", "Side", "Unavailable", "Work", "both_devices"]

#: What a side needs: its name on the command line -> the module to import.
PEERS = {
    "gpunet": "gpunet",
    "gpunet-compiled": "gpunet",
    "torch": "torch",
    "torch-compiled": "torch",
    "torch-graph": "torch",
    "torch-channels-last": "torch",
    "jax": "jax",
    "sklearn": "sklearn",
    "loop": "gpunet",
}
#: What is measured in any case; the others can be left out.
OURS = ("gpunet", "gpunet-compiled")


class Unavailable(Exception):
    """Raised by a side that cannot run here, with the reason: no compiler, no data."""


class Work(NamedTuple):
    """What a side prepares.

    Attributes
    ----------
    step : callable
        Does the work once and returns when it is done, on the device too. In a case that runs
        once it may return a dict of figures to show beside the time.
    check : callable
        Numbers that every side must agree on after the same count of steps.
    phases : dict
        Seconds of what came before: imports, compilation. Reported, never added to the time.
    """

    step: Callable[[], Any]
    check: Callable[[], list[float]]
    phases: Mapping[str, float] = {}


@dataclass(frozen=True)
class Side:
    """One way of doing the work.

    Attributes
    ----------
    name : str
        As shown.
    peer : str
        One of `PEERS`.
    function : str
        ``module:function``, ``.module`` being one of this folder; called with `options` and the
        case's, it returns a `Work`, or raises `Unavailable`.
    options : dict
        What tells this side from others of the same function.
    device : {"cpu", "cuda"}
    """

    name: str
    peer: str
    function: str
    options: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"


def both_devices(side: Side) -> tuple[Side, Side]:
    """`side` on the CPU and on a GPU; its function takes the option ``device``."""
    return (
        replace(side, options={**side.options, "device": "cpu"}),
        replace(
            side, name=f"{side.name} cuda", device="cuda",
            options={**side.options, "device": "cuda"},
        ),
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A comparison of sides.

    Attributes
    ----------
    name, title : str
    sides : sequence of Side
    baseline : str
        The name of the side that ratios are taken to; for a side on a GPU it is the one of that
        name with " cuda" after it, where the case has it.
    grid : sequence of dict
        The options of each row.
    x : str
        The option on the horizontal axis of the picture; empty for bars.
    unit : {"us", "ms", "s"}
        Of the times shown.
    per : int
        Pieces of work in a step; times are of one piece.
    figure : {"median", "min"}
        Which figure of a process counts. The smallest where every disturbance only adds.
    once : bool
        Whether a process does the work once, from the start: whole trainings. Otherwise it does it
        as often as its seconds allow, after a warm-up.
    seeded : bool
        Whether each round has another ``seed``, 0, 1, 2, ...
    rounds : int
        Processes of each side.
    steps : int
        Steps before the check.
    rate : str
        What the picture shows over `x` instead of times: "samples/s", "GFLOP/s", ...; empty for
        times.
    amount : callable
        From the options of a row to how much of it a step does: samples, 10^9 operations.
    rtol : float
        How far the checks of the sides may differ, relative to the larger.
    tiny : dict
        Options that make the work so small that a test can do it.
    """

    name: str
    title: str
    sides: Sequence[Side]
    baseline: str = "PyTorch"
    grid: Sequence[Mapping[str, Any]] = ({},)
    x: str = ""
    unit: str = "us"
    per: int = 1
    figure: Literal["median", "min"] = "median"
    once: bool = False
    seeded: bool = False
    rounds: int = 5
    steps: int = 20
    rate: str = ""
    amount: Callable[[Mapping[str, Any]], float] = lambda options: options["batch"]
    rtol: float = 1e-3
    tiny: Mapping[str, Any] = field(default_factory=dict)

    def baseline_of(self, side: Side) -> str:
        """The name of the side that `side` is compared with."""
        same_device = f"{self.baseline} cuda"
        if side.device == "cuda" and any(other.name == same_device for other in self.sides):
            return same_device
        return self.baseline


@dataclass(frozen=True)
class Report:
    """A table that one function measures in a process of its own, with nobody to compare.

    Attributes
    ----------
    name, title : str
    function : str
        ``module:function``; returns a list of rows, dicts with the same keys. It may raise
        `Unavailable`.
    device : {"any", "cuda"}
    select : str
        The column that ``--where`` chooses rows by, given to the function as a list under its
        name; empty if there is nothing to choose. ``--device`` chooses where it is "device".
    bars : str
        The column that the picture shows as bars; empty for none.
    roofline : bool
        Whether the picture is a roofline, of rows as `gpunet.benchmarks.roofline` makes them.
    tiny : dict
        Options that make the work so small that a test can do it.
    """

    name: str
    title: str
    function: str
    device: str = "any"
    select: str = ""
    bars: str = ""
    roofline: bool = False
    tiny: Mapping[str, Any] = field(default_factory=dict)
