"""From which size on each Numba kernel is faster than its reference form, as a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .case import Report, Unavailable

__all__ = ["REPORT", "rows"]

REPORT = Report(
    "kernels",
    "Elements from which the Numba form of a kernel is faster: as listed in kernels/cpu, and as "
    "measured; then, by size, microseconds of the reference form / of Numba's",
    ".crossover:rows",
    select="kernel",
    tiny={"kernel": ["bias_act_forward", "adam_step"]},
)


def rows(kernel: Sequence[str] = ()) -> list[dict[str, Any]]:
    """A row for each of the kernels, all by default."""
    from gpunet.kernels import cpu

    if cpu.problem():
        raise Unavailable(f"Numba: {cpu.problem()}")
    try:
        from .kernels import crossover
    except ModuleNotFoundError as error:
        raise Unavailable(f"{error.name}, of the tests: this needs a clone of gpunet") from error

    if unknown := set(kernel) - set(cpu.SMALLEST_WORK):
        known = ", ".join(cpu.SMALLEST_WORK)
        raise Unavailable(f"no kernel {', '.join(sorted(unknown))}; there are {known}")
    return [_row(crossover(name)) for name in kernel or cpu.SMALLEST_WORK]


def _row(found: dict[str, Any]) -> dict[str, Any]:
    pairs = {
        f"{t['n']:,}": f"{t['reference'] * 1e6:.1f} / {t['numba'] * 1e6:.1f}"
        for t in found["times"]
    }
    start = "never" if found["from"] is None else found["from"]
    head = {"kernel": found["kernel"], "listed": found["listed"], "measured": start}
    return {**head, **pairs, "times": found["times"]}
