"""What was learned of the digits 0 to 4 put to use with 5 to 9, of which few are labelled.

First `mnist-cnn`'s network learns to tell 0 to 4. Then its convolutions are frozen, and a new layer
above them learns 5 to 9 from five labelled images of each. Beside it, for comparison, the whole
network learns from the same images alone, with weights that are drawn at random.

The dense layer above the convolutions is left behind: what it has learned is of 0 to 4 alone, and
to keep it is worse than to begin from nothing.

Source: J. Yosinski, J. Clune, Y. Bengio and H. Lipson, "How transferable are features in deep
neural networks?", arXiv:1411.1792, 2014.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .. import nn, optim
from ..backend import Device
from ..datasets import Images
from ..functions.data import from_numpy
from ..functions.random import initial_seed
from ..functions.sampling import randperm
from ..train import Trainer, accuracy
from ..utils.data import DataLoader, TensorDataset
from .drawings import generator
from .mnist_cnn import features, network
from .recipe import Recipe, Settings
from .run import Run

__all__ = ["LABELLED", "RECIPE", "TransferTrainer"]

#: The first of the new classes; the digits before it are the old ones.
_FIRST = 5
#: Labelled images of each new class.
LABELLED = 5
#: How the features are learned.
_EPOCHS, _BATCH, _LR = 1, 64, 1e-3


class TransferTrainer(Trainer):
    """Trains a layer above frozen features, and beside it a whole network from scratch.

    Parameters
    ----------
    model : Sequential
        All of it but the last layer is frozen.
    scratch : Sequential
    settings : Settings
        `lr` is that of the layer.
    """

    def __init__(self, model: nn.Sequential, scratch: nn.Sequential, settings: Settings):
        for parameter in model[:-1].parameters():
            parameter.requires_grad_(False)
        loss = nn.CrossEntropyLoss()
        super().__init__(model, loss, optim.Adam(model[-1].parameters(), lr=settings.lr))
        self.scratch = scratch
        self.scratch_optimizer = optim.Adam(scratch.parameters(), lr=_LR)

    def training_step(self, batch: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for prefix, model, optimizer in self._both():
            values |= self._step(prefix, model, optimizer, batch)
        return values

    def evaluation_step(self, batch: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for prefix, model, _ in self._both():
            values |= self._step(prefix, model, None, batch)
        return values

    def _both(self) -> list[tuple[str, Any, Any]]:
        return [
            ("", self.model, self.optimizer),
            ("scratch_", self.scratch, self.scratch_optimizer),
        ]

    def _step(self, prefix: str, model: Any, optimizer: Any, batch: Any) -> dict[str, Any]:
        images, labels = batch
        output = model(images)
        loss = self.loss_fn(output, labels)  # type: ignore[misc]
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return {f"{prefix}loss": loss, f"{prefix}accuracy": accuracy(output.detach(), labels)}


class Transfer(Recipe):
    """A new layer on frozen convolutions, against a network that begins from nothing."""

    name = "transfer"
    description = f"digits 5 to 9 from {LABELLED} images of each, with features of 0 to 4"
    settings = Settings(epochs=30, batch_size=5, lr=0.003)
    classes = tuple("56789")
    image_shape = (1, 28, 28)

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        images = _load(folder)
        order = randperm(len(images.train_labels), generator=generator(initial_seed(), 1)).array
        labels = images.train_labels[order]
        chosen = np.concatenate([order[labels == digit][:LABELLED] for digit in range(_FIRST, 10)])
        return (
            _dataset(images.train_images[chosen], images.train_labels[chosen] - _FIRST),
            _part(images.test_images, images.test_labels, old=False),
        )

    def trainer(self, settings: Settings, device: Device, batches: int) -> TransferTrainer:
        model = features().append(nn.Linear(1024, 10 - _FIRST))
        return TransferTrainer(model.to(device), network(10 - _FIRST).to(device), settings)

    def begin(self, run: Run, report: Callable[[str], None]) -> None:
        """Learn the features."""
        images = _load(run.data)
        model = network(_FIRST).to(run.device)
        trainer = Trainer(
            model,
            nn.CrossEntropyLoss(),
            optim.Adam(model.parameters(), lr=_LR),
            metrics={"accuracy": accuracy},
        )
        start = perf_counter()
        old = _part(images.train_images, images.train_labels, old=True)
        trainer.fit(DataLoader(old, _BATCH, shuffle=True), _EPOCHS)
        test = DataLoader(_part(images.test_images, images.test_labels, old=True), 1024)
        measured = trainer.evaluate(test)
        report(
            f"features from {len(old):,} images of 0 to {_FIRST - 1}, of which it tells "
            f"{measured['accuracy']:.2%}; {perf_counter() - start:.1f} s"
        )
        assert isinstance(run.trainer.model, nn.Sequential)
        frozen = run.trainer.model[:-1]
        frozen.load_state_dict(model[: len(frozen)].state_dict())

    def remarks(self, run: Run) -> list[str]:
        if not run.trainer.history:
            return []
        last = run.trainer.history[-1]
        return [
            f"with {len(run.loader.dataset)} labelled images: {last['val_accuracy']:.2%} with the "
            f"features of 0 to {_FIRST - 1}, {last['val_scratch_accuracy']:.2%} from scratch"
        ]

    def finish(self, run: Run, folder: Path) -> list[str]:
        _draw(run, folder / "transfer.png")
        return ["transfer.png"]


def _load(folder: Path | None) -> Images:
    from ..datasets import load_mnist

    return load_mnist(folder)


def _part(images: np.ndarray, labels: np.ndarray, old: bool) -> TensorDataset:
    chosen = (labels < _FIRST) == old
    return _dataset(images[chosen], labels[chosen] - (0 if old else _FIRST))


def _dataset(images: np.ndarray, labels: np.ndarray) -> TensorDataset:
    return TensorDataset(from_numpy(images), from_numpy(labels))


def _draw(run: Run, path: Path) -> None:
    """The held-out accuracy of both networks over the epochs, and what they learned from."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    from ..backend import backend_of
    from ..io import replacing

    figure = Figure(figsize=(10.6, 4.2), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    history = run.trainer.history
    for name, label, color in (
        ("val_accuracy", f"convolutions of 0 to {_FIRST - 1}, new layer", "tab:blue"),
        ("val_scratch_accuracy", "the whole network from scratch", "tab:orange"),
    ):
        points = [(record["epoch"], record[name]) for record in history]
        left.plot(*zip(*points), color=color, label=f"{label}: {points[-1][1]:.1%} at the end")
    left.set_xlabel("epoch")
    left.set_title(f"Told of held-out digits {_FIRST} to 9", loc="left", size=11)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.yaxis.set_major_formatter(PercentFormatter(1, 0))
    left.grid(color="#e6e6e6")
    left.legend(loc="lower right", frameon=False)
    images, labels = (backend_of(x.array).to_numpy(x.array) for x in run.loader.dataset.tensors)
    rows = [np.hstack(list(images[labels == k, 0])) for k in range(10 - _FIRST)]
    right.imshow(1 - np.vstack(rows), cmap="gray", vmin=0, vmax=1)
    right.set_title(f"All {len(images)} images that both learn from", loc="left", size=11)
    right.set_axis_off()
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=110)


RECIPE = Transfer()
