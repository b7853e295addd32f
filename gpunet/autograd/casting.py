"""What `autocast` does to an operation: what it computes in, and the dtype of its result.

Kernels and formulas work in float32. So an operation that meets float16 arrays runs on float32
copies of them, and its result is rounded to float16 once, at the end: sums are sums of float32::

    policy    operations                    arrays it works on        result
    LOWER     matrix products and all       rounded to float16        float16
              that is made of them
    SINGLE    exp, log, softmax, norms,     float32                   float32
              reductions, losses
    AS_INPUT  batch and instance norm       float32                   the input's dtype
    MOVING    reshape, cat, cast, ...       as they are               as they are
    all others                              float32 where any is      the widest of the inputs'
                                            float16

The lists are PyTorch's for CUDA, on both devices, with the mean and the other reductions in
float32 too. float64 is left alone, as there.

The cast belongs to the operation on the tape: the gradient of a float32 parameter comes out of
the backward function as float32, without having been float16 in between.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..backend import Array, backend_of
from .changes import CHANGES, next_number
from .mode import MODE
from .tape import Operation, Variable

__all__ = ["cast_call"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOWER = _names("""
    linear matmul addmm einsum conv conv_transpose rnn lstm gru
    scaled_dot_product_attention multi_head_attention
""")
SINGLE = _names("""
    arccos arcsin cosh exp expm1 log log10 log1p log2 pow reciprocal rsqrt sinh square tan
    softplus softmax log_softmax masked_softmax gaussian
    logsumexp sum mean prod var std norm cumsum cumprod layer_norm rms_norm group_norm
    cross_entropy nll_loss ctc_loss kl_div l1_loss mse_loss huber_loss smooth_l1_loss
    poisson_nll_loss gaussian_nll_loss hinge_embedding_loss soft_margin_loss
    binary_cross_entropy binary_cross_entropy_with_logits
""")
AS_INPUT = _names("batch_norm instance_norm")
MOVING = _names("""
    cast clone contiguous transfer reshape permute flip roll cat stack split unbind
""")

_HALF, _SINGLE = np.dtype("float16"), np.dtype("float32")

_UNSAFE = """\
gpunet.nn.functional.binary_cross_entropy and gpunet.nn.BCELoss are unsafe to autocast.
Many models use a sigmoid layer right before the binary cross entropy layer.
In this case, combine the two layers using gpunet.nn.functional.binary_cross_entropy_with_logits
or gpunet.nn.BCEWithLogitsLoss.  binary_cross_entropy_with_logits and BCEWithLogits are
safe to autocast."""

_plain_call = Operation.__call__


def cast_call(operation: Operation, *inputs: Any, **options: Any) -> Any:
    """``operation(*inputs, **options)`` while some thread is in an `autocast` block."""
    block = MODE.autocast
    name = operation.name
    if block is None or name in MOVING or name == "backward hook":
        return _plain_call(operation, *inputs, **options)
    kinds: dict[str, None] = {}
    device = None
    for x in inputs:
        if isinstance(x, Variable):
            device = device or backend_of(x.array).name
            if x.array.dtype.kind == "f":
                kinds[x.array.dtype.char] = None
    if not kinds or "d" in kinds or not block.enabled[device]:
        return _plain_call(operation, *inputs, **options)
    if name == "binary_cross_entropy" and device == "cuda":
        raise RuntimeError(_UNSAFE)
    if name in LOWER:
        leaves = [isinstance(x, Variable) and x.requires_grad and x.node is None for x in inputs]
        return _plain_call(_form(operation, True, True), *inputs, leaves=leaves, **options)
    if "e" not in kinds:
        return _plain_call(operation, *inputs, **options)
    half = "f" not in kinds and name not in SINGLE
    if name in AS_INPUT:
        half = next(iter(kinds)) == "e"  # the first tensor is the input
    return _plain_call(_form(operation, False, half), *inputs, **options)


@lru_cache(maxsize=1024)
def _form(operation: Operation, lower: bool, half: bool) -> Operation:
    """`operation` on float16 and float32 arrays; `lower`: all rounded, `half`: so is the result."""

    def forward(be: Any, *arrays: Any, leaves: Any = None, **options: Any) -> Any:
        kinds = []
        taken = []
        narrow = {}
        with np.errstate(over="ignore"):  # too large for float16: infinity, as on a GPU
            for i, x in enumerate(arrays):
                kind = x.dtype.char if type(x) is be.array_type else ""
                kinds.append(kind)
                if kind == "e":
                    original, x = x, x.astype(_SINGLE)
                    narrow[id(x)] = original
                elif lower and kind == "f":
                    x = _rounded_leaf(x) if leaves[i] else _rounded(x)
                taken.append(x)
            output, saved = operation.forward(be.half if lower else be, *taken, **options)
            if half:
                several = operation.outputs > 1
                output = tuple(map(_to_half, output)) if several else _to_half(output)
        # What was float16 is kept as float16, which takes half of the memory.
        return output, (tuple([narrow.get(id(s), s) for s in saved]), kinds, _places(saved, narrow))

    def backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any = None) -> Any:
        inner, kinds, places = saved
        inner = tuple([s.astype(_SINGLE) if i in places else s for i, s in enumerate(inner)])
        dY = [_to_single(d) for d in dY] if operation.outputs > 1 else _to_single(dY)
        more = []
        if out is not None:
            more.append([None if kind == "e" else o for kind, o in zip(kinds, out)])
        gradients = operation.backward(be.half if lower else be, dY, inner, needs, *more)
        return tuple([_to_half(g) if kind == "e" else g for kind, g in zip(kinds, gradients)])

    return Operation(
        forward,
        backward,
        outputs=operation.outputs,
        into=operation.into,
        name=f"{operation.name} under autocast",
    )


def _places(saved: Any, narrow: dict[int, Array]) -> set[int]:
    return {i for i, s in enumerate(saved) if id(s) in narrow}


def _to_half(x: Any) -> Any:
    """A float32 array as float16; anything else (indices, None) itself."""
    return x.astype(_HALF) if x is not None and x.dtype.char == "f" else x


def _to_single(x: Any) -> Any:
    return x.astype(_SINGLE) if x is not None and x.dtype.char == "e" else x


def _rounded(X: Array) -> Array:
    """The float32 array `X` with its values rounded to float16."""
    return X.astype(_HALF).astype(_SINGLE)


def _rounded_leaf(X: Array) -> Array:
    """`_rounded`, computed once in a block: a weight may be used many times."""
    weights = MODE.autocast.weights
    if weights is None:
        return _rounded(X)
    found = weights.get(id(X))
    if found is not None:
        _, rounded, number = found
        if CHANGES.last < number or not CHANGES.since(number, X):
            return rounded
    rounded = _rounded(X)
    weights[id(X)] = X, rounded, next_number()  # X itself, so that its id stays its own
    return rounded
