"""pytest-benchmark of layers, both passes: ``pytest benchmarks/speed --benchmark-only``."""

import pytest

import gpunet
from gpunet import nn

#: The layer, the shape of its input.
LAYERS = {
    "Linear": (lambda: nn.Linear(256, 256), (128, 256)),
    "ReLU": (nn.ReLU, (128, 256)),
    "GELU": (nn.GELU, (128, 256)),
    "Softmax": (lambda: nn.Softmax(dim=1), (128, 256)),
    "Dropout": (nn.Dropout, (128, 256)),
    "LayerNorm": (lambda: nn.LayerNorm(256), (128, 256)),
    "RMSNorm": (lambda: nn.RMSNorm(256), (128, 256)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(256), (128, 256)),
}


@pytest.mark.benchmark(max_time=0.1)
@pytest.mark.parametrize("name", LAYERS)
def bench_layer(benchmark, name):
    make, shape = LAYERS[name]
    gpunet.manual_seed(0)
    layer, x = make(), gpunet.randn(*shape).requires_grad_()
    seed = gpunet.ones(*shape)

    def forward_and_backward():
        layer(x).backward(seed)

    benchmark(forward_and_backward)
