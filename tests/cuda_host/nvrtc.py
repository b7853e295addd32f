"""Compile CUDA sources with the real NVRTC, which needs no GPU (wheel ``nvidia-cuda-nvrtc-cu12``).

``compile_source`` is the check of every ``.cu`` file; ``elementwise_source`` gives the kernel that
CuPy would make of an ElementwiseKernel, close enough that NVRTC judges the operation as on a GPU.
"""

import ctypes
import functools
import importlib.util
from pathlib import Path

ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100", "sm_120")

# What CuPy puts before an elementwise kernel, cut down to what operations use.
_CARRAY = """
typedef long long gpunet_index;
#define CUPY_FOR(i, n) \\
    for (ptrdiff_t i = (ptrdiff_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n); \\
         i += (ptrdiff_t)blockDim.x * gridDim.x)
template <typename T, int N> struct CArray {
  T* data_; gpunet_index size_, shape_[N ? N : 1], strides_[N ? N : 1];
  __device__ gpunet_index size() const { return size_; }
  __device__ const gpunet_index* shape() const { return shape_; }
  __device__ const gpunet_index* strides() const { return strides_; }
  __device__ T& operator[](ptrdiff_t i) const { return data_[i]; }
  template <typename I> __device__ T& operator[](const I (&index)[N ? N : 1]) const {
    gpunet_index at = 0;
    for (int d = 0; d < N; ++d) at += index[d] * strides_[d];
    return *(T*)((char*)data_ + at);
  }
};
template <int N> struct CIndexer {
  gpunet_index size_, shape_[N ? N : 1], index_[N ? N : 1];
  __device__ gpunet_index size() const { return size_; }
  __device__ void set(ptrdiff_t i) {
    for (int d = N - 1; d >= 0; --d) { index_[d] = i % shape_[d]; i /= shape_[d]; }
  }
  __device__ const gpunet_index (&get() const)[N ? N : 1] { return index_; }
};
"""


@functools.cache
def library():
    """The loaded libnvrtc; raises RuntimeError saying what to install when there is none."""
    found = importlib.util.find_spec("nvidia")
    for root in found.submodule_search_locations if found else ():
        for folder in ("cuda_nvrtc/lib", "cu13/lib", "cuda_nvrtc/bin"):
            names = sorted(Path(root, folder).glob("*nvrtc*"))
            for path in names:
                if "builtins" in path.name or "alt" in path.name:
                    continue
                return ctypes.CDLL(str(path))
    raise RuntimeError("NVRTC was not found; pip install nvidia-cuda-nvrtc-cu12")


def version():
    """(major, minor) of NVRTC."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return major.value, minor.value


def compile_source(source, arch="sm_80", options=(), name="kernel.cu"):
    """(ok, log) of compiling ``source`` for ``arch``, with the options that CuPy adds.

    ``log`` has the warnings too. -ftz=true is CuPy's default for RawModule with NVRTC.
    """
    nvrtc, program = library(), ctypes.c_void_p()
    nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
    status = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), name.encode(), 0, None, None
    )
    if status:
        return False, nvrtc.nvrtcGetErrorString(status).decode()
    given = [f"-arch={arch}", "-ftz=true", "--device-as-default-execution-space", *options]
    if not any(o.startswith(("-std", "--std")) for o in given):
        given.append("-std=c++17")
    encoded = (ctypes.c_char_p * len(given))(*[str(o).encode() for o in given])
    try:
        status = nvrtc.nvrtcCompileProgram(program, len(given), encoded)
        size = ctypes.c_size_t()
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value + 1)
        nvrtc.nvrtcGetProgramLog(program, log)
        text = log.value.decode(errors="replace")
        if status:
            text = f"{nvrtc.nvrtcGetErrorString(status).decode()}\n{text}"
        return status == 0, text
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def elementwise_source(kernel, types, ndim=1):
    """CUDA source of a stand-in ``ElementwiseKernel``, for ``types`` such as {"T": "float32"}.

    The kernel is called ``kernel.name``. Non-raw parameters are arrays of ``ndim`` dimensions.
    """
    import numpy as np
    from cupy._elementwise import typedefs

    known = {name: np.dtype(t) for name, t in types.items()}
    arguments, lines = [], []
    for p in kernel.params:
        const = "const " if p.is_const else ""
        array = f"CArray<{const}{p.ctype}, {ndim}>"
        arguments.append(f"{array} {p.name if p.raw else '_raw_' + p.name}")
        if not p.raw:
            lines.append(f"{const}{p.ctype} &{p.name} = _raw_{p.name}[_ind.get()];")
    arguments.append(f"CIndexer<{ndim}> _ind")
    return (
        f"{_CARRAY}{typedefs(known)}{kernel.preamble}\n"
        f'extern "C" __global__ void {kernel.name}({", ".join(arguments)}) {{\n'
        f"{kernel.loop_prep};\nCUPY_FOR(i, _ind.size()) {{\n_ind.set(i);\n"
        + "\n".join(lines)
        + f"\n{kernel.operation};\n}}\n{kernel.after_loop};\n}}\n"
    )
