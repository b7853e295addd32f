"""Bytes a second of kernels on a GPU, against a copy between two arrays on the same device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .case import Report, Unavailable

__all__ = ["REPORT", "measure"]

REPORT = Report(
    "bandwidth",
    "Gigabytes a second of CUDA kernels over float32 arrays of 2^26 elements",
    ".bandwidth:measure",
    device="cuda",
    bars="share of the copy",
    tiny={"n": 1 << 14, "repeats": 2},
)


def _works(n: int) -> dict[str, tuple[int, Callable[[], Any]]]:
    """Name -> (bytes read and written, the work), over `n` float32 elements."""
    import cupy

    from gpunet.kernels import cuda

    k = cuda.KERNELS
    N = 1024
    M = n // N
    X = cupy.sin(cupy.arange(n, dtype=cupy.float32)).reshape(M, N)
    Y, Z = X + 1, X + 2
    b, db, mean, rstd = (cupy.ones(N, cupy.float32) for _ in range(4))
    row_mean, row_rstd = (cupy.ones(M, cupy.float32) for _ in range(2))
    thin = (X.reshape(-1, 8), Y.reshape(-1, 8), Z.reshape(-1, 8), cupy.ones(8, cupy.float32))
    flat = [a.reshape(-1) for a in (X, Y, Z)]
    loss, norm = cupy.zeros((), cupy.float32), cupy.zeros((), cupy.float64)
    size = 4 * n
    return {
        "copy": (2 * size, lambda: cupy.copyto(Y, X)),
        "bias_act_forward": (2 * size, lambda: k["bias_act_forward"](X, b, 1, Y)),
        "bias_act_backward": (3 * size, lambda: k["bias_act_backward"](X, Y, 1, Z, db)),
        "bias_act_backward, 8 columns": (
            3 * size,
            lambda: k["bias_act_backward"](thin[0], thin[1], 1, thin[2], thin[3]),
        ),
        "activation_forward (GELU)": (
            2 * size,
            lambda: k["activation_forward"](flat[0], 6, 0.0, 0.0, flat[1]),
        ),
        "softmax_forward": (2 * size, lambda: k["softmax_forward"](X, Y)),
        "layer_norm_forward": (
            2 * size,
            lambda: k["layer_norm_forward"](X, b, b, 1e-5, Y, row_mean, row_rstd),
        ),
        "batch_norm_forward": (
            3 * size,
            lambda: k["batch_norm_forward"](X, b, b, None, None, None, 0.1, 1e-5, Y, mean, rstd),
        ),
        "sum_of_squares": (size, lambda: k["sum_of_squares"](flat[0], norm)),
        "pointwise_loss_forward": (
            2 * size,
            lambda: k["pointwise_loss_forward"](flat[0], flat[1], 0, 1.0, 1.0 / n, None, loss),
        ),
        "cupy.sum": (size, lambda: X.sum()),
    }


def measure(n: int = 1 << 26, repeats: int = 20) -> list[dict[str, Any]]:
    """Gigabytes a second of each kernel over `n` elements, and the share of the copy's."""
    from gpunet.backend import probe_cuda

    if not probe_cuda().usable:
        raise Unavailable(f"no GPU: {probe_cuda().reason}")
    import cupy

    rows: list[dict[str, Any]] = []
    for name, (size, work) in _works(n).items():
        work()
        times = []
        for _ in range(repeats):
            start, end = cupy.cuda.Event(), cupy.cuda.Event()
            start.record()
            work()
            end.record()
            end.synchronize()
            times.append(cupy.cuda.get_elapsed_time(start, end) / 1e3)
        rate = size / sorted(times)[len(times) // 2] / 1e9
        share = rate / rows[0]["GB/s"] if rows else 1.0
        rows.append({"kernel": name, "GB/s": round(rate, 1), "share of the copy": round(share, 3)})
    return rows
