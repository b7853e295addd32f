"""Parameters as one vector and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...autograd import Variable
from ...backend import backend_of
from ...errors import DeviceError
from ...functions.joining import cat
from ...functions.shape import reshape
from ...tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Variable]) -> Tensor:
    """The elements of all `parameters`, one after the other, as a new tensor of one axis.

    Gradients flow back through it to the parameters.
    """
    parameters = list(parameters)
    if not parameters:
        raise ValueError("parameters: expected at least one parameter, got none")
    _check_devices([parameter.array for parameter in parameters])
    return cat([reshape(parameter, (-1,)) for parameter in parameters])


def vector_to_parameters(vec: Variable, parameters: Iterable[Variable]) -> None:
    """Copy the elements of `vec` into the `parameters`, in the memory that they have.

    Raises
    ------
    TypeError
        If `vec` is not a tensor.
    ValueError
        If it has not as many elements as the parameters together.
    """
    if not isinstance(vec, Variable):
        raise TypeError(f"vec: expected a gpunet.Tensor, but got {type(vec).__name__}")
    parameters = list(parameters)
    total = sum(parameter.array.size for parameter in parameters)
    if vec.array.shape != (total,):
        raise ValueError(
            f"vec: expected shape ({total},), one element for each of the parameters, got "
            f"{vec.array.shape}"
        )
    _check_devices([vec.array, *(parameter.array for parameter in parameters)])
    start = 0
    for parameter in parameters:
        stop = start + parameter.array.size
        parameter.array[...] = vec.array[start:stop].reshape(parameter.array.shape)
        parameter.mark_changed()
        start = stop


def _check_devices(arrays: list) -> None:
    devices = {backend_of(array).device_of(array) for array in arrays}
    if len(devices) > 1:
        raise DeviceError(
            f"all parameters must be on one device, but they are on "
            f"{' and '.join(sorted(map(str, devices)))}"
        )
