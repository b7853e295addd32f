"""Images in another size."""

from __future__ import annotations

from functools import lru_cache
from operator import index
from typing import Any

from ...autograd import Operation, Variable, mixes
from ...functions.conversion import clone
from ...ops import interpolate as _ops
from .adaptive_pool import adaptive_avg_pool1d, adaptive_avg_pool2d

__all__ = ["interpolate", "upsample"]

_interpolate = Operation(_ops.interpolate_forward, _ops.interpolate_backward)

#: The modes: numbers of axes (None for any), and the one-dimensional mode of each axis.
_MODES = {
    "nearest": (None, "nearest"),
    "nearest-exact": (None, "nearest-exact"),
    "linear": (1, "linear"),
    "bilinear": (2, "linear"),
    "trilinear": (3, "linear"),
    "bicubic": (2, "cubic"),
    "area": (None, "area"),
}


def interpolate(
    input: Variable,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Any:
    """The image in another size.

    Parameters
    ----------
    input : Tensor of shape (N, C, *L)
        With one to three lengths n.
    size : int or sequence of int, optional
        The lengths o of the output.
    scale_factor : float or sequence of float, optional
        In place of `size`: ``o = floor(n scale_factor)``.
    mode : str
        "nearest" (element ``floor(i n / o)``), "nearest-exact" (``floor((i + 1/2) n / o)``),
        "linear" (one length), "bilinear", "bicubic" (two), "trilinear" (three), "area" (the
        average of adaptive pooling, up to two lengths).
    align_corners : bool, optional
        For the linear and cubic modes: whether the centres of the first and last elements, and not
        the outer edges of the image, stay where they are. Default: False.
    recompute_scale_factor : bool, optional
        Whether positions follow from the lengths, n / o, and not from `scale_factor`.

    Raises
    ------
    ValueError, TypeError, RuntimeError, NotImplementedError
        If the arguments do not fit each other or the input.
    """
    X = input.array
    if X.dtype.char not in "fd" and not mixes(X):
        raise RuntimeError(f"interpolate: input must have dtype float32 or float64, got {X.dtype}")
    if mode not in _MODES:
        raise NotImplementedError(
            f"interpolate: mode: expected one of {', '.join(_MODES)}, got {mode!r}"
        )
    axes, kind = _MODES[mode]
    if not 3 <= X.ndim <= 5 or (axes is not None and X.ndim != axes + 2):
        wanted = "3D, 4D or 5D" if axes is None else f"{axes + 2}D"
        raise NotImplementedError(
            f"interpolate: Got {X.ndim}D input of shape {list(X.shape)}, but {mode} mode needs "
            f"{wanted} input"
        )
    if kind in ("linear", "cubic"):
        kind += "-corners" if align_corners else ""
    elif align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear"
        )
    lengths = X.shape[2:]
    if 0 in X.shape[1:]:
        raise RuntimeError(
            "interpolate: Non-empty data tensor expected, but got a tensor with sizes "
            f"{list(X.shape)}"
        )
    out, factors = _sizes(lengths, size, scale_factor, recompute_scale_factor)
    if kind == "area":
        if len(lengths) == 3:
            raise NotImplementedError("interpolate: area mode needs 3D or 4D input, got 5D")
        return (adaptive_avg_pool1d if len(lengths) == 1 else adaptive_avg_pool2d)(input, out)
    steps = _steps(lengths, out, factors, kind)
    return _interpolate(input, steps=steps) if steps else clone(input)


def _sizes(
    lengths: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """The lengths of the output, and the scale factors where positions follow from them."""
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    given = scale_factor if size is None else size
    values = tuple(given) if hasattr(given, "__iter__") else (given,) * len(lengths)
    if len(values) != len(lengths):
        name = "scale_factor" if size is None else "size"
        raise ValueError(
            f"interpolate: Input and {name} must have the same number of spatial dimensions, but "
            f"got input with spatial dimensions of {list(lengths)} and {name} of {list(values)}"
        )
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        try:
            out = tuple(map(index, values))
        except TypeError:
            raise TypeError(f"interpolate: size: expected whole numbers, got {size!r}") from None
        factors = None
    else:
        factors = tuple(map(float, values))
        out = tuple([int(n * factor) for n, factor in zip(lengths, factors)])
    if min(out) <= 0:
        raise RuntimeError(
            f"interpolate: Input and output sizes should be greater than 0, but got input "
            f"{list(lengths)} and output {list(out)}"
        )
    return out, None if recompute else factors


@lru_cache(maxsize=256)
def _steps(
    lengths: tuple[int, ...],
    out: tuple[int, ...],
    factors: tuple[float, ...] | None,
    kind: str,
) -> tuple[tuple[int, int, int, str, float], ...]:
    """What is done along each axis, those that shrink first: less is left for the others."""
    steps = []
    for i, (n, o) in enumerate(zip(lengths, out)):
        if kind.endswith("corners"):
            scale = (n - 1) / (o - 1) if o > 1 else 0.0
        else:
            scale = n / o if factors is None else 1 / factors[i]
        if n != o or (scale != 1 and kind in ("nearest-exact", "cubic")):  # as in PyTorch
            steps.append((4 - len(lengths) + i, n, o, kind, scale))
    return tuple(sorted(steps, key=lambda step: step[2] / step[1]))


def upsample(
    input: Variable,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Any:
    """`interpolate`, by its older name."""
    return interpolate(input, size, scale_factor, mode, align_corners)
