"""Data sets, their parts and their sums, against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
from gpunet.backend.rng import Generator
from gpunet.utils.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)


class Numbers(IterableDataset):
    def __init__(self, *numbers):
        self.numbers = numbers

    def __iter__(self):
        return iter(self.numbers)

    def __len__(self):
        return len(self.numbers)


class Letters(Dataset):
    def __init__(self, text):
        self.text = text

    def __len__(self):
        return len(self.text)

    def __getitem__(self, i):
        return self.text[i]


class Batched(Letters):
    def __getitems__(self, indices):
        return [self.text[i].upper() for i in indices]


def test_the_sum_of_data_sets():
    both = Letters("abc") + Letters("de")
    assert isinstance(both, ConcatDataset)
    both = both + Letters("f")
    assert len(both) == 6
    assert [both[i] for i in range(6)] == list("abcdef")
    assert [both[i] for i in range(-6, 0)] == list("abcdef")
    assert both.cumulative_sizes == [5, 6]
    with pytest.raises(ValueError, match="-7 is out of range for 6"):
        both[-7]
    with pytest.raises(IndexError, match="6 is out of range"):
        both[6]
    assert ["".join(batch) for batch in DataLoader(both, 2)] == ["ab", "cd", "ef"]


def test_bad_sums():
    with pytest.raises(AssertionError, match="at least one"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="number 1 is an IterableDataset"):
        ConcatDataset([[1], Numbers(1)])
    with pytest.raises(AssertionError, match="number 0 is a list"):
        list(ChainDataset([[1]]))


def test_a_chain():
    chain = Numbers(1, 2) + Numbers(3)
    assert isinstance(chain, ChainDataset)
    assert list(chain) == [1, 2, 3]
    assert len(chain) == 3
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(IterableDataset())


def test_stacked():
    pairs = StackDataset(Letters("abc"), Batched("xyz"))
    assert pairs[1] == ("b", "y")
    assert pairs.__getitems__([2, 0]) == [("c", "Z"), ("a", "X")]
    named = StackDataset(small=Letters("abc"), large=Batched("xyz"))
    assert len(named) == 3
    assert named[1] == {"small": "b", "large": "y"}
    assert named.__getitems__([1]) == [{"small": "b", "large": "Y"}]
    with pytest.raises(ValueError, match="either"):
        StackDataset()
    with pytest.raises(ValueError, match="both"):
        StackDataset([1], x=[2])
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        StackDataset([1], [2, 3])

    class Short(Letters):
        def __getitems__(self, indices):
            return []

    with pytest.raises(ValueError, match="expected 2 samples, got 0"):
        StackDataset(Short("ab")).__getitems__([0, 1])


def test_a_subset():
    part = Subset(Letters("abcdef"), [4, 2, -1])
    assert len(part) == 3
    assert [part[0], part[1], part[2], part[-1]] == list("ecff")
    assert part.__getitems__([2, 0]) == list("fe")
    assert Subset(Batched("abc"), [2, 1]).__getitems__([0, 1]) == list("CB")
    rows = Subset(TensorDataset(gpunet.arange(5)), [3, 1])
    assert rows[[1, 0]][0].tolist() == [1, 3]

    class Half(Subset):
        def __getitem__(self, i):
            return "no"

    with pytest.raises(NotImplementedError, match="Half defines __getitem__ but not __getitems__"):
        Half([1], [0])


def test_tensors_to_another_device(cuda):
    data = TensorDataset(gpunet.arange(3), gpunet.ones(3, 2))
    there = data.to(cuda)
    assert [str(t.device) for t in there.tensors] == ["cuda:0", "cuda:0"]
    assert type(there) is TensorDataset
    assert array_of(there[1][0]) == 1
    assert there.to(cuda).tensors[0] is there.tensors[0]


@pytest.mark.parametrize(
    "lengths", [[3, 7], [10], [0.5, 0.5], [0.33, 0.33, 0.34], [1 / 3] * 3, [1.0], [0.1, 0.9]]
)
def test_random_split_has_pytorchs_lengths(lengths):
    parts = random_split(range(10), lengths, Generator().manual_seed(1))
    assert sorted(i for part in parts for i in part.indices) == list(range(10))
    assert all(type(part) is Subset for part in parts)
    torch = torch_or_none()
    if torch is not None:
        theirs = torch.utils.data.random_split(range(10), lengths)
        assert [len(part) for part in parts] == [len(part) for part in theirs]


def test_random_split_is_the_generators():
    first, second = (
        random_split(range(20), [5, 15], Generator().manual_seed(7))[0].indices for _ in range(2)
    )
    assert first == second
    assert first == gpunet.randperm(20, generator=Generator().manual_seed(7)).tolist()[:5]
    gpunet.manual_seed(3)
    third = random_split(range(20), [5, 15])[0].indices
    assert third == gpunet.randperm(20, generator=Generator().manual_seed(3)).tolist()[:5]


def test_bad_splits():
    for lengths in ([3, 6], [0.5, 0.4], [2.5, 7.5], [12, -2]):
        with pytest.raises(ValueError, match="lengths: expected"):
            random_split(range(10), lengths)
    with pytest.warns(UserWarning, match="index 1 has no samples"):
        random_split(range(20), [0.5, 0.0, 0.5])


def test_on_device_rows(device):
    data = TensorDataset(on_device(np.arange(6.0), device))
    assert array_of(data[2][0]) == 2
    assert array_of(data[-1][0]) == 5
    assert array_of(data[1:3][0]).tolist() == [1, 2]
