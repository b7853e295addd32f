"""Ten epochs of a 784-128-10 perceptron on MNIST: the loop that people write for PyTorch.

One text for both libraries. Loading, training and the evaluation after each epoch are in the time;
imports, reading the files and a first batch, which compiles what is to be compiled, are not.
"""

from __future__ import annotations

from typing import Any

from .case import Case, Side, Work, both_devices
from .digit_data import Split, mnist, synthetic
from .libraries import finished, imported, phase, recorded

__all__ = ["EPOCHS", "epochs_of", "train"]

_HERE = ".mnist_epochs:epochs_of"

EPOCHS = Case(
    name="mnist-epochs",
    title="Epochs of a 784-128-10 perceptron, Adam, batch 128, loading and evaluation included",
    sides=[
        *both_devices(Side("gpunet", "gpunet", _HERE, {"library": "gpunet"})),
        *both_devices(
            Side(
                "gpunet compiled",
                "gpunet-compiled",
                _HERE,
                {"library": "gpunet", "how": "compiled"},
            )
        ),
        *both_devices(Side("PyTorch", "torch", _HERE, {"library": "torch"})),
    ],
    grid=[{"epochs": 10, "data": "MNIST"}],
    unit="s",
    once=True,
    rounds=3,
    rtol=0.02,
    tiny={"epochs": 6, "data": "synthetic"},
)


def train(
    torch: Any, device: str, data: Split, epochs: int, batch: int = 128, enough: float = 2.0,
    how: str = "eager",
) -> tuple[float, int]:  # fmt: skip
    """Train until `epochs` are over or the held-out accuracy is `enough`.

    Returns
    -------
    tuple of float and int
        The held-out accuracy, and after how many epochs.
    """
    nn = torch.nn
    train_set, test_set = (
        torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
        for x, y in ((data.train_x, data.train_y), (data.test_x, data.test_y))
    )
    pinned = device == "cuda"
    train_loader = torch.utils.data.DataLoader(
        train_set, batch_size=batch, shuffle=True, pin_memory=pinned
    )
    test_loader = torch.utils.data.DataLoader(test_set, batch_size=1000, pin_memory=pinned)
    inputs = data.train_x.shape[1]
    model = nn.Sequential(nn.Linear(inputs, 128), nn.ReLU(), nn.Linear(128, 10)).to(device)
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(images: Any, labels: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    if how == "compiled":
        step = recorded(torch, step)
    accuracy, epoch = 0.0, 0
    while epoch < epochs and accuracy < enough:
        model.train()
        for images, labels in train_loader:
            images = images.to(device, non_blocking=True)
            labels = labels.to(device, non_blocking=True)
            step(images, labels)
        model.eval()
        correct = 0
        with torch.no_grad():
            for images, labels in test_loader:
                found = model(images.to(device, non_blocking=True)).argmax(1)
                correct += (found == labels.to(device, non_blocking=True)).sum().item()
        accuracy = correct / len(test_set)
        epoch += 1
    return accuracy, epoch


def epochs_of(
    library: str, device: str, epochs: int, data: str, batch: int = 128, how: str = "eager"
) -> Work:
    """A whole training from new weights."""
    phases: dict[str, float] = {}
    with phase(phases, "imports"):
        torch = imported(library)
    split = mnist() if data == "MNIST" else synthetic(600, 200)
    with phase(phases, "first batch"):
        train(torch, device, first_batch(split, batch), 1, batch, how=how)
    torch.manual_seed(0)
    accuracy = 0.0

    def step() -> dict[str, Any]:
        nonlocal accuracy
        accuracy, _ = train(torch, device, split, epochs, batch, how=how)
        return {"accuracy": accuracy, "source": split.source}

    return Work(finished(torch, step, device), lambda: [accuracy], phases)


def first_batch(split: Split, batch: int) -> Split:
    """The beginning of `split`: enough to start everything up."""
    train_x, train_y, test_x, test_y, source = split
    return Split(train_x[:batch], train_y[:batch], test_x[:batch], test_y[:batch], source)
