"""What the tape is made of: `Variable`, `Node`, and `Operation`, which records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..backend import Array, Backend, backend_of
from ..errors import DeviceError
from .changes import CHANGES, next_number
from .mode import MODE

__all__ = ["Node", "Operation", "Output", "Variable"]


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
    hooks : list or None
        Functions of the gradient, called by `backward`.
    """

    # Class defaults in place of slots: most variables never set these, and making a variable is
    # a good part of what an operation costs.
    requires_grad = False
    grad: Any = None
    grad_buffer: Any = None
    hooks: Any = None

    def __init__(self, array: Array, node: Node | None = None):
        self.array = array
        self.node = node
        if node is not None:
            self.requires_grad = True

    def mark_changed(self) -> None:
        """Note that the values were changed in place, so that a stale `backward` is an error."""
        CHANGES.note(self.array)


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
    recompute : tuple or None
        In a checkpoint, in place of `saved`: the `Recomputation` and the node's place in it.
    """

    grad: Any = None
    owned = False
    hooks: Any = None
    retained: Any = None
    recompute: Any = None

    def __init__(self, function: Any, backend: Backend, edges: Sequence[Any], saved: Any):
        self.function = function
        self.backend = backend
        self.edges = edges
        self.saved = saved
        self.number = next_number()

    def __repr__(self) -> str:
        return f"<{self.function.name} #{self.number}>"


class Operation:
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
        edges: list[Node | Variable | None] = []
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
        node = Node(self, backend, edges, saved) if wanted and MODE.enabled else None
        if self.outputs == 1:
            if type(output) is not backend.array_type:  # NumPy's reductions give scalars
                output = backend.xp.asarray(output)
            return Operation.result(output, node)
        if node is None:
            return tuple([Operation.result(array) for array in output])
        node.grad = [None] * self.outputs
        return tuple(
            [
                Operation.result(array, Node(Output(i), backend, (node,), None))
                for i, array in enumerate(output)
            ]
        )

    def __repr__(self) -> str:
        return f"<Operation {self.name}>"


class Output:
    """The function of the nodes that stand for one output each of a node with several."""

    name = "output"
    outputs = 1

    def __init__(self, index: int):
        self.index = index


def _first_array(inputs: Sequence[Any]) -> Array:
    for x in inputs:
        if isinstance(x, Variable):
            return x.array
    raise TypeError("expected at least one tensor among the arguments")


def _mixed_devices(function: Operation, inputs: Sequence[Any]) -> DeviceError:
    places = ", ".join(
        f"argument {i} is on {backend_of(x.array).device_of(x.array)}"
        for i, x in enumerate(inputs)
        if isinstance(x, Variable)
    )
    return DeviceError(
        f"{function.name}: all tensors must be on one device, but {places}; "
        "move them with .to(device)"
    )
