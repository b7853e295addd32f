"""Products of stacks of matrices, shared by the team: whole matrices, or blocks of rows of them.

Each is one call of BLAS on one thread, on the matrices where they lie: a matrix may be transposed,
and its rows may be further apart than they are long, as those of one head in an array of all heads
of attention. So heads are neither split nor merged by copying.
"""

from __future__ import annotations

import numba
import numpy as np

from ._atomic import load
from ._compile import kernel
from .gemm import SMALL_PRODUCT, _dgemm, _sgemm
from .team import MOST_TILES, run_tiles, team, tile

__all__ = ["StackProducts", "layout"]

_AS_IT_IS, _TRANSPOSED = 111, 112
#: Tiles that a thread finds, so that one which is late has little left to do.
_TILES_EACH = 8


@numba.njit(inline="always")
def _do_tile(gemm, args, i, size):
    """Blocks i * each to (i + 1) * each; a block is some rows of one product."""
    blas, trans_a, trans_b = load(args), load(args + 8), load(args + 16)
    M, N, K = load(args + 24), load(args + 32), load(args + 40)
    lda, ldb, ldc = load(args + 48), load(args + 56), load(args + 64)
    inner, rows, parts = load(args + 72), load(args + 80), load(args + 88)
    each, blocks = load(args + 96), load(args + 104)
    for block in range(i * each, min((i + 1) * each, blocks)):
        matrix, m = block // parts, block % parts * rows
        p, q = matrix // inner, matrix % inner
        A = load(args + 112) + p * load(args + 136) + q * load(args + 144)
        B = load(args + 120) + p * load(args + 152) + q * load(args + 160)
        C = load(args + 128) + p * load(args + 168) + q * load(args + 176)
        A += size * m * (1 if trans_a == _TRANSPOSED else lda)
        C += size * m * ldc
        gemm(
            blas, trans_a, trans_b, min(rows, M - m), N, K, A, lda, B, ldb, np.int64(0), C, ldc
        )  # fmt: skip


@tile
def _tile32(args, i):
    _do_tile(_sgemm, args, i, 4)


@tile
def _tile64(args, i):
    _do_tile(_dgemm, args, i, 8)


@kernel
def _share(board, threads, job, args, tiles):
    run_tiles(board, threads, job, args.ctypes.data, tiles)
    return args[0]  # so that the list lives until here


def layout(X: np.ndarray) -> tuple[int, int] | None:
    """How BLAS takes the matrices of a stack: (transposed or not, elements from row to row).

    None where neither rows nor columns stand in one piece of memory.
    """
    (rows, columns), (r, c) = X.shape[-2:], X.strides[-2:]
    size = X.itemsize
    if (columns == 1 or c == size) and (rows == 1 or r >= columns * size):
        return _AS_IT_IS, r // size if rows > 1 else columns
    if (rows == 1 or r == size) and (columns == 1 or c >= rows * size):
        return _TRANSPOSED, c // size if columns > 1 else rows
    return None


class StackProducts:
    """Products of stacks with a BLAS whose functions have these addresses.

    Parameters
    ----------
    addresses, unpacked
        As of `gemm.Products`.
    """

    def __init__(self, addresses: dict[str, int], unpacked: bool):
        self._unpacked = unpacked
        self._jobs = {
            char: (job.address, addresses[char]) for char, job in (("f", _tile32), ("d", _tile64))
        }

    def multiply(self, A: np.ndarray, B: np.ndarray, C: np.ndarray) -> bool:
        """``C[p, q] = A[p, q] B[p, q]``, shared by the team.

        Parameters
        ----------
        A, B, C : array of shape (P, Q, M, K), (P, Q, K, N) and (P, Q, M, N)
            float32 or float64, none empty.

        Returns
        -------
        bool
            False, with nothing done, where a matrix has no `layout`, or C's is transposed.
        """
        a, b, c = layout(A), layout(B), layout(C)
        if a is None or b is None or c is None or c[0] == _TRANSPOSED:
            return False
        P, Q, M, K = A.shape
        N = B.shape[-1]
        helpers = team()
        threads = helpers.threads
        rows = M
        if self._unpacked and M * N * K > SMALL_PRODUCT:
            rows = max(32, SMALL_PRODUCT // (N * K) // 32 * 32)
        if _TILES_EACH * threads > P * Q:
            rows = min(rows, max(32, -(-M * P * Q // (_TILES_EACH * threads))))
        parts = -(-M // rows)
        blocks = P * Q * parts
        each = -(-blocks // min(MOST_TILES, _TILES_EACH * threads))
        job, blas = self._jobs[C.dtype.char]
        args = np.array(
            [
                blas, a[0], b[0], M, N, K, a[1], b[1], c[1], Q, rows, parts, each, blocks,
                A.__array_interface__["data"][0], B.__array_interface__["data"][0],
                C.__array_interface__["data"][0], *A.strides[:2], *B.strides[:2], *C.strides[:2],
            ],
            np.int64,
        )  # fmt: skip
        helpers.wake()
        _share(helpers.board, threads, job, args, -(-blocks // each))
        return True
