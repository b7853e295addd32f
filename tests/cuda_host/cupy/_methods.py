"""The methods of ndarray that copy, convert and reshape, put on the class by ``install``."""

import numpy as np

from . import _standin
from ._array import check_dtype, computed, ndarray, operand, place, tame, written


def copy(self, order="C"):
    a = self._a
    return computed(lambda: a.copy(order), [a])


def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
    dtype = check_dtype(dtype)
    if dtype == self.dtype and not copy:
        return self
    a, casting = self._a, casting or "unsafe"
    with np.errstate(all="ignore"):
        return computed(lambda: a.astype(dtype, order=order, casting=casting), [a])


def view(self, dtype=None, type=None):
    return self._view(self._a.view() if dtype is None else self._a.view(check_dtype(dtype)))


def reshape(self, *shape, order="C", copy=None):
    shape = shape[0] if len(shape) == 1 else shape
    return self._adopted(lambda a: a.reshape(shape, order=order))


def ravel(self, order="C"):
    return self._adopted(lambda a: a.ravel(order))


def flatten(self, order="C"):
    a = self._a
    return computed(lambda: a.flatten(order), [a])


def transpose(self, *axes):
    return self._view(self._a.transpose(*axes))


def swapaxes(self, axis1, axis2):
    return self._view(self._a.swapaxes(axis1, axis2))


def squeeze(self, axis=None):
    return self._view(self._a.squeeze(axis))


def diagonal(self, offset=0, axis1=0, axis2=1):
    return self._view(self._a.diagonal(offset, axis1, axis2))


def fill(self, value):
    value = operand(value)
    written(lambda a: a.fill(value), [self._a], [value])


def sort(self, axis=-1, kind=None):
    written(lambda a: a.sort(axis), [self._a])


def partition(self, kth, axis=-1):
    written(lambda a: a.partition(kth, axis), [self._a])


def nonzero(self):
    _standin.synchronise("nonzero")
    return tuple(place(i) for i in self._a.nonzero())


def put(self, indices, values, mode="wrap"):
    indices, values = operand(indices), operand(values)
    written(
        lambda a: a.put(indices, values, mode), [self._a], [indices, values],
        lambda a: a.put(tame(indices), values, mode),
    )  # fmt: skip


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
