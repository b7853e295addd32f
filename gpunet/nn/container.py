"""Modules in lists and dictionaries."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, TypeVar

from .module import Module, indented

__all__ = ["Indexed", "ModuleDict", "ModuleList"]

Self = TypeVar("Self", bound="Indexed")


class Indexed(Module):
    """What `Sequential` and `ModuleList` share: children "0", "1", ... as a list."""

    def _key(self, index: Any) -> str:
        size = len(self)
        place = operator.index(index)
        if not -size <= place < size:
            raise IndexError(f"index {place} is out of range")
        return list(self._own_modules)[place]

    def _renumber(self, modules: Iterable[Module]) -> None:
        """Make `modules` the children, under the names "0", "1", ..."""
        modules = list(modules)
        for name in list(self._own_modules):
            delattr(self, name)
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def __len__(self) -> int:
        return len(self._own_modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._own_modules.values())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(*self._sliced(index))
        return self._own_modules[self._key(index)]

    def _sliced(self, index: slice) -> tuple[Any, ...]:
        """The arguments that make a container of the children in `index`."""
        raise NotImplementedError(f"{type(self).__name__}._sliced")

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: Any) -> None:
        if isinstance(index, slice):
            gone = set(list(self._own_modules)[index])
        else:
            gone = {self._key(index)}
        self._renumber([m for name, m in self._own_modules.items() if name not in gone])

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]

    def append(self: Self, module: Module) -> Self:
        """Add `module` at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self: Self, modules: Iterable[Module]) -> Self:
        """Add `modules` at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend should be called with an iterable, but got "
                f"{type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Add `module` before the child at `index`."""
        if not isinstance(module, Module):
            raise TypeError(f"module should be of type: {Module}, got {type(module).__name__}")
        size = len(self)
        if not -size <= index <= size:
            raise IndexError(f"Index out of range: {index}")
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def pop(self, key: Any) -> Any:
        """Remove the child or the slice at `key` and return it."""
        gone = self[key]
        del self[key]
        return gone

    def __iadd__(self: Self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)


class ModuleList(Indexed):
    """Modules in a list, which `parameters`, `to` and so on reach.

    Parameters
    ----------
    modules : iterable of Module, optional
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _sliced(self, index: slice) -> tuple[Any, ...]:
        return (list(self)[index],)

    def insert(self, index: int, module: Module) -> None:
        """Add `module` before the child at `index`, which may lie beyond the ends as in a list."""
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(chain(self, other))

    def __repr__(self) -> str:
        """Equal modules in a row are shown once, with their number."""
        rows: list[tuple[int, int, str]] = []
        for i, text in enumerate(map(repr, self)):
            if rows and rows[-1][2] == text:
                rows[-1] = (rows[-1][0], i, text)
            else:
                rows.append((i, i, text))
        if not rows:
            return f"{self._get_name()}()"
        lines = []
        for first, last, text in rows:
            if first == last:
                lines.append(f"({first}): {text}")
            else:
                lines.append(f"({first}-{last}): {last - first + 1} x {text}")
        return f"{self._get_name()}(\n  " + "\n  ".join(map(indented, lines)) + "\n)"


class ModuleDict(Module):
    """Modules in a dictionary, which `parameters`, `to` and so on reach; it keeps its order.

    Parameters
    ----------
    modules : mapping of str to Module, or iterable of pairs, optional
    """

    def __init__(self, modules: Any = None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._own_modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        if key not in self._own_modules:
            raise KeyError(key)
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._own_modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._own_modules)

    def __contains__(self, key: object) -> bool:
        return key in self._own_modules

    def clear(self) -> None:
        """Remove all modules."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Module:
        """Remove the module `key` and return it."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> Any:
        """The names."""
        return self._own_modules.keys()

    def items(self) -> Any:
        """The names with their modules."""
        return self._own_modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._own_modules.values()

    def update(self, modules: Any) -> None:
        """Enter the modules of a mapping or of an iterable of pairs."""
        for key, module in pairs("ModuleDict", modules):
            self[key] = module


def pairs(name: str, values: Any) -> list[tuple[str, Any]]:
    """The entries of a mapping or of an iterable of pairs, or an error that says which is none."""
    if isinstance(values, Mapping | ModuleDict):
        return list(values.items())
    if not isinstance(values, Iterable):
        raise TypeError(
            f"{name}.update should be called with an iterable of key/value pairs, but got "
            f"{type(values).__name__}"
        )
    entries = []
    for i, entry in enumerate(values):
        if not isinstance(entry, Iterable):
            raise TypeError(
                f"{name} update sequence element #{i} should be Iterable; is {type(entry).__name__}"
            )
        entry = tuple(entry)
        if len(entry) != 2:
            raise ValueError(
                f"{name} update sequence element #{i} has length {len(entry)}; 2 is required"
            )
        entries.append(entry)
    return entries
