"""TF-IDF weights, against their formula and against scikit-learn."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from gpunet.text import TfIdf, split

TEXTS = [
    "my card has not arrived",
    "my card , my card !",
    "the exchange rate of the day",
    "is the card here ?",
]


def test_the_formula():
    weights = TfIdf(normalize=False)
    X = weights.fit_transform(TEXTS)
    assert list(weights.terms) == sorted(weights.terms)
    card, the = weights.terms.index("card"), weights.terms.index("the")
    assert weights.idf[card] == pytest.approx(np.log(5 / 4) + 1)
    assert weights.idf[the] == pytest.approx(np.log(5 / 3) + 1)
    assert X.dtype == np.float32
    assert X[:, card] == pytest.approx(weights.idf[card] * np.array([1, 2, 0, 1]))
    sub = TfIdf(normalize=False, sublinear=True).fit_transform(TEXTS)
    assert sub[1, card] == pytest.approx(weights.idf[card] * (1 + np.log(2)))
    assert sub[0, card] == X[0, card]
    unit = TfIdf().fit_transform(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sublinear": True},
        {"ngrams": (1, 2)},
        {"ngrams": (2, 3), "min_documents": 2},
        {"max_features": 4},
        {"normalize": False, "how": "whitespace"},
    ],
)
def test_as_scikit_learn(options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = pytest.importorskip("sklearn.feature_extraction.text")
    ours = TfIdf(**options)
    how = options.get("how", "words")
    theirs = text.TfidfVectorizer(
        tokenizer=lambda t: split(t, how),
        token_pattern=None,
        lowercase=False,
        ngram_range=options.get("ngrams", (1, 1)),
        min_df=options.get("min_documents", 1),
        sublinear_tf=options.get("sublinear", False),
        norm="l2" if options.get("normalize", True) else None,
    )
    rng = np.random.default_rng(1)
    words = ["card", "the", "my", "rate", "arrived", "not", "is", "here"]
    texts = TEXTS + [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(30)]
    X, Y = ours.fit_transform(texts[:25]), theirs.fit_transform(texts[:25]).toarray()
    if "max_features" in options:  # which of equally frequent terms stay is not the same
        assert X.shape == (25, 4)
        kept = [theirs.vocabulary_[term] for term in ours.terms]
        np.testing.assert_allclose(ours.idf, theirs.idf_[kept], rtol=1e-6)
        return
    assert list(ours.terms) == list(theirs.get_feature_names_out())
    np.testing.assert_allclose(X, Y, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(
        ours.transform(texts[25:]), theirs.transform(texts[25:]).toarray(), rtol=1e-5, atol=1e-7
    )


def test_the_weights_of_tokens():
    weights = TfIdf().fit(TEXTS)
    found = weights.weights_of(["card", "tulip", "rate"])
    rate = np.log(5 / 2) + 1
    assert found == pytest.approx([np.log(5 / 4) + 1, rate, rate])
    assert weights.weights_of(["tulip"], unknown=0.5) == pytest.approx([0.5])
    assert not weights.transform(["tulip", ""]).any()


def test_files(tmp_path):
    weights = TfIdf(ngrams=(1, 2), min_documents=2, sublinear=True).fit(TEXTS)
    weights.save(tmp_path / "w.json")
    again = TfIdf.load(tmp_path / "w.json")
    np.testing.assert_array_equal(again.transform(TEXTS), weights.transform(TEXTS))
    described = json.loads((tmp_path / "w.json").read_text())
    changes = [{"idf": [1.0]}, {"idf": [float("nan")] * len(weights.terms)}, {"ngrams": [2, 1]},
               {"format": "x"}, {"terms": None}]  # fmt: skip
    wrong = [json.dumps({**described, **change}).encode() for change in changes]
    for content in [b"", b"[]", b"\xff", b'{"format": "gpunet TF-IDF"}', *wrong]:
        (tmp_path / "w.json").write_bytes(content)
        with pytest.raises(ValueError, match=r"w\.json is no TF-IDF: "):
            TfIdf.load(tmp_path / "w.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ngrams": (2, 1)}, r"ngrams: expected the least and the most tokens"),
        ({"min_documents": 0}, "min_documents: expected 1 or more, got 0"),
        ({"max_features": 0}, "max_features: expected 1 or more, got 0"),
        ({"how": "letters"}, "expected one of characters"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        TfIdf(**options)


def test_nothing_to_learn_from():
    with pytest.raises(ValueError, match="none of 11 terms is in 4 of the 2 texts"):
        TfIdf(min_documents=4).fit([*TEXTS[:1], "is the exchange rate here tomorrow"])
    with pytest.raises(RuntimeError, match="call fit first"):
        TfIdf().transform(TEXTS)
