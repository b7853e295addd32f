"""Other processes are seen, our own are not."""

import subprocess
import sys

import pytest

from gpunet.benchmarks import quiet


def test_work_of_our_own_is_not_counted(monkeypatch):
    clock, busy, own = iter([100.0, 110.0]), iter([50.0, 85.0]), iter([4.0, 24.0])
    monkeypatch.setattr(quiet.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(quiet, "_busy_seconds", lambda: next(busy))
    monkeypatch.setattr(quiet, "_own_seconds", lambda: next(own))
    assert quiet.Watch().others() == (35 - 20) / 10


def test_processes_that_were_waited_for_are_our_own():
    before = quiet._own_seconds()
    spin = "import time\nwhile time.process_time() < 0.2: pass"
    subprocess.run([sys.executable, "-c", spin], check=True)
    assert quiet._own_seconds() - before > 0.15


def test_a_busy_core_is_seen():
    if quiet._busy_seconds() is None:
        pytest.skip("this system does not tell")
    watch = quiet.Watch()
    with quiet.keep_a_core_busy():  # not waited for yet: somebody else's
        assert watch.others() > 0.3


def test_no_answer_is_no_warning(monkeypatch):
    monkeypatch.setattr(quiet, "_busy_seconds", lambda: None)
    assert quiet.Watch().others() is None
    assert quiet.warning(None, "before") == ""


def test_when_to_warn(monkeypatch):
    monkeypatch.setattr(quiet, "usable_cores", lambda: 4)
    assert quiet.warning(0.2, "before") == ""
    text = quiet.warning(1.26, "during")
    assert text.startswith("other work took 1.3 of 4 cores during the measurement")
    monkeypatch.setattr(quiet, "usable_cores", lambda: 64)
    assert quiet.warning(1.0, "during") == ""
