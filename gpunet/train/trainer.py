"""`Trainer`: epochs of optimiser steps, with loss and accuracy counted on the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from ..autograd import no_grad
from ..backend import backend_of
from ..nn import Module
from ..utils.data import DataLoader
from .callback import Callback

__all__ = ["EpochResult", "Trainer"]


@dataclass(frozen=True)
class EpochResult:
    """The means over the samples of one pass.

    Attributes
    ----------
    epoch : int
        Which one, counted from 1; 0 for an evaluation.
    loss, accuracy : float
        In training these are the means over the epoch, while the weights were changing.
    samples : int
    seconds : float
    """

    epoch: int
    loss: float
    accuracy: float
    samples: int
    seconds: float

    @property
    def samples_per_second(self) -> float:
        """Samples by the time of the whole pass."""
        return self.samples / max(self.seconds, 1e-9)


class Trainer:
    """Trains a classifier.

    Loss and accuracy are summed on the device and read once an epoch: on a GPU no step waits for
    the one before it to be computed.

    Parameters
    ----------
    model : Module
        From a mini-batch of inputs to logits of shape (N, C).
    loss_fn : callable
        From logits and labels to the mean loss, such as ``nn.CrossEntropyLoss()``.
    optimizer : Optimizer
    """

    def __init__(self, model: Module, loss_fn: Callable[[Any, Any], Any], optimizer: Any):
        self.model = model
        self.loss_fn = loss_fn
        self.optimizer = optimizer
        self.history: list[EpochResult] = []

    def fit(
        self, loader: DataLoader, epochs: int, callbacks: Sequence[Callback] = ()
    ) -> list[EpochResult]:
        """Take `epochs` passes through `loader`, with one optimiser step for each mini-batch.

        Returns
        -------
        list of EpochResult
            `history`: one for each epoch, those of earlier calls included.

        Raises
        ------
        FloatingPointError
            If the loss of an epoch is not finite.
        """
        samples = len(loader.dataset)
        for callback in callbacks:
            callback.on_fit_begin(self, epochs, samples)
        try:
            for _ in range(epochs):
                with np.errstate(all="ignore"):  # the loss is looked at below
                    result = self._epoch(loader, callbacks)
                self.history.append(result)
                for callback in callbacks:
                    callback.on_epoch_end(self, result)
                if not math.isfinite(result.loss):
                    raise FloatingPointError(
                        f"the loss became {result.loss} in epoch {result.epoch}: "
                        "lower the learning rate, or look for such values in the data"
                    )
        finally:
            for callback in callbacks:
                callback.on_fit_end(self)
        return self.history

    def _epoch(self, loader: DataLoader, callbacks: Sequence[Callback]) -> EpochResult:
        start = perf_counter()
        self.model.train()
        sums = _Sums()
        for inputs, labels in loader:
            logits = self.model(inputs)
            loss = self.loss_fn(logits, labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            sums.add(loss, logits, labels)
            for callback in callbacks:
                callback.on_batch_end(self, labels.shape[0])
        return sums.read(len(self.history) + 1, start)

    def evaluate(self, loader: DataLoader) -> EpochResult:
        """Loss and accuracy of the model in evaluation mode; it goes back to its mode after."""
        start = perf_counter()
        training = self.model.training
        self.model.eval()
        sums = _Sums()
        try:
            with no_grad():
                for inputs, labels in loader:
                    logits = self.model(inputs)
                    sums.add(self.loss_fn(logits, labels), logits, labels)
        finally:
            self.model.train(training)
        return sums.read(0, start)


class _Sums:
    """Loss and right answers, summed where the logits are."""

    def __init__(self) -> None:
        self.samples = 0
        self.loss: Any = 0.0
        self.correct: Any = 0

    def add(self, loss: Any, logits: Any, labels: Any) -> None:
        n = labels.array.shape[0]
        xp = backend_of(logits.array).xp
        self.samples += n
        self.loss = self.loss + loss.array * xp.float64(n)
        self.correct = self.correct + (logits.array.argmax(axis=1) == labels.array).sum()

    def read(self, epoch: int, start: float) -> EpochResult:
        """The means. The one place that waits for the device."""
        n = self.samples
        if not n:
            raise ValueError("expected at least one mini-batch, got none")
        loss, accuracy = float(self.loss) / n, int(self.correct) / n
        return EpochResult(epoch, loss, accuracy, n, perf_counter() - start)
