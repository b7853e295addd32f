"""What an operation computes in, and the dtype of its result, where it meets 16-bit numbers.

Kernels and formulas work in float32. So an operation that meets float16 or bfloat16 arrays runs on
float32 copies of them, and its result is rounded once, at the end: sums are sums of float32. In an
`autocast` block::

    policy    operations                    arrays it works on        result
    LOWER     matrix products and all       rounded to the block's    the block's dtype
              that is made of them          dtype
    SINGLE    exp, log, softmax, norms,     float32                   float32
              reductions, losses
    AS_INPUT  batch and instance norm       float32                   the input's dtype
    MOVING    reshape, cat, cast, ...       as they are               as they are
    VIEWS     x[i], expand, ...             as they are; gradients    as they are
                                            are summed in float32
    all others                              float32 where any has     the widest of the inputs'
                                            16 bits

The lists are PyTorch's for CUDA, on both devices, with the mean and the other reductions in
float32 too. float64 is left alone, as there.

Outside of blocks the same is done with bfloat16, of which NumPy knows little, but for LOWER and
SINGLE: the result has the dtype of the inputs. float16 is left to NumPy and CuPy there.

The cast belongs to the operation on the tape: the gradient of a float32 parameter comes out of
the backward function as float32, without having had 16 bits in between.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import numpy as np

from ..backend import Array, backend_of
from .changes import CHANGES, next_number
from .mode import MODE
from .tape import Operation, Variable

__all__ = ["SWITCH", "begin_bfloat16", "cast_call"]


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
AS_INPUT = _names("batch_norm instance_norm overwrite")
MOVING = _names("""
    cast clone contiguous transfer reshape permute flip roll cat stack split unbind
""")
VIEWS = _names("getitem setitem expand diagonal")

_SINGLE = np.dtype("float32")
#: The dtypes of 16 bits by their ``dtype.char``; bfloat16, "E", from `begin_bfloat16` on.
_NARROW = {"e": np.dtype("float16")}

_UNSAFE = """\
gpunet.nn.functional.binary_cross_entropy and gpunet.nn.BCELoss are unsafe to autocast.
Many models use a sigmoid layer right before the binary cross entropy layer.
In this case, combine the two layers using gpunet.nn.functional.binary_cross_entropy_with_logits
or gpunet.nn.BCEWithLogitsLoss.  binary_cross_entropy_with_logits and BCEWithLogits are
safe to autocast."""

_plain_call = Operation.__call__


def cast_call(operation: Operation, *inputs: Any, **options: Any) -> Any:
    """``operation(*inputs, **options)`` while a thread is in a block, or there is bfloat16."""
    block = MODE.autocast
    if block is None:  # most operations of a program that has named bfloat16 end here
        for x in inputs:
            if isinstance(x, Variable) and x.array.dtype.char == "E":
                break
        else:
            return _plain_call(operation, *inputs, **options)
    name = operation.name
    if name in MOVING or name == "backward hook":
        return _plain_call(operation, *inputs, **options)
    kinds: dict[str, None] = {}
    first = None
    for x in inputs:
        if isinstance(x, Variable):
            if first is None:
                first = x.array
            kinds[x.array.dtype.char] = None
    floats = [kind for kind in kinds if kind in "fdeE"]
    low = ""
    if block is not None and floats:
        low = block.kinds[backend_of(first).name]
    if "d" in floats or not (low or "E" in floats):
        return _plain_call(operation, *inputs, **options)
    if name in VIEWS:
        narrow = "e" in floats or "E" in floats
        function = _viewing(operation) if narrow else operation
        return _plain_call(function, *inputs, **options)
    if low and name == "binary_cross_entropy" and backend_of(first).name == "cuda":
        raise RuntimeError(_UNSAFE)
    if low and name in LOWER:
        leaves = [isinstance(x, Variable) and x.requires_grad and x.node is None for x in inputs]
        return _plain_call(_form(operation, low, low), *inputs, leaves=leaves, **options)
    if floats == ["f"]:
        return _plain_call(operation, *inputs, **options)
    result = floats[0] if len(floats) == 1 else ""
    if low and name in SINGLE:
        result = ""
    if name in AS_INPUT and floats[0] in _NARROW:  # the first tensor is the input
        result = floats[0]
    return _plain_call(_form(operation, "", result), *inputs, **options)


@lru_cache(maxsize=1024)
def _form(operation: Operation, low: str, result: str) -> Operation:
    """`operation` on 16-bit and float32 arrays.

    Parameters
    ----------
    low : str
        What all arrays are rounded to, as the key of `_NARROW`; "" for none.
    result : str
        What the result is rounded to; "" if it stays float32.
    """
    # A product of 16-bit operands, whoever made them.
    product = low or (result if operation.name in LOWER else "")

    def forward(be: Any, *arrays: Any, leaves: Any = None, **options: Any) -> Any:
        kinds = []
        taken = []
        narrow = {}
        with np.errstate(over="ignore"):  # too large for float16: infinity, as on a GPU
            for i, x in enumerate(arrays):
                kind = x.dtype.char if type(x) is be.array_type else ""
                kinds.append(kind)
                if kind in _NARROW:
                    original, x = x, x.astype(_SINGLE)
                    if low and kind != low:
                        x = _rounded(x, low)
                    else:
                        narrow[id(x)] = original
                elif low and kind == "f":
                    x = _rounded_leaf(x, low) if leaves[i] else _rounded(x, low)
                taken.append(x)
            backend = be.narrow(_NARROW[product]) if product else be
            changed = _widen_options(be, options) if operation.name in AS_INPUT else ()
            output, saved = operation.forward(backend, *taken, **options)
            for key, x in changed:
                x[...] = options[key]
            if result:
                several = operation.outputs > 1
                dtype = _NARROW[result]
                output = tuple([_to(y, dtype) for y in output]) if several else _to(output, dtype)
        # What had 16 bits is kept with 16 bits, which takes half of the memory.
        return output, (tuple([narrow.get(id(s), s) for s in saved]), kinds, _places(saved, narrow))

    def backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any = None) -> Any:
        inner, kinds, places = saved
        inner = tuple([s.astype(_SINGLE) if i in places else s for i, s in enumerate(inner)])
        dY = [_to_single(d) for d in dY] if operation.outputs > 1 else _to_single(dY)
        more = []
        if out is not None:
            more.append([None if kind in _NARROW else o for kind, o in zip(kinds, out)])
        backend = be.narrow(_NARROW[product]) if product else be
        gradients = operation.backward(backend, dY, inner, needs, *more)
        return _narrowed(gradients, kinds)

    return Operation(
        forward,
        backward,
        outputs=operation.outputs,
        into=operation.into,
        name=f"{operation.name} under autocast" if low else operation.name,
    )


@lru_cache(maxsize=64)
def _viewing(operation: Operation) -> Operation:
    """`operation`, which computes nothing, on arrays as they are, with its backward in float32."""

    def forward(be: Any, *arrays: Any, **options: Any) -> Any:
        kinds = [x.dtype.char if type(x) is be.array_type else "" for x in arrays]
        output, saved = operation.forward(be, *arrays, **options)
        # Where the dtype of an input is kept, that of its gradient is meant.
        kept = [_SINGLE if isinstance(s, np.dtype) and s.char in _NARROW else s for s in saved]
        return output, (tuple(kept), kinds)

    def backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
        inner, kinds = saved
        return _narrowed(operation.backward(be, _to_single(dY), inner, needs), kinds)

    return Operation(forward, backward, outputs=operation.outputs, name=operation.name)


def _narrowed(gradients: Any, kinds: list[str]) -> tuple[Any, ...]:
    """Each gradient with the dtype of its input."""
    with np.errstate(over="ignore"):
        return tuple([_to(g, _NARROW[k]) if k in _NARROW else g for k, g in zip(kinds, gradients)])


def _widen_options(be: Any, options: dict[str, Any]) -> list[tuple[str, Array]]:
    """Replace 16-bit arrays among the options by float32 copies; what they were.

    Such are the running statistics of a batch norm, which it changes.
    """
    found = []
    for key, x in options.items():
        if type(x) is be.array_type and x.dtype.char in _NARROW:
            found.append((key, x))
            options[key] = x.astype(_SINGLE)
    return found


def _places(saved: Any, narrow: dict[int, Array]) -> set[int]:
    return {i for i, s in enumerate(saved) if id(s) in narrow}


def _to(x: Any, dtype: np.dtype) -> Any:
    """A float32 array as `dtype`; anything else (indices, None) itself."""
    return x.astype(dtype) if x is not None and x.dtype.char == "f" else x


def _to_single(x: Any) -> Any:
    return x.astype(_SINGLE) if x is not None and x.dtype.char in _NARROW else x


def _rounded(X: Array, kind: str) -> Array:
    """The float32 array `X` with its values rounded to 16 bits."""
    return X.astype(_NARROW[kind]).astype(_SINGLE)


def _rounded_leaf(X: Array, kind: str) -> Array:
    """`_rounded`, computed once in a block: a weight may be used many times."""
    weights = MODE.autocast.weights
    if weights is None:
        return _rounded(X, kind)
    key = id(X), kind
    found = weights.get(key)
    if found is not None:
        _, rounded, number = found
        if CHANGES.last < number or not CHANGES.since(number, X):
            return rounded
    rounded = _rounded(X, kind)
    weights[key] = X, rounded, next_number()  # X itself, so that its id stays its own
    return rounded


class _Switch:
    """Has operations cast as long as any thread is in a block.

    ``Operation.__call__`` is what is switched, so that otherwise it has nothing to ask.
    """

    def __init__(self) -> None:
        self.blocks = 0
        self.lock = threading.Lock()

    def on(self) -> None:
        with self.lock:
            self.blocks += 1
            if self.blocks == 1:
                Operation.__call__ = cast_call  # type: ignore[method-assign, assignment]

    def off(self) -> None:
        with self.lock:
            self.blocks -= 1
            if self.blocks == 0:
                Operation.__call__ = _plain_call  # type: ignore[method-assign]


SWITCH = _Switch()


def begin_bfloat16(dtype: np.dtype) -> None:
    """From now on operations know `dtype`, bfloat16; called once, when it is first named."""
    if "E" not in _NARROW:
        _NARROW["E"] = dtype
        SWITCH.on()
