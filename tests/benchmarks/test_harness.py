"""Processes, ratios and checks, with sides that do next to nothing."""

import os
import time

import pytest

from gpunet.benchmarks import availability, harness
from gpunet.benchmarks.case import Case, Side, both_devices
from gpunet.benchmarks.harness import compare
from gpunet.benchmarks.worker import measure


def sides(fakes, **functions):
    """gpunet and PyTorch by these functions: ``name={"function": ..., **options}``."""
    return [
        Side(name, "gpunet", f"{fakes}:{options.pop('function')}", options)
        for name, options in functions.items()
    ]


def case(fakes, **more):
    functions = more.pop("functions")
    fields = {"name": "fake", "title": "made up", "baseline": "slow", "rounds": 1, "steps": 3}
    return Case(sides=sides(fakes, **functions), **(fields | more))


def test_ratios_are_of_neighbours(fakes, monkeypatch):
    """The machine became twice as slow on the way: the ratios did not."""
    times = iter([1.0, 4.0, 2.0, 8.0, 2.0, 6.0])  # in turn: fast, slow, fast, ...
    rest = {"check": [1.0], "calls": 9, "threads": {}, "peak_bytes": 1, "phases": {}, "min": 0.5}
    monkeypatch.setattr(
        harness, "in_process", lambda task, name, variables: {"median": next(times)} | rest
    )
    both = {"fast": {"function": "sleeps"}, "slow": {"function": "sleeps"}}
    found = compare(case(fakes, functions=both, rounds=3), {})["sides"]
    assert found["fast"]["rounds"] == [1.0, 2.0, 2.0]
    assert found["fast"]["time"] == 2.0
    assert found["fast"]["ratio"] == 0.25  # the median of 1/4, 2/8 and 2/6
    assert found["slow"]["ratio"] == 1


def test_what_is_found_of_a_side(fakes):
    both = {"fast": {"function": "sleeps", "milliseconds": 1}, "slow": {"function": "sleeps"}}
    both["slow"]["milliseconds"] = 10
    found = compare(case(fakes, functions=both), {"value": 2.0}, seconds=0.02)
    fast, slow = found["sides"]["fast"], found["sides"]["slow"]
    assert slow["time"] >= slow["min"] >= 0.01
    assert fast["baseline"] == "slow"
    assert fast["calls"] >= 3
    assert fast["threads"]["cores"] == os.cpu_count()
    assert fast["peak_bytes"] > 2**20
    assert found["options"] == {"value": 2.0}
    assert found["missing"] == {}


def test_the_smallest_and_pieces_of_work(fakes):
    only = {"slow": {"function": "sleeps", "milliseconds": 1}}
    found = compare(case(fakes, functions=only, figure="min", per=10), {}, seconds=0)
    slow = found["sides"]["slow"]
    assert slow["time"] == slow["min"] == min(slow["rounds"])
    assert 1e-4 <= slow["time"] < 1e-3


def test_once_each_process_with_its_own_seed(fakes):
    only = {"slow": {"function": "sleeps", "milliseconds": 5}}
    found = compare(case(fakes, functions=only, once=True, seeded=True, rounds=3), {})["sides"]
    assert found["slow"]["calls"] == 1
    assert found["slow"]["time"] >= 5e-3
    assert found["slow"]["details"] == {"seed": 1, "process": "its own"}  # median of 0, 1, 2
    assert found["slow"]["phases"] == {"imports": 0.25}


def test_a_process_of_its_own(fakes):
    only = {"a": {"function": "process"}, "b": {"function": "process"}}
    found = compare(case(fakes, functions=only, once=True), {})["sides"]
    assert len({os.getpid(), *(side["details"]["pid"] for side in found.values())}) == 3


def test_the_check_comes_after_the_steps(fakes):
    both = {"a": {"function": "counts"}, "b": {"function": "sleeps", "value": 0.0}}
    found = compare(case(fakes, functions=both), {}, seconds=0)
    assert found["failed"]["b"].startswith(
        "a and b did not compute the same: [3.0, 0.0] and [1.0, 0.0]"
    )


@pytest.mark.parametrize(
    "other",
    [
        {"function": "sleeps", "value": 1.1},
        {"function": "is_not_a_number"},
        {"function": "has_another_count"},
    ],
)
def test_sides_that_disagree_are_named(fakes, other):
    both = {"one": {"function": "sleeps", "milliseconds": 0}, "other": other}
    found = compare(case(fakes, functions=both), {}, seconds=0)
    assert list(found["sides"]) == ["one"]
    assert found["failed"]["other"].startswith("one and other did not compute the same")


def test_within_the_tolerance(fakes):
    both = {"a": {"function": "sleeps"}, "b": {"function": "sleeps", "value": 1.0005}}
    assert len(compare(case(fakes, functions=both), {}, seconds=0)["sides"]) == 2


def test_a_side_that_fails_shows_why(fakes):
    both = {"broken": {"function": "fails"}, "whole": {"function": "sleeps"}}
    found = compare(case(fakes, functions=both), {"seed": 3}, seconds=0)
    assert list(found["sides"]) == ["whole"]
    text = found["failed"]["broken"]
    assert text.startswith("fake, broken {'seed': 3}: failed with status 1")
    assert "what the side died of" in text


def test_beside_each_other_in_one_thread_and_few_steps(fakes):
    both = {"a": {"function": "counts"}, "b": {"function": "environment"}}
    found = compare(case(fakes, functions=both, rtol=0), {}, seconds=0, at_once=2)
    assert found["failed"] == {}  # after two steps a has counted two; so says b, in one thread


def test_precision_is_of_the_gpu_alone(monkeypatch):
    tasks = {}

    def in_process(task, name, variables):
        tasks[task["options"]["device"]] = task["precision"]
        return {"unavailable": "made up"}

    monkeypatch.setattr(harness, "in_process", in_process)
    monkeypatch.setattr(harness, "missing", lambda side: "")
    made = Case("fake", "", both_devices(Side("a", "gpunet", "m:f")), rounds=1)
    compare(made, {}, precision="high")
    assert tasks == {"cpu": "highest", "cuda": "high"}


def test_the_process_of_a_peer_does_not_import_gpunet(fakes):
    only = {"a": {"function": "modules"}}
    found = compare(case(fakes, functions=only, once=True), {})["sides"]
    assert found["a"]["details"] == {"benchmarks": True, "gpunet": False}


def test_sides_that_cannot_run_are_listed(fakes, monkeypatch):
    monkeypatch.setattr(availability, "finds_gpu", lambda module: False)
    monkeypatch.setitem(availability.PEERS, "jax", "no_such_module")
    here = sides(fakes, ours={"function": "sleeps"}, odd={"function": "cannot"})
    _, cuda = both_devices(Side("ours", "gpunet", f"{fakes}:sleeps"))
    absent = Side("JAX", "jax", f"{fakes}:sleeps")
    made = Case("fake", "made up", [*here, cuda, absent], baseline="odd", rounds=1)
    found = compare(made, {}, seconds=0)
    assert list(found["sides"]) == ["ours"]
    assert found["sides"]["ours"]["ratio"] is None
    reasons = {"odd": "no compiler", "ours cuda": "no GPU", "JAX": "not installed"}
    assert found["missing"] == reasons


def test_the_baseline_is_on_the_same_device_where_there_is_one():
    ours, theirs = Side("gpunet", "gpunet", "m:f"), Side("PyTorch", "torch", "m:f")
    made = Case("fake", "", [*both_devices(ours), *both_devices(theirs)])
    assert [made.baseline_of(side) for side in made.sides] == ["PyTorch", "PyTorch cuda"] * 2
    made = Case("fake", "", [*both_devices(ours), theirs])
    assert made.baseline_of(made.sides[1]) == "PyTorch"


@pytest.mark.parametrize(("pause", "least", "most"), [(0, 30, None), (0.03, 3, 6)])
def test_the_number_of_calls_adapts(pause, least, most):
    calls = []

    def step():
        calls.append(time.perf_counter())
        time.sleep(pause)

    found = measure(step, 0.02)
    assert least <= found["calls"] <= (most or len(calls))
    assert found["min"] <= found["median"] <= found["p90"]
    assert len(calls) > found["calls"]  # the warm-up is not timed
