"""The command line: what it does, and one line for whatever a user gets wrong."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import gpunet
from gpunet import cli
from gpunet.backend import CudaProbe
from gpunet.datasets import load_digits

COMMAND = [sys.executable, "-m", "gpunet"]


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two epochs on the CPU; not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "digits"
    assert run("train", "digits", "--device", "cpu", "--epochs", 2, "--out", folder) == 0
    return folder


def test_train_digits(device, tmp_path, capsys):
    out = tmp_path / "result"
    status = run(
        "train", "digits", "--device", device, "--epochs", 2, "--seed", 1,
        "--batch-size", 64, "--lr", 0.05, "--out", out,
    )  # fmt: skip
    printed = capsys.readouterr()
    assert status == 0
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0].startswith(f"device {device}")
    assert lines[1].startswith("digits: multilayer perceptron")
    if device == "cuda":
        assert lines.pop(2).startswith("data: ")
    assert [line[:9] for line in lines[2:4]] == ["epoch 1/2", "epoch 2/2"]
    assert lines[4].startswith("held out: loss 0.")
    if device == "cuda":
        assert lines.pop(5).startswith("memory of cuda:0: ")
    assert lines[5] == f"saved in {out}: model.safetensors, curve.png, history.jsonl"
    config = json.loads((out / "config.json").read_text())
    assert config["settings"] == {"epochs": 2, "batch_size": 64, "lr": 0.05}
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    assert history[1]["val_accuracy"] > 0.8


def test_the_default_folder_is_a_new_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert run("train", "digits", "--device", "cpu", "--epochs", 1) == 0
    assert sorted(os.listdir("runs")) == ["digits", "digits-2"]
    assert (tmp_path / "runs" / "digits-2" / "model.safetensors").is_file()


def test_auto_says_what_it_chose_and_why(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpunet.backend, "probe_cuda", lambda: CudaProbe(False, "no GPU today"))
    assert run("train", "digits", "--epochs", 1, "--out", tmp_path) == 0
    assert capsys.readouterr().out.startswith("device cpu (no GPU today)\n")


def test_recipes(capsys):
    assert run("recipes") == 0
    printed = capsys.readouterr().out
    for word in ("digits", "mnist-mlp", "mnist-book", "batch size"):
        assert word in printed


def test_evaluate(trained, capsys):
    assert run("evaluate", trained, "--device", "cpu") == 0
    printed = capsys.readouterr().out
    last = json.loads((trained / "history.jsonl").read_text().splitlines()[-1])
    assert printed.startswith(
        f"355 samples held out: loss {last['val_loss']:.4f}, accuracy {last['val_accuracy']:.4f}\n"
    )
    for word in ("recall", "precision", "taken for"):
        assert word in printed


def test_predict(trained, tmp_path, capsys):
    from PIL import Image

    digits = load_digits()
    chosen = [int(np.flatnonzero(digits.test_labels == k)[3]) for k in (0, 4, 6)]
    images = digits.test_images[chosen]
    np.save(tmp_path / "three.npy", images)
    ink = np.round(255 * images[2, 0]).astype(np.uint8)
    Image.fromarray(ink).save(tmp_path / "bright.png")
    Image.fromarray(255 - ink).resize((16, 16), Image.Resampling.NEAREST).convert("RGB").save(
        tmp_path / "dark.png"
    )
    device = ("--device", "cpu")
    assert run("predict", trained, tmp_path / "three.npy", tmp_path / "bright.png", *device) == 0
    assert run("predict", trained, "--invert", tmp_path / "dark.png", *device) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2][:3] for line in lines] == ["0 (", "4 (", "6 (", "6 (", "6 ("]
    assert lines[0].startswith(f"{tmp_path / 'three.npy'}[0]: ")
    assert lines[3].startswith(f"{tmp_path / 'bright.png'}: ")
    assert lines[3].partition(": ")[2] == lines[4].partition(": ")[2]


def test_inspect(trained, tmp_path, capsys):
    assert run("inspect", trained, "--device", "cpu", "--out", tmp_path / "layers.png") == 0
    printed = capsys.readouterr().out
    for part in ("delta", "Linear + ReLU", "next step by SGD", f"picture: {tmp_path}"):
        assert part in printed
    assert (tmp_path / "layers.png").read_bytes().startswith(b"\x89PNG")


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
        (["train", "digits", "--checkpoint-every", "-1"], 2, "Invalid value for '--checkpoint-"),
        (["train", "digits", "--epoch", "1"], 2, "--epoch"),
        (["train"], 2, "Missing argument 'RECIPE': `gpunet recipes` lists them"),
        (["train", "--resume", "nowhere"], 1, "nowhere is not a run folder: it has no config.json"),
        (["train", "--resume", "x", "--lr", "1", "--seed", "2"], 2, "--lr, --seed: a run that is"),
        (["evaluate", "nowhere"], 1, "nowhere is not a run folder"),
        (["predict", "nowhere", "x.png"], 1, "nowhere is not a run folder"),
        (["predict", "nowhere"], 2, "Missing argument"),
        (["inspect", "nowhere"], 1, "nowhere is not a run folder"),
        (["trian"], 2, "No such command 'trian'"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(
    arguments, status, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gpunet.backend, "probe_cuda", lambda: CudaProbe(False, "no GPU today"))
    assert run(*arguments) == status
    assert_one_line(capsys, message)


def assert_one_line(capsys, message):
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("gpunet: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.png", b"no picture", "is no picture, nor a .npy file"),
        ("x.npy", b"no array", "is no .npy file of numbers"),
        ("x.npy", np.zeros((3, 5)), "expected images of 1 x 8 x 8, got shape (3, 5)"),
        ("x.npy", np.zeros((0, 8, 8)), "expected images of 1 x 8 x 8, got shape (0, 8, 8)"),
        ("x.npy", np.full((8, 8), 16.0), "expected values from 0 to 1 (0 to 255 for integers)"),
        ("x.npy", np.full((8, 8), np.nan), "expected values from 0 to 1"),
        ("x.npy", np.full((8, 8), "ink"), "expected integers or floats, got dtype <U3"),
        ("x.npy", None, "x.npy: No such file or directory"),
    ],
)
def test_pictures_that_are_none(trained, tmp_path, capsys, name, content, message):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif content is not None:
        np.save(tmp_path / name, content)
    assert run("predict", trained, tmp_path / name, "--device", "cpu") == 1
    assert_one_line(capsys, message)


def test_a_folder_that_cannot_be_written_is_told_before_training(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run("train", "digits", "--out", tmp_path / "file") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"gpunet: cannot write to {tmp_path / 'file'}: File exists\n"


def test_a_read_only_folder_is_told_before_training(tmp_path, monkeypatch, capsys):
    """As an administrator one may write anywhere, so the system's answer is put in its place."""

    def refused(*args, dir, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    assert run("train", "digits", "--device", "cpu", "--out", tmp_path) == 1
    assert_one_line(capsys, f"cannot write to {tmp_path}: Permission denied")


def test_a_run_folder_of_another_recipe(trained, capsys):
    assert run("train", "mnist-mlp", "--resume", trained) == 1
    assert_one_line(capsys, f"{trained} is a run of digits, not of mnist-mlp")


def test_a_folder_with_a_run(trained, capsys):
    assert run("train", "digits", "--out", trained) == 1
    assert_one_line(capsys, "there is a run in it already: --resume it, or choose another folder")


def test_a_run_that_is_complete(trained, capsys):
    assert run("train", "--resume", trained) == 0
    assert "is complete: 2 of 2 epochs" in capsys.readouterr().out


def test_a_loss_that_explodes_is_one_line(tmp_path, capsys):
    status = run(
        "train", "digits", "--device", "cpu", "--epochs", 3, "--lr", 1e30, "--out", tmp_path
    )  # fmt: skip
    printed = capsys.readouterr()
    assert status == 1
    assert printed.err.startswith("gpunet: the loss became ")
    assert "in step 2 (epoch 1, mini-batch 2): the output of layer model." in printed.err
    assert "lower the learning rate" in printed.err
    assert printed.err.endswith("; no checkpoint was written yet\n")
    assert printed.err.count("\n") == 1


def interrupted(folder, number, epochs=2000):
    """Start a long run, and send it a signal when it has begun to train."""
    process = subprocess.Popen(
        [*COMMAND, "train", "digits", "--device", "cpu", "--epochs", str(epochs), "--out", folder],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    process.send_signal(number)
    _, complaint = process.communicate(timeout=60)
    return process.returncode, complaint


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_is_one_line_and_a_checkpoint(number, status, tmp_path, capsys):
    folder = str(tmp_path / "run")
    assert interrupted(folder, number) == (
        status,
        f"gpunet: interrupted; the last checkpoint is whole: gpunet train --resume {folder}\n",
    )
    assert run("evaluate", folder, "--device", "cpu") == 0


def test_an_interruption_before_training(monkeypatch, tmp_path, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("gpunet.recipes.run.start", interrupted)
    assert run("train", "digits", "--out", tmp_path) == 130
    assert capsys.readouterr().err == "gpunet: interrupted\n"


def test_a_disk_that_is_full(tmp_path):
    """No file may grow beyond 100 kB here, and a checkpoint is larger."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    folder = tmp_path / "run"
    assert run("train", "digits", "--device", "cpu", "--epochs", 1, "--out", folder) == 0
    before = (folder / "checkpoint.safetensors").read_bytes()
    done = subprocess.run(
        [*COMMAND, "train", "--resume", folder, "--epochs", "2"], preexec_fn=limit,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        f"gpunet: cannot write to {folder}: File too large; the last checkpoint is whole: "
        f"gpunet train --resume {folder}\n"
    )
    assert (folder / "checkpoint.safetensors").read_bytes() == before
    assert not list(folder.glob(".*.tmp"))
    assert run("train", "--resume", folder, "--epochs", 2) == 0


def test_a_checkpoint_that_is_damaged(trained, tmp_path, capsys):
    for name in ("config.json", "checkpoint.safetensors"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    content = bytearray((trained / "checkpoint.safetensors").read_bytes())
    content[len(content) // 2] ^= 4
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    for command in (["train", "--resume"], ["evaluate"], ["inspect"]):
        assert run(*command, tmp_path, "--device", "cpu") == 1
        printed = capsys.readouterr()
        assert f"{tmp_path / 'checkpoint.safetensors'}" in printed.err
        assert printed.err.count("\n") == 1


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
    shown = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout == f"gpunet {gpunet.__version__}\n"
    wrong = subprocess.run([*COMMAND, "train", "mnits"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("gpunet: unknown recipe 'mnits'; there is: digits")


def test_help_is_quick():
    """It costs little more than what it cannot do without, whatever else this machine does."""

    def seconds(*command):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        return time.perf_counter() - start

    needed, ours = [], []
    for _ in range(5):
        needed.append(seconds("-c", "import numpy, typer, rich"))
        ours.append(seconds("-m", "gpunet", "--help"))
    assert min(ours) < 5 * min(needed)  # Numba alone would make it 8
