"""BLEU, against sacrebleu."""

from __future__ import annotations

import numpy as np
import pytest

from gpunet.text import bleu


def test_the_formula():
    reference = ["the", "cat", "sat", "on", "the", "mat"]
    assert bleu([reference], [reference]) == pytest.approx(100)
    said = ["the", "cat", "sat", "on", "a", "mat"]
    expected = 100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25
    assert bleu([said], [reference]) == pytest.approx(expected)
    assert bleu([said[:4]], [reference]) == pytest.approx(100 * np.exp(1 - 6 / 4))
    assert bleu([["the"] * 4], [["a"] * 4]) == 0
    assert bleu([[]], [["a"]]) == 0


@pytest.mark.parametrize("seed", range(8))
def test_as_sacrebleu(seed):
    sacrebleu = pytest.importorskip("sacrebleu")
    rng = np.random.default_rng(seed)
    words = ["彼", "は", "水泳", "が", "得意", "で", "な", "かっ", "た", "。"]
    references = [list(rng.choice(words, rng.integers(4, 17))) for _ in range(20)]
    hypotheses = []
    for reference in references:
        kept = [word for word in reference if rng.random() < 0.9]
        hypotheses.append(
            [str(rng.choice(words)) if rng.random() < 0.1 * seed else w for w in kept]
        )
    if seed == 7:  # no run of four, or of three, is found
        hypotheses = [[word, "x"] * 3 for word in words]
        references = [[word, "y"] * 3 for word in words]
    theirs = sacrebleu.corpus_bleu(
        [" ".join(h) for h in hypotheses],
        [[" ".join(r) for r in references]],
        tokenize="none",
        force=True,
    )
    assert bleu(hypotheses, references) == pytest.approx(theirs.score, rel=1e-6)


def test_sentences_that_are_no_pairs():
    for hypotheses, references in (([["a"]], []), ([], [])):
        with pytest.raises(ValueError, match="as many hypotheses as references, and at least one"):
            bleu(hypotheses, references)
