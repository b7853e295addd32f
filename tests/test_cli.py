"""The command line: what it does, and one line for whatever a user gets wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

import gpunet
from gpunet import cli
from gpunet.backend import CudaProbe


def run(*arguments):
    return cli.main(list(arguments))


def test_train_digits(device, tmp_path, capsys):
    out = tmp_path / "result"
    status = run(
        "train", "digits", "--device", device, "--epochs", "2", "--seed", "1",
        "--batch-size", "64", "--lr", "0.05", "--out", str(out),
    )  # fmt: skip
    printed = capsys.readouterr()
    assert status == 0
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0].startswith(f"device {device}")
    assert lines[1].startswith("digits: multilayer perceptron")
    assert [line[:9] for line in lines[2:4]] == ["epoch 1/2", "epoch 2/2"]
    assert lines[4].startswith("held-out accuracy ")
    assert lines[5] == f"saved model.safetensors and config.json in {out}"
    config = json.loads((out / "config.json").read_text())
    assert config["settings"] == {"epochs": 2, "batch_size": 64, "lr": 0.05}
    assert config["held_out"]["accuracy"] > 0.8


def test_the_default_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("train", "digits", "--device", "cpu", "--epochs", "1") == 0
    assert (tmp_path / "runs" / "digits" / "model.safetensors").is_file()


def test_auto_says_what_it_chose_and_why(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpunet.backend, "probe_cuda", lambda: CudaProbe(False, "no GPU today"))
    assert run("train", "digits", "--epochs", "1", "--out", str(tmp_path)) == 0
    assert capsys.readouterr().out.startswith("device cpu (no GPU today)\n")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["train", "mnits"], 2, "unknown recipe 'mnits'; there is: digits"),
        (["train", "digits", "--lr", "-1"], 2, "lr: expected a positive number, got -1.0"),
        (["train", "digits", "--device", "gpu"], 1, "unknown device 'gpu': expected"),
        (["train", "digits", "--device", "cuda"], 1, '"cuda:0" cannot be used: no GPU today'),
        (["train", "digits", "--epochs", "0"], 2, "Invalid value for '--epochs'"),
        (["train", "digits", "--epochs", "many"], 2, "Invalid value for '--epochs'"),
        (["train", "digits", "--batch-size", "0"], 2, "Invalid value for '--batch-size'"),
        (["train", "digits", "--epoch", "1"], 2, "--epoch"),
        (["train"], 2, "Missing argument"),
        (["trian"], 2, "No such command 'trian'"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(
    arguments, status, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gpunet.backend, "probe_cuda", lambda: CudaProbe(False, "no GPU today"))
    assert run(*arguments) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("gpunet: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_told_before_training(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run("train", "digits", "--out", str(tmp_path / "file")) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"gpunet: cannot write to {tmp_path / 'file'}: File exists\n"


def test_a_loss_that_explodes_is_one_line(tmp_path, capsys):
    status = run(
        "train", "digits", "--device", "cpu", "--epochs", "3", "--lr", "1e30", "--out",
        str(tmp_path),
    )  # fmt: skip
    printed = capsys.readouterr()
    assert status == 1
    assert printed.err.startswith("gpunet: the loss became ")
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_is_one_line(monkeypatch, tmp_path, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("gpunet.recipes.run.run", interrupted)
    assert run("train", "digits", "--out", str(tmp_path)) == 130
    assert capsys.readouterr().err == "gpunet: interrupted: nothing was saved\n"


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"gpunet {gpunet.__version__}\n"


def test_info(capsys):
    assert run("info") == 0
    printed = capsys.readouterr().out
    assert "Versions" in printed
    assert "bias_act_forward" in printed


def test_without_a_command_there_is_help(capsys):
    run()
    assert "train" in capsys.readouterr().out


def test_as_a_module():
    command = [sys.executable, "-m", "gpunet"]
    shown = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout == f"gpunet {gpunet.__version__}\n"
    wrong = subprocess.run([*command, "train", "mnits"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr == "gpunet: unknown recipe 'mnits'; there is: digits\n"


def test_help_is_quick():
    def seconds():
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "gpunet", "--help"], capture_output=True, check=True)
        return time.perf_counter() - start

    seconds()  # bytecode
    assert min(seconds() for _ in range(5)) < 0.5
