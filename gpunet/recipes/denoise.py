"""Noise taken out of colour photographs (CIFAR-10) by a residual convolutional network.

Source: K. Zhang, W. Zuo, Y. Chen, D. Meng and L. Zhang, "Beyond a Gaussian denoiser: residual
learning of deep CNN for image denoising", IEEE Transactions on Image Processing 26, 2017.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import nn, optim
from ..augment import RandomHorizontalFlip
from ..backend import Device, backend_of
from ..backend.rng import Generator
from ..functions.sampling import randn_like
from ..optim.lr_scheduler import OneCycleLR
from ..train import Trainer
from ..utils.data import TensorDataset
from .drawings import generator
from .recipe import Recipe, Settings
from .run import Run

__all__ = ["RECIPE", "SIGMA", "DenoisingTrainer", "DnCNN", "noisy", "psnr"]

#: Standard deviation of the noise: 25 of 255 levels of grey.
SIGMA = 25 / 255


class DnCNN(nn.Module):
    """``clean = noisy - body(noisy)``: what is learned is the noise.

    Parameters
    ----------
    channels : int
        Of the images.
    width : int
        Channels between the first and the last convolution.
    depth : int
        Convolutions; batch norm follows all but the first and the last.
    """

    def __init__(self, channels: int = 3, width: int = 48, depth: int = 7):
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        for _ in range(depth - 2):
            layers += [
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
        self.body = nn.Sequential(*layers, nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, images: Any) -> Any:
        return images - self.body(images)


def noisy(images: Any, generator: Generator | None = None) -> Any:
    """`images` with Gaussian noise of standard deviation `SIGMA`; not clipped to 0 and 1."""
    return images + SIGMA * randn_like(images, generator=generator)


def psnr(images: Any, clean: Any) -> Any:
    """The peak signal-to-noise ratio in dB, ``-10 log10 mean (x - y)^2``; the mean over images."""
    be = backend_of(images.array)
    wrong = images.array - clean.array
    return -10 * be.xp.log10((wrong * wrong).mean(axis=(1, 2, 3))).mean()


class DenoisingTrainer(Trainer):
    """Draws new noise for each mini-batch of clean images."""

    def training_step(self, batch: Any) -> Any:
        (clean,) = batch
        if self.augment is not None:
            clean = self.augment(clean)
        output = self.model(noisy(clean))  # type: ignore[misc]
        loss = self.loss_fn(output, clean)  # type: ignore[misc]
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"loss": loss, "psnr": psnr(output, clean)}

    def evaluation_step(self, batch: Any) -> Any:
        """The gain is that over the noisy images."""
        clean, given = batch
        output = self.model(given)  # type: ignore[misc]
        reached = psnr(output, clean)
        loss = self.loss_fn(output, clean)  # type: ignore[misc]
        return {"loss": loss, "psnr": reached, "gain": reached - psnr(given, clean)}


class Denoise(Recipe):
    """A DnCNN of seven convolutions; the noise of the held-out images is always the same."""

    name = "denoise"
    description = f"DnCNN, seven 3x3 convolutions of 48 channels, noise of sigma {SIGMA * 255:.0f}"
    settings = Settings(epochs=6, batch_size=16, lr=0.002)
    image_shape = (3, 32, 32)
    to_images = True

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        from ..datasets import load_cifar10
        from ..functions.data import from_numpy

        images = load_cifar10(folder)
        clean = from_numpy(images.test_images)
        given = noisy(clean, generator(0, 1))
        return TensorDataset(from_numpy(images.train_images)), TensorDataset(clean, given)

    def model(self) -> nn.Module:
        return DnCNN()

    def augment(self) -> RandomHorizontalFlip:
        return RandomHorizontalFlip()

    def loss(self) -> nn.Module:
        return nn.MSELoss()

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> optim.Optimizer:
        return optim.Adam(parameters, lr=settings.lr)

    def scheduler(self, optimizer: Any, settings: Settings, batches: int) -> OneCycleLR:
        return OneCycleLR(optimizer, settings.lr, total_steps=settings.epochs * batches)

    def trainer(self, settings: Settings, device: Device, batches: int) -> DenoisingTrainer:
        model = self.model().to(device)
        optimizer = self.optimizer(model.parameters(), settings)
        return DenoisingTrainer(
            model,
            self.loss(),
            optimizer,
            self.scheduler(optimizer, settings, batches),
            scheduler_interval="step",
            augment=self.augment(),
        )

    def examples(self, run: Run, number: int) -> tuple[Any, Any]:
        (clean,) = run.loader.dataset[:number]
        return noisy(clean, generator(0, 2)), clean

    def finish(self, run: Run, folder: Path) -> list[str]:
        from .denoise_pictures import draw_before_and_after

        draw_before_and_after(run, folder / "denoised.png")
        return ["denoised.png"]


RECIPE = Denoise()
