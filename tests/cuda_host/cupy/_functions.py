"""``cupy.sum``, ``cupy.concatenate`` and the rest: NumPy's, with CuPy's parameters and refusals.

The parameters come from ``cupy_api.json``, which was read off a real CuPy, so a keyword that the
real function lacks is a TypeError here too.
"""

import functools
import inspect
import json
import warnings
from pathlib import Path

import numpy as np

from . import _standin, _stream
from ._array import _SCALARS, adopt, computed, ndarray, operand, place, tame, unsupported, written
from ._standin import words

API = json.loads(Path(__file__).resolve().parents[1].joinpath("cupy_api.json").read_text())

#: Functions whose first argument must be an array of the device.
ARRAY_FIRST = words("""
all allclose amax amin any argmax argmin argpartition argsort argwhere around array_equal
array_split average bincount broadcast_to clip compress copyto count_nonzero cumprod cumsum
diag diagonal diff digitize dot expand_dims fill_diagonal flatnonzero flip fliplr flipud
histogram inner isclose isin kron matrix_transpose max mean median min moveaxis nan_to_num
nanargmax nanargmin nanmax nanmean nanmin nanprod nanstd nansum nanvar nonzero outer packbits
pad partition percentile permute_dims prod ptp put put_along_axis quantile ravel repeat
reshape resize roll rollaxis rot90 round searchsorted sort split squeeze std sum swapaxes take
take_along_axis tensordot tile trace transpose tril trim_zeros triu union1d unique unpackbits
unravel_index var vdot vsplit hsplit dsplit
""")
#: Functions that take a sequence of arrays first, or arrays and scalars mixed.
MIXED = words("""
append apply_along_axis array_equiv atleast_1d atleast_2d atleast_3d choose
column_stack concat concatenate convolve correlate cross delete dstack einsum extract hstack
interp ix_ lexsort meshgrid ravel_multi_index real imag select stack vstack where
""")
#: Functions of numbers and shapes alone.
MAKERS = words("""
bartlett blackman diag_indices diagflat eye hamming hanning identity indices linspace logspace
tri tril_indices triu_indices kaiser
""")
#: Functions that must know values, so the host waits for the device.
WAITING = words("""
argwhere bincount compress delete extract flatnonzero isin nonzero trim_zeros union1d unique
""")
#: NumPy warns of a mean over nothing; CuPy gives NaN without a word.
_WARNING = words("mean var std average median nanmean nanvar nanstd nanmax nanmin nanargmax")
#: What calls cuBLAS, which CuPy refuses in a capture.
_CUBLAS = words("dot inner tensordot vdot einsum convolve correlate")
#: What takes indices, which have no value yet in a capture.
_INDEXED = words("take take_along_axis put_along_axis put choose ravel_multi_index unravel_index")
_INPLACE = words("copyto fill_diagonal put put_along_axis")
_POSITIONAL = {  # NumPy functions that give no signature, or call the same thing otherwise
    "where": 3, "dot": 2, "vdot": 2, "inner": 2, "bincount": 1, "concatenate": 1, "copyto": 2,
    "lexsort": 1, "ravel_multi_index": 2, "unravel_index": 2, "clip": 3, "packbits": 1,
    "unpackbits": 1,
}  # fmt: skip


#: What CuPy leaves to Thrust, which it does not give bfloat16.
_SORTS = words("argpartition argsort lexsort partition sort union1d unique")


def _strip(x):
    """Arrays of the device to NumPy arrays, inside lists and tuples too; host arrays refused."""
    if isinstance(x, ndarray):
        return x._a
    if isinstance(x, np.ndarray):
        raise unsupported(x)
    if isinstance(x, (list, tuple)) and any(isinstance(v, (ndarray, np.ndarray, list)) for v in x):
        return type(x)(_strip(v) for v in x)
    return x


def _sources(values):
    for v in values:
        if isinstance(v, ndarray):
            yield v
        elif isinstance(v, (list, tuple)):
            yield from _sources(v)


def _wrap(result, sources):
    if isinstance(result, (np.ndarray, np.generic, bool, int, float)):
        return adopt(result, sources)
    if isinstance(result, (list, tuple)):
        return type(result)(_wrap(r, sources) for r in result)
    return result


def _common(fn, names):
    """How many leading parameters may be passed by position to NumPy's function."""
    if fn.__name__ in _POSITIONAL:
        return _POSITIONAL[fn.__name__]
    try:
        own = [p.name for p in inspect.signature(fn).parameters.values() if p.kind <= 2]
    except (ValueError, TypeError):
        return len(names)
    count = 1
    while count < min(len(names), len(own)) and names[count] == own[count] != "out":
        count += 1
    return count


def _check_first(name, value):
    if isinstance(value, ndarray):
        return
    if isinstance(value, _SCALARS) and name in ("clip", "isclose", "allclose", "outer"):
        return
    raise unsupported(value)


def make(name, fn):
    """The stand-in's ``cupy.<name>`` on top of NumPy's ``fn``."""
    names = API["names"]["cupy"][name] or []
    free = any(n.startswith("*") for n in names)
    allowed = set(names)
    lead = _common(fn, names) if not free else None
    array_first = name in ARRAY_FIRST

    @functools.wraps(fn)
    def function(*args, **kwargs):
        if not free:
            if len(args) > len(names):
                raise TypeError(
                    f"{name}() takes at most {len(names)} arguments ({len(args)} given)"
                )
            for key in kwargs:
                if key not in allowed:
                    raise TypeError(f"{name}() got an unexpected keyword argument {key!r}")
            for key, value in zip(names[lead:], args[lead:], strict=False):
                if key in kwargs:
                    raise TypeError(f"{name}() got multiple values for argument {key!r}")
                kwargs[key] = value
            args = list(args[:lead])
            while len(args) < lead and names[len(args)] in kwargs:
                args.append(kwargs.pop(names[len(args)]))
        if array_first and args:
            _check_first(name, args[0])
        if name in _SORTS and any(x.dtype.name == "bfloat16" for x in _sources(args)):
            raise TypeError(f"{name}: Thrust has no bfloat16")
        out = kwargs.get("out")
        if out is not None and not isinstance(out, ndarray):
            raise TypeError("Output arguments type must be cupy.ndarray")
        if kwargs.get("dtype") is None:
            kwargs.pop("dtype", None)
        if name in WAITING or (name == "where" and len(args) == 1):
            _standin.synchronise(name)
        sources = list(_sources((*args, *kwargs.values())))
        args = [_strip(a) for a in args]
        kwargs = {k: _strip(v) for k, v in kwargs.items() if not (k == "out" and v is None)}
        if name in _CUBLAS:
            _stream.refuse_library("cuBLAS")
        arrays = [args, kwargs]
        if out is not None:
            target = kwargs.pop("out")
            written(
                lambda o: quiet(*args, out=o, **kwargs), [target], arrays,
                lambda o: quiet(*tried(args), out=o, **tried(kwargs)),
            )  # fmt: skip
            return out
        if name in _INPLACE:
            written(
                lambda a: fn(a, *args[1:], **kwargs), [args[0]], arrays,
                lambda a: fn(a, *tried(args[1:]), **tried(kwargs)),
            )  # fmt: skip
            return None
        return computed(
            lambda: quiet(*args, **kwargs), arrays, lambda r: _wrap(r, sources),
            lambda: quiet(*tried(args), **tried(kwargs)),
        )  # fmt: skip

    tried = tame if name in _INDEXED else lambda arguments: arguments

    def quiet(*args, **kwargs):
        with np.errstate(all="ignore"):
            if name not in _WARNING:
                return fn(*args, **kwargs)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                return fn(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "cupy"
    del function.__wrapped__
    return function


def table():
    """name -> function for everything on the three whitelists."""
    made = {}
    for name in (*ARRAY_FIRST, *MIXED, *MAKERS):
        made[name] = make(name, getattr(np, name))
    return made


def _method(name, function):
    names = API["names"]["cupy.ndarray"][name] or []

    def method(self, *args, **kwargs):
        for key, value in zip(names, args, strict=False):
            if key in kwargs:
                raise TypeError(f"{name}() got multiple values for argument {key!r}")
            kwargs[key] = value
        if len(args) > len(names):
            raise TypeError(f"{name}() takes at most {len(names)} arguments ({len(args)} given)")
        for key in kwargs:
            if key not in names:
                raise TypeError(f"{name}() got an unexpected keyword argument {key!r}")
        if name == "clip":
            kwargs = {{"min": "a_min", "max": "a_max"}.get(k, k): v for k, v in kwargs.items()}
            kwargs.setdefault("a_min", None)
            kwargs.setdefault("a_max", None)
        if name == "argsort" or name == "sort":
            kwargs.pop("kind", None)
        if name == "prod" and kwargs.get("keepdims", False) is None:
            kwargs["keepdims"] = False
        return function(self, **kwargs)

    method.__name__ = name
    return method


def install(functions):
    """The methods of ndarray that are functions of the module too."""
    for name in words("""
all any argmax argmin argpartition argsort choose clip compress cumprod cumsum dot max mean
min prod ptp repeat round searchsorted std sum take trace var
"""):
        setattr(ndarray, name, _method(name, functions[name]))
    from ._ufunc import TABLE

    ndarray.conj = ndarray.conjugate = lambda self: TABLE["conjugate"](self)


def scatter(name):
    """``cupyx.scatter_add`` and its kin: still there in CuPy 14, as names for ``ufunc.at``."""
    from ._ufunc import TABLE

    target = {"scatter_add": "add", "scatter_max": "maximum", "scatter_min": "minimum"}[name]

    def function(a, slices, value):
        TABLE[target].at(a, slices, value)

    function.__name__ = name
    return function


def linalg(name):
    """``cupy.linalg.<name>`` from NumPy's."""
    fn = getattr(np.linalg, name)

    def function(*args, **kwargs):
        _check_first(name, args[0])
        allowed = API["names"]["cupy.linalg"][name]
        for key in kwargs:
            if allowed and key not in allowed:
                raise TypeError(f"{name}() got an unexpected keyword argument {key!r}")
        if name != "norm":
            _stream.refuse_library("cuSOLVER")
        args, kwargs = [_strip(a) for a in args], {k: _strip(v) for k, v in kwargs.items()}
        return computed(
            lambda: fn(*args, **kwargs),
            [args, kwargs],
            lambda r: tuple(place(x) for x in r) if isinstance(r, tuple) else place(r),
        )

    function.__name__ = name
    return function


def result_type(*arrays_and_dtypes):
    """NumPy's, over arrays of the device, scalars and dtypes."""
    return np.result_type(
        *[operand(x) if isinstance(x, (ndarray, np.ndarray)) else x for x in arrays_and_dtypes]
    )
