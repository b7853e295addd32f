"""``cupy.ElementwiseKernel`` and ``cupy.ReductionKernel``, compiled for the host."""

import ctypes
import threading

import numpy as np

from . import _standin, _stream
from ._arguments import guarded
from ._array import _SCALARS, allocate, ndarray, unsupported
from ._compile import HIDE_STD, shared_library, split_options, translate

CTYPES = {
    "float64": "double", "float32": "float", "float16": "float16", "int64": "long long",
    "int32": "int", "int16": "short", "int8": "signed char", "uint64": "unsigned long long",
    "uint32": "unsigned int", "uint16": "unsigned short", "uint8": "unsigned char", "bool": "bool",
}  # fmt: skip
_lock = threading.Lock()


class _View(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("size", ctypes.c_longlong), ("ndim", ctypes.c_longlong),
        ("contiguous", ctypes.c_longlong), ("shape", ctypes.POINTER(ctypes.c_longlong)),
        ("strides", ctypes.POINTER(ctypes.c_longlong)),
    ]  # fmt: skip


def _longs(values):
    return (ctypes.c_longlong * max(1, len(values)))(*values)


def view_of(a):
    """The C++ view of a NumPy array (of the device, or a one-element array for a scalar)."""
    return _View(
        a.__array_interface__["data"][0], a.size, a.ndim, int(a.flags.c_contiguous),
        _longs(a.shape), _longs(a.strides),
    )  # fmt: skip


class ParameterInfo:
    """One of ``"raw T x, float32 y"``."""

    def __init__(self, text, is_const):
        words = text.split()
        if len(words) < 2:
            raise Exception(f"Syntax error: {text}")
        kind, self.name = words[-2:]
        self.raw, self.is_const = False, is_const
        for word in words[:-2]:
            if word == "raw":
                self.raw = True
            elif word == "_non_const":
                self.is_const = False
            else:
                raise Exception(f'Unknown keyword "{word}"')
        self.dtype = None if len(kind) == 1 else np.dtype(kind)
        self.ctype = kind if self.dtype is None else CTYPES[self.dtype.name]


def parameters(text, is_const):
    """The parameters of a comma-separated list."""
    return tuple(ParameterInfo(p, is_const) for p in text.strip().split(",")) if text else ()


def decide_types(in_params, out_params, in_types, out_types):
    """(input dtypes, output dtypes, {placeholder: dtype}) from the arrays given, as CuPy does."""
    known = {}
    pairs = [*zip(out_params, out_types, strict=False), *zip(in_params, in_types, strict=True)]
    for p, dtype in pairs:
        if dtype is None:
            continue
        want = p.dtype if p.dtype is not None else known.get(p.ctype)
        if want is not None and want != dtype:
            raise TypeError(f"Type is mismatched. {p.name} {dtype} {want}")
        if p.dtype is None:
            known[p.ctype] = dtype
    ins = [known[p.ctype] if p.dtype is None else p.dtype for p in in_params]
    outs = [known[p.ctype] if p.dtype is None else p.dtype for p in out_params]
    return ins, outs, known


def typedefs(known):
    """``typedef float T;`` for each placeholder."""
    return "".join(f"typedef {CTYPES[t.name]} {name};\n" for name, t in sorted(known.items()))


def build(source, entry, options=()):
    """The C function ``entry`` of a generated source."""
    text, _ = translate(source, options)
    cpp = f'#include "_elementwise.hpp"\n{HIDE_STD}namespace {{\n{text}\n}}\n' + (
        '__attribute__((visibility("default"))) void* gpunet_entry asm("gpunet_entry") = '
        f"(void*)&{entry};\n"
    )
    path = shared_library(cpp, split_options(options)[1], source, entry, options)
    library = ctypes.CDLL(str(path))
    address = ctypes.c_void_p.in_dll(library, "gpunet_entry").value
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_longlong)(address)
    function.library = library
    return function


def checked(args):
    """Refuse everything but arrays of the device and scalars."""
    for a in args:
        if not isinstance(a, (ndarray, *_SCALARS)):
            raise unsupported(a)


def prepare(args, types):
    """C++ views of the arguments; scalars become one-element arrays of the parameter's type."""
    keep = []
    for a, t in zip(args, types, strict=True):
        keep.append(a if isinstance(a, np.ndarray) else np.array(a, dtype=t))
    return (_View * max(1, len(keep)))(*[view_of(a) for a in keep]), keep


class ElementwiseKernel:
    """An operation applied to every element of broadcast arrays."""

    def __init__(self, in_params, out_params, operation, name="kernel", reduce_dims=True,
                 preamble="", no_return=False, return_tuple=False, **kwargs):  # fmt: skip
        self.in_params = parameters(in_params, True)
        self.out_params = parameters(out_params, False)
        self.params = self.in_params + self.out_params
        self.nin, self.nout = len(self.in_params), len(self.out_params)
        self.nargs = self.nin + self.nout
        names = [p.name for p in self.params]
        if len(set(names)) != len(names) or {"n", "i"} & set(names):
            raise ValueError("Parameter names must be unique, and neither 'n' nor 'i'")
        if not name.isidentifier():
            raise ValueError(f"Invalid kernel name: '{name}'")
        self.operation, self.name, self.preamble = operation, name, preamble
        self.reduce_dims, self.no_return, self.return_tuple = reduce_dims, no_return, return_tuple
        self.options = tuple(kwargs.pop("options", ()))
        self.loop_prep, self.after_loop = kwargs.pop("loop_prep", ""), kwargs.pop("after_loop", "")
        if kwargs:
            raise TypeError(f"Wrong arguments {kwargs}")
        self._compiled = {}

    def _source(self, known, scalar):
        lines, heads = [], []
        for k, p in enumerate(self.params):
            const = "const " if p.is_const else ""
            array = f"gpunet_host::Array<{const}{p.ctype}>"
            if scalar[k]:
                heads.append(f"const {p.ctype} {p.name} = *({p.ctype}*)v[{k}].data;")
            elif p.raw:
                heads.append(f"{array} {p.name}{{v[{k}]}};")
            else:
                heads.append(f"{array} _raw_{p.name}{{v[{k}]}};")
                ref = f"_raw_{p.name}.v.contiguous ? _raw_{p.name}[i] : _raw_{p.name}[_ind.get()]"
                lines.append(f"{const}{p.ctype} &{p.name} = {ref};")
        # `n` of CuPy is _ind.size(); `i` the linear index. The loop stands for the grid.
        return (
            f"{typedefs(known)}{self.preamble}\n"
            f"void {self.name}(const gpunet_host::View* v, gpunet_host::Indexer* _indexer, "
            "long long _reverse) {\n"
            "gpunet_host::Indexer& _ind = *_indexer;\nconst long long n = _ind.size();\n"
            + "\n".join(heads)
            + f"\n{self.loop_prep};\nfor (long long _k = 0; _k < n; ++_k) {{\n"
            "const ptrdiff_t i = _reverse ? n - 1 - _k : _k;\n_ind.set(i);\n"
            + "\n".join(lines)
            + f"\n{self.operation};\n}}\n{self.after_loop};\n}}\n"
        )

    def __call__(self, *args, **kwargs):
        size = kwargs.pop("size", -1)
        kwargs.pop("stream", None)
        if kwargs.pop("block_size", 128) <= 0:
            raise ValueError("block_size must be greater than zero")
        if kwargs:
            raise TypeError(f"Wrong arguments {kwargs}")
        if len(args) not in (self.nin, self.nargs):
            raise TypeError(
                f"Wrong number of arguments for {self.name!r}. It must be either {self.nin} or "
                f"{self.nargs} (with outputs), but given {len(args)}."
            )
        checked(args)
        shape = self._shape(args, size)
        types = [a.dtype if isinstance(a, ndarray) else None for a in args]
        if any(t is None for t in types[self.nin :]):
            raise TypeError("Output arguments type must be cupy.ndarray")
        ins, outs, known = decide_types(
            self.in_params, self.out_params, types[: self.nin], types[self.nin :]
        )
        given = list(args[self.nin :]) or self._outputs(shape, outs, size)
        for p, a in zip(self.out_params, given, strict=True):
            if not p.raw and a.shape != shape:
                raise ValueError("Out shape is mismatched")
        if 0 not in shape:
            self._launch([*args[: self.nin], *given], ins + outs, known, shape)
        if self.no_return:
            return None
        return given[0] if self.nout == 1 and not self.return_tuple else tuple(given)

    def _shape(self, args, size):
        looped = [
            a for p, a in zip(self.params, args, strict=False)
            if not p.raw and isinstance(a, ndarray)
        ]  # fmt: skip
        if size != -1:
            if looped:
                raise ValueError(
                    "Specified 'size' can be used only if all of the ndarray are 'raw'."
                )
            return (int(size),)
        if not looped:
            raise ValueError("Loop size is undecided.")
        return np.broadcast_shapes(*[a.shape for a in looped])

    def _outputs(self, shape, types, size):
        if any(p.raw for p in self.out_params) and size == -1:
            raise ValueError("Output array size is Undecided")
        return [allocate(shape, t) for t in types]

    def _launch(self, args, types, known, shape):
        arrays = [(k, a) for k, a in enumerate(args) if isinstance(a, ndarray)]
        raw = []
        for p, a in zip(self.params, args, strict=True):
            if isinstance(a, ndarray):
                a = a._a if p.raw or a.shape == shape else np.broadcast_to(a._a, shape)
            raw.append(a)
        scalar = tuple(not isinstance(a, np.ndarray) for a in raw)
        key = (tuple(sorted((n, t.name) for n, t in known.items())), scalar)
        if key not in self._compiled:
            self._compiled[key] = build(self._source(known, scalar), self.name, self.options)
        views, keep = prepare(raw, types)
        dims = _longs(shape)
        count = int(np.prod(shape, dtype=np.int64))
        indexer = (ctypes.c_longlong * 40)(count, len(shape), ctypes.addressof(dims))
        function = self._compiled[key]

        def launch(_alive=(keep, dims)):  # as long as this function
            with _lock:
                function(
                    ctypes.addressof(views), ctypes.addressof(indexer), _standin.reverse_order()
                )

        _stream.submit(guarded(self.name, arrays, launch), [a._a for _, a in arrays])
