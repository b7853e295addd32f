"""The plain recurrent layer, forward and backward, over whole sequences."""

from __future__ import annotations

from typing import Any

from ._namespace import namespace
from ._steps import steps

__all__ = ["rnn_backward", "rnn_forward"]


def rnn_forward(
    G: Any,
    W_hh: Any,
    b_ih: Any,
    b_hh: Any,
    relu: bool,
    h: Any,
    sizes: tuple[int, ...],
    reverse: bool,
    Hprev: Any,
    Y: Any,
) -> None:
    """``h_t = act(g_t + b_ih + W_hh h_(t-1) + b_hh)``, with ``g_t = W_ih x_t``.

    Parameters
    ----------
    G : array of shape (R, H)
        float32 or float64, C-contiguous, as all arrays here: the g of all steps. Row
        ``offset + i`` belongs to sequence i in the step that starts at `offset`; R is the sum of
        `sizes`.
    W_hh : array of shape (H, H)
    b_ih, b_hh : array of shape (H,)
        May be the same.
    relu : bool
        ReLU in place of tanh.
    h : array of shape (N, H)
        The states before the first step; at the end, those after the last step of each sequence.
    sizes : tuple of int
        For each step the number of sequences, which never grows; the first is N.
    reverse : bool
        From the last step to the first; each sequence then starts where it ends.
    Hprev : array of shape (R, H)
        Output: the state before each step.
    Y : array of shape (R, H)
        Output: the state after each step. May be `G`.

    Source: Elman, Finding structure in time, Cognitive Science 14 (1990).
    """
    xp = namespace(G)
    for offset, n, _, _ in steps(sizes, reverse):
        rows = slice(offset, offset + n)
        Hprev[rows] = h[:n]
        Z = G[rows] + b_ih + xp.dot(h[:n], W_hh.T) + b_hh
        h[:n] = xp.maximum(Z, 0) if relu else xp.tanh(Z)
        Y[rows] = h[:n]


def rnn_backward(
    Y: Any,
    dY: Any,
    W_hh: Any,
    relu: bool,
    dh: Any,
    sizes: tuple[int, ...],
    reverse: bool,
    dG: Any,
) -> None:
    """``dG_t = (dY_t + W_hh^T dG_(t+1)) act'``, from the last step to the first.

    Parameters
    ----------
    Y : array of shape (R, H)
        The output of `rnn_forward`, with `W_hh`, `relu`, `sizes` and `reverse` as there.
    dY : array of shape (R, H)
        Its gradient, without what comes by way of later states.
    dh : array of shape (N, H)
        The gradient of the last states; at the end that of the first ones.
    dG : array of shape (R, H)
        Output: the gradient of G. Not `Y` or `dY`.

    Source: Werbos, Backpropagation through time, Proceedings of the IEEE 78 (1990).
    """
    xp = namespace(Y)
    for offset, n, _, _ in reversed(steps(sizes, reverse)):
        rows = slice(offset, offset + n)
        y = Y[rows]
        d = dY[rows] + dh[:n]
        dG[rows] = xp.where(y > 0, d, d.dtype.type(0)) if relu else d * (1 - y * y)
        dh[:n] = xp.dot(dG[rows], W_hh)
