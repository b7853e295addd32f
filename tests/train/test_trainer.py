"""The training loop: what it computes, what it tells, and that it waits once an epoch."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from opcheck import array_of, on_device
from rich.console import Console

from gpunet import nn, optim
from gpunet.functions.random import manual_seed
from gpunet.train import Callback, EpochResult, Progress, Trainer
from gpunet.utils.data import DataLoader, TensorDataset


def make(device, lr=0.1, n=37):
    """Two classes that a line separates."""
    manual_seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 3)).astype(np.float32)
    y = (x @ [1, -2, 0.5] > 0).astype(np.int64)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)).to(device)
    data = TensorDataset(on_device(x, device), on_device(y, device))
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=lr))
    return trainer, DataLoader(data, 8, shuffle=True), x, y


def test_learns(device):
    trainer, loader, _, _ = make(device, lr=0.5)
    history = trainer.fit(loader, 30)
    assert [result.epoch for result in history] == list(range(1, 31))
    assert history[-1].loss < 0.3 * history[0].loss
    assert history[-1].accuracy > 0.9
    assert trainer.fit(loader, 1)[-1].epoch == 31


def test_loss_and_accuracy_are_means_over_the_samples(device):
    trainer, loader, x, y = make(device)
    found = trainer.evaluate(DataLoader(loader.dataset, 10))  # the last batch is smaller
    logits = array_of(trainer.model(on_device(x, device))).astype(np.float64)
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(y)), y]
    assert found.loss == pytest.approx(losses.mean(), rel=1e-5)
    assert found.accuracy == (logits.argmax(1) == y).mean()
    assert (found.epoch, found.samples) == (0, len(y))


def test_evaluation_changes_nothing(device):
    trainer, loader, _, _ = make(device)
    before = {name: array_of(p).copy() for name, p in trainer.model.named_parameters()}
    for training in (True, False):
        trainer.model.train(training)
        trainer.evaluate(loader)
        assert trainer.model.training is training
    for name, p in trainer.model.named_parameters():
        np.testing.assert_array_equal(array_of(p), before[name])
        assert p.grad is None


def test_evaluation_does_without_dropout(device):
    trainer, loader, _, _ = make(device)
    trainer.model.append(nn.Dropout(0.9))
    first, second = trainer.evaluate(loader), trainer.evaluate(loader)
    assert first.accuracy == second.accuracy
    assert first.loss == pytest.approx(second.loss)


class Log(Callback):
    def __init__(self):
        self.lines = []

    def on_fit_begin(self, trainer, epochs, samples):
        self.lines.append(("begin", epochs, samples))

    def on_batch_end(self, trainer, samples):
        self.lines.append(("batch", samples))

    def on_epoch_end(self, trainer, result):
        self.lines.append(("epoch", result.epoch))

    def on_fit_end(self, trainer):
        self.lines.append(("end",))


def test_callbacks_hear_of_everything(device):
    trainer, loader, _, _ = make(device, n=20)
    log = Log()
    trainer.fit(loader, 1, [log, Callback()])
    assert log.lines == [
        ("begin", 1, 20), ("batch", 8), ("batch", 8), ("batch", 4), ("epoch", 1), ("end",)
    ]  # fmt: skip


def test_callbacks_hear_the_end_after_an_error():
    trainer, loader, _, _ = make("cpu")
    trainer.loss_fn = None
    log = Log()
    with pytest.raises(TypeError):
        trainer.fit(loader, 1, [log])
    assert log.lines[-1] == ("end",)


def test_a_loss_that_is_not_finite_is_an_error(device):
    trainer, loader, _, _ = make(device)
    loader.dataset.tensors[0].array[5] = math.nan
    with pytest.raises(FloatingPointError, match="the loss became nan in epoch 1: lower the"):
        trainer.fit(loader, 3)
    assert len(trainer.history) == 1


def test_no_mini_batch_at_all():
    trainer, loader, _, _ = make("cpu", n=5)
    with pytest.raises(ValueError, match="at least one mini-batch"):
        trainer.fit(DataLoader(loader.dataset, 8, drop_last=True), 1)


def test_the_loop_waits_for_the_device_once_an_epoch(cuda, monkeypatch):
    import cupy

    if not getattr(cupy, "__standin__", False):
        pytest.skip("the methods of CuPy's arrays cannot be replaced")
    trainer, loader, _, _ = make(cuda)
    trainer.fit(loader, 1)  # the first one compiles kernels
    waits = []
    for name in ("get", "item", "__float__", "__int__", "__bool__"):
        method = getattr(cupy.ndarray, name)
        monkeypatch.setattr(cupy.ndarray, name, _counting(method, name, waits))
    trainer.fit(loader, 2)
    # One for the loss, one for the right answers; each may go through get() inside.
    assert [name for name in waits if name != "get"] == ["__float__", "__int__"] * 2
    assert waits.count("get") <= 4


def _counting(method, name, waits):
    def counted(array, *args, **kwargs):
        waits.append(name)
        return method(array, *args, **kwargs)

    return counted


def test_progress_in_plain_lines():
    text = io.StringIO()
    trainer, loader, _, _ = make("cpu")
    trainer.fit(loader, 2, [Progress(Console(file=text, width=30))])
    lines = text.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  loss 0.")
    for part in ("accuracy", "samples/s", "s left"):
        assert part in lines[0]
    assert lines[1].endswith("0.0 s left")


def test_progress_in_a_terminal():
    text = io.StringIO()
    trainer, loader, _, _ = make("cpu")
    progress = Progress(Console(file=text, force_terminal=True, width=120))
    trainer.fit(loader, 2, [progress])
    shown = text.getvalue()
    for part in ("epoch 2/2", "loss 0.", "accuracy", "samples/s", "left"):
        assert part in shown
    assert progress.bar is None


def test_samples_per_second():
    assert EpochResult(1, 0.5, 0.9, 100, 2.0).samples_per_second == 50
