"""Worker threads: order, errors, and that none is left behind, whatever happens."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial

import numpy as np
import pytest
from opcheck import array_of

import gpunet
from gpunet.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

LIMIT = 20.0


def workers_alive():
    return [t for t in threading.enumerate() if t.name.startswith("gpunet-loader")]


@pytest.fixture(autouse=True)
def _none_left_behind():
    yield
    end = time.monotonic() + LIMIT
    while workers_alive() and time.monotonic() < end:
        gc.collect()
        time.sleep(0.01)
    assert workers_alive() == []


def within_limit(function):
    """Run `function` in a thread, and fail if it hangs."""
    outcome = []

    def run():
        try:
            outcome.append((function(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive(), "it hangs"
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


class Slow(Dataset):
    def __init__(self, n=12, seconds=0.01, broken=None):
        self.n, self.seconds, self.broken = n, seconds, broken
        self.read = []

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        self.read.append(i)
        time.sleep(self.seconds * (1 + (i * 7) % 3) / 2)
        if i == self.broken:
            raise LookupError(f"sample {i} is broken")
        return i


class Shares(IterableDataset):
    """Gives each worker its share."""

    def __init__(self, n, uneven=False):
        self.n, self.uneven = n, uneven

    def __iter__(self):
        info = get_worker_info()
        if info is None:
            return iter(range(self.n))
        share = range(info.id, self.n, info.num_workers)
        return iter(share[:1] if self.uneven and info.id == 0 else share)


def numbers(batches):
    return [array_of(batch).tolist() for batch in batches]


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("prefetch", [None, 1, 4])
def test_in_order(workers, prefetch):
    loader = DataLoader(Slow(), 2, num_workers=workers, prefetch_factor=prefetch)
    expected = [[i, i + 1] for i in range(0, 12, 2)]
    assert within_limit(lambda: numbers(loader)) == expected
    assert within_limit(lambda: numbers(loader)) == expected


def test_two_are_faster_than_none():
    def seconds(workers):
        loader = DataLoader(Slow(24, 0.01), 2, num_workers=workers)
        begin = time.perf_counter()
        assert len(list(loader)) == 12
        return time.perf_counter() - begin

    assert seconds(2) < 0.8 * seconds(0)


def test_not_more_than_asked_for_is_made_ahead():
    data = Slow(40, 0)
    batches = iter(DataLoader(data, 2, num_workers=2, prefetch_factor=3))
    time.sleep(0.2)
    assert len(data.read) == 2 * 2 * 3
    next(batches)
    time.sleep(0.2)
    assert len(data.read) == 2 * 2 * 3 + 2


def test_a_stream_is_shared():
    ones = DataLoader(Shares(10), 2, num_workers=2)
    assert within_limit(lambda: numbers(ones)) == [[0, 2], [1, 3], [4, 6], [5, 7], [8], [9]]
    uneven = DataLoader(Shares(12, uneven=True), 2, num_workers=3)
    expected = [[0], [1, 4], [2, 5], [7, 10], [8, 11]]
    assert within_limit(lambda: numbers(uneven)) == expected
    dropped = DataLoader(Shares(10), 2, num_workers=2, drop_last=True)
    assert within_limit(lambda: numbers(dropped)) == [[0, 2], [1, 3], [4, 6], [5, 7]]
    single = DataLoader(Shares(4), None, num_workers=2)
    assert within_limit(lambda: list(single)) == [0, 1, 2, 3]
    assert within_limit(lambda: numbers(ones.batches(4))) == [[8], [9]]


def test_a_copy_for_each_worker():
    class Range(IterableDataset):
        def __init__(self, begin, end):
            self.begin, self.end = begin, end

        def __iter__(self):
            return iter(range(self.begin, self.end))

    def init(worker):
        info = get_worker_info()
        assert info.id == worker
        middle = (info.dataset.begin + info.dataset.end) // 2
        if worker == 0:
            info.dataset.end = middle
        else:
            info.dataset.begin = middle

    data = Range(0, 8)
    loader = DataLoader(data, 2, num_workers=2, worker_init_fn=init)
    assert within_limit(lambda: numbers(loader)) == [[0, 1], [4, 5], [2, 3], [6, 7]]
    assert (data.begin, data.end) == (0, 8)


def test_what_a_worker_knows():
    seen = {}

    class Noted(Slow):
        def __getitem__(self, i):
            info = get_worker_info()
            seen[i] = (info.id, info.num_workers, info.seed, threading.current_thread().name)
            assert info.dataset is self
            return i

    gpunet.manual_seed(1)
    within_limit(lambda: list(DataLoader(Noted(6), 2, num_workers=2)))
    assert get_worker_info() is None
    assert [seen[i][0] for i in range(6)] == [0, 0, 1, 1, 0, 0]  # in turn, always
    assert {v[1] for v in seen.values()} == {2}
    assert seen[2][2] == seen[0][2] + 1
    assert seen[0][3] == "gpunet-loader-0"


def test_workers_draw_differently_at_the_beginning():
    drawn = {}

    def init(worker):
        drawn[worker] = (gpunet.initial_seed(), gpunet.rand(1).item())

    gpunet.manual_seed(1)
    within_limit(lambda: list(DataLoader(Slow(4, 0), 1, num_workers=3, worker_init_fn=init)))
    assert len({value for _, value in drawn.values()}) == 3
    assert drawn[2][0] - drawn[0][0] == 2


# --- the end, early or not ---------------------------------------------------------------------


def test_an_error_is_the_consumers():
    loader = DataLoader(Slow(broken=5), 2, num_workers=2)
    got = []

    def consume():
        for batch in loader:
            got.append(array_of(batch).tolist())

    with pytest.raises(LookupError, match="sample 5 is broken") as caught:
        within_limit(consume)
    assert got == [[0, 1], [2, 3]]
    assert caught.value.__notes__ == ["DataLoader: raised while reading sample 5 of mini-batch 2"]
    frames = [frame.name for frame in caught.traceback]
    assert frames[-1] == "__getitem__"
    assert "consume" in frames


def test_after_an_error_the_pass_is_over():
    batches = iter(DataLoader(Slow(broken=0), 2, num_workers=2))
    with pytest.raises(LookupError):
        next(batches)
    with pytest.raises(StopIteration):
        next(batches)


def test_an_error_at_the_beginning():
    def init(worker):
        if worker == 1:
            raise OSError("no such folder")

    loader = DataLoader(Slow(), 2, num_workers=2, worker_init_fn=init)
    with pytest.raises(OSError, match="no such folder"):
        within_limit(lambda: list(loader))

    class Bad(IterableDataset):
        def __iter__(self):
            raise OSError("no such file")

    for workers in (0, 2):
        with pytest.raises(OSError, match="no such file"):
            within_limit(lambda n=workers: list(DataLoader(Bad(), 2, num_workers=n)))


def test_a_sampler_that_fails():
    def keys():
        yield 0
        raise OSError("no more keys")

    for workers in (0, 2):
        loader = DataLoader(Slow(), 1, sampler=keys(), num_workers=workers)
        with pytest.raises(OSError, match="no more keys"):
            within_limit(partial(list, loader))


def test_a_worker_that_wants_to_exit():
    class Exits(Slow):
        def __getitem__(self, i):
            sys.exit(3)

    with pytest.raises(SystemExit):
        within_limit(lambda: list(DataLoader(Exits(), 2, num_workers=2)))


def consume(loader, step):
    for batch in loader:
        step(batch)


@pytest.mark.parametrize("how", ["break", "exception", "delete", "never used", "close"])
def test_stopped_early(how):
    def stop():
        loader = DataLoader(Slow(200, 0.005), 2, num_workers=3)
        if how == "break":
            for _ in loader:
                break
        elif how == "exception":
            with pytest.raises(ZeroDivisionError):
                consume(loader, lambda batch: 1 / 0)
        elif how == "delete":
            batches = iter(loader)
            next(batches)
            del batches
        elif how == "never used":
            iter(loader)
        else:
            batches = iter(loader)
            next(batches)
            batches.close()
            assert list(batches) == []

    within_limit(stop)


def test_part_of_a_cycle():
    class Holder:
        pass

    holder = Holder()
    holder.me = holder
    holder.batches = iter(DataLoader(Slow(200), 2, num_workers=2))
    next(holder.batches)
    del holder
    gc.collect()


def test_too_late():
    loader = DataLoader(Slow(4, 3.0), 1, num_workers=1, timeout=0.2)
    begin = time.monotonic()
    with pytest.raises(RuntimeError, match=r"timed out after 0.2 seconds.*mini-batch 0"):
        within_limit(lambda: list(loader))
    assert time.monotonic() - begin < 2.5


def test_in_time():
    loader = DataLoader(Slow(4, 0.05), 1, num_workers=1, timeout=5)
    assert within_limit(lambda: numbers(loader)) == [[0], [1], [2], [3]]


def test_many_passes_at_once():
    loader = DataLoader(Slow(8, 0.001), 2, num_workers=2)
    pairs = within_limit(lambda: [(a.tolist(), b.tolist()) for a, b in zip(loader, loader)])
    assert [a for a, _ in pairs] == [b for _, b in pairs] == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_a_loader_within_a_worker():
    class Nested(Slow):
        def __getitem__(self, i):
            return sum(array_of(b).sum() for b in DataLoader(range(1, 4), 2, num_workers=2)) + i

    assert within_limit(lambda: numbers(DataLoader(Nested(4), 2, num_workers=2))) == [
        [6, 7],
        [8, 9],
    ]


def test_mini_batches_are_not_kept():
    class Counted(np.ndarray):
        alive = 0

        def __del__(self):
            Counted.alive -= 1

    def collate(samples):
        made = np.zeros(len(samples)).view(Counted)
        Counted.alive += 1
        return made

    most = 0
    for _ in DataLoader(Slow(60, 0), 2, num_workers=2, collate_fn=collate):
        most = max(most, Counted.alive)
    assert most <= 2 * 2 + 3
    gc.collect()
    assert Counted.alive <= 1  # the loop variable


# --- the process -------------------------------------------------------------------------------

SCRIPT = """
import os, signal, sys, threading, time
from gpunet.utils.data import DataLoader, Dataset

class Slow(Dataset):
    def __len__(self):
        return 1000
    def __getitem__(self, i):
        time.sleep(0.05)
        return i

batches = iter(DataLoader(Slow(), 1, num_workers=2))
"""


def run_script(text):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT + textwrap.dedent(text)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_python_exits_in_the_middle_of_a_pass():
    done = run_script("next(batches); print('out')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c():
    done = run_script(
        """
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            for batch in batches:
                pass
        except KeyboardInterrupt:
            time.sleep(0.3)
            print([t.name for t in threading.enumerate() if "loader" in t.name])
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_forked_in_the_middle_of_a_pass():
    done = run_script(
        """
        import warnings
        warnings.simplefilter("ignore")
        next(batches)
        child = os.fork()
        if not child:
            try:
                list(batches)
            except RuntimeError as error:
                print(error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        """
    )
    assert "is gone" in done.stdout
    assert "forked" in done.stdout


def test_a_hanging_sample_does_not_hang_the_consumer():
    """A pass with a timeout ends although its sample never does."""
    release = threading.Event()

    class Hangs(Slow):
        def __getitem__(self, i):
            release.wait(LIMIT)
            return i

    try:
        with pytest.raises(RuntimeError, match="timed out"):
            within_limit(lambda: list(DataLoader(Hangs(), 1, num_workers=2, timeout=0.1)))
        assert len(workers_alive()) == 2
    finally:
        release.set()
