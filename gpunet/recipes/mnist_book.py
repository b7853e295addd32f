"""The textbook's network on MNIST: sigmoids, quadratic cost, plain stochastic gradient descent.

Source: M. Nielsen, "Neural Networks and Deep Learning", chapter 1: 784-30-10, 30 epochs,
mini-batches of 10, eta = 3.0. The weights begin as chapter 3 has them, divided by the root of a
neuron's number of inputs, which is what `Network` does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import nn, optim
from ..autograd import Variable
from ..backend import Array, Device
from ..functions.random import initial_seed
from ..network import Network
from ..train import Trainer, accuracy
from ..utils.data import TensorDataset
from .images import datasets_of
from .recipe import Recipe, Settings

__all__ = ["RECIPE", "BookTrainer"]


class BookTrainer(Trainer):
    """Trains a `Network` by the textbook's equations, with no tape.

    Parameters
    ----------
    network : Network
    eta : float
        The learning rate.
    """

    def __init__(self, network: Network, eta: float):
        super().__init__()
        self.network = network
        self.eta = eta
        with network.be.on(network.device):
            self._targets = network.be.xp.eye(network.sizes[-1], dtype=network.dtype)

    @property
    def device(self) -> Device:
        return self.network.device

    def training_step(self, batch: Any) -> dict[str, Any]:
        x, y = self._rows(batch)
        return {"loss": self._cost(self.network.update_mini_batch(x, y, self.eta), y)}

    def evaluation_step(self, batch: Any) -> dict[str, Any]:
        x, y = self._rows(batch)
        a = self.network.feedforward(x)
        return {"loss": self._cost(a, y), "accuracy": accuracy(Variable(a), batch[1])}

    def _rows(self, batch: Any) -> tuple[Array, Array]:
        """Images as rows of pixels, and labels as rows of the identity matrix."""
        images, labels = batch[0].array, batch[1].array
        return images.reshape(len(images), -1), self._targets.take(labels, axis=0)

    def _cost(self, a: Array, y: Array) -> Any:
        """``C = sum_x |a - y|^2 / (2 m)``, on the device."""
        wrong = (a - y).ravel()
        return self.network.be.xp.dot(wrong, wrong) / (2 * len(a))


class QuadraticCost(nn.Module):
    """``C = sum_x |a - y|^2 / (2 m)`` of outputs a (m, n_L) and labels (m,)."""

    def forward(self, output: Any, labels: Any) -> Any:
        wrong = output - nn.functional.one_hot(labels, output.shape[1])
        return (wrong * wrong).sum() / (2 * output.shape[0])


class MnistBook(Recipe):
    """`gpunet.network.Network`, trained as the book trains it."""

    name = "mnist-book"
    description = "the textbook's network 784-30-10, sigmoids, quadratic cost, no tape"
    settings = Settings(epochs=30, batch_size=10, lr=3.0)
    classes = tuple("0123456789")
    image_shape = (1, 28, 28)

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        from ..datasets import load_mnist

        return datasets_of(load_mnist(folder))

    def trainer(self, settings: Settings, device: Device, batches: int) -> BookTrainer:
        network = Network([784, 30, 10], seed=initial_seed(), device=str(device))
        return BookTrainer(network, settings.lr)

    def module(self, trainer: Trainer) -> nn.Module:
        assert isinstance(trainer, BookTrainer)
        return nn.Sequential(nn.Flatten(), *trainer.network.to_module())

    def probabilities(self, scores: Any) -> Any:
        return scores / scores.sum(1, keepdim=True)

    def inspected(self, trainer: Trainer) -> tuple[nn.Module, Callable[[Any, Any], Any], Any]:
        assert isinstance(trainer, BookTrainer)
        module = self.module(trainer)
        return module, QuadraticCost(), optim.SGD(module.parameters(), lr=trainer.eta)


RECIPE = MnistBook()
