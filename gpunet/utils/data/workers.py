"""Mini-batches made by threads, ahead of the training loop.

The consumer deals the mini-batches out to the workers in turn, ``workers * prefetch`` of them
ahead, and one more for each that it takes. A worker waits for its next task only, the consumer for
the mini-batch that is due.

    consumer --(number, keys)--> inbox of worker number % workers
    consumer <--(number, batch or error)-- one queue of results, in any order

The threads know the queues but not the `ThreadedPass`: when that is no longer used, for whatever
reason, they are told to go.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from ...backend.rng import using
from .dataset import Dataset
from .fetch import Exhausted, Plan, Reader, generator

__all__ = ["ThreadedPass", "WorkerInfo", "get_worker_info"]

#: Seconds between looks at whether the thread that is waited for is still there.
_LOOK = 1.0


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker thread knows of itself.

    Attributes
    ----------
    id : int
        From 0 to ``num_workers - 1``.
    num_workers : int
    seed : int
        The seed of the pass plus `id`; that of this thread's default generator at first.
    dataset : Dataset
        This worker's copy of a `Dataset` (a shallow one: what it holds is shared); anything else
        that serves as a data set is shared itself.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Here(threading.local):
    info: WorkerInfo | None = None


_HERE = _Here()


def get_worker_info() -> WorkerInfo | None:
    """In a worker thread of a `DataLoader`, which one it is; elsewhere None."""
    return _HERE.info


class _Board:
    """What the consumer and the workers share."""

    def __init__(self, workers: int):
        self.stopped = False
        self.inboxes: list[SimpleQueue[Any]] = [SimpleQueue() for _ in range(workers)]
        self.results: SimpleQueue[Any] = SimpleQueue()

    def stop(self) -> None:
        """Tell the workers to go, each when it is done with the sample that it is reading."""
        self.stopped = True
        for inbox in self.inboxes:
            inbox.put(None)


class ThreadedPass:
    """The mini-batches of one pass, made by worker threads, in order.

    Parameters
    ----------
    plan : Plan
    tasks : iterator of (number, keys)
    workers, prefetch : int
        Threads, and mini-batches in the making for each.
    timeout : float
        Seconds to wait for a mini-batch; 0 for any time.
    init : callable or None
        ``init(worker_id)`` is called in each thread at the beginning.
    skip : int
        So many mini-batches are made and dropped.
    """

    def __init__(
        self,
        plan: Plan,
        tasks: Iterator[tuple[int, Any]],
        workers: int,
        prefetch: int,
        timeout: float,
        init: Callable[[int], Any] | None,
        skip: int,
    ):
        self._tasks = tasks
        self._timeout = timeout
        self._skip = skip
        self._board = board = _Board(workers)
        self._due: deque[tuple[int, int]] = deque()  # (number, worker), in order
        self._early: dict[int, Any] = {}  # results that are not due yet
        self._active = deque(range(workers))  # the next to be given a task first
        #: Tells the threads to go; also when the pass is garbage, and when Python exits.
        self.close = weakref.finalize(self, board.stop)
        self._threads = [
            threading.Thread(
                target=_work,
                args=(plan, board, k, workers, init),
                name=f"gpunet-loader-{k}",
                daemon=True,
            )
            for k in range(workers)
        ]
        try:
            for thread in self._threads:
                thread.start()
            for _ in range(workers * prefetch):
                self._deal()
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> ThreadedPass:
        return self

    def __next__(self) -> Any:
        try:
            while self._due and self.close.alive:
                number, worker = self._due[0]
                batch, error = self._result(number, worker)
                self._due.popleft()
                if isinstance(error, Exhausted):
                    if worker in self._active:
                        self._active.remove(worker)
                    self._deal()
                    continue
                if error is not None:
                    try:
                        raise error
                    finally:
                        del error  # its traceback holds this frame, and this frame would hold it
                self._deal()
                if not self._skip:
                    return batch
                self._skip -= 1
        except BaseException:  # Ctrl-C too
            self._due.clear()
            self.close()
            raise
        self.close()
        raise StopIteration

    def _deal(self) -> None:
        """Give the next task, if there is one, to the worker whose turn it is."""
        if not self._active or not self.close.alive:
            return
        task = next(self._tasks, None)
        if task is None:
            return
        worker = self._active[0]
        self._active.rotate(-1)
        self._due.append((task[0], worker))
        self._board.inboxes[worker].put(task)

    def _result(self, number: int, worker: int) -> Any:
        """The mini-batch of that number and None, or None and the error that it ended with."""
        if number in self._early:
            return self._early.pop(number)
        end = monotonic() + self._timeout if self._timeout else None
        while True:
            wait = _LOOK if end is None else min(_LOOK, max(0.0, end - monotonic()))
            try:
                found, *result = self._board.results.get(timeout=wait)
            except Empty:
                if end is not None and monotonic() >= end:
                    raise RuntimeError(
                        f"DataLoader timed out after {self._timeout} seconds, waiting for "
                        f"mini-batch {number} from worker {worker}"
                    ) from None
                if not self._threads[worker].is_alive() and self._board.results.empty():
                    raise RuntimeError(
                        f"DataLoader worker {worker} is gone, and mini-batch {number} with it; "
                        "was the process forked in the middle of the pass?"
                    ) from None
                continue
            if found == number:
                return result
            self._early[found] = result


def _work(
    plan: Plan, board: _Board, me: int, workers: int, init: Callable[[int], Any] | None
) -> None:
    """What a worker thread does."""
    seed = plan.seed + me
    reader: Reader | None = None
    failure: BaseException | None = None
    with using(generator(seed, 0)):
        try:
            dataset = copy(plan.dataset) if isinstance(plan.dataset, Dataset) else plan.dataset
            _HERE.info = WorkerInfo(me, workers, seed, dataset)
            if init is not None:
                init(me)
            reader = Reader(plan, dataset)
        except BaseException as error:
            failure = error
        while True:
            task = board.inboxes[me].get()
            if task is None or board.stopped:
                return
            number, keys = task
            if reader is None:
                board.results.put((number, None, failure))
                continue
            try:
                board.results.put((number, reader.make(number, keys), None))
            except BaseException as error:
                board.results.put((number, None, error))
