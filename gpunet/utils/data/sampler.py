"""Samplers: the order in which the samples of a data set are taken.

All orders come from gpunet's generators, so that a seed gives the same one on every device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from ...backend import Array, backend_of
from ...backend.rng import Generator
from ...functions.data import as_tensor
from ...functions.sampling import multinomial, randint, randperm
from .arguments import check_bool, check_positive

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]


class Sampler:
    """Base class of samplers: ``__iter__`` gives the numbers of one pass.

    One that has a ``__len__`` draws its pass at once when the pass begins, and its pass can
    therefore be resumed anywhere.
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class SequentialSampler(Sampler):
    """The samples as they stand.

    Parameters
    ----------
    data_source : Dataset
        Or anything with a length.
    """

    def __init__(self, data_source: Any):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """The samples in random order.

    Parameters
    ----------
    data_source : Dataset
        Or anything with a length.
    replacement : bool
        Draw each sample from all, so that some come twice and others never.
    num_samples : int, optional
        How many to draw; the length of `data_source` by default. Without replacement, one order
        follows the other until there are so many.
    generator : Generator, optional
        gpunet's default generator by default.

    Raises
    ------
    TypeError
        If `replacement` is no bool.
    ValueError
        If `num_samples` is not a positive integer, or is left out for an empty `data_source`.
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ):
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        check_bool("RandomSampler: replacement", replacement, TypeError)
        check_positive("RandomSampler: num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many numbers a pass has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self, device: Any = "cpu") -> Array:
        """The numbers of one pass, as an int64 array on `device`."""
        n, size = len(self.data_source), self.num_samples
        options: Any = {"generator": self.generator, "device": device}
        if self.replacement:
            return randint(n, (size,), **options).array
        if size == n:
            return randperm(n, **options).array
        orders = [randperm(n, **options).array for _ in range(-(-size // n))]
        return backend_of(orders[0]).xp.concatenate(orders)[:size]

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The numbers of a list in random order.

    Parameters
    ----------
    indices : sequence of int
    generator : Generator, optional
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None):
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = randperm(len(self.indices), generator=self.generator, device="cpu").tolist()
        return iter([self.indices[i] for i in order])

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Numbers of samples drawn with given weights.

    Parameters
    ----------
    weights : sequence of float
        One for each sample, at least 0; they need not sum to 1.
    num_samples : int
        How many to draw.
    replacement : bool
        Whether a number may be drawn again.
    generator : Generator, optional

    Raises
    ------
    ValueError
        If `num_samples` is not a positive integer, `replacement` no bool or `weights` not of one
        axis.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ):
        check_positive("WeightedRandomSampler: num_samples", num_samples)
        check_bool("WeightedRandomSampler: replacement", replacement)
        self.weights = as_tensor(weights, "float64", "cpu")
        if self.weights.ndim != 1:
            raise ValueError(
                "WeightedRandomSampler: weights: expected one number for each sample, "
                f"got the shape {self.weights.shape}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """The numbers of another sampler in lists of `batch_size`.

    Parameters
    ----------
    sampler : Sampler or iterable of int
    batch_size : int
    drop_last : bool
        Leave out a last list that is not full.

    Raises
    ------
    ValueError
        If `batch_size` is not a positive integer, or `drop_last` no bool.
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool):
        check_positive("BatchSampler: batch_size", batch_size)
        check_bool("BatchSampler: drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        numbers = iter(self.sampler)
        batch = list(islice(numbers, self.batch_size))
        while batch and (len(batch) == self.batch_size or not self.drop_last):
            yield batch
            batch = list(islice(numbers, self.batch_size))

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return whole + (rest > 0 and not self.drop_last)
