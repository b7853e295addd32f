"""The one way in which a CUDA kernel is compiled, checked and launched.

CuPy passes raw kernels whatever it is given: a Python float becomes a double, an int 64 bits, a
strided view its first address, and a kernel that expects something else computes garbage without
a word. So every launch is checked against the parameter list in the ``.cu`` file itself.
"""

from __future__ import annotations

import re
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np

__all__ = [
    "BLOCK",
    "COLUMNS_BLOCK",
    "Source",
    "blocks_for",
    "columns_grid",
    "optional",
    "rows_block",
    "scratch",
]

#: Threads of a block where a kernel has no reason for another number.
BLOCK = 256

#: Blocks at most for a grid-stride kernel: enough to fill any GPU several times over.
_MOST_BLOCKS = 132 * 32

#: The block of the kernels of columns.cuh.
COLUMNS_BLOCK = (32, 8)

#: Blocks that a pass along the columns is cut into, at least where there are rows enough.
_COLUMNS_BLOCKS = 132 * 4

_SCALARS = {
    "int": np.int32,
    "unsigned": np.uint32,
    "index": np.int64,
    "unsigned long long": np.uint64,
    "float": np.float32,
    "double": np.float64,
    "bool": np.bool_,
    "unsigned char": np.uint8,
}
_KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?'
                     r"(\w+)\s*\(([^)]*)\)")  # fmt: skip


def blocks_for(n: int, block: int = BLOCK) -> int:
    """Blocks of a grid-stride kernel over `n` elements."""
    return max(1, min(-(-n // block), _MOST_BLOCKS))


def rows_block(n: int) -> int:
    """Threads of a block that works on one row of `n` elements: a power of two, 32 to 1024."""
    return min(1024, max(32, 1 << max(0, (n - 1).bit_length() - 1)))


def columns_grid(M: int, C: int, least: int = 32) -> tuple[tuple[int, int], int]:
    """The grid (blocks across, slices) of a pass along the columns, and the rows of a slice.

    Slices have `least` rows or more: below that a second launch costs more than it saves.
    """
    across = -(-C // COLUMNS_BLOCK[0])
    slices = max(1, min(-(-_COLUMNS_BLOCKS // across), -(-M // least)))
    chunk = max(1, -(-M // slices))
    return (across, max(1, -(-M // chunk))), chunk


def optional(array: Any, other: Any) -> tuple[Any, bool]:
    """A pointer that is valid in any case, and whether it is the one that was meant."""
    return (other, False) if array is None else (array, True)


def scratch(shape: tuple[int, ...], dtype: Any) -> Any:
    """Uninitialised memory on the current GPU."""
    import cupy

    return cupy.empty(shape, dtype)


class Source:
    """One ``.cu`` file, compiled for float32 or float64 when first launched.

    Parameters
    ----------
    filename : str
        A file beside this one.
    *headers : str
        Files to set before it, after ``common.cuh``.
    """

    def __init__(self, filename: str, *headers: str):
        self.filename = filename
        self.headers = ("common.cuh", *headers)
        self._functions: dict[tuple[str, Any], Any] = {}

    @cached_property
    def text(self) -> str:
        """The source as it is compiled: the headers, then the file."""
        here = files(__package__)
        return "\n".join(
            f'#line 1 "{name}"\n{here.joinpath(name).read_text()}'
            for name in (*self.headers, self.filename)
        )

    @cached_property
    def signatures(self) -> dict[str, list[tuple[str, bool, str]]]:
        """For each kernel its parameters: C type, whether it is a pointer, name."""
        return {
            name: [_parameter(text) for text in parameters.split(",")]
            for name, parameters in _KERNEL.findall(self.text)
        }

    def options(self, dtype: Any) -> tuple[str, ...]:
        """The compiler options for arrays of `dtype`."""
        real = {"float32": "float", "float64": "double"}[np.dtype(dtype).name]
        return ("-std=c++17", f"-Dreal={real}")

    def __call__(
        self, name: str, dtype: Any, grid: Any, block: Any, *args: Any, shared_bytes: int = 0
    ) -> None:
        """Launch the kernel `name` on the GPU of its arrays, in the current stream there.

        Parameters
        ----------
        dtype : numpy.dtype
            The type that ``real`` stands for in the source.
        grid, block : int or tuple of int
        *args : cupy.ndarray or number
            As in the kernel's parameter list. Numbers are cast to the declared types.

        Raises
        ------
        TypeError, ValueError
            If an argument does not fit the kernel's declaration: number of arguments, kind of
            array, dtype, contiguity, range of an integer; or if the arrays are on several GPUs.
        """
        entry = self._functions.get((name, dtype)) or self._load(name, dtype)
        function, casts, arrays, current_device = entry
        if len(args) != len(casts):
            raise TypeError(f"kernel {name} takes {len(casts)} arguments, got {len(args)}")
        packed = [cast(arg) for cast, arg in zip(casts, args)]
        grid = grid if type(grid) is tuple else (grid,)
        block = block if type(block) is tuple else (block,)
        current = current_device()
        for i in arrays:
            if packed[i].data.device_id != current:
                with self._device_of(name, [packed[i] for i in arrays]):
                    function(grid, block, packed, shared_mem=shared_bytes)
                return
        function(grid, block, packed, shared_mem=shared_bytes)

    def _device_of(self, name: str, arrays: list[Any]) -> Any:
        """The one GPU of `arrays`, as a context."""
        import cupy

        numbers = [array.data.device_id for array in arrays]
        if len(set(numbers)) > 1:
            parameters = (p for _, pointer, p in self.signatures[name] if pointer)
            places = ", ".join(f"{p} on {n}" for p, n in zip(parameters, numbers))
            raise ValueError(f"kernel {name}: all arrays must be on one GPU, but {places}")
        return cupy.cuda.Device(numbers[0])

    def _load(self, name: str, dtype: Any) -> tuple[Any, list[Any], list[int], Any]:
        import cupy

        if name not in self.signatures:
            raise KeyError(f"{self.filename} has no kernel {name!r}")
        module = cupy.RawModule(code=self.text, options=self.options(dtype))
        casts = []
        for c_type, pointer, parameter in self.signatures[name]:
            where = f"kernel {name}, argument {parameter}"
            numpy_type = dtype if c_type == "real" else _SCALARS[c_type]
            make = _array_check if pointer else _scalar_cast
            casts.append(make(cupy.ndarray, np.dtype(numpy_type), where))
        arrays = [i for i, (_, pointer, _) in enumerate(self.signatures[name]) if pointer]
        entry = (module.get_function(name), casts, arrays, cupy.cuda.get_device_id)
        self._functions[name, dtype] = entry
        return entry


def _parameter(text: str) -> tuple[str, bool, str]:
    words = text.replace("*", " * ").replace("__restrict__", " ").split()
    words = [word for word in words if word != "const"]
    return " ".join(w for w in words[:-1] if w != "*"), "*" in words, words[-1]


def _array_check(array_type: Any, dtype: Any, where: str) -> Any:
    def check(array: Any) -> Any:
        if type(array) is not array_type:
            raise TypeError(f"{where}: expected a CuPy array, got {type(array).__name__}")
        if array.dtype != dtype:
            raise TypeError(f"{where}: expected dtype {dtype}, got {array.dtype}")
        if not array.flags.c_contiguous:
            raise ValueError(f"{where}: the array is not C-contiguous (strides {array.strides})")
        return array

    return check


def _scalar_cast(array_type: Any, dtype: Any, where: str) -> Any:
    scalar = dtype.type
    if dtype.kind not in "iu":
        return scalar
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max

    def cast(value: Any) -> Any:
        if not low <= value <= high:
            raise ValueError(f"{where}: {value} does not fit {dtype}")
        return scalar(value)

    return cast
