"""Sums by an encoder and a decoder."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device
from realdata import real_data

import gpunet
from gpunet import datasets
from gpunet.autograd import no_grad
from gpunet.recipes import load_recipe
from gpunet.recipes.addition import Adder
from gpunet.recipes.look import look_into
from gpunet.recipes.run import prepare, start

NAMES = ("addition", "addition-reversed")


@pytest.fixture
def small(monkeypatch):
    """The sums of figures from 0 to 9 only, and a small model."""
    pairs = [(f"{a}+{b}", str(a + b)) for a in range(10) for b in range(10)]
    questions = [question.ljust(7) for question, _ in pairs]
    answers = [answer.ljust(4) for _, answer in pairs]
    monkeypatch.setattr(datasets, "load_addition", lambda folder: (questions, answers))
    recipe = type(load_recipe("addition"))
    monkeypatch.setattr(recipe, "model", lambda self: Adder(13, 8, 24))


@pytest.mark.parametrize("name", NAMES)
def test_the_data(name, small):
    run = prepare(load_recipe(name))
    (asked, given, wanted), rest = run.loader.dataset.tensors, run.held_out.dataset.tensors
    assert (len(asked), len(rest[0])) == (90, 10)
    symbols = np.array(list("_0123456789+ "))
    for question, first, answer in zip(asked.tolist(), given.tolist(), wanted.tolist()):
        text = "".join(symbols[question])
        text = text[::-1] if name.endswith("reversed") else text
        a, b = text.strip().split("+")
        assert "".join(symbols[answer]) == str(int(a) + int(b)).ljust(4)
        assert first == [0, *answer[:-1]]


def test_answers_follow_from_themselves(device):
    gpunet.manual_seed(1)
    model = Adder(13, 4, 6).to(device)
    questions = on_device(np.array([[1, 2, 11, 3, 4, 12, 12], [9, 11, 1, 12, 12, 12, 12]]), device)
    with no_grad():
        written = array_of(model.answer(questions, 0))
        given = np.concatenate([np.zeros((2, 1), np.int64), written[:, :-1]], 1)
        scores = array_of(model(questions, on_device(given, device)))
    assert written.shape == (2, 4)
    assert written.dtype == np.int64
    np.testing.assert_array_equal(scores.argmax(2), written)


def test_a_run(device, small, tmp_path):
    lines = []
    recipe = load_recipe("addition-reversed")
    settings = recipe.settings.replace(epochs=5, batch_size=15, lr=0.02)
    run, held_out = start(recipe, settings, device, 1, tmp_path, report=lines.append)
    assert list(held_out) == ["loss", "accuracy"]
    with pytest.raises(ValueError, match="addition-reversed: the model takes several inputs"):
        look_into(run)
    assert held_out["loss"] < run.trainer.history[0]["val_loss"]
    questions = [line for line in lines if "+" in line and " = " in line]
    assert len(questions) == 5
    for line in questions:
        asked, _, said = line.partition(" = ")
        a, b = asked.split("+")
        right = str(int(a) + int(b))
        assert said == right or said.endswith(f"(not {right})")


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_what_is_reached(name):
    _, held_out = start(load_recipe(name), device="cpu", data=real_data("addition"))
    assert held_out["accuracy"] >= 0.98
