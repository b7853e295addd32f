"""`TensorDataset.to` and `Subset.to`: the same samples elsewhere, and what a pass then costs."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet
from gpunet.backend import Device, backend_for
from gpunet.backend.rng import Generator
from gpunet.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

N = 23
IMAGES = np.random.default_rng(0).random((N, 4, 5, 3), np.float32)


def data(device="cpu"):
    """Channels-last images, labels, and rows that are not in one piece."""
    images = on_device(IMAGES, device).permute(0, 3, 1, 2)
    return TensorDataset(
        images, on_device(np.arange(N), device), on_device(IMAGES[:, :, 1], device)[:, ::2]
    )


def contents(dataset):
    return [[array_of(part) for part in dataset[i]] for i in range(len(dataset))]


def same(got, expected):
    for ours, theirs in zip(got, expected, strict=True):
        for our, their in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(our, their)
            assert our.dtype == their.dtype


def subsets(whole):
    return {
        "chosen": Subset(whole, [4, -1, 7, 4]),
        "a tensor": Subset(whole, gpunet.tensor([3, 0])),
        "in a row": Subset(whole, range(3, 9)),
        "none": Subset(whole, []),
        "of a subset": Subset(Subset(whole, [9, 8, 7, 6]), [1, 3]),
        "of a slice": Subset(Subset(whole, range(5, 15)), [1, 3]),
        "several times": Subset(whole, [*range(N), *range(N)]),
    }


@pytest.mark.parametrize("source", ["cpu", "cuda"])
def test_tensors(source, device, cuda):
    whole = data(source)
    moved = whole.to(device)
    assert {str(tensor.device) for tensor in moved.tensors} == {str(Device(device))}
    same(contents(moved), contents(whole))
    assert (moved is whole) == (source == device)
    if device == cuda:  # images stay channels-last
        assert moved.tensors[0].array.strides == whole.tensors[0].array.strides


@pytest.mark.parametrize("source", ["cpu", "cuda"])
@pytest.mark.parametrize("name", subsets(data()))
def test_subsets(source, name, device, cuda):
    part = subsets(data(source))[name]
    moved = part.to(device)
    assert isinstance(moved, Subset)
    assert len(moved) == len(part)
    same(contents(moved), contents(part))
    if source == device:
        assert moved is part
        return
    for options in ({}, {"shuffle": True}) if len(part) else ():
        here, there = (
            list(DataLoader(x, 3, generator=Generator().manual_seed(2), **options))
            for x in (part, moved)
        )
        same([map(array_of, x) for x in there], [map(array_of, x) for x in here])
        assert all(str(x.device) == str(Device(device)) for batch in there for x in batch)


def test_parts_take_no_more_memory_than_the_whole(cuda):
    whole = data()
    a, b = (part.to(cuda) for part in random_split(whole, [20, 3]))
    assert [len(tensor) for tensor in a.dataset.tensors] == [20] * 3
    assert [len(tensor) for tensor in b.dataset.tensors] == [3] * 3
    often = Subset(whole, [1] * 100).to(cuda)
    assert [len(tensor) for tensor in often.dataset.tensors] == [N] * 3


@pytest.mark.parametrize("piece", [1, 300, 1000, 10**9])
def test_in_pieces(piece, cuda, monkeypatch):
    from gpunet.backend import staging

    monkeypatch.setattr(staging, "_PIECE", piece)
    whole = data()
    same(contents(whole.to(cuda)), contents(whole))
    part = Subset(whole, [5, 3, 22, 0, 3, 9])
    same(contents(part.to(cuda)), contents(part))
    empty = TensorDataset(gpunet.zeros(0, 3), gpunet.zeros(0)).to(cuda)
    assert [tuple(tensor.shape) for tensor in empty.tensors] == [(0, 3), (0,)]


def test_a_subclass_stays_one(device):
    class Doubled(TensorDataset):
        factor = 2

        def __getitem__(self, i):
            return tuple([self.factor * x for x in super().__getitem__(i)])

    whole = Doubled(gpunet.arange(6.0))
    whole.factor = 3
    moved = whole.to(device)
    assert type(moved) is Doubled
    assert array_of(moved[2][0]) == 6
    (batch,) = next(iter(DataLoader(Subset(moved, [1, 4]).to(device), 2)))
    assert array_of(batch).tolist() == [3, 12]
    assert whole.tensors[0].device == "cpu"

    class Backwards(Subset):
        def __getitems__(self, indices):
            return super().__getitems__(indices)[::-1]

    part = Backwards(TensorDataset(gpunet.arange(6.0)), [1, 4]).to(device)
    assert type(part) is Backwards
    (batch,) = next(iter(DataLoader(part, 2)))
    assert array_of(batch).tolist() == [4, 1]


def test_gradients_travel_back(cuda):
    weight = gpunet.ones(5, 2).requires_grad_()
    (row,) = Subset(TensorDataset(weight), [3]).to(cuda)[0]
    row.sum().backward()
    assert weight.grad[:, 0].tolist() == [0, 0, 0, 1, 0]


def test_what_cannot_be_moved():
    class Squares(Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return i * i

    for device in ("gpu", 3, None):
        for dataset in (data(), Subset(data(), [1])):
            with pytest.raises(gpunet.errors.DeviceError, match="unknown device"):
                dataset.to(device)
    with pytest.raises(
        TypeError, match=r"Subset.to: expected .* that has `to`.*got one of Squares"
    ):
        Subset(Squares(), [1]).to("cpu")
    with pytest.raises(IndexError, match=r"indices: index 23 is out of range for 23 samples"):
        Subset(data(), [1, 23]).to("cpu")


def test_what_does_not_fit(cuda, monkeypatch):
    def full(*arguments):
        raise gpunet.errors.OutOfMemoryError("CUDA out of memory on cuda:0: tried to")

    monkeypatch.setattr(type(backend_for(Device(cuda)).staging(Device(cuda))), "whole", full)
    whole = TensorDataset(gpunet.zeros(2**18, 4))
    with pytest.raises(gpunet.cuda.OutOfMemoryError, match=r"of 4.0 MiB does not fit on cuda:0"):
        whole.to(cuda)
    message = r'of 2.0 MiB .* DataLoader\(dataset, ..., device="cuda:0"\).*CUDA out of memory'
    with pytest.raises(RuntimeError, match=message):
        Subset(whole, range(2**17)).to(cuda)
