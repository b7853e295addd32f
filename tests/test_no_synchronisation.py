"""A whole training step neither waits for the GPU nor copies anything to it."""

import pytest

import gpunet
from gpunet import nn, optim


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
