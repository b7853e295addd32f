"""Recipes: settings, running, and what is saved."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from opcheck import array_of, on_device
from trainers import without_time

import gpunet
from gpunet.datasets import load_digits
from gpunet.io import load_file, load_metadata
from gpunet.recipes import RECIPES, Settings, UnknownRecipe, load_recipe
from gpunet.recipes.run import load_module, load_run, new_folder, prepare, resume, start
from gpunet.train import Callback, NotARun, RunFolder
from gpunet.utils.data import Subset, TensorDataset

DIGITS = load_recipe("digits")


def short(recipe=DIGITS, **changes):
    return recipe.settings.replace(**{"epochs": 1, **changes})


def test_a_run_leaves_everything(device, tmp_path):
    lines = []
    run, held_out = start(DIGITS, short(epochs=2), device, 3, tmp_path / "a", report=lines.append)
    assert held_out["accuracy"] > 0.5
    assert lines[0] == f"device {device}" + (":0" if device == "cuda" else "")
    assert sorted(os.listdir(tmp_path / "a")) == [
        "checkpoint.safetensors", "config.json", "curve.png", "history.jsonl", "model.safetensors",
    ]  # fmt: skip
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    assert (config["recipe"], config["seed"]) == ("digits", 3)
    assert config["settings"] == {"epochs": 2, "batch_size": 32, "lr": 0.05}
    assert load_metadata(tmp_path / "a" / "model.safetensors") == {"recipe": "digits"}
    last = run.trainer.history[-1]
    assert {"loss": last["val_loss"], "accuracy": last["val_accuracy"]} == held_out

    again = DIGITS.model()
    again.load_state_dict(load_file(tmp_path / "a" / "model.safetensors"))
    for (key, ours), theirs in zip(run.module.state_dict().items(), again.state_dict().values()):
        np.testing.assert_array_equal(array_of(ours), array_of(theirs), key)


def test_a_run_comes_back(device, tmp_path):
    run, held_out = start(DIGITS, short(), device, folder=tmp_path)
    loaded = load_run(tmp_path, device)
    assert loaded.trainer.evaluate(loaded.held_out) == held_out
    recipe, module = load_module(tmp_path, device)
    assert recipe is DIGITS
    images = on_device(load_digits().test_images, device)
    np.testing.assert_array_equal(array_of(module(images)), array_of(run.module.eval()(images)))


def test_the_seed_decides_everything():
    runs = [start(DIGITS, short(), "cpu", seed)[1]["loss"] for seed in (4, 4, 5)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_digits_are_learned(seed):
    _, held_out = start(DIGITS, device="cpu", seed=seed)
    assert held_out["accuracy"] >= 0.97


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(UnknownRecipe, match=r"unknown recipe 'mnits'; there is: digits"):
        load_recipe("mnits")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_says_what_it_is(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description
    if recipe.image_shape:
        others = {"ox": [2], "transfer": [5], "denoise": [0]}
        assert len(recipe.classes) in (10, *others.get(name, []))
        assert len(recipe.image_shape) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs: expected an integer, 1 or more, got 0"),
        ({"batch_size": -2}, "batch_size: expected an integer, 1 or more"),
        ({"batch_size": 2.5}, "batch_size: expected an integer, 1 or more"),
        ({"lr": 0.0}, "lr: expected a positive number, got 0.0"),
        ({"lr": float("nan")}, "lr: expected a positive number"),
        ({"lr": float("inf")}, "lr: expected a positive number"),
        ({"lr": "1"}, "lr: expected a positive number"),
    ],
)
def test_bad_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(1, 1, 1.0).replace(**change)


def test_settings_that_are_not_given_stay():
    assert Settings(1, 2, 3.0).replace(epochs=None, lr=0.5) == Settings(1, 2, 0.5)


class Kill(Callback):
    """Ends the run at a step, as an error would."""

    def __init__(self, step):
        self.step = step

    def on_batch_end(self, trainer, samples):
        if trainer.step == self.step:
            raise RuntimeError("killed")


@pytest.mark.parametrize(("every", "step"), [(0.0, 60), (1000.0, 60), (0.0, 46)])
def test_a_run_goes_on(device, tmp_path, every, step):
    settings = short(epochs=3)
    whole, held_out = start(DIGITS, settings, device, 1)
    with pytest.raises(RuntimeError, match="killed"):
        start(
            DIGITS, settings, device, 1, tmp_path, callbacks=[Kill(step)], checkpoint_every=every
        )  # fmt: skip
    lines = []
    run, again = resume(tmp_path, "digits", report=lines.append)
    assert again == held_out
    assert without_time(run.trainer.history) == without_time(whole.trainer.history)
    # The callback that kills comes before the one that saves.
    done = (
        "0 epochs" if every else {60: "1 epochs and 13 mini-batches", 46: "0 epochs and 45"}[step]
    )
    assert any(line.startswith(f"goes on after {done}") for line in lines)


def test_a_run_that_is_complete_stays_and_can_be_taken_further(tmp_path):
    start(DIGITS, short(), "cpu", folder=tmp_path)
    lines = []
    run, _ = resume(tmp_path, report=lines.append)
    assert lines[-1].endswith("is complete: 1 of 1 epochs; --epochs takes it further")
    assert run.trainer.epoch == 1
    run, held_out = resume(tmp_path, epochs=2)
    _, whole = start(DIGITS, short(epochs=2), "cpu")
    assert held_out == whole
    assert RunFolder(tmp_path).read_config()["settings"]["epochs"] == 2


def test_a_schedule_over_all_epochs_cannot_be_stretched(tmp_path, monkeypatch):
    from gpunet.optim.lr_scheduler import OneCycleLR

    def one_cycle(self, optimizer, settings, batches):
        return OneCycleLR(optimizer, 0.1, total_steps=settings.epochs * batches)

    monkeypatch.setattr(type(DIGITS), "scheduler", one_cycle)
    start(DIGITS, short(), "cpu", folder=tmp_path)
    with pytest.raises(ValueError, match="a run of 1 epochs cannot become one of 2"):
        resume(tmp_path, epochs=2)
    module = load_module(tmp_path, "cpu")[1]
    assert not module.training


def test_a_run_of_another_recipe_or_of_none(tmp_path):
    start(DIGITS, short(), "cpu", folder=tmp_path)
    with pytest.raises(NotARun, match="is a run of digits, not of mnist-mlp"):
        resume(tmp_path, "mnist-mlp")
    config = RunFolder(tmp_path).read_config()
    for change in ({"recipe": "mnits"}, {"settings": {"epochs": 0}}, {"seed": "x"}, {"seed": None}):
        RunFolder(tmp_path).write_config({**config, **change})
        with pytest.raises(NotARun, match=r"config\.json: "):
            resume(tmp_path)
    RunFolder(tmp_path).write_config({"recipe": "digits"})
    with pytest.raises(NotARun, match=r"config\.json: 'settings'"):
        resume(tmp_path)


def test_a_checkpoint_of_another_shape(tmp_path, monkeypatch):
    from gpunet import nn

    start(DIGITS, short(), "cpu", folder=tmp_path)
    other = lambda self: nn.Sequential(nn.Flatten(), nn.Linear(64, 10))  # noqa: E731
    monkeypatch.setattr(type(DIGITS), "model", other)
    for load in (resume, load_run, load_module):
        with pytest.raises(
            ValueError, match=r"checkpoint\.safetensors: the state does not fit mod"
        ):
            load(tmp_path)


def test_a_folder_that_holds_a_run_is_left_alone(tmp_path):
    start(DIGITS, short(), "cpu", folder=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match="there is a run in it already"):
        start(DIGITS, short(), "cpu", folder=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_without_a_checkpoint(tmp_path):
    folder = RunFolder(tmp_path)
    with pytest.raises(RuntimeError, match="killed"):
        start(DIGITS, short(), "cpu", folder=tmp_path, callbacks=[Kill(1)])
    assert not folder.checkpoint.exists()
    for load in (load_run, load_module):
        with pytest.raises(NotARun, match="holds no checkpoint yet"):
            load(tmp_path)


def test_folders_are_numbered(tmp_path):
    assert new_folder("x", tmp_path) == tmp_path / "x"
    for name in ("x", "x-2"):
        (tmp_path / name).mkdir()
        assert new_folder("x", tmp_path) == tmp_path / name
        (tmp_path / name / "config.json").write_text("")
    assert new_folder("x", tmp_path) == tmp_path / "x-3"


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="file"):
            start(DIGITS, short(), "cpu", folder=folder)


def test_data_that_fit_on_the_device_are_moved_once(cuda, monkeypatch):
    there = prepare(DIGITS, short(), cuda)
    data = [loader.dataset.tensors for loader in (there.loader, there.held_out)]
    assert {str(tensor.device) for tensors in data for tensor in tensors} == {"cuda:0"}
    size = sum(tensor.array.nbytes for tensors in data for tensor in tensors)
    there.trainer.fit(there.loader, 1)

    monkeypatch.setattr("gpunet.backend.device_memory.available_bytes", lambda device: 4 * size)
    again = prepare(DIGITS, short(), cuda)
    assert again.placement == (
        f"data: {size / 1024:.2f} KiB moved to cuda:0 once, at most 25% of the "
        f"{size / 2**18:.2f} MiB free"
    )
    monkeypatch.setattr("gpunet.backend.device_memory.available_bytes", lambda device: 4 * size - 1)
    from_host = prepare(DIGITS, short(), cuda)
    assert str(from_host.loader.dataset.tensors[0].device) == "cpu"
    assert from_host.placement.startswith(f"data: {size / 1024:.2f} KiB stay on the host")
    from_host.trainer.fit(from_host.loader, 1)
    assert without_time(there.trainer.history) == without_time(from_host.trainer.history)


def test_where_the_data_are_is_said_in_one_line(device):
    lines = []
    start(DIGITS, short(), device, report=lines.append)
    told = [line for line in lines if line.startswith("data: ")]
    assert len(told) == (device == "cuda")


def test_the_memory_of_a_gpu_that_a_run_took_is_said_in_one_line(device):
    lines = []
    start(DIGITS, short(), device, report=lines.append)
    told = [line for line in lines if line.startswith("memory of ")]
    if device == "cpu":
        assert not told
        return
    (line,) = told
    most = gpunet.cuda.max_memory_reserved()
    assert most > 0
    assert line.startswith("memory of cuda:0: ")
    assert line.split(": ")[1].startswith(
        (f"{most / 2**20:.2f} MiB at most", f"{most / 2**10:.2f} KiB at most")
    )


def test_what_is_placed():
    from gpunet.recipes.placement import _bytes

    whole = TensorDataset(gpunet.zeros(10, 4), gpunet.arange(10))
    assert _bytes(whole) == 10 * 24
    assert _bytes(Subset(whole, [1, 2, 3])) == 3 * 24
    assert _bytes(Subset(whole, [1] * 50)) == 10 * 24
    assert _bytes(Subset([1, 2, 3], [1])) is None
    assert _bytes([1, 2, 3]) is None
