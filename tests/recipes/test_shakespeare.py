"""The character model: windows, runs on a short text, and what it writes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from opcheck import array_of, on_device
from realdata import real_data

import gpunet
from gpunet import cli, datasets
from gpunet.autograd import no_grad
from gpunet.recipes import load_recipe, shakespeare
from gpunet.recipes.generation import chosen, generate
from gpunet.recipes.run import load_module, start
from gpunet.recipes.shakespeare import CharacterModel, following
from gpunet.text import Vocabulary

RECIPE = load_recipe("shakespeare")
TEXT = "to be, or not to be: that is the question.\n" * 60


@pytest.fixture
def short(monkeypatch):
    """A short text and a small model."""
    monkeypatch.setattr(datasets, "load_shakespeare", lambda folder: TEXT)
    monkeypatch.setattr(shakespeare, "_WINDOW", 16)
    monkeypatch.setattr(shakespeare, "_MEASURED", 64)
    monkeypatch.setattr(
        type(RECIPE), "model", lambda self: CharacterModel(len(self.vocabulary), 8, 32, 0.0)
    )


def test_windows():
    dataset = following(np.arange(11), 3)
    inputs, targets = (tensor.tolist() for tensor in dataset.tensors)
    assert inputs == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert targets == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert len(following(np.arange(10), 3)) == 3
    assert len(following(np.arange(9), 3)) == 2


def test_going_on_is_as_reading_at_once(device):
    gpunet.manual_seed(1)
    model = CharacterModel(7, 4, 5).to(device).eval()
    tokens = on_device(np.array([[1, 4, 2, 6, 0]]), device)
    with no_grad():
        whole = array_of(model(tokens))
        first, state = model.go_on(tokens[:, :2])
        rest, _ = model.go_on(tokens[:, 2:], state)
    np.testing.assert_allclose(array_of(first), whole[:, :2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(array_of(rest), whole[:, 2:], rtol=1e-5, atol=1e-6)


def test_a_run_and_what_it_writes(device, short, tmp_path, capsys):
    lines = []
    settings = RECIPE.settings.replace(epochs=6, batch_size=8, lr=0.02)
    run, held_out = start(RECIPE, settings, device, 1, tmp_path, report=lines.append)
    assert held_out["loss"] < 2.0
    assert any(
        line.startswith(
            f"{held_out['loss']:.4f} nats or {held_out['loss'] / math.log(2):.4f} bits per char"
        )
        for line in lines
    )
    _, module = load_module(tmp_path, device)
    text = generate(module, RECIPE.vocabulary, "to be", 30, 0.5, 3, seed=4)
    assert text.startswith("to be")
    assert len(text) == 35
    assert text == generate(run.module, RECIPE.vocabulary, "to be", 30, 0.5, 3, seed=4)
    assert text != generate(run.module, RECIPE.vocabulary, "to be", 30, 5.0, seed=4)
    status = cli.main(
        ["generate", str(tmp_path), "--prompt", "to be", "--length", "30", "--temperature", "0.5",
         "--top-k", "3", "--seed", "4", "--device", device]
    )  # fmt: skip
    assert status == 0
    assert capsys.readouterr().out == text + "\n"
    assert cli.main(["inspect", str(tmp_path), "--device", device, "--samples", "4"]) == 0
    assert f"over time: {tmp_path / 'layers-time.png'}" in capsys.readouterr().out
    assert (tmp_path / "layers-time.png").is_file()
    assert cli.main(["generate", str(tmp_path), "--prompt", "Zo", "--device", "cpu"]) == 1
    assert "the token 'Z' is not in the vocabulary" in capsys.readouterr().err


def test_greedy_text_is_the_most_probable(device):
    gpunet.manual_seed(3)
    vocabulary = Vocabulary("abcde", "characters")
    model = CharacterModel(5, 4, 6).to(device)
    text = generate(model, vocabulary, "ab", 6, temperature=0)
    assert model.training
    model.eval()
    for end in range(2, 8):
        with no_grad():
            scores = array_of(model(on_device(vocabulary.encode(text[:end])[None], device)))
        assert text[end] == "abcde"[scores[0, -1].argmax()]


def test_draws_have_the_probabilities():
    scores = np.log(np.array([1.0, 2.0, 5.0, 2.0], np.float32))
    draws = (np.arange(1000) + 0.5) / 1000
    assert np.bincount([chosen(scores, d, 1.0, None) for d in draws]).tolist() == [
        100, 200, 500, 200,
    ]  # fmt: skip
    assert np.bincount([chosen(scores, d, 1.0, 2) for d in draws]).tolist() == [0, 286, 714]
    assert np.bincount([chosen(scores, d, 0.5, 9) for d in draws])[2] == 735  # 25 of 34
    assert {chosen(scores, d, 0.0, None) for d in draws} == {2}
    assert chosen(scores, 1.0, 1.0, 2) == 2


def test_what_cannot_be_written():
    vocabulary = Vocabulary("ab", "characters")
    model = CharacterModel(2, 2, 2)
    for arguments, message in [
        ((model, vocabulary, "", 3), "prompt: expected at least one character"),
        ((model, vocabulary, "a", -3), "length: expected 0 or more, got -3"),
        ((model, vocabulary, "a", 3, -1.0), "temperature: expected a number, 0 or more, got -1.0"),
        ((model, vocabulary, "a", 3, float("nan")), "temperature: expected a number"),
        ((model, vocabulary, "a", 3, 1.0, 0), "top_k: expected 1 or more, got 0"),
        ((model, vocabulary, "ax", 3), "the token 'x' is not in the vocabulary"),
        ((gpunet.nn.Linear(2, 2), vocabulary, "a", 3), "expected one that writes text, got Lin"),
    ]:
        with pytest.raises(ValueError, match=message):
            generate(*arguments)
    assert generate(model, vocabulary, "ab", 0) == "ab"


@pytest.mark.long
def test_what_is_reached():
    _, held_out = start(RECIPE, device="cpu", data=real_data("tiny_shakespeare"))
    assert held_out["loss"] <= 1.60
