"""Activation checkpointing: memory for time. The names are those of ``torch.utils.checkpoint``.

::

    y = checkpoint(block, x)                         # block(x), without its intermediate results
    y = checkpoint_sequential(model, 4, x)           # the same for each quarter of a Sequential

A network of n equal layers in ``sqrt(n)`` checkpointed parts keeps ``2 sqrt(n)`` layers' results
at once instead of n, for one more forward pass.

Source: Chen, Xu, Zhang and Guestrin, Training Deep Nets with Sublinear Memory Cost, 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..autograd.mode import MODE
from ..autograd.recompute import CheckpointError, Recomputation
from ..nn.sequential import Sequential

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential"]


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = False,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, of which backward computes again what it needs.

    After the forward pass only the arguments and the result are kept. When backward arrives, the
    function is run a second time, what its operations save is used, and each piece is dropped after
    its use, with `gpunet.autocast` as it was. The gradients are those without a checkpoint, bit for
    bit, those of parameters that the function uses included. Checkpoints may be nested. Without a
    tape (`gpunet.no_grad`) this is a plain call.

    Parameters
    ----------
    function : callable
        It must do the same in the second run. What it does beside its result is done twice, as in
        PyTorch: a batch norm in training moves its running statistics twice, and hooks run twice.
    *args, **kwargs
        Its arguments; only those that are tensors themselves may be changed in place by it.
    use_reentrant : bool, optional
        PyTorch's other form, with its limits, is not here: False, or None for the default.
    preserve_rng_state : bool
        Draw the same random numbers (dropout) in the second run, and leave the default generator
        where it was. A generator that the function has itself is not set back.

    Returns
    -------
    Any
        What the function returns. The tensors in it are found in tuples, lists, dicts and
        dataclasses; others keep what was saved for them.

    Raises
    ------
    NotImplementedError
        For ``use_reentrant=True``.
    CheckpointError
        In backward, if the second run does other operations, or on other shapes.
    RuntimeError
        In backward, if an argument or a parameter was changed in place since the forward pass, or
        at a second backward pass without ``retain_graph=True`` in the first. With it, each
        pass runs the function again.

    Notes
    -----
    All of one function's saved arrays are there at the end of its first run and again in
    backward, so the functions should be small parts of a network, or have checkpoints in them.
    """
    if use_reentrant:
        raise NotImplementedError(
            "checkpoint: use_reentrant=True is not supported; use_reentrant=False gives the same "
            "gradients without its limits"
        )
    if not MODE.enabled:
        return function(*args, **kwargs)
    recomputation = Recomputation(function, args, kwargs, preserve_rng_state)
    with recomputation.casting():
        outputs = function(*args, **kwargs)
    recomputation.forget(outputs)
    return outputs


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = False,
    **kwargs: Any,
) -> Any:
    """Run functions one after the other, with a `checkpoint` around each segment but the last.

    Parameters
    ----------
    functions : Sequential or sequence of callable
        Each is called with what the one before it returned.
    segments : int
        How many parts of equal length to cut them into, from 1 to their number; what is left over
        belongs to the last part. That is not checkpointed, as backward needs it first.
    input : Tensor
    use_reentrant : bool, optional
    preserve_rng_state : bool
        See `checkpoint`.

    Raises
    ------
    ValueError
        If `segments` is outside that range, or for another keyword.
    NotImplementedError
        For ``use_reentrant=True``.
    """
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError(f"checkpoint_sequential: unexpected keyword arguments {', '.join(kwargs)}")
    # A part of a Sequential is one too, which joins activations to the layers before them.
    layers = isinstance(functions, Sequential)
    steps = list(functions.children() if layers else functions)
    if not 1 <= segments <= len(steps):
        raise ValueError(
            f"checkpoint_sequential: expected segments from 1 to {len(steps)}, the number of "
            f"functions, got {segments}"
        )
    length = len(steps) // segments
    last = length * (segments - 1)
    for start in range(0, last, length):
        part = steps[start : start + length]
        input = checkpoint(
            Sequential(*part) if layers else partial(_run, part),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve,
        )
    rest = steps[last:]
    return Sequential(*rest)(input) if layers else _run(rest, input)


def _run(steps: Sequence[Callable[[Any], Any]], x: Any) -> Any:
    for step in steps:
        x = step(x)
    return x
