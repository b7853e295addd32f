"""``cupy.RawModule`` and ``cupy.RawKernel``."""

import ctypes
import threading

from . import _standin, _stream
from ._arguments import Param, guarded, pack
from ._compile import load

_LIMITS = (2**31 - 1, 65535, 65535)
_lock = threading.Lock()  # the state of a launch is static in its library


def _dimensions(name, what, given):
    if not isinstance(given, tuple):
        raise TypeError(f"kernel {name!r}: {what} must be a tuple, not {type(given).__name__}")
    if not 1 <= len(given) <= 3:
        raise ValueError(f"kernel {name!r}: {what} must have 1 to 3 entries, not {given}")
    return tuple(int(n) for n in (*given, 1, 1)[:3])


def _check_launch(name, grid, block, bound):
    """CUDA's limits. CuPy raises a zero to one; a launch of nothing is a mistake all the same."""
    from .cuda.driver import CUDADriverError

    bad = None
    if min(grid) < 1 or min(block) < 1:
        bad = "dimensions must be at least 1"
    elif any(n > limit for n, limit in zip(grid, _LIMITS, strict=True)):
        bad = f"the largest grid is {_LIMITS}"
    elif block[0] * block[1] * block[2] > 1024 or block[2] > 64:
        bad = "the largest block is 1024 threads, 64 in z"
    elif block[0] * block[1] * block[2] > bound:
        bad = f"its __launch_bounds__ allow {bound} threads"
    if bad:
        raise CUDADriverError(
            1, f"CUDA_ERROR_INVALID_VALUE: kernel {name!r}, grid {grid}, block {block}: {bad}"
        )


class Function:
    """A kernel that can be launched: ``kernel(grid, block, args, shared_mem=0, stream=None)``."""

    def __init__(self, library, name, waits, bound):
        self._name, self._waits, self._bound = name, waits, bound
        self._launch = getattr(library, f"gpunet_launch_{name}")
        describe = getattr(library, f"gpunet_params_{name}")
        describe.restype = ctypes.POINTER(Param)
        count = getattr(library, f"gpunet_count_{name}")()
        self._params = [describe()[k] for k in range(count)]
        self._error = ctypes.create_string_buffer(1024)

    def __call__(self, grid, block, args, shared_mem=0, stream=None,
                 enable_cooperative_groups=False):  # fmt: skip
        name = self._name
        grid, block = _dimensions(name, "grid", grid), _dimensions(name, "block", block)
        _check_launch(name, grid, block, self._bound)
        slots, keep, arrays = pack(name, self._params, args)
        grid, block = (ctypes.c_uint * 3)(*grid), (ctypes.c_uint * 3)(*block)

        def launch(_alive=keep):  # as long as this function
            with _lock:
                status = self._launch(
                    grid, block, slots, ctypes.c_uint(int(shared_mem)), int(self._waits),
                    int(_standin.reverse_order()), self._error,
                )  # fmt: skip
            if status:
                raise RuntimeError(f"kernel {name!r}: {self._error.value.decode()}")

        _stream.submit(guarded(name, arrays, launch), [x._a for _, x in arrays], stream)


class RawModule:
    """CUDA source, compiled for the host at the first use."""

    def __init__(self, *, code=None, path=None, options=(), backend="nvrtc",
                 translate_cucomplex=False, enable_cooperative_groups=False,
                 name_expressions=None, jitify=False):  # fmt: skip
        if (code is None) == (path is None):
            raise TypeError("Exactly one of `code` and `path` keyword arguments must be given.")
        if path is not None or name_expressions is not None or jitify:
            raise NotImplementedError('the stand-in compiles `code` with extern "C" kernels only')
        if not isinstance(options, tuple):
            raise TypeError("Argument 'options' has incorrect type (expected tuple)")
        if not isinstance(code, str):
            raise TypeError("Argument 'code' has incorrect type (expected str)")
        self.code, self.options, self.backend = code, options, backend
        self.file_path, self.name_expressions = None, None
        self.enable_cooperative_groups = enable_cooperative_groups
        self._functions = {}

    def compile(self, log_stream=None):
        load(self.code, self.options)

    @property
    def module(self):
        return load(self.code, self.options)[0]

    def get_function(self, name):
        if name not in self._functions:
            self._functions[name] = RawKernel(self.code, name, self.options, self.backend)
            self._functions[name].kernel  # noqa: B018  # compile now, as CuPy does
        return self._functions[name]


class RawKernel:
    """One kernel of a CUDA source."""

    def __init__(self, code, name, options=(), backend="nvrtc", *, translate_cucomplex=False,
                 enable_cooperative_groups=False, jitify=False):  # fmt: skip
        if not isinstance(options, tuple):
            raise TypeError("Argument 'options' has incorrect type (expected tuple)")
        self.code, self.name, self.options, self.backend = code, name, options, backend
        self.file_path = None
        self._kernel = None

    @property
    def kernel(self):
        if self._kernel is None:
            library, kernels, waits = load(self.code, self.options)
            if self.name not in kernels:
                from .cuda.driver import CUDADriverError

                raise CUDADriverError(
                    500,
                    f"CUDA_ERROR_NOT_FOUND: named symbol not found: {self.name!r}; "
                    f'the extern "C" kernels of this source are {list(kernels)}',
                )
            self._kernel = Function(library, self.name, self.name in waits, kernels[self.name])
        return self._kernel

    def compile(self, log_stream=None):
        self.kernel  # noqa: B018

    def __call__(self, grid, block, args, *, shared_mem=0, stream=None):
        self.kernel(grid, block, args, shared_mem, stream)

    attributes = property(lambda self: {"max_threads_per_block": 1024, "num_regs": 32})
    max_threads_per_block = 1024
    num_regs = 32
    max_dynamic_shared_size_bytes = 48 * 1024
