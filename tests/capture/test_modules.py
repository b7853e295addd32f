"""Each module's training step with an optimiser, whose gradients go straight to its buffer."""

from __future__ import annotations

import pytest
from compilecheck import check_compiled, data, labels

import gpunet
from gpunet import nn

#: Module, shape of the input, and the number of classes where that is of whole numbers.
MODULES = {
    "Linear": (lambda: nn.Linear(5, 4), (6, 5)),
    "Bilinear": (lambda: Pair(nn.Bilinear(5, 5, 4)), (6, 5)),
    "Embedding": (lambda: nn.Embedding(11, 5), (6, 3), 11),
    "Embedding padding": (lambda: nn.Embedding(11, 5, padding_idx=2), (6, 3), 11),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3), (2, 4, 9)),
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3, padding=1), (2, 4, 7, 7)),
    "Conv2d groups": (lambda: nn.Conv2d(4, 6, 3, groups=2), (2, 4, 7, 7)),
    "Conv2d depthwise": (lambda: nn.Conv2d(4, 4, 3, groups=4), (2, 4, 7, 7)),
    "Conv2d 1x1": (lambda: nn.Conv2d(4, 6, 1, bias=False), (2, 4, 7, 7)),
    "Conv3d": (lambda: nn.Conv3d(2, 3, 2), (2, 2, 4, 4, 4)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 3, 3), (2, 4, 5)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 3, 3, stride=2), (2, 4, 5, 5)),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(2, 3, 2), (2, 2, 3, 3, 3)),
    "SeparableConv2d": (lambda: nn.SeparableConv2d(4, 6, 3), (2, 4, 7, 7)),
    "RBFConv2d": (lambda: nn.RBFConv2d(2, 3, 3), (2, 2, 5, 5)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), (6, 4)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), (6, 4, 3, 3)),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(4), (6, 4, 2, 2, 2)),
    "BatchNorm2d average": (lambda: nn.BatchNorm2d(4, momentum=None), (6, 4, 3, 3)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, affine=True), (6, 4, 3, 3)),
    "InstanceNorm2d tracking": (
        lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        (6, 4, 3, 3),
    ),
    "LayerNorm": (lambda: nn.LayerNorm((3, 4)), (6, 3, 4)),
    "RMSNorm": (lambda: nn.RMSNorm(4), (6, 4)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (6, 4, 5)),
    "RNN": (lambda: First(nn.RNN(4, 3, 2, bidirectional=True)), (5, 2, 4)),
    "LSTM": (lambda: First(nn.LSTM(4, 3, proj_size=2)), (5, 2, 4)),
    "GRU": (lambda: First(nn.GRU(4, 3, bias=False)), (5, 2, 4)),
    "MultiheadAttention": (lambda: First(Triple(nn.MultiheadAttention(4, 2))), (5, 2, 4)),
    "AdditiveAttention": (lambda: First(Triple(nn.AdditiveAttention(4, 4, 3))), (5, 2, 4)),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(4, 2, 8), (5, 2, 4)),
    "TransformerDecoderLayer": (lambda: Pair(nn.TransformerDecoderLayer(4, 2, 8)), (5, 2, 4)),
    "Transformer": (lambda: Pair(nn.Transformer(4, 2, 1, 1, 8)), (5, 2, 4)),
    "matmul": (lambda: Product((4, 3), lambda x, w: x @ w), (5, 4)),
    "stacks": (lambda: Product((4, 3), lambda x, w: x @ w), (2, 5, 4)),
    "vector": (lambda: Product((4,), lambda x, w: x @ w), (5, 4)),
    "scale": (lambda: Product((4,), lambda x, w: x * w + w), (5, 4)),
    "index": (lambda: Product((4, 6), lambda x, w: x * w[1:3, [0, 2, 2, 5]].sum(0)), (5, 4)),
    "einsum": (lambda: Product((4, 3), lambda x, w: gpunet.einsum("nk,kd->nd", x, w)), (5, 4)),
}


class First(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x)[0]


class Pair(First):
    def forward(self, x):
        return self.module(x, x * 0.5)


class Triple(First):
    def forward(self, x):
        return self.module(x, x, x)


class Product(nn.Module):
    def __init__(self, shape, function):
        super().__init__()
        self.weight = nn.Parameter(gpunet.randn(*shape))
        self.function = function

    def forward(self, x):
        return self.function(x, self.weight)


@pytest.mark.parametrize("name", MODULES)
def test_training_steps(name):
    make, shape, *classes = MODULES[name]

    def scenario(compile):
        model = make()
        optimizer = gpunet.optim.Adam(model.parameters(), lr=0.01)

        @compile
        def step(x):
            optimizer.zero_grad()
            loss = (model(x) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        places = [id(p.grad_buffer) for p in model.parameters()]  # references count
        for i in range(5):
            x = labels(shape, *classes, i) if classes else data(*shape, seed=i)
            yield step(x), model, optimizer
            assert [id(p.grad_buffer) for p in model.parameters()] == places
            assert [id(p.grad.array) for p in model.parameters()] == places

    check_compiled(scenario)
