"""The GRU, forward and backward, over whole sequences."""

from __future__ import annotations

from typing import Any

from ._namespace import namespace
from ._steps import steps
from .activation import _sigmoid

__all__ = ["gru_backward", "gru_forward"]


def gru_forward(
    G: Any,
    W_hh: Any,
    b_ih: Any,
    b_hh: Any,
    h: Any,
    sizes: tuple[int, ...],
    reverse: bool,
    Hprev: Any,
    M: Any,
    Y: Any,
) -> None:
    """The gated recurrent unit, with ``g_t = W_ih x_t`` and ``k_t = W_hh h_(t-1)`` in three parts::

        r = sigma(g_r + b_ir + k_r + b_hr)
        z = sigma(g_z + b_iz + k_z + b_hz)
        m = k_n + b_hn
        n = tanh(g_n + b_in + r m)
        h_t = (1 - z) n + z h_(t-1)

    Steps and rows are those of `rnn_forward`.

    Parameters
    ----------
    G : array of shape (R, 3 H)
        float32 or float64, C-contiguous, as all arrays here. In: g for r, z, n side by side. Out:
        r, z, n themselves.
    W_hh : array of shape (3 H, H)
    b_ih, b_hh : array of shape (3 H,)
        May be the same.
    h : array of shape (N, H)
        The states before the first step; at the end, those after the last step of each sequence.
    sizes : tuple of int
    reverse : bool
    Hprev : array of shape (R, H)
        Output: the state before each step.
    M : array of shape (R, H)
        Output: m.
    Y : array of shape (R, H)
        Output: ``h_t``.

    Source: Cho et al., Learning phrase representations using RNN encoder-decoder,
    arXiv:1406.1078 (2014); r after the product, with a bias of its own, as cuDNN has it.
    """
    xp = namespace(G)
    H = h.shape[1]
    for offset, n, _, _ in steps(sizes, reverse):
        rows = slice(offset, offset + n)
        Hprev[rows] = h[:n]
        gates = G[rows]
        K = xp.dot(h[:n], W_hh.T) + b_hh
        gates[:, : 2 * H] = _sigmoid(xp, gates[:, : 2 * H] + b_ih[: 2 * H] + K[:, : 2 * H])
        M[rows] = K[:, 2 * H :]
        r, z = gates[:, :H], gates[:, H : 2 * H]
        gates[:, 2 * H :] = xp.tanh(gates[:, 2 * H :] + b_ih[2 * H :] + r * K[:, 2 * H :])
        h[:n] = (1 - z) * gates[:, 2 * H :] + z * h[:n]
        Y[rows] = h[:n]


def gru_backward(
    G: Any,
    dY: Any,
    W_hh: Any,
    Hprev: Any,
    M: Any,
    dh: Any,
    sizes: tuple[int, ...],
    reverse: bool,
    dG: Any,
    dK: Any,
) -> None:
    """The gradients of `gru_forward`, from the last step to the first::

        d = dY_t + dh_t
        a = d (1 - z) (1 - n^2)
        dG_t = (a m r (1 - r),  d (h_(t-1) - n) z (1 - z),  a)
        dK_t = (the same, the same, a r)
        dh_(t-1) = d z + W_hh^T dK_t

    Parameters
    ----------
    G : array of shape (R, 3 H)
        What `gru_forward` made of it: r, z, n. So with `Hprev` and `M`.
    dY : array of shape (R, H)
        The gradient of its Y, without what comes by way of later states.
    W_hh, sizes, reverse
        As there.
    dh : array of shape (N, H)
        The gradient of the last states; at the end that of the first ones.
    dG, dK : array of shape (R, 3 H)
        Output: the gradients of what G was and of ``W_hh h_(t-1)``. Not `G`.
    """
    xp = namespace(G)
    H = dh.shape[1]
    for offset, n, _, _ in reversed(steps(sizes, reverse)):
        rows = slice(offset, offset + n)
        d = dY[rows] + dh[:n]
        r, z, new = (G[rows, k * H : (k + 1) * H] for k in range(3))
        a = d * (1 - z) * (1 - new * new)
        dG[rows, :H] = a * M[rows] * r * (1 - r)
        dG[rows, H : 2 * H] = d * (Hprev[rows] - new) * z * (1 - z)
        dG[rows, 2 * H :] = a
        dK[rows] = dG[rows]
        dK[rows, 2 * H :] = a * r
        dh[:n] = d * z + xp.dot(dK[rows], W_hh)
