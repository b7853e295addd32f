"""One pass through a data set: its order, and where its mini-batches come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from ...backend import CPU, Array, Backend
from ...functions.sampling import randint
from .collate import default_collate
from .fetch import Plan, serial
from .gather import Gather, row_numbers, rows_of, slices
from .sampler import BatchSampler, RandomSampler, SequentialSampler
from .transfer import check_on_host, pinned
from .workers import ThreadedPass

if TYPE_CHECKING:
    from .loader import DataLoader

__all__ = ["from_rows", "from_samples"]


def from_rows(
    loader: DataLoader, start: int, empty: Callable[..., Array] | None
) -> Iterator[Any] | None:
    """The mini-batches as rows of the arrays that hold the samples; None if there are none such.

    `empty` makes the memory of mini-batches that are copied out of host arrays; None leaves it to
    the backend, and unshuffled mini-batches where they are.
    """
    if not loader.batched or loader.collate_fn is not default_collate or loader.worker_init_fn:
        return None
    found = rows_of(loader.dataset)
    if found is None:
        return None
    arrays, rows = found
    if loader.pin_memory and loader.device is None:
        check_on_host(arrays[0])
    n = len(loader.dataset)
    gather = Gather(arrays, empty if type(arrays[0]) is CPU.array_type else None)
    keys = loader.keys
    if type(keys) is BatchSampler:
        sampler, size = keys.sampler, keys.batch_size
        if type(sampler) is SequentialSampler and len(sampler) == n:
            numbers = _numbers(start, len(keys))
            if rows is not None:
                return gather.batches(rows, size, numbers)
            if gather.empty is None:
                return slices(arrays, size, numbers)
            return gather.batches(np.arange(n), size, numbers)
        if type(sampler) is RandomSampler and len(sampler.data_source) == n:
            numbers = _numbers(start, len(keys))
            order = sampler.order(gather.device)
            order = order if rows is None else gather.order(rows)[order]
            return gather.batches(order, size, numbers)
    return _chosen(loader.dataset, gather, rows, n, _tasks(loader, start))


def _chosen(
    dataset: Any, gather: Gather, rows: Any, n: int, tasks: Iterator[tuple[int, Any]]
) -> Iterator[Any]:
    """Mini-batches of the samples that a sampler has chosen."""
    for number, keys in tasks:
        chosen = row_numbers(keys, n, f"DataLoader: mini-batch {number}")
        if chosen is None:
            yield default_collate([dataset[key] for key in keys])
        else:
            with gather.be.on(gather.device):
                yield gather.batch(gather.order(chosen if rows is None else rows[chosen]))


def from_samples(loader: DataLoader, start: int, pinning: Backend | None) -> Iterator[Any]:
    """The mini-batches made of samples, which are read one by one: here, or by worker threads."""
    tasks = _tasks(loader, start)
    seed = randint(0, 2**63 - 1, (1,), generator=loader.generator, device="cpu").item()
    plan = Plan(
        loader.dataset,
        loader.collate_fn,
        loader.batched,
        loader.drop_last,
        seed,
        None if pinning is None else partial(pinned, be=pinning),
    )
    skip = start if loader.iterable else 0  # they are made all the same
    if not loader.num_workers:
        return serial(plan, tasks, skip)
    prefetch = loader.prefetch_factor or 1
    return ThreadedPass(
        plan, tasks, loader.num_workers, prefetch, loader.timeout, loader.worker_init_fn, skip
    )


def _tasks(loader: DataLoader, start: int) -> Iterator[tuple[int, Any]]:
    """(number, keys) of each mini-batch; drawn at once where it is known how many there are.

    Of an iterable data set `keys` is a number of samples, and the tasks have no end.
    """
    if loader.iterable:
        return enumerate(repeat(loader.batch_size or 1))
    keys = loader.keys
    try:
        count = len(keys)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        count = 0  # as they come
    else:
        _numbers(start, count)
    following = iter(keys)
    drawn = list(islice(following, count))
    return islice(enumerate(chain(drawn, following)), start, None)


def _numbers(start: int, count: int) -> range:
    """The numbers of the mini-batches that are left."""
    if start > count:
        raise ValueError(
            f"DataLoader.batches: start: expected a number from 0 to {count}, the number of "
            f"mini-batches, got {start}"
        )
    return range(start, count)
