"""What Numba keeps on disk, and what happens where Numba does not work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gpunet.kernels import cpu

pytest.importorskip("numba", reason="the Numba kernels")

FOLDER = Path(cpu.__file__).parent

# A package like kernels/cpu: a kernel, and a helper in another file that is compiled into it.
HELPER = """
from ._compile import inline

@inline
def factor(x):
    return {factor} * x
"""
KERNEL = """
from ._compile import kernel
from ._helper import factor

@kernel
def scale(X):
    for i in range(X.size):
        X[i] = factor(X[i])
"""
PROGRAM = """
import numpy as np
from package.scale import scale
X = np.ones(3)
scale(X)
print(X[0].hex(), sum(scale.stats.cache_hits.values()), scale.stats.cache_path)
"""


@pytest.fixture
def package(tmp_path):
    """Makes a version of the package, whose kernel multiplies by `factor`."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "scale.py").write_text(KERNEL)
    shutil.copy(FOLDER / "_compile.py", folder)

    def write(factor):
        (folder / "_helper.py").write_text(HELPER.format(factor=factor))
        return folder

    return write


def run(folder, program=PROGRAM, **environment):
    """What the kernel computes, whether it was found on disk, and where it is kept."""
    # The folder is Numba's choice here, also where the tests run with one of their own.
    inherited = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    result = subprocess.run(
        [sys.executable, "-B", "-c", program],
        cwd=folder.parent,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    value, hits, place = result.stdout.split()
    return float.fromhex(value), int(hits), place


def kept(folder):
    return sorted(path.name for path in folder.rglob("*.nb[ic]"))


def test_a_kernel_is_compiled_once(package):
    folder = package(2.0)
    assert run(folder)[:2] == (2.0, 0)
    assert run(folder)[:2] == (2.0, 1)
    assert len(kept(folder)) == 2


def test_an_edited_helper_is_noticed_and_nothing_stale_is_left(package):
    folder = package(2.0)
    run(folder)
    before = kept(folder)
    package(3.0)
    assert run(folder)[:2] == (3.0, 0)
    assert run(folder)[:2] == (3.0, 1)
    assert len(kept(folder)) == len(before)
    assert not set(before) & set(kept(folder))


# A helper that LLVM optimises otherwise together with its caller than alone: its sums are added up
# in another order.
SUMS = """
from ._compile import kernel

@kernel
def sums(X):
    s = t = 0.0
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            s += X[i, j]
            t += X[i, j] * X[i, 0]
    return s + t
"""
CALLER = """
from ._compile import kernel
from ._helper import sums

@kernel
def scale(X):
    X[0] = sums(X[1:].reshape(53, 47)) + sums(X[1:48].reshape(1, 47))
"""
BITS = """
import numpy as np
from package._helper import sums
from package.scale import scale
X = np.random.default_rng(0).standard_normal(53 * 47 + 1)
if {first}:
    sums(X[1:].reshape(53, 47))
scale(X)
print(X[0].hex(), sum(scale.stats.cache_hits.values()), scale.stats.cache_path)
"""


def test_the_bits_depend_neither_on_compilation_nor_on_other_kernels(package):
    folder = package(2.0)
    (folder / "_helper.py").write_text(SUMS)
    (folder / "scale.py").write_text(CALLER)
    found = []
    for first, hits in ((0, 0), (0, 1), (1, 1)):
        bits, cached, _ = run(folder, BITS.format(first=first))
        assert cached == hits
        found.append(bits)
    assert len(set(found)) == 1


def as_a_file(path):
    """Put a file where a folder would be made, which stops even the superuser."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_package_folder_that_cannot_be_written(package, tmp_path):
    folder = package(2.0)
    as_a_file(folder / "__pycache__")
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home/cache")}
    value, hits, place = run(folder, **home)
    assert (value, hits) == (2.0, 0)
    assert not place.startswith(str(folder))
    package(3.0)
    assert run(folder, **home)[:2] == (3.0, 0)
    assert run(folder, **home) == (3.0, 1, place)
    assert len(kept(Path(place))) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="how the user's cache folder is found")
def test_no_folder_that_can_be_written(package, tmp_path):
    folder = package(2.0)
    as_a_file(folder / "__pycache__")
    home = str(as_a_file(tmp_path / "home"))
    assert run(folder, HOME=home, XDG_CACHE_HOME=home)[:2] == (2.0, 0)
    assert kept(tmp_path) == []


def test_all_kernels_are_kept_under_the_version_of_the_sources():
    from gpunet.kernels.cpu._compile import version

    form = cpu.load("softmax_forward")
    assert version() in form._cache._impl.filename_base


# --- without Numba -------------------------------------------------------------------------------

BROKEN = """
raise {error}
"""
WITHOUT = """
import numpy as np
from gpunet.backend import CPU
from gpunet.kernels import cpu

X = np.linspace(-3, 3, 1 << 16).reshape(256, 256)
Y = np.empty_like(X)
CPU.kernels.bias_act_forward(X, np.zeros(256), 1, Y)
assert (Y == np.maximum(X, 0)).all()
assert np.allclose(CPU.gemm(X, X), X @ X)
print(cpu.problem())
"""


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("ImportError('Numba needs another NumPy')", "Numba needs another NumPy"),
        ("OSError('no such library\\nlong text')", "no such library"),
        ("SystemError()", "SystemError"),
    ],
)
def test_a_numba_that_is_broken(tmp_path, error, shown):
    (tmp_path / "numba.py").write_text(BROKEN.format(error=error))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"}

    def run(*command):
        result = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert run("-c", WITHOUT).strip() == f"cannot be imported: {shown}"
    if "ImportError" in error:
        assert f"cannot be imported: {shown}; slower NumPy kernels" in run("-m", "gpunet", "info")
        shown = run("-m", "gpunet", "train", "digits", "--epochs", "1", "--device", "cpu")
        assert "held out: loss" in shown


def test_numba_is_tried_once(tmp_path):
    (tmp_path / "numba.py").write_text("print('tried')\nraise ImportError('no')\n")
    code = (
        "import numpy as np\nfrom gpunet.backend import CPU\n"
        "X = np.ones((64, 64)); Y = np.empty_like(X)\n"
        "for _ in range(3):\n"
        "    CPU.kernels.softmax_forward(X, Y)\n"
        "    CPU.kernels.log_softmax_forward(X, Y)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout.split()) == (0, ["tried"]), result.stderr


def test_a_numba_that_is_switched_off():
    code = "from gpunet.kernels import cpu; print(cpu.problem())"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == "NUMBA_DISABLE_JIT is set"


def test_cores_where_the_system_does_not_say_which_are_usable(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert cpu.usable_cores() == os.cpu_count()
