"""What an inspection found."""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .thresholds import RIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LayerReport", "ParameterReport", "Report"]


@dataclass(frozen=True)
class ParameterReport:
    """One parameter; the norms are roots of sums of squares.

    Attributes
    ----------
    name : str
        As in `state_dict`.
    shape : tuple of int
    frozen : bool
        Whether it takes no part in `backward`.
    weight : float
        ``|w|``.
    gradient : float or None
        ``|dC/dw|`` of the loss as it is; None where no gradient arrived.
    update : float or None
        ``|dw|`` of the optimiser's next step; None without optimiser, or where it has no part in
        the step.
    """

    name: str
    shape: tuple[int, ...]
    frozen: bool
    weight: float
    gradient: float | None
    update: float | None

    @property
    def relative_gradient(self) -> float | None:
        """``|dC/dw| / |w|``; None where either is unknown or w is zero."""
        return ratio(self.gradient, self.weight)

    @property
    def relative_update(self) -> float | None:
        """``|dw| / |w|``; None where either is unknown or w is zero."""
        return ratio(self.update, self.weight)


@dataclass(frozen=True)
class LayerReport:
    """One layer: a module with parameters of its own, with the activation that follows it.

    Attributes
    ----------
    name : str
        As in `state_dict`; "" for the model itself.
    kind : str
        ``"Linear + ReLU"``.
    uses : int
        How often the forward pass called it. All numbers are over all its uses.
    units : int
        Number of its units: features, or channels.
    input : float or None
        Root mean square of its input activations; None where these are no floating-point numbers.
    output : float or None
        Root mean square of its output, after the activation.
    delta : float or None
        The size of the error, ``sqrt(1/N sum_x sum_j (dC_x/dz_xj)^2)``: the root mean square over
        the N samples of the norm over all units (and positions, and uses). z is the layer's
        output before the activation, and C_x the cost of one sample, with ``C = 1/N sum_x C_x``;
        so it does not depend on the size of the batch. None where the backward pass did not come.
    delta_rms : float or None
        The same, as the mean over the units in place of the sum.
    saturated, saturated_values : float or None
        The share of units that are saturated in more than half of the samples, and the share of
        all values. None where the activation does not saturate.
    dead, zeros : float or None
        The share of units that are 0 for every sample, and the share of zeros among all values.
        None where the activation is not a ReLU or a ReLU6.
    parameters : tuple of ParameterReport
        Those of its own.
    causes : tuple of str
        Why it learns slowly, or what else is odd; see `gpunet.inspection.causes`.
    dense : int or None
        How many parameters the dense layer has that a convolution replaces: from all its inputs to
        all its outputs of one sample. None for other layers.
    """

    name: str
    kind: str
    uses: int
    units: int
    input: float | None
    output: float | None
    delta: float | None
    delta_rms: float | None
    saturated: float | None
    saturated_values: float | None
    dead: float | None
    zeros: float | None
    parameters: tuple[ParameterReport, ...]
    causes: tuple[str, ...] = ()
    dense: int | None = None

    @property
    def size(self) -> int:
        """How many parameters of its own it has."""
        return sum([math.prod(p.shape) for p in self.parameters])

    @property
    def trained(self) -> tuple[ParameterReport, ...]:
        """Its parameters that are not frozen."""
        return tuple([p for p in self.parameters if not p.frozen])

    @property
    def frozen(self) -> bool:
        """Whether it has parameters and all are frozen."""
        return bool(self.parameters) and not self.trained

    @property
    def gradient(self) -> float | None:
        """``|dC/dw|`` over its parameters that are not frozen."""
        return _norm([p.gradient for p in self.trained])

    @property
    def relative_gradient(self) -> float | None:
        """``|dC/dw| / |w|`` over its weights, or over its biases where it has nothing else.

        Weights are the parameters of two axes or more; frozen ones are left out. Biases begin at
        zero and learn from any input: with them a small input would not be seen.
        """
        return _total_ratio([(p.gradient, p.weight) for p in self._weights])

    @property
    def relative_update(self) -> float | None:
        """``|dw| / |w|`` over the same parameters."""
        return _total_ratio([(p.update, p.weight) for p in self._weights])

    @property
    def _weights(self) -> tuple[ParameterReport, ...]:
        return tuple([p for p in self.trained if len(p.shape) > 1]) or self.trained


@dataclass(frozen=True)
class Report:
    """What `gpunet.inspection.inspect` found.

    ``print(report)`` shows it as a table of at most 100 columns, a rich console in colour.

    Attributes
    ----------
    loss : float
    samples : int
        N, the size of the batch.
    optimizer : str or None
        ``"SGD, lr 0.1"``.
    error : float or None
        The error at the output of the model, as a share of the error that the targets of other
        samples give: about 1 for a network that knows nothing, near 0 for one that is right. None
        where the output is no tensor that requires a gradient, or there are no other targets.
    layers : tuple of LayerReport
        In the order of the forward pass, layers that it did not call at the end.
    diagnosis : tuple of str
        Sentences: which of the three causes of slow learning are there, and what else is odd.
    """

    loss: float
    samples: int
    optimizer: str | None
    error: float | None
    layers: tuple[LayerReport, ...]
    diagnosis: tuple[str, ...] = ()

    @property
    def last(self) -> LayerReport | None:
        """The layer nearest to the output that an error reaches: what delta is compared with."""
        return next((layer for layer in reversed(self.layers) if layer.delta), None)

    @property
    def is_right(self) -> bool:
        """Whether `error` is so small that the network is right on this batch."""
        return self.error is not None and self.error < RIGHT

    def layer(self, name: str) -> LayerReport:
        """The layer of that name.

        Raises
        ------
        KeyError
            If there is none; the message lists those there are.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise KeyError(f"no layer is named {name!r}; there are: {names}")

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Save the picture as a file, whose suffix says the format: .png, .svg, .pdf.

        Raises
        ------
        ValueError
            If matplotlib does not know the format.
        OSError
            If the file cannot be written; one that was there stays.
        """
        from ..io import replacing

        figure = self.figure()
        with replacing(path) as file:
            figure.savefig(file, format=Path(path).suffix[1:] or "png", dpi=144)

    def figure(self) -> Figure:
        """The picture as a matplotlib figure, which belongs to no window."""
        from .picture import draw

        return draw(self)

    def __rich__(self) -> Any:
        from .table import rendered

        return rendered(self)

    def __str__(self) -> str:
        from rich.console import Console

        text = io.StringIO()
        Console(file=text, width=100, no_color=True, highlight=False).print(self)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def ratio(a: float | None, b: float | None) -> float | None:
    """``a / b``; None where that is not known."""
    return None if a is None or b is None or b == 0 else a / b


def _norm(values: list[float | None]) -> float | None:
    """The root of the sum of squares of those that are known; None where none is."""
    known = [x for x in values if x is not None]
    return math.hypot(*known) if known else None


def _total_ratio(pairs: list[tuple[float | None, float]]) -> float | None:
    """The norm of the first by that of the second, over the pairs whose first is known."""
    known = [(a, b) for a, b in pairs if a is not None]
    return ratio(_norm([a for a, _ in known]), _norm([b for _, b in known]))
