"""The reference forms: NumPy-API Python that runs on NumPy and CuPy arrays and defines each kernel.

A kernel writes its results into arrays that the caller gives and returns nothing. Its first
argument is the array whose size measures the work. What each argument is, and which may share
memory, is written on the reference form and holds for every form.

`KERNELS` maps each name to its reference form, in the order of the files.
"""

from __future__ import annotations

from . import (
    activation,
    attention,
    batch_norm,
    convolution,
    ctc,
    depthwise,
    dropout,
    embedding,
    gather,
    group_norm,
    gru,
    im2col,
    lstm,
    norm,
    optimizer,
    pointwise_loss,
    pool,
    random,
    recurrent_step,
    resample,
    rnn,
    softmax,
    transpose,
)

#: The families, one file each.
FAMILIES = (
    activation,
    attention,
    batch_norm,
    convolution,
    depthwise,
    ctc,
    dropout,
    embedding,
    gather,
    group_norm,
    gru,
    im2col,
    lstm,
    norm,
    optimizer,
    pool,
    random,
    recurrent_step,
    rnn,
    softmax,
    pointwise_loss,
    transpose,
    resample,
)

KERNELS = {name: getattr(family, name) for family in FAMILIES for name in family.__all__}
