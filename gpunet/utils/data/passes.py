"""One pass through a data set: its order, and where its mini-batches come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from ...backend import CPU, Array, Backend, Device
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
    loader: DataLoader, start: int, empty: Callable[..., Array] | None, pinned: bool
) -> tuple[Iterator[Any], Device] | None:
    """The mini-batches as rows of the arrays that hold the samples, and where these are.

    None if there are no such arrays.

    `empty` makes the memory of mini-batches that are copied out of host arrays; None leaves it to
    the backend, and unshuffled mini-batches where they are. `pinned`: it is to be the host's.
    """
    if not loader.batched or loader.collate_fn is not default_collate or loader.worker_init_fn:
        return None
    found = rows_of(loader.dataset)
    if found is None:
        return None
    arrays, rows = found
    if pinned:
        check_on_host(arrays[0])
    gather = Gather(arrays, empty if type(arrays[0]) is CPU.array_type else None)
    return _batches(loader, start, gather, rows), gather.device


def _batches(
    loader: DataLoader, start: int, gather: Gather, rows: np.ndarray | None
) -> Iterator[Any]:
    n = len(loader.dataset)
    keys = loader.keys
    if type(keys) is BatchSampler:
        sampler, size = keys.sampler, keys.batch_size
        if type(sampler) is SequentialSampler and len(sampler) == n:
            numbers = _numbers(start, len(keys))
            if rows is not None:
                return gather.batches(rows, size, numbers)
            if gather.empty is None:
                return slices([array for array, *_ in gather.sources], size, numbers)
            return gather.batches(np.arange(n), size, numbers)
        if type(sampler) is RandomSampler and len(sampler.data_source) == n:
            numbers = _numbers(start, len(keys))
            order = sampler.order(gather.device)
            order = order if rows is None else gather.order(rows)[order]
            return gather.batches(order, size, numbers)
    return _chosen(loader.dataset, gather, rows, n, *_drawn(loader, start), start)


def _chosen(
    dataset: Any,
    gather: Gather,
    rows: np.ndarray | None,
    n: int,
    drawn: list[Any],
    following: Iterator[Any],
    start: int,
) -> Iterator[Any]:
    """Mini-batches of the samples that a sampler has chosen.

    The numbers of all that it has `drawn` go to the device of the samples in one copy.
    """
    known = _joined(drawn, n)
    if known is not None:
        order, low = gather.order(known if rows is None else rows[known]), 0
        for keys in drawn:
            with gather.be.on(gather.device):
                batch = gather.batch(order[low : low + len(keys)])
            low += len(keys)
            yield batch
        start, drawn = start + len(drawn), []
    for number, keys in enumerate(chain(drawn, following), start):
        chosen = row_numbers(keys, n, f"DataLoader: mini-batch {number}")
        if chosen is None:
            yield default_collate([dataset[key] for key in keys])
        else:
            with gather.be.on(gather.device):
                batch = gather.batch(gather.order(chosen if rows is None else rows[chosen]))
            yield batch


def _joined(drawn: list[Any], n: int) -> np.ndarray | None:
    """The numbers of the rows of all mini-batches in one array.

    None where they are no numbers, or a mini-batch is not to be: it is refused when its turn comes.
    """
    if not all([type(keys) is list and keys for keys in drawn]):
        return None
    try:
        return row_numbers(list(chain.from_iterable(drawn)), n, "DataLoader")
    except IndexError:
        return None


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


def _drawn(loader: DataLoader, start: int) -> tuple[list[Any], Iterator[Any]]:
    """The keys of the mini-batches from `start` on: those drawn now, and those that come later.

    They are drawn at once where it is known how many there are.
    """
    keys = loader.keys
    try:
        count = len(keys)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        count = 0  # as they come
    else:
        _numbers(start, count)
    following = iter(keys)
    drawn = list(islice(following, count))
    return drawn[start:], islice(following, max(0, start - len(drawn)), None)


def _tasks(loader: DataLoader, start: int) -> Iterator[tuple[int, Any]]:
    """(number, keys) of each mini-batch.

    Of an iterable data set `keys` is a number of samples, and the tasks have no end.
    """
    if loader.iterable:
        return enumerate(repeat(loader.batch_size or 1))
    drawn, following = _drawn(loader, start)
    return enumerate(chain(drawn, following), start)


def _numbers(start: int, count: int) -> range:
    """The numbers of the mini-batches that are left."""
    if start > count:
        raise ValueError(
            f"DataLoader.batches: start: expected a number from 0 to {count}, the number of "
            f"mini-batches, got {start}"
        )
    return range(start, count)
