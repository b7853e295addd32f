"""Kernel arguments: packed as CuPy packs them, then checked against the kernel's C++ types.

CuPy checks nothing: a Python float travels as a double, and a kernel that wants a float reads
garbage. Here that is a TypeError that names the kernel and the argument.
"""

import ctypes

import numpy as np

from . import _standin, _stream
from ._array import ndarray
from ._memory import MemoryPointer

_NAMES = {"f": "float", "i": "int", "u": "unsigned int", "b": "bool", "s": "struct"}


class Param(ctypes.Structure):
    """One row of the table that the compiled module holds for each kernel."""

    _fields_ = [
        (n, ctypes.c_int)
        for n in ("kind", "size", "align", "pointee_kind", "pointee_size", "is_const")
    ]


def _type(kind, size):
    return f"{size * 8}-bit {_NAMES[chr(kind)]}"


def _array_error(p, a, address):
    """What is wrong with array ``a`` for pointer parameter ``p``; None when nothing is."""
    if chr(p.pointee_kind) == "v":
        return None
    kind = a.dtype.kind
    if chr(p.pointee_kind) not in (kind, "s") or a.dtype.itemsize != p.pointee_size:
        if chr(p.pointee_kind) == "s":
            return None
        want = _type(p.pointee_kind, p.pointee_size)
        return f"is an array of {a.dtype}, the kernel's pointer is to {want}"
    if a.size and address % p.align:
        return f"starts at an address that is not a multiple of {p.align} (misaligned address)"
    return None


def _scalar(x):
    """(kind, numpy scalar) as CuPy packs it; None for what is no scalar."""
    if isinstance(x, bool):
        return np.bool_(x)
    if isinstance(x, int):
        return np.uint64(x) if x > 0x7FFFFFFFFFFFFFFF else np.int64(x)
    if isinstance(x, float):
        return np.float64(x)
    if isinstance(x, complex):
        return np.complex128(x)
    return x if isinstance(x, np.generic) else None


def _scalar_error(p, x, s):
    kind, want = s.dtype.kind, chr(p.kind)
    whole = kind in "iu" and want in "iu"
    if (kind != want and not whole) or s.dtype.itemsize != p.size:
        given = f"{type(x).__name__} (packed as {s.dtype})"
        return f"is a {given}, the kernel wants {_type(p.kind, p.size)}"
    if kind != want and (int(s) < 0 or int(s) >> (8 * p.size - 1)):
        return f"is {int(s)}, which {_type(p.kind, p.size)} can not hold"
    return None


def pack(name, params, args):
    """(void*[] for the launch, objects to keep alive, arrays passed)."""
    if len(args) != len(params):
        raise TypeError(f"kernel {name!r} takes {len(params)} arguments, {len(args)} were given")
    slots = (ctypes.c_void_p * max(1, len(args)))()
    keep, arrays = [], []
    for k, (p, x) in enumerate(zip(params, args, strict=True)):
        pointer = chr(p.kind) == "p"
        error = None
        if isinstance(x, np.ndarray):
            error = "is a numpy.ndarray; pass a cupy.ndarray"
        elif isinstance(x, ndarray):
            address = x._a.__array_interface__["data"][0]
            cell = ctypes.c_void_p(address)
            arrays.append((k, x))
            error = (
                _array_error(p, x, address)
                if pointer
                else (f"is an array, the kernel wants {_type(p.kind, p.size)}")
            )
        elif x is None or isinstance(x, MemoryPointer):
            cell = ctypes.c_void_p(0 if x is None else x.ptr)
            error = None if pointer else f"is a pointer, the kernel wants {_type(p.kind, p.size)}"
        else:
            s = _scalar(x)
            if s is None:
                error = f"is a {type(x).__name__}"
            elif pointer:
                error = f"is a {type(x).__name__}, the kernel wants a pointer"
            else:
                error = _scalar_error(p, x, s)
                cell = np.array(s)
        if error:
            raise TypeError(f"kernel {name!r}, argument {k}: {error}")
        keep.append(cell)
        slots[k] = cell.ctypes.data if isinstance(cell, np.ndarray) else ctypes.addressof(cell)
    return slots, keep, arrays


def guarded(name, arrays, launch):
    """A function that launches; RuntimeError when that wrote outside of one of its arrays.

    Memory that a graph uses for one array after the other has the guard bytes of the last, so in a
    capture they are put where they belong each time.
    """
    watched = [(k, x.shape, x.dtype, x._mem.guards) for k, x in arrays]
    captured = _stream.current_capture() is not None

    def work():
        if captured:
            for *_, guards in watched:
                guards.repair()
        launch()
        _standin.launch(name)
        for k, shape, dtype, guards in watched:
            where = guards.damage()
            if where:
                guards.repair()
                raise RuntimeError(
                    f"kernel {name!r} wrote out of bounds: argument {k} (shape {shape}, {dtype}), "
                    f"{where}"
                )

    return work
