"""A run that is stopped anywhere and goes on ends with the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of
from trainers import make, weights, without_time

from gpunet import nn, optim
from gpunet.backend.rng import Generator
from gpunet.functions.random import manual_seed
from gpunet.train import Callback, EarlyStopping, LearningRateMonitor, Trainer
from gpunet.utils.data import DataLoader


class SaveAt(Callback):
    """Writes a checkpoint when so many steps were taken, and ends the run there."""

    last = True

    def __init__(self, path, step):
        self.path, self.at = path, step

    def on_batch_end(self, trainer, samples):
        if trainer.step == self.at:
            trainer.save_checkpoint(self.path)
            raise _Killed


class _Killed(Exception):
    pass


def build(device, seed=0):
    trainer, loader = make(device, seed=seed, dropout=0.3)
    trainer.scheduler = optim.lr_scheduler.StepLR(trainer.optimizer, 1, 0.7)
    return trainer, loader


@pytest.mark.parametrize("at", [1, 4, 5, 6, 12])
def test_from_any_step(at, device, tmp_path):
    whole, loader = build(device)
    whole.fit(loader, 3, loader, [LearningRateMonitor()])

    first, loader = build(device)
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(_Killed):
        first.fit(loader, 3, loader, [SaveAt(path, at), LearningRateMonitor()])

    second, loader = build(device, seed=77)  # other weights, another place in the random numbers
    second.load_checkpoint(path)
    manual_seed(5)  # what is drawn between loading and going on does not matter
    monitor = LearningRateMonitor()
    second.fit(loader, 3 - second.epoch, loader, [monitor])
    assert weights(second) == weights(whole)
    assert without_time(second.history) == without_time(whole.history)
    assert [step for step, _ in monitor.changes] == [0, 5, 10]


@pytest.mark.parametrize("at", [1, 5, 7])
def test_with_mini_batches_that_are_sent_ahead(at, cuda, tmp_path):
    """The data are on the host, the model is not: one mini-batch more is on its way."""

    def build(seed=0):
        trainer, loader = make("cpu", seed=seed, dropout=0.3)
        trainer.model.to(cuda)
        return trainer, loader

    whole, loader = build()
    whole.fit(loader, 3, loader)
    there, loader = make(cuda, dropout=0.3)
    there.fit(loader, 3, loader)
    assert weights(there) == weights(whole)

    first, loader = build()
    with pytest.raises(_Killed):
        first.fit(loader, 3, loader, [SaveAt(tmp_path / "c", at)])
    second, loader = build(seed=77)
    second.load_checkpoint(tmp_path / "c")
    second.fit(loader, 3 - second.epoch, loader)
    assert weights(second) == weights(whole)
    assert without_time(second.history) == without_time(whole.history)


def test_from_the_end_of_an_epoch(device, tmp_path):
    whole, loader = build(device)
    whole.fit(loader, 4)
    first, loader = build(device)
    first.fit(loader, 2)
    first.save_checkpoint(tmp_path / "c.safetensors")
    second, loader = build(device, seed=3)
    second.load_checkpoint(tmp_path / "c.safetensors")
    assert (second.epoch, second.step, second.batch) == (2, 10, 0)
    second.fit(loader, 2)
    assert weights(second) == weights(whole)


@pytest.mark.parametrize(
    "name",
    ["SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta"],
)
def test_with_every_optimiser(name, tmp_path):
    def build(seed=0):
        trainer, loader = make("cpu", seed=seed)
        trainer.optimizer = getattr(optim, name)(trainer.model.parameters(), lr=0.05)
        return trainer, loader

    whole, loader = build()
    whole.fit(loader, 3)
    first, loader = build()
    with pytest.raises(_Killed):
        first.fit(loader, 3, callbacks=[SaveAt(tmp_path / "c", 7)])
    second, loader = build(seed=9)
    second.load_checkpoint(tmp_path / "c")
    second.fit(loader, 2)
    assert weights(second) == weights(whole)


def test_running_statistics_are_part_of_it(tmp_path):
    def build(seed=0):
        trainer, loader = make("cpu", seed=seed)
        trainer.model.insert(1, nn.BatchNorm1d(8))
        trainer.optimizer = optim.SGD(trainer.model.parameters(), lr=0.1)
        return trainer, loader

    whole, loader = build()
    whole.fit(loader, 2)
    first, loader = build()
    with pytest.raises(_Killed):
        first.fit(loader, 2, callbacks=[SaveAt(tmp_path / "c", 3)])
    second, loader = build(1)
    second.load_checkpoint(tmp_path / "c")
    second.fit(loader, 2)
    for ours, theirs in zip(second.model.state_dict().values(), whole.model.state_dict().values()):
        np.testing.assert_array_equal(array_of(ours), array_of(theirs))


def test_with_a_generator_of_the_loaders_own(tmp_path):
    def build(seed):
        trainer, loader = make("cpu")
        generator = Generator().manual_seed(seed)
        return trainer, DataLoader(loader.dataset, 8, shuffle=True, generator=generator)

    whole, loader = build(4)
    whole.fit(loader, 3)
    first, loader = build(4)
    with pytest.raises(_Killed):
        first.fit(loader, 3, callbacks=[SaveAt(tmp_path / "c", 8)])
    second, loader = build(5)
    second.load_checkpoint(tmp_path / "c")
    second.fit(loader, 2)
    assert weights(second) == weights(whole)


def test_with_an_iterable_that_only_starts_at_its_beginning(tmp_path):
    class Batches:
        def __init__(self, loader):
            self.batches_made = list(loader)

        def __iter__(self):
            return iter(self.batches_made)

    def build():
        trainer, loader = make("cpu", dropout=0.5)
        return trainer, Batches(loader)

    whole, loader = build()
    whole.fit(loader, 2)
    first, loader = build()
    with pytest.raises(_Killed):
        first.fit(loader, 2, callbacks=[SaveAt(tmp_path / "c", 3)])
    second, loader = build()
    second.load_checkpoint(tmp_path / "c")
    second.fit(loader, 2)
    assert weights(second) == weights(whole)


def test_on_another_device(cuda, tmp_path):
    first, loader = build(cuda)
    first.fit(loader, 1)
    first.save_checkpoint(tmp_path / "c")
    first.fit(loader, 1)
    second, loader = build("cpu", seed=8)
    second.load_checkpoint(tmp_path / "c")
    second.fit(loader, 1)
    for ours, theirs in zip(second.model.parameters(), first.model.parameters()):
        np.testing.assert_allclose(array_of(ours), array_of(theirs), rtol=1e-4, atol=1e-6)


def test_callbacks_go_on_too(tmp_path):
    def early():
        return EarlyStopping("train_loss", patience=3, mode="max")

    whole, loader = make("cpu")
    whole.fit(loader, 10, callbacks=[early()])
    assert whole.epoch == 4  # the first one is the best; three more
    first, loader = make("cpu")
    first.fit(loader, 2, callbacks=[early()])
    first.save_checkpoint(tmp_path / "c")
    second, loader = make("cpu", seed=2)
    second.load_checkpoint(tmp_path / "c")
    second.fit(loader, 8, callbacks=[early()])
    assert second.epoch == 4


def test_a_checkpoint_of_another_shape_changes_nothing(tmp_path):
    trainer, loader = make("cpu")
    trainer.fit(loader, 1)
    trainer.save_checkpoint(tmp_path / "c.safetensors")
    other = Trainer(nn.Sequential(nn.Linear(3, 9), nn.ReLU(), nn.Linear(9, 2)), nn.NLLLoss())
    other.optimizer = optim.SGD(other.model.parameters(), lr=0.1)
    before = weights(other)
    with pytest.raises(
        ValueError, match=r"c\.safetensors: the state does not fit model(?s:.*)0\.w"
    ):
        other.load_checkpoint(tmp_path / "c.safetensors")
    assert weights(other) == before
    other = Trainer(trainer.model, nn.NLLLoss())
    with pytest.raises(ValueError, match="it lacks nothing, and has optimizer besides"):
        other.load_checkpoint(tmp_path / "c.safetensors")


def test_what_is_no_checkpoint_is_refused(tmp_path):
    from gpunet.io import save_file

    trainer, _ = make("cpu")
    save_file(trainer.model.state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        trainer.load_checkpoint(tmp_path / "model.safetensors")
    with pytest.raises(FileNotFoundError):
        trainer.load_checkpoint(tmp_path / "none")
