"""Convolution as matrix products: im2col.cu in tiles, `product.dot`, the epilogue of activation.cu.

The columns of a tile take `COLUMN_BYTES` at most, are made anew in the backward pass, and are
scratch memory of one call. Tiles come one after the other, so that every sum has a fixed order.
A product takes matrices as they lie in memory. Those of one group have rows further apart than they
are long: cuBLASLt takes them as they are, CuPy copies them first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .activation import bias_act_forward
from .im2col import col2im_of_group, grid_of_rows, im2col_of_group
from .launch import Source
from .product import dot, dot_bias_act

__all__ = ["conv_backward_input", "conv_backward_weight", "conv_forward"]

SOURCE = Source("convolution.cu", "activate.cuh")

#: Bytes of the columns of one tile at most: enough rows for a product at full speed, little beside
#: the activations of a network.
COLUMN_BYTES = 64 << 20

Three = tuple[int, int, int]


def conv_forward(
    X: Any,
    W: Any,
    scale: Any,
    bias: Any,
    Y: Any,
    stride: Three,
    padding: Three,
    dilation: Three,
    groups: int,
    act: int,
) -> None:
    import cupy

    if not Y.size:
        return
    W = cupy.ascontiguousarray(W if scale is None else W * scale.reshape(-1, 1, 1, 1, 1))
    F, width = W.shape[0] // groups, W.size // W.shape[0]
    pixels = Y.reshape(Y.size // W.shape[0], W.shape[0])
    weights = W.reshape(groups, F, width)
    geometry = (W.shape[1:4], Y.shape[1:4], stride, padding, dilation)
    if groups > 1:
        channels = W.shape[4]
        for start, end, columns in _tiles(pixels.shape[0], width, W.dtype):
            products = cupy.empty((end - start, F), W.dtype)
            grid, block = grid_of_rows(end - start, F)
            for g in range(groups):
                im2col_of_group(X, columns, g * channels, channels, start, *geometry)
                dot(columns, weights[g].T, products)
                SOURCE(
                    "place_group", W.dtype, grid, block,
                    products, W if bias is None else bias, bias is not None, act, end - start, F,
                    start, W.shape[0], g * F, Y,
                )  # fmt: skip
        return
    if _is_product(X, Y, *geometry):
        _product(X.reshape(pixels.shape[0], width), weights[0].T, bias, act, pixels)
        return
    for start, end, columns in _tiles(pixels.shape[0], width, W.dtype):
        im2col_of_group(X, columns, 0, X.shape[4], start, *geometry)
        _product(columns, weights[0].T, bias, act, pixels[start:end])


def conv_backward_input(
    dY: Any, W: Any, dX: Any, stride: Three, padding: Three, dilation: Three, groups: int
) -> None:
    import cupy

    W = cupy.ascontiguousarray(W)
    F, width, channels = W.shape[0] // groups, W.size // W.shape[0], W.shape[4]
    weights = W.reshape(groups, F, width)
    geometry = (W.shape[1:4], dY.shape[1:4], stride, padding, dilation)
    if dX.size and groups == 1 and _is_product(dX, dY, *geometry):
        rows = dX.size // channels
        dot(dY.reshape(rows, F), weights[0], dX.reshape(rows, channels))
        return
    dX.fill(0)
    if not (dX.size and dY.size):
        return
    pixels = dY.reshape(dY.size // W.shape[0], W.shape[0])
    # Whole images, where one fits, so that no element of dX is visited twice.
    per_image = pixels.shape[0] // dY.shape[0]
    for start, end, columns in _tiles(pixels.shape[0], width, W.dtype, per_image):
        for g in range(groups):
            dot(pixels[start:end, g * F : (g + 1) * F], weights[g], columns)
            col2im_of_group(columns, dX, g * channels, channels, start, *geometry)


def conv_backward_weight(
    X: Any, dY: Any, dW: Any, stride: Three, padding: Three, dilation: Three, groups: int
) -> None:
    import cupy

    if not (dY.size and dW.size):
        dW.fill(0)
        return
    if not dW.flags.c_contiguous:
        whole = cupy.empty(dW.shape, dW.dtype)
        conv_backward_weight(X, dY, whole, stride, padding, dilation, groups)
        dW[...] = whole
        return
    F, width, channels = dW.shape[0] // groups, dW.size // dW.shape[0], dW.shape[4]
    totals = dW.reshape(groups, F, width)
    pixels = dY.reshape(dY.size // dW.shape[0], dW.shape[0])
    geometry = (dW.shape[1:4], dY.shape[1:4], stride, padding, dilation)
    if groups == 1 and _is_product(X, dY, *geometry):
        dot(pixels.T, X.reshape(pixels.shape[0], width), totals[0])
        return
    for start, end, columns in _tiles(pixels.shape[0], width, dW.dtype):
        for g in range(groups):
            im2col_of_group(X, columns, g * channels, channels, start, *geometry)
            gradients = pixels[start:end, g * F : (g + 1) * F].T
            total = totals[g]
            if start:
                total += dot(gradients, columns)
            else:
                dot(gradients, columns, total)


def _product(A: Any, B: Any, bias: Any, act: int, out: Any) -> None:
    """``out = act(A B + bias)``, in one pass over `out` where the product can."""
    import cupy

    if bias is not None and dot_bias_act(A, B, bias, act, out):
        return
    dot(A, B, out)
    if bias is not None or act:
        bias = cupy.zeros(out.shape[1], out.dtype) if bias is None else bias
        bias_act_forward(out, bias, act, out)


def _is_product(
    X: Any, Y: Any, kernel: Three, out: Three, stride: Three, padding: Three, dilation: Three
) -> bool:
    """Whether each window is one pixel, and each pixel one window."""
    return (
        kernel == (1, 1, 1)
        and stride == (1, 1, 1)
        and padding == (0, 0, 0)
        and X.shape[1:4] == Y.shape[1:4]
    )


def _tiles(rows: int, width: int, dtype: Any, unit: int = 1) -> Iterator[tuple[int, int, Any]]:
    """The tiles of the rows of a matrix of columns: first row, end, and memory for them.

    They begin at multiples of `unit` where that many rows do not take too much memory.
    """
    import cupy

    size = max(1, COLUMN_BYTES // (width * dtype.itemsize))
    if size >= unit:
        size -= size % unit
    size = min(size, rows)
    columns = cupy.empty((size, width), dtype)
    for start in range(0, rows, size):
        end = min(start + size, rows)
        yield start, end, columns[: end - start]
