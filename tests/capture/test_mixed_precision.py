"""Compiled steps in 16 bits: `autocast`, `GradScaler`, and parameters of other dtypes."""

from __future__ import annotations

import pytest
from compilecheck import batch, check_compiled, data, labels, small_mlp

import gpunet
from gpunet import nn, optim
from gpunet.amp import GradScaler
from gpunet.nn.functional import cross_entropy
from gpunet.nn.utils import clip_grad_norm_
from gpunet.utils.checkpoint import checkpoint

DTYPES = ["float16", "bfloat16"]


@pytest.mark.parametrize("around", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_autocast(dtype, around):
    def scenario(compile):
        model = nn.Sequential(small_mlp(classes=7), nn.LayerNorm(7), small_mlp(7))
        optimizer = optim.Adam(model.parameters(), lr=0.01)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            with gpunet.autocast("cpu", dtype=dtype, enabled=not around):
                loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        @compile
        def whole(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        for i in range(6):
            if around:
                with gpunet.autocast("cpu", dtype=dtype):
                    yield whole(*batch(i)), model, optimizer
            else:
                yield step(*batch(i)), model, optimizer

    check_compiled(scenario)


@pytest.mark.parametrize("dtype", DTYPES)
def test_autocast_of_convolutional_and_recurrent_networks(dtype):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 4, 3, padding=1)
            self.norm = nn.BatchNorm2d(4)
            self.gru = nn.GRU(24, 5, batch_first=True)
            self.attention = nn.MultiheadAttention(5, 1, batch_first=True)
            self.output = nn.Linear(5, 3)

        def forward(self, x):
            x = nn.functional.max_pool2d(self.norm(self.conv(x)).relu(), 2, stride=1)
            x = self.gru(x.permute(0, 2, 1, 3).flatten(2))[0]
            return self.output(self.attention(x, x, x)[0].mean(1))

    def scenario(compile):
        model = Model()
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        @compile
        def step(x, y):
            with gpunet.autocast("cpu", dtype=dtype):
                loss = cross_entropy(checkpoint(model, x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        for i in range(5):
            yield step(data(4, 2, 5, 7, seed=i), labels(4, 3, i)), model, optimizer

    check_compiled(scenario)


@pytest.mark.parametrize("clipped", [False, True])
def test_scaled_loss_with_steps_that_overflow(clipped):
    def scenario(compile):
        model = small_mlp()
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        scaler = GradScaler("cpu", init_scale=2.0**14, growth_interval=2)

        @compile
        def step(x, y, factor):
            optimizer.zero_grad()
            with gpunet.autocast("cpu", dtype="float16"):
                loss = cross_entropy(model(x), y)
            loss = loss * factor
            scaler.scale(loss).backward()
            if clipped:
                scaler.unscale_(optimizer)
                clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            return loss

        scales = set()
        for i in range(12):
            factor = gpunet.tensor(float("inf") if i in (1, 5, 6) else 1.0)
            yield step(*batch(i), factor), model, optimizer, scaler
            scales.add(scaler.get_scale())
        assert len(scales) >= 3

    check_compiled(scenario, replays=8)


def test_scale_is_set_between_calls():
    def scenario(compile):
        model = small_mlp()
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        scaler = GradScaler("cpu", init_scale=8.0)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return loss

        for i in range(8):
            if i == 5:
                scaler.load_state_dict(dict(scaler.state_dict(), scale=1024.0))
            yield step(*batch(i)), model, scaler

    check_compiled(scenario)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_parameters_of_a_dtype(dtype):
    def scenario(compile):
        model = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
        model = model.to(getattr(gpunet, dtype))

        @compile
        def step(x):
            model.zero_grad()
            loss = (model(x)[:, 0] ** 2).mean()
            loss.backward()
            with gpunet.no_grad():
                for p in model.parameters():
                    p -= 0.1 * p.grad
            return loss

        for i in range(6):
            yield step(batch(i)[0].to(next(model.parameters()).dtype)), model

    check_compiled(scenario)
