"""Clipping of gradients, without waiting for the device."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import GeneratorType
from typing import Any

import numpy as np

from ...autograd import Variable
from ...backend import Array, backend_for, backend_of
from ...backend.traced import live
from ...tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

INF = float("inf")


@live
def clip_grad_norm_(
    parameters: Variable | Iterable[Variable],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients in place so that the norm of all of them together is at most `max_norm`.

    ``g *= min(1, max_norm / (norm + 1e-6))``. The gradients that an optimiser has laid side by side
    take one kernel for the norm and one for the scaling.

    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks
    (2013).

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are passed over.
    max_norm : float
    norm_type : float
        p of the p-norm, p > 0; ``inf`` for the largest absolute value. Default: 2.
    error_if_nonfinite : bool
        Raise if the norm is NaN or infinite, for which this waits for the device. Default: False.
    foreach : bool, optional
        Accepted for PyTorch's scripts.

    Returns
    -------
    Tensor
        The norm before clipping, with no axes, on the gradients' device.

    Raises
    ------
    ValueError
        If `norm_type` is not positive.
    RuntimeError
        If the norm is not finite and `error_if_nonfinite`.
    """
    if isinstance(parameters, GeneratorType):
        parameters = list(parameters)
        if not parameters:
            warnings.warn(
                "`parameters` is an empty generator, no gradient clipping will occur.",
                stacklevel=2,
            )
    arrays, memories = gradient_arrays(parameters)
    if not arrays:
        return Tensor(np.zeros((), np.float32))
    norm = _norm(arrays, float(norm_type))
    if error_if_nonfinite:
        _refuse_nonfinite(norm, norm_type)
    _scale(arrays, memories, norm, float(max_norm))
    return _as_total(norm, arrays)


@live
def get_total_norm(
    tensors: Variable | Iterable[Variable],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all elements of `tensors` together.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
        Usually gradients.
    norm_type, error_if_nonfinite, foreach
        As in `clip_grad_norm_`.

    Returns
    -------
    Tensor
        With no axes, on the device of the first.

    Raises
    ------
    ValueError
        If `norm_type` is not positive.
    RuntimeError
        If the norm is not finite and `error_if_nonfinite`.
    """
    tensors = [tensors] if isinstance(tensors, Variable) else tensors
    arrays = [x.array for x in tensors]
    if not arrays:
        return Tensor(np.zeros((), np.float32))
    norm = _norm(arrays, float(norm_type))
    if error_if_nonfinite:
        _refuse_nonfinite(norm, norm_type)
    return _as_total(norm, arrays)


@live
def clip_grads_with_norm_(
    parameters: Variable | Iterable[Variable],
    max_norm: float,
    total_norm: Variable,
    foreach: bool | None = None,
) -> None:
    """Scale the gradients in place by ``min(1, max_norm / (total_norm + 1e-6))``.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
    max_norm : float
    total_norm : Tensor
        As `get_total_norm` returns it.
    foreach : bool, optional
        Accepted for PyTorch's scripts.
    """
    arrays, memories = gradient_arrays(parameters)
    if arrays:
        _scale(arrays, memories, total_norm.array.reshape(1).astype(np.float64), float(max_norm))


@live
def clip_grad_value_(
    parameters: Variable | Iterable[Variable], clip_value: float, foreach: bool | None = None
) -> None:
    """Cut every element of the gradients off, in place, to ``[-clip_value, clip_value]``.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are passed over.
    clip_value : float
    foreach : bool, optional
        Accepted for PyTorch's scripts.
    """
    clip_value = float(clip_value)
    for array in gradient_arrays(parameters)[0]:
        backend_of(array).xp.clip(array, -clip_value, clip_value, out=array)


def gradient_arrays(parameters: Variable | Iterable[Variable]) -> tuple[list[Array], list[Any]]:
    """The arrays of all gradients; one flat array where an optimiser laid them side by side.

    And the `gpunet.optim.span.GradientMemory` of each such array.
    """
    if isinstance(parameters, Variable):
        parameters = [parameters]
    single = []
    memories: dict[int, Any] = {}
    seen: dict[int, list[Array]] = {}
    known = set()
    for p in parameters:
        grad = p.grad
        if grad is None or id(p) in known:
            continue
        known.add(id(p))
        memory = getattr(p, "grad_memory", None)
        if memory is not None and grad.array is p.grad_buffer:
            memories[id(memory)] = memory
            seen.setdefault(id(memory), []).append(grad.array)
        else:
            single.append(grad.array)
    flat = []
    for key, arrays in seen.items():
        # A flat array that also holds gradients which are not asked for is of no use here.
        if len(arrays) == memories[key].number:
            single.append(memories[key].array)
            flat.append(memories[key])
        else:
            single += arrays
    return single, flat


def _norm(arrays: list[Array], p: float) -> Array:
    """The p-norm of all elements, a float64 array of shape (1,) on the device of the first."""
    if not p > 0:
        raise ValueError(f"norm_type must be greater than 0, got {p}")
    backend = backend_of(arrays[0])
    device = backend.device_of(arrays[0])
    parts = [_moved(_part(backend_of(array), array, p), device) for array in arrays]
    total = parts[0]
    if len(parts) > 1:
        together = backend.xp.concatenate(parts)
        total = together.max(keepdims=True) if p == INF else together.sum(keepdims=True)
    if p == 2:
        return backend.xp.sqrt(total)
    return total if p == INF else total ** (1 / p)


def _part(backend: Any, array: Array, p: float) -> Array:
    """What one array contributes, before the root: a float64 array of shape (1,)."""
    flat = backend.contiguous(array).reshape(-1)
    if p == 2 and flat.dtype in (np.float32, np.float64):
        total = backend.empty((1,), np.float64)
        backend.kernels.sum_of_squares(flat, total)
        return total
    if not flat.size:
        return backend.zeros((1,), np.float64)
    sizes = backend.xp.abs(flat.astype(np.float64))
    return sizes.max(keepdims=True) if p == INF else (sizes**p).sum(keepdims=True)


def _moved(array: Array, device: Any) -> Array:
    backend = backend_of(array)
    if backend.device_of(array) == device:
        return array
    return backend_for(device).from_numpy(backend.to_numpy(array), device)


def _scale(arrays: list[Array], memories: list[Any], norm: Array, max_norm: float) -> None:
    for array in arrays:
        backend = backend_of(array)
        own = _moved(norm, backend.device_of(array))
        if array.dtype.char == "E":  # bfloat16, of which the kernels know nothing
            wide = array.astype(np.float32).reshape(-1)
            backend.kernels.clip_scale(wide, own, max_norm)
            array[...] = wide.reshape(array.shape)
        elif array.flags.c_contiguous:
            backend.kernels.clip_scale(array.reshape(-1), own, max_norm)
        else:
            flat = backend.contiguous(array).reshape(-1)
            backend.kernels.clip_scale(flat, own, max_norm)
            array[...] = flat.reshape(array.shape)
    for memory in memories:
        memory.clear_gaps()  # 0 times a norm that is NaN is NaN, and would stay


def _as_total(norm: Array, arrays: list[Array]) -> Tensor:
    return Tensor(norm.astype(arrays[0].dtype).reshape(()))


def _refuse_nonfinite(norm: Array, norm_type: float) -> None:
    if not np.isfinite(backend_of(norm).to_numpy(norm)[0]):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
