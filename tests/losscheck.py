"""`check`: a loss of `gpunet.nn.functional` against PyTorch's of the same name, by `opcheck`."""

from __future__ import annotations

import numpy as np
from opcheck import check_op, on_device, torch_or_none

import gpunet.nn.functional as F

__all__ = ["REDUCTIONS", "check"]

REDUCTIONS = ("mean", "sum", "none")
torch = torch_or_none()


def theirs(name, *args, **options):
    """PyTorch's function of the same name, or None without PyTorch."""
    if torch is None:
        return None
    function = getattr(torch.nn.functional, name)
    converted = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    return lambda *xs: function(*xs, *(torch.tensor(a) for a in args), **converted)


def ours(name, device, *args, **options):
    """Our function; check_op runs in float32 too, and weights have the dtype of the input."""
    function = getattr(F, name)

    def run(*xs):
        converted = {
            k: on_device(v.astype(xs[0].dtype), device) if isinstance(v, np.ndarray) else v
            for k, v in options.items()
        }
        return function(*xs, *(on_device(a, device) for a in args), **converted)

    return run


def check(name, device, inputs, *args, float32=True, **options):
    check_op(
        ours(name, device, *args, **options),
        *inputs,
        device=device,
        torch_function=theirs(name, *args, **options),
        float32=float32,
    )
