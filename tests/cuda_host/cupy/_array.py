"""``cupy.ndarray``: a NumPy array inside, reachable only through what the real CuPy offers."""

import operator
import threading

import numpy as np

from . import _standin, _stream
from ._memory import MemoryPointer, alloc, poison
from ._transfer import Transfer

_SCALARS = (bool, int, float, complex, np.generic)
_KINDS = "biufc"
_COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")


def check_dtype(dtype):
    """``dtype`` as np.dtype; CuPy has no strings, objects or dates, but ml_dtypes' bfloat16."""
    dtype = np.dtype(dtype)
    if dtype.name != "bfloat16" and (dtype.kind not in _KINDS or dtype.char in "gG"):
        raise ValueError(f"Unsupported dtype {dtype}")
    return dtype


def unsupported(x):
    """The TypeError that CuPy gives for an operand that it cannot take."""
    return TypeError(f"Unsupported type {type(x)}")


def operand(x):
    """What NumPy gets for an operand: the array inside, or a scalar; never a host array."""
    if isinstance(x, ndarray):
        return x._a
    if isinstance(x, _SCALARS):
        return x
    raise unsupported(x)


class _Placing(threading.local):
    """The results of `computed` that get memory in a capture, in their order."""

    made = None


_placing = _Placing()


def place(a):
    """A cupy array with a copy of the NumPy array ``a`` in fresh device memory."""
    source, a = a, np.asarray(a)
    check_dtype(a.dtype)
    capture = _stream.current_capture()
    out = allocate(a.shape, a.dtype, "F" if a.flags.fnc else "C", fill=False)
    if capture is None:
        _stream.submit(lambda: np.copyto(out._a, a))
        return out
    if _placing.made is None:
        raise NotImplementedError("the stand-in cannot capture this")
    _placing.made.append((source, out._a))
    return out


def tame(value):
    """`value` with zeros for its integers: in a capture, an index may be any number yet."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        return np.zeros_like(value)
    if isinstance(value, (list, tuple)):
        return type(value)(tame(v) for v in value)
    if isinstance(value, dict):
        return {k: tame(v) for k, v in value.items()}
    return value


def computed(function, arrays, wrap=place, trial=None):
    """The results of ``function()``, which reads ``arrays``, as arrays of the device.

    In a capture the numbers are thrown away, and a launch of the graph writes those that it then
    finds. `function` gives NumPy arrays; `wrap` makes arrays of the device of them with `place`.
    `trial` is a function to call in a capture for the shapes.
    """
    if _stream.current_capture() is None:
        _stream.submit(int)  # the order of the stream
        return wrap(function())
    raw = (trial or function)()
    _placing.made, before = [], _placing.made
    try:
        result = wrap(raw)
        made = _placing.made
    finally:
        _placing.made = before
    known = [id(leaf) for leaf in _stream.leaves(raw)]
    targets = [(known.index(id(source)), target) for source, target in made]

    def work():
        with np.errstate(all="ignore"):
            values = list(_stream.leaves(function()))
        for k, target in targets:
            target[...] = values[k]

    if targets:
        _stream.submit(work, [*_stream.leaves(arrays), *(target for _, target in targets)])
    return result


def written(function, targets, arrays=(), trial=None):
    """Have ``function(*targets)`` write into the NumPy arrays ``targets``, reading ``arrays``."""
    if _stream.current_capture() is not None:
        (trial or function)(*(t.copy() for t in targets))  # raises what it would raise

    def work():
        with np.errstate(all="ignore"):
            function(*targets)

    _stream.submit(work, [*_stream.leaves(arrays), *targets])


def adopt(result, sources=()):
    """Wrap a result of NumPy: a view stays a view of its source, anything else is placed."""
    if isinstance(result, ndarray):
        return result
    if isinstance(result, np.ndarray) and result.base is not None:
        for s in sources:
            if result.base is s._mem.raw or np.may_share_memory(result, s._a):
                return ndarray._wrap(result, s._mem, s)
    return place(result)


def allocate(shape, dtype, order="C", fill=True):
    """Uninitialised device memory, poisoned when ``fill``."""
    dtype = check_dtype(dtype)
    shape = tuple(shape) if np.iterable(shape) else (operator.index(shape),)
    count = 1
    for n in shape:
        count *= operator.index(n)
    if count < 0 or any(n < 0 for n in shape):
        raise ValueError("negative dimensions are not allowed")
    mem = alloc(count * dtype.itemsize).mem
    view = mem.array(shape, dtype, "F" if order == "F" else "C")
    capturing = _stream.current_capture() is not None
    if fill or capturing:
        poison(view)
    if fill and capturing:
        _stream.submit(lambda: poison(view), [view])
    return ndarray._wrap(view, mem, None)


class Flags:
    """``ndarray.flags``: the three that CuPy has."""

    def __init__(self, a, owndata):
        self.c_contiguous = a.flags.c_contiguous
        self.f_contiguous = a.flags.f_contiguous
        self.owndata = owndata

    @property
    def fnc(self):
        return self.f_contiguous and not self.c_contiguous

    @property
    def forc(self):
        return self.f_contiguous or self.c_contiguous

    def __getitem__(self, name):
        return getattr(self, name.lower())


class ndarray(Transfer):
    """An array on the stand-in device."""

    __module__ = "cupy"
    __slots__ = ("__weakref__", "_a", "_base", "_mem")
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        dtype = check_dtype(dtype)
        if memptr is None:
            fresh = allocate(shape, dtype, order)
            self._a, self._mem, self._base = fresh._a, fresh._mem, None
            return
        shape = tuple(shape) if np.iterable(shape) else (shape,)
        mem, first = memptr.mem, memptr.mem._start + memptr._offset
        self._a = np.ndarray(shape, dtype, mem.raw, first, strides, order)
        self._mem, self._base = mem, None

    @classmethod
    def _wrap(cls, a, mem, base):
        self = object.__new__(cls)
        if base is not None and not a.flags.writeable and a.base is mem.raw and 0 not in a.strides:
            a.flags.writeable = True  # NumPy's diagonal is read-only, CuPy's is not
        self._a, self._mem, self._base = a, mem, base
        return self

    # -- description ------------------------------------------------------------------------
    @property
    def shape(self):
        return self._a.shape

    @shape.setter
    def shape(self, value):
        self._a = self._a.reshape(value, copy=False)

    @property
    def dtype(self):
        return self._a.dtype

    strides = property(lambda self: self._a.strides)
    size = property(lambda self: self._a.size)
    nbytes = property(lambda self: self._a.nbytes)
    ndim = property(lambda self: self._a.ndim)
    itemsize = property(lambda self: self._a.itemsize)
    flags = property(lambda self: Flags(self._a, self._base is None))
    base = property(lambda self: self._base)
    T = property(lambda self: self._view(self._a.T))
    mT = property(lambda self: self._view(self._a.mT))
    real = property(lambda self: self._adopted(lambda a: a.real))
    imag = property(lambda self: self._adopted(lambda a: a.imag))
    flat = property(lambda self: iter(self.ravel()))

    @property
    def data(self):
        return MemoryPointer(self._mem, self._a.ctypes.data - self._mem.ptr)

    @property
    def device(self):
        from .cuda import Device

        return Device(0)

    def _view(self, a):
        return ndarray._wrap(a, self._mem, self if self._base is None else self._base)

    def _adopted(self, function):
        """A function of the array inside: a view where NumPy gives one."""
        a = self._a
        return computed(lambda: function(a), [a], lambda result: adopt(result, (self,)))

    # -- protocols --------------------------------------------------------------------------
    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        from . import _ufunc

        if "out" in kwargs:
            kwargs["out"] = kwargs["out"][0] if len(kwargs["out"]) == 1 else kwargs["out"]
        function = _ufunc.TABLE.get(ufunc.__name__)
        if function is None:
            return NotImplemented
        if ufunc.__name__ in _COMPARISONS:
            # NumPy turns a scalar on the left of a comparison into a 0-d array (numpy#12142).
            inputs = [x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs]
        return (function if method == "__call__" else getattr(function, method))(*inputs, **kwargs)

    def __array_function__(self, func, types, args, kwargs):
        import cupy

        holder = cupy
        for part in func.__module__.split(".")[1:]:
            holder = getattr(holder, part, None)
        own = getattr(holder, func.__name__, None)
        if own is None or own is func:
            return NotImplemented
        if not all(issubclass(t, (ndarray, np.ndarray)) for t in types):
            return NotImplemented
        return own(*args, **kwargs)

    @property
    def __cuda_array_interface__(self):
        described = dict(self._a.__array_interface__)
        described.update(version=3, stream=1, data=(described["data"][0], False))
        return described

    def __dlpack__(self, **kwargs):
        return self._a.__dlpack__()

    def __dlpack_device__(self):
        return self._a.__dlpack_device__()  # says host memory, which it is

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    # -- container --------------------------------------------------------------------------
    def __len__(self):
        return len(self._a)

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def _index(self, index):
        """The index for NumPy. A host array is uploaded, as CuPy does it; a mask waits."""
        parts = index if isinstance(index, tuple) else (index,)
        made, arrays = [], False
        for p in parts:
            if isinstance(p, ndarray):
                p, arrays = p._a, True
            elif isinstance(p, (np.ndarray, list, tuple)):
                if isinstance(p, (list, tuple)):
                    p = [operand(q) if isinstance(q, ndarray) else q for q in p]
                _standin.upload("index")
                p, arrays = np.asarray(p if len(p) or isinstance(p, np.ndarray) else [], None), True
                p = p.astype(np.int32) if p.size == 0 and p.dtype.kind == "f" else p
            if isinstance(p, np.ndarray) and p.dtype.kind not in "biu":
                raise IndexError(
                    "arrays used as indices must be of integer or boolean type "
                    f"(actual: {p.dtype.type})"
                )
            made.append(p)
        return made, arrays

    def __getitem__(self, index):
        parts, arrays = self._index(index)
        if any(isinstance(p, np.ndarray) and p.dtype == bool for p in parts):
            _standin.synchronise("boolean mask")
        if not any(p is Ellipsis for p in parts):
            parts.append(Ellipsis)  # so that a full index gives a 0-d view, not a scalar
        a, index = self._a, tuple(parts)
        if arrays:
            return computed(lambda: a[index], [a, index], trial=lambda: a[tame(index)])
        return self._view(a[index])

    def __setitem__(self, index, value):
        if isinstance(value, (list, tuple)):
            raise unsupported(value)
        parts, _ = self._index(index)
        if getattr(value, "ndim", 0) and any(
            isinstance(p, np.ndarray) and p.dtype == bool for p in parts
        ):
            _standin.synchronise("boolean mask")  # how many places? a scalar needs no answer
        index, value = tuple(parts), operand(value)
        written(
            lambda a: a.__setitem__(index, value), [self._a], [index, value],
            lambda a: a.__setitem__(tame(index), value),
        )  # fmt: skip
