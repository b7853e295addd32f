"""`Sequential`: one module after the other."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .activation import GELU, ReLU, Sigmoid, Tanh
from .batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .container import Indexed
from .convolution import Conv1d, Conv2d, Conv3d
from .functional.feed_forward import feed_forward
from .hooks import changes
from .linear import Linear
from .module import Module

__all__ = ["Sequential"]

_Names = dict[type[Module], str]
_FROM_OUTPUT: _Names = {ReLU: "relu", Sigmoid: "sigmoid", Tanh: "tanh"}
_RELU: _Names = {ReLU: "relu"}
_NORMED: dict[type[Module], type[Module]] = {
    Conv1d: BatchNorm1d,
    Conv2d: BatchNorm2d,
    Conv3d: BatchNorm3d,
}

#: For each layer with a method ``activated`` the activations that it can do: those whose work is
#: joined to that of the layer before them.
_JOINED: dict[type[Module], _Names] = {
    Linear: _FROM_OUTPUT,
    Conv1d: _FROM_OUTPUT,
    Conv2d: _FROM_OUTPUT,
    Conv3d: _FROM_OUTPUT,
    BatchNorm1d: _RELU,
    BatchNorm2d: _RELU,
    BatchNorm3d: _RELU,
}


class Sequential(Indexed):
    """The modules one after the other: each receives what the one before it returns.

    Parameters
    ----------
    *args : Module, or one OrderedDict of str to Module

    Notes
    -----
    A `Linear` or a convolution followed by a `ReLU`, `Sigmoid` or `Tanh`, a batch norm followed by
    a `ReLU`, and two `Linear` with a `ReLU` or a `GELU` in the tanh form between them run as one
    operation, with the same result, unless one of them has hooks or is of a class of its own. In
    evaluation and without a tape so do a convolution, the batch norm that follows it and its
    `ReLU`: the filters take the factors of the norm, and the result is the same but for rounding.
    """

    _planned_at = -1  # the count of hook changes that the plan belongs to
    _plan: tuple[Callable[[Any], Any], ...] = ()

    def __init__(self, *args: Any):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        if self._planned_at != changes.count:
            self.__dict__.update(_plan=tuple(_plan(self)), _planned_at=changes.count)
        for step in self._plan:
            input = step(input)
        return input

    def _children_changed(self) -> None:
        if self._planned_at >= 0:  # it has run
            changes.count += 1
            self.__dict__["_planned_at"] = -1

    def __getstate__(self) -> dict[str, Any]:
        """What is copied: all but the plan, whose steps belong to these very modules."""
        state = dict(self.__dict__)
        state.pop("_plan", None)
        state.pop("_planned_at", None)
        return state

    def _sliced(self, index: slice) -> tuple[Any, ...]:
        return (OrderedDict(list(self._own_modules.items())[index]),)

    def __add__(self, other: Any) -> Sequential:
        _check_sequential(other)
        return Sequential(*self, *other)

    def __iadd__(self, other: Any) -> Sequential:
        _check_sequential(other)
        return self.extend(other)

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*self._repeated(other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Sequential:
        return self.extend(self._repeated(other)[len(self) :])

    def _repeated(self, times: int) -> list[Module]:
        if not isinstance(times, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(times)}")
        if times <= 0:
            raise ValueError(f"Non-positive multiplication factor {times} for {type(self)}")
        return list(self) * times


def _check_sequential(other: Any) -> None:
    if not isinstance(other, Sequential):
        raise ValueError(
            f"add operator supports only objects of Sequential class, but {type(other)} is given."
        )


def _plan(modules: Iterable[Module]) -> Iterator[Callable[[Any], Any]]:
    """The steps of a `Sequential`, with an activation joined to the layer before it."""
    rest = list(modules)
    while rest:
        module = rest.pop(0)
        plain = _is_plain(module)
        joined = plain and rest and _is_plain(rest[0])
        if joined and type(rest[0]) is _NORMED.get(type(module)):
            norm = rest.pop(0)
            relu = rest and type(rest[0]) is ReLU and _is_plain(rest[0])
            yield _normed(module, norm, _RELU[type(rest.pop(0))] if relu else "identity")
        elif joined and _is_feed_forward(module, rest):
            between, last = rest.pop(0), rest.pop(0)
            yield _fed_forward(module, between, last)
        elif joined and type(rest[0]) in _JOINED.get(type(module), ()):
            yield _joined(module, _JOINED[type(module)][type(rest.pop(0))])
        elif plain and type(module).__call__ is Module.__call__:
            yield module.forward
        else:
            yield module


def _is_plain(module: Module) -> bool:
    """Whether calling the module does what its class's ``forward`` does and nothing else."""
    return module._hooks is None and "forward" not in module.__dict__


def _is_feed_forward(first: Module, rest: list[Module]) -> bool:
    """Whether two linear layers with a ReLU or a GELU between come next, without another behind."""
    if len(rest) < 2 or type(first) is not Linear or type(rest[1]) is not Linear:
        return False
    if type(rest[0]) not in (ReLU, GELU) or not _is_plain(rest[1]):
        return False
    behind = rest[2] if len(rest) > 2 and _is_plain(rest[2]) else None
    return type(behind) not in _JOINED[Linear]


def _fed_forward(first: Any, between: Any, last: Any) -> Callable[[Any], Any]:
    relu = type(between) is ReLU

    def step(input: Any) -> Any:
        if relu or between.approximate == "tanh":
            return feed_forward(
                input, first.weight, first.bias, last.weight, last.bias,
                "relu" if relu else "gelu_tanh",
            )  # fmt: skip
        return last.forward(between.forward(first.forward(input)))

    return step


def _normed(layer: Any, norm: Any, activation: str) -> Callable[[Any], Any]:
    normed = layer.normed

    def step(input: Any) -> Any:
        return normed(input, norm, activation)

    return step


def _joined(layer: Any, activation: str) -> Callable[[Any], Any]:
    activated = layer.activated

    def step(input: Any) -> Any:
        return activated(input, activation)

    return step
