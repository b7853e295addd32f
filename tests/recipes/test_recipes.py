"""Recipes: settings, running, and what is saved."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from opcheck import array_of

from gpunet.io import load_file, load_metadata
from gpunet.recipes import RECIPES, Settings, UnknownRecipe, load_recipe
from gpunet.recipes.run import prepare_folder, run


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_runs_and_comes_back(name, device, tmp_path):
    recipe = load_recipe(name)
    lines = []
    model, held_out = run(
        recipe, recipe.settings.replace(epochs=1), device, 3, tmp_path / "a", report=lines.append
    )
    assert recipe.name == name
    assert held_out.accuracy > 0.5
    assert lines[0] == f"device {device}" + (":0" if device == "cuda" else "")
    assert sorted(os.listdir(tmp_path / "a")) == ["config.json", "model.safetensors"]
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    assert config["recipe"] == name
    assert config["seed"] == 3
    assert config["held_out"]["accuracy"] == held_out.accuracy
    assert len(config["epochs"]) == config["settings"]["epochs"] == 1
    assert load_metadata(tmp_path / "a" / "model.safetensors") == {"recipe": name}

    again = recipe.model()
    again.load_state_dict(load_file(tmp_path / "a" / "model.safetensors"))
    for (key, ours), theirs in zip(model.state_dict().items(), again.state_dict().values()):
        np.testing.assert_array_equal(array_of(ours), array_of(theirs), key)


def test_the_seed_decides_everything(tmp_path):
    recipe = load_recipe("digits")
    settings = recipe.settings.replace(epochs=1)
    runs = [run(recipe, settings, "cpu", seed)[1] for seed in (4, 4, 5)]
    assert runs[0].loss == runs[1].loss
    assert runs[0].loss != runs[2].loss


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_digits_are_learned(seed):
    _, held_out = run(load_recipe("digits"), device="cpu", seed=seed)
    assert held_out.accuracy >= 0.97


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(UnknownRecipe, match=r"unknown recipe 'mnits'; there is: digits"):
        load_recipe("mnits")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs: expected 1 or more, got 0"),
        ({"batch_size": -2}, "batch_size: expected 1 or more"),
        ({"lr": 0.0}, "lr: expected a positive number, got 0.0"),
        ({"lr": float("nan")}, "lr: expected a positive number"),
        ({"lr": float("inf")}, "lr: expected a positive number"),
    ],
)
def test_bad_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(1, 1, 1.0).replace(**change)


def test_settings_that_are_not_given_stay():
    assert Settings(1, 2, 3.0).replace(epochs=None, lr=0.5) == Settings(1, 2, 0.5)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        prepare_folder(tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        prepare_folder(tmp_path / "file" / "below")
