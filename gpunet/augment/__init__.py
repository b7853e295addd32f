"""Augmentation: mini-batches of images changed at random, each image in its own way.

A transform takes images of shape (N, C, H, W) on any device and returns new ones there. What it
draws comes from gpunet's generator, so that it follows from the seed, is the same on the CPU and on
a GPU, and goes on with a run that is resumed::

    augment = Compose([RandomHorizontalFlip(), RandomCrop(32, padding=4)])
    trainer = Trainer(model, loss_fn, optimizer, augment=augment)

Read `transform` first; `pixels` has the gathers by which pixels move.
"""

from __future__ import annotations

from .cutout import Cutout
from .geometry import RandomCrop, RandomHorizontalFlip, RandomShift
from .normalize import Normalize
from .rotation import RandomRotation
from .transform import Compose, Transform

__all__ = [
    "Compose",
    "Cutout",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomShift",
    "Transform",
]
