"""Sides that take a known time, or fail in a known way; their process has `benchmarks`."""

import os
import sys
import time

from benchmarks.case import Unavailable, Work


def sleeps(milliseconds=1, value=1.0, seed=0):
    def step():
        time.sleep(milliseconds / 1e3)
        return {"seed": seed, "process": "its own"}

    return Work(step, lambda: [1.0, value], {"imports": 0.25})


def counts(value=0.0):
    """Its check is the number of steps before it."""
    calls = []
    return Work(lambda: calls.append(1), lambda: [float(len(calls)), value])


def fails(**options):
    print("on standard output")
    raise ZeroDivisionError("what the side died of")


def is_not_a_number():
    return Work(lambda: None, lambda: [1.0, float("nan")])


def has_another_count():
    return Work(lambda: None, lambda: [1.0])


def cannot(**options):
    raise Unavailable("no compiler")


def process():
    return Work(lambda: {"pid": os.getpid()}, lambda: [])


def rows(kernel=()):
    return [{"kernel": name, "GB/s": 12.5, "times": [1, 2]} for name in kernel or ("a", "b")]


def environment():
    """Its check is two steps, if it may use one thread only."""
    return Work(lambda: None, lambda: [2.0 * float(os.environ["OMP_NUM_THREADS"]), 0.0])


def modules():
    return Work(
        lambda: {name: name in sys.modules for name in ("benchmarks", "gpunet")}, lambda: []
    )
