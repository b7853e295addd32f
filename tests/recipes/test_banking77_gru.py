"""banking77 word by word: the stress of telling words, padding, and what is reached."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device
from realdata import real_data

import gpunet
from gpunet import datasets
from gpunet.autograd import no_grad
from gpunet.recipes import load_recipe
from gpunet.recipes.banking77_gru import WeightedGRU
from gpunet.recipes.run import load_module, load_run, start

RECIPE = load_recipe("banking77-gru")


def few(folder):
    texts = ["my card has not arrived", "where is my new card ?", "what is the exchange rate",
             "how is the rate of exchange made ?"]  # fmt: skip
    labels = np.array([0, 0, 1, 1])
    return datasets.LabelledTexts(
        texts * 8, np.tile(labels, 8), texts[1:3], labels[1:3], ("card", "rate")
    )


def test_padding_changes_nothing(device):
    gpunet.manual_seed(1)
    model = WeightedGRU(np.array([0, 1, 2, 3, 4]), 3, 4, 5).to(device).eval()
    words = np.array([[1, 4, 2, 3], [3, 2, 0, 0], [4, 0, 0, 0]])
    with no_grad():
        together = array_of(model(on_device(words, device), np.array([4, 2, 1])))
        for row, length in enumerate((4, 2, 1)):
            alone = model(on_device(words[row : row + 1, :length], device), np.array([length]))
            np.testing.assert_allclose(array_of(alone)[0], together[row], rtol=1e-5, atol=1e-6)


def test_a_run(device, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "load_banking77", few)
    lines = []
    settings = RECIPE.settings.replace(epochs=3, batch_size=8, lr=0.01)
    _, held_out = start(RECIPE, settings, device, 1, tmp_path, report=lines.append)
    assert held_out["accuracy"] == 1
    assert "macro-F1 1.0000, the mean over 2 classes" in lines
    again = load_run(tmp_path, device)
    assert again.trainer.evaluate(again.held_out) == held_out
    stress, vocabulary = RECIPE.stress, RECIPE.vocabulary
    assert stress[0] == 0
    assert stress[vocabulary.numbers["arrived"]] > stress[vocabulary.numbers["card"]]
    del RECIPE.stress, RECIPE.vocabulary
    _, module = load_module(tmp_path, device)  # without the data
    np.testing.assert_array_equal(array_of(module.stress)[:, 0], stress)


@pytest.mark.long
def test_what_is_reached():
    _, held_out = start(RECIPE, device="cpu", data=real_data("banking77"))
    assert held_out["accuracy"] >= 0.85
