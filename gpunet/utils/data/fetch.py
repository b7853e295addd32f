"""How one mini-batch is made: its samples are read and collated.

While mini-batch i is made, the default generator of the thread that makes it is one with the seed
of the pass and the stream 1 + i. So what a data set or a ``collate_fn`` draws does not depend on
the number of threads, nor on where in the pass a resumed run begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ...backend.rng import Generator, using
from .dataset import IterableDataset

__all__ = ["Exhausted", "Plan", "Reader", "generator", "serial"]


class Exhausted(Exception):
    """An iterable data set has no more samples."""


@dataclass(frozen=True)
class Plan:
    """What all mini-batches of a pass have in common.

    Attributes
    ----------
    dataset : Dataset
    collate : callable
        From the list of samples to the mini-batch; without `batched`, from one sample.
    batched : bool
    drop_last : bool
        Of an iterable data set.
    seed : int
        Of the pass.
    finish : callable or None
        Is given each mini-batch when it is made, by the thread that made it.
    """

    dataset: Any
    collate: Callable[[Any], Any]
    batched: bool
    drop_last: bool
    seed: int
    finish: Callable[[Any], Any] | None


def generator(seed: int, stream: int) -> Generator:
    """A generator at the beginning of a stream."""
    return Generator().set_state({"seed": seed, "stream": stream, "offset": 0})


class Reader:
    """Makes mini-batches from one copy of the data set.

    Parameters
    ----------
    plan : Plan
    dataset : Dataset, optional
        The copy; the plan's own by default.
    """

    def __init__(self, plan: Plan, dataset: Any = None):
        self.plan = plan
        self.dataset = plan.dataset if dataset is None else dataset
        self.stream: Iterator[Any] | None = None
        self.count = 0
        if isinstance(self.dataset, IterableDataset):
            self.stream = iter(self.dataset)

    def make(self, number: int, keys: Any) -> Any:
        """Mini-batch `number`, of the samples `keys`; of an iterable data set, `keys` samples.

        Errors get a note that names the sample.

        Raises
        ------
        Exhausted
            If an iterable data set has no more.
        """
        plan = self.plan
        with using(generator(plan.seed, 1 + number)):
            if self.stream is not None:
                samples = self._following(number, keys)
            elif plan.batched:
                samples = self._chosen(number, keys)
            else:
                samples = self._one(number, keys)
            try:
                batch = plan.collate(samples)
                return batch if plan.finish is None else plan.finish(batch)
            except Exception as error:
                _note(error, f"collating {_named(number, keys)}")
                raise

    def _chosen(self, number: int, keys: Sequence[Any]) -> Any:
        get = getattr(self.dataset, "__getitems__", None)
        if get is not None:
            try:
                return get(keys)
            except Exception as error:
                _note(error, f"reading {_named(number, keys)}")
                raise
        return [self._one(number, key) for key in keys]

    def _one(self, number: int, key: Any) -> Any:
        try:
            return self.dataset[key]
        except Exception as error:
            of = f" of mini-batch {number}" if self.plan.batched else ""
            _note(error, f"reading sample {key!r}{of}")
            raise

    def _following(self, number: int, size: int) -> Any:
        samples: list[Any] = []
        try:
            for sample in islice(self.stream, size):  # type: ignore[arg-type]
                samples.append(sample)
                self.count += 1
        except Exception as error:
            _note(error, f"reading sample {self.count} of the stream, for mini-batch {number}")
            raise
        if not samples or (self.plan.drop_last and len(samples) < size):
            raise Exhausted
        return samples if self.plan.batched else samples[0]


def _named(number: int, keys: Any) -> str:
    if not isinstance(keys, list):
        return f"mini-batch {number}"
    shown = ", ".join(map(repr, keys[:8])) + (", ..." if len(keys) > 8 else "")
    return f"mini-batch {number}, of the samples {shown}"


def _note(error: Exception, what: str) -> None:
    """Note on `error` during what it was raised."""
    if isinstance(error, StopIteration):
        # On its way out it would end the loop over the mini-batches without a word.
        raise RuntimeError(f"DataLoader: StopIteration was raised while {what}") from error
    error.add_note(f"DataLoader: raised while {what}")


def serial(plan: Plan, tasks: Iterator[tuple[int, Any]], skip: int) -> Iterator[Any]:
    """The mini-batches of `tasks`, made one after the other when they are asked for.

    Parameters
    ----------
    plan : Plan
    tasks : iterator of (number, keys)
    skip : int
        So many mini-batches are made and dropped.
    """
    with using(generator(plan.seed, 0)):
        reader = Reader(plan)
    for number, keys in tasks:
        try:
            batch = reader.make(number, keys)
        except Exhausted:
            return
        if skip:
            skip -= 1
        else:
            yield batch
