"""A stand-in for CuPy that runs CUDA kernels on the host, for tests. See ../README.md."""

import types as _types

import numpy as _np

from . import _creation, _functions, _methods, _standin, _ufunc, cuda
from ._array import ndarray
from ._elementwise import ElementwiseKernel
from ._memory import DEFAULT_POOL as _DEFAULT_POOL
from ._memory import PinnedMemoryPool as _PinnedMemoryPool
from ._raw import RawKernel, RawModule
from ._reduction import ReductionKernel
from ._standin import words as _words
from ._ufunc import ufunc

__version__ = "14.0.0+host"
__standin__ = True

_methods.install()
_ufunc.install()
_table = _functions.table()
_functions.install(_table)
globals().update({k: v for k, v in _ufunc.TABLE.items() if k in _functions.API["names"]["cupy"]})
globals().update(_table)
globals().update({f.__name__: f for f in _creation.EXPORTS})

# Dtypes, constants and functions of dtypes: NumPy's own objects, as in CuPy.
for _name in _words("""bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 intp uintp intc uintc
    longlong ulonglong float16 float32 float64 complex64 complex128 dtype generic number integer
    signedinteger unsignedinteger inexact floating complexfloating half single double byte ubyte
    short ushort newaxis pi e inf nan euler_gamma finfo iinfo isscalar issubdtype promote_types
    can_cast broadcast_shapes isdtype ndindex printoptions get_printoptions set_printoptions
    index_exp s_"""):
    globals()[_name] = getattr(_np, _name)
result_type = _functions.result_type
linalg = _types.ModuleType("cupy.linalg")
for _name in _words("norm inv solve det slogdet cholesky qr svd eigh eigvalsh pinv matrix_rank"):
    setattr(linalg, _name, _functions.linalg(_name))
lib = _types.SimpleNamespace(stride_tricks=_types.SimpleNamespace(as_strided=_creation.as_strided))
_pinned = _PinnedMemoryPool()


def get_default_memory_pool():
    return _DEFAULT_POOL


def get_default_pinned_memory_pool():
    return _pinned


def is_available():
    return cuda.is_available()


def ndim(a):
    return a.ndim if isinstance(a, ndarray) else _np.ndim(a)


def shape(a):
    return a.shape if isinstance(a, ndarray) else _np.shape(a)


def size(a, axis=None):
    return a.size if axis is None else a.shape[axis]


__all__ = [
    "ElementwiseKernel",
    "RawKernel",
    "RawModule",
    "ReductionKernel",
    "_standin",
    "cuda",
    "ndarray",
    "ufunc",
]  # fmt: skip
