"""`Probe`: hooks on every layer of a model, which measure as a batch passes.

::

    input ──> Linear ──> z ──> ReLU ──> a ──>          one row: "Linear + ReLU"
      │ rms              │              │ units that are 0
                         └ delta = dC/dz, when the backward pass comes by

What is measured is a number on the device at once, so that no activation is kept longer than the
tape keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..autograd import Node, Variable
from ..backend import Array
from ..dtypes import FLOATING
from ..nn import Module
from ..nn.hooks import RemovableHandle
from .sums import Squares
from .units import (
    ACTIVATIONS,
    UnitCount,
    Values,
    is_convolution,
    of_module,
    of_node,
    unit_axis,
)

__all__ = ["Probe", "Row"]


class Row:
    """What was measured of one layer, all its uses together.

    Attributes
    ----------
    name : str
        Dotted, as in `state_dict`.
    module : Module
    activations : dict
        Names of the activations that were applied to its output, as the keys.
    uses : int
        How often the layer was called.
    units : int
        Entries along the axis of its units; 0 if it was never called.
    input, z, output, delta : Squares
        Of its inputs, its outputs before and after the activation, and ``dC/dz``.
    zero, saturated : UnitCount
    dense : int or None
        Parameters of the dense layer that a convolution replaces.
    """

    def __init__(self, name: str, module: Module):
        self.name = name
        self.module = module
        self.activations: dict[str, None] = {}
        self.uses = 0
        self.units = 0
        self.input = Squares()
        self.z = Squares()
        self.output = Squares()
        self.delta = Squares()
        self.zero = UnitCount()
        self.saturated = UnitCount()
        self.dense: int | None = None

    def watch(self, z: Any) -> None:
        """Measure delta when the gradient of `z` is known."""
        if z.node is not None:  # a leaf would keep the hook

            def arrived(gradient: Any) -> None:
                self.delta.add(gradient.array)

            z.register_hook(arrived)

    def count(self, activation: str, values: Values, axis: int) -> None:
        """Count saturated and zero values of an activation in."""
        self.activations[activation] = None
        for values_of, counted in zip(values, (self.saturated, self.zero)):
            if values_of is not None and values_of.ndim:
                counted.add(values_of, axis)


class Probe:
    """Measures a forward and a backward pass.

    Parameters
    ----------
    model : Module

    Attributes
    ----------
    rows : list of Row
        In the order of the first calls.
    """

    def __init__(self, model: Module):
        self.rows: list[Row] = []
        self._by_key: dict[Any, Row] = {}
        self._results: dict[int, tuple[Any, Row, int]] = {}  # alive, so that no id is used twice
        self._outputs: dict[Node, tuple[Row, int]] = {}
        self._inside: set[Node] = set()  # made by modules that are activations
        self._handles: list[RemovableHandle] = []
        for name, module in model.named_modules():
            if isinstance(module, ACTIVATIONS) or _owns_parameters(module):
                self._handles.append(self._hook(name, module))

    def _hook(self, name: str, module: Module) -> RemovableHandle:
        def after(module: Module, args: Any, kwargs: Any, output: Any) -> None:
            result = next(_tensors(output), None)
            if result is None:
                return
            source = next(_tensors((*args, *kwargs.values())), None)
            if isinstance(module, ACTIVATIONS) and not _owns_parameters(module):
                self._activation(name, module, source, result)
            else:
                self._layer(name, module, source, result)

        return module.register_forward_hook(after, with_kwargs=True)

    def _layer(self, name: str, module: Module, source: Any, result: Any) -> None:
        axis = unit_axis(module, result.array.ndim)
        row = self._row((name, 0), name, module, result, axis)
        if source is not None:
            row.input.add(source.array)
            if is_convolution(module):
                row.dense = _dense(module, source.array, result.array)
        row.z.add(result.array)
        row.watch(result)
        self._results[id(result)] = result, row, axis
        if result.node is not None:
            self._outputs[result.node] = row, axis

    def _activation(self, name: str, module: Module, source: Any, result: Any) -> None:
        A = result.array
        _, row, axis = self._results.get(id(source), (None, None, 0))
        if row is None:  # it stands by itself
            axis = unit_axis(module, A.ndim)
            units = A.shape[axis] if A.ndim else 1
            row = self._row((name, units), name, module, result, axis)
            if source is not None:
                row.input.add(source.array)
                row.watch(source)
        row.count(type(module).__name__, of_module(module, A), axis)
        row.output.add(A)
        if result.node is not None:
            self._inside.add(result.node)

    def _row(self, key: Any, name: str, module: Module, result: Any, axis: int) -> Row:
        row = self._by_key.get(key)
        if row is None:
            row = self._by_key[key] = Row(name, module)
            self.rows.append(row)
        row.uses += 1
        row.units = result.array.shape[axis] if result.array.ndim else 1
        return row

    def forward_done(self, loss: Any) -> None:
        """Look for activations that were called as functions; the hooks are removed."""
        self.remove()
        if loss.node is not None:
            for node in _reachable(loss.node):
                for edge in node.edges:
                    if edge in self._outputs and node not in self._inside:
                        found = of_node(node)
                        if found is not None:
                            row, axis = self._outputs[edge]
                            row.count(*found, axis)
        self._results.clear()
        self._outputs.clear()
        self._inside.clear()

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()


def _dense(module: Any, X: Array, Y: Array) -> int:
    """Parameters of the dense layer from one sample of `X` to one of `Y`."""
    axes = module.weight.array.ndim - 1  # those of a sample: channels and places
    inputs, outputs = math.prod(X.shape[-axes:]), math.prod(Y.shape[-axes:])
    return inputs * outputs + (outputs if module.bias is not None else 0)


def _owns_parameters(module: Module) -> bool:
    return any([p is not None for p in module._own_parameters.values()])


def _tensors(value: Any) -> Iterator[Any]:
    """The tensors of floating-point numbers in what went into or came out of a module."""
    if isinstance(value, Variable):
        if value.array.dtype.kind in FLOATING:
            yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


def _reachable(root: Node) -> Iterator[Node]:
    """The nodes of the tape from `root` backwards, each once."""
    seen = {root}
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        for edge in node.edges:
            if type(edge) is Node and edge not in seen:
                seen.add(edge)
                stack.append(edge)
