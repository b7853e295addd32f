"""`Function`: an operation of the user's own, as in ``torch.autograd.Function``."""

from __future__ import annotations

from typing import Any

from ..backend import backend_of
from .mode import MODE, no_grad
from .tape import Node, Operation, Output, Variable

__all__ = ["Function", "FunctionContext"]


class FunctionContext:
    """What a `Function` keeps between its forward and its backward.

    Attributes
    ----------
    needs_input_grad : tuple of bool
        For each argument whether its gradient is wanted.
    saved_tensors : tuple
        What `save_for_backward` was given.
    """

    def __init__(self, needs_input_grad: tuple[bool, ...]):
        self.needs_input_grad = needs_input_grad
        self.saved_tensors: tuple[Any, ...] = ()
        self.materialize_grads = True
        self.non_differentiable: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for ``backward``, where they are ``ctx.saved_tensors``."""
        # On the tape a change in place gives a tensor another array: what is kept is this one.
        self.saved_tensors = tuple(
            [Operation.result(x.array) if isinstance(x, Variable) else x for x in tensors]
        )

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (True, the default) or None for an unused output."""
        self.materialize_grads = value


class Function:
    """Base class of operations that a user defines by their forward and backward.

    Define two static methods over tensors and call ``apply``::

        class Square(gpunet.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, grad_output):
                (x,) = ctx.saved_tensors
                return 2 * x * grad_output

        y = Square.apply(x)

    Neither method is recorded: gradients are of first order.
    """

    @staticmethod
    def forward(ctx: FunctionContext, *args: Any) -> Any:
        """Compute the output (a tensor or a tuple of tensors) from the arguments of `apply`."""
        raise NotImplementedError("define forward(ctx, ...) as a static method")

    @staticmethod
    def backward(ctx: FunctionContext, *grad_outputs: Any) -> Any:
        """From the gradient of each output, the gradient of each argument of `apply`, or None."""
        raise NotImplementedError("define backward(ctx, ...) as a static method")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run ``forward`` and put the operation on the tape."""
        needs = tuple([isinstance(x, Variable) and x.requires_grad for x in args])
        ctx = FunctionContext(needs)
        with no_grad():
            result = cls.forward(ctx, *args)
        if not (any(needs) and MODE.enabled):
            return result
        outputs = result if isinstance(result, tuple) else (result,)
        backend = backend_of(outputs[0].array)
        edges = [(x.node or x) if need else None for x, need in zip(args, needs)]
        node = Node(_Backward(cls, outputs), backend, edges, (ctx,))
        if len(outputs) == 1:
            return Operation.result(outputs[0].array, node)
        node.grad = [None] * len(outputs)
        return tuple(
            y
            if any(y is fixed for fixed in ctx.non_differentiable)
            else Operation.result(y.array, Node(Output(i), backend, [node], ()))
            for i, y in enumerate(outputs)
        )


class _Backward:
    """A `Function`'s backward in the form that the engine calls."""

    into = False

    def __init__(self, function: type[Function], outputs: tuple[Variable, ...]):
        self.function = function
        self.name = function.__name__
        self.outputs = len(outputs)
        self.like = [(y.array.shape, y.array.dtype) for y in outputs]

    def backward(self, backend: Any, dY: Any, saved: Any, needs: Any) -> list[Any]:
        (ctx,) = saved
        arrays = [dY] if self.outputs == 1 else list(dY)
        if ctx.materialize_grads:
            arrays = [
                backend.zeros(*like) if array is None else array
                for array, like in zip(arrays, self.like)
            ]
        tensors = [None if array is None else Operation.result(array) for array in arrays]
        with no_grad():
            gradients = self.function.backward(ctx, *tensors)
        if not isinstance(gradients, tuple):
            gradients = (gradients,)
        if len(gradients) != len(needs):
            raise RuntimeError(
                f"{self.name}.backward returned {len(gradients)} gradients for the "
                f"{len(needs)} arguments of apply"
            )
        return [
            gradient.array if need and gradient is not None else None
            for gradient, need in zip(gradients, needs)
        ]
