"""``gpunet profile``."""

from __future__ import annotations

import json

import pytest

from gpunet import cli, profiler
from gpunet.backend import CPU


@pytest.fixture(autouse=True)
def small_peaks(monkeypatch):
    """The large product and copy belong to a real run."""
    measure = profiler.measure_peaks
    monkeypatch.setattr(profiler, "measure_peaks", lambda place: measure(place, 64, 1 << 14, 2))


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def test_digits(device, tmp_path, capsys):
    out = tmp_path / "trace.json"
    status = run("profile", "digits", "--device", device, "--steps", 3, "--batch-size", 16,
                 "--out", out)  # fmt: skip
    printed = capsys.readouterr()
    assert status == 0
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0].startswith(f"device {device}")
    assert lines[1].startswith("digits: 3 training steps of 16 samples, ")
    assert lines[2].startswith("measured peaks: ")
    for word in ("linear backward", "Optimizer.step#", "gemm", "training_step", "GFLOP/s", "%)"):
        assert word in printed.out
    assert lines[-1] == f"trace: {out}"
    names = [e["name"] for e in json.loads(out.read_text())["traceEvents"] if e["ph"] == "X"]
    assert names.count("training_step") == (6 if device == "cuda" else 3)
    assert "gemm" not in vars(CPU)


def test_a_trainer_without_a_tape(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("profile", "ox", "--device", "cpu", "--steps", 2) == 0
    assert "trace: ox.trace.json" in capsys.readouterr().out
    assert (tmp_path / "ox.trace.json").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("nothing",), 2, "unknown recipe 'nothing'"),
        (("digits", "--steps", 0), 2, "--steps"),
        (("digits", "--device", "gpu"), 1, "gpu"),
        (("digits", "--device", "cpu", "--steps", 1, "--out", "/nowhere/x.json"), 1, "/nowhere"),
    ],
)
def test_what_can_be_wrong_is_one_line(arguments, status, message, capsys):
    assert run("profile", *arguments) == status
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
