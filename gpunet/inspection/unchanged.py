"""Undoing all that a forward and a backward pass leave behind in a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..backend.rng import default_generator
from ..nn import Module

__all__ = ["unchanged"]

_TABLES = ("_own_parameters", "_own_buffers", "_own_modules", "_transient")


@contextmanager
def unchanged(modules: Iterable[Module]) -> Iterator[None]:
    """At the end of the block everything is as before, bit for bit.

    Within it the parameters have no gradients and no memory for them, so that the user's are not
    touched. Put back are the gradients, the buffers (running statistics), the random generator of
    gpunet, and every attribute of a module or of its tensors that was set anew. The elements of
    parameters, which nothing in a forward and a backward pass writes to, are not copied.
    """
    whole = {id(m): m for module in modules for m in module.modules()}.values()
    attributes = [(m, dict(m.__dict__), [_copied(m, table) for table in _TABLES]) for m in whole]
    parameters = _tensors(whole, "_own_parameters")
    buffers = _tensors(whole, "_own_buffers")
    tensors = [(x, dict(x.__dict__)) for x in (*parameters, *buffers)]
    elements = [(x.array, x.array.copy()) for x in buffers]
    generator = dict(default_generator.__dict__)
    for p in parameters:
        p.grad = p.grad_buffer = None
    try:
        yield
    finally:
        default_generator.__dict__.update(generator)
        for array, copy in elements:
            array[...] = copy
        for x, before in (*tensors, *[(m, own) for m, own, _ in attributes]):
            x.__dict__.clear()
            x.__dict__.update(before)
        for module, _, tables in attributes:
            for name, table in zip(_TABLES, tables):
                own = module.__dict__[name]
                own.clear()
                own.update(table)


def _copied(module: Module, table: str) -> Any:
    return module.__dict__[table].copy()


def _tensors(modules: Iterable[Module], table: str) -> list[Any]:
    """The tensors in a table of the modules, each once."""
    found = {id(x): x for m in modules for x in m.__dict__[table].values() if x is not None}
    return list(found.values())
