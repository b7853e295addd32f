"""`follow_image`: one image through a convolutional network, forwards and backwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import Variable, enable_grad
from ..backend import backend_of
from ..nn import Module
from ..tensor import Tensor
from .unchanged import unchanged
from .units import is_convolution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ImageReport", "Maps", "follow_image"]


@dataclass(frozen=True)
class Maps:
    """What one convolution makes of the image.

    Attributes
    ----------
    name, kind : str
        As in `LayerReport`.
    z : array of shape (C, H, W)
        The feature maps: its output, before batch norm and activation.
    delta : array of shape (C, H, W), or None
        The error ``dC/dz``; None where the backward pass did not come.
    """

    name: str
    kind: str
    z: np.ndarray
    delta: np.ndarray | None


@dataclass(frozen=True)
class ImageReport:
    """What a convolutional network makes of one image.

    Attributes
    ----------
    image : array of shape (C, H, W)
    delta : array of shape (C, H, W)
        ``dC/dx``: how the cost changes with each number of the image.
    layers : tuple of Maps
        The convolutions over two axes, in the order of the forward pass.
    filters : array of shape (O, I, KH, KW)
        The weights of the first of them.
    """

    image: np.ndarray
    delta: np.ndarray | None
    layers: tuple[Maps, ...]
    filters: np.ndarray

    def plot_filters(self, path: str | os.PathLike[str]) -> None:
        """Save the filters of the first convolution as a picture; see `Report.plot`."""
        from .image_pictures import draw_filters

        _save(draw_filters(self), path)

    def plot_maps(self, path: str | os.PathLike[str]) -> None:
        """Save the feature maps and the deltas of each convolution as a picture."""
        from .image_pictures import draw_maps

        _save(draw_maps(self), path)


def follow_image(
    model: Module, loss_fn: Callable[[Any, Any], Any], inputs: Any, targets: Any
) -> ImageReport | None:
    """Take one image through `model` in evaluation mode, and the error back.

    Model and random generator are as they were afterwards, bit for bit.

    Parameters
    ----------
    model : Module
    loss_fn : callable
        ``loss_fn(output, targets)``, a tensor of one element.
    inputs : Tensor of shape (1, C, H, W)
    targets : Tensor or anything that `loss_fn` takes

    Returns
    -------
    ImageReport or None
        None if `inputs` is no such tensor, or `model` convolves nothing over two axes.
    """
    if not isinstance(inputs, Variable) or inputs.array.ndim != 4 or len(inputs.array) != 1:
        return None
    found: list[tuple[str, Module, np.ndarray, list[np.ndarray]]] = []
    handles = []

    def watch(name: str, module: Module) -> Any:
        def after(module: Module, args: Any, output: Any) -> None:
            if output.array.ndim != 4:
                return
            deltas: list[np.ndarray] = []
            found.append((name, module, _first(output.array), deltas))
            if output.node is not None:
                output.register_hook(lambda gradient: deltas.append(_first(gradient.array)))

        return module.register_forward_hook(after)

    modules = [m for m in (model, loss_fn) if isinstance(m, Module)]
    with unchanged(modules), enable_grad(), np.errstate(all="ignore"):
        model.eval()
        try:
            for name, module in model.named_modules():
                if is_convolution(module):
                    handles.append(watch(name, module))
            leaf = Tensor(inputs.array)
            leaf.requires_grad = True  # so that the error arrives at frozen layers too
            output = model(leaf)
        finally:
            for handle in handles:
                handle.remove()
        if not found:
            return None
        loss_fn(output, targets).backward()
        return ImageReport(
            image=_first(inputs.array),
            delta=None if leaf.grad is None else _first(leaf.grad.array),
            layers=tuple(
                [
                    Maps(name, type(module).__name__, z, deltas[0] if deltas else None)
                    for name, module, z, deltas in found
                ]
            ),
            filters=_numbers(found[0][1].weight.array),
        )


def _numbers(array: Any) -> np.ndarray:
    """The numbers of an array on any device, in memory that nobody writes to."""
    return np.array(backend_of(array).to_numpy(array))


def _first(array: Any) -> np.ndarray:
    return _numbers(array)[0]


def _save(figure: Figure, path: str | os.PathLike[str]) -> None:
    from ..io import replacing

    with replacing(path) as file:
        figure.savefig(file, format=Path(path).suffix[1:] or "png", dpi=110)
