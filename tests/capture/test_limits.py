"""Steps that would be recorded again and again."""

import warnings

import pytest

import gpunet
from gpunet import nn


def test_a_parameter_that_is_another_one_in_each_call():
    layer = nn.Linear(2, 2)
    calls = 0

    @gpunet.compile
    @gpunet.no_grad()
    def infer(x):
        nonlocal calls
        calls += 1
        return layer(x)

    x = gpunet.ones(1, 2)

    def moved():
        for i in range(20):
            layer.weight.data = layer.weight.data * 1.5
            expected = layer(x).tolist()
            assert infer(x).tolist() == expected, i

    with pytest.warns(UserWarning, match="it was recorded 8 times") as caught:
        moved()
    assert len(caught) == 1
    assert calls == 20


def test_a_number_that_is_another_one_in_each_call():
    times = gpunet.compile(lambda x, factor: x * factor)

    def numbers():
        for i in range(100):
            assert times(gpunet.ones(2), float(i)).tolist() == [i, i]

    with pytest.warns(UserWarning, match="64 kinds of arguments") as caught:
        numbers()
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # those that are known are replayed as ever
        for _ in range(3):
            assert times(gpunet.ones(2), 5.0).tolist() == [5, 5]
