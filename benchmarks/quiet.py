"""Whether anything else runs on this machine: before a measurement, and while it goes on."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from typing import Any

__all__ = ["Watch", "keep_a_core_busy", "usable_cores", "warning"]

_TICKS = os.sysconf("SC_CLK_TCK")


class Watch:
    """How many cores other processes keep busy, from the making of this object on.

    The busy time of the cores that this process may use, as the kernel counts it, less the time
    of this process and of those that it has started and waited for.
    """

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.busy, self.own = _busy_seconds(), _own_seconds()

    def others(self) -> float | None:
        """Cores that others kept busy, on average; None where the system does not tell."""
        wall = time.perf_counter() - self.began
        busy = _busy_seconds()
        if busy is None or self.busy is None or wall <= 0:
            return None
        return max(busy - self.busy - (_own_seconds() - self.own), 0.0) / wall


def warning(others: float | None, when: str) -> str:
    """What to say if others took `others` cores; empty if they left the machine alone.

    A process that takes one core of many still stops every team of threads that has one on it:
    three tenths of a core are too much on any machine.
    """
    cores = usable_cores()
    if others is None or others < max(0.3, 0.02 * cores):
        return ""
    return (
        f"other work took {others:.1f} of {cores} cores {when} the measurement: "
        "these figures are not to be quoted"
    )


def usable_cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _busy_seconds() -> float | None:
    """Seconds that the usable cores have worked; time stolen from a virtual machine counts."""
    try:
        with open("/proc/stat") as stat:
            lines = [line.split() for line in stat if line.startswith("cpu")]
        usable = {f"cpu{i}" for i in os.sched_getaffinity(0)}
    except (OSError, AttributeError):  # no Linux
        return None
    busy = 0
    for name, *fields in lines:
        if name in usable:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            busy += user + nice + system + irq + softirq + steal
    return busy / _TICKS


def _own_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(r.ru_utime + r.ru_stime for r in used)


class keep_a_core_busy:
    """A context in which another process takes one core, as on the machines that people have."""

    def __enter__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        time.sleep(0.3)

    def __exit__(self, *exception: Any) -> None:
        self.process.kill()
        self.process.wait()
