"""1,797 handwritten digits of 8x8 pixels, part of the package: nothing to download.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998, CC BY 4.0; see DIGITS.txt.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from .images import Images

__all__ = ["load_digits"]

#: Of each class's images, in their order, the last of every five is held out.
_HELD_OUT = 5


def load_digits() -> Images:
    """The digits, split into training and held-out images.

    The split is always the same and stratified: of each digit's images, in the order of the
    original, the 5th, 10th, 15th, ... are held out, so that both parts hold the ten digits in equal
    shares.

    Returns
    -------
    Images
        1,442 and 355 images of shape (1, 8, 8), 0 for paper to 1 for ink; labels 0 to 9.

    Examples
    --------
    >>> images, labels, *_ = load_digits()
    >>> images.shape, labels[:5].tolist()
    ((1442, 1, 8, 8), [0, 1, 2, 3, 4])
    """
    with files(__package__).joinpath("digits.npz").open("rb") as file, np.load(file) as archive:
        images = archive["images"][:, None].astype(np.float32) / 16
        labels = archive["labels"].astype(np.int64)
    held_out = np.zeros(len(labels), bool)
    for digit in range(10):
        held_out[np.flatnonzero(labels == digit)[_HELD_OUT - 1 :: _HELD_OUT]] = True
    return Images(images[~held_out], labels[~held_out], images[held_out], labels[held_out])
