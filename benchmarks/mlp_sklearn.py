"""The perceptron of `gpunet.benchmarks.mlp` as scikit-learn's MLPClassifier."""

from __future__ import annotations

from typing import Any

import numpy as np

from .case import Work
from .mlp import SIZES, data, row_centred

__all__ = ["inference", "training"]


def _classifier(weights: list[np.ndarray], X: Any, labels: Any, **settings: Any) -> Any:
    """One with these weights, and without a step behind it."""
    from sklearn.neural_network import MLPClassifier

    classifier = MLPClassifier(hidden_layer_sizes=SIZES[1:-1], alpha=0.0, **settings)
    classifier.partial_fit(X, labels, classes=np.arange(SIZES[-1]))  # makes its attributes
    w1, b1, w2, b2 = weights
    classifier.coefs_, classifier.intercepts_ = [w1.T.copy(), w2.T.copy()], [b1, b2]
    del classifier._optimizer  # it has the old weights; the next step makes another
    return classifier


def training(batch: int, optimizer: str) -> Work:
    """``partial_fit`` of one batch: a step, with the checks of its input that belong to it."""
    weights, X, labels = data(batch)
    settings = {
        "SGD": {"solver": "sgd", "learning_rate_init": 0.01, "nesterovs_momentum": False},
        "Adam": {"solver": "adam", "learning_rate_init": 0.001},
    }
    classifier = _classifier(weights, X, labels, batch_size=batch, **settings[optimizer])

    def step() -> None:
        classifier.partial_fit(X, labels)

    def check() -> list[float]:
        step()
        layers = zip(classifier.coefs_, classifier.intercepts_)
        return [float(classifier.loss_), *(float(abs(w).sum()) for layer in layers for w in layer)]

    return Work(step, check)


def inference(batch: int) -> Work:
    """The probabilities of one batch: the classifier offers no logits."""
    weights, X, labels = data(batch)
    classifier = _classifier(weights, X, labels)
    return Work(
        lambda: classifier.predict_proba(X), lambda: row_centred(classifier.predict_log_proba(X))
    )
