"""Greedy and beam search on a model whose scores are a table."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import gpunet
from gpunet import nn
from gpunet.recipes.decoding import decode

SYMBOLS, START, END = 4, 2, 3


class Table(nn.Module):
    """The next word depends on the last one and on the first word of the source."""

    def __init__(self, seed):
        super().__init__()
        rng = np.random.default_rng(seed)
        scores = rng.normal(size=(3, SYMBOLS, SYMBOLS)).astype(np.float32) * 2
        self.weight = nn.Parameter(gpunet.from_numpy(scores))
        self.most = 0

    def encode(self, sources, lengths):
        assert lengths.tolist() == [int((row != 0).sum()) for row in sources.to("cpu").array]
        return (sources[:, 0],)

    def next_scores(self, memory, beginnings):
        self.most = max(self.most, len(beginnings))
        return self.weight[memory[0], beginnings[:, -1]]

    def value(self, first, words):
        """The mean log-probability of a translation."""
        table = self.weight.detach().to("cpu").numpy()[first].astype(np.float64)
        table = table - np.log(np.exp(table).sum(1, keepdims=True))
        steps = list(zip([START, *words], words))
        return sum(table[a, b] for a, b in steps) / len(steps)


SOURCES = [np.array([1, 1]), np.array([2]), np.array([1, 2, 1]), np.array([2, 1])]


@pytest.mark.parametrize("seed", range(5))
def test_greedy_takes_the_best_next_word(device, seed):
    model = Table(seed).to(device)
    found = decode(model, SOURCES, START, END, 1, 6)
    for source, words in zip(SOURCES, found):
        expected, last = [], START
        while len(expected) < 6:
            last = int(model.weight.detach().to("cpu").numpy()[source[0], last].argmax())
            if last == END:
                break
            expected.append(last)
        assert words == expected
    assert model.training


@pytest.mark.parametrize("seed", range(5))
def test_a_wide_beam_finds_the_best_of_all(device, seed):
    """With a beam as wide as there are beginnings nothing is lost."""
    model = Table(seed).to(device)
    longest = 3
    found = decode(model, SOURCES, START, END, SYMBOLS**longest, longest)
    other = [word for word in range(SYMBOLS) if word != END]
    for source, words in zip(SOURCES, found):
        ways = [[*way, END] for n in range(longest) for way in product(other, repeat=n)]
        ways += [list(way) for way in product(other, repeat=longest)]
        best = max(ways, key=lambda way: model.value(source[0], way))
        assert words == [word for word in best if word != END]


def test_no_translation_of_a_beam_is_worse_than_all_of_greedy():
    better = 0
    for seed in range(20):
        model = Table(seed)
        for source, greedy, beam in zip(
            SOURCES, decode(model, SOURCES, START, END, 1), decode(model, SOURCES, START, END, 3)
        ):
            a, b = (model.value(source[0], [*words, END][:30]) for words in (greedy, beam))
            better += int(b > a + 1e-6) - int(b < a - 1e-6)
    assert better > 0


def test_many_sources_come_in_parts(monkeypatch):
    monkeypatch.setattr("gpunet.recipes.decoding._BATCH", 2)
    model = Table(1)
    found = decode(model, SOURCES, START, END, 2, 6)
    assert model.most == 4
    assert found == [decode(model, [source], START, END, 2, 6)[0] for source in SOURCES]
