"""Atomic operations on memory addresses, copies and calls through them, inside Numba functions.

An address is an ``int64``. All atomic operations are sequentially consistent.
"""

from __future__ import annotations

import platform

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = [
    "call_tile",
    "copy_bytes",
    "fetch_add",
    "fetch_max",
    "float32_pointer",
    "float64_pointer",
    "load",
    "pause",
    "prefetch",
    "store",
    "uint8_pointer",
]

_I64 = ir.IntType(64)

#: LLVM's name and argument for the instruction of a waiting loop, by processor.
_BUSY_WAIT = {
    "x86_64": ("llvm.x86.sse2.pause", []),
    "AMD64": ("llvm.x86.sse2.pause", []),
    "aarch64": ("llvm.aarch64.hint", [ir.Constant(ir.IntType(32), 1)]),
    "arm64": ("llvm.aarch64.hint", [ir.Constant(ir.IntType(32), 1)]),
}


def _pointer(builder, address, kind=_I64):
    return builder.inttoptr(address, kind.as_pointer())


@intrinsic
def load(typingctx, address):
    """The int64 at `address`."""

    def codegen(context, builder, signature, args):
        return builder.load_atomic(_pointer(builder, args[0]), "seq_cst", align=8)

    return types.int64(types.int64), codegen


@intrinsic
def store(typingctx, address, value):
    """Set the int64 at `address`."""

    def codegen(context, builder, signature, args):
        builder.store_atomic(args[1], _pointer(builder, args[0]), "seq_cst", align=8)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), codegen


@intrinsic
def fetch_add(typingctx, address, value):
    """Add to the int64 at `address`; what was there before."""

    def codegen(context, builder, signature, args):
        return builder.atomic_rmw("add", _pointer(builder, args[0]), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def fetch_max(typingctx, address, value):
    """Raise the int64 at `address` to at least `value`; what was there before."""

    def codegen(context, builder, signature, args):
        return builder.atomic_rmw("max", _pointer(builder, args[0]), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def pause(typingctx):
    """Tell the processor that this is a waiting loop."""

    def codegen(context, builder, signature, args):
        if platform.machine() in _BUSY_WAIT:
            name, operands = _BUSY_WAIT[platform.machine()]
            kind = ir.FunctionType(ir.VoidType(), [operand.type for operand in operands])
            builder.call(builder.module.declare_intrinsic(name, (), kind), operands)
        return context.get_dummy_value()

    return types.none(), codegen


@intrinsic
def call_tile(typingctx, function, arguments, tile):
    """Call the C function ``void f(int64 arguments, int64 tile)`` at the address `function`."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(ir.VoidType(), [_I64, _I64])
        builder.call(_pointer(builder, args[0], kind), args[1:])
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.int64), codegen


@intrinsic
def copy_bytes(typingctx, target, source, count):
    """Copy `count` bytes between places that do not overlap."""

    def codegen(context, builder, signature, args):
        byte, flag = ir.IntType(8), ir.IntType(1)
        operands = [_pointer(builder, address, byte) for address in args[:2]]
        operands += [args[2], ir.Constant(flag, 0)]
        kind = ir.FunctionType(ir.VoidType(), [operand.type for operand in operands])
        names = tuple([operand.type for operand in operands[:3]])
        builder.call(builder.module.declare_intrinsic("llvm.memcpy", names, kind), operands)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.int64), codegen


@intrinsic
def prefetch(typingctx, address):
    """Fetch the cache line at `address`, which will be read soon."""

    def codegen(context, builder, signature, args):
        word = ir.IntType(32)
        # For reading, into the second-level cache, as data.
        operands = [_pointer(builder, args[0], ir.IntType(8))]
        operands += [ir.Constant(word, number) for number in (0, 2, 1)]
        kind = ir.FunctionType(ir.VoidType(), [operand.type for operand in operands])
        intrinsic = builder.module.declare_intrinsic("llvm.prefetch", (operands[0].type,), kind)
        builder.call(intrinsic, operands)
        return context.get_dummy_value()

    return types.none(types.int64), codegen


def _typed_pointer(numba_type, kind):
    @intrinsic
    def pointer(typingctx, address):
        def codegen(context, builder, signature, args):
            return _pointer(builder, args[0], kind)

        return types.CPointer(numba_type)(types.int64), codegen

    return pointer


#: Addresses as pointers that `numba.carray` takes.
uint8_pointer = _typed_pointer(types.uint8, ir.IntType(8))
float32_pointer = _typed_pointer(types.float32, ir.FloatType())
float64_pointer = _typed_pointer(types.float64, ir.DoubleType())
