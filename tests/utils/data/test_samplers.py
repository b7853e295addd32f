"""The orders in which samplers take samples."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, torch_or_none

import gpunet
from gpunet.backend.rng import Generator
from gpunet.utils.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def seeded(seed=5):
    return Generator().manual_seed(seed)


def test_in_order():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert len(SequentialSampler("abc")) == 3
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(Sampler())


def test_the_random_order_is_that_of_randperm(device):
    sampler = RandomSampler(range(50), generator=seeded())
    expected = gpunet.randperm(50, generator=seeded()).tolist()
    assert list(sampler) == expected
    assert array_of(RandomSampler(range(50), generator=seeded()).order(device)).tolist() == expected
    assert list(sampler) != expected
    gpunet.manual_seed(5)
    assert list(RandomSampler(range(50))) == expected


def test_more_or_fewer_than_there_are():
    assert len(list(RandomSampler(range(10), num_samples=4, generator=seeded()))) == 4
    long = list(RandomSampler(range(10), num_samples=25, generator=seeded()))
    assert len(long) == 25
    assert sorted(long[:10]) == sorted(long[10:20]) == list(range(10))
    assert long[:10] != long[10:20]
    drawn = list(RandomSampler(range(10), True, 1000, seeded()))
    assert len(drawn) == 1000
    assert set(drawn) == set(range(10))
    assert len(RandomSampler(range(10), True)) == 10


def test_part_of_them():
    sampler = SubsetRandomSampler([5, 7, 11], seeded())
    order = gpunet.randperm(3, generator=seeded()).tolist()
    assert list(sampler) == [[5, 7, 11][i] for i in order]
    assert len(sampler) == 3


def test_with_weights():
    sampler = WeightedRandomSampler([0.0, 1.0, 3.0], 4000, generator=seeded())
    counts = np.bincount(list(sampler), minlength=3)
    assert counts[0] == 0
    assert abs(counts[2] / 4000 - 0.75) < 0.03
    expected = gpunet.multinomial(
        gpunet.tensor([0, 1, 3], dtype="float64"), 4000, True, generator=seeded()
    )
    assert list(WeightedRandomSampler([0, 1, 3], 4000, generator=seeded())) == expected.tolist()
    once = list(WeightedRandomSampler(np.array([1.0, 0.0, 2.0]), 2, replacement=False))
    assert sorted(once) == [0, 2]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 9])
def test_in_lists(n, drop_last):
    sampler = BatchSampler(SequentialSampler(range(n)), 3, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    torch = torch_or_none()
    if torch is not None:
        assert batches == list(torch.utils.data.BatchSampler(range(n), 3, drop_last))
    assert list(BatchSampler(iter(range(n)), 3, drop_last)) == batches


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: RandomSampler([1], 3), TypeError, "replacement: expected True or False, got 3"),
        (lambda: RandomSampler([1], num_samples=0), ValueError, "num_samples: .* got 0"),
        (lambda: RandomSampler([]), ValueError, "num_samples: .* got 0"),
        (lambda: WeightedRandomSampler([1.0], True), ValueError, "num_samples: .* got True"),
        (lambda: WeightedRandomSampler([1.0], 1, 1), ValueError, "replacement"),
        (lambda: WeightedRandomSampler([[1.0]], 1), ValueError, r"weights: .*\(1, 1\)"),
        (lambda: BatchSampler([1], 0, False), ValueError, "batch_size: .* got 0"),
        (lambda: BatchSampler([1], 2, 1), ValueError, "drop_last: .* got 1"),
    ],
)
def test_bad_samplers(make, error, text):
    with pytest.raises(error, match=text):
        make()
