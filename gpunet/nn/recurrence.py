"""The general recurrence, over time: ``(y_t, h_t) = f(x_t, h_(t-1), y_(t-1))``.

Cells say what one step is; `Recurrent` runs any of them over a sequence. The three classical
readings of "recurrent" differ in what the cell looks at: its state (Elman), its last output
(Jordan), or both (`ElmanJordanCell`).
"""

from __future__ import annotations

from typing import Any

from ..functions.elementwise import tanh
from ..functions.joining import stack
from ..functions.splitting import unbind
from .linear import Linear
from .module import Module

__all__ = ["ElmanCell", "ElmanJordanCell", "JordanCell", "Recurrent"]


class ElmanCell(Module):
    """State from input and state: ``h_t = tanh(W_x x_t + W_h h_(t-1) + b)``, ``y_t = V h_t + c``.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        D, H and O.
    device, dtype : optional

    ``cell(x, h, y)`` takes the input (N, D), the last state (N, H) and the last output (N, O),
    where None stands for zeros, and returns the new output and state.

    Source: Elman, Finding structure in time, Cognitive Science 14 (1990).
    """

    #: Whether the step depends on the last state, and on the last output.
    uses_state, uses_output = True, False

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = output_size
        place = {"device": device, "dtype": dtype}
        self.input = Linear(input_size, hidden_size, **place)
        if self.uses_state:
            self.state = Linear(hidden_size, hidden_size, bias=False, **place)
        if self.uses_output:
            self.feedback = Linear(output_size, hidden_size, bias=False, **place)
        self.output = Linear(hidden_size, output_size, **place)

    def forward(self, x: Any, h: Any = None, y: Any = None) -> tuple[Any, Any]:
        z = self.input(x)
        if self.uses_state and h is not None:
            z = z + self.state(h)
        if self.uses_output and y is not None:
            z = z + self.feedback(y)
        h = tanh(z)
        return self.output(h), h


class JordanCell(ElmanCell):
    """State from input and output: ``h_t = tanh(W_x x_t + U y_(t-1) + b)``, ``y_t = V h_t + c``.

    Parameters and arguments as for `ElmanCell`.

    Source: Jordan, Serial order: a parallel distributed processing approach, report 8604,
    University of California, San Diego (1986).
    """

    uses_state, uses_output = False, True


class ElmanJordanCell(ElmanCell):
    """State from both: ``h_t = tanh(W_x x_t + W_h h_(t-1) + U y_(t-1) + b)``, ``y_t = V h_t + c``.

    Parameters and arguments as for `ElmanCell`, sources as there and for `JordanCell`.
    """

    uses_state, uses_output = True, True


class Recurrent(Module):
    """Run a cell over time, with backpropagation through time.

    Parameters
    ----------
    cell : callable
        ``cell(x_t, h_(t-1), y_(t-1)) -> (y_t, h_t)``, usually a `Module`. A state is a tensor or a
        tuple of tensors; None stands for what is not there in the first step.
    batch_first : bool
        Input and output have shape (N, T, ...) in place of (T, N, ...). Default: False.
    truncate : int, optional
        Gradients do not flow past every so many steps (truncated backpropagation through time).
    stateful : bool
        Each call goes on from the state and output that the last one ended with, detached; `reset`
        forgets them. Default: False.

    Input: ``(input, h_0, y_0, targets)``. All but the first are optional. With `targets`, of the
    shape of the output, the cell is given the right output of the step before in place of its own
    (teacher forcing). `input` may also be None for a cell that lives on its own output, with the
    number of steps as `steps`; the cell then gets None for x.

    Output: ``(output, h_n)``, the outputs of all steps and the last state.

    Raises
    ------
    ValueError
        If `truncate` is not positive, or the sequence has no steps.

    Sources: Werbos, Backpropagation through time, Proceedings of the IEEE 78 (1990); teacher
    forcing and truncation: Williams and Zipser, Neural Computation 1 (1989).

    Example::

        net = nn.Recurrent(nn.ElmanCell(8, 32, 4))
        output, h = net(gpunet.randn(20, 3, 8))     # (20, 3, 4), (3, 32)
    """

    def __init__(
        self,
        cell: Any,
        batch_first: bool = False,
        truncate: int | None = None,
        stateful: bool = False,
    ):
        super().__init__()
        if truncate is not None and truncate < 1:
            raise ValueError(f"truncate: expected a positive number of steps, got {truncate}")
        self.cell = cell
        self.batch_first = batch_first
        self.truncate = truncate
        self.stateful = stateful
        self._kept: tuple[Any, Any] = (None, None)

    def reset(self) -> None:
        """Forget the state and output that a stateful run goes on from."""
        self._kept = (None, None)

    def forward(
        self,
        input: Any,
        h_0: Any = None,
        y_0: Any = None,
        targets: Any = None,
        steps: int | None = None,
    ) -> tuple[Any, Any]:
        axis = 1 if self.batch_first else 0
        inputs = self._inputs(input, steps, axis)
        right = None if targets is None else unbind(targets, axis)
        if right is not None and len(right) != len(inputs):
            raise ValueError(
                f"targets: expected {len(inputs)} steps, as the input has, got {len(right)}"
            )
        kept_h, kept_y = self._kept if self.stateful else (None, None)
        h = kept_h if h_0 is None else h_0
        y = kept_y if y_0 is None else y_0
        outputs = []
        for t, x in enumerate(inputs):
            if self.truncate is not None and t and t % self.truncate == 0:
                h, y = _detached(h), _detached(y)
            y, h = self.cell(x, h, y)
            outputs.append(y)
            if right is not None:
                y = right[t]
        if self.stateful:
            self._kept = (_detached(h), _detached(y))
        return stack(outputs, axis), h

    def _inputs(self, input: Any, steps: int | None, axis: int) -> Any:
        if (input is None) == (steps is None):
            raise ValueError("expected either input or steps, the number of steps without one")
        if input is None:
            inputs: Any = (None,) * (steps or 0)
        else:
            if input.array.ndim < 2:
                raise ValueError(
                    f"input: expected at least the axes of time and batch, got {input.array.ndim}"
                )
            inputs = unbind(input, axis)
        if not inputs:
            raise ValueError("input: expected at least one step, got none")
        return inputs

    def extra_repr(self) -> str:
        parts = []
        if self.batch_first:
            parts.append("batch_first=True")
        if self.truncate is not None:
            parts.append(f"truncate={self.truncate}")
        if self.stateful:
            parts.append("stateful=True")
        return ", ".join(parts)


def _detached(state: Any) -> Any:
    if isinstance(state, tuple | list):
        return type(state)([_detached(part) for part in state])
    return None if state is None else state.detach()
