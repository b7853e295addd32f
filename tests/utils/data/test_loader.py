"""Data sets of tensors and their mini-batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

from gpunet.backend.rng import Generator
from gpunet.functions.random import manual_seed
from gpunet.utils.data import DataLoader, Dataset, TensorDataset


def dataset(device, n=10):
    x = np.arange(2.0 * n).reshape(n, 2)
    return TensorDataset(on_device(x, device), on_device(np.arange(n), device))


def labels(loader):
    return [array_of(y).tolist() for _, y in loader]


def test_in_order(device):
    loader = DataLoader(dataset(device), 4)
    batches = list(loader)
    assert len(loader) == len(batches) == 3
    assert labels(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    for x, y in batches:
        assert str(x.device).startswith(device)
        np.testing.assert_array_equal(array_of(x)[:, 0], 2 * array_of(y))


def test_the_last_batch_can_be_dropped(device):
    loader = DataLoader(dataset(device), 4, drop_last=True)
    assert len(loader) == 2
    assert labels(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert labels(DataLoader(dataset(device), 5, drop_last=True)) == [[*range(5)], [*range(5, 10)]]


def test_shuffled(device):
    manual_seed(3)
    loader = DataLoader(dataset(device, 50), 8, shuffle=True)
    first, second = labels(loader), labels(loader)
    assert first != second
    for batches in (first, second):
        assert sorted(itertools.chain(*batches)) == list(range(50))
    for x, y in loader:
        np.testing.assert_array_equal(array_of(x)[:, 0], 2 * array_of(y))
    manual_seed(3)
    assert labels(loader) == first


def test_the_order_is_the_same_on_every_device(cuda):
    there, here = (
        labels(DataLoader(dataset(place, 50), 8, True, generator=Generator().manual_seed(5)))
        for place in (cuda, "cpu")
    )
    assert there == here


def test_a_dataset_has_rows():
    data = dataset("cpu")
    assert len(data) == 10
    x, y = data[3]
    np.testing.assert_array_equal(array_of(x), [6, 7])
    assert array_of(y) == 3


def test_agrees_with_pytorch():
    torch = torch_or_none()
    if torch is None:
        pytest.skip("PyTorch is absent")
    theirs = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.arange(20).reshape(10, 2), torch.arange(10)), 4
    )
    ours = DataLoader(dataset("cpu"), 4)
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        assert type(our) is type(their)
        assert [t.shape for t in our] == [tuple(t.shape) for t in their]


def test_bad_datasets_are_refused():
    x = on_device(np.zeros((3, 2)), "cpu")
    with pytest.raises(ValueError, match="at least one tensor"):
        TensorDataset()
    with pytest.raises(TypeError, match="argument 1 is a list"):
        TensorDataset(x, [1, 2, 3])
    with pytest.raises(ValueError, match=r"same length, got \[3, 2\]"):
        TensorDataset(x, on_device(np.zeros(2), "cpu"))
    with pytest.raises(ValueError, match="no axes"):
        TensorDataset(on_device(np.array(1.0), "cpu"))
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]


def test_one_device_only(cuda):
    x = np.zeros((3, 2))
    with pytest.raises(ValueError, match=r"one device, got \['cpu', 'cuda:0'\]"):
        TensorDataset(on_device(x, "cpu"), on_device(x, cuda))


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, True, "8"])
def test_bad_batch_sizes_are_refused(batch_size):
    with pytest.raises(ValueError, match="batch_size: expected a positive integer"):
        DataLoader(dataset("cpu"), batch_size)


def test_bad_loaders_are_refused():
    with pytest.raises(TypeError, match="dataset: expected a TensorDataset, got list"):
        DataLoader([1, 2], 2)
    with pytest.raises(ValueError, match="at least one sample"):
        DataLoader(TensorDataset(on_device(np.zeros((0, 2)), "cpu")), 2)
