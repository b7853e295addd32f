"""Matrix products by cuBLASLt, through nvmath-python's bindings.

Unlike CuPy's products these can be captured into a CUDA graph, take transposed and strided views
as they are, in stacks too, and can finish with a bias, an activation or a sum. A call does as
little as can be: the descriptors and the algorithm of a problem are found when it is first met,
and found again by shapes and strides.
"""

from __future__ import annotations

import threading
from typing import Any

import cupy
import numpy as np

from .cublaslt_plan import TYPES, Epilogue, Plan, Problem, Unsupported
from .layouts import Layout, layout_of, merged
from .precision import tf32

__all__ = ["CublasLt"]

#: Bytes of scratch memory for the products of one stream: what cuBLAS takes itself.
_WORKSPACE, _WORKSPACE_HOPPER = 8 << 20, 32 << 20

#: Plans at most; a program with more shapes starts anew.
_MOST_PLANS = 8192

#: Launches at most for a stack whose matrices are not evenly spaced; beyond, operands are copied.
_MOST_LAUNCHES = 16


class CublasLt:
    """The products of all GPUs.

    Raises
    ------
    ImportError, RuntimeError, or an error of nvmath
        If the bindings are not installed, or do not find the library or the GPU.
    """

    def __init__(self) -> None:
        from nvmath.bindings import cublasLt as lt

        self.lt = lt
        self._handles: dict[int, tuple[int, int]] = {}
        self._workspaces: dict[tuple[int, int], Any] = {}
        self._plans: dict[Any, Any] = {}
        self._lock = threading.Lock()  # for plans whose pointers are set before they are run
        self._handle(cupy.cuda.get_device_id())

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
        key = (
            A.shape, B.shape, A.strides, B.strides, out.strides,
            A.dtype.char, B.dtype.char, out.dtype.char, low & -low, device, tf32(),
        )  # fmt: skip
        plan = self._plans.get(key)
        if plan is None:
            plan = self._remember(key, self._plan(A, B, out, low))
        if plan is _AWKWARD:
            return self._rearranged(A, B, out)
        if plan is _IMPOSSIBLE:
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
        key = (
            A.shape, B.shape, A.strides, B.strides, out.strides,
            A.dtype.char, B.dtype.char, out.dtype.char, low & -low, device, tf32(),
        )  # fmt: skip
        found = self._plans.get(key)
        if found is None:
            found = self._remember(key, self._stack(A, B, out, low))
        if found is _AWKWARD:
            return self._rearranged(A, B, out)
        if found is _IMPOSSIBLE:
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
            Read or written: `relu_mask` or `gelu_input` of a product.
        aux_ld : int
            Elements of a row of it.
        """
        device = out.data.device_id
        if cupy.cuda.get_device_id() != device:
            with cupy.cuda.Device(device):
                return self.fused(A, B, out, epilogue, bias, aux, aux_ld)
        a, b, c, d = A.data.ptr, B.data.ptr, out.data.ptr, bias.data.ptr
        e = 0 if aux is None else aux.data.ptr
        low = (a | b | c | d | e) & 255
        key = (
            A.shape, B.shape, A.strides, B.strides, out.strides,
            A.dtype.char, B.dtype.char, out.dtype.char, low & -low, device, tf32(),
            epilogue, bias.dtype.char, bias.flags.c_contiguous, aux_ld,
        )  # fmt: skip
        plan = self._plans.get(key)
        if plan is None:
            even = bias.flags.c_contiguous and bias.dtype == out.dtype and e % 16 == 0
            fused = even and self._plan(A, B, out, low, epilogue, aux_ld, d, e)
            plan = self._remember(key, fused or _IMPOSSIBLE)
        if plan is _AWKWARD or plan is _IMPOSSIBLE:
            return False
        stream = cupy.cuda.get_current_stream().ptr
        scratch = self._workspace(device, stream)
        with self._lock:
            plan.point(d, e)
            plan.run(a, b, c, scratch, stream)
        return True

    # -- plans ------------------------------------------------------------------------------
    def _remember(self, key: Any, plan: Any) -> Any:
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        self._plans[key] = plan
        return plan

    def _plan(
        self, A: Any, B: Any, out: Any, low: int,
        epilogue: int = Epilogue.NONE, aux_ld: int = 0, bias: int = 0, aux: int = 0,
    ) -> Any:  # fmt: skip
        layouts = self._layouts(A, B, out, epilogue == Epilogue.BGRADB)
        if type(layouts) is not list:
            return layouts
        problem = self._problem(A, B, layouts, 1, (0, 0, 0), low)._replace(
            epilogue=epilogue, aux_ld=aux_ld
        )
        return self._planned(out.data.device_id, problem, bias, aux)

    def _stack(self, A: Any, B: Any, out: Any, low: int) -> Any:
        """A plan, and where its products begin: bytes from the first elements of A, B and out."""
        layouts = self._layouts(A, B, out)
        if type(layouts) is not list:
            return layouts
        steps = [x.strides[:-2] for x in (A, B, out)]
        sizes, steps = merged(A.shape[:-2], steps)
        for bits in (stride for s in steps for stride in s):
            low |= bits & 255
        one = max(range(len(sizes)), key=sizes.__getitem__)
        others = [n for i, n in enumerate(sizes) if i != one]
        if np.prod(others, dtype=int) > _MOST_LAUNCHES:
            return _AWKWARD
        strides = tuple([s[one] // A.itemsize for s in steps])
        plan = self._planned(
            out.data.device_id, self._problem(A, B, layouts, sizes[one], strides, low)
        )
        if plan is _IMPOSSIBLE:
            return plan
        rest = [[x for i, x in enumerate(s) if i != one] for s in steps]
        places = [
            tuple([sum(i * x for i, x in zip(index, s)) for s in rest])
            for index in np.ndindex(*others)
        ]
        return plan, places

    @staticmethod
    def _layouts(A: Any, B: Any, out: Any, left_transposed: bool = False) -> Any:
        """The layouts of the matrices of the three arrays, or what stands for a plan instead."""
        if A.dtype.char not in TYPES or not A.dtype == B.dtype == out.dtype:
            return _IMPOSSIBLE
        (L, N) = B.shape[-2:]
        if A.shape[-1] != L or A.shape[:-2] != B.shape[:-2] or out.shape != (*A.shape[:-1], N):
            raise ValueError(
                f"matrix product: shapes {A.shape}, {B.shape} and {out.shape} do not fit"
            )
        size = A.itemsize
        layouts = [
            layout_of(A.shape[-2:], A.strides[-2:], size, left_transposed),
            layout_of(B.shape[-2:], B.strides[-2:], size),
            layout_of(out.shape[-2:], out.strides[-2:], size),
        ]
        if None in layouts or layouts[2].transposed:  # type: ignore[union-attr]
            return _AWKWARD
        if left_transposed and not layouts[0].transposed:  # type: ignore[union-attr]
            return _IMPOSSIBLE
        return layouts

    @staticmethod
    def _problem(
        A: Any, B: Any, layouts: list[Layout], count: int, strides: tuple[int, ...], low: int
    ) -> Problem:
        kind = A.dtype.char
        align = low & -low or 256
        sizes = (*A.shape[-2:], B.shape[-1], count)
        single = kind == "f" and tf32()
        return Problem(*sizes, *layouts, strides, kind, single, align)  # type: ignore[arg-type, call-arg]

    def _planned(self, device: int, problem: Problem, bias: int = 0, aux: int = 0) -> Any:
        handle, workspace = self._handle(device)
        try:
            return Plan(self.lt, handle, problem, workspace, bias, aux)
        except Unsupported:
            return _IMPOSSIBLE

    def _rearranged(self, A: Any, B: Any, out: Any) -> bool:
        """The product, with copies of the arrays that are not evenly spaced."""
        A, B = (x if _is_even(x) else cupy.ascontiguousarray(x) for x in (A, B))
        target = out if _is_even(out, False) else cupy.empty(out.shape, out.dtype)
        done = self.batched_gemm(A, B, target) if A.ndim > 2 else self.gemm(A, B, target)
        if done and target is not out:
            out[...] = target
        return done

    # -- what each GPU and each stream has ----------------------------------------------------
    def _handle(self, device: int) -> tuple[int, int]:
        """The handle of the current GPU, whose number is `device`, and the size of a workspace."""
        found = self._handles.get(device)
        if found is None:
            capability = int(cupy.cuda.Device(device).compute_capability)
            size = _WORKSPACE_HOPPER if capability >= 90 else _WORKSPACE
            found = self._handles[device] = self.lt.create(), size
        return found

    def _workspace(self, device: int, stream: int) -> int:
        """The address of the scratch memory of a stream, whose products come one by one."""
        found = self._workspaces.get((device, stream))
        if found is None:
            # Not from the pool of a graph that is being captured: it serves later work, too.
            memory = cupy.get_default_memory_pool().malloc(self._handle(device)[1])
            found = self._workspaces[device, stream] = memory
        return found.ptr


#: In place of a plan: for arrays that must be copied first, and for what cuBLASLt cannot do.
_AWKWARD, _IMPOSSIBLE = object(), object()


def _is_even(X: Any, transposed: bool = True) -> bool:
    """Whether `X` is a stack of matrices for cuBLAS, evenly spaced."""
    layout = layout_of(X.shape[-2:], X.strides[-2:], X.itemsize)
    if layout is None or (layout.transposed and not transposed):
        return False
    return len(merged(X.shape[:-2], [X.strides[:-2]])[0]) == 1
