"""`Normalize`: channels brought to mean 0 and standard deviation 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import backend_of
from ..nn import Module
from ..tensor import Tensor
from .transform import checked

__all__ = ["Normalize"]


class Normalize(Module):
    """``y[n, c] = (x[n, c] - mean[c]) / std[c]`` of images of shape (N, C, H, W).

    Nothing in it is random. It is a module, without parameters, so that it can be the first part
    of a model: what the model is given later is then normalised as its training data were.

    Parameters
    ----------
    mean, std : sequence of float
        A number for each channel.

    Raises
    ------
    ValueError
        If there are not as many of both, or one in `std` is not positive; in a call if the images
        have another number of channels or are no floating-point numbers.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.mean, self.std = tuple(mean), tuple(std)
        if len(self.mean) != len(self.std) or not self.mean:
            raise ValueError(
                f"Normalize: std: expected {len(self.mean)} numbers, as in mean, "
                f"got {len(self.std)}"
            )
        if not all(x > 0 for x in self.std):
            raise ValueError(f"Normalize: std: expected positive numbers, got {self.std}")
        self._constants: dict[Any, list[Tensor]] = {}  # by device and dtype

    def forward(self, images: Any) -> Any:
        array = checked("Normalize", images)
        if array.shape[1] != len(self.mean) or array.dtype.kind != "f":
            raise ValueError(
                f"Normalize: images: expected floating-point numbers of {len(self.mean)} channels, "
                f"got {array.dtype} of shape {list(array.shape)}"
            )
        be = backend_of(array)
        key = be.name, be.device_of(array).index, array.dtype.char
        if key not in self._constants:
            place = be.device_of(array)
            columns = [np.array(x, array.dtype).reshape(1, -1, 1, 1) for x in (self.mean, self.std)]
            self._constants[key] = [Tensor(be.from_numpy(x, place)) for x in columns]
        mean, std = self._constants[key]
        return (images - mean) / std

    def extra_repr(self) -> str:
        return f"mean={self.mean}, std={self.std}"
