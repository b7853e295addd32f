"""Every side of every case does its work, at sizes that take a moment, and the sides agree."""

import functools
import importlib.util
import sys

import pytest

import gpunet
from gpunet import backend
from gpunet.benchmarks import crossover
from gpunet.benchmarks.case import PEERS, Case, Report, Unavailable
from gpunet.benchmarks.cases import CASES
from gpunet.benchmarks.harness import disagreements
from gpunet.benchmarks.libraries import compiled
from gpunet.benchmarks.worker import resolve

COMPARISONS = [case for case in CASES.values() if isinstance(case, Case)]
REPORTS = [case for case in CASES.values() if isinstance(case, Report)]


def rows(case):
    return [{**row, **case.tiny} for row in (case.grid[0], case.grid[-1])][: len(case.grid)]


def is_here(side, device):
    """On the CPU with every peer; on the GPU, or its stand-in, ours against ours on the CPU."""
    if importlib.util.find_spec(PEERS[side.peer]) is None:
        return False
    if device == "cuda":
        return PEERS[side.peer] == "gpunet"
    return side.device == "cpu"


@pytest.fixture
def quick(monkeypatch):
    """One thread, as teams of threads wait for each other where other tests run beside.

    And `torch.compile` without its code generator, which takes half a minute.
    """
    libraries = [gpunet]
    if importlib.util.find_spec("torch"):
        import torch

        libraries.append(torch)
        eager = functools.partial(torch.compile, backend="eager")
        monkeypatch.setattr(torch, "compile", eager)
    threads = [library.get_num_threads() for library in libraries]
    for library in libraries:
        library.set_num_threads(1)
    yield
    for library, n in zip(libraries, threads):
        library.set_num_threads(n)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("case", COMPARISONS, ids=lambda case: case.name)
def test_the_sides_agree(case, device, quick):
    sides = [side for side in case.sides if is_here(side, device)]
    if not any(side.device == device for side in sides):
        pytest.skip(f"no side of this case is on {device}")
    for options in rows(case):
        found = {}
        for side in sides:
            try:
                work = resolve(side.function)(**options, **side.options)
            except Unavailable:
                continue
            for _ in range(1 if case.once else 2):
                work.step()
            check = work.check()
            assert check
            assert all(isinstance(number, float) for number in check)
            found[side.name] = [{"check": check}]
        assert disagreements(found, case.rtol) == {}


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_reports(report, monkeypatch):
    make = functools.partial(resolve(report.function), **report.tiny)
    if report.device == "cuda":
        monkeypatch.setattr(backend, "probe_cuda", lambda: backend.CudaProbe(False, "none today"))
        with pytest.raises(Unavailable, match="no GPU: none today"):
            make()
        return
    found = make()
    assert found
    assert all(row.keys() == found[0].keys() for row in found)
    assert not report.select or report.select in found[0]
    assert not report.bars or report.bars in found[0]


def test_kernels_of_an_installed_gpunet(monkeypatch):
    """Their arguments are those of the tests, which a wheel does not have."""
    for name in [name for name in sys.modules if "kernel_cases" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "gpunet.benchmarks.kernels", raising=False)
    monkeypatch.setitem(sys.modules, "kernel_cases", None)
    with pytest.raises(Unavailable, match="kernel_cases, of the tests: this needs a clone"):
        crossover.rows(["adam_step"])


def test_each_case_is_whole():
    for name, case in CASES.items():
        assert case.name == name
        assert case.title
    for case in COMPARISONS:
        names = [side.name for side in case.sides]
        assert len(set(names)) == len(names)
        assert case.baseline in names
        assert case.sides[0].peer == "gpunet"
        assert all(side.peer in PEERS for side in case.sides)
        assert all(row.keys() == case.grid[0].keys() for row in case.grid)
        assert not case.x or case.x in case.grid[0]


def test_disagreement_is_seen():
    found = {"a": [{"check": [1.0]}], "b": [{"check": [1.1]}], "c": [{"check": [1.0001]}]}
    assert list(disagreements(found, 1e-3)) == ["b"]


def test_a_compiler_that_does_not_work(monkeypatch):
    torch = pytest.importorskip("torch")
    from torch._dynamo.exc import TorchDynamoException

    def broken(function):
        def call(*arguments):
            raise TorchDynamoException("\nno C++ compiler found\nmore")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(Unavailable, match=r"torch.compile fails: no C\+\+ compiler found"):
        compiled(torch, lambda x: x, 1)
