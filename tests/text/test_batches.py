"""Padding, masks, and mini-batches of similar length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpunet
from gpunet.text import BucketBatchSampler, mask_of, padded
from gpunet.utils.data import DataLoader


def test_padding_and_masks():
    rows, lengths = padded([[1, 2], [], [3, 4, 5]], -1)
    assert rows.tolist() == [[1, 2, -1], [-1, -1, -1], [3, 4, 5]]
    assert lengths.tolist() == [2, 0, 3]
    assert mask_of(lengths).tolist() == [[True, True, False], [False] * 3, [True] * 3]
    assert mask_of(lengths, 1).tolist() == [[True], [False], [True]]
    rows, lengths = padded([np.array([0.5, 1.5], np.float32), [2.0]], length=1)
    assert rows.dtype == np.float32
    assert (rows.tolist(), lengths.tolist()) == ([[0.5], [2.0]], [1, 1])
    assert padded([[1]], length=3)[0].tolist() == [[1, 0, 0]]
    assert mask_of(np.zeros(0, np.int64)).shape == (0, 0)


def test_what_cannot_be_padded():
    with pytest.raises(ValueError, match="sequences: expected at least one, got none"):
        padded([])
    with pytest.raises(ValueError, match=r"sequence 1 has shape \(1, 1\)"):
        padded([[1], [[2]]])
    with pytest.raises(ValueError, match="length: expected 0 or more, got -1"):
        padded([[1]], length=-1)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=80),
    st.integers(1, 9),
    st.booleans(),
    st.booleans(),
    st.integers(1, 4),
)
def test_every_sample_once(lengths, size, shuffle, drop_last, pool):
    sampler = BucketBatchSampler(lengths, size, shuffle, drop_last, pool)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    numbers = sorted(number for batch in batches for number in batch)
    if drop_last:
        assert all(len(batch) == size for batch in batches)
        assert len(set(numbers)) == len(numbers)
    else:
        assert numbers == list(range(len(lengths)))
    if not shuffle:
        ordered = [lengths[number] for batch in batches for number in batch]
        assert ordered == sorted(ordered)


def test_little_is_padded():
    lengths = np.random.default_rng(1).integers(1, 40, 3000)
    gpunet.manual_seed(1)
    sampler = BucketBatchSampler(lengths, 20)
    waste = [sum(lengths[b].max() - lengths[b]) / lengths[b].sum() for b in map(np.array, sampler)]
    assert np.mean(waste) < 0.05
    first, second = list(sampler), list(sampler)
    assert {tuple(sorted(b)) for b in first}.isdisjoint({tuple(sorted(b)) for b in second})


def test_a_seed_gives_the_same_pass_which_can_be_resumed():
    lengths = np.random.default_rng(1).integers(1, 40, 300)
    loader = DataLoader(lengths, batch_sampler=BucketBatchSampler(lengths, 20))
    gpunet.manual_seed(7)
    whole = [batch.tolist() for batch in loader]
    after = gpunet.rand(3).tolist()
    gpunet.manual_seed(7)
    assert [batch.tolist() for batch in loader.batches(9)] == whole[9:]
    assert gpunet.rand(3).tolist() == after


@pytest.mark.parametrize(
    ("lengths", "options", "message"),
    [
        ([], {}, r"lengths: expected a number for each sample, and at least one, got shape \(0,\)"),
        ([[1]], {}, r"got shape \(1, 1\)"),
        ([1], {"batch_size": 0}, "batch_size: expected a positive integer, got 0"),
        ([1], {"pool": 1.5}, "pool: expected a positive integer, got 1.5"),
    ],
)
def test_bad_settings(lengths, options, message):
    with pytest.raises(ValueError, match=message):
        BucketBatchSampler(lengths, **{"batch_size": 2, **options})
