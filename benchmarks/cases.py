"""Every benchmark there is, by name, in the order of the list."""

from __future__ import annotations

from . import (
    bandwidth,
    conv_layer,
    convolution,
    crossover,
    dataloader,
    machine,
    mlp,
    mnist_epochs,
    overhead,
    primitives,
    recurrent,
    roofline,
    textbook,
    time_to_accuracy,
    transformer,
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
        recurrent.LSTM,
        recurrent.TRAINING,
        recurrent.GENERATION,
        transformer.TRAINING,
        transformer.INFERENCE,
        time_to_accuracy.TO_ACCURACY,
        mnist_epochs.EPOCHS,
        textbook.GRADIENTS,
        textbook.EPOCH,
        dataloader.PASS,
        primitives.GEMM,
        primitives.ELEMENTWISE,
        primitives.IM2COL,
        conv_layer.LAYER,
        conv_layer.RATE,
        conv_layer.MEMORY,
        roofline.REPORT,
        bandwidth.REPORT,
        crossover.REPORT,
        overhead.TAPE,
        machine.REPORT,
    )
}
