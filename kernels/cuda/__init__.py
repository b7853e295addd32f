"""The CUDA forms: one ``.cu`` file and one Python file a family.

The Python functions have the names and arguments of the reference forms; each one picks the grid
and hands its arrays to `launch.Source`, which checks and casts them after the kernel's own
signature in the ``.cu`` file. CuPy is imported at the first launch.
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

FAMILIES = (
    activation,
    attention,
    batch_norm,
    convolution,
    depthwise,
    ctc,
    dropout,
    embedding,
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
