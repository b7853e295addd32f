"""Where a loss that is not finite comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from ..autograd import Variable
from ..backend import backend_of
from ..dtypes import FLOATING
from ..nn import Module

__all__ = ["NonFiniteLoss", "Origin", "watched"]


class NonFiniteLoss(FloatingPointError):
    """A loss became infinite or NaN.

    Attributes
    ----------
    step : int
        The step of the run, counted from 1.
    epoch, batch : int
        Where that is, counted from 1.
    value : float
        The loss.
    origin : str or None
        What was not finite first: the mini-batch, a parameter, or the output of a layer. None
        where repeating the step did not show it.
    """

    def __init__(
        self, name: str, value: float, step: int, epoch: int, batch: int, origin: str | None
    ):
        self.value, self.step, self.epoch, self.batch = value, step, epoch, batch
        self.origin = origin
        cause = origin or "repeating the step did not show where it began"
        super().__init__(
            f"the {name} became {value} in step {step} (epoch {epoch}, mini-batch {batch}): "
            f"{cause}; lower the learning rate, or look for such values in the data"
        )


class Origin(Exception):
    """The first value that is not finite was found."""


@contextmanager
def watched(modules: Mapping[str, Module], batch: Any) -> Iterator[None]:
    """A context in which the first layer with an output that is not finite raises `Origin`.

    The mini-batch and the parameters are looked at first. Every look waits for the device.
    """
    for i, tensor in enumerate(_tensors(batch)):
        if kind := _not_finite(tensor):
            raise Origin(f"tensor {i} of the mini-batch holds {kind}")
    names: dict[Module, str] = {}
    for path, root in modules.items():
        for name, module in root.named_modules():
            names.setdefault(module, f"{path}.{name}" if name else path)
    for module, name in names.items():
        for own, parameter in module.named_parameters(recurse=False):
            if kind := _not_finite(parameter):
                raise Origin(f"{own} of layer {name} ({type(module).__name__}) holds {kind}")

    def look(module: Module, args: Any, output: Any) -> None:
        for tensor in _tensors(output):
            if kind := _not_finite(tensor):
                kind_of_layer = type(module).__name__
                raise Origin(f"the output of layer {names[module]} ({kind_of_layer}) holds {kind}")

    with ExitStack() as hooks:
        for module in names:
            hooks.enter_context(module.register_forward_hook(look))
        yield


def _tensors(value: Any) -> Iterable[Variable]:
    if isinstance(value, Variable):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _not_finite(tensor: Variable) -> str:
    """ "nan" or "inf", whichever `tensor` holds, or an empty string."""
    array = tensor.array
    if array.dtype.kind not in FLOATING:
        return ""
    xp = backend_of(array).xp
    if bool(xp.isnan(array).any()):
        return "nan"
    return "inf" if bool(xp.isinf(array).any()) else ""
