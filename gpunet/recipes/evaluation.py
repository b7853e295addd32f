"""How well a run's model does on the held-out data, class by class."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import no_grad
from ..backend import backend_of
from ..train.batches import moved
from .run import Run

__all__ = ["answers", "confusion", "macro_f1", "tables"]

#: Pairs of classes that are shown.
_PAIRS = 5


def answers(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """The labels of the held-out samples and the model's answers, both of shape (N,)."""
    labels, found = [], []
    run.module.eval()
    with no_grad():
        for batch in run.held_out:
            *inputs, targets = moved(batch, run.device)
            array = run.module(*inputs).array
            be = backend_of(array)
            found.append(be.to_numpy(array.argmax(axis=1)))
            labels.append(be.to_numpy(targets.array))
    return np.concatenate(labels), np.concatenate(found)


def confusion(labels: np.ndarray, found: np.ndarray, classes: int) -> np.ndarray:
    """How many samples of class i were taken for class j, of shape (classes, classes)."""
    counts = np.bincount(labels * classes + found, minlength=classes * classes)
    return counts.reshape(classes, classes)


def macro_f1(counts: np.ndarray) -> float:
    """The mean over the classes of ``F1 = 2 right / (there + said)``, each class as important.

    A class that is neither there nor said has 0, as in scikit-learn.

    Parameters
    ----------
    counts : array of shape (classes, classes)
        As `confusion` returns it.
    """
    both = counts.sum(0) + counts.sum(1)
    return float(np.mean(2 * np.diag(counts) / np.maximum(both, 1)))


def tables(run: Run) -> list[Any]:
    """For the terminal: precision and recall of each class, and the pairs mistaken most often."""
    from rich import box
    from rich.table import Table

    names = run.recipe.classes
    counts = confusion(*answers(run), len(names))
    by_class = Table("class", "samples", "recall", "precision", box=box.SIMPLE_HEAD)
    for column in by_class.columns[1:]:
        column.justify = "right"
    for i, name in enumerate(names):
        right, there, said = counts[i, i], counts[i].sum(), counts[:, i].sum()
        by_class.add_row(name, f"{there:,}", _share(right, there), _share(right, said))
    wrong = counts - np.diag(np.diag(counts))
    pairs = Table("class", "taken for", "times", box=box.SIMPLE_HEAD)
    pairs.columns[2].justify = "right"
    for k in np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]:
        i, j = divmod(int(k), len(names))
        if wrong[i, j]:
            pairs.add_row(names[i], names[j], f"{wrong[i, j]:,}")
    return [by_class, pairs] if pairs.row_count else [by_class]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
