"""Two linear maps with an activation between them, as one operation."""

from __future__ import annotations

from typing import Any

from ...autograd import Operation, Variable
from ...autograd.mode import MODE
from ...ops.feed_forward import feed_forward_backward, feed_forward_forward
from .activation import gelu
from .linear import linear, linear_act

__all__ = ["feed_forward"]

_feed_forward = Operation(feed_forward_forward, feed_forward_backward, into=True)


def feed_forward(
    input: Variable,
    weight1: Variable,
    bias1: Variable | None,
    weight2: Variable,
    bias2: Variable | None,
    activation: str,
) -> Any:
    """``act(X W1^T + b1) W2^T + b2``; see `linear`.

    `activation` is "relu" or "gelu_tanh". What does not fit, and all under `autocast`, which rounds
    what is between, runs as the operations that it is made of.
    """
    try:
        W1, W2 = weight1.array, weight2.array
        K, N = W1.shape[1], W1.shape[0]
        X = input.array
        dtype = X.dtype
        fits = (
            MODE.autocast is None
            and X.shape[-1] == K
            and W2.shape[1] == N
            and dtype.char in "fd"
            and W1.dtype == dtype
            and W2.dtype == dtype
            and _fits(bias1, N, dtype)
            and _fits(bias2, W2.shape[0], dtype)
        )
    except (AttributeError, IndexError):
        fits = False
    if fits:
        return _feed_forward(input, weight1, bias1, weight2, bias2, activation=activation)
    if activation == "relu":
        hidden = linear_act(input, weight1, bias1, "relu")
    else:
        hidden = gelu(linear(input, weight1, bias1), approximate="tanh")
    return linear(hidden, weight2, bias2)


def _fits(bias: Variable | None, n: int, dtype: Any) -> bool:
    return bias is None or (bias.array.shape == (n,) and bias.array.dtype == dtype)
