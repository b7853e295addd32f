"""The parts of a flat buffer, and what a parameter knows of it."""

from __future__ import annotations

from ..backend import Array

__all__ = ["GradientMemory", "Span"]


class GradientMemory:
    """The flat array of gradients as `gpunet.nn.utils.clip_grad_norm_` meets it on a parameter.

    Attributes
    ----------
    array : array of shape (N,)
    views : list of array
        Each parameter's part of it. Beside ``p.grad_buffer`` this is the only reference to them, so
        that `gpunet.autograd` can tell whether anybody else holds one.
    gaps : int64 array
        The places between them, which hold zeros.
    """

    __slots__ = ("array", "gaps", "views")

    def __init__(self, array: Array, views: list[Array], gaps: Array):
        self.array = array
        self.views = views
        self.gaps = gaps

    def clear_gaps(self) -> None:
        """Zeros in the gaps again, after the whole array was multiplied: by NaN, for example."""
        if self.gaps.size:
            self.array[self.gaps] = 0

    @property
    def number(self) -> int:
        """How many parameters have their gradient in it."""
        return len(self.views)


class Span:
    """Parameters ``start`` to ``stop`` of a buffer, which have taken the same number of steps.

    Attributes
    ----------
    values, gradients : array of shape (N,)
        Their part of the flat arrays.
    state : dict
        Name to their part of a flat array of the optimiser's state.
    count : array of float64, shape (2,)
        The number of steps, on the device, as the kernels take it.
    scalars : dict
        Name to any other number of the state, an array of float64 of shape (1,) on the device.
    """

    __slots__ = ("count", "gradients", "scalars", "start", "state", "stop", "values")

    def __init__(self, start: int, stop: int, count: Array, scalars: dict[str, Array]):
        self.start = start
        self.stop = stop
        self.count = count
        self.scalars = scalars
        self.values: Array = None
        self.gradients: Array = None
        self.state: dict[str, Array] = {}

    def copy(self) -> Span:
        """Another span of the same parameters and numbers, with no arrays of parameters yet."""
        scalars = {name: array.copy() for name, array in self.scalars.items()}
        return Span(self.start, self.stop, self.count.copy(), scalars)
