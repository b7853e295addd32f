"""Flat buffers: the parameters of a group and their gradients side by side in two arrays.

::

    values     | weight 1      |..| bias 1 |....| weight 2         |.|    one array
    gradients  | weight 1      |..| bias 1 |....| weight 2         |.|    another
                 ^ p.array, p.grad_buffer: views    ^ zeros, up to the next 64 bytes

A step of an optimiser, the norm of the gradient and its clipping are then one kernel each, for
any number of parameters. `gpunet.autograd` writes a gradient straight into ``p.grad_buffer``.
Parameters start at multiples of 64 bytes, which matrix products like; the gaps hold zeros in the
gradients, so they count nothing in a norm.

Parameters that have taken different numbers of steps (one was frozen for a while, or had no
gradient) cannot share a step count: a `Span` is a run of neighbours that can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Variable
from ..autograd.changes import CHANGES, extent, owner
from ..backend import Array, backend_of
from ..backend.memory import axes_in_memory
from .span import GradientMemory, Span

__all__ = ["FlatBuffer"]

ALIGNMENT = 64


class FlatBuffer:
    """The parameters of one group that share a device and a dtype.

    Making one moves the values: ``p.array`` becomes a view of the flat array.

    Parameters
    ----------
    params : sequence of Variable
        Different ones, at least one.

    Raises
    ------
    TypeError
        If their dtype is neither float32 nor float64.
    """

    def __init__(self, params: Sequence[Variable]):
        first = params[0].array
        self.backend = backend_of(first)
        self.device = self.backend.device_of(first)
        self.dtype = first.dtype
        if self.dtype not in (np.float32, np.float64):
            raise TypeError(f"cannot optimise a parameter of dtype {self.dtype}: not float32/64")
        step = ALIGNMENT // self.dtype.itemsize
        self.starts = [0]
        for p in params:
            self.starts.append(self.starts[-1] + -(-p.array.size // step) * step)
        # By the size of the whole: where spans begin and end must not change a bit of the result.
        self.kernels = self.backend.kernels_for(self.starts[-1])
        self.values = self.zeros()
        self.place = extent(self.values), owner(self.values)  # as `CHANGES` knows it
        self.state: dict[str, Array] = {}
        self.fills: dict[str, float] = {}
        self._places = [(p, self.part(self.values, i, p.array)) for i, p in enumerate(params)]
        ends = [start + p.array.size for start, p in zip(self.starts, params)]
        gaps = [np.arange(end, start) for end, start in zip(ends, self.starts[1:])]
        self.gaps = self.backend.from_numpy(np.concatenate(gaps), self.device)
        self._allocate_gradients()
        for row in self.rows:
            self._adopt(*row)
        self.numbers: tuple[float, ...] | None = None
        self.hyper: Array = None
        self.spans = [Span(0, len(params), self.scalar(0, 0), {})]
        self._cut_spans()

    # --- memory -----------------------------------------------------------------------------

    def zeros(self) -> Array:
        """A flat array of zeros like the values."""
        size = self.starts[-1] * self.dtype.itemsize
        memory = np.zeros(size + ALIGNMENT, np.uint8)
        skip = -memory.ctypes.data % ALIGNMENT
        return self.backend.from_numpy(memory[skip : skip + size].view(self.dtype), self.device)

    def scalar(self, *numbers: float) -> Array:
        """The numbers as a float64 array on the device."""
        return self.backend.from_numpy(np.array(numbers, np.float64), self.device)

    def part(self, flat: Array, i: int, like: Array) -> Array:
        """The place of parameter i in a flat array, with the shape and axis order of `like`."""
        cells = flat[self.starts[i] : self.starts[i] + like.size]
        if like.flags.c_contiguous:
            return cells.reshape(like.shape)
        axes, back = axes_in_memory(like)
        return cells.reshape([like.shape[axis] for axis in axes]).transpose(back)

    @property
    def rows(self) -> list[tuple[Variable, Array, Array]]:
        """Each parameter with its part of the values and of the gradients."""
        return [(*place, view) for place, view in zip(self._places, self.memory.views)]

    def _allocate_gradients(self) -> None:
        self.gradients = self.zeros()
        apart = self.backend.apart
        self.memory = GradientMemory(
            self.gradients,
            [apart(self.part(self.gradients, i, view)) for i, (_, view) in enumerate(self._places)],
            self.gaps,
        )

    def _adopt(self, p: Variable, view: Array, gradient: Array) -> None:
        view[...] = p.array
        p.array = view
        p.grad_buffer = gradient
        p.grad_memory = self.memory  # type: ignore[attr-defined]

    def allocate(self, name: str, fill: float = 0.0) -> Array:
        """The flat state array `name`; made, and filled, at the first call."""
        array = self.state.get(name)
        if array is None:
            array = self.state[name] = self.zeros()
            self.fills[name] = fill
            if fill:
                array.fill(fill)
            self._cut_spans()
        return array

    def of(self, span: Span, name: str, fill: float = 0.0) -> Array:
        """The part of the state array `name` that belongs to `span`."""
        array = span.state.get(name)
        if array is None:
            self.allocate(name, fill)
            array = span.state[name]
        return array

    def set_numbers(self, numbers: tuple[float, ...]) -> None:
        """Send the hyper-parameters to the device; `hyper` stays the same array."""
        if self.hyper is None:
            self.hyper = self.scalar(*numbers)
        else:
            self.hyper[...] = self.scalar(*numbers)
        self.numbers = numbers

    # --- what a step works on ---------------------------------------------------------------

    def active(self) -> list[Span] | None:
        """The spans that have gradients, all of them in place; None if the buffer must be remade.

        It must be where a parameter moved to another device, dtype or shape.
        """
        for (p, view), gradient in zip(self._places, self.memory.views):
            grad = p.grad
            if grad is None or grad.array is not gradient or p.array is not view:
                return self._gathered()
        CHANGES.note_memory(*self.place)
        return self.spans

    def _gathered(self) -> list[Span] | None:
        """`active` where not everything lies in the buffer as it should."""
        if not all(self._fits(p.array, view) for p, view, _ in self.rows):
            return None
        if any([p.grad_buffer is None and p.array is view for p, view in self._places]):
            self._leave_gradients()
        present = []
        for p, view, gradient in self.rows:
            if p.array is not view:  # rebound by the user or flattened by another optimiser
                self._adopt(p, view, gradient)
            present.append(p.grad is not None)
            if p.grad is None:
                continue
            p.mark_changed()
            if p.grad.array is not gradient:  # set by hand, or from before this buffer
                if not self._fits(p.grad.array, gradient):
                    raise RuntimeError(
                        f"a parameter of shape {view.shape}, dtype {view.dtype}, has a gradient of "
                        f"shape {p.grad.array.shape}, dtype {p.grad.array.dtype}, or one on "
                        "another device"
                    )
                gradient[...] = p.grad.array
        self._split(present)
        return [span for span in self.spans if present[span.start]]

    def _leave_gradients(self) -> None:
        """Take other memory for the gradients, because the user has kept some of them.

        `gpunet.autograd` has noticed that, and taken the parameter's ``grad_buffer`` away.
        """
        old = self.memory.views
        self._allocate_gradients()
        self._cut_spans()
        for (p, view, gradient), before in zip(self.rows, old):
            if p.array is view:
                p.grad_buffer = gradient
                p.grad_memory = self.memory  # type: ignore[attr-defined]
            if p.grad is not None and p.grad.array is before:
                gradient[...] = before

    def _fits(self, array: Array, view: Array) -> bool:
        return array is view or (
            type(array) is type(view)
            and array.shape == view.shape
            and array.dtype == self.dtype
            and self.backend.device_of(array) == self.device
        )

    def _split(self, present: list[bool]) -> None:
        """Cut the spans where a parameter with a gradient meets one without."""
        spans = []
        for span in self.spans:
            start = span.start
            for i in range(span.start + 1, span.stop + 1):
                if i == span.stop or present[i] != present[start]:
                    part = span.copy()
                    part.start, part.stop = start, i
                    spans.append(part)
                    start = i
        if len(spans) != len(self.spans):
            self.spans = spans
            self._cut_spans()

    def _cut_spans(self) -> None:
        for span in self.spans:
            cells = slice(self.starts[span.start], self.starts[span.stop])
            span.values = self.values[cells]
            span.gradients = self.gradients[cells]
            span.state = {name: array[cells] for name, array in self.state.items()}

    # --- the state of each parameter, for saving and for moving -------------------------------

    def states(self) -> list[dict[str, Any]]:
        """For each parameter its state: "step" and other numbers as floats, arrays as views.

        On a GPU this waits for the device.
        """
        states = []
        for span in self.spans:
            numbers = {"step": self._read(span.count)}
            numbers.update({name: self._read(array) for name, array in span.scalars.items()})
            for i in range(span.start, span.stop):
                like = self.rows[i][1]
                arrays = {name: self.part(flat, i, like) for name, flat in self.state.items()}
                states.append({**numbers, **arrays})
        return states

    def load_states(self, states: Sequence[dict[str, Any]]) -> None:
        """Set the state of each parameter; what is an array here may be on any device."""
        for name, flat in self.state.items():
            flat.fill(self.fills[name])
        keys = []
        for i, state in enumerate(states):
            numbers = {k: v for k, v in state.items() if isinstance(v, float)}
            keys.append(numbers)
            for name, value in state.items():
                if name in numbers:
                    continue
                place = self.part(self.allocate(name), i, self.rows[i][1])
                if tuple(value.shape) != place.shape:
                    raise ValueError(
                        f"the state {name!r} of a parameter of shape {place.shape} has shape "
                        f"{tuple(value.shape)}"
                    )
                place[...] = self._here(value)
        self.spans = []
        for i, numbers in enumerate(keys):
            if i and numbers == keys[i - 1]:
                self.spans[-1].stop = i + 1
            else:
                scalars = {k: self.scalar(v) for k, v in numbers.items() if k != "step"}
                self.spans.append(Span(i, i + 1, self.scalar(numbers["step"], 0), scalars))
        self._cut_spans()

    def copy_state(self, other: FlatBuffer) -> None:
        """Take the state of `other`, whose parameters have these shapes, without a wait for it."""
        for name, flat in other.state.items():
            self.allocate(name, other.fills[name])[...] = flat
        self.spans = [span.copy() for span in other.spans]
        self._cut_spans()

    def _here(self, array: Array) -> Array:
        """`array`, from wherever it is."""
        backend = backend_of(array)
        if backend is self.backend and backend.device_of(array) == self.device:
            return array
        return self.backend.from_numpy(backend.to_numpy(array), self.device)

    def _read(self, array: Array) -> float:
        return float(self.backend.to_numpy(array)[0])
