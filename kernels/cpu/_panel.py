"""Products with a panel of weights, in registers: what each step of a recurrent layer needs.

    C[m, :] += sum_k A[m, k] B[k, :]

B is a panel: as many columns as fit in two of the processor's vectors, row after row without gaps.
The state is multiplied by the same weights in every step, so they are laid out as panels once,
where BLAS would do it in each step.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ._atomic import _I64, _pointer
from ._compile import inline
from ._products import REGISTER

__all__ = ["PANEL", "multiply_panel"]

#: Bytes of a panel's row.
PANEL = 2 * REGISTER
#: Blocks of so many rows fit in the registers; the larger ones in the 32 of AVX-512.
_MOST, _MANY, _FEW = (12, 8, 4) if REGISTER == 64 else (4, 4, 2)
_FLAGS = ("contract", "nsz")


def _block_of(rows: int) -> Any:
    """``f(like, A, a_step, K, B, C, c_step)``: places are addresses, distances bytes."""

    @intrinsic
    def block(typingctx, like, A, a_step, K, B, C, c_step):
        size = like.dtype.bitwidth // 8

        def codegen(context, builder, signature, args):
            kind = ir.FloatType() if size == 4 else ir.DoubleType()
            _build(builder, kind, size, rows, *args[1:])
            return context.get_dummy_value()

        return types.none(like, *[types.int64] * 6), codegen

    return block


def _build(builder, kind, size, rows, A, a_step, K, B, C, c_step):
    lanes = REGISTER // size
    vector = ir.VectorType(kind, lanes)
    spread = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
    undefined = ir.Constant(vector, ir.Undefined)

    def moved(address, step, m, more=0):
        offset = builder.mul(step, ir.Constant(_I64, m))
        return builder.add(address, builder.add(offset, ir.Constant(_I64, more)))

    places = [(m, v) for m in range(rows) for v in range(2)]
    targets = {
        (m, v): _pointer(builder, moved(C, c_step, m, v * REGISTER), vector) for m, v in places
    }
    # LLVM turns these variables into registers.
    block = {place: cgutils.alloca_once(builder, vector) for place in places}
    for place in places:
        builder.store(builder.load(targets[place], align=size), block[place])
    starts = [moved(A, a_step, m) for m in range(rows)]
    with cgutils.for_range(builder, K) as loop:
        here = builder.add(B, builder.mul(loop.index, ir.Constant(_I64, PANEL)))
        along = builder.mul(loop.index, ir.Constant(_I64, size))
        columns = [
            builder.load(
                _pointer(builder, builder.add(here, ir.Constant(_I64, v * REGISTER)), vector),
                align=size,
            )
            for v in range(2)
        ]
        for m in range(rows):
            element = builder.load(_pointer(builder, builder.add(starts[m], along), kind))
            one = builder.insert_element(undefined, element, ir.Constant(ir.IntType(32), 0))
            everywhere = builder.shuffle_vector(one, undefined, spread)
            for v in range(2):
                product = builder.fmul(everywhere, columns[v], flags=_FLAGS)
                total = builder.fadd(builder.load(block[m, v]), product, flags=_FLAGS)
                builder.store(total, block[m, v])
    for place in places:
        builder.store(builder.load(block[place]), targets[place], align=size)


_most_rows, _many_rows = _block_of(_MOST), _block_of(_MANY)
_few_rows, _one_row = _block_of(_FEW), _block_of(1)


@numba.njit(nogil=True)
def _multiply(like, A, a_step, M, K, B, C, c_step):
    m = 0
    while m + _MOST <= M:
        _most_rows(like, A + m * a_step, a_step, K, B, C + m * c_step, c_step)
        m += _MOST
    while m + _MANY <= M:
        _many_rows(like, A + m * a_step, a_step, K, B, C + m * c_step, c_step)
        m += _MANY
    while m + _FEW <= M:
        _few_rows(like, A + m * a_step, a_step, K, B, C + m * c_step, c_step)
        m += _FEW
    while m < M:
        _one_row(like, A + m * a_step, a_step, K, B, C + m * c_step, c_step)
        m += 1


@inline
def multiply_panel(like, A, a_step, M, K, B, C, c_step):
    """``C += A B`` for M rows of A and C and K rows of the panel B.

    `like` is an array of the dtype; the others are addresses, and distances between rows in bytes.
    """
    _multiply(like, A, a_step, M, K, B, C, c_step)
