"""What a training run consists of: found in the trainer, copied, put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..autograd import Variable
from ..backend import backend_of
from ..backend.rng import Generator

__all__ = ["copied", "load_objects", "objects_of", "states_of"]


def objects_of(owner: Any) -> dict[str, Any]:
    """The attributes of `owner` that have a state, by name; those in lists and dicts too.

    These are modules, optimisers, schedulers, random generators, and whatever else has
    ``state_dict`` and ``load_state_dict``. One that has several names is given by its first.
    """
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for name, value in vars(owner).items():
        if name.startswith("_") or name == "history":  # which is long
            continue
        for path, thing in _with_state(name, value):
            if id(thing) not in seen:
                seen.add(id(thing))
                found[path] = thing
    return found


def _with_state(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _with_state(f"{path}.{key}", item)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _with_state(f"{path}.{i}", item)
    elif isinstance(value, Generator) or (
        hasattr(value, "state_dict") and hasattr(value, "load_state_dict")
    ):
        yield path, value


def states_of(objects: Mapping[str, Any]) -> dict[str, Any]:
    """The state of each; its arrays may be those of the object itself."""
    return {
        name: thing.get_state() if isinstance(thing, Generator) else thing.state_dict()
        for name, thing in objects.items()
    }


def load_objects(objects: Mapping[str, Any], states: Mapping[str, Any]) -> None:
    """Put the states back.

    Raises
    ------
    ValueError
        If the names differ, or a state does not fit its object; the message names it.
    """
    if set(objects) != set(states):
        missing = ", ".join(sorted(set(objects) - set(states))) or "nothing"
        unknown = ", ".join(sorted(set(states) - set(objects))) or "nothing"
        raise ValueError(
            f"the state does not fit this trainer: it lacks {missing}, and has {unknown} besides"
        )
    # Modules first: they refuse a state of other shapes before anything has changed.
    for name in sorted(objects, key=lambda name: not hasattr(objects[name], "parameters")):
        thing = objects[name]
        try:
            load = thing.set_state if isinstance(thing, Generator) else thing.load_state_dict
            load(states[name])
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"the state does not fit {name}: {error}") from error


def copied(state: Any) -> Any:
    """`state` with its tensors and arrays as NumPy arrays of its own. This waits for the device."""
    if isinstance(state, Mapping):
        return {key: copied(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)([copied(value) for value in state])
    if isinstance(state, Variable):
        state = state.array
    if isinstance(state, np.ndarray):
        return state.copy()
    if hasattr(state, "__cuda_array_interface__"):
        return backend_of(state).to_numpy(state)
    return state
