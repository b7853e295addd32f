"""Data sets of tensors and their mini-batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
from gpunet.backend.rng import Generator
from gpunet.functions.random import manual_seed
from gpunet.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    default_collate,
)


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
    with pytest.raises(ValueError, match="at least one sample"):
        DataLoader(TensorDataset(on_device(np.zeros((0, 2)), "cpu")), 2)


class Squares(Dataset):
    """Sample i is (i, i squared)."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return i, np.float32(i * i)


class Counting(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __iter__(self):
        return iter(range(self.n))


def numbers(batches):
    return [
        array_of(batch[0] if isinstance(batch, list | tuple) else batch).tolist()
        for batch in batches
    ]


# --- rows of tensors ---------------------------------------------------------------------------


def parts(device):
    """Data sets over tensors, all of which have sample i with its number in the second tensor."""
    data = dataset(device, 30)
    return {
        "all": data,
        "range": Subset(data, range(4, 25)),
        "list": Subset(data, [3, 1, -1, 4, 1, 5]),
        "array": Subset(data, np.array([9, 8, 7, 20], np.int32)),
        "tensor": Subset(data, gpunet.tensor([2, 4, 6])),
        "part of a part": Subset(Subset(data, range(4, 25)), [0, 20, -2]),
        "range of a list": Subset(Subset(data, [5, 6, 7, 8, 9]), range(1, 5)),
        "descending": Subset(data, range(20, 2, -3)),
    }


@pytest.mark.parametrize("part", parts("cpu"))
@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"sampler": [2, 0, -1, 1]}], ids=str)
@pytest.mark.parametrize("drop_last", [False, True])
def test_rows_are_the_samples(part, options, drop_last, device):
    data = parts(device)[part]
    fast, slow = (
        DataLoader(
            data, 4, drop_last=drop_last, generator=Generator().manual_seed(2), **options, **more
        )
        for more in ({}, {"collate_fn": lambda samples: default_collate(samples)})
    )
    assert len(fast) == len(slow)
    expected = list(slow)
    got = list(fast)
    for ours, theirs in zip(got, expected, strict=True):
        assert type(ours) is list
        for a, b in zip(ours, theirs, strict=True):
            assert a.dtype == b.dtype
            assert str(a.device).startswith(device)
            np.testing.assert_array_equal(array_of(a), array_of(b))


def test_no_sample_is_asked_for(monkeypatch, device):
    def refuse(*args):
        raise AssertionError("a sample was asked for")

    for kind in (TensorDataset, Subset):
        monkeypatch.setattr(kind, "__getitem__", refuse)
    monkeypatch.setattr(Subset, "__getitems__", refuse)
    for data in parts(device).values():
        for options in (
            {},
            {"shuffle": True},
            {"batch_sampler": [[0, 1], [2]]},
            {"num_workers": 2},
        ):
            assert list(DataLoader(data, **options))


def test_unshuffled_rows_are_views():
    data = dataset("cpu", 30)
    for batch in (*DataLoader(data, 4), *DataLoader(Subset(data, range(3, 20)), 4)):
        assert np.shares_memory(batch[0].array, data.tensors[0].array)


def test_subclasses_are_asked_for_their_samples():
    class Negative(TensorDataset):
        def __getitem__(self, i):
            return tuple(-x for x in super().__getitem__(i))

    data = Negative(gpunet.arange(4))
    assert numbers(DataLoader(data, 2)) == [[0, -1], [-2, -3]]
    assert numbers(DataLoader(Subset(data, [3]), 2)) == [[-3]]


def test_gradients_flow_into_a_data_set():
    x = gpunet.ones(4, 2, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(x), 3):
        batch.sum().backward()
    np.testing.assert_array_equal(array_of(x.grad), np.ones((4, 2)))


def test_rows_that_lie_apart(device):
    wide = on_device(np.arange(60.0).reshape(10, 6), device)
    data = TensorDataset(wide[:, ::2], wide.t()[:6].t(), wide[:, 0])
    order = gpunet.randperm(10, generator=Generator().manual_seed(1)).numpy()
    (batch,) = DataLoader(data, 10, True, generator=Generator().manual_seed(1))
    for got, source in zip(batch, data.tensors, strict=True):
        np.testing.assert_array_equal(array_of(got), array_of(source)[order])


@pytest.mark.parametrize("dtype", ["uint8", "bool", "float16", "int64", "float64"])
def test_large_rows_of_any_dtype(dtype, device):
    x = np.random.default_rng(0).integers(0, 200, (40, 30, 40)).astype(dtype)
    order = gpunet.randperm(40, generator=Generator().manual_seed(1)).numpy()
    data = TensorDataset(on_device(x, device))
    batches = list(DataLoader(data, 32, True, generator=Generator().manual_seed(1)))
    got = np.concatenate([array_of(batch) for (batch,) in batches])
    np.testing.assert_array_equal(got, x[order])
    assert got.dtype == dtype


def test_numbers_of_no_row():
    data = dataset("cpu", 10)
    with pytest.raises(IndexError, match="indices: index 10 is out of range for 10 samples"):
        list(DataLoader(Subset(data, [0, 10]), 2))
    with pytest.raises(IndexError, match="mini-batch 1: index -11 is out of range"):
        list(DataLoader(data, 2, sampler=[0, 1, 2, -11]))


# --- samples -----------------------------------------------------------------------------------

LOADERS = [
    {"batch_size": 3},
    {"batch_size": 3, "drop_last": True},
    {"batch_size": 10},
    {"batch_size": None},
    {"sampler": [4, 2, 4], "batch_size": 2},
    {"batch_sampler": [[1], [2, 3, 0]]},
    {"batch_size": 4, "collate_fn": lambda samples: [len(samples)]},
]


@pytest.mark.parametrize("options", LOADERS, ids=range(len(LOADERS)))
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("kind", [Squares, Counting])
def test_as_pytorch_loads(options, workers, kind):
    if kind is Counting and ("sampler" in options or "batch_sampler" in options):
        pytest.skip("an iterable data set has its own order")
    if kind is Counting and workers > 1:
        pytest.skip("tested with shares")
    torch = torch_or_none()
    if torch is None:
        pytest.skip("PyTorch is absent")
    kinds = {Squares: torch.utils.data.Dataset, Counting: torch.utils.data.IterableDataset}
    their_kind = type("Theirs", (kinds[kind],), dict(vars(kind)))
    ours = DataLoader(kind(8), num_workers=workers, **options)
    theirs = torch.utils.data.DataLoader(their_kind(8), **options)
    got, expected = list(ours), list(theirs)
    assert len(ours) == len(theirs) == len(got)
    assert _values(got) == _values(expected)


def _values(batch):
    if isinstance(batch, list | tuple):
        return type(batch)(_values(x) for x in batch)
    if hasattr(batch, "numpy"):
        return str(batch.dtype).removeprefix("torch."), batch.tolist()
    return batch


def test_anything_with_samples_is_a_data_set():
    assert numbers(DataLoader([5, 6, 7], 2)) == [[5, 6], [7]]
    keyed = DataLoader({"a": 1, "b": 2}, 2, sampler=["b", "a"])
    assert numbers(keyed) == [[2, 1]]
    assert numbers(DataLoader(np.arange(3), 3)) == [[0, 1, 2]]


def test_samples_in_one_call():
    class Batched(Squares):
        def __getitems__(self, indices):
            return [(-i, 0) for i in indices]

    assert numbers(DataLoader(Batched(4), 3)) == [[0, -1, -2], [-3]]


def test_an_iterable_without_a_length():
    class Endless(IterableDataset):
        def __iter__(self):
            return itertools.count()

    loader = DataLoader(Endless(), 2)
    assert numbers(itertools.islice(loader, 2)) == [[0, 1], [2, 3]]
    with pytest.raises(TypeError, match="len"):
        len(loader)


def test_a_sampler_without_a_length():
    loader = DataLoader(Squares(9), 2, sampler=(i for i in [8, 7, 6]))
    assert numbers(loader) == [[8, 7], [6]]

    class Forever:
        def __iter__(self):
            return itertools.cycle([1, 2, 3])

    endless = DataLoader(dataset("cpu"), 2, sampler=Forever())
    assert [array_of(y).tolist() for _, y in itertools.islice(endless, 2)] == [[1, 2], [3, 1]]


def test_errors_name_the_sample():
    class Broken(Squares):
        def __getitem__(self, i):
            if i == 5:
                raise ZeroDivisionError("five")
            return super().__getitem__(i)

    def notes(loader):
        with pytest.raises(Exception, match=r"five|equal size") as caught:
            list(loader)
        return type(caught.value), caught.value.__notes__

    for workers in (0, 2):
        assert notes(DataLoader(Broken(8), 2, num_workers=workers)) == (
            ZeroDivisionError, ["DataLoader: raised while reading sample 5 of mini-batch 2"],
        )  # fmt: skip
        assert notes(DataLoader(Broken(8), None, num_workers=workers)) == (
            ZeroDivisionError, ["DataLoader: raised while reading sample 5"],
        )  # fmt: skip
        ragged = [np.ones(2), np.ones(2), np.ones(3)]
        assert notes(DataLoader(ragged, 1 + 2, num_workers=workers)) == (
            RuntimeError,
            ["DataLoader: raised while collating mini-batch 0, of the samples 0, 1, 2"],
        )


def test_an_early_stopiteration_is_no_end():
    class Ends(Squares):
        def __getitem__(self, i):
            return i, next(iter([i] * (i < 3)))

    for workers in (0, 2):
        with pytest.raises(RuntimeError, match="StopIteration was raised while reading sample 3"):
            list(DataLoader(Ends(6), 2, num_workers=workers))


# --- refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"num_workers": -1}, ValueError, "num_workers: .* got -1"),
        ({"num_workers": 1.5}, ValueError, "num_workers: .* got 1.5"),
        ({"timeout": -1}, ValueError, "timeout: expected at least 0 seconds, got -1"),
        ({"timeout": 2}, ValueError, "timeout: .*num_workers is 0"),
        ({"prefetch_factor": 2}, ValueError, "prefetch_factor: .*num_workers is 0"),
        ({"prefetch_factor": 0, "num_workers": 1}, ValueError, "prefetch_factor: .* got 0"),
        ({"persistent_workers": True}, ValueError, "persistent_workers: .*num_workers is 0"),
        ({"drop_last": 1}, ValueError, "drop_last: .* got 1"),
        ({"batch_size": None, "drop_last": True}, ValueError, "drop_last"),
        ({"sampler": [1], "shuffle": True}, ValueError, "sampler and shuffle"),
        ({"batch_sampler": [[1]], "batch_size": 3}, ValueError, "batch_sampler excludes"),
        ({"batch_sampler": [[1]], "sampler": [1]}, ValueError, "batch_sampler excludes"),
        ({"batch_sampler": [[1]], "shuffle": True}, ValueError, "batch_sampler excludes"),
        ({"sampler": 5}, TypeError, "sampler: expected an iterable, got 5"),
        ({"collate_fn": 3}, TypeError, "collate_fn: expected a function, got 3"),
        ({"worker_init_fn": 3}, TypeError, "worker_init_fn"),
        ({"generator": 4}, TypeError, "generator: expected a Generator, got 4"),
        ({"multiprocessing_context": "fork", "num_workers": 1}, ValueError, "threads"),
        ({"pin_memory_device": "tpu"}, RuntimeError, "tpu"),
    ],
)
def test_bad_arguments_are_refused(options, error, text):
    with pytest.raises(error, match=text):
        DataLoader(Squares(4), **options)


def test_what_is_no_data_set():
    for wrong, text in ((5, "got int"), (iter([1]), "IterableDataset"), (len, "__getitem__")):
        with pytest.raises(TypeError, match=text):
            DataLoader(wrong)
    with pytest.raises(ValueError, match="at least one sample"):
        DataLoader([])
    with pytest.raises(NotImplementedError, match="__getitem__"):
        list(DataLoader(Dataset(), sampler=[0]))
    with pytest.raises(TypeError, match="Dataset has no __len__"):
        DataLoader(Dataset())


@pytest.mark.parametrize(
    "options", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}], ids=str
)
def test_an_iterable_has_its_own_order(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}: an IterableDataset"):
        DataLoader(Counting(3), **options)
    assert len(list(DataLoader(Counting(3), shuffle=False))) == 3


def test_a_loader_stays_what_it_is():
    loader = DataLoader(Squares(4), 2)
    for name in ("batch_size", "dataset", "sampler", "batch_sampler", "drop_last"):
        with pytest.raises(ValueError, match=f"{name} cannot be set"):
            setattr(loader, name, None)
    loader.collate_fn = len
    assert list(loader) == [2, 2]


def test_arguments_that_change_nothing():
    loader = DataLoader(
        Squares(4), 2, num_workers=1, persistent_workers=True, pin_memory_device="cuda",
        in_order=False, multiprocessing_context=None,
    )  # fmt: skip
    assert numbers(loader) == [[0, 1], [2, 3]]
