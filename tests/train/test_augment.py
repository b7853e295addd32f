"""Augmented training: seen by the steps alone, and the same again after an interruption."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device
from trainers import weights, without_time

from gpunet import nn, optim
from gpunet.augment import Compose, Cutout, RandomCrop, RandomHorizontalFlip, RandomRotation
from gpunet.functions.random import manual_seed
from gpunet.train import Callback, Trainer
from gpunet.utils.data import DataLoader, TensorDataset


class Seen(nn.Module):
    """A linear layer that notes its inputs."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3 * 6 * 6, 2)
        self.seen = []

    def forward(self, x):
        self.seen.append((self.training, array_of(x).copy()))
        return self.linear(x.flatten(1))


def make(device, seed=0):
    manual_seed(seed)
    rng = np.random.default_rng(0)
    X, y = rng.random((20, 3, 6, 6), np.float32), rng.integers(0, 2, 20)
    model = Seen().to(device)
    augment = Compose(
        [RandomHorizontalFlip(), RandomCrop(6, padding=2), RandomRotation(20), Cutout(2)]
    )
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, augment=augment)
    data = TensorDataset(on_device(X, device), on_device(y, device))
    return trainer, DataLoader(data, 8, shuffle=True), X


def test_only_the_steps_see_augmented_images(device):
    trainer, loader, X = make(device)
    trainer.fit(loader, 1, DataLoader(loader.dataset, 20))
    originals = {image.tobytes() for image in X}
    assert [training for training, _ in trainer.model.seen] == [True, True, True, False]
    for training, batch in trainer.model.seen:
        known = [image.tobytes() in originals for image in batch]
        assert all(known) != training


class Stop(Callback):
    def __init__(self, path, at):
        self.path, self.at = path, at

    def on_batch_end(self, trainer, samples):
        if trainer.step == self.at:
            trainer.save_checkpoint(self.path)
            raise RuntimeError("stopped")


@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_resumed_run_repeats_the_augmentations(device, tmp_path, at):
    whole, loader, _ = make(device)
    whole.fit(loader, 3)
    first, loader, _ = make(device)
    with pytest.raises(RuntimeError, match="stopped"):
        first.fit(loader, 3, callbacks=[Stop(tmp_path / "c", at)])
    second, loader, _ = make(device, seed=9)
    second.load_checkpoint(tmp_path / "c")
    second.fit(loader, 3 - second.epoch)
    for ours, theirs in zip(second.model.seen, whole.model.seen[at:], strict=True):
        np.testing.assert_array_equal(ours[1], theirs[1])
    assert weights(second) == weights(whole)
    assert without_time(second.history) == without_time(whole.history)
