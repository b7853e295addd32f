"""Connectionist temporal classification: the forward-backward recursion in log space.

A target of S labels may be written in many ways: each label for one step or more, blanks between
them and at the ends. The W = 2 S + 1 states are its labels with blanks around::

    target  c a t       states  _ c _ a _ t _       label(s), s = 0 ... 6

From one step to the next a path stays in its state, goes to the next one, or skips a blank between
two different labels.

Source: Graves, Fernandez, Gomez and Schmidhuber, Connectionist Temporal Classification, 2006.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._namespace import namespace

__all__ = ["ctc_backward", "ctc_forward"]

_quiet = np.errstate(divide="ignore", invalid="ignore", over="ignore")


@_quiet
def ctc_forward(
    X: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int,
    alpha: Any,
    losses: Any,
) -> None:
    """The logarithms of the probabilities of all ways into each state, and the losses::

        alpha[n, 0, s] = X[0, n, label(s)]                              for s = 0 and 1
        alpha[n, t, s] = X[t, n, label(s)] + log sum_r exp alpha[n, t - 1, r]
        losses[n] = -log(exp alpha[n, T_n - 1, 2 S_n] + exp alpha[n, T_n - 1, 2 S_n - 1])

    with r in s, s - 1, and s - 2 where ``label(s)`` is neither blank nor ``label(s - 2)``.

    Parameters
    ----------
    X : array of shape (T, N, C)
        Log-probabilities, float32 or float64, C-contiguous.
    targets : int64 array of shape (N, S)
        C-contiguous; what is behind a target's length is not read. A label that is no class counts
        as one of probability NaN on a GPU; elsewhere there must be none.
    input_lengths, target_lengths : int64 array of shape (N,)
        T_n, 0 to T, and S_n, 0 to S; others are taken for the nearest one.
    blank : int
        A class.
    alpha : array of shape (N, T, 2 S + 1)
        Output; minus infinity at ``t >= T_n`` and ``s > 2 S_n``.
    losses : array of shape (N,)
        Output. Infinity where the target does not fit into T_n steps.
    """
    xp = namespace(X)
    T, N, _ = X.shape
    S = targets.shape[1]
    low = X.dtype.type(-np.inf)
    n = xp.arange(N)
    steps, labels, skip, last = _states(X, targets, input_lengths, target_lengths, blank)
    inside = xp.arange(2 * S + 1) <= last[:, None]
    before = xp.full((N, 2 * S + 3), low)  # with two states of no probability in front
    before[:, 2] = 0
    for t in range(T):
        now = _log_sum(before[:, 2:], before[:, 1:-1], before[:, :-2] + skip)
        now = now + X[t][n[:, None], labels]
        alpha[:, t] = xp.where(inside & (t < steps)[:, None], now, low)
        before[:, 2:] = alpha[:, t]
    if T and N:
        end = alpha[n, xp.maximum(steps - 1, 0)]
        other = xp.where(last > 0, end[n, xp.maximum(last - 1, 0)], low)
        losses[...] = -_log_sum(end[n, last], other, xp.full(N, low))
    nothing = xp.where(last == 0, X.dtype.type(0), X.dtype.type(np.inf))
    xp.copyto(losses, xp.where(steps == 0, nothing, losses))


@_quiet
def ctc_backward(
    X: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int,
    alpha: Any,
    losses: Any,
    dlosses: Any,
    zero_infinity: bool,
    dX: Any,
) -> None:
    """``dX[t, n, c] = dlosses[n] (exp X[t, n, c] - sum of the posteriors of the states with label
    c)``, and 0 for ``t >= T_n``::

        beta[n, T_n - 1, s] = 0                                         for s = 2 S_n and 2 S_n - 1
        beta[n, t, s] = log sum_r exp(beta[n, t + 1, r] + X[t + 1, n, label(r)])
        posterior[n, t, s] = exp(alpha[n, t, s] + beta[n, t, s] + losses[n])

    with r in s, s + 1, s + 2, as in `ctc_forward`. The first term is there in PyTorch too: it is
    what log_softmax's own gradient would subtract, and vanishes in it.

    Parameters
    ----------
    X, targets, input_lengths, target_lengths, blank
        As in `ctc_forward`.
    alpha, losses
        Its outputs.
    dlosses : array of shape (N,)
        The gradient of each loss.
    zero_infinity : bool
        Whether the gradient of an infinite loss is zero; otherwise NaN for ``t < T_n``.
    dX : array of shape (T, N, C)
        Output.
    """
    xp = namespace(X)
    T, N, C = X.shape
    S = targets.shape[1]
    zero, low = X.dtype.type(0), X.dtype.type(-np.inf)
    n = xp.arange(N)
    steps, labels, skip, last = _states(X, targets, input_lengths, target_lengths, blank)
    of_class = (labels[:, :, None] == xp.arange(C)).astype(X.dtype)
    s = xp.arange(2 * S + 1)
    ends = (s == last[:, None]) | (s == last[:, None] - 1)
    end = xp.where(ends, zero, low)
    infinite = (losses == np.inf)[:, None]
    # beta and X at t + 1, with two states of no probability behind.
    after = xp.full((N, 2 * S + 3), low)
    skip = xp.concatenate([skip[:, 2:], xp.full((N, min(2, 2 * S + 1)), low)], axis=1)
    for t in range(T - 1, -1, -1):
        beta = _log_sum(after[:, :-2], after[:, 1:-1], after[:, 2:] + skip)
        beta = xp.where((t == steps - 1)[:, None], end, beta)
        posterior = xp.exp(alpha[:, t] + beta + losses[:, None])
        d = xp.exp(X[t]) - (posterior[:, None, :] @ of_class)[:, 0]
        d = xp.where(infinite, zero if zero_infinity else X.dtype.type(np.nan), d)
        # A product would make NaN of a gradient of zero.
        d = xp.where(infinite & bool(zero_infinity), zero, d * dlosses[:, None])
        dX[t] = xp.where((t < steps)[:, None], d, zero)
        after[:, :-2] = beta + X[t][n[:, None], labels]


def _states(
    X: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int
) -> tuple[Any, Any, Any, Any]:
    """T_n; the label of each state; 0 where it may be skipped to, else -inf; the last state."""
    xp = namespace(X)
    T, N, C = X.shape
    S = targets.shape[1]
    steps = xp.clip(input_lengths, 0, T)
    last = 2 * xp.clip(target_lengths, 0, S)
    labels = xp.full((N, 2 * S + 1), blank)
    labels[:, 1::2] = xp.clip(targets, 0, C - 1)
    may = xp.zeros(labels.shape, bool)
    may[:, 3::2] = labels[:, 3::2] != labels[:, 1:-2:2]
    return steps, labels, xp.where(may, X.dtype.type(0), X.dtype.type(-np.inf)), last


def _log_sum(a: Any, b: Any, c: Any) -> Any:
    """``log(exp a + exp b + exp c)``, also of minus infinities alone."""
    xp = namespace(a)
    top = xp.maximum(xp.maximum(a, b), c)
    top = xp.where(top == -np.inf, a.dtype.type(0), top)
    return xp.log(xp.exp(a - top) + xp.exp(b - top) + xp.exp(c - top)) + top
