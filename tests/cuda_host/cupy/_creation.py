"""Making arrays: empty (poisoned), zeros, asarray and the copies between host and device."""

import numpy as np

from . import _standin
from ._array import allocate, check_dtype, computed, ndarray, place, unsupported


def empty(shape, dtype=float, order="C"):
    return allocate(shape, dtype, order)


def _filled(shape, dtype, order, value):
    out = allocate(shape, dtype, order, fill=False)
    out.fill(value)
    return out


def zeros(shape, dtype=float, order="C"):
    return _filled(shape, dtype, order, 0)


def ones(shape, dtype=float, order="C"):
    return _filled(shape, dtype, order, 1)


def full(shape, fill_value, dtype=None, order="C"):
    if dtype is None:
        known = isinstance(fill_value, (ndarray, np.generic))
        dtype = fill_value.dtype if known else np.array(fill_value).dtype
    out = allocate(shape, dtype, order, fill=False)
    out[...] = fill_value
    return out


def _like(prototype, dtype, order, shape):
    """An empty array with the memory order of ``prototype``, as order 'K' has it."""
    if not isinstance(prototype, ndarray):
        raise TypeError(f"Unsupported type {type(prototype)}")
    dtype = prototype.dtype if dtype is None else dtype
    if shape is not None or order in ("C", "F"):
        return allocate(prototype.shape if shape is None else shape, dtype, order)
    a = prototype._a
    if order == "A":
        return allocate(a.shape, dtype, "F" if a.flags.fnc else "C")
    axes = sorted(range(a.ndim), key=lambda k: -abs(a.strides[k]))
    made = allocate([a.shape[k] for k in axes], dtype)
    return made._view(made._a.transpose(np.argsort(axes))) if a.ndim else made


def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    return _like(prototype, dtype, order, shape)


def zeros_like(a, dtype=None, order="K", subok=None, shape=None):
    out = _like(a, dtype, order, shape)
    out.fill(0)
    return out


def ones_like(a, dtype=None, order="K", subok=None, shape=None):
    out = _like(a, dtype, order, shape)
    out.fill(1)
    return out


def full_like(a, fill_value, dtype=None, order="K", subok=None, shape=None):
    out = _like(a, dtype, order, shape)
    out[...] = fill_value
    return out


def arange(start, stop=None, step=1, dtype=None):
    args = (0, start, step) if stop is None else (start, stop, step)
    return computed(lambda: np.arange(*args, dtype=dtype), [])


def _host(obj):
    """A host array from lists that may hold arrays of the device."""
    if isinstance(obj, ndarray):
        return obj._a
    if isinstance(obj, (list, tuple)):
        return [_host(x) for x in obj]
    return obj


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, blocking=False):
    if dtype is not None:
        check_dtype(dtype)
    if isinstance(obj, ndarray):
        a = obj._a

        def wrap(out):
            if not np.may_share_memory(out, a):
                return place(out)
            return obj if out.ndim == a.ndim else obj._view(out)

        return computed(
            lambda: np.array(a, dtype=dtype, copy=copy or None, order=order, ndmin=ndmin), [a], wrap
        )
    _standin.upload("array")
    return place(np.array(_host(obj), dtype=dtype, order=order, ndmin=ndmin))


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    return array(a, dtype, bool(copy), order or "K")


def asanyarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    return array(a, dtype, bool(copy), order or "K")


def ascontiguousarray(a, dtype=None):
    return array(a, dtype, False, "C", ndmin=1)


def asfortranarray(a, dtype=None):
    return array(a, dtype, False, "F", ndmin=1)


def copy(a, order="K"):
    return array(a, None, True, order)


def astype(x, dtype, copy=True):
    return x.astype(dtype, copy=copy)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    if isinstance(a, ndarray):
        return a.get(stream, order, out, blocking)
    made = np.asarray(a, order=order)
    if out is None:
        return made
    out[...] = made
    return out


def from_dlpack(array, *, device=None, copy=None):
    if isinstance(array, ndarray):
        return array._view(array._a)
    return place(np.from_dlpack(array))


def frombuffer(*args, **kwargs):
    _standin.upload("frombuffer")
    return place(np.frombuffer(*args, **kwargs))


def get_array_module(*args):
    import cupy

    return cupy if any(isinstance(a, ndarray) for a in args) else np


def may_share_memory(a, b, max_work=None):
    pair = isinstance(a, ndarray) and isinstance(b, ndarray)
    return pair and np.may_share_memory(a._a, b._a)


def shares_memory(a, b, max_work=None):
    pair = isinstance(a, ndarray) and isinstance(b, ndarray)
    return pair and np.shares_memory(a._a, b._a)


def as_strided(x, shape=None, strides=None):
    """``cupy.lib.stride_tricks.as_strided``; a view that leaves the allocation is an error."""
    shape = x.shape if shape is None else tuple(shape)
    strides = x.strides if strides is None else tuple(strides)
    mem, low = x._mem, x.data._offset
    high = low + x.itemsize
    for n, step in zip(shape, strides, strict=True):
        low, high = low + min(0, (n - 1) * step), high + max(0, (n - 1) * step)
    if 0 not in shape and (low < 0 or high > mem.nbytes):
        raise ValueError("as_strided: the view reaches outside the allocation")
    start = mem._start + x.data._offset
    return x._view(np.ndarray(shape, x.dtype, mem.raw, start, strides))


def reshape(a, newshape, order="C"):
    if not isinstance(a, ndarray):
        raise unsupported(a)
    return a.reshape(newshape, order=order)


def broadcast_arrays(*args):
    """A list of views; a scalar among the arguments is refused, as in CuPy."""
    for a in args:
        if not isinstance(a, ndarray):
            raise unsupported(a)
    shape = np.broadcast_shapes(*[a.shape for a in args])
    return [a._view(np.broadcast_to(a._a, shape)) for a in args]


EXPORTS = [
    empty, zeros, ones, full, empty_like, zeros_like, ones_like, full_like, arange, array, asarray,
    asanyarray, ascontiguousarray, asfortranarray, copy, astype, asnumpy, from_dlpack, frombuffer,
    reshape, broadcast_arrays, get_array_module, may_share_memory, shares_memory,
]  # fmt: skip
