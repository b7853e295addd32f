"""The real nvmath's enums, parameters and attributes, read off ../../nvmath_api.json."""

import enum
import functools
import json
from pathlib import Path

import numpy as np

API = json.loads(Path(__file__).resolve().parents[2].joinpath("nvmath_api.json").read_text())
STATUS = {1: "NOT_INITIALIZED", 7: "INVALID_VALUE", 13: "EXECUTION_FAILED", 15: "NOT_SUPPORTED"}
INVALID_VALUE, EXECUTION_FAILED, NOT_SUPPORTED = 7, 13, 15
_RANGES = {
    "int": (-(2**31), 2**31 - 1), "size_t": (0, 2**64 - 1), "uint64_t": (0, 2**64 - 1),
    "int64_t": (-(2**63), 2**63 - 1), "intptr_t": (-(2**63), 2**63 - 1),
}  # fmt: skip


class cuBLASLtError(Exception):
    """What the bindings raise for a status; the stand-in adds why."""

    def __init__(self, status, why=""):
        self.status = status
        super().__init__(f"CUBLAS_STATUS_{STATUS[status]}{': ' + why if why else ''}")


def enum_of(name):
    return enum.IntEnum(name, API["enums"][name])


def checked(function):
    """`function` with the real one's parameters: names, number and C types of the arguments."""
    expected = API["functions"][function.__name__]

    @functools.wraps(function)
    def call(*args, **kwargs):
        names = [name for _, name in expected]
        if len(args) > len(names) or set(kwargs) - set(names[len(args) :]):
            raise TypeError(f"{function.__name__}({', '.join(names)}) got {args}, {kwargs}")
        given = {**dict(zip(names, args)), **kwargs}
        if len(given) != len(names):
            raise TypeError(f"{function.__name__}() takes exactly {len(names)} arguments")
        for kind, name in expected:
            value = given[name]
            if kind not in _RANGES:
                continue
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
                raise TypeError(f"{function.__name__}(): {name} must be an integer, got {value!r}")
            low, high = _RANGES[kind]
            if not low <= value <= high:
                raise OverflowError(f"{function.__name__}(): {name} = {value} is no {kind}")
        return function(**given)

    return call


def attribute_dtype(enum_name, attribute):
    """What ``get_..._attribute_dtype`` gives: a NumPy type."""
    name = enum_of(enum_name)(attribute).name
    if name not in API["attributes"][enum_name]:
        raise ValueError("The value has been deprecated and removed.")
    return getattr(np, API["attributes"][enum_name][name])
