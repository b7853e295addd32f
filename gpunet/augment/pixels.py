"""Where the pixels of new images come from: one gather for a whole mini-batch.

::

    images (N, H, W, C)  =  N H W rows of C numbers
    new image n, pixel (i, j)  <-  row (n H + y[n, i]) W + x[n, j]
"""

from __future__ import annotations

from ..backend import Array, Backend

__all__ = ["gathered", "moved", "rows_at"]


def rows_at(be: Backend, X: Array, y: Array, x: Array) -> Array:
    """The numbers of the pixels at (y, x) among all pixels of `X`, of shape (N, H, W, C).

    `y` and `x` are whole numbers of shape (N, H', W'), or (N, H', 1) and (N, 1, W'), all inside.
    """
    N, H, W, _ = X.shape
    first = be.xp.arange(0, N * H, H, dtype="int64").reshape(N, 1, 1)
    return (first + y) * W + x


def gathered(be: Backend, X: Array, rows: Array) -> Array:
    """The pixels of `X` with the numbers `rows` (N, H', W'), as images (N, H', W', C)."""
    C = X.shape[3]
    Y = be.empty((*rows.shape, C), X.dtype)
    if Y.size:
        be.kernels.gather_rows(Y.reshape(-1, C), X.reshape(-1, C), be.contiguous(rows).reshape(-1))
    return Y


def moved(
    be: Backend, X: Array, y: Array, x: Array, fill: float = 0.0, mode: str = "constant"
) -> Array:
    """Images whose row i is row ``y[n, i]`` of `X`, and column j column ``x[n, j]``.

    Parameters
    ----------
    be : Backend
    X : array of shape (N, H, W, C)
    y : int64 array of shape (N, H')
    x : int64 array of shape (N, W')
    fill : float
        What lies outside `X`, in mode "constant".
    mode : {"constant", "edge", "reflect"}
        What lies outside: `fill`, the pixel at the edge, or the image mirrored at that pixel.

    Returns
    -------
    array of shape (N, H', W', C)
    """
    H, W = X.shape[1:3]
    if mode == "reflect":
        y, x = _mirrored(be, y, H), _mirrored(be, x, W)
    near_y, near_x = be.xp.clip(y, 0, H - 1), be.xp.clip(x, 0, W - 1)
    Y = gathered(be, X, rows_at(be, X, near_y[:, :, None], near_x[:, None, :]))
    if mode == "constant":
        inside = (near_y == y)[:, :, None] & (near_x == x)[:, None, :]
        Y = be.xp.where(inside[..., None], Y, Y.dtype.type(fill))
    return Y


def _mirrored(be: Backend, i: Array, n: int) -> Array:
    """``..., 2, 1, 0, 1, 2, ..., n - 1, n - 2, ...``"""
    period = max(2 * (n - 1), 1)
    i = i % period
    return be.xp.minimum(i, period - i) if n > 1 else be.xp.zeros_like(i)
