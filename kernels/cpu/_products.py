"""A small product of matrices in registers: the inner loop of the convolutions.

    out[m, :] = init[m, :] + sum_s sum_k A_m[s, k] B[s K + k, :]        for m < ROWS

A block of `ROWS` rows and a few vectors of columns lies in the processor's registers, from the
first product to the last; each step reads one row of B and broadcasts one element for each row of
the block. The rows of A lie wherever a table of addresses says, which is why a convolution needs no
columns: the windows of neighbouring pixels overlap in the image itself.

Numba's loops would not keep the block in registers; so the loop is written with LLVM's vectors.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ._atomic import _I64, _pointer, _typed_pointer

__all__ = ["REGISTER", "ROWS", "int64_pointer", "one_register", "two_registers"]


def _registers() -> tuple[int, int]:
    """Bytes of the processor's vectors, and the rows of a block that fits its registers."""
    has = llvmlite.binding.get_host_cpu_features()
    if has.get("avx512f"):
        return 64, 12
    # 16 registers, of which 12 for the block, or 32 of the length that all processors have.
    return (32, 6) if has.get("avx2") else (16, 6)


#: Bytes of a vector, and rows of a block.
REGISTER, ROWS = _registers()

_FLAGS = ("contract", "nsz")
int64_pointer = _typed_pointer(types.int64, _I64)


def _block_of(vectors: int) -> Any:
    """``f(like, rows, segments, n, K, step, B, init, init_step, out, out_step, relu)``.

    `like` is an array of the dtype, all others are int64, places being addresses and distances
    bytes. `rows`: a table of ROWS addresses. `segments`: a table of the n distances from there to
    the first of K elements, `step` apart. B: rows of as many elements as fit in the vectors,
    without gaps. `init` may be `out`. `relu`: whether negative results become 0.
    """

    @intrinsic
    def block(typingctx, like, rows, segments, n, K, step, B, init, init_step, out, out_step, relu):
        real = like.dtype

        def codegen(context, builder, signature, args):
            kind = ir.FloatType() if real.bitwidth == 32 else ir.DoubleType()
            _build(builder, kind, real.bitwidth // 8, vectors, *args[1:])
            return context.get_dummy_value()

        return types.none(like, *[types.int64] * 11), codegen

    return block


def _build(
    builder,
    kind,
    size,
    vectors,
    rows,
    segments,
    n,
    K,
    step,
    B,
    init,
    init_step,
    out,
    out_step,
    relu,
):
    def number(value):
        return ir.Constant(_I64, value)

    def at(address, offset, what):
        return _pointer(builder, builder.add(address, offset), what)

    lanes = REGISTER // size
    vector = ir.VectorType(kind, lanes)
    spread = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
    undefined = ir.Constant(vector, ir.Undefined)
    width = number(vectors * REGISTER)
    places = [(m, v) for m in range(ROWS) for v in range(vectors)]

    def elements(base, base_step, m, v):
        offset = builder.add(builder.mul(base_step, number(m)), number(v * REGISTER))
        return at(base, offset, vector)

    # LLVM turns these variables into registers.
    block = {place: cgutils.alloca_once(builder, vector) for place in places}
    zero = ir.Constant(vector, None)
    for total in block.values():
        builder.store(zero, total)
    starts = [builder.load(at(rows, number(8 * m), _I64)) for m in range(ROWS)]
    b = cgutils.alloca_once_value(builder, B)
    with cgutils.for_range(builder, n) as segment:
        offset = builder.load(at(segments, builder.mul(segment.index, number(8)), _I64))
        a = cgutils.alloca_once_value(builder, number(0))
        here = [builder.add(start, offset) for start in starts]
        with cgutils.for_range(builder, K):
            row, along = builder.load(b), builder.load(a)
            columns = [
                builder.load(at(row, number(v * REGISTER), vector), align=size)
                for v in range(vectors)
            ]
            for m in range(ROWS):
                element = builder.load(at(here[m], along, kind))
                one = builder.insert_element(undefined, element, ir.Constant(ir.IntType(32), 0))
                everywhere = builder.shuffle_vector(one, undefined, spread)
                for v in range(vectors):
                    product = builder.fmul(everywhere, columns[v], flags=_FLAGS)
                    total = block[m, v]
                    builder.store(builder.fadd(builder.load(total), product, flags=_FLAGS), total)
            builder.store(builder.add(row, width), b)
            builder.store(builder.add(along, step), a)
    # At the end: sums of parts have smaller rounding errors than one long sum.
    for place, total in block.items():
        before = builder.load(elements(init, init_step, *place), align=size)
        builder.store(builder.fadd(builder.load(total), before), total)
    with builder.if_then(builder.icmp_signed("!=", relu, number(0))):
        for total in block.values():
            value = builder.load(total)
            # A comparison that NaN fails, so that it stays.
            negative = builder.fcmp_ordered("<", value, zero)
            builder.store(builder.select(negative, zero, value), total)
    for place, total in block.items():
        builder.store(builder.load(total), elements(out, out_step, *place), align=size)


two_registers = _block_of(2)
one_register = _block_of(1)
