"""banking77 by its words: what is learned in a moment, what is kept, and what is reached."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device
from realdata import real_data

from gpunet import datasets
from gpunet.recipes import load_recipe
from gpunet.recipes.evaluation import macro_f1
from gpunet.recipes.run import load_module, load_run, start

RECIPE = load_recipe("banking77-bag")


def test_the_mean_of_f1_over_classes():
    counts = np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]])
    assert macro_f1(counts) == pytest.approx((6 / 7 + 4 / 5 + 0) / 3)


def test_a_run(device, tmp_path, monkeypatch):
    data = real_data("banking77")
    whole = datasets.load_banking77(data)
    some = np.flatnonzero(whole.train_labels < 5)
    few = whole._replace(
        train_texts=[whole.train_texts[i] for i in some],
        train_labels=whole.train_labels[some],
        test_texts=whole.test_texts[:200],  # of the same five classes
        test_labels=whole.test_labels[:200],
    )
    monkeypatch.setattr(datasets, "load_banking77", lambda folder: few)
    lines = []
    settings = RECIPE.settings.replace(epochs=4, batch_size=32, lr=0.01)
    _, held_out = start(
        RECIPE, settings, device, 1, tmp_path / "run", data=data, report=lines.append
    )
    assert held_out["accuracy"] > 0.9
    assert any(line.startswith("macro-F1 0.0") for line in lines)
    assert len(RECIPE.classes) == 77
    again = load_run(tmp_path / "run", device, data)
    assert again.trainer.evaluate(again.held_out) == held_out
    RECIPE.weights = None
    recipe, module = load_module(tmp_path / "run", device)  # without the data
    X = recipe.weights.transform(["Where is my card?", "what is the exchange rate"])
    scores = array_of(module(on_device(X, device)))
    assert scores.shape == (2, 77)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_is_reached(seed):
    _, held_out = start(RECIPE, device="cpu", seed=seed, data=real_data("banking77"))
    assert held_out["accuracy"] >= 0.9
