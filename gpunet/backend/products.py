"""Which library multiplies matrices on a GPU: cuBLASLt where it can be loaded, otherwise CuPy."""

from __future__ import annotations

import math
from typing import Any

import cupy
import numpy as np
from cupy._core import _routines_linalg as cupy_linalg

from .precision import tf32

__all__ = ["CupyProducts", "load_cublaslt"]

#: Stacks of so few matrices, of so many multiplications each, are multiplied one by one.
_FEW, _LARGE = 8, 1 << 26


def load_cublaslt() -> tuple[Any, str]:
    """A `CublasLt`, or None and one line that says why there is none."""
    try:
        from .cublaslt import CublasLt

        return CublasLt(), ""
    except ImportError as error:
        if getattr(error, "name", None) in ("nvmath", "nvmath.bindings"):
            return None, "nvmath-python is not installed"
        return None, f"nvmath-python cannot be imported: {_line(error)}"
    except Exception as error:  # the bindings have one kind of error for each library
        return None, f"cuBLASLt cannot be loaded: {_line(error)}"


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


class CupyProducts:
    """`dot` and `matmul` of CuPy. They cannot be captured into a CUDA graph."""

    def gemm(self, A: Any, B: Any, out: Any) -> Any:
        """``out = A B``, for matrices without empty axes."""
        with _Precision(A.dtype.char):
            # 2-D dot takes transposed views without a copy; matmul would not.
            if out is None or out.flags.c_contiguous:
                return cupy.dot(A, B, out)
            out[...] = cupy.dot(A, B)
            return out

    def batched_gemm(self, A: Any, B: Any, out: Any) -> Any:
        """``out[s] = A[s] B[s]``, for stacks without empty axes."""
        shape = (*A.shape[:-1], B.shape[-1])
        matrices = math.prod(A.shape[:-2])
        if matrices <= _FEW and shape[-2] * shape[-1] * A.shape[-1] >= _LARGE:
            # One launch each, on the operands as they are; matmul copies what is transposed.
            out = cupy.empty(shape, A.dtype) if out is None else out
            for i in np.ndindex(*shape[:-2]):
                self.gemm(A[i], B[i], out[i])
            return out
        with _Precision(A.dtype.char):
            # One launch for all. It copies transposed operands, which is little beside the
            # launches, and needs C order to write into.
            if out is None or out.flags.c_contiguous:
                return cupy.matmul(A, B, out=out)
            out[...] = cupy.matmul(A, B)
            return out


class _Precision:
    """CuPy's products of float32 in the precision that gpunet is set to, and as before after.

    CuPy has no public name for it but the variable CUPY_TF32, which it reads once.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __enter__(self) -> None:
        self._before = None
        if self._kind == "f":
            wanted = cupy_linalg.COMPUTE_TYPE_DEFAULT
            if tf32() and int(cupy.cuda.Device().compute_capability) >= 80:
                wanted = cupy_linalg.COMPUTE_TYPE_TF32
            before = cupy_linalg.get_compute_type("f")
            if before != wanted:
                self._before = before
                cupy_linalg.set_compute_type("f", wanted)

    def __exit__(self, *error: Any) -> None:
        if self._before is not None:
            cupy_linalg.set_compute_type("f", self._before)
