"""The built wheel holds everything: installed elsewhere, it trains."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from the sources beside the tests."""
    out = tmp_path_factory.mktemp("wheel")
    # From a copy: setuptools leaves its build folder beside the sources.
    kept_out = shutil.ignore_patterns(".git", ".venv", "venv", "build", "__pycache__", "runs")
    shutil.copytree(ROOT, out / "source", ignore=kept_out)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "-w",
            str(out),
            str(out / "source"),
        ],
        check=True,
        cwd=out,
    )
    (path,) = out.glob("gpunet-*.whl")
    return path


def test_every_source_file_is_in_the_wheel(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    sources = [path.relative_to(ROOT) for path in (ROOT / "gpunet").rglob("*.py")]
    sources += [
        Path("gpunet") / path.relative_to(ROOT)
        for path in (ROOT / "kernels").rglob("*")
        if path.suffix in (".py", ".cu", ".cuh")
    ]
    sources += [
        Path("gpunet") / path.relative_to(ROOT) for path in (ROOT / "benchmarks").glob("*.py")
    ]
    missing = {path.as_posix() for path in sources} - inside
    assert not missing
    assert not any(name.startswith("gpunet/benchmarks/results") for name in inside)


@pytest.mark.slow
def test_the_installed_wheel_trains_and_measures(wheel, tmp_path):
    """In a fresh virtual environment, whose dependencies are those of this one."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--no-deps", str(wheel)], check=True, cwd=tmp_path
    )
    # The dependencies come from this environment: the test is of our files, not of the network.
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    dependencies = [path for path in sys.path if path.endswith("site-packages")]
    (site / "dependencies.pth").write_text("\n".join(dependencies) + "\n")
    where = subprocess.run(
        [python, "-c", "import gpunet, gpunet.kernels; print(gpunet.kernels.__file__)"],
        check=True, cwd=tmp_path, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert Path(where.strip()).is_relative_to(tmp_path), where
    done = subprocess.run(
        [tmp_path / "env/bin/gpunet", "train", "digits", "--epochs", "3", "--out", "run"],
        check=True, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert (tmp_path / "run" / "model.safetensors").exists(), done.stdout
    cases = ["overhead", "mlp-train", "--short", "--peers", "none", "--out", "bench"]
    done = subprocess.run(
        [tmp_path / "env/bin/gpunet", "bench", *cases],
        check=True, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert (tmp_path / "bench" / "report.html").exists(), done.stdout
