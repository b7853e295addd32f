"""The methods of ndarray that copy, convert and reshape, put on the class by ``install``."""

import numpy as np

from . import _standin
from ._array import adopt, check_dtype, ndarray, operand, place


def copy(self, order="C"):
    return place(self._a.copy(order))


def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
    dtype = check_dtype(dtype)
    if dtype == self.dtype and not copy:
        return self
    with np.errstate(all="ignore"):
        return place(self._a.astype(dtype, order=order, casting=casting or "unsafe"))


def view(self, dtype=None, type=None):
    return self._view(self._a.view() if dtype is None else self._a.view(check_dtype(dtype)))


def reshape(self, *shape, order="C", copy=None):
    shape = shape[0] if len(shape) == 1 else shape
    return adopt(self._a.reshape(shape, order=order), (self,))


def ravel(self, order="C"):
    return adopt(self._a.ravel(order), (self,))


def flatten(self, order="C"):
    return place(self._a.flatten(order))


def transpose(self, *axes):
    return self._view(self._a.transpose(*axes))


def swapaxes(self, axis1, axis2):
    return self._view(self._a.swapaxes(axis1, axis2))


def squeeze(self, axis=None):
    return self._view(self._a.squeeze(axis))


def diagonal(self, offset=0, axis1=0, axis2=1):
    return self._view(self._a.diagonal(offset, axis1, axis2))


def fill(self, value):
    self._a.fill(operand(value))


def sort(self, axis=-1, kind=None):
    self._a.sort(axis)


def partition(self, kth, axis=-1):
    self._a.partition(kth, axis)


def nonzero(self):
    _standin.synchronise("nonzero")
    return tuple(place(i) for i in self._a.nonzero())


def put(self, indices, values, mode="wrap"):
    self._a.put(operand(indices), operand(values), mode)


def install():
    """Make the functions of this file methods."""
    for method in (
        copy,
        astype,
        view,
        reshape,
        ravel,
        flatten,
        transpose,
        swapaxes,
        squeeze,
        diagonal,
        fill,
        sort,
        partition,
        nonzero,
        put,
    ):
        setattr(ndarray, method.__name__, method)
