"""What a run's model says of images that a user brings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..autograd import no_grad
from ..functions.data import from_numpy
from ..io import replacing
from ..nn import Module
from .recipe import Recipe

__all__ = ["Prediction", "converted", "predict", "read_images", "write_picture"]


class Prediction(NamedTuple):
    """The model's answer for one image.

    Attributes
    ----------
    label : str
        The name of the class.
    probability : float
        Its share, as `Recipe.probabilities` has it.
    """

    label: str
    probability: float


def predict(recipe: Recipe, module: Module, images: np.ndarray) -> list[Prediction]:
    """Classify images of shape (N, C, H, W), scaled as the recipe's own."""
    device = next(module.parameters()).device  # type: ignore[attr-defined]
    with no_grad():
        scores = module(from_numpy(images).to(device))
        shares = recipe.probabilities(scores).to("cpu").array
    best = shares.argmax(axis=1)
    return [Prediction(recipe.classes[i], float(share[i])) for i, share in zip(best, shares)]


def converted(module: Module, images: np.ndarray) -> np.ndarray:
    """What a model that makes images of images makes of `images`, of shape (N, C, H, W)."""
    device = next(module.parameters()).device  # type: ignore[attr-defined]
    with no_grad():
        output = module(from_numpy(images).to(device)).to("cpu").array
    return np.clip(output, 0, 1)


def write_picture(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Write an image of shape (C, H, W), of 1 or 3 channels from 0 to 1, as a .png file."""
    from PIL import Image

    pixels = np.rint(255 * image).astype(np.uint8).transpose(1, 2, 0)
    with replacing(path) as file:
        Image.fromarray(pixels[..., 0] if len(image) == 1 else pixels).save(file, format="png")


def read_images(
    path: str | os.PathLike[str], shape: Sequence[int], invert: bool = False
) -> np.ndarray:
    """The images of a file as float32, from 0 to 1.

    Parameters
    ----------
    path : path
        A picture (.png, .jpg, ...), which is brought to the size and the channels of `shape`; or
        a .npy file with one image, or an array of them, of integers from 0 to 255 or of floats
        from 0 to 1.
    shape : (C, H, W)
        What the model takes; a height and width of 0 stand for those of the file.
    invert : bool
        Exchange dark and bright: for dark ink on bright paper, where the model has learned bright
        ink on dark.

    Returns
    -------
    float32 array of shape (N, C, H, W)

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it holds no such images.
    """
    path = Path(path)
    array = _read_npy(path) if path.suffix == ".npy" else _read_picture(path, shape)
    channels, height, width = shape
    if not height and array.ndim > 1:
        height, width = array.shape[-2:]
    if array.ndim < 2 or array.size == 0 or array.size % (channels * height * width):
        expected = " x ".join([str(n or "any") for n in shape])
        raise ValueError(f"{path}: expected images of {expected}, got shape {array.shape}")
    if array.dtype.kind in "iu":
        scaled = array.astype(np.float32) / 255
    elif array.dtype.kind == "f":
        scaled = array.astype(np.float32)
    else:
        raise ValueError(f"{path}: expected integers or floats, got dtype {array.dtype}")
    low, high = float(scaled.min()), float(scaled.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"{path}: expected values from 0 to 1 (0 to 255 for integers), got {low:g} to {high:g}"
        )
    images = scaled.reshape(-1, channels, height, width)
    return 1 - images if invert else images


def _read_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is no .npy file of numbers: {error}") from None


def _read_picture(path: Path, shape: Sequence[int]) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    channels, height, width = shape
    try:
        with Image.open(path) as file:
            picture = file.convert("L" if channels == 1 else "RGB")
            if height and picture.size != (width, height):
                picture = picture.resize((width, height), Image.Resampling.BOX)
    except UnidentifiedImageError:
        raise ValueError(f"{path} is no picture, nor a .npy file") from None
    array = np.asarray(picture)
    return array if channels == 1 else array.transpose(2, 0, 1)
