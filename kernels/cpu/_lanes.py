"""A square of numbers turned on its side in registers: how weights get into panels.

A panel holds, for each step of the sum, the weights of as many filters as a vector has lanes; in
memory each filter's weights lie side by side::

    filter 0   a b c d ...          panel   a e ...     one row, or vector, for each step,
    filter 1   e f g h ...   ->             b f ...     wherever its address says
    ...                                     c g ...
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ._atomic import _I64, _pointer
from ._products import REGISTER

__all__ = ["turn_lanes"]


@intrinsic
def turn_lanes(typingctx, like, source, step, targets, scale):
    """Write element i of each of the vectors at `source`, `step` bytes apart, to ``targets[i]``.

    There are as many vectors as each has lanes, and as many targets, a table of addresses. Vector
    j is multiplied by element j of the vector at `scale`. `like`: an array of the dtype.
    """
    real = like.dtype

    def codegen(context, builder, signature, args):
        _, source, step, targets, scale = args
        kind = ir.FloatType() if real.bitwidth == 32 else ir.DoubleType()
        size = real.bitwidth // 8
        lanes = REGISTER // size
        vector = ir.VectorType(kind, lanes)

        def at(address, offset, what):
            return _pointer(builder, builder.add(address, offset), what)

        rows = []
        for _ in range(lanes):
            rows.append(builder.load(_pointer(builder, source, vector), align=size))
            source = builder.add(source, step)
        factors = builder.load(_pointer(builder, scale, vector), align=size)
        # Where number and lane differ in a bit, they change places: bit after bit.
        bit = 1
        while bit < lanes:
            for i in range(lanes):
                if not i & bit:
                    rows[i], rows[i | bit] = _swapped(builder, rows[i], rows[i | bit], lanes, bit)
            bit *= 2
        for i, row in enumerate(rows):
            target = builder.load(at(targets, ir.Constant(_I64, 8 * i), _I64))
            row = builder.fmul(row, factors)
            builder.store(row, _pointer(builder, target, vector), align=size)
        return context.get_dummy_value()

    return types.none(like, *[types.int64] * 4), codegen


def _swapped(builder, a, b, lanes, bit):
    """Lanes of `a` with the bit, and those of `b` without it, in each other's place."""

    def chosen(picks):
        mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), picks)
        return builder.shuffle_vector(a, b, mask)

    low = [i if not i & bit else lanes + (i ^ bit) for i in range(lanes)]
    high = [i | bit if not i & bit else lanes + i for i in range(lanes)]
    return chosen(low), chosen(high)
