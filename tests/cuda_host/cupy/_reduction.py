"""``cupy.ReductionKernel``: map, reduce along axes, post-process."""

import ctypes

import numpy as np

from . import _stream
from ._arguments import guarded
from ._array import allocate, ndarray
from ._elementwise import CTYPES, _lock, build, checked, decide_types, parameters, prepare, typedefs


class ReductionKernel:
    """A reduction from ``map_expr``, ``reduce_expr`` (of ``a`` and ``b``) and ``post_map_expr``."""

    def __init__(self, in_params, out_params, map_expr, reduce_expr, post_map_expr, identity,
                 name="reduce_kernel", reduce_type=None, reduce_dims=True, preamble="",
                 options=()):  # fmt: skip
        self.in_params = parameters(in_params, True)
        self.out_params = parameters(out_params, False)
        self.params = self.in_params + self.out_params
        self.nin, self.nout = len(self.in_params), len(self.out_params)
        self.nargs = self.nin + self.nout
        if self.nout != 1 or any(p.raw for p in self.params):
            raise NotImplementedError("the stand-in reduces to one output, without raw parameters")
        self.map_expr, self.reduce_expr = map_expr, reduce_expr
        self.post_map_expr, self.identity = post_map_expr, str(identity)
        self.name, self.reduce_type, self.preamble = name, reduce_type, preamble
        self.reduce_dims, self.options = reduce_dims, tuple(options)
        self._compiled = {}

    def _source(self, known, scalar):
        out = self.out_params[0]
        accumulator = self.reduce_type or out.ctype
        if accumulator in CTYPES:
            accumulator = CTYPES[accumulator]
        heads, loads = [], []
        for k, p in enumerate(self.in_params):
            if scalar[k]:
                heads.append(f"const {p.ctype} {p.name} = *({p.ctype}*)v[{k}].data;")
            else:
                heads.append(f"gpunet_host::Array<const {p.ctype}> _raw_{p.name}{{v[{k}]}};")
                loads.append(f"const {p.ctype} &{p.name} = _raw_{p.name}[_j];")
        return (
            f"{typedefs(known)}typedef {accumulator} _type_reduce;\n{self.preamble}\n"
            f"#define REDUCE(a, b) ({self.reduce_expr})\n"
            f"#define POST_MAP(a) ({self.post_map_expr})\n"
            f"void {self.name}(const gpunet_host::View* v, const long long* _size, long long) {{\n"
            + "\n".join(heads)
            + f"\ngpunet_host::Array<{out.ctype}> _raw_{out.name}{{v[{self.nin}]}};\n"
            "for (long long _o = 0; _o < _size[0]; ++_o) {\n"
            f"_type_reduce _s = _type_reduce({self.identity});\n"
            "for (long long _r = 0; _r < _size[1]; ++_r) {\n"
            "const long long _j = _o * _size[1] + _r;\n"
            + "\n".join(loads)
            + f"\n_type_reduce _b = static_cast<_type_reduce>({self.map_expr});\n"
            f"_s = REDUCE(_s, _b);\n}}\n{out.ctype} &{out.name} = _raw_{out.name}[_o];\n"
            "POST_MAP(_s);\n}\n}\n"
        )

    def __call__(self, *args, out=None, axis=None, keepdims=False, stream=None):
        if len(args) not in (self.nin, self.nargs):
            raise TypeError(f"Wrong number of arguments for {self.name!r}")
        args, out = args[: self.nin], args[self.nin] if len(args) > self.nin else out
        checked([*args, *([] if out is None else [out])])
        shape = np.broadcast_shapes(*[a.shape for a in args if isinstance(a, ndarray)])
        axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(sorted(k % len(shape) for k in axes))
        kept = tuple(k for k in range(len(shape)) if k not in axes)
        ins, outs, known = decide_types(
            self.in_params, self.out_params,
            [a.dtype if isinstance(a, ndarray) else None for a in args],
            [] if out is None else [out.dtype],
        )  # fmt: skip
        small = tuple(shape[k] for k in kept)
        final = tuple(1 if k in axes else n for k, n in enumerate(shape)) if keepdims else small
        if out is None:
            out = allocate(final, outs[0])
        elif out.shape != final:
            raise ValueError("Out shape is mismatched")
        raw = [
            np.broadcast_to(a._a, shape).transpose(kept + axes) if isinstance(a, ndarray) else a
            for a in args
        ]
        scalar = tuple(not isinstance(a, np.ndarray) for a in raw)
        key = (tuple(sorted((n, t.name) for n, t in known.items())), scalar)
        if key not in self._compiled:
            self._compiled[key] = build(self._source(known, scalar), self.name, self.options)
        views, keep = prepare([*raw, out._a], ins + outs)
        inner = int(np.prod([shape[k] for k in axes], dtype=np.int64))
        sizes = (ctypes.c_longlong * 2)(int(np.prod(small, dtype=np.int64)), inner)
        function = self._compiled[key]

        def launch(_alive=keep):  # as long as this function
            with _lock:
                function(ctypes.addressof(views), ctypes.addressof(sizes), 0)

        arrays = [(k, a) for k, a in enumerate([*args, out]) if isinstance(a, ndarray)]
        _stream.submit(guarded(self.name, arrays, launch), [a._a for _, a in arrays])
        return out
