"""`DataLoader`: the samples of a data set in mini-batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...backend import Device, backend_for
from ...backend.rng import Generator
from .arguments import check_loader, check_positive
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .passes import from_rows, from_samples
from .sampler import BatchSampler, RandomSampler, SequentialSampler
from .structure import map_tensors
from .transfer import Ahead, pinning_backend

__all__ = ["DataLoader"]

#: What a pass is made from, and what therefore cannot be set any more.
_FIXED = ("dataset", "batch_size", "sampler", "batch_sampler", "drop_last")


class DataLoader:
    """The mini-batches of a data set, anew with each ``for``.

    The samples of a `TensorDataset`, or of a `Subset` of one, are not asked for one by one: where
    there is no `collate_fn`, a mini-batch is one gather in each of the tensors, on their device;
    or, without `shuffle`, a slice of them. A slice shares its memory with the data set: what
    changes such a mini-batch in place changes the data set.

    All random numbers of a pass are drawn when it begins: its order and, where samples are read one
    by one, a seed for what `dataset` and `collate_fn` may draw from gpunet's default generator
    while they make a mini-batch. The mini-batches are the same for any number of workers. (Python's
    and NumPy's global generators are shared by all threads; `get_worker_info` gives a seed for one
    of your own.)

    Parameters
    ----------
    dataset : Dataset
        Anything with ``__getitem__`` and ``__len__``, or an `IterableDataset`.
    batch_size : int or None
        Samples in a mini-batch. With None the samples come one by one.
    shuffle : bool, optional
        Take the samples in a new order each time.
    sampler : Sampler or iterable, optional
        The numbers (or keys) of the samples, in place of `shuffle`.
    batch_sampler : Sampler or iterable, optional
        Lists of them, a mini-batch each, in place of `batch_size`, `shuffle`, `sampler` and
        `drop_last`.
    num_workers : int
        Threads that read and collate mini-batches ahead. They help where ``__getitem__`` waits for
        files or calls NumPy's larger functions; Python code itself runs in one thread at a time.
    collate_fn : callable, optional
        Makes a mini-batch of a list of samples; `default_collate` by default (without a
        `batch_size`, `default_convert` of each sample).
    pin_memory : bool
        Give mini-batches in page-locked memory, from which ``.to("cuda", non_blocking=True)``
        copies without the host. `device` does more.
    drop_last : bool
        Leave out a last mini-batch that is not full.
    timeout : float
        Seconds to wait for the workers' next mini-batch; 0 for any time.
    worker_init_fn : callable, optional
        ``worker_init_fn(worker_id)`` is called in each worker when a pass begins.
    multiprocessing_context : None
        There are no processes.
    generator : Generator, optional
        Where the order comes from; gpunet's default generator otherwise, so that
        `gpunet.manual_seed` fixes it.
    prefetch_factor : int, optional
        Mini-batches that are made ahead for each worker. Default: 2.
    persistent_workers, pin_memory_device, in_order
        Accepted for PyTorch's sake: starting threads costs next to nothing, pinned memory serves
        every GPU, and mini-batches always come in order.
    device : str or Device, optional
        Give the mini-batches on this device. On a GPU each is copied from pinned memory, on a
        stream of its own, while the one before it is worked on.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these, or two exclude each other, or the data set is empty.

    Examples
    --------
    >>> for images, labels in DataLoader(train_set, batch_size=32, shuffle=True):  # doctest: +SKIP
    ...     loss = loss_fn(model(images), labels)
    """

    _made = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: None = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        device: str | Device | None = None,
    ):
        check_loader(
            dataset, batch_size, shuffle, sampler, batch_sampler, num_workers, collate_fn,
            drop_last, timeout, worker_init_fn, multiprocessing_context, generator,
            prefetch_factor, persistent_workers, pin_memory_device,
        )  # fmt: skip
        self.device = None if device is None else Device(device)
        if self.device is not None:
            backend_for(self.device)
        self.iterable = isinstance(dataset, IterableDataset)
        if batch_sampler is not None:
            batch_size = None
        if sampler is None and not self.iterable:
            sampler = (
                RandomSampler(dataset, generator=generator)
                if shuffle
                else SequentialSampler(dataset)
            )
        if batch_size is not None and sampler is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batched = batch_size is not None or batch_sampler is not None
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn or (default_collate if self.batched else default_convert)
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self._made = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._made and name in _FIXED:
            raise ValueError(f"DataLoader: {name} cannot be set once the loader is made")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        """The number of mini-batches.

        Raises
        ------
        TypeError
            If the data set or the sampler has no length.
        """
        if not self.iterable:
            return len(self.keys)  # type: ignore[arg-type]
        if self.batch_size is None:
            return len(self.dataset)
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    @property
    def keys(self) -> Iterable[Any]:
        """The keys of the samples, for one mini-batch after the other."""
        return self.batch_sampler if self.batched else self.sampler  # type: ignore[return-value]

    def __iter__(self) -> Iterator[Any]:
        return self.batches()

    def batches(self, start: int = 0, device: str | Device | None = None) -> Iterator[Any]:
        """One pass, from mini-batch number `start` on.

        All its random numbers are drawn before this returns. So with the generator in the state
        that it had then, ``batches(start)`` gives what was left of that pass. What is skipped is
        not loaded (but of an `IterableDataset` it is).

        Parameters
        ----------
        start : int
        device : str or Device, optional
            Where the mini-batches go, for a loader that was made without one.

        Raises
        ------
        ValueError
            If `start` is not an integer from 0 to the number of mini-batches.
        """
        check_positive("DataLoader.batches: start", start, 0)
        place = self.device
        if place is None and device is not None:
            place = Device(device)
        staging = None if place is None else backend_for(place).staging(place)
        pinning = pinning_backend() if self.pin_memory and staging is None else None
        empty = staging.empty if staging else pinning.pinned if pinning else None
        found = from_rows(self, start, empty, pinning is not None and place is None)
        if found is not None:
            batches, lies = found
            if place in (None, lies):
                return batches
        else:
            batches = from_samples(self, start, pinning)
        if staging is not None:
            return Ahead(batches, staging, place)  # type: ignore[arg-type]
        if place is None:
            return batches
        return (map_tensors(lambda tensor: tensor.to(place), batch) for batch in batches)
