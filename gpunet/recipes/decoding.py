"""From a model that scores the next word to whole sentences: greedily, or by beam search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import no_grad
from ..backend import backend_of
from ..functions.data import from_numpy
from ..text import padded

__all__ = ["decode"]

#: Sentences that are translated at once.
_BATCH = 100


def decode(
    model: Any,
    sources: Sequence[np.ndarray],
    start: int,
    end: int,
    beam: int = 1,
    longest: int = 30,
) -> list[list[int]]:
    """The best translation that is found of each source.

    With a beam of B the B best beginnings are kept at each step, by the mean log-probability of
    their words, and it ends when each has come to its end. One of 1 is greedy: it takes the most
    probable word each time.

    Parameters
    ----------
    model : Module
        ``encode(sources, lengths)`` gives a tuple of tensors, a row for each source;
        ``next_scores(memory, beginnings)`` the scores (N, V) of the words that come next.
    sources : sequence of int64 arrays
    start, end : int
        The words that begin and end a translation.
    beam : int
        B.
    longest : int
        The most words.

    Returns
    -------
    list of list of int
        Without `start` and `end`.
    """
    found: list[list[int]] = [[] for _ in sources]
    order = np.argsort([len(source) for source in sources], kind="stable")
    training = model.training
    model.eval()
    try:
        with no_grad():
            for i in range(0, len(order), _BATCH):
                part = order[i : i + _BATCH].tolist()
                best = _search(model, [sources[k] for k in part], start, end, beam, longest)
                for k, words in zip(part, best.tolist()):
                    found[k] = words[: words.index(end)] if end in words else words
    finally:
        model.train(training)
    return found


def _search(
    model: Any, sources: Sequence[np.ndarray], start: int, end: int, beam: int, longest: int
) -> np.ndarray:
    """The best translations of some sources, of shape (N, L), without `start`."""
    count = len(sources)
    device = next(model.parameters()).device
    rows, lengths = padded(sources)
    memory = model.encode(from_numpy(rows).to(device), lengths)
    copies = from_numpy(np.repeat(np.arange(count), beam)).to(device)
    memory = tuple([part[copies] for part in memory])
    words = np.full((count, beam, 1), start, np.int64)
    total = np.full((count, beam), -np.inf)  # log-probabilities
    total[:, 0] = 0  # at first all beginnings are the same, and one counts
    size = np.zeros((count, beam), np.int64)
    over = np.zeros((count, beam), bool)
    for _ in range(longest):
        beginnings = from_numpy(words.reshape(count * beam, -1)).to(device)
        scores = model.next_scores(memory, beginnings).array
        step = _log_softmax(backend_of(scores).to_numpy(scores)).reshape(count, beam, -1)
        symbols = step.shape[2]
        step[over] = -np.inf
        step[over, end] = 0  # what is over stays as it is
        size = size + ~over
        sums = total[:, :, None] + step
        means = (sums / size[:, :, None]).reshape(count, -1)
        best = np.argpartition(-means, beam - 1, axis=1)[:, :beam]
        ordered = np.argsort(-np.take_along_axis(means, best, 1), axis=1, kind="stable")
        best = np.take_along_axis(best, ordered, 1)
        parents, chosen = np.divmod(best, symbols)
        total = np.take_along_axis(sums.reshape(count, -1), best, 1)
        size = np.take_along_axis(size, parents, 1)
        over = np.take_along_axis(over, parents, 1) | (chosen == end)
        words = np.take_along_axis(words, parents[:, :, None], 1)
        words = np.concatenate([words, chosen[:, :, None]], 2)
        if over.all():
            break
    return words[:, 0, 1:]


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    shifted = scores.astype(np.float64) - scores.max(1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(1, keepdims=True))
    return shifted
