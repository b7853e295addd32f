"""Matrix products by cuBLASLt, through nvmath-python's bindings.

Unlike CuPy's products these can be captured into a CUDA graph, take transposed and strided views
as they are, in stacks too, and can finish with a bias, an activation or a sum. A call does as
little as can be: the descriptors and the algorithm of a problem are found when it is first met,
and found again by shapes and strides.
"""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np

from .cublaslt_problem import Epilogue
from .cublaslt_table import AWKWARD, IMPOSSIBLE, PlanTable
from .layouts import layout_of, merged
from .precision import tf32

__all__ = ["CublasLt"]


_RELUS = (Epilogue.RELU_BIAS, Epilogue.RELU_AUX_BIAS)


class CublasLt(PlanTable):
    """The products of all GPUs.

    Raises
    ------
    ImportError, RuntimeError, or an error of nvmath
        If the bindings are not installed, or do not find the library or the GPU.
    """

    def gemm(self, A: Any, B: Any, out: Any) -> bool:
        """``out = A B``; False, and nothing done, if that is not for cuBLASLt.

        Matrices without empty axes, on one GPU. Views that cuBLAS cannot take are copied.
        """
        a, b, c = A.data.ptr, B.data.ptr, out.data.ptr
        device = out.data.device_id
        if cupy.cuda.get_device_id() != device:
            with cupy.cuda.Device(device):
                return self.gemm(A, B, out)
        low = (a | b | c) & 255
        key = _problem(A, B, out, low, device)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._remember(key, self._plan(A, B, out, low))
        if plan is AWKWARD:
            return self._rearranged(A, B, out)
        if plan is IMPOSSIBLE:
            return False
        stream = cupy.cuda.get_current_stream().ptr
        plan.run(a, b, c, self._workspace(device, stream), stream)
        return True

    def batched_gemm(self, A: Any, B: Any, out: Any) -> bool:
        """``out[s] = A[s] B[s]`` for stacks of matrices with the same axes in front; see `gemm`."""
        a, b, c = A.data.ptr, B.data.ptr, out.data.ptr
        device = out.data.device_id
        if cupy.cuda.get_device_id() != device:
            with cupy.cuda.Device(device):
                return self.batched_gemm(A, B, out)
        low = (a | b | c) & 255
        key = _problem(A, B, out, low, device)
        found = self._plans.get(key)
        if found is None:
            found = self._remember(key, self._stack(A, B, out, low))
        if found is AWKWARD:
            return self._rearranged(A, B, out)
        if found is IMPOSSIBLE:
            return False
        plan, places = found
        stream = cupy.cuda.get_current_stream().ptr
        scratch = self._workspace(device, stream)
        for i, j, k in places:
            plan.run(a + i, b + j, c + k, scratch, stream)
        return True

    def fused(
        self, A: Any, B: Any, out: Any, epilogue: int, bias: Any, aux: Any = None, aux_ld: int = 0
    ) -> bool:
        """`gemm` with an `Epilogue`; False, and nothing done, where there is no such product.

        Parameters
        ----------
        bias : array of shape (N,), for BGRADB (M,)
            Read or, where its name says gradient, written.
        aux : array, optional
            Read or written: the mask of a ReLU or the input of a GELU.
        aux_ld : int
            Elements of a row of it: `relu_ld` or `gelu_ld`.
        """
        device = out.data.device_id
        if cupy.cuda.get_device_id() != device:
            with cupy.cuda.Device(device):
                return self.fused(A, B, out, epilogue, bias, aux, aux_ld)
        a, b, c, d = A.data.ptr, B.data.ptr, out.data.ptr, bias.data.ptr
        e = 0 if aux is None else aux.data.ptr
        low = (a | b | c | d | e) & 255
        key = (
            *_problem(A, B, out, low, device),
            epilogue, bias.dtype.char, bias.flags.c_contiguous, aux_ld,
        )  # fmt: skip
        plan: Any = self._plans.get(key)
        if plan is None:
            even = bias.flags.c_contiguous and bias.dtype == out.dtype and e % 16 == 0
            plan = (even and self._plan(A, B, out, low, epilogue, aux_ld, d, e)) or IMPOSSIBLE
            if plan not in (AWKWARD, IMPOSSIBLE) and epilogue in _RELUS:
                if cupy.cuda.get_current_stream().is_capturing():
                    return False  # not known yet, and not to be tried now
                if not self._keeps_nan(plan, A, B, out, e):
                    plan = IMPOSSIBLE
            self._remember(key, plan)
        if plan is AWKWARD or plan is IMPOSSIBLE:
            return False
        stream = cupy.cuda.get_current_stream().ptr
        scratch = self._workspace(device, stream)
        with self._lock:
            plan.point(d, e)
            plan.run(a, b, c, scratch, stream)
        return True

    def _keeps_nan(self, plan: Any, A: Any, B: Any, out: Any, aux: int) -> bool:
        """Whether the ReLU of `plan` gives NaN for NaN, tried once; `out` is overwritten.

        Some of cuBLAS's give 0, and a training that has gone wrong would go on as if it had not.
        """
        bias = cupy.full(out.shape[1], np.nan, out.dtype)
        stream = cupy.cuda.get_current_stream().ptr
        with self._lock:
            plan.point(bias.data.ptr, aux)
            scratch = self._workspace(out.data.device_id, stream)
            plan.run(A.data.ptr, B.data.ptr, out.data.ptr, scratch, stream)
        return bool(cupy.isnan(out).all())

    def _rearranged(self, A: Any, B: Any, out: Any) -> bool:
        """The product, with copies of the arrays that are not evenly spaced."""
        A, B = (x if _is_even(x) else cupy.ascontiguousarray(x) for x in (A, B))
        target = out if _is_even(out, False) else cupy.empty(out.shape, out.dtype)
        done = self.batched_gemm(A, B, target) if A.ndim > 2 else self.gemm(A, B, target)
        if done and target is not out:
            out[...] = target
        return done


def _problem(A: Any, B: Any, out: Any, low: int, device: int) -> tuple[Any, ...]:
    """What a plan of a product is for; `low` is the addresses' last bits, joined."""
    return (
        A.shape, B.shape, A.strides, B.strides, out.strides,
        A.dtype.char, B.dtype.char, out.dtype.char, low & -low, device, tf32(),
    )  # fmt: skip


def _is_even(X: Any, transposed: bool = True) -> bool:
    """Whether `X` is a stack of matrices for cuBLAS, evenly spaced."""
    layout = layout_of(X.shape[-2:], X.strides[-2:], X.itemsize)
    if layout is None or (layout.transposed and not transposed):
        return False
    return len(merged(X.shape[:-2], [X.strides[:-2]])[0]) == 1
