"""The windows of images as columns, and columns back into images."""

from __future__ import annotations

from typing import Any

from ...autograd import Operation, Variable, mixes
from ...functions.shape import squeeze, unsqueeze
from ...ops.unfold import fold_backward, fold_forward, unfold_backward, unfold_forward
from ._windows import lengths_of

__all__ = ["fold", "unfold"]

_unfold = Operation(unfold_forward, unfold_backward)
_fold = Operation(fold_forward, fold_backward)


def unfold(
    input: Variable, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Each window of an image as a column.

    ``Y[n, (c, kh, kw), (oh, ow)] = X[n, c, oh sh - ph + kh dh, ow sw - pw + kw dw]``, and 0 outside
    the image: a convolution is the product of its weights, as a matrix, with this one.

    Parameters
    ----------
    input : Tensor of shape (N, C, H, W) or (C, H, W)
    kernel_size : int or tuple of 2 ints
        KH and KW.
    dilation, padding, stride : int or tuple of 2 ints
        Default: 1, 0 and 1.

    Returns
    -------
    Tensor of shape (N, C KH KW, L) or (C KH KW, L)
        L windows, line by line.

    Raises
    ------
    TypeError
        If an argument is no tensor or no whole number.
    RuntimeError
        If `input` has another shape or dtype, or no window fits.
    """
    X = _floating("unfold", input)
    if X.ndim not in (3, 4) or 0 in X.shape[-3:]:
        raise RuntimeError(
            "unfold: Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other "
            f"non-zero dimensions for input, but got: {list(X.shape)}"
        )
    options = _windows("unfold", X.shape[-2:], kernel_size, dilation, padding, stride)
    if X.ndim == 4:
        return _unfold(input, **options)
    return squeeze(_unfold(unsqueeze(input, 0), **options), 0)


def fold(
    input: Variable,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Any:
    """The sum of the columns at the places where `unfold` would take them from.

    It is the gradient of `unfold`, not its inverse: a pixel in k windows comes back k times.

    Parameters
    ----------
    input : Tensor of shape (N, C KH KW, L) or (C KH KW, L)
    output_size : int or tuple of 2 ints
        H and W.
    kernel_size, dilation, padding, stride
        As in `unfold`.

    Returns
    -------
    Tensor of shape (N, C, H, W) or (C, H, W)

    Raises
    ------
    TypeError
        If an argument is no tensor or no whole number.
    RuntimeError
        If `input` has another dtype, or a shape that does not fit the windows of such an image.
    """
    X = _floating("fold", input)
    if X.ndim not in (2, 3) or 0 in X.shape[-2:]:
        raise RuntimeError(
            "fold: Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(X.shape)}"
        )
    size = lengths_of(output_size, 2, "fold: output_size")
    options = _windows("fold", size, kernel_size, dilation, padding, stride)
    KH, KW = options["kernel"]
    OH, OW = options["out"]
    if X.shape[-2] % (KH * KW):
        raise RuntimeError(
            f"fold: Expected size of input's dimension {X.ndim - 2} to be divisible by the product "
            f"of kernel_size, but got input.size({X.ndim - 2})={X.shape[-2]} and "
            f"kernel_size={(KH, KW)}"
        )
    if X.shape[-1] != OH * OW:
        raise RuntimeError(
            f"fold: Given output_size={size} and the other arguments, expected size of input's "
            f"dimension {X.ndim - 1} to match the calculated number of sliding blocks "
            f"{OH} * {OW} = {OH * OW}, but got input.size({X.ndim - 1})={X.shape[-1]}"
        )
    if X.ndim == 3:
        return _fold(input, size=size, **options)
    return squeeze(_fold(unsqueeze(input, 0), size=size, **options), 0)


def _floating(name: str, input: Any) -> Any:
    """The array of a tensor of floating-point numbers."""
    if not isinstance(input, Variable):
        raise TypeError(f"{name}: input must be a Tensor, not {type(input).__name__}")
    if input.array.dtype.char not in "fd" and not mixes(input.array):
        raise RuntimeError(
            f"{name}: input must have dtype float32 or float64, got {input.array.dtype}"
        )
    return input.array


def _windows(
    name: str, size: tuple[int, ...], kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> dict[str, tuple[int, ...]]:
    """The options of the operations, checked."""
    options = {
        "kernel": lengths_of(kernel_size, 2, f"{name}: kernel_size"),
        "dilation": lengths_of(dilation, 2, f"{name}: dilation"),
        "stride": lengths_of(stride, 2, f"{name}: stride"),
    }
    for key, lengths in options.items():
        if min(lengths) <= 0:
            raise RuntimeError(f"{name}: {key} should be greater than zero, but got {lengths}")
    pad = options["padding"] = lengths_of(padding, 2, f"{name}: padding")
    if min(pad) < 0:
        raise RuntimeError(f"{name}: padding should be non-negative, but got {pad}")
    out = options["out"] = tuple(
        [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(
                size, pad, options["dilation"], options["kernel"], options["stride"]
            )
        ]
    )
    if min(out) <= 0:
        raise RuntimeError(
            f"{name}: Given spatial size {tuple(size)}, kernel_size={options['kernel']}, "
            f"dilation={options['dilation']}, padding={pad}, stride={options['stride']}, "
            f"calculated shape of the array of sliding blocks as {out}, but its components must be "
            "at least one."
        )
    return options
