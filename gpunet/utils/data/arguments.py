"""Checks of arguments: the message names the argument, what was expected and what it was."""

from __future__ import annotations

from typing import Any

from ...backend import Device
from ...backend.rng import Generator
from .dataset import IterableDataset

__all__ = ["check_bool", "check_loader", "check_positive"]


def check_positive(name: str, value: Any, least: int = 1) -> None:
    """Refuse what is no integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        expected = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise ValueError(f"{name}: expected {expected}, got {value!r}")


def check_bool(name: str, value: Any, error: type[Exception] = ValueError) -> None:
    """Refuse what is no truth value."""
    if not isinstance(value, bool):
        raise error(f"{name}: expected True or False, got {value!r}")


def check_loader(
    dataset: Any, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, num_workers: Any,
    collate_fn: Any, drop_last: Any, timeout: Any, worker_init_fn: Any,
    multiprocessing_context: Any, generator: Any, prefetch_factor: Any, persistent_workers: Any,
    pin_memory_device: str,
) -> None:  # fmt: skip
    """Refuse what `DataLoader` cannot be made of, before anything is made."""
    check_positive("DataLoader: num_workers", num_workers, 0)
    if batch_size is not None:
        check_positive("DataLoader: batch_size", batch_size)
    check_bool("DataLoader: drop_last", drop_last)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout >= 0:
        raise ValueError(f"DataLoader: timeout: expected at least 0 seconds, got {timeout!r}")
    if prefetch_factor is not None:
        check_positive("DataLoader: prefetch_factor", prefetch_factor)
    for name, given in (
        ("prefetch_factor", prefetch_factor is not None),
        ("timeout", timeout > 0),
        ("persistent_workers", bool(persistent_workers)),
    ):
        if given and num_workers == 0:
            raise ValueError(f"DataLoader: {name}: is for workers, but num_workers is 0")
    if multiprocessing_context is not None:
        raise ValueError(
            "DataLoader: multiprocessing_context: the workers are threads, not processes; "
            f"expected None, got {multiprocessing_context!r}"
        )
    for name, function in (("collate_fn", collate_fn), ("worker_init_fn", worker_init_fn)):
        if function is not None and not callable(function):
            raise TypeError(f"DataLoader: {name}: expected a function, got {function!r}")
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(f"DataLoader: generator: expected a Generator, got {generator!r}")
    if pin_memory_device:
        Device(pin_memory_device)
    if isinstance(dataset, IterableDataset):
        for name, value in (("shuffle", shuffle or None), ("sampler", sampler),
                            ("batch_sampler", batch_sampler)):  # fmt: skip
            if value is not None:
                raise ValueError(
                    f"DataLoader: {name}: an IterableDataset gives its samples in its own order; "
                    f"expected None, got {value!r}"
                )
    else:
        _check_map(dataset, sampler is None and batch_sampler is None)
    if sampler is not None and shuffle:
        raise ValueError("DataLoader: sampler and shuffle exclude each other; got both")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler or drop_last):
        raise ValueError(
            "DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last; "
            "got it together with one of them"
        )
    if batch_size is None and drop_last:
        raise ValueError("DataLoader: drop_last: there are no mini-batches when batch_size is None")
    for name, value in (("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None and not hasattr(value, "__iter__"):
            raise TypeError(f"DataLoader: {name}: expected an iterable, got {value!r}")


def _check_map(dataset: Any, sized: bool) -> None:
    if not hasattr(dataset, "__getitem__"):
        hint = "; derive it from IterableDataset" if hasattr(dataset, "__iter__") else ""
        raise TypeError(
            "DataLoader: dataset: expected something with __getitem__ and __len__, "
            f"got {type(dataset).__name__}{hint}"
        )
    if not sized:
        return
    if not hasattr(dataset, "__len__"):
        raise TypeError(
            f"DataLoader: dataset: {type(dataset).__name__} has no __len__, which only a sampler "
            "of your own can do without"
        )
    if not len(dataset):
        raise ValueError("DataLoader: dataset: expected at least one sample, got none")
