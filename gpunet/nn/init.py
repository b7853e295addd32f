"""How weights are drawn before training, as ``torch.nn.init``.

Every function fills the tensor it is given, in place, and returns it. The numbers come from the
package's counter-based generator, so a seed gives the same weights on every device.
"""

from __future__ import annotations

import math
import warnings
from statistics import NormalDist
from typing import Any

import numpy as np

from ..autograd import Variable
from ..functions import random as _random
from ..tensor import Tensor
from .state import copy_into

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights before `nonlinearity` are widened to keep the variance.

    1 for linear, convolution and sigmoid, 5/3 for tanh, sqrt(2) for relu, 3/4 for selu and
    ``sqrt(2 / (1 + slope^2))`` for leaky_relu.

    Parameters
    ----------
    nonlinearity : str
    param : float, optional
        The negative slope of leaky_relu. Default: 0.01.

    Raises
    ------
    ValueError
        If the name is none of these, or the slope is not a number.
    """
    if nonlinearity in _GAINS:
        return _GAINS[nonlinearity]
    if nonlinearity == "leaky_relu":
        if isinstance(param, bool) or not isinstance(param, int | float | None):
            raise ValueError(f"negative_slope {param} not a valid number")
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope**2))
    raise ValueError(
        f"Unsupported nonlinearity {nonlinearity}: expected one of {', '.join(_GAINS)}, leaky_relu"
    )


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Draw from the uniform distribution ``U(a, b)``."""
    _random.uniform_(_detached(tensor), a, b, generator=generator)
    return tensor


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Draw from the normal distribution ``N(mean, std^2)``."""
    _random.normal_(_detached(tensor), mean, std, generator=generator)
    return tensor


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Draw from ``N(mean, std^2)`` cut off outside ``[a, b]``, by inverting its distribution.

    Warns
    -----
    UserWarning
        If the mean lies more than two deviations outside ``[a, b]``, where this is inexact.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    normal = NormalDist()
    low, high = normal.cdf((a - mean) / std), normal.cdf((b - mean) / std)
    u = _random.uniform_(_on_host(tensor.array.shape), low, high, generator=generator).array
    # The smallest and the largest float64 between 0 and 1: there the inverse is finite.
    u = np.clip(u, np.nextafter(0.0, 1.0), np.nextafter(1.0, 0.0))
    values = np.fromiter(map(normal.inv_cdf, u.ravel()), np.float64, u.size).reshape(u.shape)
    values = np.clip(mean + std * values, a, b)
    return _filled(tensor, values)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with `val`."""
    tensor.array.fill(val)
    tensor.mark_changed()
    return tensor


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity: 1 on the diagonal, 0 elsewhere.

    Raises
    ------
    ValueError
        If `tensor` has not two axes.
    """
    _two_axes(tensor)
    return _filled(tensor, np.eye(*tensor.array.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that the convolution passes its input channels through.

    Parameters
    ----------
    tensor : Tensor of shape (N, C, ...) with one to three axes of the kernel
    groups : int
        The convolution's groups, each of which passes its channels.

    Raises
    ------
    ValueError
        If `tensor` has not three to five axes, or N is no multiple of `groups`.
    """
    shape = tensor.array.shape
    if len(shape) not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    values = np.zeros(shape)
    per_group = shape[0] // groups
    middle = tuple(length // 2 for length in shape[2:])
    for group in range(groups):
        for channel in range(min(per_group, shape[1])):
            values[(group * per_group + channel, channel, *middle)] = 1
    return _filled(tensor, values)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Draw from ``U(-a, a)`` with ``a = gain sqrt(6 / (fan_in + fan_out))``.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
    networks, 2010.
    """
    fan_in, fan_out = _fans(tensor)
    bound = gain * math.sqrt(6 / max(1, fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Draw from ``N(0, std^2)`` with ``std = gain sqrt(2 / (fan_in + fan_out))``.

    Source: Glorot and Bengio, 2010.
    """
    fan_in, fan_out = _fans(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2 / max(1, fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Draw from ``U(-bound, bound)`` with ``bound = gain sqrt(3 / fan)``.

    Parameters
    ----------
    tensor : Tensor of shape (N, K, ...)
    a : float
        The negative slope of the leaky_relu that follows.
    mode : {"fan_in", "fan_out"}
        Which variance to keep, of the forward or of the backward pass.
    nonlinearity : str
        See `calculate_gain`.
    generator : Generator, optional

    Source: He et al., Delving deep into rectifiers, 2015.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Draw from ``N(0, std^2)`` with ``std = gain / sqrt(fan)``; see `kaiming_uniform_`."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Fill with `gain` times a matrix whose rows or columns are orthonormal.

    The second and further axes count as columns. The matrix is the Q of a normally distributed
    one, with the signs that make it uniformly distributed.

    Source: Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks, 2013.
    """
    shape = tensor.array.shape
    if len(shape) < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.array.size == 0:
        return tensor
    rows, columns = shape[0], math.prod(shape[1:])
    values = _random.normal_(_on_host((rows, columns)), 0.0, 1.0, generator=generator).array
    Q, R = np.linalg.qr(values.T if rows < columns else values)
    Q = Q * np.sign(np.diag(R))
    return _filled(tensor, (gain * (Q.T if rows < columns else Q)).reshape(shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Draw a matrix from ``N(0, std^2)`` with a part `sparsity` of each column set to zero.

    Source: Martens, Deep learning via Hessian-free optimization, 2010.
    """
    _two_axes(tensor)
    rows, _ = shape = tensor.array.shape
    values = _random.normal_(_on_host(shape), 0.0, std, generator=generator).array
    order = _random.uniform_(_on_host(shape), 0.0, 1.0, generator=generator).array.argsort(axis=0)
    np.put_along_axis(values, order[: math.ceil(sparsity * rows)], 0, axis=0)
    return _filled(tensor, values)


def _detached(tensor: Tensor) -> Tensor:
    """The same memory without the tape, on which changes in place of a leaf are refused."""
    tensor.mark_changed()
    return Tensor(tensor.array)


def _on_host(shape: tuple[int, ...]) -> Tensor:
    """Where numbers are drawn that are worked on further before they go to their device."""
    return Tensor(np.empty(shape, np.float64))


def _filled(tensor: Tensor, values: np.ndarray) -> Tensor:
    copy_into(tensor, values)
    return tensor


def _two_axes(tensor: Variable) -> None:
    if tensor.array.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")


def _fans(tensor: Variable) -> tuple[int, int]:
    """How many inputs an output has and how many outputs an input, for a weight (N, K, ...)."""
    shape = tensor.array.shape
    if len(shape) < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _kaiming_std(tensor: Variable, a: float, mode: str, nonlinearity: str) -> float | None:
    """The standard deviation; None for a tensor without elements."""
    if 0 in tensor.array.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    if not isinstance(mode, str) or mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan_in, fan_out = _fans(tensor)
    fan = fan_in if mode.lower() == "fan_in" else fan_out
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)
