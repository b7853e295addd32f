"""How the filters of a convolution lie in an image: the checks, and the size of the output."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ...autograd import Variable, mixes
from ._windows import lengths_of

__all__ = ["check_tensors", "same_padding", "transposed_windows", "windows_of_filters"]

Lengths = tuple[int, ...]


def check_tensors(name: str, axes: int, input: Any, weight: Any, bias: Any) -> bool:
    """Check the arguments of a convolution; whether `input` has a batch axis.

    Raises
    ------
    TypeError, RuntimeError
        If they are no tensors of floating-point numbers of one dtype, or have too few axes.
    """
    for key, value in (("input", input), ("weight", weight), ("bias", bias)):
        if not isinstance(value, Variable) and (value is not None or key != "bias"):
            raise TypeError(
                f"{name}(): argument '{key}' must be a gpunet.Tensor, not {type(value).__name__}"
            )
    X, W = input.array, weight.array
    if X.ndim not in (axes + 1, axes + 2):
        raise RuntimeError(
            f"Expected {axes + 1}D (unbatched) or {axes + 2}D (batched) input to {name}, "
            f"but got input of size: {list(X.shape)}"
        )
    if W.ndim != axes + 2:
        raise RuntimeError(
            f"{name}: weight: expected {axes + 2} dimensions, got shape {list(W.shape)}"
        )
    arrays = [X, W] if bias is None else [X, W, bias.array]
    if mixes(*arrays):
        return X.ndim == axes + 2
    if X.dtype.char not in "fd":
        raise RuntimeError(f"{name}: input must have dtype float32 or float64, got {X.dtype}")
    if W.dtype != X.dtype or (bias is not None and bias.array.dtype != X.dtype):
        found = f"input has {X.dtype}, weight has {W.dtype}"
        found += "" if bias is None else f", bias has {bias.array.dtype}"
        raise RuntimeError(f"{name}: all arguments must have the same dtype, but {found}")
    return X.ndim == axes + 2


@lru_cache(maxsize=1024)
def windows_of_filters(
    name: str,
    shape: Lengths,
    weight: Lengths,
    bias: Lengths | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> tuple[Lengths, Lengths, Lengths, Lengths]:
    """The output's lengths, stride, padding before the first element and dilation, three each.

    Parameters
    ----------
    name : str
        Of the function, for messages.
    shape, weight, bias : tuple of int
        The shapes (N, C, *L), (O, C / G, *K) and (O,).
    stride, padding, dilation, groups
        As the function was given them.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        If an argument is no length, or they do not fit.
    """
    axes = len(shape) - 2
    step, spread = _steps(name, axes, stride, dilation, groups)
    kernel = weight[2:]
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise RuntimeError(
                f"{name}: Invalid padding string: {padding!r}, expected 'same' or 'valid'"
            )
        if padding == "same" and any(s != 1 for s in step):
            raise RuntimeError(f"{name}: padding='same' is not supported for strided convolutions")
        pairs = same_padding(kernel, spread) if padding == "same" else ((0, 0),) * axes
    else:
        pad = lengths_of(padding, axes, f"{name}: padding")
        if min(pad) < 0:
            raise RuntimeError(f"{name}: negative padding is not supported, got {pad}")
        pairs = tuple([(p, p) for p in pad])
    filters = weight[0]
    _check_weight(weight, groups)
    if filters % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {list(weight)} instead"
        )
    _check_channels(f"groups={groups}", weight, shape, weight[1] * groups)
    _check_bias(weight, bias, filters)
    out = []
    for n, k, s, (before, behind), d in zip(shape[2:], kernel, step, pairs, spread):
        room = n + before + behind - (d * (k - 1) + 1)
        if room < 0:
            full = [n + sum(pair) for n, pair in zip(shape[2:], pairs)]
            reach = [d * (k - 1) + 1 for k, d in zip(kernel, spread)]
            raise RuntimeError(
                f"Calculated padded input size per channel: ({_by(full)}). "
                f"Kernel size: ({_by(reach)}). Kernel size can't be greater than actual input size"
            )
        out.append(room // s + 1)
    more = 3 - axes
    return (
        (1,) * more + tuple(out),
        (1,) * more + step,
        (0,) * more + tuple([before for before, _ in pairs]),
        (1,) * more + spread,
    )


@lru_cache(maxsize=1024)
def transposed_windows(
    name: str,
    shape: Lengths,
    weight: Lengths,
    bias: Lengths | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> tuple[Lengths, Lengths, Lengths, Lengths]:
    """`windows_of_filters` for a transposed convolution, whose `weight` is (C, O / G, *K)."""
    axes = len(shape) - 2
    step, spread = _steps(name, axes, stride, dilation, groups)
    pad = lengths_of(padding, axes, f"{name}: padding")
    more_behind = lengths_of(output_padding, axes, f"{name}: output_padding")
    if min(pad) < 0:
        raise RuntimeError(f"{name}: negative padding is not supported, got {pad}")
    if min(more_behind) < 0:
        raise RuntimeError(f"{name}: negative output_padding is not supported, got {more_behind}")
    if any(a >= s and a >= d for a, s, d in zip(more_behind, step, spread)):
        raise RuntimeError(
            f"{name}: output padding must be smaller than either stride or dilation, but got "
            f"output_padding: {more_behind}, stride: {step}, dilation: {spread}"
        )
    _check_weight(weight, groups)
    if weight[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {list(weight)} instead"
        )
    _check_channels("transposed=1", weight, shape, weight[0])
    _check_bias(weight, bias, weight[1] * groups)
    out = tuple(
        [
            (n - 1) * s - 2 * p + d * (k - 1) + a + 1
            for n, s, p, d, k, a in zip(shape[2:], step, pad, spread, weight[2:], more_behind)
        ]
    )
    if min(shape[2:]) <= 0 or min(out) <= 0:
        raise RuntimeError(
            f"Given input size per channel: ({_by(shape[2:])}). Calculated output size per "
            f"channel: ({_by(out)}). Output size is too small"
        )
    more = 3 - axes
    return (1,) * more + out, (1,) * more + step, (0,) * more + pad, (1,) * more + spread


def same_padding(kernel: Lengths, dilation: Lengths) -> tuple[tuple[int, int], ...]:
    """The widths before and behind with which the output is as long as the input."""
    totals = [d * (k - 1) for k, d in zip(kernel, dilation)]
    return tuple([(total // 2, total - total // 2) for total in totals])


def _steps(
    name: str, axes: int, stride: Any, dilation: Any, groups: Any
) -> tuple[Lengths, Lengths]:
    step = lengths_of(stride, axes, f"{name}: stride")
    spread = lengths_of(dilation, axes, f"{name}: dilation")
    if min(step) <= 0:
        raise RuntimeError(f"{name}: non-positive stride is not supported, got {step}")
    if min(spread) <= 0:
        raise RuntimeError(f"{name}: dilation should be greater than zero, got {spread}")
    if groups <= 0:
        raise RuntimeError(f"{name}: non-positive groups is not supported, got {groups}")
    return step, spread


def _check_weight(weight: Lengths, groups: int) -> None:
    if min(weight[2:]) <= 0:
        raise RuntimeError(
            f"non-positive kernel sizes are not supported, got weight of size {list(weight)}"
        )
    if weight[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, "
            f"but got weight of size {list(weight)} instead"
        )


def _check_channels(given: str, weight: Lengths, shape: Lengths, expected: int) -> None:
    if shape[1] != expected:
        raise RuntimeError(
            f"Given {given}, weight of size {list(weight)}, expected input{list(shape)} to have "
            f"{expected} channels, but got {shape[1]} channels instead"
        )


def _check_bias(weight: Lengths, bias: Lengths | None, filters: int) -> None:
    if bias is not None and bias != (filters,):
        raise RuntimeError(
            f"Given weight of size {list(weight)}, expected bias to be 1-dimensional with "
            f"{filters} elements, but got bias of size {list(bias)} instead"
        )


def _by(lengths: Any) -> str:
    return " x ".join(map(str, lengths))
