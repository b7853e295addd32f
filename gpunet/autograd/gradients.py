"""What a user calls: `backward` and `grad`, as in ``torch.autograd``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend import Array, backend_of
from .engine import run_backward
from .tape import Variable

__all__ = ["backward", "grad"]


def backward(
    tensors: Variable | Sequence[Variable],
    grad_tensors: Variable | Sequence[Variable | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Variable | Sequence[Variable] | None = None,
) -> None:
    """Add the gradient of the sum of `tensors` to the ``grad`` of the leaves they were made from.

    Parameters
    ----------
    tensors : Variable or sequence of Variable
    grad_tensors : Variable or sequence of Variable, optional
        What stands before each tensor in the sum; may be left out for tensors of one element.
    retain_graph : bool, optional
        Keep the graph, so that another backward pass can follow. Default: False.
    create_graph : bool
        Must be False: gradients of gradients are not computed.
    inputs : Variable or sequence of Variable, optional
        The leaves whose ``grad`` is added to; all by default.

    Raises
    ------
    NotImplementedError
        For ``create_graph=True``.
    RuntimeError
        If a tensor does not require a gradient, if a gradient is missing or of another shape, or
        if the graph has been freed by an earlier backward pass.
    """
    _refuse_create_graph(create_graph)
    roots = _sequence(tensors)
    given = (None,) * len(roots) if grad_tensors is None else _sequence(grad_tensors)
    seeds = [_seed(y, dy) for y, dy in zip(roots, given, strict=True)]
    only = None if inputs is None else {id(x) for x in _sequence(inputs)}
    run_backward(roots, seeds, bool(retain_graph), only)


def _sequence(x: Any) -> tuple[Any, ...]:
    return (x,) if isinstance(x, Variable) else tuple(x)


def grad(
    outputs: Variable | Sequence[Variable],
    inputs: Variable | Sequence[Variable],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Variable, ...]:
    """The gradients of `outputs` with respect to `inputs`, as ``torch.autograd.grad``.

    Nothing is added to any ``grad``.

    Parameters
    ----------
    outputs, inputs : Variable or sequence of Variable
    grad_outputs : Variable or sequence of Variable, optional
        What stands before each output in the sum; ones for scalar outputs.
    retain_graph : bool, optional
        Keep the graph for another pass. Default: False.
    create_graph : bool
        Must be False: gradients of gradients are not computed.
    allow_unused : bool
        Give None for an input that the outputs do not depend on, instead of an error.

    Raises
    ------
    NotImplementedError
        For ``create_graph=True``.
    RuntimeError
        If an input has no part in the outputs and `allow_unused` is False, or does not require a
        gradient.
    """
    _refuse_create_graph(create_graph)
    roots, leaves = _sequence(outputs), _sequence(inputs)
    if grad_outputs is None or isinstance(grad_outputs, Variable):
        grad_outputs = (grad_outputs,) * len(roots)
    for i, x in enumerate(leaves):
        if not x.requires_grad:
            raise RuntimeError(f"grad: input {i} does not require a gradient")
    # The inputs' own gradients are set aside, computed afresh, and put back.
    kept = [(x.grad, x.grad_buffer, x.node and x.node.retained) for x in leaves]
    for x in leaves:
        x.grad = x.grad_buffer = None
        if x.node is not None:
            x.node.retained = lambda x=x: x
    try:
        seeds = [_seed(y, dy) for y, dy in zip(roots, grad_outputs, strict=True)]
        run_backward(roots, seeds, bool(retain_graph), {id(x) for x in leaves})
        found = tuple(x.grad for x in leaves)
    finally:
        for x, (old, buffer, retained) in zip(leaves, kept):
            x.grad, x.grad_buffer = old, buffer
            if x.node is not None:
                x.node.retained = retained
    for i, gradient in enumerate(found):
        if gradient is None and not allow_unused:
            raise RuntimeError(
                f"grad: input {i} was not used to compute the outputs; "
                "give allow_unused=True to get None for it"
            )
    return found


def _refuse_create_graph(create_graph: bool) -> None:
    """Raise the error for ``create_graph=True``."""
    if create_graph:
        raise NotImplementedError(
            "create_graph=True is not supported: gpunet computes first-order gradients only"
        )


def _seed(output: Variable, gradient: Variable | None) -> Array:
    """The array that a backward pass starts with at `output`."""
    if not output.requires_grad:
        raise RuntimeError(
            "the tensor does not require a gradient and was not made from one that does, "
            "so there is nothing to go backward through"
        )
    array = output.array
    if gradient is None:
        if array.size != 1:
            raise RuntimeError(
                "the gradient can be left out only for a tensor of one element, "
                f"not for shape {array.shape}"
            )
        return backend_of(array).xp.ones_like(array)
    if gradient.array.shape != array.shape:
        raise RuntimeError(
            f"the gradient has shape {gradient.array.shape}, but the tensor has {array.shape}"
        )
    return gradient.array.astype(array.dtype, copy=False)
