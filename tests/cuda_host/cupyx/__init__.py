"""``cupyx`` of the stand-in: scatter functions and rsqrt."""

import numpy as _np
from cupy._functions import scatter as _scatter
from cupy._ufunc import ufunc as _ufunc

from . import scipy

scatter_add = _scatter("scatter_add")
scatter_max = _scatter("scatter_max")
scatter_min = _scatter("scatter_min")


class _Rsqrt:
    """One over the square root, in the shape of a NumPy ufunc."""

    __name__, nin, nout, types = "rsqrt", 1, 1, ()

    def __call__(self, x, out=None, **kwargs):
        return _np.reciprocal(_np.sqrt(x, **kwargs), out=out, casting="same_kind")


rsqrt = _ufunc(_Rsqrt())
__all__ = ["rsqrt", "scatter_add", "scatter_max", "scatter_min", "scipy"]
