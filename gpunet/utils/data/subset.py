"""Parts of a data set."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from ...backend.rng import Generator
from ...functions.sampling import randperm
from .dataset import Dataset

__all__ = ["Subset", "random_split"]


class Subset(Dataset):
    """The samples of a data set whose numbers are in a list.

    Parameters
    ----------
    dataset : Dataset
    indices : sequence of int
        Sample i of the subset is sample ``indices[i]`` of `dataset`.

    Raises
    ------
    NotImplementedError
        If a subclass defines ``__getitem__`` without ``__getitems__``, which then would pass by it.
    """

    def __init__(self, dataset: Any, indices: Sequence[int]):
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} defines __getitem__ but not __getitems__, which DataLoader "
                "calls; define it too: return [self[i] for i in indices]"
            )
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> Sequence[Any]:
        chosen = [self.indices[i] for i in indices]
        get = getattr(self.dataset, "__getitems__", None)
        return [self.dataset[i] for i in chosen] if get is None else get(chosen)

    def __len__(self) -> int:
        return len(self.indices)

    def to(self, device: Any) -> Subset:
        """A subset of the same samples on `device`; this one if they are there already.

        Of a data set in tensors only these samples go there, so that the parts that `random_split`
        makes take no more memory together than the whole. Any other data set is moved by its own
        ``to``.

        Raises
        ------
        DeviceError
            If `device` cannot be used.
        OutOfMemoryError
            If the samples do not fit on it.
        TypeError
            If the data set has no ``to``.
        IndexError
            If there is no sample of one of the numbers.
        """
        from .moving import subset_on

        return subset_on(self, device)


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset]:
    """Parts of a data set, with nothing in common, chosen at random.

    Parameters
    ----------
    dataset : Dataset
    lengths : sequence of int or float
        The lengths of the parts; or fractions with the sum 1, whose lengths are rounded down, and
        what is left over is dealt out, one sample to each part in turn.
    generator : Generator, optional
        gpunet's default generator by default.

    Raises
    ------
    ValueError
        If a fraction or a length is negative, or the sum of the lengths is not that of `dataset`.
    """
    n = len(dataset)
    lengths = list(lengths)
    total = sum(lengths)
    for i, length in enumerate(lengths):
        if not length >= 0:
            raise ValueError(
                f"random_split: lengths: expected at least 0 at index {i}, got {length}"
            )
    if math.isclose(total, 1) and total <= 1:
        parts = [math.floor(n * fraction) for fraction in lengths]
        for i in range(n - sum(parts)):
            parts[i % len(parts)] += 1
        for i, length in enumerate(parts):
            if length == 0:
                warnings.warn(
                    f"random_split: the part at index {i} has no samples", UserWarning, stacklevel=2
                )
        lengths = parts
    if sum(lengths) != n or any(length != int(length) for length in lengths):
        raise ValueError(
            f"random_split: lengths: expected whole numbers with the sum {n}, the length of the "
            f"data set, or fractions with the sum 1, got {lengths} with the sum {sum(lengths)}"
        )
    indices = randperm(n, generator=generator, device="cpu").tolist()
    ends = accumulate(map(int, lengths))
    return [Subset(dataset, indices[end - int(length) : end]) for end, length in zip(ends, lengths)]
