"""BLEU: how much of a translation's wording a reference has."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

__all__ = ["bleu"]

#: The longest runs of tokens that are compared.
_ORDER = 4


def bleu(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> float:
    """BLEU of a corpus, from 0 to 100.

    With p_n the share of runs of n tokens in all hypotheses that their references have too (each as
    often as the reference has it), c tokens in all hypotheses and r in all references::

        BLEU = 100 min(1, exp(1 - r / c)) (p_1 p_2 p_3 p_4)^(1/4)

    Where no run of n tokens is found, its share is half of, a quarter of, ... one run's, as
    sacrebleu has it (smoothing "exp"). Between scores, those of the same tokens can be compared.

    Parameters
    ----------
    hypotheses, references : sequence of sequences of str
        Sentences, each a sequence of tokens.

    Raises
    ------
    ValueError
        If there are not as many of both, or none.

    Source: K. Papineni et al., "BLEU: a method for automatic evaluation of machine translation",
    2002; M. Post, "A call for clarity in reporting BLEU scores", 2018.
    """
    if len(hypotheses) != len(references) or not len(references):
        raise ValueError(
            "bleu: expected as many hypotheses as references, and at least one, got "
            f"{len(hypotheses)} and {len(references)}"
        )
    found, there = [0] * _ORDER, [0] * _ORDER
    said = wanted = 0
    for hypothesis, reference in zip(hypotheses, references):
        said += len(hypothesis)
        wanted += len(reference)
        for n in range(1, _ORDER + 1):
            runs = _runs(hypothesis, n)
            there[n - 1] += sum(runs.values())
            found[n - 1] += sum((runs & _runs(reference, n)).values())
    if not found[0] or not all(there):
        return 0.0
    smoothing = 1
    logarithms = 0.0
    for right, total in zip(found, there):
        if not right:
            smoothing *= 2
        logarithms += math.log((right or 1 / smoothing) / total)
    return 100 * min(1.0, math.exp(1 - wanted / said)) * math.exp(logarithms / _ORDER)


def _runs(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter([tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)])
