"""A whole training step neither waits for the GPU nor copies anything to it."""

import numpy as np
import pytest

import gpunet
from gpunet import nn, optim
from gpunet.augment import (
    Compose,
    Cutout,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomShift,
)
from gpunet.train import Callback, Trainer, accuracy
from gpunet.utils.data import DataLoader, Dataset, TensorDataset, random_split


def make_step(device, optimizer_class):
    gpunet.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 4)
    ).to(device)
    x = gpunet.randn(12, 20, device=device)
    y = gpunet.randint(0, 4, (12,), device=device)
    optimizer = optimizer_class(model.parameters(), lr=0.01)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=100)
    loss_function = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        return loss.detach()

    return step


@pytest.mark.parametrize("optimizer_class", [optim.SGD, optim.Adam, optim.AdamW])
def test_of_a_training_step(cuda, optimizer_class):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in; tests/test_gpu.py asks the real CuPy")
    step = make_step(cuda, optimizer_class)
    total = step() + step()  # buffers are made, kernels compiled
    cupy._standin.reset()
    for _ in range(3):
        total += step()
    assert cupy._standin.synchronisations == 0
    assert cupy._standin.uploads == 0, cupy._standin.history
    assert float(total) > 0


def test_a_change_of_the_learning_rate_is_one_upload_at_most(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts uploads on the stand-in")
    weight = gpunet.ones(3, device=cuda).requires_grad_()
    optimizer = optim.Adam([weight], lr=0.1)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    for _ in range(4):
        cupy._standin.reset()
        optimizer.zero_grad()
        (weight * weight).sum().backward()
        optimizer.step()
        scheduler.step()
    assert cupy._standin.synchronisations == 0
    assert cupy._standin.uploads <= 1


# --- a whole pass: the mini-batches, their augmentation and the steps -----------------------------

BATCH, BATCHES = 4, 6


class Samples(Dataset):
    """Samples that are read one by one on the host."""

    def __init__(self, dataset):
        self.tensors = [tensor.numpy() for tensor in dataset.tensors]

    def __len__(self):
        return len(self.tensors[0])

    def __getitem__(self, i):
        return tuple([array[i] for array in self.tensors])


def images(n=BATCH * BATCHES):
    rng = np.random.default_rng(0)
    pixels, labels = rng.random((n, 3, 6, 5), np.float32), rng.integers(0, 4, n)
    return TensorDataset(gpunet.from_numpy(pixels), gpunet.from_numpy(labels))


#: How the mini-batches come to the device, and for each the copies, which nobody waits for.
FEEDS = {
    "in order": (lambda cuda: DataLoader(images().to(cuda), BATCH), 0),
    "shuffled": (lambda cuda: DataLoader(images().to(cuda), BATCH, shuffle=True), 0),
    "a part": (
        lambda cuda: DataLoader(
            random_split(images(BATCH * BATCHES + 5), [BATCH * BATCHES, 5])[0].to(cuda), BATCH, True
        ),
        0,
    ),
    "from the host": (lambda cuda: DataLoader(images(), BATCH, shuffle=True, device=cuda), 2),
    "to the trainer's device": (lambda cuda: DataLoader(images(), BATCH, shuffle=True), 2),
    "one by one": (lambda cuda: DataLoader(Samples(images()), BATCH, num_workers=2), 2),
}


class Counted(Callback):
    """Counts, between the ends of two steps, what was waited for and what was copied."""

    def __init__(self, counts):
        self.counts = counts
        self.found = []

    def on_batch_end(self, trainer, samples):
        waits = [what for kind, what in self.counts.history if kind == "synchronise"]
        copies = [what for kind, what in self.counts.history if kind == "upload"]
        self.found.append((waits, copies))
        self.counts.reset()


@pytest.mark.parametrize("feed", FEEDS)
def test_of_a_pass_of_the_trainer(feed, cuda, monkeypatch):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    monkeypatch.setattr("gpunet.train.fitting._LOOK_EVERY", np.inf)  # a look waits
    gpunet.manual_seed(0)
    model = nn.Sequential(
        Normalize((0.5,) * 3, (0.25,) * 3), nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4),
        nn.ReLU(), nn.Flatten(), nn.Dropout(0.1), nn.Linear(120, 4),
    ).to(cuda)  # fmt: skip
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    trainer = Trainer(
        model, nn.CrossEntropyLoss(), optimizer, metrics={"accuracy": accuracy}, max_norm=1.0,
        augment=Compose(
            [RandomHorizontalFlip(), RandomShift(1), RandomCrop((6, 5), padding=1),
             RandomRotation(10), Cutout(2)]
        ),
    )  # fmt: skip
    make, copies_of_a_batch = FEEDS[feed]
    loader = make(cuda)
    trainer.fit(loader, 1)  # buffers are made, kernels compiled
    counted = Counted(cupy._standin)
    trainer.fit(loader, 1, callbacks=[counted])
    assert len(counted.found) == BATCHES
    for waits, copies in counted.found[1:]:
        # The one wait is for pinned memory, out of which the copy before last was made.
        assert waits == ["event"] * (copies_of_a_batch > 0 and len(waits))
        assert len(waits) <= 1
        assert copies in ([], ["set from pinned memory"] * copies_of_a_batch)


def test_the_same_training_however_the_data_come(cuda):
    records = []
    for feed in ("shuffled", "from the host", "to the trainer's device"):
        gpunet.manual_seed(1)
        model = nn.Sequential(nn.Flatten(), nn.Linear(90, 4)).to(cuda)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, augment=RandomShift(1))
        (record,) = trainer.fit(FEEDS[feed][0](cuda), 1)
        records.append(record["train_loss"])
    assert records[0] == records[1] == records[2]
