"""What `gpunet info` finds."""

from __future__ import annotations

import platform

import numpy as np
import pytest

import gpunet
from gpunet import info
from gpunet.backend import CPU, CudaProbe
from gpunet.kernels import reference


def sections():
    return {
        section.title: {name: rest for name, *rest in section.rows} for section in info.collect()
    }


def test_versions():
    found = sections()["Versions"]
    assert found["gpunet"] == [gpunet.__version__]
    assert found["Python"] == [platform.python_version()]
    assert found["NumPy"] == [np.__version__]


def test_a_package_that_is_absent():
    assert info._version("no-such-package-as-this") == "not installed"


def test_cpu(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = sections()["CPU"]
    assert found["OMP_NUM_THREADS"] == ["3"]
    assert int(found["cores"][0].split()[0]) >= 1
    assert "Numba" not in found


def test_the_threads_of_openblas():
    found = sections()["CPU"]
    assert ("BLAS threads" in found) == CPU.blas.known


def test_every_kernel_has_a_row():
    found = sections()["Kernels"]
    assert set(found) == set(reference.KERNELS)
    assert found["bias_act_forward"][0].startswith("Numba from ")
    assert found["bias_act_forward"][1] == "CUDA"


def test_without_numba(monkeypatch):
    monkeypatch.setattr(info.cpu_kernels, "problem", lambda: "not installed")
    found = sections()
    assert found["CPU"]["Numba"] == ["not installed; slower NumPy kernels are used"]
    assert found["Kernels"]["bias_act_forward"][0] == "NumPy"


def test_no_gpu(monkeypatch):
    monkeypatch.setattr(info, "probe_cuda", lambda: CudaProbe(False, "no GPU today"))
    assert sections()["GPU"] == {"none": ["no GPU today"]}


def test_a_gpu(cuda):
    found = sections()["GPU"]
    assert "compute capability" in found["cuda:0"][0]
    assert "GiB free" in found["cuda:0"][0]
    assert found["kernel compilation"] == ["works"]
    assert "at most" in found["driver"][0]


@pytest.mark.parametrize(
    ("failure", "shown"),
    [
        (RuntimeError("nvrtc: no such option\nlong text"), "fails: nvrtc: no such option"),
        (OSError(), "fails: OSError"),
    ],
)
def test_a_kernel_that_does_not_compile(cuda, monkeypatch, failure, shown):
    from gpunet.backend import Device, backend_for

    def broken(*args):
        raise failure

    monkeypatch.setattr(backend_for(Device("cuda")).kernels, "bias_act_forward", broken)
    assert info._try_kernel() == shown


def test_a_kernel_that_computes_nonsense(cuda, monkeypatch):
    from gpunet.backend import Device, backend_for

    kernels = backend_for(Device("cuda")).kernels
    monkeypatch.setattr(kernels, "bias_act_forward", lambda Z, b, act, Y: Y.fill(7))
    assert info._try_kernel() == "wrong result [[7.0, 7.0]]"


def test_the_tables_are_shown(capsys):
    info.show()
    printed = capsys.readouterr().out
    for title in ("Versions", "CPU", "GPU", "Kernels"):
        assert title in printed
