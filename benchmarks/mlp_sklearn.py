"""The perceptron of `benchmarks.mlp` as scikit-learn's MLPClassifier."""

from __future__ import annotations

import numpy as np

from .case import Work
from .mlp import SIZES, data, row_centred

__all__ = ["inference"]


def inference(batch: int) -> Work:
    """The probabilities of one batch: the classifier offers no logits."""
    from sklearn.neural_network import MLPClassifier

    (w1, b1, w2, b2), X, labels = data(batch)
    classifier = MLPClassifier(hidden_layer_sizes=SIZES[1:-1])
    classifier.partial_fit(X, labels, classes=np.arange(SIZES[-1]))  # makes its attributes
    classifier.coefs_, classifier.intercepts_ = [w1.T.copy(), w2.T.copy()], [b1, b2]
    return Work(
        lambda: classifier.predict_proba(X), lambda: row_centred(classifier.predict_log_proba(X))
    )
