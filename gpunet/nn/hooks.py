"""Hooks: functions that a module calls before and after its forward and backward pass."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from ..autograd import Operation, Variable, is_grad_enabled

__all__ = ["RemovableHandle", "changes", "run_with_hooks"]

_next_id = itertools.count().__next__


class _Changes:
    """How often modules became others, in the whole process.

    Hooks were added or removed, a ``forward`` or something registered was replaced or deleted.
    `Sequential` joins layers into one operation where nobody looks between them; it looks anew
    when this number has changed. So does `gpunet.compile`.
    """

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


changes = _Changes()


class Hook:
    """One registered function.

    Attributes
    ----------
    kind : {"before", "after", "before backward", "after backward"}
    function : callable
    with_kwargs : bool
        Whether it takes the keyword arguments of the call as well.
    """

    __slots__ = ("function", "kind", "with_kwargs")

    def __init__(self, kind: str, function: Callable[..., Any], with_kwargs: bool = False):
        self.kind = kind
        self.function = function
        self.with_kwargs = with_kwargs


class RemovableHandle:
    """What registering a hook returns; ``remove()`` takes the hook away again.

    It also works as a context manager that removes the hook at the end of the block.
    """

    def __init__(self, module: Any, hook: Hook, prepend: bool = False):
        self.id = _next_id()
        self._module = weakref.ref(module)
        own = {self.id: hook}
        hooks = module._hooks or {}
        module.__dict__["_hooks"] = {**own, **hooks} if prepend else {**hooks, **own}
        changes.count += 1

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        module = self._module()
        if module is not None and module._hooks:
            hooks = {key: hook for key, hook in module._hooks.items() if key != self.id}
            module.__dict__["_hooks"] = hooks or None
            changes.count += 1

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()


def run_with_hooks(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``module(*args, **kwargs)`` does when the module has hooks."""
    hooks = list(module._hooks.values())
    for hook in hooks:
        if hook.kind != "before":
            continue
        if hook.with_kwargs:
            changed = hook.function(module, args, kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        "a forward pre-hook with with_kwargs=True must return None or a tuple "
                        f"(args, kwargs), but returned {changed!r}"
                    )
                args, kwargs = changed
        else:
            changed = hook.function(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    watch = None
    if is_grad_enabled() and any("backward" in hook.kind for hook in hooks):
        watch = _BackwardWatch(module, hooks)
        args = watch.enter(args)
    result = module.forward(*args, **kwargs)
    for hook in hooks:
        if hook.kind != "after":
            continue
        if hook.with_kwargs:
            changed = hook.function(module, args, kwargs, result)
        else:
            changed = hook.function(module, args, result)
        if changed is not None:
            result = changed
    return result if watch is None else watch.leave(result)


class _BackwardWatch:
    """Sees the gradients that pass a module, by an identity on the tape on either side of it.

    args -> [identity of the inputs] -> forward -> [identity of the outputs] -> result
             its backward: grad_input               its backward: grad_output
             the hooks are called here
    """

    def __init__(self, module: Any, hooks: Sequence[Hook]):
        self.module = module
        self.before = [hook.function for hook in hooks if hook.kind == "before backward"]
        self.after = [hook.function for hook in hooks if hook.kind == "after backward"]
        self.grad_output: tuple[Any, ...] = ()
        self.places: list[int] | None = None
        self.arity = 0

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.arity = len(args)
        if self.after:
            args, self.places = _watched(args, self._inputs_done)
        return args

    def leave(self, result: Any) -> Any:
        several = isinstance(result, tuple)
        results = result if several else (result,)
        results, _ = _watched(results, self._outputs_arrived)
        return results if several else results[0]

    def _outputs_arrived(self, gradients: list[Any], size: int, places: list[int]) -> list[Any]:
        self.grad_output = _spread(gradients, size, places)
        for function in self.before:
            changed = function(self.module, self.grad_output)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                self._check(len(changed), size, "backward pre-hook", "grad_output")
                self.grad_output = changed
        if self.after and self.places is None:  # no input wants a gradient, so none will come by
            self._call_after((None,) * self.arity)
        return [None if g is None else g.array for g in (self.grad_output[i] for i in places)]

    def _inputs_done(self, gradients: list[Any], size: int, places: list[int]) -> list[Any]:
        grad_input = self._call_after(_spread(gradients, size, places))
        return [None if g is None else g.array for g in (grad_input[i] for i in places)]

    def _call_after(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        for function in self.after:
            changed = function(self.module, grad_input, self.grad_output)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                self._check(len(changed), len(grad_input), "backward hook", "grad_input")
                grad_input = changed
        return grad_input

    def _check(self, got: int, expected: int, kind: str, what: str) -> None:
        if got != expected:
            raise RuntimeError(
                f"a {kind} of {type(self.module).__name__} returned {got} gradients, but "
                f"{what} has {expected}"
            )


def _watched(
    values: tuple[Any, ...], arrived: Callable[..., list[Any]]
) -> tuple[tuple[Any, ...], list[int] | None]:
    """`values` behind an identity whose backward pass calls `arrived`.

    Returns the values and the places of those that require a gradient; None where none does.
    """
    places = [i for i, x in enumerate(values) if isinstance(x, Variable) and x.requires_grad]
    if not places:
        return values, None
    size = len(values)

    def identity_forward(be: Any, *arrays: Any) -> Any:
        return (arrays if len(arrays) > 1 else arrays[0]), ()

    def identity_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
        return arrived(list(dY) if len(places) > 1 else [dY], size, places)

    identity = Operation(
        identity_forward, identity_backward, outputs=len(places), name="backward hook"
    )
    outputs = identity(*[values[i] for i in places])
    replaced = list(values)
    for i, output in zip(places, outputs if len(places) > 1 else (outputs,)):
        replaced[i] = output
    return tuple(replaced), places


def _spread(gradients: Sequence[Any], size: int, places: Sequence[int]) -> tuple[Any, ...]:
    """The gradients as tensors at their places among `size`, None elsewhere."""
    full: list[Any] = [None] * size
    for i, gradient in zip(places, gradients):
        full[i] = None if gradient is None else Operation.result(gradient)
    return tuple(full)
