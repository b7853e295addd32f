"""Activation functions.

``inplace=True`` is accepted everywhere for PyTorch's sake; the result is a new tensor all the same.
"""

from __future__ import annotations

from typing import Any

from ...autograd import Operation, Variable
from ...functions.elementwise import relu, sigmoid, tanh
from ...functions.promotion import floating
from ...ops.activation import activation

__all__ = [
    "elu",
    "gelu",
    "hardtanh",
    "leaky_relu",
    "mish",
    "relu",
    "relu6",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanh",
]

_elu = Operation(*activation("elu"))
_gelu = Operation(*activation("gelu"))
_gelu_tanh = Operation(*activation("gelu_tanh"))
_hardtanh = Operation(*activation("hardtanh"))
_leaky_relu = Operation(*activation("leaky_relu"))
_mish = Operation(*activation("mish"))
_silu = Operation(*activation("silu"))
_softplus = Operation(*activation("softplus"))
_softsign = Operation(*activation("softsign"))


def leaky_relu(input: Variable, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """``x`` where ``x > 0``, otherwise ``negative_slope * x``."""
    return _leaky_relu(floating(input), a=negative_slope)


def elu(input: Variable, alpha: float = 1.0, inplace: bool = False) -> Any:
    """``x`` where ``x > 0``, otherwise ``alpha (e^x - 1)``.

    Source: Clevert, Unterthiner, Hochreiter (2016), arXiv:1511.07289.
    """
    return _elu(floating(input), a=alpha)


def gelu(input: Variable, approximate: str = "none") -> Any:
    """``x Phi(x)``, with the distribution function Phi of the standard normal distribution.

    Parameters
    ----------
    input : Tensor
    approximate : {"none", "tanh"}
        ``"tanh"`` takes ``(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`` for Phi.

    Raises
    ------
    RuntimeError
        If `approximate` is something else.

    Source: Hendrycks, Gimpel (2016), arXiv:1606.08415.
    """
    if approximate == "none":
        return _gelu(floating(input))
    if approximate == "tanh":
        return _gelu_tanh(floating(input))
    raise RuntimeError(f'gelu: approximate: expected "none" or "tanh", got {approximate!r}')


def silu(input: Variable, inplace: bool = False) -> Any:
    """``x sigma(x)``, also called swish."""
    return _silu(floating(input))


def mish(input: Variable, inplace: bool = False) -> Any:
    """``x tanh(log(1 + e^x))``. Source: Misra (2019), arXiv:1908.08681."""
    return _mish(floating(input))


def softplus(input: Variable, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """``log(1 + e^(beta x)) / beta``, and x itself where ``beta x > threshold``."""
    return _softplus(floating(input), a=beta, b=threshold)


def softsign(input: Variable) -> Any:
    """``x / (1 + |x|)``."""
    return _softsign(floating(input))


def hardtanh(
    input: Variable, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Any:
    """``min(max(x, min_val), max_val)``. The gradient is 0 at the bounds and beyond.

    Raises
    ------
    ValueError
        If ``min_val > max_val``.
    """
    if min_val > max_val:
        raise ValueError(
            f"hardtanh: expected min_val <= max_val, got min_val={min_val}, max_val={max_val}"
        )
    return _hardtanh(input, a=min_val, b=max_val)


def relu6(input: Variable, inplace: bool = False) -> Any:
    """``min(max(x, 0), 6)``."""
    return _hardtanh(input, a=0.0, b=6.0)
