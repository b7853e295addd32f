"""A pass is drawn when it begins: it can be resumed anywhere, and nothing else changes it."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of

import gpunet
from gpunet.backend.rng import Generator
from gpunet.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)


class Noisy(Dataset):
    """Samples with noise from the default generator."""

    def __init__(self, n=13):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        noise = gpunet.randn(2, 3) + gpunet.nn.functional.dropout(gpunet.ones(2, 3))
        return noise + i, i


class NoisyStream(IterableDataset):
    def __len__(self):
        return 13

    def __iter__(self):
        first = gpunet.rand(1)
        for i in range(13):
            yield first + gpunet.rand(2), i


def noisy_collate(samples):
    return gpunet.stack([x for x, _ in samples]) + gpunet.rand(1), [i for _, i in samples]


ROWS = TensorDataset(gpunet.arange(13), gpunet.randn(13, 2, generator=Generator()))
CASES = {
    "rows": (ROWS, {}),
    "shuffled rows": (ROWS, {"shuffle": True}),
    "a part": (Subset(ROWS, [4, 2, 9, 7, 1]), {"shuffle": True}),
    "samples": (Noisy(), {}),
    "shuffled samples": (Noisy(), {"shuffle": True}),
    "one by one": (Noisy(), {"shuffle": True, "batch_size": None}),
    "collated": (Noisy(), {"shuffle": True, "collate_fn": noisy_collate}),
    "a part at random": (Noisy(), {"sampler": SubsetRandomSampler([3, 5, 7, 9, 11])}),
    "with weights": (Noisy(), {"sampler": WeightedRandomSampler(range(13), 20)}),
    "rows with weights": (ROWS, {"sampler": WeightedRandomSampler(range(13), 20)}),
    "with replacement": (ROWS, {"sampler": RandomSampler(ROWS, True, 30)}),
    "lists": (Noisy(), {"batch_sampler": BatchSampler(RandomSampler(range(13)), 5, True)}),
    "a stream": (NoisyStream(), {}),
    "a stream, collated": (NoisyStream(), {"collate_fn": noisy_collate}),
}


def loader_of(case, **more):
    dataset, options = CASES[case]
    if "batch_sampler" in options:
        return DataLoader(dataset, **options, **more)
    return DataLoader(dataset, **{"batch_size": 3, **options}, **more)


def values(batches):
    return [_value(batch) for batch in batches]


def _value(batch):
    if isinstance(batch, list | tuple):
        return [_value(x) for x in batch]
    return array_of(batch).tolist() if isinstance(batch, gpunet.Tensor) else batch


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("workers", [0, 3])
def test_resumed_anywhere(case, workers):
    if "stream" in case and workers:
        workers = 1  # three would each give all samples
    loader = loader_of(case, num_workers=workers)
    gpunet.manual_seed(11)
    gpunet.rand(1)
    state = gpunet.get_rng_state()
    whole = values(loader)
    after = gpunet.get_rng_state()
    assert len(whole) == len(loader)
    for start in (0, 1, 2, len(whole)):
        gpunet.set_rng_state(state)
        batches = loader.batches(start)
        assert gpunet.get_rng_state() == after  # all is drawn
        gpunet.rand(100)  # the training step's dropout, for example
        assert values(batches) == whole[start:]
    gpunet.set_rng_state(after)
    if case != "rows":
        assert values(loader) != whole


@pytest.mark.parametrize("case", [case for case in CASES if "stream" not in case])
def test_the_same_for_any_number_of_workers(case):
    results = []
    for workers in (0, 1, 2, 5):
        gpunet.manual_seed(3)
        results.append(values(loader_of(case, num_workers=workers)))
    assert results[0] == results[1] == results[2] == results[3]


@pytest.mark.parametrize("case", ["shuffled rows", "collated", "a stream"])
def test_a_generator_of_ones_own(case):
    gpunet.manual_seed(3)
    state = gpunet.get_rng_state()
    first, second = (
        values(loader_of(case, generator=Generator().manual_seed(9))) for _ in range(2)
    )
    assert first == second
    assert gpunet.get_rng_state() == state


def test_rows_draw_their_order_and_nothing_else():
    state = gpunet.get_rng_state()
    list(loader_of("rows"))
    assert gpunet.get_rng_state() == state
    list(loader_of("shuffled rows"))
    used = gpunet.get_rng_state()["offset"] - state["offset"]
    gpunet.set_rng_state(state)
    gpunet.randperm(13)
    assert gpunet.get_rng_state()["offset"] - state["offset"] == used


def test_rows_and_samples_have_one_order():
    order = gpunet.randperm(13, generator=Generator().manual_seed(5)).tolist()
    for dataset, place in ((ROWS, 0), (Noisy(), 1)):
        gpunet.manual_seed(5)
        batches = list(DataLoader(dataset, 4, True))
        assert np.concatenate([array_of(batch[place]) for batch in batches]).tolist() == order


def test_what_is_skipped_is_not_read():
    read = []

    class Noted(Noisy):
        def __getitem__(self, i):
            read.append(i)
            return i

    assert values(DataLoader(Noted(), 3).batches(3)) == [[9, 10, 11], [12]]
    assert read == [9, 10, 11, 12]


def test_bad_starts():
    for case in ("rows", "shuffled rows", "samples", "rows with weights"):
        loader = loader_of(case)
        with pytest.raises(ValueError, match=f"start: expected a number from 0 to {len(loader)}"):
            loader.batches(len(loader) + 1)
        for wrong in (-1, 1.0, True):
            with pytest.raises(ValueError, match="start: expected an integer of at least 0"):
                loader.batches(wrong)


def test_noise_differs_between_samples_and_passes():
    gpunet.manual_seed(0)
    loader = DataLoader(Noisy(), 3)
    seen = [x - float(i) for _ in range(2) for batch in loader
            for x, i in zip(array_of(batch[0])[:, 0, 0], array_of(batch[1]))]  # fmt: skip
    assert len(np.unique(np.round(seen, 4))) == 26


def test_the_rest_of_the_program_draws_as_before():
    gpunet.manual_seed(0)
    batches = iter(loader_of("samples"))
    expected = gpunet.rand(3, generator=gpunet.default_generator.clone_state()).tolist()
    next(batches)
    assert gpunet.rand(3).tolist() == expected
