"""`Parameter`: a tensor that a module registers as something to be learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Variable
from ..backend import CPU, Device, backend_for, backend_of, default_device
from ..dtypes import FLOATING, as_dtype, get_default_dtype
from ..tensor import Tensor

__all__ = ["Parameter", "empty_parameter"]


class Parameter(Tensor):
    """A leaf tensor that `gpunet.nn.Module` enters among its parameters when it is assigned.

    Parameters
    ----------
    data : Tensor or array, optional
        The values; the parameter shares their memory. An empty tensor by default.
    requires_grad : bool
        Whether `backward` computes its gradient. Default: True.

    Raises
    ------
    TypeError
        If `data` is neither a tensor nor a NumPy or CuPy array.
    RuntimeError
        If a gradient is asked for and the values are not floating-point numbers.
    """

    def __init__(self, data: Any = None, requires_grad: bool = True):
        if data is None:
            array = CPU.empty((0,), "float32")
        elif isinstance(data, Variable):
            array = data.array
        else:
            backend_of(data)  # an error for what is not an array
            array = data
        if requires_grad and array.dtype.kind not in FLOATING:
            raise RuntimeError(
                "only tensors of floating-point dtype can require gradients, and data has dtype "
                f"{array.dtype}"
            )
        super().__init__(array)
        self.requires_grad = bool(requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        """A parameter with a copy of the values, without the gradient."""
        known = memo.get(id(self))
        if known is None:
            known = type(self)(self.array.copy(order="K"), self.requires_grad)
            memo[id(self)] = known
        return known


def empty_parameter(*shape: int, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter of zeros, for a layer to fill, on the default device and of the default dtype.

    Raises
    ------
    ValueError
        If a length is negative.
    """
    if any(length < 0 for length in shape):
        raise ValueError(f"the shape of a parameter cannot have negative lengths, got {shape}")
    place = default_device() if device is None else Device(device)
    kind = get_default_dtype() if dtype is None else as_dtype(dtype)
    return Parameter(backend_for(place).from_numpy(np.zeros(shape, kind), place))
