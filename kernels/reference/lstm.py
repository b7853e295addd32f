"""The LSTM, forward and backward, over whole sequences."""

from __future__ import annotations

from typing import Any

from ._namespace import namespace
from ._steps import steps
from .activation import _sigmoid

__all__ = ["lstm_backward", "lstm_forward"]


def lstm_forward(
    G: Any,
    W_hh: Any,
    b_ih: Any,
    b_hh: Any,
    W_hr: Any,
    h: Any,
    c: Any,
    sizes: tuple[int, ...],
    reverse: bool,
    Hprev: Any,
    Cprev: Any,
    S: Any,
    Y: Any,
) -> None:
    """The long short-term memory, with ``z_t = g_t + b_ih + W_hh h_(t-1) + b_hh`` in four parts::

        i = sigma(z_i)   f = sigma(z_f)   g = tanh(z_g)   o = sigma(z_o)
        c_t = f c_(t-1) + i g
        h_t = o tanh(c_t),   with a projection  h_t = W_hr (o tanh(c_t))

    Steps and rows are those of `rnn_forward`.

    Parameters
    ----------
    G : array of shape (R, 4 H)
        float32 or float64, C-contiguous, as all arrays here. In: ``W_ih x_t`` for i, f, g, o side
        by side. Out: i, f, g, o themselves.
    W_hh : array of shape (4 H, P)
        P is H where there is no projection.
    b_ih, b_hh : array of shape (4 H,)
        May be the same.
    W_hr : array of shape (P, H), or None
    h : array of shape (N, P)
        The states before the first step; at the end, those after the last step of each sequence.
    c : array of shape (N, H)
        The same for the cells.
    sizes : tuple of int
    reverse : bool
    Hprev, Cprev : array of shape (R, P) and (R, H)
        Output: state and cell before each step.
    S : array of shape (R, H)
        Output: ``tanh(c_t)``.
    Y : array of shape (R, P)
        Output: ``h_t``.

    Source: Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9 (1997); the
    forget gate: Gers, Schmidhuber, Cummins, Neural Computation 12 (2000); the projection: Sak,
    Senior, Beaufays, arXiv:1402.1128 (2014).
    """
    xp = namespace(G)
    H = c.shape[1]
    for offset, n, _, _ in steps(sizes, reverse):
        rows = slice(offset, offset + n)
        Hprev[rows] = h[:n]
        Cprev[rows] = c[:n]
        Z = G[rows] + b_ih + xp.dot(h[:n], W_hh.T) + b_hh
        gates = G[rows]
        gates[:, : 2 * H] = _sigmoid(xp, Z[:, : 2 * H])
        gates[:, 2 * H : 3 * H] = xp.tanh(Z[:, 2 * H : 3 * H])
        gates[:, 3 * H :] = _sigmoid(xp, Z[:, 3 * H :])
        i, f, g, o = (gates[:, k * H : (k + 1) * H] for k in range(4))
        c[:n] = f * c[:n] + i * g
        S[rows] = xp.tanh(c[:n])
        raw = o * S[rows]
        h[:n] = raw if W_hr is None else xp.dot(raw, W_hr.T)
        Y[rows] = h[:n]


def lstm_backward(
    G: Any,
    dY: Any,
    W_hh: Any,
    W_hr: Any,
    Cprev: Any,
    S: Any,
    dh: Any,
    dc: Any,
    sizes: tuple[int, ...],
    reverse: bool,
    dG: Any,
    dP: Any,
) -> None:
    """The gradients of `lstm_forward`, from the last step to the first::

        d = dY_t + W_hh^T dG_(t+1),   with a projection  W_hr^T of it
        e = dc_t + d o (1 - tanh(c_t)^2)
        dG_t = (e g i (1 - i),  e c_(t-1) f (1 - f),  e i (1 - g^2),  d tanh(c_t) o (1 - o))
        dc_(t-1) = e f

    Parameters
    ----------
    G : array of shape (R, 4 H)
        What `lstm_forward` made of it: the gates. So with `Cprev` and `S`.
    dY : array of shape (R, P)
        The gradient of its Y, without what comes by way of later states.
    W_hh, W_hr, sizes, reverse
        As there.
    dh, dc : array of shape (N, P) and (N, H)
        The gradients of the last states and cells; at the end those of the first ones.
    dG : array of shape (R, 4 H)
        Output: the gradient of what G was. Not `G`.
    dP : array of shape (R, P), or None
        Output, with a projection: the whole gradient of Y.
    """
    xp = namespace(G)
    H = S.shape[1]
    for offset, n, _, _ in reversed(steps(sizes, reverse)):
        rows = slice(offset, offset + n)
        d = dY[rows] + dh[:n]
        if W_hr is not None:
            dP[rows] = d
            d = xp.dot(d, W_hr)
        i, f, g, o = (G[rows, k * H : (k + 1) * H] for k in range(4))
        s = S[rows]
        e = dc[:n] + d * o * (1 - s * s)
        dG[rows, :H] = e * g * i * (1 - i)
        dG[rows, H : 2 * H] = e * Cprev[rows] * f * (1 - f)
        dG[rows, 2 * H : 3 * H] = e * i * (1 - g * g)
        dG[rows, 3 * H :] = d * s * o * (1 - o)
        dc[:n] = e * f
        dh[:n] = xp.dot(dG[rows], W_hh)
