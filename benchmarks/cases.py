"""Every benchmark there is, by name, in the order of the list."""

from __future__ import annotations

from . import (
    bandwidth,
    convolution,
    crossover,
    dataloader,
    machine,
    mlp,
    mnist_epochs,
    overhead,
    recurrent,
    textbook,
    time_to_accuracy,
)
from .case import Case, Report

__all__ = ["CASES"]

CASES: dict[str, Case | Report] = {
    case.name: case
    for case in (
        mlp.TRAINING,
        mlp.INFERENCE,
        convolution.TRAINING,
        convolution.INFERENCE,
        convolution.LAYER,
        convolution.RATE,
        convolution.MEMORY,
        recurrent.TRAINING,
        recurrent.GENERATION,
        textbook.GRADIENTS,
        textbook.EPOCH,
        dataloader.PASS,
        mnist_epochs.EPOCHS,
        time_to_accuracy.TO_97,
        overhead.TAPE,
        crossover.REPORT,
        bandwidth.REPORT,
        machine.REPORT,
    )
}
