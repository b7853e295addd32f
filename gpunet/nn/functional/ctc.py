"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd import Operation, Variable, mixes
from ...backend import backend_of
from ...functions.conversion import transfer
from ...functions.shape import reshape, unsqueeze
from ...ops.ctc import ctc_loss_backward, ctc_loss_forward
from .loss import check_reduction

__all__ = ["ctc_loss"]

_ctc_loss = Operation(ctc_loss_forward, ctc_loss_backward)


def ctc_loss(
    log_probs: Variable,
    targets: Variable,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """``-log P(target)``, the probability summed over all ways to write the target: each label for
    one step or more, blanks between labels and at the ends (needed between equal labels).

    Parameters
    ----------
    log_probs : Tensor of shape (T, N, C) or (T, C)
        Logarithms of probabilities, from `log_softmax`, whose gradient PyTorch and this function
        take for granted: theirs is that of the loss as a function of the logits.
    targets : Tensor of shape (N, S), (sum of target_lengths,) or, for one sequence, (S,)
        Labels, none of them the blank; padded, or one behind the other.
    input_lengths, target_lengths : Tensor of shape (N,) or (), sequence of int, or int
        Steps and labels of each sequence. Padded targets on a GPU with lengths on the GPU are not
        waited for: lengths out of range are then taken for the nearest one.
    blank : int
        The class that stands for no label. Default: 0.
    reduction : {"mean", "sum", "none"}
        "mean" is over losses that are divided by the lengths of their targets.
    zero_infinity : bool
        Whether the losses of targets that are too long for their input are zero, not infinite.

    Raises
    ------
    ValueError
        For an unknown `reduction`.
    RuntimeError
        If shapes, dtypes or lengths do not fit.
    IndexError
        For a label that is no class, on the CPU. On a GPU its loss is NaN.

    Source: Graves, Fernandez, Gomez and Schmidhuber, Connectionist Temporal Classification, 2006.
    """
    check_reduction("ctc_loss", reduction)
    X, labels = log_probs.array, targets.array
    if (X.dtype.char not in "fd" and not mixes(X)) or labels.dtype.kind not in "iu":
        raise RuntimeError(
            "ctc_loss: expected log_probs of float32 or float64 and whole numbers as targets, got "
            f"{X.dtype} and {labels.dtype}"
        )
    single = X.ndim == 2
    if single:
        log_probs = unsqueeze(log_probs, 1)
        X = log_probs.array
        if labels.ndim == 1:
            labels = labels[None]
    if X.ndim != 3 or X.size == 0:
        raise RuntimeError(
            "ctc_loss: log_probs must have shape (T, N, C) or (T, C) and not be empty, got "
            f"{log_probs.array.shape}"
        )
    T, N, C = X.shape
    if not 0 <= blank < C:
        raise RuntimeError(f"ctc_loss: blank must be a class from 0 to {C - 1}, got {blank}")
    if type(labels) is not type(X):
        labels = transfer(targets, log_probs.device).array.reshape(labels.shape)  # type: ignore[attr-defined]
    concatenated = labels.ndim == 1
    steps = _lengths("input_lengths", input_lengths, log_probs, N, T, concatenated)
    most = labels.shape[0 if concatenated else 1]
    lengths = _lengths("target_lengths", target_lengths, log_probs, N, most, concatenated)
    xp = backend_of(X).xp
    if concatenated:
        labels = _padded(xp, labels, lengths)
    if labels.shape[0] != N:
        raise RuntimeError(
            f"ctc_loss: targets: expected {N} rows, one for each sample, got {labels.shape[0]}"
        )
    labels = xp.ascontiguousarray(labels, dtype=np.int64)
    if xp is np:
        read = np.arange(labels.shape[1]) < np.asarray(lengths)[:, None]
        wrong = read & ((labels < 0) | (labels >= C))
        if wrong.any():
            n, s = np.argwhere(wrong)[0]
            raise IndexError(
                f"ctc_loss: targets[{n}, {s}] is {labels[n, s]}: expected a class from 0 to {C - 1}"
            )
    device = backend_of(X).device_of(X)
    steps, lengths = (
        a if type(a) is type(X) else backend_of(X).from_numpy(a, device) for a in (steps, lengths)
    )
    loss = _ctc_loss(
        log_probs, Variable(labels), Variable(steps), Variable(lengths),
        blank=int(blank), reduction=reduction, zero_infinity=bool(zero_infinity),
    )  # fmt: skip
    return reshape(loss, ()) if single and reduction == "none" else loss


def _lengths(name: str, given: Any, log_probs: Any, N: int, most: int, on_host: bool) -> Any:
    """The lengths as an int64 array of shape (N,); checked where the host knows them."""
    array = given.array if isinstance(given, Variable) else np.asarray(given, np.int64)
    if array.dtype.kind not in "iu":
        raise RuntimeError(f"ctc_loss: {name}: expected whole numbers, got {array.dtype}")
    if array.size != N or array.ndim > 1:
        raise RuntimeError(
            f"ctc_loss: {name} must be of size batch_size, which is {N}, got {array.shape}"
        )
    if on_host:
        array = backend_of(array).to_numpy(array)
    xp = backend_of(array).xp
    array = xp.ascontiguousarray(array.reshape(N), dtype=np.int64)
    if xp is np and (array.min() < 0 or array.max() > most):
        raise RuntimeError(
            f"ctc_loss: expected {name} from 0 to {most}, got {array.min()} to {array.max()}"
        )
    return array


def _padded(xp: Any, labels: Any, lengths: np.ndarray) -> Any:
    """Labels one behind the other as rows, what is behind their ends being anything."""
    if lengths.sum() != labels.size:
        raise RuntimeError(
            f"ctc_loss: targets: expected {lengths.sum()} labels, the sum of target_lengths, "
            f"got {labels.size}"
        )
    starts = np.cumsum(lengths) - lengths
    places = starts[:, None] + np.arange(lengths.max())
    if not labels.size:
        return xp.zeros(places.shape, np.int64)
    return labels[xp.asarray(np.minimum(places, labels.size - 1))]
