"""The size from which each Numba kernel is faster than its reference form.

The arguments are those of the kernels' tests (``tests/kernel_cases``), at sizes of our own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from kernel_cases import (
    activation,
    dropout,
    embedding,
    norm,
    optimizer,
    pointwise_loss,
    random,
    softmax,
)

from gpunet.kernels import cpu, reference

__all__ = ["SIZES", "arguments", "crossover", "seconds"]

SIZES = [4**k for k in range(3, 9)]

#: Columns of a matrix, where the kernel works on one.
COLUMNS = 16

_Make = Callable[..., Any]
_FLAT: dict[str, _Make] = {
    "activation_forward": lambda n, *r: activation.alone_forward(n, 6, *r),
    "activation_backward": lambda n, *r: activation.alone_backward(n, 6, *r),
    "dropout": lambda n, *r: dropout.dropout(n, 0.5, *r),
    "sgd_step": lambda n, *r: optimizer.sgd(n, 0, 0, *r),
    "sgd_momentum_step": lambda n, *r: optimizer.sgd_momentum(n, 3, 0, 0, 0, *r),
    "adam_step": lambda n, *r: optimizer.adam(n, 3, 0, 0, False, *r),
    "amsgrad_step": lambda n, *r: optimizer.adam(n, 3, 0, 0, True, *r),
    "sum_of_squares": optimizer.squares,
    "clip_scale": lambda n, *r: optimizer.clip(n, 7.0, *r),
    "pointwise_loss_forward": lambda n, *r: pointwise_loss.no_nan(n, 0, *r),
    "pointwise_loss_backward": lambda n, *r: pointwise_loss.backward(n, 0, 0, *r),
    "philox_bits": random.bits,
    "philox_uniform": lambda n, *r: random.real(n, 0.0, 1.0, *r),
    "philox_normal": lambda n, *r: random.real(n, 0.0, 1.0, *r),
    "philox_integers": lambda n, *r: random.integers(n, 0, 10, *r),
    "embedding_forward": lambda n, *r: embedding.forward(n, 100, COLUMNS, *r),
    "embedding_backward": lambda n, *r: embedding.backward(n // COLUMNS, 100, COLUMNS, *r),
}
_AFFINE = (True, True)
_MATRIX: dict[str, _Make] = {
    "bias_act_forward": lambda s, *r: activation.forward(s, 1, *r),
    "bias_act_backward": lambda s, *r: activation.backward(s, 1, *r),
    "layer_forward": lambda s, *r: activation.layer(s, 1, *r),
    "softmax_forward": softmax.softmax_forward,
    "softmax_backward": lambda s, *r: softmax.softmax_backward(s, False, *r),
    "log_softmax_forward": softmax.softmax_forward,
    "log_softmax_backward": lambda s, *r: softmax.softmax_backward(s, True, *r),
    "cross_entropy_forward": lambda s, *r: softmax.cross_entropy_forward(s, False, None, 0.0, *r),
    "cross_entropy_backward": lambda s, *r: softmax.cross_entropy_backward(
        s, False, None, 0.0, True, False, *r
    ),
    "nll_forward": lambda s, *r: softmax.nll_forward(s, False, None, *r),
    "layer_norm_forward": lambda s, *r: norm.layer_forward(s, _AFFINE, *r),
    "layer_norm_backward": lambda s, *r: norm.layer_backward(s, _AFFINE, *r),
    "rms_norm_forward": lambda s, *r: norm.rms_forward(s, True, *r),
    "rms_norm_backward": lambda s, *r: norm.rms_backward(s, True, *r),
    "batch_norm_forward": lambda s, *r: norm.batch_forward(s, _AFFINE, True, 0.1, *r),
    "batch_norm_infer": lambda s, *r: norm.batch_infer(s, _AFFINE, *r),
    "batch_norm_backward": lambda s, *r: norm.batch_backward(s, True, True, *r),
}


def arguments(name: str, n: int) -> tuple[Any, ...]:
    """Arguments of the kernel `name`, the first of `n` elements, float32."""
    rest = (np.random.default_rng(0), np.dtype(np.float32))
    if name in _FLAT:
        return tuple(_FLAT[name](n, *rest).args)
    if name == "nll_backward":  # its first argument is the labels
        return tuple(softmax.nll_backward((n, COLUMNS), False, None, True, False, *rest).args)
    return tuple(_MATRIX[name]((n // COLUMNS, COLUMNS), *rest).args)


def seconds(form: Callable[..., Any], args: tuple[Any, ...], budget: float = 0.004) -> float:
    """Seconds of one call: the smallest of a few, as every disturbance only adds."""
    form(*args)
    call = partial(form, *args)
    best, deadline = float("inf"), time.perf_counter() + budget
    while True:
        begin = time.perf_counter()
        call()
        now = time.perf_counter()
        best = min(best, now - begin)
        if now > deadline:
            return best


def crossover(name: str) -> dict[str, Any]:
    """Times of both forms at each of `SIZES`, and the size from which Numba's is always faster."""
    numba_form, rows = cpu.load(name), []
    with np.errstate(all="ignore"):
        for n in SIZES:
            args = arguments(name, n)
            rows.append((n, seconds(reference.KERNELS[name], args), seconds(numba_form, args)))
    slower = [n for n, ours, theirs in rows if theirs >= ours]
    faster = [n for n in SIZES if n > max(slower, default=0)]
    return {
        "kernel": name,
        "from": faster[0] if faster else None,
        "listed": cpu.SMALLEST_WORK[name],
        "times": [{"n": n, "reference": a, "numba": b} for n, a, b in rows],
    }
