"""`Transform`, the base class, and `Compose`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..autograd import Variable
from ..backend import Array, Backend, backend_of
from ..functions.random import integers, uniform
from ..tensor import Tensor

__all__ = ["Compose", "Transform", "checked", "shares", "whole_numbers"]


class Transform:
    """Base class: says with `images_of` what becomes of a mini-batch of images.

    Inside, images are channels-last, as `gpunet.nn`'s image layers keep them: a transform after
    another copies nothing to bring them into that order.
    """

    def __call__(self, images: Any) -> Any:
        """New images of `images`, of shape (N, C, H, W), on the same device.

        Raises
        ------
        TypeError
            If `images` is no tensor.
        ValueError
            If it has another number of axes, or does not fit this transform.
        RuntimeError
            If it requires a gradient, which would end here.
        """
        array = checked(type(self).__name__, images)
        if images.requires_grad:
            raise RuntimeError(
                f"{type(self).__name__}: images: expected a tensor that requires no gradient: "
                "augmentation is for data; detach() it"
            )
        be = backend_of(array)
        with be.on(be.device_of(array)):
            X = be.contiguous(array.transpose(0, 2, 3, 1))
            return Tensor(self.images_of(be, X).transpose(0, 3, 1, 2))

    def images_of(self, be: Backend, X: Array) -> Array:
        """The new images of `X`, both of shape (N, H, W, C) and C-contiguous."""
        raise NotImplementedError(f"{type(self).__name__}.images_of")

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({options})"


class Compose:
    """One transform after the other.

    Parameters
    ----------
    transforms : iterable of callable
        Each takes a mini-batch of images and returns one.
    """

    def __init__(self, transforms: Iterable[Callable[[Any], Any]]):
        self.transforms = list(transforms)
        for i, transform in enumerate(self.transforms):
            if not callable(transform):
                raise TypeError(
                    f"Compose: transforms[{i}]: expected a transform, got "
                    f"{type(transform).__name__}"
                )

    def __call__(self, images: Any) -> Any:
        """All transforms applied to `images`."""
        for transform in self.transforms:
            images = transform(images)
        return images

    def __repr__(self) -> str:
        return f"Compose({self.transforms!r})"


def checked(name: str, images: Any) -> Array:
    """The array of a tensor of images."""
    if not isinstance(images, Variable):
        raise TypeError(f"{name}: images: expected a tensor, got {type(images).__name__}")
    if images.array.ndim != 4:
        raise ValueError(
            f"{name}: images: expected a tensor of shape (N, C, H, W), got "
            f"{list(images.array.shape)}"
        )
    return images.array


# Random numbers for a mini-batch, from the default generator.


def shares(be: Backend, shape: tuple[int, ...]) -> Array:
    """Numbers uniform in [0, 1), as float32."""
    return uniform(be, shape, "float32", None)


def whole_numbers(be: Backend, X: Array, shape: tuple[int, ...], low: int, high: int) -> Array:
    """Whole numbers from `low` to `high`, both included."""
    return integers(be, X, shape, low, high + 1, None)
