"""A team of threads that share the tiles of one kernel.

Waking a thread that sleeps takes 50 to 150 microseconds; one that spins answers in less than one.
So the team's threads spin for a moment after each job, ready for the next kernel of a training
step, and sleep when none comes.

A job is a C function ``tile(arguments, i)``, called once for each ``i < tiles``. Nobody is told
which tiles to do: each thread, the caller among them, begins at a place of its own, so that it
meets the same memory again in the next kernel, and then takes whatever is left. A thread
that another process keeps from running therefore delays nobody, unless it stops in the middle of
a tile; and while all others sleep the caller does the work alone.

The board, one cache line (8 int64) each::

    ticket    job * 256 + tiles      written last, read first
    done      tiles that are finished
    busy      1 while a caller has a job on the board
    function, arguments
    claim[i]  the last job whose tile i somebody took

A tile is taken by raising ``claim[i]`` to the job's number: who finds a smaller one there has it. A
thread that comes late, with an old ticket, finds the number raised already, whatever has
happened since; so function and arguments, which are read after the claim, belong to the job.
"""

from __future__ import annotations

import os
import threading
from types import FunctionType
from typing import Any

import numba
import numpy as np

from . import settings
from ._atomic import (
    call_tile,
    fetch_add,
    fetch_max,
    float32_pointer,
    float64_pointer,
    load,
    pause,
    store,
    uint8_pointer,
)
from ._compile import c_function, inline, kernel

__all__ = [
    "MOST_TILES",
    "Team",
    "array",
    "array8",
    "array32",
    "array64",
    "number",
    "run_tiles",
    "team",
    "tile",
    "tiles_by_size",
]

MOST_TILES = 255

_LINE = 64  # bytes
# The places on the board, in bytes.
_TICKET, _DONE, _BUSY, _FUNCTION, _CLAIMS = 0, _LINE, 2 * _LINE, 3 * _LINE, 4 * _LINE
_ARGUMENTS = _FUNCTION + 8
#: Rounds of a waiting loop before a thread goes to sleep: about two milliseconds.
_SPINS = 40_000


def tile(function: Any) -> Any:
    """Compile ``function(arguments, i)`` into a C function that `run_tiles` can call."""
    return c_function("void(int64, int64)", function)


class tiles_by_size(dict[int, Any]):
    """`tile` for float32 and for float64, by the bytes of an element; compiled when asked for.

    What the function calls ``array`` is `array32` in the one and `array64` in the other.
    """

    def __init__(self, function: Any):
        super().__init__()
        self._function = function

    def __missing__(self, size: int) -> Any:
        function = self._function
        form = {4: array32, 8: array64}[size]
        # Not a closure: Numba would not find the compiled function on disk again.
        copy = FunctionType(function.__code__, {**function.__globals__, "array": form})
        copy.__qualname__ = f"{function.__qualname__}{8 * size}"
        self[size] = compiled = tile(copy)
        return compiled


@inline
def number(arguments, k):
    """The int64 in place k of a job's list of arguments."""
    return load(arguments + 8 * k)


@inline
def array32(arguments, k, low, high):
    """Elements low to high of the float32 array whose address is in place k of the arguments."""
    address = load(arguments + 8 * k) + 4 * low
    return numba.carray(float32_pointer(address), (max(0, high - low),))


@inline
def array64(arguments, k, low, high):
    """The same for float64."""
    address = load(arguments + 8 * k) + 8 * low
    return numba.carray(float64_pointer(address), (max(0, high - low),))


@inline
def array8(arguments, k, low, high):
    """The same for uint8."""
    address = load(arguments + 8 * k) + low
    return numba.carray(uint8_pointer(address), (max(0, high - low),))


def array(arguments: int, k: int, low: int, high: int) -> np.ndarray:
    """`array32` or `array64`, in functions that `tiles_by_size` compiles; nowhere else."""
    raise NotImplementedError("array works inside functions that tiles_by_size compiles only")


@kernel
def _take_tiles(board, me, threads, ticket):
    """Do tiles of the job `ticket` until none is left."""
    job = ticket >> 8
    tiles = ticket & 255
    first = me * tiles // threads
    for k in range(tiles):
        i = first + k
        if i >= tiles:
            i -= tiles
        if fetch_max(board + _CLAIMS + _LINE * i, job) < job:
            call_tile(load(board + _FUNCTION), load(board + _ARGUMENTS), i)
            fetch_add(board + _DONE, 1)


@kernel
def _attend(board, me, threads, last):
    """Take part in every job after `last`, until none has come for a while; the last one."""
    spins = 0
    while spins < _SPINS:
        ticket = load(board + _TICKET)
        if ticket == last:
            spins += 1
            pause()
        else:
            last = ticket
            spins = 0
            _take_tiles(board, me, threads, ticket)
    return last


@kernel
def run_tiles(board, threads, function, arguments, tiles):
    """Have the team do a job, and return when it is done. Called by kernels."""
    if threads == 1 or fetch_add(board + _BUSY, 1) != 0:
        # Alone, or another thread of the program has a job on the board.
        if threads > 1:
            fetch_add(board + _BUSY, -1)
        for i in range(tiles):
            call_tile(function, arguments, i)
        return
    ticket = (((load(board + _TICKET) >> 8) + 1) << 8) + tiles
    store(board + _FUNCTION, function)
    store(board + _ARGUMENTS, arguments)
    store(board + _DONE, 0)
    store(board + _TICKET, ticket)
    _take_tiles(board, 0, threads, ticket)
    while load(board + _DONE) < tiles:
        pause()
    fetch_add(board + _BUSY, -1)


class Team:
    """The caller and ``threads - 1`` threads that help.

    Parameters
    ----------
    threads : int

    Attributes
    ----------
    board : int
        The address of the board, for `run_tiles`.
    threads : int
    """

    def __init__(self, threads: int):
        self.threads = threads
        self._memory = np.zeros(_CLAIMS + _LINE * (MOST_TILES + 1) + _LINE, np.uint8)
        self.board = -(-self._memory.ctypes.data // _LINE) * _LINE
        self._bell = threading.Semaphore(0)
        self._asleep: list[int] = []
        self._closed = False
        for me in range(1, threads):
            threading.Thread(
                target=self._work, args=(me,), name=f"gpunet-{me}", daemon=True
            ).start()

    def _work(self, me: int) -> None:
        last = 0
        while True:
            self._asleep.append(me)
            self._bell.acquire()
            if self._closed:
                return
            last = _attend(self.board, me, self.threads, last)

    def wake(self) -> None:
        """Wake those who sleep; called before a job. They may come too late for it."""
        if self._asleep:
            asleep = len(self._asleep)
            del self._asleep[:asleep]
            self._bell.release(asleep)

    def close(self) -> None:
        """Let the helpers go, each when it next falls asleep."""
        self._closed = True
        self._bell.release(self.threads)


_team: Team | None = None


def team() -> Team:
    """The process's team: made at the first call, and anew when `set_num_threads` was called."""
    global _team
    if _team is None or _team.threads != settings.threads:
        if _team is not None:
            _team.close()
        _team = Team(settings.threads)
    return _team


def _forget() -> None:
    global _team
    _team = None


# A forked child has only the thread that forked; it makes a team of its own when it needs one.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
