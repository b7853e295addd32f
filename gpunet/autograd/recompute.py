"""`Recomputation`: a part of the tape that forgets what it saved, and computes it again.

The part keeps its nodes and edges, so the backward pass sees the same tape as ever and adds the
same gradients in the same order. Only the saved arrays go::

    forward     input ─> node 1 ─> node 2 ─> node 3 ─> output     saved: dropped
    backward    input ─> node 1'─> node 2'─> node 3'              the function once more
                         saved     saved     saved                handed to nodes 3, 2, 1

The engine asks for what a node saved when it is the node's turn. At the first such request the
function runs again; the tape that this leaves is taken apart into what its nodes saved.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..backend.rng import CURRENT, using
from .autocast import resumed
from .changes import CHANGES, next_number, saved_arrays
from .mode import MODE, enable_grad
from .tape import Node, Operation, Output, Variable

__all__ = ["CheckpointError", "Recomputation"]


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function did not do what the first did."""


class Recomputation:
    """One call of a function whose saved arrays are dropped and, in backward, computed again.

    Parameters
    ----------
    function : callable
    args, kwargs : tuple, dict
        Its arguments.
    preserve_rng_state : bool
        Draw the same random numbers in the second run as in the first.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        preserve_rng_state: bool,
    ):
        self.function = function
        # What the first run changes in place gets another array; the second run starts as it did.
        self.args = tuple([_as_it_is(x) for x in args])
        self.kwargs = {name: _as_it_is(x) for name, x in kwargs.items()}
        # A copy shares what is on the devices, so nothing is uploaded for it.
        self.generator = copy.copy(CURRENT.generator) if preserve_rng_state else None
        self.autocast = resumed(MODE.autocast)
        self.start = next_number()
        self.end = 0
        self.did: list[Any] = []
        self.found: list[Any] = []

    def casting(self) -> AbstractContextManager[Any]:
        """A context for both runs: `autocast` as it was around the first.

        It keeps no rounded weights: one that was rounded before the function began is no part of
        the function's tape, and would be in the second run.
        """
        plain = self.autocast.block is None and MODE.autocast is None
        return nullcontext() if plain else self.autocast

    def forget(self, outputs: Any) -> None:
        """Drop what was saved for `outputs`, the result of the first run."""
        nodes = _nodes(outputs, self.start)
        self.did = [_done(node) for node in nodes]
        self.end = next_number()
        for i, node in enumerate(nodes):
            node.saved = None
            node.recompute = self, i

    def saved(self, index: int) -> tuple[Any, int]:
        """What node `index` saved, and the moment at which the second run did so. Handed out once.

        Raises
        ------
        CheckpointError
            If the second run does not do the operations of the first on the same shapes.
        RuntimeError
            If an argument or what the function used otherwise was changed in place meanwhile.
        """
        if not self.found or self.found[index] is None:
            self.found = self._run_again()
        saved, recompute, number = self.found[index]
        self.found[index] = None
        if saved is None and recompute is not None:  # a checkpoint within this one
            inner, i = recompute
            return inner.saved(i)
        return saved, number

    def _run_again(self) -> list[Any]:
        for x in (*self.args, *self.kwargs.values()):
            if isinstance(x, Variable) and CHANGES.since(self.start, x.array):
                raise _changed("an argument", x.array)
        changed = CHANGES.after(self.end)
        start = next_number()
        random = nullcontext() if self.generator is None else using(copy.copy(self.generator))
        with enable_grad(), random, self.casting():
            outputs = self.function(*self.args, **self.kwargs)
        nodes = _nodes(outputs, start)
        self._compare([_done(node) for node in nodes])
        if changed is not None:
            for node in nodes:
                for array in saved_arrays(node.saved or (), node.backend.array_type):
                    if changed.since(self.end, array):
                        raise _changed("a tensor that the function uses", array)
        return [(node.saved, node.recompute, node.number) for node in nodes]

    def _compare(self, again: list[Any]) -> None:
        if again == self.did:
            return
        first = next(
            (pair for pair in zip(self.did, again) if pair[0] != pair[1]),
            (f"{len(self.did)} operations", f"{len(again)}"),
        )
        raise CheckpointError(
            "checkpoint: the function did something else when it was run again in backward: "
            f"{first[0]} the first time, {first[1]} the second; it must depend on its arguments "
            "and on unchanged modules only"
        )


def _as_it_is(x: Any) -> Any:
    """`x`; for a tensor that an operation made another one with its present values and history."""
    if isinstance(x, Variable) and x.node is not None:
        return Operation.result(x.array, x.node)
    return x


def _nodes(outputs: Any, start: int) -> list[Node]:
    """The nodes made after the moment `start` that `outputs` were made by, in their order."""
    stack = [x.node for x in _variables(outputs) if x.node is not None]
    seen: set[Node] = set()
    while stack:
        node = stack.pop()
        if node in seen or node.number < start:
            continue
        seen.add(node)
        stack.extend([edge for edge in node.edges if type(edge) is Node])
    return sorted(
        [node for node in seen if type(node.function) is not Output], key=lambda node: node.number
    )


def _variables(x: Any) -> Iterator[Variable]:
    if isinstance(x, Variable):
        yield x
    elif isinstance(x, tuple | list):
        for item in x:
            yield from _variables(item)
    elif isinstance(x, dict):
        yield from _variables(list(x.values()))
    elif hasattr(x, "__dataclass_fields__"):
        yield from _variables(vars(x))


def _done(node: Node) -> tuple[Any, ...]:
    """What `node` did: its name, and the shape and dtype of each array that it saved."""
    arrays = saved_arrays(node.saved or (), node.backend.array_type)
    return node.function.name, *[(array.shape, array.dtype.name) for array in arrays]


def _changed(what: str, array: Any) -> RuntimeError:
    return RuntimeError(
        f"checkpoint: {what}, of shape {array.shape}, was changed in place after the forward "
        "pass, so it cannot be run again; change it after backward(), or use a copy"
    )
