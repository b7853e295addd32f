"""One matrix product of cuBLASLt, described and with its algorithm chosen: a plan."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from .cublaslt_problem import TYPES, Epilogue, Problem
from .layouts import Layout

__all__ = ["Plan", "Unsupported"]

#: The `cudaDataType` of float64.
_REAL_64 = 1


class Unsupported(Exception):
    """cuBLASLt has no algorithm for the problem."""


class Plan:
    """The descriptors of a `Problem`, and the algorithm that cuBLASLt's heuristic puts first.

    Parameters
    ----------
    lt : module
        ``nvmath.bindings.cublasLt``.
    handle : int
        Of the current GPU.
    problem : Problem
    workspace : int
        Bytes of scratch memory that there are.
    bias, aux : int
        Addresses for the first call; the heuristic looks at their alignment.

    Raises
    ------
    Unsupported
        If there is no algorithm.
    """

    def __init__(
        self, lt: Any, handle: int, problem: Problem, workspace: int, bias: int = 0, aux: int = 0
    ) -> None:
        self.lt, self.handle = lt, handle
        self._made: list[tuple[Any, int]] = []
        weakref.finalize(self, _destroy, self._made).atexit = False
        self._pointers = np.array([bias, aux], np.int64)
        address = self._pointers.ctypes.data
        names = lt.MatmulDescAttribute
        #: Attribute, place in `_pointers` and its address, of each pointer that is set at a call.
        self._slots: list[tuple[int, int, int]] = []
        p = problem
        element, scale = TYPES[p.kind]
        self._scale = np.array([1, 0], np.float64 if scale == _REAL_64 else np.float32)
        self.alpha = self._scale.ctypes.data
        self.beta = self.alpha + self._scale.itemsize

        self.desc = self._keep(lt.matmul_desc_create(p.compute_type, scale), lt.matmul_desc_destroy)
        self._describe(names.TRANSA, int(p.b.transposed))
        self._describe(names.TRANSB, int(p.a.transposed))
        if p.epilogue != Epilogue.NONE:
            self._describe(names.EPILOGUE, p.epilogue)
            self._slots.append((names.BIAS_POINTER, 0, address))
            if p.aux_ld:
                self._slots.append((names.EPILOGUE_AUX_POINTER, 1, address + 8))
                self._describe(names.EPILOGUE_AUX_LD, p.aux_ld)
            self.point(bias, aux)
        # By columns: the left operand is B^T.
        self.a = self._layout(element, p.N, p.K, p.b, p.matrices, p.strides[1])
        self.b = self._layout(element, p.K, p.M, p.a, p.matrices, p.strides[0])
        self.c = self._layout(element, p.N, p.M, p.c, p.matrices, p.strides[2])
        self._algorithm, needed = self._best(p, workspace)
        self.algorithm = self._algorithm.ctypes.data
        if needed and p.epilogue != Epilogue.NONE:
            needed += 16  # as nvmath.linalg does for epilogues: some write beyond what they ask for
        self.workspace = min(needed, workspace)

    def point(self, bias: int, aux: int) -> None:
        """Set the addresses of the epilogue's arrays for the next `run`."""
        self._pointers[0], self._pointers[1] = bias, aux
        for attribute, _, address in self._slots:
            self.lt.matmul_desc_set_attribute(self.desc, attribute, address, 8)

    def run(self, A: int, B: int, C: int, scratch: int, stream: int) -> None:
        """Start the product of the matrices at these addresses in `stream`."""
        self.lt.matmul(
            self.handle, self.desc, self.alpha, B, self.a, A, self.b, self.beta, C, self.c,
            C, self.c, self.algorithm, scratch, self.workspace, stream,
        )  # fmt: skip

    def _best(self, p: Problem, workspace: int) -> tuple[Any, int]:
        """The structure that names the algorithm, and the scratch memory that it needs."""
        lt = self.lt
        names = lt.MatmulPreferenceAttribute
        preference = lt.matmul_preference_create()
        found = np.zeros(1, lt.matmul_heuristic_result_dtype)
        count = np.zeros(1, np.int32)
        try:
            values = [(names.MAX_WORKSPACE_BYTES, np.array([max(0, workspace - 16)], np.uint64))]
            for operand in "ABCD":
                name = getattr(names, f"MIN_ALIGNMENT_{operand}_BYTES")
                values.append((name, np.array([p.align], np.uint32)))
            for name, value in values:
                lt.matmul_preference_set_attribute(
                    preference, name, value.ctypes.data, value.itemsize
                )
            lt.matmul_algo_get_heuristic(
                self.handle, self.desc, self.a, self.b, self.c, self.c, preference,
                1, found.ctypes.data, count.ctypes.data,
            )  # fmt: skip
        except lt.cuBLASLtError as error:
            raise Unsupported(str(error)) from error
        finally:
            lt.matmul_preference_destroy(preference)
        if not count[0] or found["state"][0]:
            raise Unsupported(f"cuBLASLt has no algorithm for {p}")
        return found, int(found["workspace_size"][0])

    def _layout(
        self, element: int, rows: int, columns: int, layout: Layout, count: int, stride: int
    ) -> int:
        """The description of a matrix that is not transposed, or of the one it is made from."""
        if layout.transposed:
            rows, columns = columns, rows
        lt = self.lt
        made = self._keep(
            lt.matrix_layout_create(element, rows, columns, layout.ld), lt.matrix_layout_destroy
        )
        if count > 1:
            names = lt.MatrixLayoutAttribute
            for name, value in (
                (names.BATCH_COUNT, np.array([count], np.int32)),
                (names.STRIDED_BATCH_OFFSET, np.array([stride], np.int64)),
            ):
                lt.matrix_layout_set_attribute(made, name, value.ctypes.data, value.itemsize)
        return made

    def _describe(self, attribute: int, value: int) -> None:
        size = np.dtype(self.lt.get_matmul_desc_attribute_dtype(attribute))
        held = np.array([value], size)
        self.lt.matmul_desc_set_attribute(self.desc, attribute, held.ctypes.data, held.itemsize)

    def _keep(self, made: int, destroy: Any) -> int:
        self._made.append((destroy, made))
        return made


def _destroy(made: list[tuple[Any, int]]) -> None:
    for destroy, thing in made:
        destroy(thing)
