"""The tape: it records which operation made which tensor, and runs the operations backwards.

An operation is a pair of functions on raw arrays, from `gpunet.ops`::

    forward(backend, *arrays, **options)            -> output array, saved arrays
    backward(backend, dY, saved, needs)             -> one gradient (or None) for each input

`Function` puts such a pair on the tape. Calling it computes the output and, where a gradient may be
asked for later, leaves a `Node` behind:

    loss.node ─> Node(cross_entropy) ─> Node(linear) ─> Node(linear) ─> leaf: weight
                                              └─> leaf: weight    └─> leaf: bias

Nodes point backwards only, from an output to the nodes and leaf tensors that it was made from, so
there are no cycles and a graph is freed, by its reference counts, as soon as its last output is
dropped. `backward` takes the nodes in the reverse of the order in which they were made, which one
global counter gives, and drops each node's saved arrays once it has used them.

Gradients are of first order: backward functions work on raw arrays and leave no tape of their own.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from operator import attrgetter
from typing import Any

from .backend import Array, Backend, Device, backend_of
from .errors import DeviceError

__all__ = [
    "Function",
    "Node",
    "Variable",
    "backward",
    "enable_grad",
    "grad",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]

_next_number = itertools.count(1).__next__


class _Mode(threading.local):
    enabled = True


_mode = _Mode()


class Variable:
    """An array and its place on the tape; `gpunet.Tensor` adds the operations.

    Attributes
    ----------
    array : numpy.ndarray or cupy.ndarray
        The raw values.
    requires_grad : bool
        Whether `backward` reaches this variable.
    grad : Variable or None
        For a leaf, what `backward` has accumulated so far.
    node : Node or None
        What made it; None for a leaf.
    grad_buffer : array or None
        For a leaf, memory of the same shape in which `backward` places the gradient, so that the
        gradients of a model stand side by side (see `gpunet.optim.flat`).
    changed : int
        The moment, on the tape's counter, of the last change in place.
    hooks : list or None
        Functions of the gradient, called by `backward`.
    """

    # Class defaults in place of slots: most variables never set these, and making a variable is
    # a good part of what an operation costs.
    requires_grad = False
    grad: Any = None
    grad_buffer: Any = None
    changed = 0
    hooks: Any = None

    def __init__(self, array: Array, node: Node | None = None):
        self.array = array
        self.node = node
        if node is not None:
            self.requires_grad = True

    def mark_changed(self) -> None:
        """Note that the values were changed in place, so that a stale `backward` is an error."""
        self.changed = _next_number()


class Node:
    """One operation that was done, with what its backward pass needs.

    Attributes
    ----------
    edges : tuple
        For each input the `Node` that made it, the leaf `Variable` that it is, or None where no
        gradient is wanted.
    saved : tuple or None
        The second result of the forward function; None once backward has used it.
    number : int
        Its place in the order of all operations.
    grad : array or list or None
        During `backward`, the sum of the gradients that have arrived.
    owned : bool
        Whether `grad` is an array of our own, which may be added to in place.
    retained : Variable or None
        The output, if it asked to keep its gradient (`retain_grad`). A weak reference.
    """

    grad: Any = None
    owned = False
    hooks: Any = None
    retained: Any = None

    def __init__(self, function: Any, backend: Backend, edges: Sequence[Any], saved: Any):
        self.function = function
        self.backend = backend
        self.edges = edges
        self.saved = saved
        self.number = _next_number()

    def __repr__(self) -> str:
        return f"<{self.function.name} #{self.number}>"


class Function:
    """A pair of operations on raw arrays, made into an operation on tensors.

    Parameters
    ----------
    forward : callable
        ``forward(backend, *arrays, **options) -> (Y, saved)``. `Y` is an array, or a tuple of
        arrays where `outputs` says so.
    backward : callable
        ``backward(backend, dY, saved, needs) -> tuple`` with one entry for each input: its
        gradient, of the input's shape, or None. ``needs[i]`` tells whether input i wants one.
        It must not change `dY`. With several outputs `dY` is a list with None for each output
        that had no influence on the result.
    outputs : int
        How many arrays `forward` returns; 1 means the array itself.
    into : bool
        Whether `backward` takes a fifth argument ``out``: for each input an array to write its
        gradient into, or None. What it writes there it also returns.
    name : str
        For messages; the name of `forward` without ``_forward`` by default.
    """

    #: What calls return: `gpunet.Tensor`, which enters itself here when it is defined.
    result: type[Variable] = Variable

    __slots__ = ("backward", "forward", "into", "name", "outputs")

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        *,
        outputs: int = 1,
        into: bool = False,
        name: str = "",
    ):
        self.forward = forward
        self.backward = backward
        self.outputs = outputs
        self.into = into
        self.name = name or forward.__name__.removesuffix("_forward")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Apply the operation to variables, numbers and None; `options` go to `forward`."""
        arrays = []
        edges = []
        wanted = False
        kind = None
        for x in inputs:
            if isinstance(x, Variable):
                array = x.array
                if kind is None:
                    kind = type(array)
                elif type(array) is not kind:
                    raise _mixed_devices(self, inputs)
                arrays.append(array)
                if x.requires_grad:
                    edges.append(x.node or x)
                    wanted = True
                else:
                    edges.append(None)
            else:
                arrays.append(x)
                edges.append(None)
        backend = backend_of(arrays[0] if kind is type(arrays[0]) else _first_array(inputs))
        output, saved = self.forward(backend, *arrays, **options)
        node = Node(self, backend, edges, saved) if wanted and _mode.enabled else None
        if self.outputs == 1:
            if type(output) is not backend.array_type:  # NumPy's reductions give scalars
                output = backend.xp.asarray(output)
            return Function.result(output, node)
        if node is None:
            return tuple([Function.result(array) for array in output])
        node.grad = [None] * self.outputs
        return tuple(
            [Function.result(array, _output_of(node, i)) for i, array in enumerate(output)]
        )

    def __repr__(self) -> str:
        return f"<Function {self.name}>"


class _Output:
    """The function of the nodes that stand for one output each of a node with several."""

    name = "output"

    def __init__(self, index: int):
        self.index = index


def _output_of(node: Node, index: int) -> Node:
    return Node(_Output(index), node.backend, (node,), None)


def _first_array(inputs: Sequence[Any]) -> Array:
    for x in inputs:
        if isinstance(x, Variable):
            return x.array
    raise TypeError("expected at least one tensor among the arguments")


def _mixed_devices(function: Function, inputs: Sequence[Any]) -> DeviceError:
    places = ", ".join(
        f"argument {i} is on {backend_of(x.array).device_of(x.array)}"
        for i, x in enumerate(inputs)
        if isinstance(x, Variable)
    )
    return DeviceError(
        f"{function.name}: all tensors must be on one device, but {places}; "
        "move them with .to(device)"
    )


# --- the backward pass -------------------------------------------------------------------------


def backward(
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
        If the saved arrays are gone (a second backward pass without `retain_graph`), or if a leaf
        that an operation saved was changed in place since.
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
            node.grad = [None] * node.function.outputs if _has_several_outputs(node) else None


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


def _has_several_outputs(node: Node) -> bool:
    return type(node.function) is Function and node.function.outputs > 1


def _step(node: Node, retain_graph: bool, only: set[int] | None) -> None:
    """Run one node backwards and hand its gradients on."""
    function = node.function
    dY = node.grad
    edges = node.edges
    if type(function) is _Output:
        node.grad = None
        if dY is not None:
            if node.hooks or node.retained:
                dY = _observed(node, dY)
            _send_to_output(edges[0], function.index, dY)
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
    if saved is None:
        raise RuntimeError(
            f"{function.name}: trying to go backward through the graph a second time, after its "
            "saved arrays have been freed; give retain_graph=True to the first backward()"
        )
    needs = []
    for edge in edges:
        needs.append(edge is not None)
        if type(edge) is not Node and edge is not None and edge.changed > node.number:
            _refuse_stale(function, saved, edge)
    if function.into:
        gradients = function.backward(node.backend, dY, saved, needs, _buffers(edges))
    else:
        gradients = function.backward(node.backend, dY, saved, needs)
    if not retain_graph:
        node.saved = None
    for edge, gradient in zip(edges, gradients):
        if edge is None or gradient is None:
            continue
        if type(edge) is not Node:
            # A gradient that is dY itself may have gone to a second edge as well.
            _accumulate(edge, gradient, gradient is dY, only)
        elif edge.grad is None:
            edge.grad = gradient
            edge.owned = False
        else:
            _send(edge, gradient)


def _buffers(edges: Sequence[Any]) -> list[Array | None]:
    """For each edge the memory that its gradient belongs in, where it can be written directly."""
    return [
        edge.grad_buffer
        if type(edge) is not Node and edge is not None and edge.grad is None and not edge.hooks
        else None
        for edge in edges
    ]


def _refuse_stale(function: Function, saved: tuple[Any, ...], leaf: Variable) -> None:
    if any(item is leaf.array for item in saved):
        raise RuntimeError(
            f"{function.name}: a tensor of shape {leaf.array.shape} was changed in place after it "
            "was used here, so the gradient can no longer be computed; change it after "
            "backward(), or use a copy"
        )


def _send(node: Node, gradient: Array) -> None:
    """Add `gradient` to what has arrived at `node`."""
    if node.grad is None:
        node.grad = gradient
        node.owned = False
    elif node.owned:
        node.grad += gradient
    else:
        backend = node.backend
        total = backend.empty(gradient.shape, gradient.dtype)
        node.grad = backend.xp.add(node.grad, gradient, total)
        node.owned = True


def _send_to_output(node: Node, index: int, gradient: Array) -> None:
    node.grad[index] = gradient


def _observed(node: Node, gradient: Array) -> Array:
    """`gradient` after the hooks of the node's output."""
    for hook in list(node.hooks or ()):
        gradient = _hooked(hook, gradient)
    variable = node.retained() if node.retained is not None else None
    if variable is not None:
        _accumulate_grad(variable, gradient, True)
    return gradient


def _hooked(hook: Callable[[Variable], Variable | None], gradient: Array) -> Array:
    replaced = hook(Function.result(gradient))
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
        # Not in place: the user may hold the earlier gradient, unless it is in our buffer.
        if variable.grad.array is variable.grad_buffer:
            variable.grad.array += gradient
        else:
            variable.grad = Function.result(variable.grad.array + gradient)
        return
    buffer = variable.grad_buffer
    if buffer is not None and gradient is not buffer:
        buffer[...] = gradient
        gradient = buffer
    elif buffer is None and (shared or type(gradient.base) is type(gradient)):
        gradient = gradient.copy()  # it is, or is a view of, an array that others hold
    variable.grad = Function.result(gradient)


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
    refuse_create_graph(create_graph)
    outputs = (outputs,) if isinstance(outputs, Variable) else tuple(outputs)
    inputs = (inputs,) if isinstance(inputs, Variable) else tuple(inputs)
    if grad_outputs is None or isinstance(grad_outputs, Variable):
        grad_outputs = (grad_outputs,) * len(outputs)
    for i, x in enumerate(inputs):
        if not x.requires_grad:
            raise RuntimeError(f"grad: input {i} does not require a gradient")
    # The inputs' own gradients are set aside, computed afresh, and put back.
    kept = [(x.grad, x.grad_buffer, x.node and x.node.retained) for x in inputs]
    for x in inputs:
        x.grad = x.grad_buffer = None
        if x.node is not None:
            x.node.retained = lambda x=x: x
    try:
        seeds = [_seed(y, dy) for y, dy in zip(outputs, grad_outputs)]
        backward(outputs, seeds, bool(retain_graph), {id(x) for x in inputs})
        found = tuple(x.grad for x in inputs)
    finally:
        for x, (old, buffer, retained) in zip(inputs, kept):
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


def refuse_create_graph(create_graph: bool) -> None:
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


# --- switching the tape off ---------------------------------------------------------------------


class set_grad_enabled:
    """Switch the tape on or off, at once and as a context manager or decorator.

    Parameters
    ----------
    mode : bool
    """

    def __init__(self, mode: bool):
        self.previous = _mode.enabled
        self.mode = mode
        _mode.enabled = mode

    def __enter__(self) -> None:
        _mode.enabled = self.mode

    def __exit__(self, *exception: Any) -> None:
        _mode.enabled = self.previous


class no_grad:
    """No operation inside is recorded; a context manager and a decorator, as in PyTorch."""

    mode = False

    def __init__(self) -> None:
        self.previous: list[bool] = []

    def __enter__(self) -> None:
        self.previous.append(_mode.enabled)
        _mode.enabled = self.mode

    def __exit__(self, *exception: Any) -> None:
        _mode.enabled = self.previous.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return wrapper


class enable_grad(no_grad):
    """Operations inside are recorded, even within `no_grad`."""

    mode = True


def is_grad_enabled() -> bool:
    """Whether operations are recorded in this thread."""
    return _mode.enabled


def device_of(variable: Variable) -> Device:
    """The device of a variable's array."""
    return backend_of(variable.array).device_of(variable.array)
