"""Devices for the tests.

Every test that takes the ``device`` fixture runs on the CPU and on ``"cuda"``. That is a real GPU
where there is one that CuPy can use, and otherwise the stand-in ``cupy`` of ``tests/cuda_host``,
which runs the same CUDA sources on the host. ``--cuda=off`` leaves it out, ``--cuda=host`` and
``--cuda=real`` insist.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # the helpers: opcheck, cuda_host


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cuda", choices=("auto", "host", "real", "off"), default="auto")
    parser.addoption("--long", action="store_true", help="run the tests that take minutes, too")


def _real_gpu() -> bool:
    if importlib.util.find_spec("cupy") is None:
        return False
    import cupy

    if getattr(cupy, "__standin__", False):
        return False
    try:
        return cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        return False


# In CI the same examples every time, so that a red run is the change's doing; elsewhere new ones.
settings.register_profile("gpunet", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("gpunet")


def pytest_configure(config: pytest.Config) -> None:
    choice = config.getoption("--cuda")
    if choice == "auto":
        choice = "real" if _real_gpu() else "host"
        for name in [name for name in sys.modules if name.partition(".")[0] == "cupy"]:
            if choice == "host":
                del sys.modules[name]
    if choice == "real" and not _real_gpu():
        raise pytest.UsageError("--cuda=real: CuPy is missing or finds no GPU; see `gpunet info`")
    if choice == "host":
        sys.path.insert(0, str(HERE / "cuda_host"))
    config.stash[CUDA] = choice


CUDA = pytest.StashKey[str]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.stash[CUDA] != "real":
        skip = pytest.mark.skip(reason="needs a real CUDA device")
        for item in items:
            if "gpu" in item.keywords:
                item.add_marker(skip)
    if not config.getoption("--long"):
        skip = pytest.mark.skip(reason="trains for minutes: --long runs it")
        for item in items:
            if "long" in item.keywords:
                item.add_marker(skip)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" in metafunc.fixturenames:
        devices = ["cpu"] if metafunc.config.stash[CUDA] == "off" else ["cpu", "cuda"]
        metafunc.parametrize("device", devices)


@pytest.fixture
def cuda(request: pytest.FixtureRequest) -> str:
    """The device ``"cuda"``, for tests of what only that has."""
    if request.config.stash[CUDA] == "off":
        pytest.skip("--cuda=off")
    return "cuda"
