"""``cupy.cuda.compiler``: the error type."""

from .._compile import CompileException

__all__ = ["CompileException"]
