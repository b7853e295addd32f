"""A small Transformer encoder that names each token: training steps and inference.

Two layers as in the recipe that translates: 256 features, 4 heads, 512 features between the linear
maps, norms first; without dropout, which no two libraries draw alike. The same initial weights and
data on every side (from NumPy with fixed seeds), float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from . import steps
from .case import Case, Work
from .libraries import imported
from .mlp import row_centred

__all__ = [
    "INFERENCE",
    "TRAINING",
    "Sizes",
    "data",
    "inference",
    "positions",
    "training",
    "weights",
]


class Sizes(NamedTuple):
    """Of the model, and the tokens of a sequence."""

    features: int = 256
    heads: int = 4
    feedforward: int = 512
    layers: int = 2
    words: int = 1000
    length: int = 32


_TINY = Sizes(8, 2, 12, 2, 11, 5)


def _case(name: str, title: str, function: str, batches: tuple[int, ...], count: int) -> Case:
    return Case(
        name=name,
        title=title,
        sides=steps.sides(f".transformer:{function}", f".transformer_jax:{function}"),
        grid=[{"batch": batch} for batch in batches],
        x="batch",
        unit="ms",
        rate="sequences/s",
        rounds=3,
        steps=count,
        rtol=2e-2,  # the keys' bias has no gradient but rounding errors, of which Adam makes much
        tiny={"batch": 2, "tiny": True},
    )


_WHAT = "a Transformer encoder: 2 layers of 256, 4 heads, 32 tokens"
TRAINING = _case(
    "transformer-train", f"One training step of {_WHAT}; Adam", "training", (8, 32, 128), 2
)
INFERENCE = _case("transformer-inference", f"Inference of {_WHAT}", "inference", (1, 8, 32, 128), 1)


def sizes(tiny: bool) -> Sizes:
    """Those of the comparison, or of tests."""
    return _TINY if tiny else Sizes()


def positions(s: Sizes) -> np.ndarray:
    """Sines and cosines (L, D) of the positions, as in "Attention is all you need"."""
    angles = np.arange(s.length)[:, None] / 10_000 ** (np.arange(0, s.features, 2) / s.features)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(s.length, -1).astype("f4")


def weights(s: Sizes) -> Iterator[tuple[str, np.ndarray]]:
    """Names and initial values of the parameters, in PyTorch's order."""
    rng = np.random.default_rng(0)
    D, F = s.features, s.feedforward

    def drawn(*shape: int) -> np.ndarray:
        return (rng.uniform(-1, 1, shape) / shape[-1] ** 0.5).astype(np.float32)

    yield "embedding.weight", drawn(s.words, D)
    for i in range(s.layers):
        for name, shape in (
            ("self_attn.in_proj_weight", (3 * D, D)), ("self_attn.in_proj_bias", (3 * D,)),
            ("self_attn.out_proj.weight", (D, D)), ("self_attn.out_proj.bias", (D,)),
            ("linear1.weight", (F, D)), ("linear1.bias", (F,)),
            ("linear2.weight", (D, F)), ("linear2.bias", (D,)),
        ):  # fmt: skip
            yield f"layers.{i}.{name}", drawn(*shape)
        for norm in ("norm1", "norm2"):
            yield f"layers.{i}.{norm}.weight", np.ones(D, np.float32)
            yield f"layers.{i}.{norm}.bias", np.zeros(D, np.float32)
    yield "norm.weight", np.ones(D, np.float32)
    yield "norm.bias", np.zeros(D, np.float32)
    yield "output.weight", drawn(s.words, D)
    yield "output.bias", drawn(s.words)


def data(s: Sizes, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (N, L), and what is to be said of each, one after the other."""
    drawn = np.random.default_rng(1).integers(0, s.words, (2, batch, s.length))
    return drawn[0].copy(), drawn[1].reshape(-1).copy()


def _model(torch: Any, s: Sizes, device: str) -> Any:
    nn: Any = torch.nn
    base: Any = nn.Module
    places = torch.from_numpy(positions(s)).to(device)

    class Encoder(base):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(s.words, s.features)
            self.layers = nn.ModuleList(
                nn.TransformerEncoderLayer(
                    s.features, s.heads, s.feedforward, 0.0, batch_first=True, norm_first=True
                )
                for _ in range(s.layers)
            )
            self.norm = nn.LayerNorm(s.features)
            self.output = nn.Linear(s.features, s.words)

        def forward(self, tokens: Any) -> Any:
            x = self.embedding(tokens) * s.features**0.5 + places
            for layer in self.layers:
                x = layer(x)
            return self.output(self.norm(x)).reshape(-1, s.words)

    model = Encoder().to(device)
    ours = dict(model.named_parameters())
    with torch.no_grad():
        for name, array in weights(s):
            ours.pop(name).copy_(torch.from_numpy(array).to(device))
    if ours:
        raise RuntimeError(f"parameters without a value: {', '.join(ours)}")
    return model


def training(library: str, device: str, how: str, batch: int, tiny: bool = False) -> Work:
    """The step, written once: it runs with PyTorch and with gpunet."""
    torch, s = imported(library), sizes(tiny)
    model = _model(torch, s, device)
    optimiser = steps.adam(torch, model.parameters(), how)
    loss_function = torch.nn.CrossEntropyLoss()

    def loss_of(x: Any, y: Any) -> Any:
        return loss_function(model(x), y)

    x, y = (torch.from_numpy(array).to(device) for array in data(s, batch))
    step = steps.training(torch, device, how, model, optimiser, loss_of, x, y)
    return Work(step, steps.check_of(step, model))


def inference(library: str, device: str, how: str, batch: int, tiny: bool = False) -> Work:
    """The logits of one batch, in evaluation mode and without a tape."""
    torch, s = imported(library), sizes(tiny)
    model = _model(torch, s, device).eval()
    x = torch.from_numpy(data(s, batch)[0]).to(device)
    step = steps.inference(torch, device, how, model, x)
    return Work(step, lambda: row_centred(step().cpu().numpy()))
