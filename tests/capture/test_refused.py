"""What cannot be recorded is an error that names the line, or runs as ever with one warning."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from compilecheck import batch, check_compiled, data, snapshot

import gpunet
from gpunet import nn, optim
from gpunet.errors import CaptureError
from gpunet.nn.functional import cross_entropy


def refused(x):
    """Each line reads something of a tensor."""
    yield lambda: x.sum().item()
    yield lambda: float(x.sum())
    yield lambda: int(x.sum())
    yield lambda: bool(x.sum() > 0)
    yield lambda: 1 if x.sum() > 0 else 2
    yield lambda: x.numpy()
    yield lambda: np.asarray(x)
    yield lambda: x.tolist()
    yield lambda: print(x)
    yield lambda: repr(x)
    yield lambda: f"{x.sum():.2f}"
    yield lambda: x.nonzero()
    yield lambda: x[x > 0]
    yield lambda: x.masked_select(x > 0)
    yield lambda: x.unique()
    yield lambda: gpunet.where(x > 0)
    yield lambda: range(99)[x.sum().long()]
    yield lambda: range(3)[x.argmax()]
    yield lambda: 3.0 in x
    yield lambda: gpunet.allclose(x, x)
    yield lambda: gpunet.equal(x, x)
    yield lambda: gpunet.zeros(x.long().abs().max(), 2)
    yield lambda: x.array.sum().item()
    yield lambda: x.array[x.array > 0]
    yield lambda: np.unique(x.array)


NUMBER = len(list(refused(gpunet.zeros(2))))


@pytest.mark.parametrize("number", range(NUMBER))
def test_reading_a_value_is_an_error_with_its_line(number, capsys):
    def step(x):
        return list(refused(x))[number]()

    compiled = gpunet.compile(step)
    compiled(data(4).abs() + 1)
    with pytest.raises(CaptureError) as caught:
        compiled(data(4).abs() + 1)
    source = Path(__file__).read_text().splitlines()
    first = next(i for i, line in enumerate(source) if line.startswith("def refused"))
    line = first + 3 + number
    assert source[line - 1].startswith("    yield lambda: ")
    where = re.search(r"at (.*):(\d+): (.*)", str(caught.value))
    assert where is not None, caught.value
    assert where.groups() == (__file__, str(line), source[line - 1].strip())


@pytest.mark.parametrize("number", range(NUMBER))
def test_fallback_runs_as_ever_with_one_warning(number, capsys):
    def scenario(compile):
        model = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Dropout(0.2), nn.Linear(6, 3))
        optimizer = optim.Adam(model.parameters(), lr=0.01)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            values = loss.detach().reshape(1)
            read = list(refused(values))[number]()
            optimizer.step()
            return loss, read if isinstance(read, float | int | gpunet.Tensor) else None

        for i in range(5):
            yield step(*batch(i)), model, optimizer

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_compiled(scenario, replays=0, fallback=True)
    assert len(caught) == 1, [str(w.message) for w in caught]
    assert caught[0].filename == __file__
    assert f"{__file__}:" in str(caught[0].message)
    assert "compile: runs as ever" in str(caught[0].message)


def test_a_result_that_requires_a_gradient():
    model = nn.Linear(3, 2)
    compiled = gpunet.compile(model)
    compiled(data(2, 3))
    with pytest.raises(CaptureError, match="no_grad"):
        compiled(data(2, 3))


def test_an_input_that_requires_a_gradient():
    compiled = gpunet.compile(lambda x: (x * 2).detach())
    compiled(data(2, 3).requires_grad_())
    with pytest.raises(CaptureError, match="detach"):
        compiled(data(2, 3).requires_grad_())


def test_an_input_that_requires_a_gradient_runs_as_ever_with_fallback():
    def scenario(compile):
        compiled = compile(lambda x: (x * 2).sum().backward())
        for i in range(4):
            x = data(2, 3, seed=i).requires_grad_()
            yield compiled(x), x.grad

    with pytest.warns(UserWarning, match="requires a gradient"):
        check_compiled(scenario, replays=0, fallback=True)


def test_a_result_that_requires_a_gradient_runs_as_ever_with_fallback():
    def scenario(compile):
        model = nn.Sequential(nn.Linear(5, 3), nn.Dropout(0.3))
        compiled = compile(model)
        for i in range(4):
            y = compiled(data(2, 5, seed=i))
            y.sum().backward()
            yield y, model

    with pytest.warns(UserWarning, match="no_grad"):
        check_compiled(scenario, replays=0, fallback=True)


def test_seeding_within_a_step():
    compiled = gpunet.compile(lambda: (gpunet.manual_seed(0), gpunet.rand(2))[1])
    compiled()
    with pytest.raises(CaptureError, match="seeded"):
        compiled()


def test_a_parameter_that_gets_another_array():
    model = nn.Linear(2, 2)

    def step():
        model.weight.data = model.weight.data * 2

    compiled = gpunet.compile(step)
    compiled()
    with pytest.raises(CaptureError, match=r"copy_\(\)"):
        compiled()


def test_after_an_error_the_next_call_is_tried_again():
    def step(x):
        if reading:
            x.sum().item()
        return x + 1

    reading = False
    compiled = gpunet.compile(step)
    compiled(data(3))
    reading = True
    for _ in range(2):
        with pytest.raises(CaptureError):
            compiled(data(3))
    reading = False
    for i in range(3):
        assert snapshot(compiled(data(3, seed=i))) == snapshot(data(3, seed=i) + 1)


def test_values_that_only_the_first_call_reads():
    """What is asked once, and then known, is no obstacle."""
    known = []

    def step(x):
        if not known:
            known.append(x.sum().item())
        return x * known[0]

    def scenario(compile):
        known.clear()
        compiled = compile(step)
        for i in range(5):
            yield compiled(data(3, seed=i))

    check_compiled(scenario)
