"""Arrays that tell a recorder what is done to them.

While a step is recorded on the CPU, every array that it sees is a `Traced`: a NumPy array whose
arithmetic, methods and functions go through the recorder, which does the work, notes the call, and
gives another `Traced` back. What is noted works on windows: plain arrays on the same memory.

A window can hold two things. One that holds the *block*, the lending of some of a pool's memory,
keeps that memory from being lent again; a traced array does so, and so is the memory of an
intermediate result free again when the step drops it, as ever. One that holds the *memory* alone
keeps it from the system but not from the pool; the calls of a recording do that, for the next of
them may well write its result to the same place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .memory import Block

if TYPE_CHECKING:
    from .recorder import Recorder

__all__ = ["ACTIVE", "Traced", "address", "live", "plain", "recording", "root", "window"]


class _Active(threading.local):
    recorder: Recorder | None = None


#: ``ACTIVE.recorder`` is what records in this thread, if anything does.
ACTIVE = _Active()


@contextmanager
def recording(recorder: Any) -> Iterator[None]:
    """Let `recorder` record what this thread does inside of the block; with None, nobody."""
    before = ACTIVE.recorder
    ACTIVE.recorder = recorder
    try:
        yield
    finally:
        ACTIVE.recorder = before


def live(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator: while a step is recorded, the call is noted as it is, not what it does."""

    @wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.recorder
        if recorder is None:
            return function(*args, **kwargs)
        return recorder.live(function, args, kwargs)

    return either


class _Window:
    """Some memory as NumPy's array interface describes it, and what keeps it alive."""

    __slots__ = ("__array_interface__", "keep")

    def __init__(self, interface: dict[str, Any], keep: Any):
        self.__array_interface__ = interface
        self.keep = keep


def address(array: np.ndarray) -> int:
    """The address of the first element."""
    return array.__array_interface__["data"][0]


def root(array: np.ndarray) -> Any:
    """What keeps the memory of `array` alive: a pool's block, or an array that owns it."""
    while True:
        base = array.base
        if base is None or isinstance(array, Block):
            return array
        if isinstance(base, _Window):
            return base.keep
        if not isinstance(base, np.ndarray):  # memory of some other object
            return array
        array = base


def window(array: np.ndarray, keep: Any, strides: Any = None) -> np.ndarray:
    """A plain array on the memory of `array` that holds `keep` and nothing else."""
    dtype = array.dtype
    interface = dict(array.__array_interface__)
    if interface["typestr"] != dtype.str or dtype.kind == "V":  # a dtype that NumPy has no name for
        interface["typestr"] = f"<u{dtype.itemsize}"
        interface.pop("descr", None)
        return np.asarray(_Window(interface, keep)).view(dtype)
    interface["strides"] = array.strides if strides is None else strides
    return np.asarray(_Window(interface, keep))


class Traced(np.ndarray):
    """An array whose use is recorded; outside of a recording it computes as any other does."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        out = kwargs.get("out")
        if out is not None and len(out) == 1:
            kwargs["out"] = out[0]
        return _call(function, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _call(function, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        return _call(np.ndarray.__getitem__, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        _call(np.ndarray.__setitem__, (self, index, value), {})

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("an array of a step that is being recorded cannot be pickled")


def _call(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    recorder = ACTIVE.recorder
    if recorder is not None:
        return recorder.function(function, args, kwargs)
    return function(*plain(args), **plain(kwargs))


def plain(x: Any) -> Any:
    """`x` with plain arrays in place of traced ones; they hold what those held."""
    if isinstance(x, Traced):
        return x.view(np.ndarray)
    if type(x) in (tuple, list):
        return type(x)([plain(item) for item in x])
    if type(x) is dict:
        return {name: plain(item) for name, item in x.items()}
    return x


def _computing(name: str) -> Any:
    function = getattr(np.ndarray, name)

    def method(self: Traced, *args: Any, **kwargs: Any) -> Any:
        return _call(function, (self, *args), kwargs)

    method.__name__ = name
    return method


def _reading(name: str) -> Any:
    function = getattr(np.ndarray, name)

    def method(self: Traced, *args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.recorder
        if recorder is not None:
            recorder.refuse_value(_READS.get(name, f"a call of {name}()"))
        return function(plain(self), *args, **kwargs)

    method.__name__ = name
    return method


_COMPUTING = [
    "all",
    "any",
    "argmax",
    "argmin",
    "argpartition",
    "argsort",
    "astype",
    "byteswap",
    "choose",
    "clip",
    "compress",
    "conj",
    "conjugate",
    "copy",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "fill",
    "flatten",
    "max",
    "mean",
    "min",
    "nonzero",
    "partition",
    "prod",
    "put",
    "ravel",
    "repeat",
    "reshape",
    "resize",
    "round",
    "searchsorted",
    "sort",
    "std",
    "sum",
    "take",
    "trace",
    "var",
]

#: What makes Python's values of an array's: how, for the message.
_READS = {
    "__bool__": "a Python condition",
    "__float__": "a Python number",
    "__int__": "a Python number",
    "__index__": "an index or a size",
    "__complex__": "a Python number",
    "__contains__": "a Python condition",
    "__str__": "a text",
    "__repr__": "a text",
    "__format__": "a text",
}
_READING = ["item", "tolist", "tobytes", "tofile", "dump", "dumps", *_READS]

for _name in _COMPUTING:
    setattr(Traced, _name, _computing(_name))
for _name in _READING:
    setattr(Traced, _name, _reading(_name))
