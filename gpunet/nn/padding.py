"""Layers that put a border around images, by `gpunet.nn.functional.pad`."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    _axes: int
    _mode: str
    #: The numbers of axes of an input, without and with a batch axis; None for any.
    _ndims: tuple[int, ...] | None = None

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = padding if hasattr(padding, "__iter__") else (padding,) * (2 * self._axes)
        self.padding = tuple(self.padding)

    def forward(self, input: Any) -> Any:
        ndim = input.array.ndim
        if self._ndims is not None and ndim not in self._ndims:
            raise ValueError(
                f"expected {self._ndims[0]}D or {self._ndims[1]}D input (got {ndim}D input)"
            )
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """`ZeroPad2d` for inputs of shape (N, C, L) or (C, L); the widths are (left, right)."""

    _axes = 1


class ZeroPad2d(_ZeroPad):
    """A border of zeros.

    For inputs of shape (N, C, H, W) or (C, H, W).

    Parameters
    ----------
    padding : int or tuple of 4 int
        The widths (left, right, top, bottom), or one for all. Negative ones crop.
    """

    _axes = 2


class ZeroPad3d(_ZeroPad):
    """`ZeroPad2d` for inputs of shape (N, C, D, H, W) or (C, D, H, W); the widths are
    (left, right, top, bottom, front, back).
    """

    _axes = 3


class ConstantPad1d(_ConstantPad):
    """`ConstantPad2d` for inputs of shape (N, C, L) or (C, L); the widths are (left, right)."""

    _axes = 1


class ConstantPad2d(_ConstantPad):
    """A border of `value`.

    For inputs of shape (N, C, H, W) or (C, H, W).

    Parameters
    ----------
    padding : int or tuple of 4 int
        The widths (left, right, top, bottom), or one for all. Negative ones crop.
    value : float
    """

    _axes = 2


class ConstantPad3d(_ConstantPad):
    """`ConstantPad2d` for inputs of shape (N, C, D, H, W) or (C, D, H, W); the widths are
    (left, right, top, bottom, front, back).
    """

    _axes = 3


class ReflectionPad1d(_Pad):
    """`ReflectionPad2d` for inputs of shape (N, C, L) or (C, L); the widths are (left, right)."""

    _axes = 1
    _mode = "reflect"
    _ndims = (2, 3)


class ReflectionPad2d(_Pad):
    """A border that mirrors the image at its edge elements.

    For inputs of shape (N, C, H, W) or (C, H, W).

    Parameters
    ----------
    padding : int or tuple of 4 int
        The widths (left, right, top, bottom), or one for all. Negative ones crop.
    """

    _axes = 2
    _mode = "reflect"
    _ndims = (3, 4)


class ReflectionPad3d(_Pad):
    """`ReflectionPad2d` for inputs of shape (N, C, D, H, W) or (C, D, H, W); the widths are
    (left, right, top, bottom, front, back).
    """

    _axes = 3
    _mode = "reflect"
    _ndims = (4, 5)


class ReplicationPad1d(_Pad):
    """`ReplicationPad2d` for inputs of shape (N, C, L) or (C, L); the widths are (left, right)."""

    _axes = 1
    _mode = "replicate"
    _ndims = (2, 3)


class ReplicationPad2d(_Pad):
    """A border that repeats the edge elements.

    For inputs of shape (N, C, H, W) or (C, H, W).

    Parameters
    ----------
    padding : int or tuple of 4 int
        The widths (left, right, top, bottom), or one for all. Negative ones crop.
    """

    _axes = 2
    _mode = "replicate"
    _ndims = (3, 4)


class ReplicationPad3d(_Pad):
    """`ReplicationPad2d` for inputs of shape (N, C, D, H, W) or (C, D, H, W); the widths are
    (left, right, top, bottom, front, back).
    """

    _axes = 3
    _mode = "replicate"
    _ndims = (4, 5)


class CircularPad1d(_Pad):
    """`CircularPad2d` for inputs of shape (N, C, L) or (C, L); the widths are (left, right)."""

    _axes = 1
    _mode = "circular"
    _ndims = (2, 3)


class CircularPad2d(_Pad):
    """A border with what is at the other end of the image.

    For inputs of shape (N, C, H, W) or (C, H, W).

    Parameters
    ----------
    padding : int or tuple of 4 int
        The widths (left, right, top, bottom), or one for all. Negative ones crop.
    """

    _axes = 2
    _mode = "circular"
    _ndims = (3, 4)


class CircularPad3d(_Pad):
    """`CircularPad2d` for inputs of shape (N, C, D, H, W) or (C, D, H, W); the widths are
    (left, right, top, bottom, front, back).
    """

    _axes = 3
    _mode = "circular"
    _ndims = (4, 5)
