"""Single kernels over their sizes: matrix product, elementwise functions, im2col."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from .case import Case, Side, Work, both_devices
from .libraries import finished, imported

__all__ = ["ELEMENTWISE", "GEMM", "IM2COL", "elementwise", "gemm", "im2col"]


def _sides(function: str) -> list[Side]:
    here = f".primitives:{function}"
    return [
        *both_devices(Side("gpunet", "gpunet", here, {"library": "gpunet"})),
        *both_devices(Side("PyTorch", "torch", here, {"library": "torch"})),
        *both_devices(Side("JAX", "jax", here, {"library": "jax"})),
    ]


#: Rows, or images, of the result that are compared.
_PARTS = 16
#: Channels and side of the images of im2col.
_CHANNELS, _SIDE = 64, 32

GEMM = Case(
    name="gemm",
    title="Matrix product of n x n matrices, float32",
    sides=_sides("gemm"),
    grid=[{"n": n} for n in (64, 256, 1024, 4096)],
    x="n",
    rate="GFLOP/s",
    amount=lambda options: 2e-9 * options["n"] ** 3,
    rounds=3,
    steps=1,
    tiny={"n": 7},
)

ELEMENTWISE = Case(
    name="elementwise",
    title="Elementwise functions of n float32 numbers; GB read and written per second",
    sides=_sides("elementwise"),
    grid=[
        {"function": function, "n": n}
        for function in ("add", "gelu")
        for n in (2**12, 2**16, 2**20, 2**24, 2**26)
    ],
    x="n",
    rate="GB/s",
    amount=lambda options: 4e-9 * options["n"] * {"add": 3, "gelu": 2}[options["function"]],
    rounds=3,
    steps=1,
    tiny={"n": 77},
)

IM2COL = Case(
    name="im2col",
    title=f"im2col: the 3x3 windows of images of {_CHANNELS} x {_SIDE} x {_SIDE} as columns; "
    "GB read and written per second",
    sides=_sides("im2col"),
    grid=[{"batch": batch} for batch in (1, 8, 64)],
    x="batch",
    unit="ms",
    rate="GB/s",
    amount=lambda options: 4e-9 * options["batch"] * _CHANNELS * _SIDE**2 * (1 + 9),
    rounds=3,
    steps=1,
    tiny={"batch": 2, "channels": 3, "side": 5},
)


def _work(library: str, device: str, function: Callable[..., Any], *arrays: np.ndarray) -> Work:
    """`function` of `arrays` on the device; its check are parts of the sum of absolute values."""
    if library == "jax":
        import jax

        from .jax_steps import place

        compiled, placed = jax.jit(function), place(device, *arrays)

        def step() -> Any:
            return compiled(*placed).block_until_ready()

        return Work(step, lambda: [float(abs(part).sum()) for part in step()[:_PARTS]])
    torch = imported(library)
    tensors = [torch.from_numpy(array).to(device) for array in arrays]

    def call() -> Any:
        with torch.no_grad():
            return function(*tensors)

    return Work(
        finished(torch, call, device), lambda: [float(abs(part).sum()) for part in call()[:_PARTS]]
    )


def _drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def gemm(library: str, device: str, n: int) -> Work:
    """``A B``; the matrices are positive, so that sums of rows say whether it is right."""
    module = importlib.import_module("jax.numpy" if library == "jax" else library)
    return _work(library, device, module.matmul, abs(_drawn(n, n)), abs(_drawn(n, n)))


def elementwise(library: str, device: str, function: str, n: int) -> Work:
    """A sum, or GELU with the error function."""
    functions: dict[str, Any]
    if library == "jax":
        import jax

        functions = {"add": jax.numpy.add, "gelu": lambda x: jax.nn.gelu(x, approximate=False)}
    else:
        torch = imported(library)
        functions = {"add": torch.add, "gelu": torch.nn.functional.gelu}
    arrays = [_drawn(1, n)] * (2 if function == "add" else 1)
    return _work(library, device, functions[function], *arrays)


def im2col(
    library: str, device: str, batch: int, channels: int = _CHANNELS, side: int = _SIDE
) -> Work:
    """Windows of 3x3 with a border of zeros, as columns (N, C 9, H W)."""
    images = _drawn(batch, channels, side, side)
    if library == "jax":
        import jax

        def windows(x: Any) -> Any:
            found = jax.lax.conv_general_dilated_patches(x, (3, 3), (1, 1), "SAME")
            return found.reshape(batch, channels * 9, -1)

        return _work(library, device, windows, images)
    functional = imported(library).nn.functional
    return _work(library, device, lambda x: functional.unfold(x, 3, padding=1), images)
