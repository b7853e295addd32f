"""`Tensor`: an array on the tape, with PyTorch's methods."""

from __future__ import annotations

from typing import Any

from . import autograd
from .autograd import Function, Variable
from .backend import Device, backend_for, backend_of
from .functions import arithmetic

__all__ = ["Tensor"]


class Tensor(Variable):
    """An n-dimensional array that remembers how it was made.

    Made by `gpunet.tensor`, `gpunet.from_numpy`, `gpunet.zeros` and the like. ``.array`` is the raw
    NumPy or CuPy array.
    """

    __slots__ = ()

    # --- the tape -----------------------------------------------------------------------------

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was made by the user, not by an operation on the tape."""
        return self.node is None

    @property
    def grad_fn(self) -> Any:
        """The tape's node that made this tensor; None for a leaf."""
        return self.node

    def backward(
        self, gradient: Tensor | None = None, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add the gradient of this tensor to the ``grad`` of every leaf that it was made from.

        Parameters
        ----------
        gradient : Tensor, optional
            What stands before this tensor in the sum; may be left out for a single element.
        retain_graph : bool
            Keep the graph, so that another backward pass can follow.
        create_graph : bool
            Must be False: gradients of gradients are not computed.
        """
        autograd.backward(self, gradient, retain_graph, create_graph)

    def detach(self) -> Tensor:
        """The same array with no history."""
        return Tensor(self.array)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set whether `backward` reaches this leaf."""
        self.requires_grad = requires_grad
        return self

    # --- where it is --------------------------------------------------------------------------

    @property
    def device(self) -> Device:
        """Where the array lives."""
        return backend_of(self.array).device_of(self.array)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.array.shape

    @property
    def dtype(self) -> Any:
        """The NumPy dtype of the elements."""
        return self.array.dtype

    def numpy(self) -> Any:
        """The values as a NumPy array; the tensor must be on the CPU and need no gradient."""
        return self.array

    # --- arithmetic ---------------------------------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        return arithmetic.add(self, other)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Tensor:
        return arithmetic.mul(self, other)

    __rmul__ = __mul__


# What every operation returns.
Function.result = Tensor
