"""English to Japanese: mini-batches, models that see no padding, runs, pictures."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of
from realdata import real_data
from trainers import without_time

import gpunet
from gpunet import datasets
from gpunet.autograd import no_grad
from gpunet.recipes import load_recipe
from gpunet.recipes.attention_picture import attention_of
from gpunet.recipes.attention_translator import AttentionTranslator
from gpunet.recipes.run import load_module, resume, start
from gpunet.recipes.transformer_translator import TransformerTranslator
from gpunet.recipes.translation import collate
from gpunet.train import Callback

NAMES = ["enja", "enja-transformer"]
SMALL = {
    "enja": lambda a, b: AttentionTranslator(a, b, 16, 16, 0.1),
    "enja-transformer": lambda a, b: TransformerTranslator(a, b, 16, 2, 1, 32, 0.1),
}

ENGLISH = "i like tea .|you like milk .|he drinks tea .|she drinks milk .|i drink milk ."
JAPANESE = (
    "私 は お茶 が 好き だ 。|君 は 牛乳 が 好き だ 。|彼 は お茶 を 飲む 。|"
    "彼女 は 牛乳 を 飲む 。|私 は 牛乳 を 飲む 。"
)


def few(folder=None):
    pair = ENGLISH.split("|"), JAPANESE.split("|")
    whole = pair[0] * 12, pair[1] * 12
    return datasets.Pairs(whole, pair, (pair[0][:3], pair[1][:3]))


@pytest.fixture(params=NAMES)
def recipe(request, monkeypatch):
    """The recipe with a small model, on a handful of sentences."""
    found = load_recipe(request.param)
    make = SMALL[request.param]
    monkeypatch.setattr(datasets, "load_enja", few)
    monkeypatch.setattr(type(found), "model", lambda self: make(len(self.source), len(self.target)))
    return found


def test_mini_batches():
    pairs = [(np.array([5, 6, 7]), np.array([2, 8, 3])), (np.array([5]), np.array([2, 8, 9, 3]))]
    sources, lengths, given, wanted = collate(pairs)
    assert sources.tolist() == [[5, 6, 7], [5, 0, 0]]
    assert lengths.tolist() == [3, 1]
    assert given.tolist() == [[2, 8, 3], [2, 8, 9]]
    assert wanted.tolist() == [[8, 3, 0], [8, 9, 3]]


@pytest.mark.parametrize("name", NAMES)
def test_padding_changes_nothing(name, device):
    gpunet.manual_seed(1)
    model = SMALL[name](12, 14).to(device).eval()
    pairs = [(np.array([5, 6, 7]), np.array([2, 8, 3])), (np.array([5]), np.array([2, 8, 9, 4, 3]))]

    def scores(*chosen):
        sources, lengths, given, _ = collate(chosen)
        with no_grad():
            found = model(sources.to(device), lengths, given.to(device))
            weights = model.attention(sources.to(device), lengths, given.to(device))
        return array_of(found), array_of(weights)

    together, weights = scores(*pairs)
    for row, pair in enumerate(pairs):
        alone, seen = scores(pair)
        steps, words = seen.shape[1:]
        np.testing.assert_allclose(together[row, :steps], alone[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(weights[row, :steps, :words], seen[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(weights[row].sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_next_scores_are_those_of_training(name, device):
    gpunet.manual_seed(2)
    model = SMALL[name](12, 14).to(device).eval()
    sources, lengths, given, _ = collate([(np.array([5, 6, 7]), np.array([2, 8, 9, 4, 3]))])
    sources, given = sources.to(device), given.to(device)
    with no_grad():
        whole = array_of(model(sources, lengths, given))
        memory = model.encode(sources, lengths)
        for t in range(given.shape[1]):
            one = array_of(model.next_scores(memory, given[:, : t + 1]))
            np.testing.assert_allclose(one, whole[:, t], rtol=1e-4, atol=1e-5)


def test_a_run(recipe, device, tmp_path):
    lines = []
    settings = recipe.settings.replace(epochs=6, batch_size=6, lr=0.02)
    run, held_out = start(recipe, settings, device, 1, tmp_path, report=lines.append)
    assert held_out["loss"] < run.trainer.history[0]["train_loss"]
    assert any(line.startswith("BLEU ") and line.endswith("(greedy), 3 test sentences")
               for line in lines)  # fmt: skip
    assert (tmp_path / "attention.png").read_bytes().startswith(b"\x89PNG")
    english = ENGLISH.split("|")[0]
    text = (tmp_path / "attention.txt").read_text(encoding="utf-8").splitlines()
    words, weights = attention_of(run.module, recipe, english)
    assert len(text) == len(words) + 1
    assert weights.shape == (len(words), len(english.split()))
    said = recipe.translate(run.module, [english])
    del recipe.source, recipe.target
    again, module = load_module(tmp_path, device)
    assert again.translate(module, [english]) == said
    assert len(again.translate(module, ["never seen", english], 3)) == 2


class Kill(Callback):
    def on_batch_end(self, trainer, samples):
        if trainer.step == 14:
            raise RuntimeError("killed")


def test_a_run_goes_on(recipe, tmp_path):
    settings = recipe.settings.replace(epochs=2, batch_size=6)
    whole, held_out = start(recipe, settings, "cpu", 1)
    with pytest.raises(RuntimeError, match="killed"):
        start(recipe, settings, "cpu", 1, tmp_path, callbacks=[Kill()], checkpoint_every=0.0)
    run, again = resume(tmp_path)
    assert again == held_out
    assert without_time(run.trainer.history) == without_time(whole.trainer.history)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_what_is_reached(name):
    lines = []
    data = real_data("small_parallel_enja")
    start(load_recipe(name), device="cpu", data=data, report=lines.append)
    greedy, beam = [float(line.split()[1]) for line in lines if line.startswith("BLEU ")]
    assert greedy >= 20
    assert beam > greedy
