"""`DataLoader`: the samples of a data set in mini-batches."""

from __future__ import annotations

from collections.abc import Iterator

from ...backend import backend_of
from ...backend.rng import Generator
from ...functions.sampling import randperm
from ...tensor import Tensor
from .dataset import TensorDataset

__all__ = ["DataLoader"]


class DataLoader:
    """The mini-batches of a data set, anew with each ``for``.

    The samples stay where the data set has them: a mini-batch is a slice of its arrays, or, when
    shuffled, one gather on their device.

    Parameters
    ----------
    dataset : TensorDataset
    batch_size : int
        Samples in a mini-batch.
    shuffle : bool
        Take the samples in a new order each time.
    drop_last : bool
        Leave out a last mini-batch that is not full.
    generator : Generator, optional
        Where the order comes from; gpunet's default generator otherwise, so that
        `gpunet.manual_seed` fixes it.

    Raises
    ------
    TypeError
        If `dataset` is not a `TensorDataset`.
    ValueError
        If it is empty, or `batch_size` is not a positive integer.

    Examples
    --------
    >>> for images, labels in DataLoader(train_set, batch_size=32, shuffle=True):  # doctest: +SKIP
    ...     loss = loss_fn(model(images), labels)
    """

    def __init__(
        self,
        dataset: TensorDataset,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        generator: Generator | None = None,
    ):
        if not isinstance(dataset, TensorDataset):
            raise TypeError(
                f"DataLoader: dataset: expected a TensorDataset, got {type(dataset).__name__}"
            )
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(
                f"DataLoader: batch_size: expected a positive integer, got {batch_size!r}"
            )
        if not len(dataset):
            raise ValueError("DataLoader: dataset: expected at least one sample, got none")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.generator = generator

    def __len__(self) -> int:
        """The number of mini-batches."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[Tensor]]:
        arrays = [tensor.array for tensor in self.dataset.tensors]
        size = self.batch_size
        starts = range(0, len(self) * size, size)
        if not self.shuffle:
            for k in starts:
                yield [Tensor(array[k : k + size]) for array in arrays]
            return
        device = self.dataset.tensors[0].device
        order = randperm(len(self.dataset), generator=self.generator, device=device).array
        take = backend_of(order).xp.take
        for k in starts:
            rows = order[k : k + size]
            yield [Tensor(take(array, rows, axis=0)) for array in arrays]
