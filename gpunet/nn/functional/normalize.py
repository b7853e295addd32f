"""Vectors of length 1."""

from __future__ import annotations

from typing import Any

from ...autograd import Variable
from ...functions.arithmetic import div
from ...functions.elementwise import clamp_min
from ...functions.reduction import norm

__all__ = ["normalize"]


def normalize(input: Variable, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Any:
    """``Y = X / max(|X|_p, eps)``, with the norm along `dim`.

    Parameters
    ----------
    input : Tensor
    p : float
        The norm is ``(sum |x|^p)^(1/p)``.
    dim : int or tuple of int
    eps : float
        Against division by zero.

    Raises
    ------
    IndexError
        If there is no such axis.
    """
    return div(input, clamp_min(norm(input, p, dim, keepdim=True), eps))
