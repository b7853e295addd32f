"""Launches of im2col.cu."""

from __future__ import annotations

from typing import Any

from .launch import Source, blocks_for

__all__ = ["col2im", "im2col"]

SOURCE = Source("im2col.cu")

Three = tuple[int, int, int]


def im2col(
    X: Any,
    columns: Any,
    start: int,
    kernel: Three,
    out: Three,
    stride: Three,
    padding: Three,
    dilation: Three,
) -> None:
    im2col_of_group(X, columns, 0, X.shape[4], start, kernel, out, stride, padding, dilation)


def col2im(
    columns: Any,
    X: Any,
    start: int,
    kernel: Three,
    out: Three,
    stride: Three,
    padding: Three,
    dilation: Three,
) -> None:
    col2im_of_group(columns, X, 0, X.shape[4], start, kernel, out, stride, padding, dilation)


def im2col_of_group(
    X: Any, columns: Any, first: int, channels: int, start: int, kernel: Three, *geometry: Three
) -> None:
    """`im2col` of the channels ``first`` to ``first + channels - 1`` of X alone."""
    rows, width = columns.shape
    if rows and width:
        grid, block = grid_of_rows(rows, width)
        SOURCE(
            "im2col", X.dtype, grid, block,
            X, rows, start, *X.shape[1:], first, channels, *kernel, *_flat(geometry), columns,
        )  # fmt: skip


def col2im_of_group(
    columns: Any, X: Any, first: int, channels: int, start: int, kernel: Three, *geometry: Three
) -> None:
    """`col2im` into the channels ``first`` to ``first + channels - 1`` of X alone."""
    rows = columns.shape[0]
    if not (rows and channels):
        return
    # The pixels of the images that these rows belong to.
    OD, OH, OW = geometry[0]
    per_image, pixels = OD * OH * OW, X.shape[1] * X.shape[2] * X.shape[3]
    image, end = start // per_image, (start + rows - 1) // per_image + 1
    grid, block = grid_of_rows((end - image) * pixels, channels)
    SOURCE(
        "col2im", X.dtype, grid, block,
        columns, rows, start, image * pixels, (end - image) * pixels, *X.shape[1:], first,
        channels, *kernel, *_flat(geometry), X,
    )  # fmt: skip


def grid_of_rows(rows: int, width: int) -> tuple[int, tuple[int, int]]:
    """Grid and block of a kernel whose threads x share a row of `width` and whose y walk rows."""
    x = min(128, 1 << max(3, (width - 1).bit_length()))
    y = 256 // x
    return blocks_for(rows, y), (x, y)


def _flat(geometry: tuple[Three, ...]) -> list[int]:
    return [number for three in geometry for number in three]
