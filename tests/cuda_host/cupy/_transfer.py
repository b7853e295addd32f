"""The methods of ndarray that bring values to the host or from it. Each read is counted."""

import numpy as np

from . import _standin


class Transfer:
    """Base class of ndarray."""

    __slots__ = ()

    def get(self, stream=None, order="C", out=None, blocking=True):
        _standin.synchronise("get")
        if out is None:
            return np.array(self._a, order=order)
        if not isinstance(out, np.ndarray):
            raise TypeError("Only numpy.ndarray can be obtained from cupy.ndarray")
        if out.dtype != self.dtype:
            raise TypeError(f"{out.dtype.name} array cannot be obtained from {self.dtype} array")
        if out.shape != self.shape:
            raise ValueError(f"Shape mismatch. Expected shape: {self.shape}, actual: {out.shape}")
        out[...] = self._a
        return out

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        _standin.upload("set")
        self._a[...] = arr

    def item(self):
        _standin.synchronise("item")
        return self._a.item()

    def tolist(self):
        _standin.synchronise("tolist")
        return self._a.tolist()

    def tobytes(self, order="C"):
        _standin.synchronise("tobytes")
        return self._a.tobytes(order)

    def __bool__(self):
        _standin.synchronise("bool")
        return bool(self._a)

    def __float__(self):
        _standin.synchronise("float")
        return float(self._a)

    def __int__(self):
        _standin.synchronise("int")
        return int(self._a)

    def __complex__(self):
        _standin.synchronise("complex")
        return complex(self._a)

    def __repr__(self):
        _standin.synchronise("repr")
        return repr(self._a)

    def __str__(self):
        _standin.synchronise("str")
        return str(self._a)

    def __format__(self, spec):
        _standin.synchronise("format")
        return format(self._a, spec)
