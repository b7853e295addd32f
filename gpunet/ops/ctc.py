"""The loss of connectionist temporal classification."""

from __future__ import annotations

from typing import Any

__all__ = ["ctc_loss_backward", "ctc_loss_forward"]


def ctc_loss_forward(
    be: Any,
    X: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """``loss[n] = -log sum over the ways to write target n of prod_t exp X[t, n, label of t]``.

    The mean is that of the losses over their targets' lengths (1 for a length of 0).

    Parameters
    ----------
    X : array of shape (T, N, C)
        Log-probabilities.
    targets : int64 array of shape (N, S)
    input_lengths, target_lengths : int64 array of shape (N,)
    blank : int
    reduction : {"none", "mean", "sum"}
    zero_infinity : bool
        Whether infinite losses, of targets that do not fit, count as zero.
    """
    xp = be.xp
    T, N, _ = X.shape
    X = be.contiguous(X)
    alpha = be.empty((N, T, 2 * targets.shape[1] + 1), X.dtype)
    losses = be.empty((N,), X.dtype)
    be.kernels.ctc_forward(X, targets, input_lengths, target_lengths, blank, alpha, losses)
    shares = None
    if reduction == "mean":
        shares = 1 / xp.maximum(target_lengths, 1).astype(X.dtype) / N
    saved = (X, targets, input_lengths, target_lengths, blank, alpha, losses, shares, zero_infinity)
    counted = xp.where(losses == xp.inf, X.dtype.type(0), losses) if zero_infinity else losses
    if reduction == "none":
        return counted, saved
    return (counted if shares is None else counted * shares).sum(), saved


def ctc_loss_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX[t, n, c] = dloss[n] (exp X[t, n, c] - P(label c at step t, given target n))``."""
    X, targets, input_lengths, target_lengths, blank, alpha, losses, shares, zero_infinity = saved
    dlosses = dY if shares is None else dY * shares
    dlosses = be.contiguous(be.xp.broadcast_to(dlosses, losses.shape))
    dX = be.empty(X.shape, X.dtype)
    be.kernels.ctc_backward(
        X, targets, input_lengths, target_lengths, blank, alpha, losses, dlosses, zero_infinity, dX
    )
    return dX, None, None, None
