"""Layers that make images larger."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """The image in another size.

    Parameters
    ----------
    size : int or sequence of int, optional
        The lengths of the output.
    scale_factor : float or sequence of float, optional
        In place of `size`: the lengths of the output over those of the input.
    mode : str
        "nearest", "linear", "bilinear", "bicubic" or "trilinear", as in
        `gpunet.nn.functional.interpolate`. Default: "nearest".
    align_corners : bool, optional
        Whether the centres of the first and last elements stay where they are. Default: False.
    recompute_scale_factor : bool, optional
        Whether positions follow from the lengths, and not from `scale_factor`.

    The input has shape (N, C, *L), with one to three lengths.
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ):
        super().__init__()
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple([float(factor) for factor in scale_factor])
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Any) -> Any:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of images (N, C, H, W), each element repeated.

    Parameters
    ----------
    size : int or tuple of 2 int, optional
    scale_factor : float or tuple of 2 float, optional
    """

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of images (N, C, H, W), bilinear between corners that stay where they are.

    Parameters
    ----------
    size : int or tuple of 2 int, optional
    scale_factor : float or tuple of 2 float, optional
    """

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
