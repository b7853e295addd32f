"""Character models of one recurrent layer: training steps, and generation a character at a time.

The same initial weights and data on every side (from NumPy with fixed seeds), float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import steps
from .case import Case, Side, Work, both_devices
from .libraries import finished, imported

__all__ = ["GENERATION", "LSTM", "TRAINING", "generation", "training"]

#: Different characters.
SYMBOLS = 65
#: Characters of a step of the generation.
LENGTH = 50
LAYERS = ("LSTM", "GRU", "RNN")


LSTM = Case(
    name="lstm-train",
    title="One training step of the character LSTM: 256 units, 64 characters, Adam",
    sides=steps.sides(".recurrent:training", ".recurrent_jax:training"),
    grid=[{"batch": batch} for batch in (8, 32, 128)],
    x="batch",
    unit="ms",
    rate="sequences/s",
    rounds=3,
    steps=5,
    tiny={"batch": 2, "hidden": 8, "time": 5},
)

TRAINING = Case(
    name="rnn-train",
    title="One training step of a character model: embedding of 64, one recurrent layer; Adam",
    sides=[side for side in LSTM.sides if side.options.get("how") == "eager"],
    grid=[
        {"layer": layer, "batch": batch, "hidden": hidden, "time": time}
        for batch, hidden, time in ((32, 256, 64), (1, 64, 32))
        for layer in LAYERS
        if (layer, batch) != ("LSTM", 32)  # which is a case of its own
    ],
    unit="ms",
    steps=5,
    tiny={"batch": 2, "hidden": 8, "time": 5},
)

GENERATION = Case(
    name="rnn-generate",
    title="A character more of a character model, the most likely one, without a tape",
    sides=[
        *both_devices(Side("gpunet", "gpunet", ".recurrent:generation", {"library": "gpunet"})),
        *both_devices(Side("PyTorch", "torch", ".recurrent:generation", {"library": "torch"})),
    ],
    grid=[{"layer": layer, "hidden": 256} for layer in LAYERS],
    per=LENGTH,
    steps=1,
    tiny={"hidden": 8},
)


def _model(torch: Any, layer: str, hidden: int, device: str) -> Any:
    """The network on `device`, with weights from NumPy: the same on every side."""
    nn: Any = torch.nn
    base: Any = nn.Module

    class CharacterModel(base):
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


def text(batch: int, time: int) -> tuple[np.ndarray, np.ndarray]:
    """Characters (L, N), and those that follow them, one after the other."""
    drawn = np.random.default_rng(1).integers(0, SYMBOLS, (time + 1, batch))
    return drawn[:-1].copy(), drawn[1:].reshape(-1).copy()


def training(
    library: str, device: str, how: str, batch: int, layer: str = "LSTM", hidden: int = 256,
    time: int = 64,
) -> Work:  # fmt: skip
    """The step, written once: it runs with PyTorch and with gpunet."""
    torch = imported(library)
    model = _model(torch, layer, hidden, device)
    optimiser = steps.adam(torch, model.parameters(), how)
    loss_function = torch.nn.CrossEntropyLoss()

    def loss_of(x: Any, y: Any) -> Any:
        return loss_function(model(x)[0].reshape(-1, SYMBOLS), y)

    x, y = (torch.from_numpy(array).to(device) for array in text(batch, time))
    step = steps.training(torch, device, how, model, optimiser, loss_of, x, y)
    return Work(step, steps.check_of(step, model))


def generation(library: str, device: str, layer: str, hidden: int) -> Work:
    """The likeliest characters after the first of the alphabet."""
    torch = imported(library)
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
