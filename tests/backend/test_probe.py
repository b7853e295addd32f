"""Every cause for which there is no GPU, with a module ``cupy`` that fails as the real one does."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import sys
import types

import pytest

from gpunet.backend import Device, backend_for, probe, resolve_device
from gpunet.errors import DeviceError

CUPY_14_IMPORT_ERROR = """
================================================================
Failed to import CuPy.

If you installed CuPy via wheels (cupy-cudaXXX or cupy-rocm-X-X), make sure that the package matches
with the version of CUDA or ROCm installed.

On Linux, you may need to set LD_LIBRARY_PATH environment variable depending on how you installed
CUDA/ROCm.

Original error:
  ImportError: {cause}
================================================================
"""


class Machine:
    """A computer with the drivers and packages of our choice."""

    def __init__(self, monkeypatch):
        self.patch = monkeypatch
        self.has(driver=None, wheels=[])
        for name in [name for name in sys.modules if name.partition(".")[0] == "cupy"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def has(self, driver=None, wheels=()):
        self.patch.setattr(probe, "driver_cuda_version", lambda: driver)

        def version(name):
            if name in wheels:
                return "14.0.0"
            raise importlib.metadata.PackageNotFoundError(name)

        self.patch.setattr(importlib.metadata, "version", version)

    def cupy(self, count=1, error=None, **attributes):
        module = types.ModuleType("cupy")
        module.__spec__ = importlib.machinery.ModuleSpec("cupy", None)

        def get_device_count():
            if error is not None:
                raise RuntimeError(error)
            return count

        runtime = types.SimpleNamespace(getDeviceCount=get_device_count)
        module.cuda = types.SimpleNamespace(runtime=runtime)
        vars(module).update(attributes)
        self.patch.setitem(sys.modules, "cupy", module)

    def without_cupy(self):
        find = importlib.util.find_spec
        self.patch.setattr(
            importlib.util, "find_spec", lambda name: None if name == "cupy" else find(name)
        )

    def broken_cupy(self, tmp_path, error):
        package = tmp_path / "cupy"
        package.mkdir()
        package.joinpath("__init__.py").write_text(f"raise ImportError({error!r})")
        self.patch.syspath_prepend(tmp_path)

    def reason(self):
        found = probe.probe_cuda()
        assert not found.usable
        assert found.device_count == 0
        assert "\n" not in found.reason
        return found.reason


@pytest.fixture
def machine(monkeypatch):
    probe.probe_cuda.cache_clear()
    yield Machine(monkeypatch)
    probe.probe_cuda.cache_clear()


@pytest.mark.parametrize(
    ("driver", "reason"),
    [
        (None, "there is no NVIDIA driver, and CuPy is not installed"),
        ((12, 4), "CuPy is not installed: pip install 'gpunet[cuda12]'"),
        ((13, 1), "CuPy is not installed: pip install 'gpunet[cuda13]'"),
        (
            (11, 4),
            "CuPy is not installed, and the NVIDIA driver supports CUDA 11.4 at most: update it "
            "for CUDA 12, then pip install 'gpunet[cuda12]'",
        ),
    ],
)
def test_no_cupy(machine, driver, reason):
    machine.has(driver=driver)
    machine.without_cupy()
    assert machine.reason() == reason


def test_a_usable_gpu(machine):
    machine.has(driver=(12, 8), wheels=["cupy-cuda12x"])
    machine.cupy(count=2)
    assert probe.probe_cuda() == probe.CudaProbe(True, "", 2)


def test_the_answer_is_kept(machine):
    machine.without_cupy()
    assert probe.probe_cuda() is probe.probe_cuda()


def test_two_wheels_at_once(machine):
    machine.has(driver=(12, 8), wheels=["cupy-cuda12x", "cupy-cuda13x"])
    machine.cupy()
    assert machine.reason() == (
        "several CuPy wheels are installed (cupy-cuda12x, cupy-cuda13x), which overwrite each "
        "other's files: pip uninstall cupy-cuda12x cupy-cuda13x, then install one"
    )


def test_two_wheels_do_not_matter_to_the_stand_in(machine):
    machine.has(wheels=["cupy-cuda12x", "cupy-cuda13x"])
    machine.cupy(__standin__=True)
    assert probe.probe_cuda().usable


def test_two_wheels_are_named_even_where_the_import_fails(machine, tmp_path):
    machine.has(wheels=["cupy", "cupy-cuda12x"])
    machine.broken_cupy(tmp_path, "undefined symbol")
    assert machine.reason().startswith("several CuPy wheels are installed (cupy, cupy-cuda12x)")


@pytest.mark.parametrize(
    ("message", "driver", "reason"),
    [
        (
            CUPY_14_IMPORT_ERROR.format(cause="libnvrtc.so.12: cannot open shared object file"),
            (12, 8),
            "CuPy cannot be imported: ImportError: libnvrtc.so.12: cannot open shared object file",
        ),
        (
            CUPY_14_IMPORT_ERROR.format(cause="libcuda.so.1: cannot open shared object file"),
            None,
            "there is no NVIDIA driver (ImportError: libcuda.so.1: cannot open shared object file)",
        ),
        ("numpy.core\n was renamed", (12, 8), "CuPy cannot be imported: numpy.core was renamed"),
    ],
)
def test_cupy_that_cannot_be_imported(machine, tmp_path, message, driver, reason):
    machine.has(driver=driver, wheels=["cupy-cuda12x"])
    machine.broken_cupy(tmp_path, message)
    assert machine.reason() == reason


TOO_OLD = (
    "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"
)


@pytest.mark.parametrize(
    ("error", "driver", "wheel", "reason"),
    [
        (TOO_OLD, None, "cupy-cuda12x", "there is no NVIDIA driver: install the one for your GPU"),
        (
            TOO_OLD,
            (11, 4),
            "cupy-cuda12x",
            "the NVIDIA driver supports CUDA 11.4 at most, too old for cupy-cuda12x: update the "
            "driver",
        ),
        (
            TOO_OLD,
            (12, 2),
            "cupy-cuda13x",
            "the NVIDIA driver supports CUDA 12.2 at most, too old for cupy-cuda13x: update the "
            "driver, or replace the wheel: pip uninstall cupy-cuda13x, then 'gpunet[cuda12]'",
        ),
        (
            "cudaErrorNoDevice: no CUDA-capable device is detected",
            (12, 8),
            "cupy-cuda12x",
            "the NVIDIA driver reports no GPU",
        ),
        (
            "cudaErrorSystemDriverMismatch: system has unsupported display driver / cuda driver "
            "combination",
            (12, 8),
            "cupy-cuda12x",
            "the NVIDIA driver's library and kernel module are of two versions: restart the "
            "computer",
        ),
        (
            "cudaErrorUnknown: unknown error",
            (12, 8),
            "cupy-cuda12x",
            "the CUDA runtime does not start: cudaErrorUnknown: unknown error",
        ),
    ],
)
def test_errors_of_the_runtime(machine, error, driver, wheel, reason):
    machine.has(driver=driver, wheels=[wheel])
    machine.cupy(error=error)
    assert machine.reason() == reason


def test_hidden_devices_are_named(machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    machine.cupy(error="cudaErrorNoDevice: no CUDA-capable device is detected")
    assert machine.reason() == "the NVIDIA driver reports no GPU (CUDA_VISIBLE_DEVICES is '')"
    probe.probe_cuda.cache_clear()
    machine.cupy(count=0)
    assert "CUDA_VISIBLE_DEVICES" in machine.reason()


def test_the_reason_reaches_the_user(machine):
    machine.without_cupy()
    with pytest.raises(DeviceError, match='"cuda:0" cannot be used: there is no NVIDIA driver'):
        backend_for(Device("cuda"))
    device, line = resolve_device("auto")
    assert device == Device("cpu")
    assert line == "device cpu (there is no NVIDIA driver, and CuPy is not installed)"


def test_the_driver_is_asked_without_cupy(monkeypatch):
    class Driver:
        def __init__(self, name):
            assert name in ("libcuda.so.1", "nvcuda.dll")

        def cuDriverGetVersion(self, pointer):
            pointer._obj.value = 12080
            return self.status

    monkeypatch.setattr(probe.ctypes, "CDLL", Driver)
    Driver.status = 0
    assert probe.driver_cuda_version() == (12, 8)
    Driver.status = 34  # the stub library
    assert probe.driver_cuda_version() is None

    def absent(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(probe.ctypes, "CDLL", absent)
    assert probe.driver_cuda_version() is None
