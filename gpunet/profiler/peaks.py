"""What the device reaches at most, measured: a large matrix product, and a large copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from ..backend import CPU, Backend, Device, backend_for

__all__ = ["Peaks", "measure_peaks"]

#: Seconds below which a measurement is of the launch as much as of the work.
_TOO_SHORT = 4e-4


@dataclass(frozen=True)
class Peaks:
    """Measured rates, which what was achieved is compared with.

    Attributes
    ----------
    gflops : float
        GFLOP/s of a float32 matrix product with `side` rows and columns.
    gbytes : float
        GB/s, read and written, of a copy of `copied` bytes.
    """

    gflops: float
    gbytes: float
    side: int
    copied: int

    def __str__(self) -> str:
        return (
            f"measured peaks: {self.gflops:,.0f} GFLOP/s (float32 product of {self.side} x "
            f"{self.side} matrices), {self.gbytes:,.1f} GB/s (copy of {self.copied >> 20} MiB)"
        )


def measure_peaks(
    device: str | Device = "cpu", side: int = 1024, copied: int = 1 << 26, repeats: int = 5
) -> Peaks:
    """Measure the two rates of `device`, each the best of `repeats`. This waits for the device.

    Parameters
    ----------
    device : str or Device
    side : int
        Of the matrices; doubled for a device that is done too soon to be measured.
    copied : int
        Bytes; doubled likewise.
    repeats : int
    """
    place = Device(device)
    be = backend_for(place)
    with be.on(place):
        seconds = _product(be, side, repeats)
        while seconds < _TOO_SHORT and side < 8192 and be is not CPU:
            side *= 2
            seconds = _product(be, side, repeats)
        gflops = 2 * side**3 / seconds / 1e9
        seconds = _copy(be, copied, repeats)
        while seconds < _TOO_SHORT and copied < 1 << 30 and be is not CPU:
            copied *= 2
            seconds = _copy(be, copied, repeats)
        return Peaks(gflops, 2 * copied / seconds / 1e9, side, copied)


def _product(be: Backend, side: int, repeats: int) -> float:
    A, B, C = (be.empty((side, side), "float32") for _ in range(3))
    A.fill(0.5)
    B.fill(0.5)
    return _best(be, lambda: be.gemm(A, B, C), repeats)


def _copy(be: Backend, nbytes: int, repeats: int) -> float:
    source, target = (be.empty((nbytes // 4,), "float32") for _ in range(2))
    source.fill(1)
    return _best(be, lambda: be.xp.copyto(target, source), repeats)


def _best(be: Backend, work: Callable[[], Any], repeats: int) -> float:
    times = []
    work()
    for _ in range(repeats):
        be.synchronize()
        start = perf_counter()
        work()
        be.synchronize()
        times.append(perf_counter() - start)
    return max(min(times), 1e-9)
