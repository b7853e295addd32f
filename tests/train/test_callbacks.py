"""EarlyStopping, ModelCheckpoint, LearningRateMonitor, and the picture of the history."""

from __future__ import annotations

import math

import numpy as np
import pytest
from opcheck import array_of
from trainers import make, weights

from gpunet import optim
from gpunet.io import load_file, load_metadata
from gpunet.train import (
    Callback,
    EarlyStopping,
    LearningRateMonitor,
    ModelCheckpoint,
    plot_history,
)


class Say(Callback):
    """Puts given values into the records."""

    def __init__(self, *values):
        self.values = values

    def on_epoch_end(self, trainer, record):
        record["said"] = self.values[record["epoch"] - 1]


@pytest.mark.parametrize(
    ("options", "values", "epochs"),
    [
        ({"patience": 2}, [3, 2, 2, 2, 1], 4),
        ({"patience": 2}, [3, 2, 2, 1, 1, 1], 6),
        ({"patience": 1, "mode": "max"}, [1, 2, 3, 3, 9], 4),
        ({"patience": 2, "min_delta": 0.5}, [3, 2.6, 2.6, 1], 3),
        ({"patience": 1}, [math.nan, 1], 1),
    ],
)
def test_early_stopping(options, values, epochs):
    trainer, loader = make("cpu")
    trainer.fit(loader, len(values), callbacks=[Say(*values), EarlyStopping("said", **options)])
    assert trainer.epoch == epochs
    assert (trainer.stopped is None) == (epochs == len(values) and values[-1] != values[-2])


def test_early_stopping_says_why():
    trainer, loader = make("cpu")
    trainer.fit(loader, 5, callbacks=[Say(1, 2, 2), EarlyStopping("said", patience=2)])
    assert trainer.stopped == "said has not improved on 1, of epoch 1, for 2 epochs"


@pytest.mark.parametrize("epochs", [2, 3, 5])
def test_the_best_weights_come_back(epochs, device):
    trainer, loader = make(device)
    stopping = EarlyStopping("said", patience=3, restore_best=True)
    trainer.fit(loader, epochs, callbacks=[Say(2, 1, 5, 5, 5), stopping])
    other, loader = make(device)
    other.fit(loader, 2)
    assert weights(trainer) == weights(other)


def test_an_unknown_value_is_named():
    trainer, loader = make("cpu")
    with pytest.raises(ValueError, match=r"one of epoch, .*train_loss.* 'val_loss'"):
        trainer.fit(loader, 2, callbacks=[EarlyStopping()])


@pytest.mark.parametrize(
    "make_it",
    [
        lambda: EarlyStopping(patience=0),
        lambda: EarlyStopping(patience=1.5),
        lambda: EarlyStopping(mode="best"),
        lambda: EarlyStopping(min_delta=-1),
        lambda: EarlyStopping(min_delta=math.nan),
        lambda: ModelCheckpoint("x", every=0),
        lambda: ModelCheckpoint("x", "val_loss", mode=""),
    ],
)
def test_bad_arguments(make_it):
    with pytest.raises(ValueError, match="expected"):
        make_it()


def test_the_best_model_is_kept(tmp_path, device):
    trainer, loader = make(device)
    keeper = ModelCheckpoint(tmp_path / "best", "said", "max")
    trainer.fit(loader, 4, callbacks=[keeper, Say(1, 3, 2, 3)])  # called after Say all the same
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["best.safetensors"]
    assert load_metadata(tmp_path / "best" / "best.safetensors") == {"epoch": "2"}
    other, loader = make(device)
    other.fit(loader, 2)
    for name, tensor in load_file(tmp_path / "best" / "best.safetensors").items():
        expected = array_of(other.model.state_dict()[name])
        np.testing.assert_array_equal(array_of(tensor), expected)


def test_every_so_many_epochs(tmp_path):
    trainer, loader = make("cpu")
    trainer.fit(loader, 5, callbacks=[ModelCheckpoint(tmp_path, every=2, weights_only=False)])
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "epoch-2.safetensors", "epoch-4.safetensors",
    ]  # fmt: skip
    other, loader = make("cpu", seed=3)
    other.load_checkpoint(tmp_path / "epoch-4.safetensors")
    other.fit(loader, 1)
    assert weights(other) == weights(trainer)


def test_learning_rates_are_noted():
    trainer, loader = make("cpu", lr=1.0)
    trainer.scheduler = optim.lr_scheduler.ExponentialLR(trainer.optimizer, 0.5)
    monitor = LearningRateMonitor()
    trainer.fit(loader, 3, callbacks=[monitor])
    assert [record["lr"] for record in trainer.history] == [1.0, 0.5, 0.25]
    assert monitor.changes == [(0, [1.0]), (5, [0.5]), (10, [0.25])]


def test_learning_rates_of_several_groups():
    trainer, loader = make("cpu")
    first, *rest = trainer.model.parameters()
    trainer.optimizer = optim.SGD([{"params": [first], "lr": 0.5}, {"params": rest}], lr=0.25)
    trainer.fit(loader, 1, callbacks=[LearningRateMonitor()])
    assert (trainer.history[0]["lr_0"], trainer.history[0]["lr_1"]) == (0.5, 0.25)


def test_the_learning_curve_is_drawn(tmp_path):
    trainer, loader = make("cpu")
    trainer.fit(loader, 3, loader)
    for name, first in (("c.png", b"\x89PNG"), ("c.svg", b"<?xml"), ("c.pdf", b"%PDF")):
        plot_history(trainer.history, tmp_path / name, "a run")
        assert (tmp_path / name).read_bytes().startswith(first)
    drawing = (tmp_path / "c.svg").read_text()
    for comment in ("<!-- loss -->", "<!-- accuracy -->", "<!-- epoch -->", "<!-- a run -->"):
        assert comment in drawing
    with pytest.raises(ValueError, match="at least one record"):
        plot_history([], tmp_path / "none.png")
    with pytest.raises(ValueError, match="docx"):
        plot_history(trainer.history, tmp_path / "c.docx")
    assert not (tmp_path / "c.docx").exists()
