"""The tape: it records which operation made which tensor, and runs the operations backwards.

An operation is a pair of functions on raw arrays, from `gpunet.ops`::

    forward(backend, *arrays, **options)            -> output array, saved arrays
    backward(backend, dY, saved, needs)             -> one gradient (or None) for each input

`Operation` puts such a pair on the tape. Calling it computes the output and, where a gradient may
be asked for later, leaves a `Node` behind:

    loss.node ─> Node(cross_entropy) ─> Node(linear) ─> Node(linear) ─> leaf: weight
                                              └─> leaf: weight    └─> leaf: bias

Nodes point backwards only, from an output to the nodes and leaf tensors that it was made from, so
there are no cycles and a graph is freed, by its reference counts, as soon as its last output is
dropped. `backward` takes the nodes in the reverse of the order in which they were made, which one
global counter gives, and drops each node's saved arrays once it has used them.

Gradients are of first order: backward functions work on raw arrays and leave no tape of their own.
"""

from __future__ import annotations

from .autocast import autocast, get_autocast_dtype, is_autocast_enabled, mixes
from .function import Function, FunctionContext
from .gradients import backward, grad
from .mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .tape import Node, Operation, Variable

__all__ = [
    "Function",
    "FunctionContext",
    "Node",
    "Operation",
    "Variable",
    "autocast",
    "backward",
    "enable_grad",
    "get_autocast_dtype",
    "grad",
    "inference_mode",
    "is_autocast_enabled",
    "is_grad_enabled",
    "mixes",
    "no_grad",
    "set_grad_enabled",
]
