"""What gpunet reaches of the rates of the device, measured here and now.

A piece of work with f operations for each byte that it must read or write can run at no more than
``min(R, f B)`` operations a second, R being the rate of a large matrix product and B that of a copy
(S. Williams, A. Waterman, D. Patterson, "Roofline", 2009).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

from .case import Report, Unavailable

__all__ = ["REPORT", "rows"]

REPORT = Report(
    "roofline",
    "What gpunet reaches of this machine's rates: of a large float32 matrix product, of a copy",
    ".roofline:rows",
    select="device",
    roofline=True,
    tiny={"scale": 32, "repeats": 1},
)


class _Piece(NamedTuple):
    """A piece of work, its operations and the bytes that it cannot do without."""

    name: str
    flops: float
    nbytes: float
    work: Callable[[], Any]


def rows(device: Sequence[str] = (), scale: int = 1, repeats: int = 10) -> list[dict[str, Any]]:
    """A row for each piece of work; sizes are divided by `scale`."""
    from gpunet.backend import probe_cuda
    from gpunet.profiler import measure_peaks

    usable = ["cpu", "cuda"] if probe_cuda().usable else ["cpu"]
    places = [place for place in usable if not device or place in device]
    if not places:
        raise Unavailable(f"no GPU: {probe_cuda().reason}")
    found = []
    for place in places:
        # As large as the largest of the pieces, or its rate would be above the roof.
        peaks = measure_peaks(place, max(2048 // scale, 64), (1 << 28) // scale**2, repeats)
        for piece in _pieces(place, scale):
            rate = piece.flops / _seconds(place, piece.work, repeats) / 1e9
            intensity = piece.flops / piece.nbytes
            roof = min(peaks.gflops, intensity * peaks.gbytes)
            found.append(
                {
                    "device": place,
                    "what": piece.name,
                    "FLOP/byte": float(f"{intensity:.3g}"),
                    "GFLOP/s": float(f"{rate:.4g}"),
                    "GB/s": float(f"{rate / intensity:.4g}"),
                    "share of the roof": round(rate / roof, 3),
                    "roof": [peaks.gflops, peaks.gbytes],
                }
            )
    return found


def _seconds(place: str, work: Callable[[], Any], repeats: int) -> float:
    """The shortest of so many calls, each awaited: what disturbs only adds."""
    from gpunet.backend import Device, backend_for

    wait = backend_for(Device(place)).synchronize
    best = float("inf")
    for _ in range(repeats + 2):
        begin = perf_counter()
        work()
        wait()
        best = min(best, perf_counter() - begin)
    return best


def _pieces(place: str, scale: int) -> Iterator[_Piece]:
    import gpunet
    from gpunet import nn
    from gpunet.nn import functional as F

    gpunet.manual_seed(0)

    def drawn(*shape: int) -> Any:
        return gpunet.randn(*shape, device=place)

    def untaped(function: Callable[[], Any]) -> Callable[[], Any]:
        def call() -> None:
            with gpunet.no_grad():
                function()

        return call

    def both_passes(module: Any, x: Any, upstream: Any) -> Callable[[], Any]:
        def call() -> None:
            x.grad = None
            module.zero_grad()
            module(x).backward(upstream)

        return call

    # Large enough for memory, and not for a cache: 64 MiB on the CPU, 256 MiB on a GPU.
    n = (1 << (26 if place == "cuda" else 24)) // scale**2
    x, y = drawn(n), drawn(n)
    yield _Piece("add", n, 12 * n, untaped(lambda: x + y))
    yield _Piece("GELU", 12 * n, 8 * n, untaped(lambda: F.gelu(x)))
    table = x.reshape(-1, 64)
    yield _Piece("softmax", 5 * n, 8 * n, untaped(lambda: F.softmax(table, 1)))
    norm = nn.LayerNorm(64).to(place)
    yield _Piece("LayerNorm", 8 * n, 8 * n, untaped(lambda: norm(table)))
    parameter = nn.Parameter(x.clone())
    parameter.grad = y
    adam = gpunet.optim.Adam([parameter])
    yield _Piece("Adam", 12 * n, 28 * n, adam.step)

    side, batch = 2048 // scale, 128 // min(scale, 8)
    for m in (256 // min(scale, 32), side):
        product = untaped(partial(gpunet.matmul, drawn(m, m), drawn(m, m)))
        yield _Piece(f"product of {m} x {m}", 2 * m**3, 12 * m**2, product)
    linear = nn.Linear(side, side).to(place)
    inputs, upstream = drawn(side, side).requires_grad_(), drawn(side, side)
    yield _Piece(
        "Linear, both passes", 6 * side**3, 36 * side**2, both_passes(linear, inputs, upstream)
    )
    c = 64 // min(scale, 8)
    conv = nn.Conv2d(c, c, 3, padding=1).to(place)
    images, upstream = drawn(batch, c, 32, 32), drawn(batch, c, 32, 32)
    size = batch * c * 32 * 32
    yield _Piece("Conv2d 3x3", 18 * size * c, 8 * size, untaped(lambda: conv(images)))
    yield _Piece(
        "Conv2d 3x3, both passes", 54 * size * c, 28 * size,
        both_passes(conv, images.requires_grad_(), upstream),
    )  # fmt: skip
    lstm = nn.LSTM(64, 256 // min(scale, 8)).to(place)
    sequence, H = drawn(64, batch, 64), 256 // min(scale, 8)
    flops, steps = 2 * 4 * H * (64 + H), 64 * batch
    yield _Piece(
        "LSTM", steps * flops, 4 * (steps * (64 + H) + 4 * H * (64 + H)),
        untaped(lambda: lstm(sequence)),
    )  # fmt: skip
