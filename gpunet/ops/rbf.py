"""Radial basis functions: activations of a distance."""

from __future__ import annotations

from typing import Any

__all__ = ["gaussian_backward", "gaussian_forward"]


def gaussian_forward(be: Any, P: Any, S: Any, gamma: Any) -> Any:
    """``Y[n, o] = exp(-gamma[o] D[n, o])`` for the squared distance ``D = max(P + S, 0)``.

    A distance comes in two parts, ``P = ||w||^2 - 2 x w`` and ``S = ||x||^2``. Where x is close to
    w they cancel, and rounding may leave less than nothing: hence the maximum.

    Parameters
    ----------
    P : array of shape (N, O, ...)
    S : array of shape (N, 1, ...)
    gamma : array of shape (O,) or (), or float

    Returns
    -------
    Y : array of shape (N, O, ...)
    saved : tuple
    """
    xp = be.xp
    shape = getattr(gamma, "shape", ())
    if shape:
        gamma = gamma.reshape(shape[0], *(1,) * (P.ndim - 2))
    D = xp.add(P, S, out=be.like(P))
    xp.maximum(D, 0, out=D)
    Y = xp.multiply(D, -gamma, out=be.like(P))
    xp.exp(Y, out=Y)
    return Y, (D, Y, gamma, shape)


def gaussian_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """With ``G = dY Y``: ``dP = -gamma G``, ``dS`` its sum over o, ``dgamma[o] = -sum G D``.

    Where the distance is 0, so is its gradient.
    """
    D, Y, gamma, shape = saved
    xp = be.xp
    G = xp.multiply(dY, Y, out=be.like(Y))
    dgamma = None
    if needs[2]:
        product = xp.multiply(G, D, out=be.like(Y))
        dgamma = -product.sum(axis=(0, *range(2, product.ndim)) if shape else None)
    dP = dS = None
    if needs[0] or needs[1]:
        G *= -gamma
        dP = xp.multiply(G, D > 0, out=G)
        dS = dP.sum(axis=1, keepdims=True) if needs[1] else None
    return dP, dS, dgamma
