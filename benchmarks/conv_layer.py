"""A convolution by itself, against the machine's rate of matrix products; and memory."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .case import Case, Report, Side, Work, both_devices
from .convolution import RTOL, arrays, training
from .libraries import finished, imported

__all__ = ["LAYER", "MEMORY", "RATE", "layer", "memory", "rate"]

_HERE = ".conv_layer"


def _sides(function: str) -> list[Side]:
    """gpunet, PyTorch, and PyTorch with channels-last memory, each on both devices."""
    here = f"{_HERE}:{function}"
    last = {"library": "torch", "channels_last": True}
    return [
        *both_devices(Side("gpunet", "gpunet", here, {"library": "gpunet"})),
        *both_devices(Side("PyTorch", "torch", here, {"library": "torch"})),
        *both_devices(Side("PyTorch channels_last", "torch-channels-last", here, last)),
    ]


LAYER = Case(
    name="conv-layer",
    title="A convolution of 3x3, 64 channels to 64, on 64 images of 32x32",
    sides=_sides("layer"),
    grid=[{"passes": "forward"}, {"passes": "forward and backward"}],
    unit="ms",
    steps=1,
    tiny={"batch": 2, "channels": 8, "size": 6},
)

RATE = Report(
    "conv-rate",
    "The same layer in GFLOP/s, and as a share of this machine's rate of matrix products",
    f"{_HERE}:rate",
    tiny={"batch": 2, "channels": 8, "size": 6, "n": 64},
)

MEMORY = Case(
    name="cnn-memory",
    title="Peak memory of a process that takes training steps of the VGG-like network, batch 64",
    sides=[side for side in _sides("memory") if side.device == "cpu"],
    baseline="gpunet",  # the time of the steps is not what is compared here
    grid=[{"batch": 64}],
    unit="s",
    once=True,
    rounds=3,
    rtol=RTOL,
    tiny={"batch": 2, "tiny": True},
)


def layer(
    library: str, device: str, passes: str, channels_last: bool = False, batch: int = 64,
    channels: int = 64, size: int = 32,
) -> Work:  # fmt: skip
    """One convolution; backward with respect to images, weights and bias."""
    torch = imported(library)
    rng = np.random.default_rng(0)
    shape = (batch, channels, size, size)
    W = rng.standard_normal((channels, channels, 3, 3)).astype(np.float32) / (3 * channels**0.5)
    drawn = [rng.standard_normal(shape).astype(np.float32) for _ in range(2)]
    x, upstream = arrays(torch, device, channels_last, *drawn)
    conv = torch.nn.Conv2d(channels, channels, 3, padding=1).to(device)
    with torch.no_grad():
        conv.weight.copy_(torch.from_numpy(W).to(device))
        conv.bias.fill_(0.1)
    if channels_last:
        conv = conv.to(memory_format=torch.channels_last)
    backward = passes != "forward"
    x.requires_grad_(backward)

    def step() -> Any:
        if not backward:
            with torch.no_grad():
                return conv(x)
        x.grad = conv.weight.grad = conv.bias.grad = None
        y = conv(x)
        y.backward(upstream)
        return y

    def check() -> list[float]:
        found = [step(), *([x.grad, conv.weight.grad, conv.bias.grad] if backward else [])]
        return [float(abs(tensor.detach()).sum()) for tensor in found]

    return Work(finished(torch, step, device), check)


def memory(library: str, device: str, **options: Any) -> Work:
    """Five training steps, and the most memory that the process had by then."""
    work = training(library, device, "eager", "vgg", **options)
    before = _resident()

    def step() -> dict[str, Any]:
        for _ in range(5):
            work.step()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak *= 1 if sys.platform == "darwin" else 1024
        found = {"peak, MiB": peak / 2**20}
        if before:
            found["above what it began with, MiB"] = (peak - before) / 2**20
        return found

    return Work(step, work.check)


def _resident() -> int:
    """Bytes of memory that this process has now; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def rate(
    batch: int = 64, channels: int = 64, size: int = 32, n: int = 2048
) -> list[dict[str, Any]]:
    """Rows of GFLOP/s: a matrix product by NumPy, and gpunet's passes."""
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, n, n)).astype(np.float32)
    C = np.empty_like(A)
    product = 2.0 * n**3 / _best(lambda: np.matmul(A, B, out=C))
    work = 2.0 * batch * size**2 * channels**2 * 9
    options: dict[str, Any] = {"batch": batch, "channels": channels, "size": size}
    seconds = {
        passes: _best(layer("gpunet", "cpu", passes, **options).step)
        for passes in ("forward", "forward and backward")
    }
    seconds["backward"] = seconds["forward and backward"] - seconds["forward"]
    rows = [(f"matrix product {n} x {n} x {n}", product)]
    for passes, times in (("forward", 1), ("backward", 2), ("forward and backward", 3)):
        rows.append((f"convolution, {passes}", times * work / seconds[passes]))
    return [
        {
            "what": what,
            "GFLOP/s": f"{found / 1e9:.0f}",
            "share of the product's": f"{found / product:.0%}",
        }
        for what, found in rows
    ]


def _best(step: Callable[[], Any], calls: int = 20) -> float:
    """The shortest of so many calls, in seconds: what disturbs only adds."""
    times = []
    for _ in range(calls):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return min(times)
