"""`inspect`: one batch through a model, forwards and backwards, and the numbers of every layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd import Variable, enable_grad, grad
from ..backend import backend_of
from ..dtypes import FLOATING
from ..nn import Module
from ..optim import Optimizer
from ..tensor import Tensor
from .building import Measured, build
from .probe import Probe
from .report import Report
from .sums import square_sum
from .unchanged import unchanged
from .updates import needs_closure, squared_updates

__all__ = ["inspect"]


def inspect(
    model: Module,
    loss_fn: Callable[[Any, Any], Any],
    inputs: Any,
    targets: Any,
    optimizer: Optimizer | None = None,
) -> Report:
    """Measure every layer of `model` on one batch, and say why a layer learns slowly.

    The model runs in the mode that it is in: call ``model.train()`` first to see what training
    sees. Afterwards model, optimiser and random generator are as they were, bit for bit: gradients,
    running statistics and hooks too. What a forward method of your own changes inside an object
    (it appends to a list) stays changed.

    Layers are the modules with parameters of their own, and the activations. An activation that
    follows a layer at once, as a module or as a function (``F.relu(self.fc(x))``), shares its row,
    and delta is then the gradient with respect to the weighted input z; one that stands elsewhere
    has a row of its own where it is a module. A layer that is used several times has one row with
    the numbers of all uses together. `LayerReport` has the formulas, `gpunet.inspection.units` what
    counts as saturated and dead, `gpunet.inspection.thresholds` from where on a number is called
    small or large.

    Everything is summed up on the device, and read once.

    Parameters
    ----------
    model : Module
    loss_fn : callable
        ``loss_fn(output, targets)``, a tensor of one element. The loss is taken for a mean over the
        samples, unless ``loss_fn.reduction`` is ``"sum"``.
    inputs : Tensor, or tuple of arguments
    targets : Tensor or anything that `loss_fn` takes
        The first axis of a tensor is that of the samples; otherwise that of the inputs is.
    optimizer : Optimizer, optional
        The one that trains the model: its next step is taken on a copy of the parameters and of its
        state. Without it there are no updates in the report, and neither with one that needs a
        closure (`LBFGS`).

    Returns
    -------
    Report

    Raises
    ------
    TypeError
        If an argument or the loss is not what is said here.
    ValueError
        If the batch is empty, the loss has several elements, or the optimiser has none of the
        model's parameters.

    Examples
    --------
    >>> from gpunet import inspection, nn, randint, randn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 3))
    >>> inputs, targets = randn(16, 4), randint(0, 3, (16,))
    >>> report = inspection.inspect(model, nn.CrossEntropyLoss(), inputs, targets)
    >>> [(layer.name, layer.kind) for layer in report.layers]
    [('0', 'Linear + Sigmoid'), ('2', 'Linear')]
    """
    _check(model, loss_fn, optimizer)
    arguments = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    samples = _samples(arguments, targets)
    modules = [m for m in (model, loss_fn) if isinstance(m, Module)]
    parameters = list(model.parameters())
    if optimizer is not None:
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if not any(id(p) in own for p in parameters):
            raise ValueError("optimizer: none of its parameters is one of the model's")
    with unchanged(modules), enable_grad(), np.errstate(all="ignore"):
        probe = Probe(model)
        try:
            output = model(*arguments)
            error: list[Any] = []
            if isinstance(output, Variable) and output.node is not None:
                output.register_hook(lambda gradient: error.append(square_sum(gradient.array)))  # type: ignore[attr-defined]
            loss = loss_fn(output, targets)
            _check_loss(loss)
            probe.forward_done(loss)
        finally:
            probe.remove()
        trained = [p for p in parameters if p.requires_grad]
        if trained and loss.requires_grad:
            loss.backward(inputs=trained)
        wrong = _wrong_error(loss_fn, output, targets, samples) if error else None
        gradients = {id(p): p.grad.array for p in trained if p.grad is not None}
        updates = {}
        if optimizer is not None and gradients and not needs_closure(optimizer):
            updates = squared_updates(optimizer, parameters, gradients)
        measured = Measured(
            model=model,
            rows=probe.rows,
            loss=loss.array,
            samples=samples,
            scale=1 if getattr(loss_fn, "reduction", "mean") == "sum" else samples,
            error=error[0] if error else None,
            wrong_error=wrong,
            gradients={key: square_sum(array) for key, array in gradients.items()},
            updates=updates,
            arguments=[x for x in arguments if _is_float(x)],
            optimizer=optimizer,
        )
        return build(measured)


def _wrong_error(loss_fn: Any, output: Any, targets: Any, samples: int) -> Any:
    """The squared norm of ``dC/d output`` with each sample's targets given to another sample.

    In reverse order: of labels in a row, sorted or in turn, hardly any stay where they are.
    """
    if not isinstance(targets, Variable) or targets.array.shape[:1] != (samples,) or samples < 2:
        return None
    backend = backend_of(targets.array)
    other = Tensor(backend.contiguous(targets.array[::-1]))
    leaf = Tensor(output.array)
    leaf.requires_grad = True
    loss = loss_fn(leaf, other)
    if not loss.requires_grad:
        return None
    (gradient,) = grad(loss, leaf, allow_unused=True)
    return None if gradient is None else square_sum(gradient.array)


def _is_float(x: Any) -> bool:
    return isinstance(x, Variable) and x.array.dtype.kind in FLOATING


def _samples(arguments: Sequence[Any], targets: Any) -> int:
    """The length of the first axis of the targets, or else of the first input that has one."""
    for x in (targets, *arguments):
        if isinstance(x, Variable) and x.array.ndim:
            if not len(x.array):
                raise ValueError("inspect: expected a batch of at least one sample, got none")
            return len(x.array)
    return 1


def _check(model: Any, loss_fn: Any, optimizer: Any) -> None:
    if not isinstance(model, Module):
        raise TypeError(f"model: expected a gpunet.nn.Module, got {type(model).__name__}")
    if not callable(loss_fn):
        raise TypeError(
            f"loss_fn: expected a function of output and targets, got {type(loss_fn).__name__}"
        )
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer: expected a gpunet.optim.Optimizer, got {type(optimizer).__name__}"
        )


def _check_loss(loss: Any) -> None:
    if not isinstance(loss, Variable):
        raise TypeError(f"loss_fn: expected it to return a tensor, got {type(loss).__name__}")
    if loss.array.size != 1:
        raise ValueError(
            f"loss_fn: expected it to return one number, got a tensor of shape {loss.array.shape}"
        )
