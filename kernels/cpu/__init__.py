"""The Numba forms, loaded when the first array arrives that is large enough to pay for them.

This file imports neither Numba nor the families: `SMALLEST_WORK` tells the backend what there is,
and `load` imports one family. Where Numba is missing or broken the backend stays with the reference
forms; `problem` says why.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from functools import cache
from types import ModuleType

__all__ = ["SMALLEST_WORK", "load", "load_family", "problem", "settings", "usable_cores"]

#: Elements of a kernel's first argument from which its Numba form is faster than its reference
#: form, as measured by ``gpunet bench kernels``. A kernel that is not here has none.
SMALLEST_WORK = {
    "resample": 64,
    "transpose_matrices": 32768,
    "attention_softmax_forward": 64,
    "attention_softmax_backward": 64,
    "avg_pool_backward": 64,
    "avg_pool_forward": 64,
    "max_pool_backward": 64,
    "max_pool_forward": 64,
    "col2im": 256,
    "conv_backward_input": 64,
    "conv_backward_weight": 64,
    "conv_forward": 64,
    "depthwise_backward_weight": 64,
    "depthwise_backward_input": 64,
    "depthwise_forward": 64,
    "im2col": 256,
    "ctc_forward": 64,
    "ctc_backward": 64,
    "dropout": 16,
    "embedding_backward": 256,
    "embedding_forward": 1,
    "gather_rows": 16384,
    "activation_forward": 256,
    "activation_backward": 256,
    "adam_step": 256,
    "amsgrad_step": 256,
    "clip_scale": 1024,
    "sgd_momentum_step": 256,
    "sgd_step": 1024,
    "sum_of_squares": 1024,
    "bias_act_forward": 64,
    "bias_act_backward": 64,
    "layer_forward": 64,
    "softmax_forward": 64,
    "softmax_backward": 64,
    "log_softmax_forward": 64,
    "log_softmax_backward": 64,
    "cross_entropy_forward": 64,
    "cross_entropy_backward": 64,
    "nll_forward": 64,
    "nll_backward": 32,
    "layer_norm_forward": 64,
    "layer_norm_backward": 64,
    "rms_norm_forward": 64,
    "rms_norm_backward": 64,
    "batch_norm_forward": 64,
    "batch_norm_infer": 64,
    "batch_norm_backward": 64,
    "group_norm_forward": 64,
    "group_norm_backward": 64,
    "pointwise_loss_forward": 64,
    "pointwise_loss_backward": 64,
    "gru_forward": 64,
    "gru_backward": 64,
    "lstm_forward": 64,
    "lstm_backward": 64,
    "rnn_forward": 64,
    "rnn_backward": 64,
    "recurrent_step": 256,
    "philox_bits": 16,
    "philox_integers": 16,
    "philox_normal": 16,
    "philox_uniform": 16,
}

_FAMILY = {
    "resample": "resample",
    "transpose_matrices": "transpose",
    "attention_softmax_forward": "attention",
    "attention_softmax_backward": "attention",
    "avg_pool_backward": "avg_pool",
    "avg_pool_forward": "avg_pool",
    "max_pool_backward": "max_pool",
    "max_pool_forward": "max_pool",
    "col2im": "im2col",
    "conv_backward_input": "convolution",
    "conv_backward_weight": "convolution",
    "conv_forward": "convolution",
    "depthwise_backward_weight": "depthwise",
    "depthwise_backward_input": "depthwise",
    "depthwise_forward": "depthwise",
    "im2col": "im2col",
    "ctc_forward": "ctc",
    "ctc_backward": "ctc",
    "dropout": "dropout",
    "embedding_backward": "embedding",
    "embedding_forward": "embedding",
    "gather_rows": "gather",
    "activation_forward": "activation",
    "activation_backward": "activation",
    "adam_step": "optimizer",
    "amsgrad_step": "optimizer",
    "clip_scale": "optimizer",
    "sgd_momentum_step": "optimizer",
    "sgd_step": "optimizer",
    "sum_of_squares": "optimizer",
    "bias_act_forward": "activation",
    "bias_act_backward": "activation",
    "layer_forward": "activation",
    "softmax_forward": "softmax",
    "softmax_backward": "softmax",
    "log_softmax_forward": "softmax",
    "log_softmax_backward": "softmax",
    "cross_entropy_forward": "softmax",
    "cross_entropy_backward": "softmax",
    "nll_forward": "softmax",
    "nll_backward": "softmax",
    "layer_norm_forward": "norm",
    "layer_norm_backward": "norm",
    "rms_norm_forward": "norm",
    "rms_norm_backward": "norm",
    "batch_norm_forward": "batch_norm",
    "batch_norm_infer": "batch_norm",
    "batch_norm_backward": "batch_norm",
    "group_norm_forward": "group_norm",
    "group_norm_backward": "group_norm",
    "pointwise_loss_forward": "pointwise_loss",
    "pointwise_loss_backward": "pointwise_loss",
    "gru_forward": "gru",
    "gru_backward": "gru",
    "recurrent_step": "recurrent_step",
    "lstm_forward": "lstm",
    "lstm_backward": "lstm",
    "rnn_forward": "rnn",
    "rnn_backward": "rnn",
    "philox_bits": "random",
    "philox_integers": "random",
    "philox_normal": "random",
    "philox_uniform": "random",
}


class Settings:
    """What the backend tells the kernels.

    Attributes
    ----------
    threads : int
        Threads that share a large kernel.
    """

    def __init__(self) -> None:
        self.threads = usable_cores()


@cache
def problem() -> str:
    """Why Numba cannot be used, in one line; empty if it can. The first call imports it."""
    if importlib.util.find_spec("numba") is None:
        return "not installed"
    try:
        from numba.core import config
    except Exception as error:  # built for another NumPy, a library missing: whatever it was
        lines = str(error).strip().splitlines()
        return f"cannot be imported: {lines[0] if lines else type(error).__name__}"
    return "NUMBA_DISABLE_JIT is set" if vars(config).get("DISABLE_JIT") else ""


def load(name: str) -> Callable[..., None]:
    """The Numba form of the kernel `name`; the first call imports Numba.

    Raises
    ------
    ImportError
        If there is a `problem` with Numba.
    """
    return getattr(load_family(_FAMILY[name]), name)


def load_family(name: str) -> ModuleType:
    """The file `name` of this folder, which imports Numba; errors as of `load`."""
    if problem():
        raise ImportError(f"Numba: {problem()}")
    return importlib.import_module(f"{__name__}.{name}")


def usable_cores() -> int:
    """Cores that this process may run on, where the system says so; otherwise all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


settings = Settings()
