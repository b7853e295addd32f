"""A whole pass through a `DataLoader` over data in memory, shuffled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case, Side, Work, both_devices
from .digit_data import synthetic
from .libraries import finished, imported

__all__ = ["PASS", "one_pass"]

_HERE = ".dataloader:one_pass"

PASS = Case(
    name="dataloader",
    title="One shuffled pass of a DataLoader over 60,000 x 784 float32 with labels, in memory",
    sides=[
        *both_devices(Side("gpunet", "gpunet", _HERE, {"library": "gpunet"})),
        *both_devices(Side("PyTorch", "torch", _HERE, {"library": "torch"})),
    ],
    grid=[{"batch": batch} for batch in (32, 128, 1024)],
    x="batch",
    unit="ms",
    rounds=3,
    steps=1,
    tiny={"samples": 50, "batch": 8},
)


def one_pass(library: str, device: str, batch: int, samples: int = 60_000) -> Work:
    """Every batch once, brought to `device`."""
    torch = imported(library)
    torch.manual_seed(0)
    made = synthetic(samples, 0)
    dataset = torch.utils.data.TensorDataset(
        torch.from_numpy(made.train_x), torch.from_numpy(made.train_y)
    )
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=batch, shuffle=True, pin_memory=device == "cuda"
    )

    def batches() -> Iterator[Any]:
        for images, labels in loader:
            yield images.to(device, non_blocking=True), labels.to(device, non_blocking=True)

    def step() -> None:
        for _images, _labels in batches():
            pass

    def check() -> list[float]:
        """The sum of all, and one in which each image counts by its own label."""
        count, total, paired = 0, 0.0, 0.0
        for images, labels in batches():
            rows = images.cpu().numpy().sum(axis=1, dtype="float64")
            count += 1
            total += float(rows.sum())
            paired += float(rows @ labels.cpu().numpy())
        return [float(count), total, paired]

    return Work(finished(torch, step, device), check)
