"""One step of an optimiser over flat arrays, the norm of a gradient, and its clipping.

The arrays are flat (of shape (N,)), C-contiguous, float32 or float64 and all of one dtype. What a
schedule or a user may change between two steps is read from the device, not passed by value, so
that a step that was captured into a CUDA graph keeps following it:

hyper : array of float64
    The hyper-parameters, in the order that each kernel names.
count : array of float64, shape (2,)
    ``count[0]`` is the number of steps done; the kernel adds one. ``count[1]`` is zero, before and
    after: the blocks of the CUDA form agree there on which of them is the last.

Averages (B, M, V) below the smallest normal number may become zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._namespace import namespace

__all__ = [
    "adam_step",
    "amsgrad_step",
    "clip_scale",
    "sgd_momentum_step",
    "sgd_step",
    "sum_of_squares",
]

# A run that diverges shows in its loss; the other forms do not warn on the way there either.
_quiet = np.errstate(over="ignore", divide="ignore", invalid="ignore")


@_quiet
def sgd_step(P: Any, G: Any, hyper: Any, decay: int, maximize: int) -> None:
    """``p -= lr (g + weight_decay p)``.

    Parameters
    ----------
    P : array of shape (N,)
        The parameters; updated.
    G : array of shape (N,)
        The gradient.
    hyper : array of shape (4,)
        lr, momentum, dampening, weight_decay. Momentum and dampening are not read.
    decay : int
        1: with the term of the weight decay; 0: without.
    maximize : int
        1: with -g in place of g.
    """
    step = _descent(P, G, hyper[3], decay, maximize) * _like(P, hyper[0])
    P -= step


@_quiet
def sgd_momentum_step(
    P: Any, G: Any, B: Any, count: Any, hyper: Any, nesterov: int, decay: int, maximize: int
) -> None:
    """``b = momentum b + (1 - dampening) d``, then ``p -= lr b``, with ``d = g + weight_decay p``.

    In the first step ``b = d``. With Nesterov's momentum ``p -= lr (d + momentum b)``.

    Source: Sutskever et al., On the importance of initialization and momentum in deep learning
    (2013), in PyTorch's form.

    Parameters
    ----------
    P, G : array of shape (N,)
        The parameters, updated, and the gradient.
    B : array of shape (N,)
        The momentum buffer; updated. Finite before the first step.
    count : array of shape (2,)
    hyper : array of shape (4,)
        lr, momentum, dampening, weight_decay.
    nesterov, decay, maximize : int
        0 or 1; the last two as in `sgd_step`.
    """
    first = count[0] == 0
    momentum = _like(P, hyper[1])
    D = _descent(P, G, hyper[3], decay, maximize)
    B *= momentum * _like(P, ~first)
    B += D * _like(P, 1 - hyper[2] * ~first)
    step = D + momentum * B if nesterov else B
    P -= step * _like(P, hyper[0])
    count[0] += 1


def adam_step(
    P: Any, G: Any, M: Any, V: Any, count: Any, hyper: Any, decay: int, maximize: int
) -> None:
    """``p -= lr m' / (sqrt(v') + eps)`` with bias-corrected moving averages m' of g and v' of g².

    In step t: ``m += (1 - beta1) (g - m)``, ``v = beta2 v + (1 - beta2) g²``,
    ``m' = m / (1 - beta1^t)``, ``v' = v / (1 - beta2^t)``.

    Source: Kingma and Ba, Adam (2015); Loshchilov and Hutter, Decoupled weight decay
    regularization (2019).

    Parameters
    ----------
    P, G : array of shape (N,)
        The parameters, updated, and the gradient.
    M, V : array of shape (N,)
        The moving averages; updated.
    count : array of shape (2,)
    hyper : array of shape (5,)
        lr, beta1, beta2, eps, weight_decay.
    decay : int
        0: no weight decay; 1: ``weight_decay p`` added to the gradient; 2 (AdamW): p first
        multiplied by ``1 - lr weight_decay``.
    maximize : int
        1: with -g in place of g.
    """
    _adam(P, G, M, V, None, count, hyper, decay, maximize)


def amsgrad_step(
    P: Any, G: Any, M: Any, V: Any, V_max: Any, count: Any, hyper: Any, decay: int, maximize: int
) -> None:
    """`adam_step` with the largest v so far in place of v.

    Source: Reddi et al., On the convergence of Adam and beyond (2018).

    Parameters
    ----------
    V_max : array of shape (N,)
        The largest v so far, without bias correction; updated. The others as in `adam_step`.
    """
    _adam(P, G, M, V, V_max, count, hyper, decay, maximize)


@_quiet
def _adam(
    P: Any, G: Any, M: Any, V: Any, V_max: Any, count: Any, hyper: Any, decay: int, maximize: int
) -> None:
    xp = namespace(P)
    lr, beta1, beta2, eps, weight_decay = hyper
    count[0] += 1
    if decay == 2:
        P *= _like(P, 1 - lr * weight_decay)
    D = _descent(P, G, weight_decay, decay == 1, maximize)
    T = xp.subtract(D, M)
    T *= _like(P, 1 - beta1)
    M += T
    xp.multiply(D, D, out=T)
    T *= _like(P, 1 - beta2)
    V *= _like(P, beta2)
    V += T
    if V_max is not None:
        xp.maximum(V_max, V, out=V_max)
        V = V_max
    xp.sqrt(V, out=T)
    T *= _like(P, 1 / xp.sqrt(1 - beta2 ** count[0]))
    T += _like(P, eps)
    xp.divide(M, T, out=T)
    T *= _like(P, lr / (1 - beta1 ** count[0]))
    P -= T


def sum_of_squares(X: Any, total: Any) -> None:
    """``total[0] = sum_n X[n]²``, summed in float64, in the same order every time.

    Parameters
    ----------
    X : array of shape (N,)
    total : array of float64, shape (1,)
        Output.
    """
    xp = namespace(X)
    xp.sum(xp.multiply(X, X, dtype=xp.float64), keepdims=True, out=total)


@_quiet
def clip_scale(X: Any, norm: Any, max_norm: float) -> None:
    """``X *= min(1, max_norm / (norm[0] + 1e-6))``; NaN if the norm is.

    Parameters
    ----------
    X : array of shape (N,)
        Updated.
    norm : array of float64, shape (1,)
    max_norm : float
    """
    xp = namespace(X)
    X *= _like(X, xp.minimum(max_norm / (norm + 1e-6), 1.0))


def _descent(P: Any, G: Any, weight_decay: Any, decay: int, maximize: int) -> Any:
    """The gradient with its sign and weight decay; G itself where that changes nothing."""
    if not decay:
        return -G if maximize else G
    D = P * _like(P, weight_decay)
    return D - G if maximize else D + G


def _like(P: Any, scalar: Any) -> Any:
    """A float64 scalar of the device in the dtype of P, so that it does not promote P's values."""
    return scalar.astype(P.dtype)
