"""The training loop: what it computes, what it tells, and that no step waits for the device."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device
from trainers import make, weights

from gpunet import nn, optim
from gpunet.autograd import no_grad
from gpunet.functions.random import manual_seed
from gpunet.train import Callback, Trainer, accuracy
from gpunet.utils.data import DataLoader, TensorDataset


def test_learns(device):
    trainer, loader = make(device)
    history = trainer.fit(loader, 30, loader)
    assert [record["epoch"] for record in history] == list(range(1, 31))
    assert history[-1]["train_loss"] < 0.3 * history[0]["train_loss"]
    assert history[-1]["val_accuracy"] > 0.9
    assert trainer.fit(loader, 1)[-1]["epoch"] == 31
    assert (trainer.epoch, trainer.step, trainer.batch) == (31, 155, 0)


def test_a_record_says_what_was_measured():
    trainer, loader = make("cpu")
    (record,) = trainer.fit(loader, 1, loader)
    assert list(record) == [
        "epoch", "step", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds",
        "samples_per_second",
    ]  # fmt: skip
    assert record["step"] == 5
    assert record["samples_per_second"] == pytest.approx(37 / record["seconds"])


def test_loss_and_accuracy_are_means_over_the_samples(device):
    trainer, loader = make(device)
    x, y = (array_of(t) for t in loader.dataset.tensors)
    found = trainer.evaluate(DataLoader(loader.dataset, 10))  # the last batch is smaller
    logits = array_of(trainer.model(on_device(x, device))).astype(np.float64)
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(y)), y]
    assert found["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert found["accuracy"] == pytest.approx((logits.argmax(1) == y).mean(), rel=1e-12)
    trainer.optimizer.param_groups[0]["lr"] = 0.0
    (record,) = trainer.fit(loader, 1)
    assert record["train_loss"] == pytest.approx(losses.mean(), rel=1e-5)


def test_a_step_is_that_of_a_loop_by_hand(device):
    trainer, loader = make(device, lr=0.2)
    trainer.fit(loader, 2)
    other, loader = make(device, lr=0.2)
    for _ in range(2):
        for x, y in loader:
            other.optimizer.zero_grad()
            other.loss_fn(other.model(x), y).backward()
            other.optimizer.step()
    assert weights(trainer) == weights(other)


def test_evaluation_changes_nothing(device):
    trainer, loader = make(device)
    before = weights(trainer)
    for training in (True, False):
        trainer.model.train(training)
        trainer.evaluate(loader)
        assert trainer.model.training is training
    assert weights(trainer) == before
    assert all(p.grad is None for p in trainer.model.parameters())


def test_evaluation_does_without_dropout(device):
    trainer, loader = make(device, dropout=0.9)
    first, second = trainer.evaluate(loader), trainer.evaluate(loader)
    assert first["accuracy"] == second["accuracy"]
    assert first["loss"] == pytest.approx(second["loss"])


class Log(Callback):
    def __init__(self):
        self.lines = []

    def on_fit_begin(self, trainer):
        self.lines.append(("begin", trainer.target, trainer.batches))

    def on_epoch_begin(self, trainer):
        self.lines.append(("epoch begins", trainer.epoch))

    def on_batch_end(self, trainer, samples):
        self.lines.append(("batch", samples, trainer.batch))

    def on_epoch_end(self, trainer, record):
        self.lines.append(("epoch", record["epoch"]))

    def on_fit_end(self, trainer):
        self.lines.append(("end",))


def test_callbacks_hear_of_everything(device):
    trainer, loader = make(device, n=20)
    log = Log()
    trainer.fit(loader, 1, callbacks=[log, Callback()])
    assert log.lines == [
        ("begin", 1, 3), ("epoch begins", 0), ("batch", 8, 1), ("batch", 8, 2), ("batch", 4, 3),
        ("epoch", 1), ("end",),
    ]  # fmt: skip


def test_callbacks_hear_the_end_after_an_error():
    trainer, loader = make("cpu")
    trainer.loss_fn = None
    log = Log()
    with pytest.raises(TypeError):
        trainer.fit(loader, 1, callbacks=[log])
    assert log.lines[-1] == ("end",)


def test_a_callback_can_stop_the_run():
    class Stop(Callback):
        def on_epoch_end(self, trainer, record):
            trainer.stop("enough")

    trainer, loader = make("cpu")
    trainer.fit(loader, 5, callbacks=[Stop()])
    assert (trainer.epoch, trainer.stopped) == (1, "enough")
    trainer.fit(loader, 1)
    assert (trainer.epoch, trainer.stopped) == (2, None)


class Adversaries(Trainer):
    """Two models that are trained against each other, each by its own optimiser."""

    def __init__(self, device):
        super().__init__()
        self.generator = nn.Linear(2, 3).to(device)
        self.discriminator = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).to(device)
        self.optimizers = {
            "generator": optim.Adam(self.generator.parameters(), lr=0.01),
            "discriminator": optim.Adam(self.discriminator.parameters(), lr=0.01),
        }
        self.loss_fn = nn.BCEWithLogitsLoss()

    def training_step(self, batch):
        import gpunet

        real = batch[0]
        n = real.shape[0]
        ones, zeros = (make(n, 1, device=real.device) for make in (gpunet.ones, gpunet.zeros))
        fake = self.generator(gpunet.randn(n, 2, device=real.device))
        on_fake = self.loss_fn(self.discriminator(fake.detach()), zeros)
        discriminating = self.loss_fn(self.discriminator(real), ones) + on_fake
        self.optimizers["discriminator"].zero_grad()
        discriminating.backward()
        self.optimizers["discriminator"].step()
        generating = self.loss_fn(self.discriminator(fake), ones)
        self.optimizers["generator"].zero_grad()
        generating.backward()
        self.optimizers["generator"].step()
        return {"discriminator_loss": discriminating, "generator_loss": generating}


def test_a_step_of_ones_own_with_two_optimisers(device, tmp_path):
    def adversaries():
        manual_seed(1)
        return Adversaries(device)

    _, loader = make(device)
    whole = adversaries()
    manual_seed(2)
    whole.fit(loader, 4)
    assert set(whole.history[0]) >= {"train_discriminator_loss", "train_generator_loss"}

    first = adversaries()
    manual_seed(2)
    first.fit(loader, 2)
    first.save_checkpoint(tmp_path / "c.safetensors")
    second = adversaries()
    second.load_checkpoint(tmp_path / "c.safetensors")
    second.fit(loader, 2)
    for name in ("generator", "discriminator"):
        for ours, theirs in zip(
            getattr(second, name).parameters(), getattr(whole, name).parameters()
        ):
            np.testing.assert_array_equal(array_of(ours), array_of(theirs))


def test_a_scheduler_steps_by_epoch_or_by_batch():
    for interval, expected in (("epoch", 0.1 * 0.5**2), ("step", 0.1 * 0.5**10)):
        trainer, loader = make("cpu", scheduler_interval=interval)
        trainer.scheduler = optim.lr_scheduler.ExponentialLR(trainer.optimizer, 0.5)
        trainer.fit(loader, 2)
        assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(expected)
    with pytest.raises(ValueError, match="scheduler_interval: expected"):
        make("cpu", scheduler_interval="batch")


def test_a_plateau_is_seen_on_the_held_out_loss():
    trainer, loader = make("cpu", lr=0.0)
    trainer.scheduler = optim.lr_scheduler.ReduceLROnPlateau(trainer.optimizer, patience=0)
    seen = []
    step = trainer.scheduler.step
    trainer.scheduler.step = lambda value: seen.append(value) or step(value)
    trainer.fit(loader, 2, loader)
    assert seen == [record["val_loss"] for record in trainer.history]


def test_gradients_are_clipped():
    trainer, loader = make("cpu", lr=1.0, max_norm=1e-3)
    trainer.optimizer.param_groups[0]["momentum"] = 0.0
    before = [array_of(p).copy() for p in trainer.model.parameters()]
    trainer.fit([next(iter(loader))], 1)
    moved = sum(((array_of(p) - b) ** 2).sum() for p, b in zip(trainer.model.parameters(), before))
    assert moved**0.5 == pytest.approx(1e-3, rel=1e-3)


def test_any_iterable_of_batches_will_do():
    trainer, loader = make("cpu")

    class Generated:
        def __iter__(self):
            yield from loader

    trainer.fit(Generated(), 2)
    assert trainer.batches is None
    assert (trainer.epoch, trainer.step) == (2, 10)


def test_batches_are_moved_to_the_model(cuda):
    trainer, _ = make(cuda)
    _, loader = make("cpu")
    (record,) = trainer.fit(loader, 1, loader)
    reference, there = make(cuda)
    (expected,) = reference.fit(there, 1, there)
    assert record["train_loss"] == expected["train_loss"]


def test_a_step_may_return_a_tensor_or_nothing():
    class Bare(Trainer):
        def training_step(self, batch):
            super().training_step(batch)

    trainer, loader = make("cpu")
    bare = Bare(trainer.model, trainer.loss_fn, trainer.optimizer)
    assert set(bare.fit(loader, 1)[0]) == {"epoch", "step", "seconds", "samples_per_second"}
    Bare.training_step = lambda self, batch: self.loss_fn(self.model(batch[0]), batch[1])
    assert bare.fit(loader, 1)[1]["train_loss"] > 0
    Bare.training_step = lambda self, batch: 3.0
    with pytest.raises(TypeError, match="expected a mapping of names to values, a tensor or None"):
        bare.fit(loader, 1)


def test_the_names_of_the_values_must_not_change():
    class Fickle(Trainer):
        def training_step(self, batch):
            return {f"loss{self.step}": 1.0} if self.step else {"loss": 1.0}

    _, loader = make("cpu")
    with pytest.raises(ValueError, match="expected the same names in every step, loss, got loss1"):
        Fickle().fit(loader, 1)


@pytest.mark.parametrize("epochs", [-1, 1.5, True, "3"])
def test_bad_numbers_of_epochs_are_refused(epochs):
    trainer, loader = make("cpu")
    with pytest.raises(ValueError, match="epochs: expected an integer, 0 or more"):
        trainer.fit(loader, epochs)


def test_a_loader_without_batches_is_an_error():
    trainer, _ = make("cpu")
    with pytest.raises(ValueError, match="fit: the loader gave no mini-batch"):
        trainer.fit([], 1)
    with pytest.raises(ValueError, match="evaluate: the loader gave no mini-batch"):
        trainer.evaluate([])


def test_accuracy_over_further_axes(device):
    scores = np.zeros((2, 3, 4), np.float32)
    scores[:, 1] = 1
    target = np.array([[1, 1, 0, 2], [1, 0, 0, 0]])
    assert float(accuracy(on_device(scores, device), on_device(target, device))) == 3 / 8


def test_no_step_waits_for_the_device(cuda, monkeypatch):
    import cupy

    if not hasattr(cupy.ndarray, "__dict__"):
        pytest.skip("the methods of CuPy's arrays cannot be replaced")
    trainer, loader = make(cuda, n=400)
    # The first one compiles kernels, and tries plans of products.
    trainer.fit(DataLoader(TensorDataset(*loader.dataset.tensors), 8), 1)
    waits = []
    for name in ("get", "item", "__float__", "__int__", "__bool__"):
        method = getattr(cupy.ndarray, name)
        monkeypatch.setattr(cupy.ndarray, name, _counting(method, name, waits))
    monkeypatch.setattr("gpunet.train.fitting.copied", lambda state: None)  # once an epoch
    # The losses are looked at by the clock, too, and the stand-in takes its time for 50 steps.
    monkeypatch.setattr("gpunet.train.fitting._LOOK_EVERY", 1e9)
    few, many = [], []
    for n, counted in ((8, few), (400, many)):
        subset = TensorDataset(*[tensor[:n] for tensor in loader.dataset.tensors])
        waits.clear()
        trainer.fit(DataLoader(subset, 8), 1)
        counted.extend(waits)
    assert few == many != []


def _counting(method, name, waits):
    def counted(array, *args, **kwargs):
        waits.append(name)
        return method(array, *args, **kwargs)

    return counted


def test_nothing_is_recorded_in_evaluation(device):
    trainer, loader = make(device)
    seen = []
    trainer.metrics = {"grad": lambda output, target: seen.append(output.requires_grad) or 0.0}
    trainer.evaluate(loader)
    with no_grad():
        assert seen == [False] * 5
