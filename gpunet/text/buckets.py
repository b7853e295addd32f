"""Mini-batches of sequences that are about as long as each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..backend.rng import Generator
from ..functions.sampling import randperm
from ..utils.data import Sampler

__all__ = ["BucketBatchSampler"]


class BucketBatchSampler(Sampler):
    """Numbers of samples in lists, those of one list of similar length.

    The samples come in random order and are cut into pools of ``pool * batch_size``; each pool is
    sorted by length and cut into mini-batches; the mini-batches come in random order. So little is
    padded, and no two passes have the same mini-batches. Without `shuffle` all samples are one pool
    in the order in which they stand, and the mini-batches come from short to long.

    All random numbers of a pass are drawn when it begins, so that it can be resumed anywhere.

    Parameters
    ----------
    lengths : sequence of int
        Of all samples.
    batch_size : int
    shuffle : bool
        Default: True.
    drop_last : bool
        Leave out a mini-batch that is not full. Default: False.
    pool : int
        Mini-batches whose samples are sorted together. Default: 50.
    generator : Generator, optional
        gpunet's default generator by default.

    Raises
    ------
    ValueError
        If `lengths` is empty or has not one axis, or `batch_size` or `pool` is below 1.
    """

    def __init__(
        self,
        lengths: Sequence[int] | np.ndarray,
        batch_size: int,
        shuffle: bool = True,
        drop_last: bool = False,
        pool: int = 50,
        generator: Generator | None = None,
    ):
        self.lengths = np.asarray(lengths)
        if self.lengths.ndim != 1 or not self.lengths.size:
            raise ValueError(
                "BucketBatchSampler: lengths: expected a number for each sample, and at least one, "
                f"got shape {self.lengths.shape}"
            )
        for name, value in (("batch_size", batch_size), ("pool", pool)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"BucketBatchSampler: {name}: expected a positive integer, got {value!r}"
                )
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.pool = pool
        self.generator = generator

    def __iter__(self) -> Iterator[list[int]]:
        n, size = self.lengths.size, self.batch_size
        if not self.shuffle:
            return iter(self._cut(np.arange(n)))
        options: Any = {"generator": self.generator, "device": "cpu"}
        order = randperm(n, **options).array
        step = size * self.pool
        batches = [part for i in range(0, n, step) for part in self._cut(order[i : i + step])]
        places = randperm(len(batches), **options).array
        return iter([batches[place] for place in places.tolist()])

    def _cut(self, numbers: np.ndarray) -> list[list[int]]:
        """`numbers` by length, in mini-batches."""
        size = self.batch_size
        ordered = numbers[np.argsort(self.lengths[numbers], kind="stable")].tolist()
        batches = [ordered[i : i + size] for i in range(0, len(ordered), size)]
        if self.drop_last and len(batches[-1]) < size:
            batches.pop()
        return batches

    def __len__(self) -> int:
        whole, rest = divmod(self.lengths.size, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)
