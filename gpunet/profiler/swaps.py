"""What a profile puts in place of gpunet's own functions while it lasts, to see them called.

Nothing in gpunet asks whether it is profiled: off, a profile costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from ..autograd import Function, Operation, Variable, engine
from ..autograd.changes import saved_arrays
from ..autograd.tape import Node, Output
from ..backend import CPU, Backend
from ..backend.swaps import Swaps as _Swaps
from ..optim import Optimizer
from .counts import (
    arrays_in,
    bytes_of,
    kernel_bytes,
    kernel_flops,
    moved,
    product_flops,
    views,
)
from .recorder import Recorder

__all__ = ["Swaps"]


class Swaps(_Swaps):
    """Everything of gpunet that a profile replaces."""

    def enter(self, recorder: Recorder, backends: list[Backend]) -> None:
        """Let `recorder` see operations, backward passes, optimisers, products and kernels."""
        try:
            self.put(Operation, "forward", _forward(recorder, vars(Operation)["forward"]))
            self.put(Function, "apply", _function(recorder, vars(Function)["apply"]))
            self.put(engine, "_step", _backward(recorder, engine._step))
            for kind in _with_step(Optimizer):
                self.put(kind, "step", _optimizer(recorder, vars(kind)["step"]))
            for be in backends:
                self.put(be, "gemm", _product(recorder, "gemm", be.gemm))
                self.put(be, "batched_gemm", _product(recorder, "batched_gemm", be.batched_gemm))
                for name, kernel in list(vars(be.kernels).items()):
                    self.put(be.kernels, name, _kernel(recorder, name, kernel))
            # Products that go on to what follows them, of which several backends share the maker.
            for maker in {getattr(be, "cublaslt", None) for be in backends}:
                if maker is not None:
                    self.put(maker, "fused", _product(recorder, "gemm", maker.fused))
            # An optimiser has kernels of its own on the CPU, in the forms for its size.
            forms = type(CPU.kernels_for(0))
            self.put(forms, "__getattribute__", _forms(recorder, forms.__getattribute__))
        except BaseException:
            self.restore()
            raise


def _arrays(inputs: Any) -> list[Any]:
    return [x.array for x in inputs if isinstance(x, Variable)]


def _forward(recorder: Recorder, slot: Any) -> property:
    """In place of the slot `Operation.forward`: what is in it, timed.

    The slot and not ``Operation.__call__``, which `autocast` replaces too.
    """

    def get(self: Operation) -> Callable[..., Any]:
        forward, name = slot.__get__(self), self.name

        def timed(be: Backend, *inputs: Any, **options: Any) -> Any:
            inside = recorder.inside()
            if inside is not None and inside.name == name and inside.category == "operation":
                return forward(be, *inputs, **options)  # the same one, for other types
            event = recorder.begin(name, "operation")
            try:
                result = forward(be, *inputs, **options)
            finally:
                recorder.end(event)
            given = arrays_in(inputs)
            event.shapes = [x.shape for x in given]
            if event.parted:  # by kernels, which know better what they move
                return result
            output = result[0]
            made = arrays_in(output if type(output) is tuple else (output,))
            if not all(views(be, x, given) for x in made):
                event.nbytes = moved(name, given, made)
            return result

        return timed

    return property(get, slot.__set__)


def _function(recorder: Recorder, apply: Any) -> Any:
    @wraps(apply.__func__)
    def timed(cls: type[Function], *args: Any) -> Any:
        event = recorder.begin(cls.__name__, "operation")
        try:
            return apply.__func__(cls, *args)
        finally:
            recorder.end(event)
            event.shapes = [x.shape for x in _arrays(args)]

    return classmethod(timed)


def _backward(recorder: Recorder, step: Callable[..., None]) -> Callable[..., None]:
    @wraps(step)
    def timed(node: Node, retain_graph: bool, only: set[int] | None) -> None:
        function, dY = node.function, node.grad
        given = arrays_in(dY if type(dY) is list else (dY,))
        if type(function) is Output or not given:  # no work, only a note where the gradient goes
            step(node, retain_graph, only)
            return
        be = node.backend
        read = bytes_of(given)
        if node.saved is not None:
            read += bytes_of(saved_arrays(node.saved, be.array_type))
        event = recorder.begin(f"{function.name} backward", "backward")
        try:
            step(node, retain_graph, only)
        finally:
            recorder.end(event)
        event.shapes = [x.shape for x in given]
        if event.parted:
            return
        gradients = [
            edge.grad if type(edge) is Node else getattr(edge.grad, "array", None)
            for edge in node.edges
            if edge is not None
        ]
        written = arrays_in(gradients)
        if not all(views(be, x, given) for x in written):
            event.nbytes = read + bytes_of(written)

    return timed


def _optimizer(recorder: Recorder, step: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(step)
    def timed(self: Optimizer, *args: Any, **options: Any) -> Any:
        name = f"Optimizer.step#{type(self).__name__}.step"
        inside = recorder.inside()
        if inside is not None and inside.name == name:  # called by the step of a derived class
            return step(self, *args, **options)
        event = recorder.begin(name, "optimizer")
        try:
            return step(self, *args, **options)
        finally:
            recorder.end(event)

    return timed


def _product(recorder: Recorder, name: str, multiply: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(multiply)
    def timed(A: Any, B: Any, out: Any = None, *more: Any) -> Any:
        event = recorder.begin(name, "product")
        try:
            result = multiply(A, B, out, *more)
        finally:
            recorder.end(event)
        event.shapes = [A.shape, B.shape]
        if result is not False:  # there is no such product
            event.flops = product_flops(A, B)
            event.nbytes = bytes_of((A, B, result if out is None else out, *arrays_in(more)))
        return result

    return timed


def _kernel(recorder: Recorder, name: str, kernel: Callable[..., None]) -> Callable[..., None]:
    @wraps(kernel)
    def timed(*arguments: Any, **options: Any) -> None:
        event = recorder.begin(name, "kernel")
        try:
            kernel(*arguments, **options)
        finally:
            recorder.end(event)
        arrays = arrays_in(arguments)
        event.shapes = [x.shape for x in arrays]
        event.flops = kernel_flops(name, arguments)
        event.nbytes = kernel_bytes(name, arguments)

    return timed


def _forms(recorder: Recorder, get: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[Any, Any] = {}

    def timed(self: Any, name: str) -> Any:
        try:
            found = get(self, name)
        except AttributeError:  # not asked for before
            found = self.__getattr__(name)
        if name.startswith("_"):
            return found
        if found not in known:
            known[found] = _kernel(recorder, name, found)
        return known[found]

    return timed


def _with_step(kind: type[Optimizer]) -> Iterator[type[Optimizer]]:
    """The class and all below it, those that define a `step`."""
    if "step" in vars(kind):
        yield kind
    for below in kind.__subclasses__():
        yield from _with_step(below)
