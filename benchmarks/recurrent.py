"""Character models of one recurrent layer: training steps, and generation a character at a time.

The same initial weights and data on every side (from NumPy with fixed seeds), float32.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from .case import Case, Side, Work, both_devices
from .libraries import finished

__all__ = ["GENERATION", "TRAINING", "generation", "training"]

#: Different characters.
SYMBOLS = 65
#: Characters of a step of the generation.
LENGTH = 50
LAYERS = ("LSTM", "GRU", "RNN")


def _sides(function: str) -> list[Side]:
    """gpunet and PyTorch, on both devices: one text for all."""
    here = f"benchmarks.recurrent:{function}"
    return [
        *both_devices(Side("gpunet", "gpunet", here, {"library": "gpunet"})),
        *both_devices(Side("PyTorch", "torch", here, {"library": "torch"})),
    ]


TRAINING = Case(
    name="rnn-train",
    title="One training step of a character model: embedding of 64, one recurrent layer; Adam",
    sides=_sides("training"),
    grid=[
        {"layer": layer, "batch": batch, "hidden": hidden, "time": time}
        for batch, hidden, time in ((32, 256, 64), (1, 64, 32))
        for layer in LAYERS
    ],
    unit="ms",
    steps=5,
    tiny={"batch": 2, "hidden": 8, "time": 5},
)

GENERATION = Case(
    name="rnn-generate",
    title="A character more of a character model, the most likely one, without a tape",
    sides=_sides("generation"),
    grid=[{"layer": layer, "hidden": 256} for layer in LAYERS],
    per=LENGTH,
    steps=1,
    tiny={"hidden": 8},
)


def _model(torch: Any, layer: str, hidden: int, device: str) -> Any:
    """The network on `device`, with weights from NumPy: the same on every side."""
    nn = torch.nn

    class CharacterModel(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(SYMBOLS, 64)
            self.recurrent = getattr(nn, layer)(64, hidden)
            self.output = nn.Linear(hidden, SYMBOLS)

        def forward(self, characters: Any, state: Any = None) -> Any:
            states, last = self.recurrent(self.embedding(characters), state)
            return self.output(states), last

    model = CharacterModel().to(device)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for parameter in model.parameters():
            drawn = rng.uniform(-1, 1, tuple(parameter.shape)).astype(np.float32)
            parameter.copy_(torch.from_numpy(drawn / hidden**0.5).to(device))
    return model


def training(library: str, device: str, layer: str, batch: int, hidden: int, time: int) -> Work:
    """The step, written once: it runs with PyTorch and with gpunet."""
    torch = importlib.import_module(library)
    model = _model(torch, layer, hidden, device)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.001)
    loss_function = torch.nn.CrossEntropyLoss()
    text = np.random.default_rng(1).integers(0, SYMBOLS, (time + 1, batch))
    x = torch.from_numpy(text[:-1].copy()).to(device)
    y = torch.from_numpy(text[1:].reshape(-1).copy()).to(device)

    def step() -> Any:
        optimiser.zero_grad()
        logits, _ = model(x)
        loss = loss_function(logits.reshape(-1, SYMBOLS), y)
        loss.backward()
        optimiser.step()
        return loss

    def check() -> list[float]:
        return [step().item(), *(float(abs(p.detach()).sum()) for p in model.parameters())]

    return Work(finished(torch, step, device), check)


def generation(library: str, device: str, layer: str, hidden: int) -> Work:
    """The likeliest characters after the first of the alphabet."""
    torch = importlib.import_module(library)
    model = _model(torch, layer, hidden, device).eval()
    first = torch.from_numpy(np.zeros((1, 1), np.int64)).to(device)

    def step() -> Any:
        character, state, said = first, None, []
        with torch.no_grad():
            for _ in range(LENGTH):
                logits, state = model(character, state)
                character = logits.argmax(2)
                said.append(character)
        return said

    def check() -> list[float]:
        return [float(character.item()) for character in step()]

    return Work(finished(torch, step, device), check)
