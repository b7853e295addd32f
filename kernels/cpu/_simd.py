"""Vectors as values, inside Numba functions: what a loop holds in registers from pass to pass.

LLVM turns loops over neighbouring elements into SIMD code by itself. It does not keep sums or
weights of neighbouring channels in registers while a loop goes along the pixels; with these, the
loop says so::

    weights = take(W, at)                 # 64 bytes: 16 float32, or 8 float64
    sums = multiply_add(take(X, i), weights, sums)
    put(Y, j, sums)

Where the processor's registers are smaller, LLVM takes several for each vector.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

__all__ = ["VECTOR_BYTES", "multiply_add", "nothing", "put", "take"]

#: Bytes of a vector: a cache line, and a register of AVX-512.
VECTOR_BYTES = 64

_FAST = ("reassoc", "contract", "nsz", "arcp")


class _Vector(types.Type):
    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(name=f"vector({dtype})")


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, _ir_type(vector.dtype))


def _ir_type(dtype):
    scalar = ir.FloatType() if dtype == types.float32 else ir.DoubleType()
    return ir.VectorType(scalar, VECTOR_BYTES * 8 // dtype.bitwidth)


def _place(context, builder, array_type, array, i):
    """A pointer to the vector that begins at element i of an array."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [i]), _ir_type(array_type.dtype).as_pointer())


@intrinsic
def take(typingctx, A, i):
    """The vector that begins at element i of the memory of a C-contiguous array."""

    def codegen(context, builder, signature, args):
        place = _place(context, builder, signature.args[0], *args)
        return builder.load(place, align=A.dtype.bitwidth // 8)

    return _Vector(A.dtype)(A, types.intp), codegen


@intrinsic
def put(typingctx, A, i, vector):
    """Write a vector to the elements from i on of the memory of a C-contiguous array."""

    def codegen(context, builder, signature, args):
        place = _place(context, builder, signature.args[0], *args[:2])
        builder.store(args[2], place, align=A.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.none(A, types.intp, vector), codegen


@intrinsic
def nothing(typingctx, A):
    """A vector of zeros, of the dtype of an array."""

    def codegen(context, builder, signature, args):
        return ir.Constant(_ir_type(A.dtype), None)

    return _Vector(A.dtype)(A), codegen


@intrinsic
def multiply_add(typingctx, a, b, c):
    """``a b + c``, element by element."""

    def codegen(context, builder, signature, args):
        product = builder.fmul(args[0], args[1], flags=_FAST)
        return builder.fadd(product, args[2], flags=_FAST)

    return a(a, b, c), codegen
