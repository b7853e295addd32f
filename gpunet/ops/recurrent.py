"""Recurrent layers over whole sequences, and backpropagation through time.

Each function is one layer in one direction. The inputs of all steps stand in rows (see
``kernels/reference/_steps.py``), so that what does not depend on the state is one matrix product
for all steps: the input's share of the gates before, the gradients of input and weights after.
Between them the kernels go from step to step, with one product with the recurrent weights and one
pass over the units for each.

Sources: Werbos, Backpropagation through time, Proceedings of the IEEE 78 (1990), and those of the
kernels.
"""

from __future__ import annotations

import math
from typing import Any

__all__ = [
    "gru_backward",
    "gru_forward",
    "lstm_backward",
    "lstm_forward",
    "recurrent_step",
    "rnn_backward",
    "rnn_forward",
]


def rnn_forward(
    be: Any, X: Any, h0: Any, W_ih: Any, W_hh: Any, b_ih: Any, b_hh: Any,
    sizes: Any, reverse: bool = False, layered: bool = False, relu: bool = False,
) -> Any:  # fmt: skip
    """``h_t = act(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)``.

    Parameters
    ----------
    X : array of shape (T, N, D), or (R, D) of packed sequences
    h0 : array of shape (N, H), or None for zeros
    W_ih, W_hh : array of shape (H, D) and (H, H)
    b_ih, b_hh : array of shape (H,), or None
    sizes : tuple of int
        For each step the number of sequences.
    reverse : bool
    layered : bool
        States have an axis of one layer in front: (1, N, H).
    relu : bool
        ReLU in place of tanh.

    Returns
    -------
    (Y, h) : arrays of shape (T, N, H) or (R, H), and (N, H)
    saved : tuple
    """
    rows, G = _inputs(be, X, W_ih)
    H = W_hh.shape[1]
    b_ih, b_hh = _biases(be, b_ih, b_hh, W_hh)
    h = _state(be, h0, (sizes[0], H), W_hh.dtype)
    Hprev = be.empty(G.shape, G.dtype)
    be.kernels.rnn_forward(
        G, be.contiguous(W_hh), b_ih, b_hh, relu, h, sizes, reverse, Hprev, G
    )  # fmt: skip
    saved = rows, X.shape, W_ih, W_hh, G, Hprev, sizes, reverse, layered, relu
    return (G.reshape(*X.shape[:-1], H), h[None] if layered else h), saved


def rnn_backward(be: Any, gradients: Any, saved: Any, needs: Any, out: Any) -> Any:
    """With dG from the kernel: ``dX = dG W_ih``, ``dW_ih = dG^T X``, ``dW_hh = dG^T Hprev``."""
    X, shape, W_ih, W_hh, Y, Hprev, sizes, reverse, layered, relu = saved
    dY = _gradient(be, gradients[0], Y)
    dh = _state(be, gradients[1], (sizes[0], W_hh.shape[1]), Y.dtype)
    dG = be.empty(Y.shape, Y.dtype)
    be.kernels.rnn_backward(Y, dY, be.contiguous(W_hh), relu, dh, sizes, reverse, dG)
    dX, dW_ih, dW_hh, db = _products(be, X, W_ih, Hprev, dG, dG, shape, needs, out, 2)
    return dX, dh[None] if layered else dh, dW_ih, dW_hh, db, db


def lstm_forward(
    be: Any, X: Any, h0: Any, c0: Any, W_ih: Any, W_hh: Any, b_ih: Any, b_hh: Any, W_hr: Any,
    sizes: Any, reverse: bool = False, layered: bool = False,
) -> Any:  # fmt: skip
    """The long short-term memory; the formulas stand with the kernel.

    Parameters
    ----------
    X : array of shape (T, N, D), or (R, D) of packed sequences
    h0, c0 : array of shape (N, P) and (N, H), or None for zeros
        P is H where there is no projection.
    W_ih, W_hh : array of shape (4 H, D) and (4 H, P)
        For i, f, g, o one below the other.
    b_ih, b_hh : array of shape (4 H,), or None
    W_hr : array of shape (P, H), or None
        The projection.
    sizes, reverse, layered
        As in `rnn_forward`.

    Returns
    -------
    (Y, h, c) : arrays of shape (T, N, P) or (R, P), (N, P) and (N, H)
    saved : tuple
    """
    rows, G = _inputs(be, X, W_ih)
    P, H, R = W_hh.shape[1], W_hh.shape[0] // 4, G.shape[0]
    b_ih, b_hh = _biases(be, b_ih, b_hh, W_hh)
    h = _state(be, h0, (sizes[0], P), G.dtype)
    c = _state(be, c0, (sizes[0], H), G.dtype)
    Hprev, Y = be.empty((R, P), G.dtype), be.empty((R, P), G.dtype)
    Cprev, S = be.empty((R, H), G.dtype), be.empty((R, H), G.dtype)
    projection = None if W_hr is None else be.contiguous(W_hr)
    be.kernels.lstm_forward(
        G, be.contiguous(W_hh), b_ih, b_hh, projection, h, c, sizes, reverse, Hprev, Cprev, S, Y
    )  # fmt: skip
    saved = rows, X.shape, W_ih, W_hh, W_hr, G, Hprev, Cprev, S, sizes, reverse, layered
    if layered:
        h, c = h[None], c[None]
    return (Y.reshape(*X.shape[:-1], P), h, c), saved


def lstm_backward(be: Any, gradients: Any, saved: Any, needs: Any, out: Any) -> Any:
    """As `rnn_backward`; and ``dW_hr = dP^T (o tanh(c))``."""
    X, shape, W_ih, W_hh, W_hr, G, Hprev, Cprev, S, sizes, reverse, layered = saved
    H = S.shape[1]
    dY = _gradient(be, gradients[0], Hprev)
    dh = _state(be, gradients[1], (sizes[0], Hprev.shape[1]), G.dtype)
    dc = _state(be, gradients[2], (sizes[0], H), G.dtype)
    dG = be.empty(G.shape, G.dtype)
    dP: Any = None
    projection = None
    if W_hr is not None:
        dP, projection = be.empty(Hprev.shape, G.dtype), be.contiguous(W_hr)
    be.kernels.lstm_backward(
        G, dY, be.contiguous(W_hh), projection, Cprev, S, dh, dc, sizes, reverse, dG, dP
    )  # fmt: skip
    dX, dW_ih, dW_hh, db = _products(be, X, W_ih, Hprev, dG, dG, shape, needs, out, 3)
    dW_hr = None
    if needs[7]:
        raw = be.xp.multiply(G[:, 3 * H :], S, out=be.empty(S.shape, S.dtype))
        dW_hr = be.gemm(dP.T, raw, out[7])
    if layered:
        dh, dc = dh[None], dc[None]
    return dX, dh, dc, dW_ih, dW_hh, db, db, dW_hr


def gru_forward(
    be: Any, X: Any, h0: Any, W_ih: Any, W_hh: Any, b_ih: Any, b_hh: Any,
    sizes: Any, reverse: bool = False, layered: bool = False,
) -> Any:  # fmt: skip
    """The gated recurrent unit; the formulas stand with the kernel.

    Parameters
    ----------
    X : array of shape (T, N, D), or (R, D) of packed sequences
    h0 : array of shape (N, H), or None for zeros
    W_ih, W_hh : array of shape (3 H, D) and (3 H, H)
        For r, z, n one below the other.
    b_ih, b_hh : array of shape (3 H,), or None
    sizes, reverse, layered
        As in `rnn_forward`.

    Returns
    -------
    (Y, h) : arrays of shape (T, N, H) or (R, H), and (N, H)
    saved : tuple
    """
    rows, G = _inputs(be, X, W_ih)
    H, R = W_hh.shape[1], G.shape[0]
    b_ih, b_hh = _biases(be, b_ih, b_hh, W_hh)
    h = _state(be, h0, (sizes[0], H), G.dtype)
    Hprev, M, Y = (be.empty((R, H), G.dtype) for _ in range(3))
    be.kernels.gru_forward(
        G, be.contiguous(W_hh), b_ih, b_hh, h, sizes, reverse, Hprev, M, Y
    )  # fmt: skip
    saved = rows, X.shape, W_ih, W_hh, G, Hprev, M, sizes, reverse, layered
    return (Y.reshape(*X.shape[:-1], H), h[None] if layered else h), saved


def gru_backward(be: Any, gradients: Any, saved: Any, needs: Any, out: Any) -> Any:
    """As `rnn_backward`, with dK in place of dG for what belongs to the state."""
    X, shape, W_ih, W_hh, G, Hprev, M, sizes, reverse, layered = saved
    dY = _gradient(be, gradients[0], Hprev)
    dh = _state(be, gradients[1], (sizes[0], Hprev.shape[1]), G.dtype)
    dG, dK = be.empty(G.shape, G.dtype), be.empty(G.shape, G.dtype)
    be.kernels.gru_backward(G, dY, be.contiguous(W_hh), Hprev, M, dh, sizes, reverse, dG, dK)
    dX, dW_ih, dW_hh, db_ih = _products(be, X, W_ih, Hprev, dG, dK, shape, needs, out, 2)
    db_hh = _row_sum(be, dK, out[5]) if needs[5] else None
    return dX, dh[None] if layered else dh, dW_ih, dW_hh, db_ih, db_hh


def recurrent_step(
    be: Any, kind: int, X: Any, h: Any, c: Any, W_ih: Any, W_hh: Any, b_ih: Any, b_hh: Any
) -> tuple[Any, Any]:
    """One step, without what a backward pass would need: generation, a symbol at a time.

    Parameters
    ----------
    kind : int
        0 for tanh, 1 for the ReLU, 2 for an LSTM, 3 for a GRU.
    X : array of shape (N, D)
    h, c : array of shape (N, H), or None for zeros
        The states and, for an LSTM, the cells before.
    W_ih, W_hh, b_ih, b_hh
        As in `rnn_forward`, `lstm_forward` and `gru_forward`.

    Returns
    -------
    h, c : arrays of shape (N, H)
        Those after it; c is None where there are no cells.
    """
    shape = X.shape[0], W_hh.shape[1]
    b_ih, b_hh = _biases(be, b_ih, b_hh, W_hh)
    h = be.zeros(shape, X.dtype) if h is None else be.contiguous(h).reshape(shape)
    Y = be.empty(shape, X.dtype)
    C = Y
    if kind == 2:
        c = be.zeros(shape, X.dtype) if c is None else be.contiguous(c).reshape(shape)
        C = be.empty(shape, X.dtype)
    be.kernels.recurrent_step(
        be.contiguous(W_hh), h, be.contiguous(W_ih), be.contiguous(X), b_ih, b_hh,
        c if kind == 2 else h, kind, Y, C,
    )  # fmt: skip
    return Y, C if kind == 2 else None


def _inputs(be: Any, X: Any, W_ih: Any) -> Any:
    """X as rows, and its product with the weights."""
    X = be.contiguous(X)
    rows = X if X.ndim == 2 else X.reshape(math.prod(X.shape[:-1]), X.shape[-1])
    return rows, be.gemm(rows, W_ih.T)


def _biases(be: Any, b_ih: Any, b_hh: Any, W: Any) -> Any:
    if b_ih is None:
        b_ih = b_hh = be.zeros(W.shape[:1], W.dtype)
    return be.contiguous(b_ih), be.contiguous(b_hh)


def _state(be: Any, given: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """A copy of a state, or of its gradient, for the kernel to update; zeros for None."""
    if given is None:
        return be.zeros(shape, dtype)
    state = be.empty(shape, dtype)
    state[...] = given.reshape(shape)
    return state


def _gradient(be: Any, dY: Any, like: Any) -> Any:
    """The outputs' gradient in rows; zeros where only the last state had influence."""
    return be.zeros(like.shape, like.dtype) if dY is None else be.contiguous(dY).reshape(like.shape)


def _products(
    be: Any, X: Any, W_ih: Any, Hprev: Any, dG: Any, dK: Any, shape: Any, needs: Any, out: Any,
    first: int,
) -> Any:  # fmt: skip
    """dX, dW_ih, dW_hh and the first bias's gradient; `first` is the place of W_ih."""
    dX = be.gemm(dG, W_ih).reshape(shape) if needs[0] else None
    dW_ih = be.gemm(dG.T, X, out[first]) if needs[first] else None
    dW_hh = be.gemm(dK.T, Hprev, out[first + 1]) if needs[first + 1] else None
    wanted = needs[first + 2] or needs[first + 3]
    return dX, dW_ih, dW_hh, _row_sum(be, dG, out[first + 2]) if wanted else None


def _row_sum(be: Any, dG: Any, out: Any) -> Any:
    db = be.empty(dG.shape[1:], dG.dtype) if out is None else out
    be.kernels.bias_act_backward(dG, dG, 0, dG, db)
    return db
