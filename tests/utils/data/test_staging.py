"""`DataLoader(device=...)` and `pin_memory`: asynchronous copies, and when they are waited for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet
from gpunet.backend import Device, backend_for
from gpunet.backend.rng import Generator
from gpunet.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)


class Squares(Dataset):
    def __init__(self, n=21):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i == 17 and self.n == 18:
            raise KeyError("seventeen")
        return {"x": np.full((3, 2), i, np.float32), "y": (i, i * i), "name": str(i)}


def rows(n=21):
    x = gpunet.arange(6.0 * n).reshape(n, 3, 2)
    return TensorDataset(x, gpunet.arange(n))


def flat(batch: Any):
    """A mini-batch with NumPy arrays in the place of its tensors."""
    if isinstance(batch, dict):
        return {k: flat(v) for k, v in batch.items()}
    if isinstance(batch, list | tuple):
        return [flat(v) for v in batch]
    return array_of(batch) if isinstance(batch, gpunet.Tensor) else batch


def places(batch: Any):
    if isinstance(batch, gpunet.Tensor):
        return {str(batch.device)}
    parts = batch.values() if isinstance(batch, dict) else batch
    return set().union(*[places(p) for p in parts if not isinstance(p, str)])


def standin():
    import cupy

    if not getattr(cupy, "__standin__", False):
        pytest.skip("counts on the stand-in")
    return cupy._standin


CASES = {
    "rows": lambda: (rows(), {}),
    "shuffled rows": lambda: (rows(), {"shuffle": True}),
    "a subset": lambda: (Subset(rows(), [4, 2, 7, 20, 1, 1]), {}),
    "samples": lambda: (Squares(), {}),
    "shuffled samples": lambda: (Squares(), {"shuffle": True}),
    "workers": lambda: (Squares(), {"shuffle": True, "num_workers": 2}),
    "a sampler": lambda: (rows(), {"sampler": [3, 1, 2, -1, 0]}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("start", [0, 1])
def test_the_same_batches_on_the_device(case, start, cuda):
    dataset, options = CASES[case]()
    here, there = (
        DataLoader(dataset, 4, generator=Generator().manual_seed(5), device=place, **options)
        for place in (None, cuda)
    )
    expected = [flat(batch) for batch in here.batches(start)]
    got = []
    for batch in there.batches(start):
        assert places(batch) == {"cuda:0"}
        got.append(flat(batch))
    assert repr(got) == repr(expected)
    assert len(got) == len(there) - start


@pytest.mark.parametrize("case", CASES)
def test_the_host_does_not_wait(case, cuda):
    counts = standin()
    dataset, options = CASES[case]()
    loader = DataLoader(dataset, 3, device=cuda, **options)
    batches = iter(loader)
    next(batches)
    counts.reset()
    kept = [next(batches)]
    # One wait at most, for the buffers that the first mini-batch but one has left.
    assert all(
        entry == ("synchronise", "event") for entry in counts.history if entry[0] != "upload"
    )
    assert counts.synchronisations <= 1
    uploads = [what for kind, what in counts.history if kind == "upload"]
    assert set(uploads) <= {"set from pinned memory"}
    kept += batches
    assert len(kept) == len(loader) - 1


def test_the_next_one_is_on_its_way(cuda):
    standin()
    read = []

    class Noted(Squares):
        def __getitem__(self, i):
            read.append(i)
            return super().__getitem__(i)

    batches = iter(DataLoader(Noted(6), 2, device=cuda))
    next(batches)
    assert read == [0, 1, 2, 3]
    staging = batches._staging
    assert not staging._stream.done  # mini-batch 1: nobody has waited for it yet
    first = next(batches)["x"]
    assert array_of(first)[:, 0, 0].tolist() == [2, 3]
    assert len(list(batches)) == 1


def test_an_error_waits_for_its_turn(cuda):
    seen = []
    with pytest.raises(KeyError, match="seventeen"):  # noqa: PT012
        for batch in DataLoader(Squares(18), 6, device=cuda):
            seen.append(array_of(batch["y"][0])[0])
    assert seen == [0, 6]


def test_stopping_early_waits_for_the_copy(cuda):
    standin()
    batches = iter(DataLoader(rows(), 4, device=cuda))
    next(batches)
    stream = batches._staging._stream
    assert not stream.done
    del batches
    assert stream.done


def test_what_is_there_already_stays(cuda):
    counts = standin()
    data = rows().to(cuda)
    assert data.tensors[0].device == Device("cuda")
    counts.reset()
    batches = list(DataLoader(data, 4, device=cuda))
    assert counts.uploads == 0
    assert np.shares_memory(batches[1][0].array._a, data.tensors[0].array._a)
    for batch in DataLoader(data, 4, device="cpu"):
        assert places(batch) == {"cpu"}


SAMPLERS = {
    "in order": lambda data: {},
    "shuffled": lambda data: {"shuffle": True},
    "a list": lambda data: {"sampler": [3, 1, 2, 0, -1]},
    "a random part": lambda data: {"sampler": SubsetRandomSampler([5, 4, 0])},
    "random, with weights": lambda data: {"sampler": WeightedRandomSampler([1.0] * len(data), 9)},
    "lists": lambda data: {"batch_sampler": [[3, 1], [2], [0, 0, 5]]},
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_data_on_the_device_is_not_waited_for(name, cuda):
    counts = standin()
    part = Subset(rows().to(cuda), [5, 4, 3, 2, 1, 0])
    for data in (part, part.dataset):
        options = SAMPLERS[name](data)
        if "batch_sampler" not in options:
            options["batch_size"] = 2
        loader = DataLoader(data, generator=Generator().manual_seed(3), **options)
        counts.reset()
        batches = list(loader)
        assert len(batches) > 1
        assert counts.synchronisations == 0
        # For a pass: the generator's state, the numbers of the subset's rows, the order.
        assert counts.uploads <= 2
        if "random" in name:
            continue  # drawn anew
        host = data.to("cpu")
        expected = DataLoader(host, generator=Generator().manual_seed(3), **options)
        assert repr(flat(batches)) == repr(flat(list(expected)))


@pytest.mark.parametrize("start", [0, 1, 2])
def test_numbers_that_come_later(start, device):
    """A sampler that gives more than its length, and one that has none."""

    class Longer(list):
        def __len__(self):
            return 2

    data = rows().to(device)
    lists = [[3, 1], [2], [0, 0, 5]]
    for sampler in (Longer(lists), iter(lists)):
        batches = DataLoader(data, batch_sampler=sampler).batches(start)
        assert [array_of(y).tolist() for _, y in batches] == lists[start:]


def test_channels_last_stays_channels_last(device):
    x = np.random.default_rng(0).random((10, 4, 5, 3), np.float32).transpose(0, 3, 1, 2)
    data = TensorDataset(gpunet.from_numpy(x))
    for options in ({}, {"shuffle": True, "generator": Generator().manual_seed(1)}):
        for (batch,) in DataLoader(data, 4, device=device, **options):
            strides = batch.array.strides
            assert strides[1] == 4
            assert strides[2:] == (60, 12)
    order = gpunet.randperm(10, generator=Generator().manual_seed(1)).numpy()
    (batch,) = next(
        iter(DataLoader(data, 10, True, generator=Generator().manual_seed(1), device=device))
    )
    np.testing.assert_array_equal(array_of(batch), x[order])


def test_a_stream_of_samples(cuda):
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([np.ones((0, 2)), np.zeros((0, 2)), np.ones((0, 2))])

    batches = list(DataLoader(Stream(), 2, device=cuda))
    assert [batch.shape for batch in batches] == [(2, 0, 2), (1, 0, 2)]


@pytest.mark.parametrize("case", CASES)
def test_pinned_memory(case, cuda):
    counts = standin()
    from gpunet.backend.staging import is_pinned

    dataset, options = CASES[case]()
    expected = list(DataLoader(dataset, 4, generator=Generator().manual_seed(5), **options))
    loader = DataLoader(
        dataset, 4, generator=Generator().manual_seed(5), pin_memory=True, **options
    )
    for batch, other in zip(loader, expected, strict=True):
        assert repr(flat(batch)) == repr(flat(other))
        tensor = batch["x"] if isinstance(batch, dict) else batch[0]
        assert is_pinned(tensor.array)
        counts.reset()
        moved = tensor.to(cuda, non_blocking=True)
        assert list(counts.history) == [("upload", "set from pinned memory")]
        expected_values = array_of(tensor).copy()
        del tensor, batch
        np.testing.assert_array_equal(array_of(moved), expected_values)


def test_an_asynchronous_copy_holds_its_memory(cuda):
    cupy = pytest.importorskip("cupy")
    backend = backend_for(Device(cuda))
    with cupy.cuda.Stream(non_blocking=True) as stream:
        memory = backend.pinned((4,), "float32")
        memory[...] = 3
        moved = backend.from_numpy(memory, Device(cuda), non_blocking=True)
        del memory
        stream.synchronize()  # the stand-in refuses it if the memory were gone
        assert moved.get().tolist() == [3, 3, 3, 3]
        other = backend.from_numpy(backend.pinned((4,), "float32"), Device(cuda), non_blocking=True)
        stream.synchronize()
        assert other.shape == (4,)
    assert len(backend._in_flight) == 1


def test_only_host_memory_can_be_pinned(cuda):
    data = TensorDataset(on_device(np.zeros((4, 2)), cuda))
    with pytest.raises(RuntimeError, match=r"pin_memory: only tensors on the CPU.*cuda:0"):
        list(DataLoader(data, 2, pin_memory=True))


def test_without_a_gpu_nothing_is_pinned(monkeypatch):
    from gpunet.backend import CudaProbe
    from gpunet.utils.data import transfer

    monkeypatch.setattr(transfer, "probe_cuda", lambda: CudaProbe(False, "no driver", 0))
    with pytest.warns(UserWarning, match="pin_memory: there is no GPU"):
        batches = list(DataLoader(rows(), 4, pin_memory=True))
    assert len(batches) == 6


def test_a_device_that_is_not_there():
    with pytest.raises(gpunet.errors.DeviceError, match="gpu"):
        DataLoader(rows(), 4, device="gpu")


@pytest.mark.gpu
def test_copies_overlap_with_computation():
    """On a GPU the copies of a pass cost less than half of what they cost on their own."""
    import cupy

    data = TensorDataset(gpunet.randn(1 << 14, 4096))
    weights = gpunet.randn(4096, 4096, device="cuda")

    def seconds(compute, copy):
        begin, end = cupy.cuda.Event(), cupy.cuda.Event()
        resident = [data.tensors[0][:2048].to("cuda")]
        begin.record()
        for (x,) in DataLoader(data, 2048, device="cuda") if copy else [resident] * 8:
            for _ in range(20 if compute else 0):
                gpunet.matmul(x, weights)
        end.record()
        end.synchronize()
        return cupy.cuda.get_elapsed_time(begin, end)

    seconds(True, True)
    alone, copies, both = seconds(True, False), seconds(False, True), seconds(True, True)
    assert both < alone + 0.5 * copies
