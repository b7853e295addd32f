"""The same random training in gpunet and in PyTorch, with gradients given from outside."""

from __future__ import annotations

import numpy as np
from opcheck import array_of, on_device

import gpunet

SHAPES = [(4, 3), (4,), (), (2, 3, 5), (1, 7), (0, 2)]


def make_params(device, dtype=np.float32, seed=0, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    return [on_device(np.asarray(rng.standard_normal(s), dtype), device, True) for s in shapes]


def make_torch_params(torch, dtype=np.float32, seed=0, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    return [
        torch.tensor(np.asarray(rng.standard_normal(s), dtype), requires_grad=True) for s in shapes
    ]


def gradients(params, step, seed=1, missing=0.0):
    """Random gradients as NumPy arrays, None for some; the same for the same seed and step."""
    rng = np.random.default_rng((seed, step))
    result = []
    for p in params:
        g = np.asarray(rng.standard_normal(tuple(p.shape)))
        result.append(None if rng.random() < missing else g)
    return result


def give(params, grads):
    """Give the gradients by a backward pass, so that they land where an optimiser wants them."""
    for p, g in zip(params, grads):
        p.grad = None
        if g is not None:
            weight = on_device(g.astype(p.array.dtype), str(p.device))
            gpunet.autograd.backward(p, weight)


def give_torch(torch, params, grads):
    for p, g in zip(params, grads):
        p.grad = None if g is None else torch.tensor(g).to(p.dtype)


def values(params):
    return [array_of(p).copy() for p in params]


def flat_state(state_dict):
    """The state as NumPy arrays."""
    return {
        i: {
            name: array_of(x) if isinstance(x, gpunet.Tensor) else np.asarray(x)
            for name, x in state.items()
        }
        for i, state in state_dict["state"].items()
    }
