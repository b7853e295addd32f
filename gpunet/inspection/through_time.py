"""A recurrent layer over time: its hidden state, and the error as it flows back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..autograd import grad
from ..backend import backend_of
from ..functions.joining import cat
from ..io import replacing
from ..nn import Module
from ..nn.recurrent import RNNBase
from .unchanged import unchanged

__all__ = ["TimeReport", "follow_time"]

#: Units of the heat map.
_UNITS = 48


class TimeReport(NamedTuple):
    """What a recurrent layer does step by step.

    Attributes
    ----------
    layer : str
        Its name in the model.
    hidden : float array of shape (T, H)
        The state after each step, for the first sample.
    errors : dict of str to float array of shape (T,)
        The norm of dC/dh and, for an LSTM, of dC/dc after each step, the root mean square over the
        samples, where C is the loss of the last step alone. A norm that falls by orders of
        magnitude towards the first steps is a vanishing gradient: what was read there is not
        learned from. One that grows is an exploding gradient.
    """

    layer: str
    hidden: np.ndarray
    errors: dict[str, np.ndarray]

    def plot(self, filename: str | os.PathLike[str], inputs: Sequence[str] | None = None) -> None:
        """Draw the states of the units that change most as a heat map, the errors below.

        Parameters
        ----------
        filename : path
            Its ending says what it is: .png, .svg or .pdf.
        inputs : sequence of str, optional
            What was read at each step.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        from matplotlib.figure import Figure

        steps = len(self.hidden)
        units = np.argsort(-self.hidden.std(0), kind="stable")[:_UNITS]
        figure = Figure(figsize=(max(6.0, 2.5 + 0.15 * steps), 7), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        size = max(1e-6, float(np.abs(self.hidden[:, units]).max()))
        image = above.imshow(
            self.hidden[:, units].T, cmap="RdBu_r", vmin=-size, vmax=size, aspect="auto",
            interpolation="nearest",
        )  # fmt: skip
        figure.colorbar(image, ax=above, label="state h")
        above.set_ylabel(f"the {len(units)} units of {self.layer}\nthat change most")
        if inputs is not None:
            above.set_xticks(range(steps), inputs)
        for panel in (above, below):
            panel.tick_params(axis="x", labelbottom=True, labelsize=8)
        above.set_title("the hidden state after each input, of one sample")
        for (name, error), line in zip(self.errors.items(), ("-o", "--s")):
            # Zero, as that of c is after the last step, has no place on a logarithmic axis.
            there = np.where(error > 0, error, np.nan)
            below.plot(range(steps), there, line, markersize=3, label=name)
        below.set_yscale("log")
        below.set_xlabel("step of time")
        below.set_ylabel("norm of the error")
        below.set_title("the error of the last step, as it flows back through time")
        below.grid(alpha=0.3)
        below.legend(fontsize="small")
        with replacing(filename) as file:
            figure.savefig(file, format=Path(filename).suffix.lstrip(".") or "png", dpi=120)


def follow_time(
    model: Module, loss_fn: Callable[[Any, Any], Any], inputs: Any, targets: Any
) -> TimeReport | None:
    """Take a batch through `model` with its first recurrent layer run step by step.

    Parameters
    ----------
    model : Module
        Is left as it is.
    loss_fn : callable
        From the output and the targets to the loss. Of an output (N, T, ...) with targets (N, T)
        only the last step counts.
    inputs, targets : Tensor

    Returns
    -------
    TimeReport or None
        None if there is no recurrent layer that runs in one direction.
    """
    named = ((name, m) for name, m in model.named_modules() if isinstance(m, RNNBase))
    found = next(((name, m) for name, m in named if not m.bidirectional), None)
    if found is None:
        return None
    name, layer = found
    steps: list[tuple[Any, Any]] = []
    with unchanged([model]):
        model.eval()
        layer.forward = _stepwise(layer, layer.forward, steps)  # type: ignore[method-assign]
        output = model(inputs)
        if output.array.ndim > 2 and output.array.shape[:2] == targets.array.shape[:2]:
            output, targets = output[:, -1:], targets[:, -1:]
        loss = loss_fn(output, targets)
        states = [state if isinstance(state, tuple) else (state,) for _, state in steps]
        wanted = [part for state in states for part in state]
        outputs = [y for y, _ in steps]
        found_errors = grad(loss, [*wanted, *outputs], allow_unused=True)
    kinds = len(states[0])
    count = len(steps)
    flowed = [found_errors[k : kinds * count : kinds] for k in range(kinds)]
    time = 1 if layer.batch_first else 0
    errors = {}
    for label, parts in zip(("dC/dh", "dC/dc"), flowed):
        sizes = []
        for t, part in enumerate(parts):
            error = 0.0 if part is None else _host(part)[-1]
            from_output = found_errors[kinds * count + t] if label == "dC/dh" else None
            if from_output is not None:
                error = error + _host(from_output).squeeze(time)
            sizes.append(float(np.sqrt(np.mean(np.sum(np.square(error), -1)))))
        errors[label] = np.array(sizes)
    hidden = np.stack([_host(y).squeeze(time)[0] for y in outputs])
    return TimeReport(name, hidden, errors)


def _stepwise(layer: RNNBase, forward: Callable[..., Any], steps: list[tuple[Any, Any]]) -> Any:
    """`forward` of `layer`, a step at a time; output and state of each are put into `steps`."""
    axis = 1 if layer.batch_first else 0

    def run(X: Any, state: Any = None) -> tuple[Any, Any]:
        for t in range(X.array.shape[axis]):
            y, state = forward(X[:, t : t + 1] if axis else X[t : t + 1], state)
            steps.append((y, state))
        return cat([y for y, _ in steps], axis), state

    return run


def _host(tensor: Any) -> np.ndarray:
    return backend_of(tensor.array).to_numpy(tensor.array).astype(np.float64)
