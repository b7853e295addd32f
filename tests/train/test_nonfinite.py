"""Losses that are not finite: the step, and where it began."""

from __future__ import annotations

import math

import numpy as np
import pytest
from opcheck import array_of, on_device
from trainers import make, weights

from gpunet import nn
from gpunet.train import Callback, NonFiniteLoss, Trainer
from gpunet.utils.data import DataLoader, TensorDataset


def test_the_output_of_a_layer(device):
    """The second step's inputs overflow the first layer."""
    trainer, loader = make(device)
    trainer.model[0].weight.data.array[...] *= 100
    x, y = loader.dataset.tensors
    huge = array_of(x).copy()
    huge[8:16] = 3e38
    data = TensorDataset(on_device(huge, device), y)
    with pytest.raises(NonFiniteLoss) as caught:
        trainer.fit(DataLoader(data, 8), 2)
    error = caught.value
    assert (error.step, error.epoch, error.batch) == (2, 1, 2)
    assert error.origin in (
        "the output of layer model.0 (Linear) holds inf",
        "the output of layer model.0 (Linear) holds nan",
    )
    assert f"the loss became {error.value} in step 2 (epoch 1, mini-batch 2): the output" in str(
        error
    )
    assert "lower the learning rate" in str(error)


def test_the_state_is_that_before_the_step(device):
    trainer, loader = make(device)
    x, y = loader.dataset.tensors
    bad = array_of(x).copy()
    bad[32:] = math.nan
    data = TensorDataset(on_device(bad, device), y)
    with pytest.raises(NonFiniteLoss, match="tensor 0 of the mini-batch holds nan"):
        trainer.fit(DataLoader(data, 8), 1)
    other, _ = make(device)
    other.fit(list(DataLoader(data, 8))[:4], 1)
    assert weights(trainer) == weights(other)
    assert (trainer.step, trainer.batch, trainer.epoch) == (4, 4, 0)


def test_a_parameter_that_the_step_before_has_spoilt(device):
    """The gradient of the root at 0 is infinite, and the loss is finite there."""
    import gpunet

    class Root(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(gpunet.zeros(1))

        def forward(self, x):
            return (self.weight.sqrt() + x).sum()

    model = Root().to(device)
    trainer = Trainer(model, lambda out, y: out, gpunet.optim.SGD(model.parameters(), lr=0.1))
    _, loader = make(device)
    with pytest.raises(NonFiniteLoss, match=r"weight of layer model \(Root\) holds (inf|nan)") as e:
        trainer.fit(loader, 1)
    assert e.value.step == 2


def test_the_loss_function(device):
    trainer, loader = make(device)
    trainer.loss_fn = lambda out, y: out.sum() * math.inf
    with pytest.raises(NonFiniteLoss, match="so it is the loss function's doing"):
        trainer.fit(loader, 1)


def test_in_a_later_epoch(device):
    trainer, loader = make(device)

    class Poison(Callback):
        def on_epoch_begin(self, trainer):
            if trainer.epoch == 1:
                trainer.model[2].bias.data.array[0] = math.nan

    with pytest.raises(NonFiniteLoss) as caught:
        trainer.fit(loader, 3, callbacks=[Poison()])
    assert (caught.value.step, caught.value.epoch, caught.value.batch) == (6, 2, 1)
    assert caught.value.origin == "bias of layer model.2 (Linear) holds nan"
    assert len(trainer.history) == 1


def test_on_the_held_out_data(device):
    trainer, loader = make(device)
    trainer.model[0].weight.data.array[...] *= 100
    x, y = loader.dataset.tensors
    bad = array_of(x).copy()
    bad[20] = 3e38
    validation = DataLoader(TensorDataset(on_device(bad, device), y), 8)
    with pytest.raises(NonFiniteLoss, match=r"the val_loss became .* mini-batch 3\): the"):
        trainer.fit(loader, 1, validation)


def test_only_losses_are_watched():
    trainer, loader = make("cpu", metrics={"undefined": lambda out, y: math.nan})
    (record,) = trainer.fit(loader, 1)
    assert math.isnan(record["train_undefined"])


def test_a_step_that_does_not_repeat_itself_is_said_to():
    trainer, loader = make("cpu")
    losses = iter([1.0, math.nan])

    class Chance(Trainer):
        def training_step(self, batch):
            return {"loss": next(losses, 1.0)}

    with pytest.raises(NonFiniteLoss) as caught:
        Chance(trainer.model).fit(loader, 1)
    assert caught.value.step == 2


def test_dropout_and_order_repeat(device):
    """The mini-batch that is found is the one that failed, in the shuffled order."""
    trainer, loader = make(device, dropout=0.5)
    x, y = loader.dataset.tensors
    bad = array_of(x).copy()
    bad[30] = math.inf
    loader = DataLoader(TensorDataset(on_device(bad, device), y), 1, shuffle=True)
    with pytest.raises(NonFiniteLoss, match="tensor 0 of the mini-batch holds inf") as caught:
        trainer.fit(loader, 1)
    assert 1 <= caught.value.batch <= 37
    assert np.isfinite([array_of(p).sum() for p in trainer.model.parameters()]).all()
