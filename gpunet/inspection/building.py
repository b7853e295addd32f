"""From numbers on the device to a `Report`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..nn import Module
from ..optim import Optimizer
from .causes import diagnose
from .probe import Row
from .report import LayerReport, ParameterReport, Report, ratio
from .sums import Reader, square_sum
from .units import ACTIVATIONS

__all__ = ["Measured", "build"]


@dataclass(frozen=True)
class Measured:
    """What the passes left on the device; squares stand for sums of squares.

    Attributes
    ----------
    model : Module
    rows : sequence of Row
    loss : array of one element
    samples : int
    scale : int
        What turns a gradient of the loss into that of one sample's cost.
    error, wrong_error : array of shape () or None
        Squares of ``dC/d output``, with the targets and with those of other samples.
    gradients, updates : mapping of int to array of shape ()
        Squares, by the ``id`` of a parameter.
    arguments : sequence of Tensor
        The model's inputs that are floating-point numbers.
    optimizer : Optimizer or None
    """

    model: Module
    rows: Sequence[Row]
    loss: Any
    samples: int
    scale: int
    error: Any
    wrong_error: Any
    gradients: Mapping[int, Any]
    updates: Mapping[int, Any]
    arguments: Sequence[Any]
    optimizer: Optimizer | None


#: Gives a number, or what is made of numbers, once they have been read.
Later = Callable[[Sequence[float]], Any]


class _Numbers:
    """Promises of numbers, all read at once."""

    def __init__(self, like: Any):
        self.reader = Reader(like)

    def __call__(self, value: Any) -> Later:
        """The number itself; None for None."""
        if value is None:
            return lambda numbers: None
        place = self.reader.note(value)
        return lambda numbers: numbers[place]

    def root(self, squares: Any, scale: float = 1.0) -> Later:
        """``scale`` times the root of the number; None for None."""
        later = self(squares)

        def rooted(numbers: Sequence[float]) -> float | None:
            total = later(numbers)
            return None if total is None else scale * math.sqrt(total)

        return rooted


def build(found: Measured) -> Report:
    """Read all numbers at once and give them their places."""
    number = _Numbers(found.loss)
    loss = number(found.loss.reshape(()))
    error, wrong = number.root(found.error), number.root(found.wrong_error)
    arguments = [number(square_sum(x.array)) for x in found.arguments]
    layers = [_layer(found, row, number) for row in _with_unused(found)]
    numbers = number.reader.read()
    report = Report(
        loss=loss(numbers),
        samples=found.samples,
        optimizer=_description(found.optimizer),
        error=ratio(error(numbers), wrong(numbers)),
        layers=tuple([layer(numbers) for layer in layers]),
    )
    return diagnose(report, all(math.isfinite(x(numbers)) for x in arguments))


def _with_unused(found: Measured) -> list[Row]:
    """The rows, and one for each module with parameters that was not called."""
    called = {id(row.module) for row in found.rows}
    unused = [
        Row(name, module)
        for name, module in found.model.named_modules()
        if id(module) not in called and any(p is not None for p in module._own_parameters.values())
    ]
    return [*found.rows, *unused]


def _layer(found: Measured, row: Row, number: _Numbers) -> Later:
    output = row.output if row.output.count else row.z
    saturated, zero = row.saturated, row.zero
    fields = {
        "input": number.root(row.input.mean),
        "output": number.root(output.mean),
        "delta": number.root(row.delta.total, found.scale * found.samples**-0.5),
        "delta_rms": number.root(row.delta.mean, found.scale),
        "saturated": number(saturated.mostly()),
        "saturated_values": number(saturated.share()),
        "dead": number(zero.always()),
        "zeros": number(zero.share()),
    }
    prefix = f"{row.name}." if row.name else ""
    parameters = [
        _parameter(found, prefix + name, p, number)
        for name, p in row.module._own_parameters.items()
        if p is not None
    ]
    kind = type(row.module).__name__
    if not isinstance(row.module, ACTIVATIONS):
        kind = " + ".join([kind, *row.activations])
    return lambda numbers: LayerReport(
        name=row.name,
        kind=kind,
        uses=row.uses,
        units=row.units,
        **{name: later(numbers) for name, later in fields.items()},
        parameters=tuple([later(numbers) for later in parameters]),
        dense=row.dense,
    )


def _parameter(found: Measured, name: str, p: Any, number: _Numbers) -> Later:
    weight = number.root(square_sum(p.array))
    gradient = number.root(found.gradients.get(id(p)))
    update = number.root(found.updates.get(id(p)))
    return lambda numbers: ParameterReport(
        name=name,
        shape=p.array.shape,
        frozen=not p.requires_grad,
        weight=weight(numbers),
        gradient=gradient(numbers),
        update=update(numbers),
    )


def _description(optimizer: Optimizer | None) -> str | None:
    """``"SGD, lr 0.1"``."""
    if optimizer is None:
        return None
    rates = dict.fromkeys(f"{float(g['lr']):g}" for g in optimizer.param_groups if "lr" in g)
    rate = f", lr {' and '.join(rates)}" if rates else ""
    return type(optimizer).__name__ + rate
