"""`Recorder`: the calls of one run of a step on the CPU, with the arrays they work on.

The step runs as ever, once, and all that it does with arrays is noted as a call of a function with
its arguments: kernels, matrix products, NumPy's functions. Whatever such a call makes anew is put
into memory of the recording's own, so that the calls can be repeated, in order, with nothing around
them: no tape, no tensors, no choice of a kernel, no new memory.

What the recorder takes the place of, while it is at work in a thread::

    CPU.empty, like, gemm, ...     results in the recording's memory, calls noted
    CPU.kernels                    the form for the arrays' size, noted
    CPU.xp                         NumPy's functions, noted
    arrays                         `Traced`: operators, methods and NumPy's functions on them, noted
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from .cpu import CPU
from .memory import SMALLEST, Block, HostPool
from .refusal import refusal
from .swaps import Swaps
from .traced import ACTIVE, Traced, address, plain, recording, root, window

__all__ = ["Recorder"]

#: Functions that only look at an array's shape or dtype.
_OF_SHAPES = frozenset(
    {np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.may_share_memory,
     np.shares_memory, np.iscomplexobj, np.isrealobj, np.common_type, np.broadcast_shapes,
     np.promote_types, np.issubdtype, np.min_scalar_type, np.iinfo, np.finfo}
)  # fmt: skip
#: Functions whose result has a shape that follows from the values.
_OF_VALUES = frozenset(
    {np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.extract, np.compress, np.bincount,
     np.ndarray.nonzero, np.ndarray.compress, np.trim_zeros, np.intersect1d, np.setdiff1d}
)  # fmt: skip
#: Functions that give their argument back where there is nothing to do.
_AS_IT_IS = frozenset(
    {np.asarray, np.asanyarray, np.ascontiguousarray, np.require, np.atleast_1d, np.atleast_2d,
     np.reshape, np.ravel, np.squeeze, np.ndarray.reshape, np.ndarray.ravel, np.ndarray.astype,
     np.broadcast_to, np.expand_dims, np.moveaxis, np.transpose}
)  # fmt: skip
#: Functions other than ufuncs that compute the same into memory that they are given as ``out``.
_INTO = frozenset(
    {np.ndarray.sum, np.ndarray.max, np.ndarray.min, np.ndarray.mean, np.ndarray.prod,
     np.ndarray.cumsum, np.ndarray.argmax, np.ndarray.argmin, np.ndarray.any, np.ndarray.all,
     np.ndarray.clip, np.sum, np.max, np.min, np.mean, np.prod, np.cumsum, np.argmax, np.argmin,
     np.any, np.all, np.clip, np.concatenate, np.stack, np.dot}
)  # fmt: skip
#: Functions that copy values, perhaps to another dtype or to the shape of the result.
_COPIES = frozenset(
    {np.ascontiguousarray, np.array, np.asarray, np.copy, np.reshape, np.ravel, np.ndarray.copy,
     np.ndarray.astype, np.ndarray.reshape, np.ndarray.ravel, np.ndarray.flatten}
)  # fmt: skip
#: Functions that fill an array with one number; with none.
_FILLED: dict[Any, int | None] = {
    np.zeros: 0, np.zeros_like: 0, np.ones: 1, np.ones_like: 1, np.empty: None, np.empty_like: None
}  # fmt: skip


class Recorder:
    """Records what one thread does with arrays on the CPU.

    Parameters
    ----------
    fallback : bool
        Note what cannot be recorded in `failure`, and go on, in place of an error.

    Attributes
    ----------
    calls : list of (function, arguments)
    failure : str
        Why there is no recording; empty as long as there is one.
    live : callable
        ``live(function, args, kwargs)`` does a call of a function that is called again, as it is,
        in each replay; see `traced.live`.
    """

    array_type = np.ndarray

    def __init__(self, fallback: bool = False):
        self.fallback = fallback
        self.failure = ""
        self.live: Callable[..., Any] = _no_live
        self.calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        # Small arrays too: so each has a place that is known, and is free again when it is dropped.
        self.pool = HostPool(smallest=1, granule=64)

    # --- arrays ---------------------------------------------------------------------------------

    def traced(self, array: np.ndarray) -> Traced:
        """`array` as an array whose use is recorded."""
        if type(array) is Traced:
            return array
        return window(array, root(array)).view(Traced)

    def held(self, array: np.ndarray) -> np.ndarray:
        """`array` as a plain array that keeps its memory from being lent again."""
        return window(array, root(array)) if type(array) is Traced else array

    def known(self, x: Any) -> Any:
        """An argument as a call holds it: arrays as windows, also within lists."""
        if isinstance(x, np.ndarray):
            return self._window(x)
        if type(x) in (tuple, list):
            return type(x)([self.known(item) for item in x])
        if type(x) is dict:
            return {name: self.known(item) for name, item in x.items()}
        if isinstance(x, np.generic):
            return x.copy()
        return x

    def _window(self, array: np.ndarray) -> np.ndarray:
        holder = root(array)
        if isinstance(holder, Block) and holder.pool is self.pool:
            return window(array, holder.base)
        if type(array) is np.ndarray and not isinstance(holder, Block):
            return array
        return window(array, holder)

    def empty(self, shape: Any, dtype: Any) -> Traced:
        """`Backend.empty` in the recording's memory."""
        return self.traced(self.pool.empty(shape, dtype))

    def place(self, array: np.ndarray) -> Traced:
        """An uninitialised array with the shape, dtype and strides of `array`, if without gaps.

        The very strides, also of axes of length 1: NumPy adds up in an order that follows them.
        """
        packed = self.pool.like(array)
        extent = sum([(n - 1) * abs(s) for n, s in zip(array.shape, array.strides)])
        if (
            array.size
            and extent + array.itemsize == array.nbytes
            and min(array.strides, default=0) >= 0
        ):
            return window(packed, root(packed), array.strides).view(Traced)
        return self.traced(packed)

    # --- calls ----------------------------------------------------------------------------------

    def note(self, function: Callable[..., Any], *args: Any) -> None:
        """Add a call to the recording; `args` are windows already, or no arrays."""
        self.calls.append((function, args))

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """Do a call and note it; what it writes to is among its arguments."""
        known = self.known(args)
        function(*known)
        self.note(function, *known)

    def function(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Do and note a call of one of NumPy's functions; its result, with traced arrays."""
        if function in _OF_SHAPES:
            return function(*plain(args), **plain(kwargs))
        if function in _OF_VALUES or (
            function is np.ndarray.__getitem__ and _selects_by_value(args[1])
        ):
            self.refuse_value("a result whose shape depends on the values")
        known, options = self.known(tuple(args)), self.known(kwargs)
        result = function(*known, **options)
        if result is None:
            self._note(function, known, options)
            return None
        given = _same(result, (*known, *options.values()), (*args, *kwargs.values()))
        if given is not None:
            if function not in _AS_IT_IS:
                self._note(function, known, options)
            return given
        if type(result) in (tuple, list):
            return self._several(function, known, options, result, (args, kwargs))
        if isinstance(result, np.ndarray | np.generic):
            if isinstance(result, np.generic) and function is np.ndarray.__getitem__:
                return self._element(args, known)
            return self._result(function, known, options, result, (args, kwargs))
        if type(result) in (bool, int, float):
            self.refuse_value("a Python number")
        return result

    def _note(self, function: Callable[..., Any], args: Any, options: dict[str, Any]) -> None:
        if options:
            self.note(_with_options, function, args, options)
        else:
            self.note(function, *args)

    def _element(self, args: Any, known: Any) -> Any:
        """One element of an array, as a view without axes."""
        index = args[1] if type(args[1]) is tuple else (args[1],)
        return self._viewed(known[0][(*index, ...)], args[0])

    def _viewed(self, view: np.ndarray, of: np.ndarray) -> Traced:
        # The second view makes its base a traced array: what is a view tells itself by that.
        return window(view, root(of)).view(Traced).view()

    def _result(self, function: Any, known: Any, options: Any, result: Any, given: Any) -> Traced:
        if isinstance(result, np.ndarray):
            owner = _owner(result, given)
            if owner is not None:
                return self._viewed(result, owner)
        result = np.asarray(result)
        place = self.place(result)
        out = self._window(place)
        if function in _FILLED or next(_arrays((known, options)), None) is None:
            self._constant(function, out, result)
            return place
        if isinstance(function, np.ufunc) or function in _INTO:
            into = {**options, "out": out}
            if _gives(function, known, into, out, result):
                self._note(function, known, into)
                return place
        if function in _COPIES and _copies(function, known[0], out, result):
            self.note(_copy, out.reshape(known[0].shape), known[0])
            return place
        np.copyto(out, result)
        self.note(_copy_result, out, function, known, options)
        return place

    def _constant(self, function: Any, out: np.ndarray, result: np.ndarray) -> None:
        """What a function makes of no array's values: made again, as it may be written to."""
        np.copyto(out, result)
        if function in _FILLED and _FILLED[function] is not None:
            self.note(np.ndarray.fill, out, _FILLED[function])
        elif function not in _FILLED:
            self.note(np.copyto, out, result)

    def _several(self, function: Any, known: Any, options: Any, results: Any, given: Any) -> Any:
        """A list or tuple of results: views, or copies of all of them."""
        found: list[Any] = []
        places: list[np.ndarray | None] = []
        for result in results:
            owner = _owner(result, given) if isinstance(result, np.ndarray) else None
            if owner is not None:
                found.append(self._viewed(result, owner))
                places.append(None)
            elif isinstance(result, np.ndarray | np.generic):
                place = self.place(np.asarray(result))
                out = self._window(place)
                np.copyto(out, result)
                places.append(out)
                found.append(place)
            else:
                found.append(result)
                places.append(None)
        if any(place is not None for place in places):
            self.note(_copy_results, places, function, known, options)
        return type(results)(found)

    # --- what cannot be recorded ------------------------------------------------------------------

    def refuse(self, what: str) -> None:
        """Say that the step does `what`, which cannot be recorded.

        Raises
        ------
        CaptureError
            Unless `fallback` is set.
        """
        error = refusal(what)
        if not self.fallback:
            raise error
        self.failure = self.failure or str(error)

    def refuse_value(self, what: str) -> None:
        """The same for a step that makes `what` from the values of a tensor."""
        self.refuse(f"{what} is made from the values of a tensor")

    # --- in place of the CPU backend's own --------------------------------------------------------

    @contextmanager
    def active(self) -> Iterator[None]:
        """Record what this thread does inside of the block."""
        with Swaps() as swaps:
            own: dict[str, Callable[..., Any]] = {
                "empty": self.empty, "like": self._like, "gemm": self._gemm,
                "batched_gemm": self._batched_gemm, "erf": self._erf,
                "to_numpy": self._to_numpy, "from_numpy": self._from_numpy,
            }  # fmt: skip
            for name, form in own.items():
                swaps.put(CPU, name, _here(form, getattr(CPU, name)))
            swaps.put(CPU, "kernels", _Kernels(self, CPU.kernels))
            swaps.put(CPU, "xp", _Functions(self, np))
            swaps.put(CPU, "array_type", Traced)
            with recording(self):
                yield

    def _like(self, array: np.ndarray) -> Traced | None:
        return None if array.nbytes < SMALLEST else self.traced(self.pool.like(array))

    def _gemm(self, A: Any, B: Any, out: Any = None) -> Any:
        if out is None:
            out = self.empty((A.shape[0], B.shape[1]), A.dtype)
        known = self.known((A, B, out))
        function = CPU.blas.bound(*known)
        with CPU.blas.alone():
            function(*known)
        self.note(function, *known)
        return out

    def _batched_gemm(self, A: Any, B: Any, out: Any = None) -> Any:
        if out is None:
            out = self.empty((*A.shape[:-1], B.shape[-1]), A.dtype)
        self.call(type(CPU).batched_gemm.__get__(CPU), A, B, out)
        return out

    def _erf(self, X: Any, out: Any = None) -> Any:
        if out is None:
            out = self.place(X)
        self.call(type(CPU).erf.__get__(CPU), X, out)
        return out

    def _to_numpy(self, array: Any) -> Any:
        self.refuse_value("a NumPy array")
        return plain(array)

    def _from_numpy(self, array: Any, device: Any = None, non_blocking: bool = False) -> Any:
        return np.asarray(array) if type(array) is not Traced else array


def _no_live(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    raise NotImplementedError("a recorder below the tensors knows no such functions")


def _here(form: Callable[..., Any], usual: Callable[..., Any]) -> Callable[..., Any]:
    """`form` in the thread that records, `usual` in all others."""

    def either(*args: Any, **kwargs: Any) -> Any:
        return (usual if ACTIVE.recorder is None else form)(*args, **kwargs)

    return either


class _Kernels:
    """The kernels as attributes; a call in the thread that records is noted."""

    def __init__(self, recorder: Recorder, kernels: Any):
        self._recorder = recorder
        self._kernels = kernels

    def __getattr__(self, name: str) -> Callable[..., None]:
        usual = getattr(self._kernels, name)

        def kernel(first: Any, *rest: Any) -> None:
            if ACTIVE.recorder is None:
                usual(first, *rest)
            else:
                self._recorder.call(CPU.form(name, first.size), first, *rest)

        return kernel


class _Functions:
    """A module of NumPy whose functions are noted in the thread that records."""

    def __init__(self, recorder: Recorder, module: Any):
        self._recorder = recorder
        self._module = module

    def __getattr__(self, name: str) -> Any:
        usual = getattr(self._module, name)
        if ACTIVE.recorder is None or isinstance(usual, type) or not callable(usual):
            return _Functions(self._recorder, usual) if isinstance(usual, ModuleType) else usual
        return _Function(self._recorder, usual)


class _Function:
    """One of NumPy's functions, with the methods that ufuncs have."""

    def __init__(self, recorder: Recorder, function: Callable[..., Any]):
        self._recorder = recorder
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._recorder.function(self._function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._function, name)
        return _Function(self._recorder, attribute) if callable(attribute) else attribute


# --- calls that a recording makes ---------------------------------------------------------------


def _with_options(function: Callable[..., Any], args: Any, options: dict[str, Any]) -> None:
    function(*args, **options)


def _copy(out: np.ndarray, source: np.ndarray) -> None:
    np.copyto(out, source, casting="unsafe")


def _copy_result(out: np.ndarray, function: Any, args: Any, options: dict[str, Any]) -> None:
    np.copyto(out, function(*args, **options))


def _copy_results(places: Any, function: Any, args: Any, options: dict[str, Any]) -> None:
    for place, result in zip(places, function(*args, **options)):
        if place is not None:
            np.copyto(place, result)


# --- looking at arguments and results -----------------------------------------------------------


def _arrays(x: Any) -> Iterator[np.ndarray]:
    if isinstance(x, np.ndarray):
        yield x
    elif type(x) in (tuple, list):
        for item in x:
            yield from _arrays(item)
    elif type(x) is dict:
        yield from _arrays(list(x.values()))


def _owner(result: np.ndarray, given: Any) -> np.ndarray | None:
    """The argument that `result` is a view of."""
    if result.base is None:
        return None
    for array in _arrays(given):
        if np.may_share_memory(result, array):
            return array
    return None


def _same(result: Any, known: Any, given: Any) -> Any:
    """What was given to a function that returns one of its arguments."""
    for own, array in zip(known, given):
        if own is result and isinstance(own, np.ndarray):
            return array
        if type(own) is tuple and len(own) == 1 and own[0] is result:
            return array[0]
    return None


def _selects_by_value(index: Any) -> bool:
    """Whether an index is, or has in it, a mask."""
    items = index if type(index) is tuple else (index,)
    return any(isinstance(item, np.ndarray) and item.dtype == bool for item in items)


def _copies(function: Any, source: Any, out: np.ndarray, result: np.ndarray) -> bool:
    """Whether a result is the values of an array, in the same order."""
    if not isinstance(source, np.ndarray) or not out.flags.c_contiguous:
        return False
    with np.errstate(all="ignore"):
        _copy(out.reshape(source.shape), source)
    return out.tobytes() == result.tobytes()


def _gives(function: Any, known: Any, into: Any, out: np.ndarray, result: np.ndarray) -> bool:
    """Whether a call with ``out`` works and gives the same bits."""
    try:
        function(*known, **into)
    except TypeError:
        return False
    return address(out) != 0 and out.tobytes() == result.tobytes()
