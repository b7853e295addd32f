"""Recipes whose models take several inputs: words and lengths, or a question and an answer."""

from __future__ import annotations

from typing import Any

from ..backend import Device
from ..nn.functional import cross_entropy
from ..nn.utils import clip_grad_norm_
from ..train import Trainer
from .recipe import Recipe, Settings
from .run import Run

__all__ = ["SequenceRecipe", "SequenceTrainer", "next_token"]


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


class SequenceRecipe(Recipe):
    """The base class of recipes whose models take several inputs."""

    trainer_type = SequenceTrainer

    def trainer(self, settings: Settings, device: Device, batches: int) -> SequenceTrainer:
        model = self.model().to(device)
        optimizer = self.optimizer(model.parameters(), settings)
        return self.trainer_type(
            model,
            self.loss(),
            optimizer,
            self.scheduler(optimizer, settings, batches),
            metrics=self.metrics,
            scheduler_interval="step",
            max_norm=1.0,
        )

    def examples(self, run: Run, number: int) -> tuple[Any, Any]:
        raise ValueError(f"{self.name}: the model takes several inputs and cannot be inspected")
