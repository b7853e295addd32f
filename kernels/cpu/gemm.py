"""Matrix products shared by the team: each tile of the output is one call of BLAS on one thread.

OpenBLAS's own threads meet at barriers, where they spin until the last one arrives: 40
microseconds become 10 to 40 milliseconds when another process takes one of the cores. The team
has no such place (see `team`). And on processors with AVX-512, OpenBLAS has kernels for products of
up to a million multiplications that need no packing; tiles of that size are up to three times as
fast as one large product.
"""

from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ._atomic import load
from ._compile import kernel
from .team import MOST_TILES, Team, run_tiles, team, tile

__all__ = ["Products"]

#: Multiplications up to which OpenBLAS works without packing, on processors that have this.
SMALL_PRODUCT = 1_000_000
_ROW_MAJOR, _AS_IT_IS, _TRANSPOSED = 101, 111, 112


def _cblas(scalar_type, ir_type):
    """``cblas_?gemm`` of a BLAS with 64-bit integers, at the address that is the first argument."""

    @intrinsic
    def call(typingctx, function, trans_a, trans_b, m, n, k, A, lda, B, ldb, add, C, ldc):
        def codegen(context, builder, signature, args):
            i64, i32 = ir.IntType(64), ir.IntType(32)
            one = ir.Constant(ir_type, 1.0)
            parameters = [i32, i32, i32, i64, i64, i64, ir_type, i64, i64, i64, i64, ir_type]
            kind = ir.FunctionType(ir.VoidType(), [*parameters, i64, i64])
            function, trans_a, trans_b, m, n, k, A, lda, B, ldb, add, C, ldc = args
            beta = builder.sitofp(add, ir_type)
            trans_a, trans_b = builder.trunc(trans_a, i32), builder.trunc(trans_b, i32)
            order = ir.Constant(i32, _ROW_MAJOR)
            builder.call(
                builder.inttoptr(function, kind.as_pointer()),
                [order, trans_a, trans_b, m, n, k, one, A, lda, B, ldb, beta, C, ldc],
            )
            return context.get_dummy_value()

        return types.none(*[types.int64] * 13), codegen

    return call


_sgemm = _cblas(types.float32, ir.FloatType())
_dgemm = _cblas(types.float64, ir.DoubleType())


@numba.njit(inline="always")
def _do_tile(gemm, args, i, size):
    """Tile i of the product whose arguments `_share` has put on the list."""
    trans_a, trans_b = load(args + 8) == _TRANSPOSED, load(args + 16) == _TRANSPOSED
    M, N, K = load(args + 24), load(args + 32), load(args + 40)
    lda, ldb, ldc = load(args + 56), load(args + 72), load(args + 88)
    rows, columns, depth = load(args + 96), load(args + 104), load(args + 112)
    inner = load(args + 120)
    if load(args + 128):
        m, n = i % inner * rows, i // inner * columns
    else:
        m, n = i // inner * rows, i % inner * columns
    A = load(args + 48) + size * m * (1 if trans_a else lda)
    B = load(args + 64) + size * n * (ldb if trans_b else 1)
    C = load(args + 80) + size * (m * ldc + n)
    rows, columns = min(rows, M - m), min(columns, N - n)
    for k in range(0, K, depth):
        gemm(
            load(args), load(args + 8), load(args + 16), rows, columns, min(depth, K - k),
            A + size * k * (lda if trans_a else 1), lda,
            B + size * k * (1 if trans_b else ldb), ldb, np.int64(k > 0), C, ldc,
        )  # fmt: skip


@tile
def _tile32(args, i):
    _do_tile(_sgemm, args, i, 4)


@tile
def _tile64(args, i):
    _do_tile(_dgemm, args, i, 8)


@kernel
def _arguments(args, blas, A, trans_a, B, trans_b, C, plan):
    """Fill the list of arguments of a product; the number of its tiles."""
    M, N = C.shape
    rows, columns, depth, by_columns = plan
    args[0] = blas
    args[1] = _TRANSPOSED if trans_a else _AS_IT_IS
    args[2] = _TRANSPOSED if trans_b else _AS_IT_IS
    args[3], args[4], args[5] = M, N, A.shape[0] if trans_a else A.shape[1]
    args[6], args[7] = A.ctypes.data, A.shape[1]
    args[8], args[9] = B.ctypes.data, B.shape[1]
    args[10], args[11] = C.ctypes.data, N
    down, across = (M + rows - 1) // rows, (N + columns - 1) // columns
    args[12], args[13], args[14] = rows, columns, depth
    args[15], args[16] = down if by_columns else across, by_columns
    return down * across


@kernel
def _share(board, threads, job, blas, A, trans_a, B, trans_b, C, plan):
    args = np.empty(17, np.int64)
    tiles = _arguments(args, blas, A, trans_a, B, trans_b, C, plan)
    run_tiles(board, threads, job, args.ctypes.data, tiles)


@functools.lru_cache(maxsize=4096)
def _plan(
    M: int, N: int, K: int, threads: int, transposed_a: bool, transposed_b: bool, unpacked: bool
) -> tuple[int, int, int, bool]:
    """Rows, columns and depth of a tile, and whether tiles are numbered down the columns.

    Each thread begins with a block of rows or of columns of C, whichever makes the threads read
    less. Where both are equal: the rows of a weight gradient and the columns of ``X W^T`` belong
    to the same weights, so that a thread keeps its part of them in its own cache, through the
    optimiser's step as well. The shapes of small tiles are the fastest of those measured.
    """
    by_rows = threads * K * N + M * K
    by_columns = threads * M * K + K * N + (0 if transposed_b else M * N)
    cut_columns = by_rows >= by_columns
    work = M * N * K
    if N % 8 and not transposed_a and M // threads >= 128:
        # The kernels for small products are slow at the rest of such a row: one tile a thread.
        return -(-M // threads), N, K, False
    if M % 8 and transposed_a and N // threads >= 64:
        return M, 32 if N <= 1024 else -(-N // threads), 256, True
    if transposed_a and M // threads >= 256 and work > 1 << 26:
        return -(-M // threads), N, 512, False
    if unpacked and transposed_b and work <= 1 << 26:
        # Long dot products: no depth is cut, as long as a narrow tile stays small.
        for rows in (32, 16, 8):
            columns = min(N, 128, SMALL_PRODUCT // (min(rows, M) * K) // 32 * 32)
            if columns >= min(N, 32) and _count(M, N, rows, columns) <= MOST_TILES:
                return min(rows, M), columns, K, cut_columns
    elif unpacked and transposed_a and M // threads >= 8 and work <= 1 << 26:
        # The gradient of weights: by rows, although X is then read by every thread. After the
        # forward pass all have it in their caches, and the rows go on to the optimiser's step.
        rows, depth = 32, min(K, 128)
        columns = min(N, SMALL_PRODUCT // (rows * depth) // 32 * 32)
        if _count(M, N, rows, columns) <= MOST_TILES:
            return rows, columns, depth, False
    elif unpacked and not transposed_b and work <= 1 << 27:
        rows, columns = (32, 128) if work <= 1 << 26 else (32, 64) if N <= 64 else (64, 32)
        block = -(-N // threads) if cut_columns else N
        columns = min(columns, -(-block // 32) * 32)
        rows = min(rows, M)
        depth = max(128, SMALL_PRODUCT // 2 // (rows * columns))
        if _count(M, N, rows, columns) <= MOST_TILES:
            return rows, columns, depth, cut_columns
    if cut_columns:
        return M, -(-N // threads), K, True
    return -(-M // threads), N, K, False


def _count(M: int, N: int, rows: int, columns: int) -> int:
    return -(-M // rows) * -(-N // columns)


class Products:
    """Products of matrices with a BLAS whose functions have these addresses.

    Parameters
    ----------
    addresses : dict
        The addresses of ``cblas_sgemm`` and ``cblas_dgemm`` (64-bit integers), by the character
        of the dtype.
    unpacked : bool
        Whether BLAS has kernels for small products on this processor.
    """

    def __init__(self, addresses: dict[str, int], unpacked: bool):
        self._unpacked = unpacked
        self._jobs = {
            char: (job.address, addresses[char]) for char, job in (("f", _tile32), ("d", _tile64))
        }

    def multiply(self, A: np.ndarray, B: np.ndarray, C: np.ndarray) -> bool:
        """``C = A B`` for matrices of float32 or float64, shared by the team.

        Parameters
        ----------
        A, B : array of shape (M, K) and (K, N)
            Each C-contiguous or the transpose of such an array.
        C : C-contiguous array of shape (M, N)

        Returns
        -------
        bool
            False, with nothing done, where a matrix is neither.
        """
        found = self._product(A, B, C)
        if found is None:
            return False
        helpers, job, product = found
        helpers.wake()
        _share(helpers.board, helpers.threads, job, *product)
        return True

    def bound(self, A: np.ndarray, B: np.ndarray, C: np.ndarray) -> BoundProduct | None:
        """What does as `multiply` for these very arrays; None where a matrix is neither."""
        found = self._product(A, B, C)
        if found is None:
            return None
        helpers, job, product = found
        args = np.empty(17, np.int64)
        return BoundProduct(helpers, job, args, _arguments(args, *product))

    def _product(self, A: np.ndarray, B: np.ndarray, C: np.ndarray) -> Any:
        """The team, the job, and what `_share` wants to know further."""
        M, K = A.shape
        N = B.shape[1]
        trans_a = trans_b = False
        if not A.flags.c_contiguous:
            A, trans_a = A.T, True
        if not B.flags.c_contiguous:
            B, trans_b = B.T, True
        if (trans_a and not A.flags.c_contiguous) or (trans_b and not B.flags.c_contiguous):
            return None
        helpers = team()
        job, blas = self._jobs[C.dtype.char]
        plan = _plan(M, N, K, helpers.threads, trans_a, trans_b, self._unpacked)
        return helpers, job, (blas, A, trans_a, B, trans_b, C, plan)


class BoundProduct:
    """One product of matrices at known places, with nothing left to be decided."""

    def __init__(self, helpers: Team, job: int, args: np.ndarray, tiles: int):
        self._helpers = helpers
        self._args = args
        self._call = helpers.board, helpers.threads, job, args.ctypes.data, tiles

    def __call__(self, A: np.ndarray, B: np.ndarray, C: np.ndarray) -> None:
        """Compute C from A and B: those that this was made for, or that it was told of."""
        self._helpers.wake()
        run_tiles(*self._call)

    def moved(self, i: int, array: np.ndarray) -> None:
        """Take note that argument i is from now on this array, of the same layout."""
        self._args[(6, 8, 10)[i]] = array.__array_interface__["data"][0]
