"""The plans of cuBLASLt for problems that were met, and what each GPU and each stream has."""

from __future__ import annotations

import threading
from typing import Any

import cupy
import numpy as np

from .cublaslt_plan import Plan, Unsupported
from .cublaslt_problem import TYPES, Epilogue, Problem
from .layouts import Layout, layout_of, merged
from .precision import tf32

__all__ = ["AWKWARD", "IMPOSSIBLE", "PlanTable"]

#: Bytes of scratch memory for the products of one stream: what cuBLAS takes itself.
_WORKSPACE, _WORKSPACE_HOPPER = 8 << 20, 32 << 20

#: Plans at most; a program with more shapes starts anew.
_MOST_PLANS = 8192

#: Launches at most for a stack whose matrices are not evenly spaced; beyond, operands are copied.
_MOST_LAUNCHES = 16


#: In place of a plan: for arrays that must be copied first, and for what cuBLASLt cannot do.
AWKWARD, IMPOSSIBLE = object(), object()


class PlanTable:
    """What `CublasLt` finds again by the shapes and strides of arrays."""

    def __init__(self) -> None:
        from nvmath.bindings import cublasLt as lt

        self.lt = lt
        self._handles: dict[int, tuple[int, int]] = {}
        self._workspaces: dict[tuple[int, int], Any] = {}
        self._plans: dict[Any, Any] = {}
        self._lock = threading.Lock()  # for plans whose pointers are set before they are run
        self._handle(cupy.cuda.get_device_id())

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
            return AWKWARD
        strides = tuple([s[one] // A.itemsize for s in steps])
        plan = self._planned(
            out.data.device_id, self._problem(A, B, layouts, sizes[one], strides, low)
        )
        if plan is IMPOSSIBLE:
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
            return IMPOSSIBLE
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
            return AWKWARD
        if left_transposed and not layouts[0].transposed:  # type: ignore[union-attr]
            return IMPOSSIBLE
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
            return IMPOSSIBLE

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
