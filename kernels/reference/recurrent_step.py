"""One step of a recurrent layer, without what a backward pass would need."""

from __future__ import annotations

from typing import Any

from ._namespace import namespace
from .activation import _sigmoid

__all__ = ["recurrent_step"]


def recurrent_step(
    W_hh: Any,
    h: Any,
    W_ih: Any,
    X: Any,
    b_ih: Any,
    b_hh: Any,
    c: Any,
    kind: int,
    Y: Any,
    C: Any,
) -> None:
    """The next state from ``z = W_ih x + b_ih`` and ``u = W_hh h + b_hh``, whose rows are gates.

    Parameters
    ----------
    W_hh : array of shape (gates H, H)
        float32 or float64, C-contiguous, as all arrays here.
    h : array of shape (N, H)
        The states before.
    W_ih : array of shape (gates H, D)
    X : array of shape (N, D)
        The inputs.
    b_ih, b_hh : array of shape (gates H,)
        May be the same.
    c : array of shape (N, H)
        The cells before, for an LSTM; otherwise not read.
    kind : int
        0 and 1: ``h = tanh(z + u)``, and with the ReLU, as `rnn_forward`; 2: as `lstm_forward`; 3:
        as `gru_forward`.
    Y, C : array of shape (N, H)
        Output: the new states, and the new cells, for an LSTM. May not be `h` and `c`.
    """
    xp = namespace(W_hh)
    H = h.shape[1]
    Z, U = xp.dot(X, W_ih.T) + b_ih, xp.dot(h, W_hh.T) + b_hh
    if kind == 3:
        rz = _sigmoid(xp, Z[:, : 2 * H] + U[:, : 2 * H])
        new = xp.tanh(Z[:, 2 * H :] + rz[:, :H] * U[:, 2 * H :])
        Y[...] = (1 - rz[:, H:]) * new + rz[:, H:] * h
        return
    Z += U
    if kind == 2:
        i, f, o = (_sigmoid(xp, Z[:, q * H : (q + 1) * H]) for q in (0, 1, 3))
        C[...] = f * c + i * xp.tanh(Z[:, 2 * H : 3 * H])
        Y[...] = o * xp.tanh(C)
    else:
        Y[...] = xp.maximum(Z, 0) if kind else xp.tanh(Z)
