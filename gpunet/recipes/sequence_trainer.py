"""Training of models that take several inputs, by the words of a text or of its translation."""

from __future__ import annotations

from typing import Any

from ..nn.functional import cross_entropy
from ..nn.utils import clip_grad_norm_
from ..train import Trainer

__all__ = ["SequenceTrainer", "next_token"]


def next_token(scores: Any, targets: Any, padding: int = -100, smoothing: float = 0.0) -> Any:
    """The mean cross-entropy in nats of scores (N, L, V) and tokens (N, L), but for padding."""
    return cross_entropy(
        scores.flatten(0, 1), targets.flatten(), ignore_index=padding, label_smoothing=smoothing
    )


class SequenceTrainer(Trainer):
    """A trainer whose mini-batches are (input, ..., input, targets).

    Gradients are clipped to the norm `max_norm`: those of recurrent layers may explode.
    """

    def training_step(self, batch: Any) -> Any:
        *inputs, targets = batch
        output = self.model(*inputs)  # type: ignore[misc]
        loss = self.loss_fn(output, targets)  # type: ignore[misc]
        self.optimizer.zero_grad()
        loss.backward()
        if self.max_norm is not None:
            clip_grad_norm_(self.model.parameters(), self.max_norm)  # type: ignore[union-attr]
        self.optimizer.step()
        return self._values(loss, output, targets)

    def evaluation_step(self, batch: Any) -> Any:
        *inputs, targets = batch
        output = self.model(*inputs)  # type: ignore[misc]
        return self._values(self.loss_fn(output, targets), output, targets)  # type: ignore[misc]
