"""The backward pass: the nodes of the tape in reverse, each one's gradients handed on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from sys import getrefcount
from typing import Any

import numpy as np

from ..backend import Array, backend_of
from .changes import CHANGES, saved_arrays
from .tape import Node, Operation, Output, Variable

__all__ = ["run_backward"]


# Infinity and NaN in a gradient are results, not accidents: the derivative of the root at 0.
@np.errstate(all="ignore")
def run_backward(
    roots: Sequence[Variable],
    gradients: Sequence[Array],
    retain_graph: bool = False,
    only: set[int] | None = None,
) -> None:
    """Add to the ``grad`` of every leaf that `roots` were made from.

    Parameters
    ----------
    roots : sequence of Variable
    gradients : sequence of array
        For each root the gradient of the result with respect to it, of its shape.
    retain_graph : bool
        Keep the saved arrays, so that another backward pass can follow.
    only : set of int, optional
        The ``id`` of the leaves that take part; all by default.

    Raises
    ------
    RuntimeError
        If the saved arrays are gone (a second backward pass without `retain_graph`), or if the
        memory of one was changed in place since.
    """
    for root, gradient in zip(roots, gradients):
        if root.node is None:
            _accumulate(root, gradient, True, only)
        else:
            _send(root.node, gradient)
    nodes = _reachable([root.node for root in roots if root.node is not None])
    nodes.sort(key=attrgetter("number"))
    try:
        while nodes:
            _step(nodes.pop(), retain_graph, only)
    finally:
        for node in nodes:  # after an error: leave nothing half-summed behind
            outputs = node.function.outputs
            node.grad = [None] * outputs if outputs > 1 else None


def _reachable(roots: Iterable[Node]) -> list[Node]:
    seen = set(roots)
    stack = list(seen)
    nodes = []
    while stack:
        node = stack.pop()
        nodes.append(node)
        for edge in node.edges:
            if type(edge) is Node and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return nodes


def _step(node: Node, retain_graph: bool, only: set[int] | None) -> None:
    """Run one node backwards and hand its gradients on."""
    function = node.function
    dY = node.grad
    edges = node.edges
    if type(function) is Output:
        node.grad = None
        if dY is not None:
            if node.hooks or node.retained:
                dY = _observed(node, dY)
            edges[0].grad[function.index] = dY
        return
    if function.outputs > 1:
        node.grad = [None] * function.outputs
        if all(part is None for part in dY):
            return
    else:
        node.grad = None
        if dY is None:
            return
        if node.hooks or node.retained:
            dY = _observed(node, dY)
    saved = node.saved
    moment = node.number
    if saved is None:
        saved, moment = _recomputed(node, retain_graph)
    if CHANGES.last > moment:
        _refuse_stale(node, saved, moment)
    needs = []
    for edge in edges:
        needs.append(edge is not None)
    if function.into:
        gradients = function.backward(node.backend, dY, saved, needs, _buffers(edges))
    else:
        gradients = function.backward(node.backend, dY, saved, needs)
    if not retain_graph:
        node.saved = None
    array_type = node.backend.array_type
    for edge, gradient in zip(edges, gradients):
        if edge is None or gradient is None:
            continue
        if type(gradient) is not array_type and isinstance(gradient, np.generic):
            gradient = np.asarray(gradient)  # NumPy's arithmetic turns 0-d arrays into scalars
        if type(edge) is not Node:
            if gradient is edge.grad_buffer and only is None:  # written in place: see _buffers
                edge.grad = Operation.result(gradient)
                continue
            shared = gradient is dY or sum([other is gradient for other in gradients]) > 1
            _accumulate(edge, gradient, shared, only)
        elif edge.grad is None:
            edge.grad = gradient
            edge.owned = False
        else:
            _send(edge, gradient)


def _buffers(edges: Sequence[Any]) -> list[Array | None]:
    """For each edge the memory that its gradient belongs in, where it can be written directly."""
    buffers: list[Array | None] = []
    for edge in edges:
        buffer = None
        if (
            edge is not None
            and type(edge) is not Node
            and edge.grad is None
            and edge.grad_buffer is not None
            # Matrix products and kernels write in C order.
            and edge.grad_buffer.flags.c_contiguous
            and not edge.hooks
            # A leaf that is two inputs of one operation has two gradients to add up.
            and not any([other is edge.grad_buffer for other in buffers])
        ):
            buffer = _free_buffer(edge)
        buffers.append(buffer)
    return buffers


def _references(leaf: Any) -> int:
    return getrefcount(leaf.grad_buffer)


def _free_buffer(leaf: Any) -> Array | None:
    """The memory for the gradient of `leaf`; None if somebody still holds what was in it last.

    PyTorch's gradients of different steps are different arrays, and scripts rely on it: two
    tasks' gradients are kept and compared. So memory of which a tensor, an array or a view is left
    anywhere is not written to again.
    """
    if leaf.grad_buffer is not None and _references(leaf) > _UNHELD:
        leaf.grad_buffer = None
    return leaf.grad_buffer


def _unheld() -> int:
    """How many references a buffer has that only the leaf and its optimiser hold."""
    leaf = Variable(None)
    leaf.grad_buffer = object()
    views = [leaf.grad_buffer]
    return _references(leaf) if views else 0


_UNHELD = _unheld()


def _recomputed(node: Node, retain_graph: bool) -> tuple[Any, int]:
    """What a node in a checkpoint saves when it is run again, and when that was."""
    saved: tuple[Any, int] = (None, 0)
    if node.recompute is not None:
        recomputation, index = node.recompute
        saved = recomputation.saved(index)
        if not retain_graph:
            node.recompute = None
    if saved[0] is None:
        raise RuntimeError(
            f"{node.function.name}: trying to go backward through the graph a second time, after "
            "its saved arrays have been freed; give retain_graph=True to the first backward()"
        )
    return saved


def _refuse_stale(node: Node, saved: Any, moment: int) -> None:
    """Raise if the memory of an array that `node` saved at `moment` was written to since."""
    for array in saved_arrays(saved, node.backend.array_type):
        if CHANGES.since(moment, array):
            raise RuntimeError(
                f"{node.function.name}: a tensor of shape {array.shape} was changed in place "
                "after it was used here, so the gradient can no longer be computed; change it "
                "after backward(), or use a copy"
            )


def _send(node: Node, gradient: Array) -> None:
    """Add `gradient` to what has arrived at `node`."""
    if node.grad is None:
        node.grad = gradient
        node.owned = False
    elif node.owned:
        node.grad += gradient
    else:
        total = _like(node.backend, gradient)
        node.grad = node.backend.xp.add(node.grad, gradient, total)
        node.owned = True


def _like(backend: Any, array: Array) -> Array:
    """Uninitialised memory in the shape and the memory order of `array`."""
    room = backend.like(array)
    return backend.xp.empty_like(array) if room is None else room


def _observed(node: Node, gradient: Array) -> Array:
    """`gradient` after the hooks of the node's output."""
    for hook in list(node.hooks or ()):
        gradient = _hooked(hook, gradient)
    variable = node.retained() if node.retained is not None else None
    if variable is not None:
        _accumulate_grad(variable, gradient, True)
    return gradient


def _hooked(hook: Callable[[Variable], Variable | None], gradient: Array) -> Array:
    replaced = hook(Operation.result(gradient))
    return gradient if replaced is None else replaced.array


def _accumulate(leaf: Variable, gradient: Array, shared: bool, only: set[int] | None) -> None:
    if only is not None and id(leaf) not in only:
        return
    for hook in list(leaf.hooks or ()):
        gradient = _hooked(hook, gradient)
    _accumulate_grad(leaf, gradient, shared)


def _accumulate_grad(variable: Variable, gradient: Array, shared: bool) -> None:
    """Set or add to ``variable.grad``. `shared`: someone else may hold `gradient` too."""
    if variable.grad is not None:
        variable.grad.array += gradient  # in place, as PyTorch does
        return
    if gradient is not variable.grad_buffer:
        buffer = _free_buffer(variable)
        if buffer is not None:
            backend_of(gradient).xp.copyto(buffer, gradient)
            gradient = buffer
        elif shared or type(gradient.base) is type(gradient):
            # It is, or is a view of, an array that others hold.
            if variable.array.flags.c_contiguous:
                gradient = gradient.copy()
            else:  # in the variable's memory order, as in PyTorch
                copy = _like(backend_of(gradient), variable.array)
                copy[...] = gradient
                gradient = copy
    variable.grad = Operation.result(gradient)
