"""The check that every operation passes on every device.

`check_op` runs a function of tensors and asserts

- its values against PyTorch's in float64 (where PyTorch is installed and a counterpart is given),
  and in float32 within float32's tolerance of the float64 values,
- its gradients against a finite difference along one random direction, in float64,
- its gradients against PyTorch's,
- that gradients have the shape and dtype of their inputs,
- that non-contiguous inputs give the same values,
- that the inputs are unchanged,
- that a recording of it, replayed, gives the same bits (see `gpunet.compile`).
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import gpunet
from gpunet.backend import Device, backend_for
from gpunet.backend.traced import root
from gpunet.capture.recording import Recording
from gpunet.errors import CaptureError

__all__ = ["array_of", "check_op", "on_device", "spoil", "torch_or_none"]


@functools.cache
def torch_or_none() -> Any:
    """PyTorch, or None where it is not installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    return torch


def on_device(array: Any, device: str, requires_grad: bool = False) -> gpunet.Tensor:
    """A leaf tensor on `device` with a copy of the NumPy array `array`."""
    backend = backend_for(Device(device))
    tensor = gpunet.Tensor(backend.from_numpy(np.array(array), Device(device)))
    return tensor.requires_grad_() if requires_grad else tensor


def array_of(tensor: Any) -> np.ndarray:
    """The values of a tensor on any device, or of an array, as a NumPy array."""
    array = tensor.array if isinstance(tensor, gpunet.Tensor) else tensor
    return array if isinstance(array, np.ndarray) else array.get()


def _tuple(result: Any) -> tuple[Any, ...]:
    return tuple(result) if isinstance(result, tuple | list) else (result,)


def check_op(
    function: Callable[..., Any],
    *inputs: Any,
    device: str,
    torch_function: Callable[..., Any] | None = None,
    differentiable: Sequence[int] | None = None,
    step: float = 1e-6,
    tolerance: float = 1e-6,
    float32: bool = True,
    seed: int = 0,
) -> None:
    """Check `function`, which takes as many tensors as there are `inputs`.

    Parameters
    ----------
    function : callable
        Takes tensors, returns a tensor or a tuple of tensors.
    *inputs : array
        NumPy arrays; floating-point ones as float64.
    device : str
    torch_function : callable, optional
        The same with PyTorch's tensors. Not run where PyTorch is absent.
    differentiable : sequence of int, optional
        The inputs whose gradients are checked; all floating-point ones by default.
    step, tolerance : float
        Of the finite difference, and the relative tolerance of its comparison.
    float32 : bool
        Also run in float32.
    seed : int
        Of the random direction and output weights.
    """
    rng = np.random.default_rng(seed)
    inputs = tuple(np.asarray(x) for x in inputs)
    if differentiable is None:
        differentiable = [i for i, x in enumerate(inputs) if x.dtype.kind == "f"]

    # Values and gradients in float64.
    tensors = [on_device(x, device, i in differentiable) for i, x in enumerate(inputs)]
    outputs = _tuple(function(*tensors))
    values = [array_of(y) for y in outputs]
    weights = [rng.standard_normal(y.shape) if y.dtype.kind == "f" else None for y in values]
    grads: dict[int, np.ndarray] = {}
    if differentiable:
        _backward(outputs, weights, device)
        for i in differentiable:
            assert tensors[i].grad is not None, f"input {i} received no gradient"
            grads[i] = array_of(tensors[i].grad)
            assert grads[i].shape == inputs[i].shape, f"gradient of input {i}: {grads[i].shape}"
            assert grads[i].dtype == inputs[i].dtype, f"gradient of input {i}: {grads[i].dtype}"
    for tensor, x in zip(tensors, inputs):
        np.testing.assert_array_equal(array_of(tensor), x, "the operation changed its input")
    if device == "cpu":
        _check_replay(function, inputs, differentiable, weights)

    # Finite difference of the weighted sum of the outputs along one random direction.
    if differentiable:
        direction = {i: rng.standard_normal(inputs[i].shape) for i in differentiable}

        def loss(t: float) -> float:
            moved = [
                on_device(x + t * direction[i] if i in direction else x, device)
                for i, x in enumerate(inputs)
            ]
            with gpunet.no_grad():
                ys = _tuple(function(*moved))
            return sum(float((array_of(y) * w).sum()) for y, w in zip(ys, weights) if w is not None)

        numeric = (loss(step) - loss(-step)) / (2 * step)
        analytic = sum(float((grads[i] * direction[i]).sum()) for i in differentiable)
        scale = max(1.0, abs(numeric), sum(float(np.abs(g).sum()) for g in grads.values()) * 1e-2)
        assert abs(numeric - analytic) <= tolerance * scale, (
            f"directional derivative: {analytic} from backward, {numeric} by finite difference"
        )

    # Non-contiguous inputs.
    strided = []
    for x in inputs:
        tensor = on_device(x, device)
        if x.ndim:
            backend = backend_for(Device(device))
            wide = backend.from_numpy(np.repeat(x[..., None], 2, axis=-1), Device(device))
            tensor = gpunet.Tensor(wide[..., 0])
        strided.append(tensor)
    for y, expected in zip(_tuple(function(*strided)), values):
        np.testing.assert_allclose(array_of(y), expected, rtol=1e-12, atol=1e-12)

    # float32 against the float64 values.
    if float32:
        singles = [x.astype(np.float32) if x.dtype == np.float64 else x for x in inputs]
        for y, expected in zip(_tuple(function(*[on_device(x, device) for x in singles])), values):
            y = array_of(y)
            if expected.dtype == np.float64:
                assert y.dtype == np.float32, f"float32 inputs gave {y.dtype}"
                top = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
                np.testing.assert_allclose(y, expected, rtol=2e-4, atol=2e-5 * top)

    torch = torch_or_none()
    if torch_function is None or torch is None:
        return
    theirs = [torch.tensor(x, requires_grad=i in differentiable) for i, x in enumerate(inputs)]
    their_outputs = _tuple(torch_function(*theirs))
    assert len(their_outputs) == len(outputs)
    for y, expected in zip(values, their_outputs):
        assert y.shape == tuple(expected.shape), f"shape {y.shape}, PyTorch's {expected.shape}"
        assert str(y.dtype) == str(expected.dtype).removeprefix("torch."), (
            f"dtype {y.dtype}, PyTorch's {expected.dtype}"
        )
        np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-9, atol=1e-9)
    if differentiable:
        total = sum(
            (y * torch.tensor(w)).sum() for y, w in zip(their_outputs, weights) if w is not None
        )
        total.backward()
        for i in differentiable:
            expected = theirs[i].grad
            expected = np.zeros(inputs[i].shape) if expected is None else expected.numpy()
            np.testing.assert_allclose(
                grads[i], expected, rtol=1e-8, atol=1e-8, err_msg=f"gradient of input {i}"
            )


def _backward(outputs: tuple[Any, ...], weights: list[Any], device: str) -> None:
    pairs = [
        (y, on_device(w, device))
        for y, w in zip(outputs, weights)
        if w is not None and y.requires_grad
    ]
    gpunet.autograd.backward([y for y, _ in pairs], [w for _, w in pairs])


#: Why an operation may not be recorded.
REFUSED = "is made from the values of a tensor", "a generator of random numbers is made or seeded"


def _check_replay(
    function: Callable[..., Any], inputs: Any, differentiable: Sequence[int], weights: list[Any]
) -> None:
    """Compare a replay, over memory that was filled with garbage, with the step itself."""
    leaves = [on_device(x, "cpu", i in differentiable) for i, x in enumerate(inputs)]

    def step() -> tuple[list[Any], list[Any]]:
        for i in differentiable:
            leaves[i].grad = None
        outputs = _tuple(function(*leaves))
        if differentiable:
            _backward(outputs, weights, "cpu")
        return [y.detach() for y in outputs], [leaves[i].grad for i in differentiable]

    state = gpunet.get_rng_state()
    expected = [[array_of(x).copy() for x in part] for part in step()]
    gpunet.set_rng_state(state)
    try:
        recording = Recording(step, (), {}, False)
    except CaptureError as error:
        if any(reason in str(error) for reason in REFUSED):
            return
        raise
    spoil(recording)
    gpunet.set_rng_state(state)
    for part, arrays in zip(recording.replay([]), expected):
        for tensor, array in zip(part, arrays, strict=True):
            replayed = array_of(tensor)
            assert (replayed.shape, replayed.dtype) == (array.shape, array.dtype)
            assert replayed.tobytes() == array.tobytes(), (
                f"a replay gives other bits:\n{replayed}\nin place of\n{array}"
            )


def spoil(recording: Recording) -> None:
    """Fill all memory of a recording with garbage."""

    def memories(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            holder = root(x)
            if type(holder).__name__ == "_Memory":
                yield holder
        elif isinstance(x, tuple | list):
            for item in x:
                yield from memories(item)
        elif isinstance(x, dict):
            yield from memories(list(x.values()))

    for memory in memories([args for _, args in recording.program.calls]):
        memory.fill(0xF7)
