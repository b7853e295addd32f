"""``nvmath.bindings.cublasLt`` on the host: descriptors here, products in ``_matmul``.

It refuses what the real library refuses, and what it would answer with garbage: attributes of the
wrong size, handles that are none, leading dimensions that are too short, addresses outside of an
array or less aligned than the heuristic was told, an algorithm of another problem.
"""

import ctypes
import itertools

import numpy as np

from . import _matmul
from ._api import API, INVALID_VALUE, attribute_dtype, checked, cuBLASLtError, enum_of

Epilogue = enum_of("Epilogue")
Order = enum_of("Order")
MatmulDescAttribute = enum_of("MatmulDescAttribute")
MatmulPreferenceAttribute = enum_of("MatmulPreferenceAttribute")
MatrixLayoutAttribute = enum_of("MatrixLayoutAttribute")
matmul_heuristic_result_dtype = np.dtype(
    {
        "names": ["algo", "workspace_size", "state", "waves_count", "reserved"],
        "formats": [np.dtype([("data_", "<u8", (8,))]), "<u8", "<i4", "<f4", ("<i4", (4,))],
        "offsets": list(API["heuristic_result"]["offsets"].values()),
        "itemsize": API["heuristic_result"]["itemsize"],
    }
)

_numbers = itertools.count(0x10000, 64)
_objects = {}


class _Object(dict):
    """What an opaque pointer stands for: a kind, and attributes by name."""

    def __init__(self, kind, **values):
        super().__init__(values)
        self.kind = kind
        self.number = next(_numbers)
        _objects[self.number] = self


def _get(kind, number):
    found = _objects.get(number)
    if found is None or found.kind != kind:
        raise cuBLASLtError(INVALID_VALUE, f"{number} is no {kind}")
    return found


def _set(kind, enum_name, number, attr, buf, size):
    held = _get(kind, number)
    dtype = np.dtype(attribute_dtype(enum_name, attr))
    if dtype.itemsize != size or not buf:
        raise cuBLASLtError(INVALID_VALUE, f"{enum_name} {attr} has {dtype.itemsize} bytes")
    value = np.frombuffer((ctypes.c_char * size).from_address(buf), dtype)[0]
    held[enum_of(enum_name)(attr).name] = value.item()


def _destroy(kind, number):
    _get(kind, number)
    del _objects[number]


@checked
def get_version():
    return 131000


@checked
def create():
    from cupy.cuda import runtime

    runtime.getDevice()  # raises where there is no GPU
    return _Object("handle").number


@checked
def destroy(light_handle):
    _destroy("handle", light_handle)


@checked
def matmul_desc_create(compute_type, scale_type):
    return _Object("matmul", COMPUTE_TYPE=compute_type, SCALE_TYPE=scale_type).number


@checked
def matmul_desc_destroy(matmul_desc):
    _destroy("matmul", matmul_desc)


@checked
def matmul_desc_set_attribute(matmul_desc, attr, buf, size_in_bytes):
    _set("matmul", "MatmulDescAttribute", matmul_desc, attr, buf, size_in_bytes)


@checked
def get_matmul_desc_attribute_dtype(attr):
    return attribute_dtype("MatmulDescAttribute", attr)


@checked
def matrix_layout_create(type, rows, cols, ld):
    return _Object("layout", TYPE=type, ROWS=rows, COLS=cols, LD=ld).number


@checked
def matrix_layout_destroy(mat_layout):
    _destroy("layout", mat_layout)


@checked
def matrix_layout_set_attribute(mat_layout, attr, buf, size_in_bytes):
    _set("layout", "MatrixLayoutAttribute", mat_layout, attr, buf, size_in_bytes)


@checked
def get_matrix_layout_attribute_dtype(attr):
    return attribute_dtype("MatrixLayoutAttribute", attr)


@checked
def matmul_preference_create():
    return _Object("preference").number


@checked
def matmul_preference_destroy(pref):
    _destroy("preference", pref)


@checked
def matmul_preference_set_attribute(pref, attr, buf, size_in_bytes):
    _set("preference", "MatmulPreferenceAttribute", pref, attr, buf, size_in_bytes)


@checked
def get_matmul_preference_attribute_dtype(attr):
    return attribute_dtype("MatmulPreferenceAttribute", attr)


def _problem(operation_desc, adesc, bdesc, cdesc, ddesc):
    layouts = [dict(_get("layout", d)) for d in (adesc, bdesc, cdesc, ddesc)]
    return _matmul.Problem(dict(_get("matmul", operation_desc)), *layouts)


@checked
def matmul_algo_get_heuristic(
    light_handle, operation_desc, adesc, bdesc, cdesc, ddesc, preference,
    requested_algo_count, heuristic_results_array, return_algo_count,
):  # fmt: skip
    _get("handle", light_handle)
    wanted = _get("preference", preference)
    if requested_algo_count < 1 or not heuristic_results_array or not return_algo_count:
        raise cuBLASLtError(INVALID_VALUE, "nowhere to write an algorithm")
    problem = _problem(operation_desc, adesc, bdesc, cdesc, ddesc)
    problem.check()
    size = matmul_heuristic_result_dtype.itemsize
    buffer = (ctypes.c_char * size).from_address(heuristic_results_array)
    found = np.frombuffer(buffer, matmul_heuristic_result_dtype)
    needed = min(4096, wanted.get("MAX_WORKSPACE_BYTES", 0))
    aligned = [wanted.get(f"MIN_ALIGNMENT_{x}_BYTES", 256) for x in "ABCD"]
    found["algo"]["data_"][0] = [problem.fingerprint(), needed, *aligned, 0, 0]
    found["workspace_size"], found["state"] = needed, 0
    ctypes.c_int.from_address(return_algo_count).value = 1


@checked
def matmul(
    light_handle, compute_desc, alpha, a, adesc, b, bdesc, beta, c, cdesc, d, ddesc, algo,
    workspace, workspace_size_in_bytes, stream,
):  # fmt: skip
    _get("handle", light_handle)
    problem = _problem(compute_desc, adesc, bdesc, cdesc, ddesc)
    problem.check()
    if not algo:
        raise cuBLASLtError(INVALID_VALUE, "no algorithm")
    chosen = np.frombuffer((ctypes.c_char * 64).from_address(algo), np.uint64).tolist()
    _matmul.start(
        problem, alpha, beta, (a, b, c, d), chosen, workspace, workspace_size_in_bytes, stream
    )
