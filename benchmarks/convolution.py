"""Convolutional networks: training steps and inference.

The same initial weights and data on every side (from NumPy with fixed seeds), float32. Images come
as data sets have them, channels first; PyTorch runs a second time with model and images in its
memory format ``channels_last``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import steps
from .case import Case, Side, Work, both_devices
from .libraries import imported
from .mlp import row_centred
from .networks import data, made

__all__ = ["INFERENCE", "TRAINING", "arrays", "inference", "training"]

_HERE = ".convolution"
#: Adam divides gradients by their size, and so makes much of the rounding errors of small ones: of
#: the biases of a batch norm, after a few steps.
RTOL = 2e-2


def _sides(function: str) -> list[Side]:
    """Every way there is, and PyTorch with channels-last memory, each on both devices."""
    here = f"{_HERE}:{function}"
    last = {"library": "torch", "how": "eager", "channels_last": True}
    return [
        *steps.sides(here, f".convolution_jax:{function}"),
        *both_devices(Side("PyTorch channels_last", "torch-channels-last", here, last)),
    ]


TRAINING = Case(
    name="cnn-train",
    title="One training step of a convolutional network: forward, loss, backward, Adam",
    sides=_sides("training"),
    grid=[
        {"network": network, "batch": batch}
        for network in ("mnist-cnn", "vgg", "separable")
        for batch in (16, 64, 256)
    ],
    x="batch",
    unit="ms",
    rate="images/s",
    rounds=3,
    steps=2,
    rtol=RTOL,
    tiny={"batch": 2, "tiny": True},
)

INFERENCE = Case(
    name="cnn-inference",
    title="Inference of a convolutional network, one batch",
    sides=_sides("inference"),
    grid=[
        {"network": network, "batch": batch}
        for network in ("mnist-cnn", "vgg")
        for batch in (1, 32, 256)
    ],
    x="batch",
    unit="ms",
    rate="images/s",
    rounds=3,
    steps=1,
    tiny={"batch": 2, "tiny": True},
)


def arrays(torch: Any, device: str, channels_last: bool, *found: np.ndarray) -> list[Any]:
    """NumPy arrays as tensors on `device`, in the memory format."""
    tensors = [torch.from_numpy(array).to(device) for array in found]
    if not channels_last:
        return tensors
    return [t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t for t in tensors]


def training(
    library: str, device: str, how: str, network: str, batch: int, channels_last: bool = False,
    tiny: bool = False,
) -> Work:  # fmt: skip
    """The step, written once: it runs with PyTorch and with gpunet."""
    torch = imported(library)
    model = made(torch, network, device, channels_last, tiny)
    x, y = arrays(torch, device, channels_last, *data(network, batch, tiny))
    loss_function = torch.nn.CrossEntropyLoss() if y.ndim == 1 else torch.nn.MSELoss()
    optimiser = steps.adam(torch, model.parameters(), how)

    def loss_of(x: Any, y: Any) -> Any:
        return loss_function(model(x), y)

    step = steps.training(torch, device, how, model, optimiser, loss_of, x, y)
    return Work(step, steps.check_of(step, model))


def inference(
    library: str, device: str, how: str, network: str, batch: int, channels_last: bool = False,
    tiny: bool = False,
) -> Work:  # fmt: skip
    """The logits of one batch, in evaluation mode and without a tape."""
    torch = imported(library)
    model = made(torch, network, device, channels_last, tiny).eval()
    (x,) = arrays(torch, device, channels_last, data(network, batch, tiny)[0])
    step = steps.inference(torch, device, how, model, x)
    return Work(step, lambda: row_centred(step().cpu().numpy()))
