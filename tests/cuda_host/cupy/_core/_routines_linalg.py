"""How CuPy multiplies, a number for each dtype, as in CuPy 14; the stand-in only keeps it."""

COMPUTE_TYPE_TBD, COMPUTE_TYPE_DEFAULT, COMPUTE_TYPE_PEDANTIC, COMPUTE_TYPE_TF32 = 0, 1, 2, 7

_types = {}


def set_compute_type(dtype, compute_type):
    if compute_type not in (0, 1, 2, 3, 4, 5, 6, 7):
        raise ValueError(f"Unknown compute type: {compute_type}")
    _types[_index(dtype)] = compute_type


def get_compute_type(dtype):
    return _types.get(_index(dtype), COMPUTE_TYPE_DEFAULT)


def _index(dtype):
    import numpy as np

    return np.dtype(dtype).char
