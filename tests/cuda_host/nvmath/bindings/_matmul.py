"""What cublasLt computes, in NumPy on the addresses that it is given. Matrices are by columns."""

import ctypes
import zlib
from dataclasses import dataclass

import numpy as np

from ._api import EXECUTION_FAILED, INVALID_VALUE, NOT_SUPPORTED, cuBLASLtError

#: Whether the ReLU of an epilogue leaves NaN as it is; not all kernels of cuBLAS do.
relu_keeps_nan = True

_TYPES = {0: np.dtype("float32"), 1: np.dtype("float64"), 2: np.dtype("float16"),
          14: np.dtype("uint16")}  # fmt: skip
_FP32, _TF32, _FP64 = 68, 77, 70
_BIAS, _AUX = 4, 128
_RELUS, _GELUS = (2, 6, 130, 134), (32, 36, 160, 164)
_DRELUS, _DGELUS, _BGRADA, _BGRADB = (136, 152), (192, 208), 256, 512


def _refuse(why, status=INVALID_VALUE):
    raise cuBLASLtError(status, why)


@dataclass
class Problem:
    """The attributes of a product as they are now."""

    desc: dict
    a: dict
    b: dict
    c: dict
    d: dict

    @property
    def epilogue(self):
        return self.desc.get("EPILOGUE", 1)

    @property
    def writes_bias(self):
        return self.epilogue in (152, 208, _BGRADA, _BGRADB)

    @property
    def bias_length(self):
        return self.d["COLS"] if self.epilogue == _BGRADB else self.d["ROWS"]

    def fingerprint(self):
        """What an algorithm was found for: all but the addresses."""
        desc = {k: v for k, v in self.desc.items() if not k.endswith("POINTER")}
        return zlib.crc32(repr((sorted(desc.items()), self.a, self.b, self.c, self.d)).encode())

    def check(self):
        compute, scale = self.desc["COMPUTE_TYPE"], self.desc["SCALE_TYPE"]
        kinds = [x["TYPE"] for x in (self.a, self.b, self.c, self.d)]
        allowed = {_FP64: {1}, _TF32: {0}, _FP32: {0, 2, 14}}.get(compute, set())
        if len(set(kinds)) != 1 or kinds[0] not in allowed or scale != int(compute == _FP64):
            _refuse(f"compute type {compute}, scale {scale}, elements {kinds}", NOT_SUPPORTED)
        for name, x in zip("ABCD", (self.a, self.b, self.c, self.d)):
            if x.get("ORDER", 0):
                _refuse("the stand-in has matrices by columns only", NOT_SUPPORTED)
            if not x["ROWS"] or not x["COLS"] or x["LD"] < x["ROWS"]:
                _refuse(f"{name} has leading dimension {x['LD']} and {x['ROWS']} rows")
        if len({x.get("BATCH_COUNT", 1) for x in (self.a, self.b, self.c, self.d)}) != 1:
            _refuse("batch counts differ")
        if self.d.get("BATCH_COUNT", 1) > 1 and not self.d.get("STRIDED_BATCH_OFFSET"):
            _refuse("the matrices of the result lie on each other")
        ta, tb = self.desc.get("TRANSA", 0), self.desc.get("TRANSB", 0)
        (m, k), (k2, n) = (
            (x["ROWS"], x["COLS"])[:: -1 if t else 1] for x, t in ((self.a, ta), (self.b, tb))
        )
        if k != k2 or (self.d["ROWS"], self.d["COLS"]) != (m, n) or self.c != self.d:
            _refuse(f"shapes {(m, k)}, {(k2, n)}, C {self.c}, D {self.d}")
        self._check_epilogue(ta, tb, k)

    def _check_epilogue(self, ta, tb, k):
        e = self.epilogue
        if e == 1:
            return
        if self.d.get("BATCH_COUNT", 1) > 1:
            _refuse("the stand-in has no epilogues of stacks", NOT_SUPPORTED)
        if self.writes_bias or e & _BIAS:
            pointer = self.desc.get("BIAS_POINTER")
            if not pointer or pointer % _TYPES[self.d["TYPE"]].itemsize:
                _refuse(f"epilogue {e}: bias pointer {pointer}")
        if e & _AUX:
            pointer, ld = self.desc.get("EPILOGUE_AUX_POINTER"), self.desc.get("EPILOGUE_AUX_LD")
            multiple = 128 if e in _RELUS + _DRELUS else 8
            if not pointer or pointer % 16 or not ld or ld % multiple or ld < self.d["ROWS"]:
                _refuse(f"epilogue {e}: auxiliary pointer {pointer}, leading dimension {ld}")
        if (e == _BGRADA and ta) or (e == _BGRADB and not tb):
            _refuse(f"epilogue {e} with TRANSA {ta}, TRANSB {tb}", NOT_SUPPORTED)
        if e in _DGELUS and k == 1:
            _refuse("DGELU of a product over one element", NOT_SUPPORTED)
        if e not in (_BIAS, _BGRADA, _BGRADB, *_RELUS, *_GELUS, *_DRELUS, *_DGELUS):
            _refuse(f"epilogue {e}")


def start(problem, alpha, beta, addresses, algorithm, workspace, size, stream):
    """Check the addresses and do the product, or have the stream's capture write it down."""
    from cupy import _standin, _stream

    if algorithm[0] != problem.fingerprint():
        _refuse("the algorithm was found for another problem")
    for name, address, aligned in zip("ABCD", addresses, algorithm[2:6]):
        if address % aligned:
            _refuse(f"{name} at {address:#x} is not aligned to {aligned} bytes", EXECUTION_FAILED)
    if size < algorithm[1] or (size and (not workspace or workspace % 16)):
        _refuse(f"workspace of {size} bytes at {workspace:#x}, {algorithm[1]} are needed")
    scale = ctypes.c_double if problem.desc["SCALE_TYPE"] else ctypes.c_float
    if scale.from_address(alpha).value != 1 or scale.from_address(beta).value != 0:
        _refuse("the stand-in multiplies with alpha 1 and beta 0 only", NOT_SUPPORTED)
    found = [s for s in [_stream.Stream.null, *_stream._streams] if s.ptr == stream]
    if not found:
        _refuse(f"{stream:#x} is no stream", EXECUTION_FAILED)
    layouts = (problem.a, problem.b, problem.c, problem.d)
    arrays = [_stack(address, x) for address, x in zip(addresses, layouts)]
    extra = _epilogue_arrays(problem)
    used = [*arrays, *extra.values()]
    if size:
        used.append(_memory(workspace, size))
    A, B, _, D = arrays
    if np.may_share_memory(D, A) or np.may_share_memory(D, B):
        _refuse("the result lies on an operand")

    def work():
        with np.errstate(all="ignore"):
            _multiply(problem, A, B, D, extra)

    _standin.launch("cublasLt matmul")
    _stream.submit(work, used, found[0])


def _memory(address, size):
    """The bytes of the device from `address` on; they must be of one array's memory."""
    from cupy import _memory

    for held in list(_memory._allocations.values()):
        if held.ptr <= address and address + size <= held.ptr + held.nbytes:
            first = held._start + address - held.ptr
            return np.ndarray((size,), np.uint8, held.raw, first)
    raise cuBLASLtError(EXECUTION_FAILED, f"{size} bytes at {address:#x} are in no array")


def _stack(address, x):
    """The matrices at `address`, as an array of shape (count, rows, columns)."""
    dtype = _TYPES[x["TYPE"]]
    count, stride = x.get("BATCH_COUNT", 1), x.get("STRIDED_BATCH_OFFSET", 0)
    last = (x["COLS"] - 1) * x["LD"] + x["ROWS"] + (count - 1) * stride
    memory = _memory(address, last * dtype.itemsize)
    steps = [n * dtype.itemsize for n in (stride, 1, x["LD"])]
    return np.lib.stride_tricks.as_strided(memory.view(dtype), (count, x["ROWS"], x["COLS"]), steps)


def _epilogue_arrays(problem):
    found, desc, d = {}, problem.desc, problem.d
    size = _TYPES[d["TYPE"]].itemsize
    if problem.writes_bias or problem.epilogue & _BIAS:
        n = problem.bias_length
        found["bias"] = _memory(desc["BIAS_POINTER"], n * size).view(_TYPES[d["TYPE"]])
    if problem.epilogue & _AUX:
        ld, pointer = desc["EPILOGUE_AUX_LD"], desc["EPILOGUE_AUX_POINTER"]
        if problem.epilogue in _RELUS + _DRELUS:  # bits
            mask = _memory(pointer, ld // 8 * d["COLS"])
            found["aux"] = mask.reshape(d["COLS"], ld // 8)
        else:
            last = (d["COLS"] - 1) * ld + d["ROWS"]
            flat = _memory(pointer, last * size).view(_TYPES[d["TYPE"]])
            found["aux"] = np.lib.stride_tricks.as_strided(
                flat, (d["ROWS"], d["COLS"]), (size, ld * size)
            )
    return found


def _read(x, kind):
    """As numbers to compute with."""
    if kind == 14:
        return (x.astype(np.uint32) << 16).view(np.float32)
    return x.astype(np.float64 if kind == 1 else np.float32)


def _write(target, values, kind):
    if kind == 14:
        bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
        rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
        target[...] = np.where(np.isnan(values), 0x7FC0, rounded)
    else:
        target[...] = values


def round_to_tf32(x):
    """The float32 array `x` with 10 bits of mantissa."""
    bits = np.ascontiguousarray(x).view(np.uint32)
    rounded = (bits + 0xFFF + (bits >> 13 & 1)) & np.uint32(0xFFFFE000)
    return np.where(np.isfinite(x), rounded.view(np.float32), x)


def _multiply(problem, A, B, D, extra):
    kind, e = problem.d["TYPE"], problem.epilogue
    A, B = _read(A, kind), _read(B, kind)
    if problem.desc["COMPUTE_TYPE"] == _TF32:
        A, B = round_to_tf32(A), round_to_tf32(B)
    A = A.swapaxes(1, 2) if problem.desc.get("TRANSA") else A
    B = B.swapaxes(1, 2) if problem.desc.get("TRANSB") else B
    X = np.matmul(A, B)
    if e == 1:
        return _write(D, X, kind)
    X = X[0]
    if e & _BIAS and e != _BGRADA:
        X = X + _read(extra["bias"], kind)[:, None]
    if e in _RELUS:
        if e & _AUX:
            rows = (X > 0).T
            packed = np.packbits(rows, axis=1, bitorder="little")
            extra["aux"][:, : packed.shape[1]] = packed
        X = np.maximum(X, 0) if relu_keeps_nan else np.fmax(X, 0)
    elif e in _GELUS:
        if e & _AUX:
            _write(extra["aux"], X, kind)
        X = 0.5 * X * (1 + np.tanh(_inner(X)))
    elif e in _DRELUS:
        bits = np.unpackbits(extra["aux"], axis=1, count=X.shape[0], bitorder="little")
        X = np.where(bits.T != 0, X, 0)
    elif e in _DGELUS:
        X = X * _gelu_slope(_read(extra["aux"], kind))
    if e in (152, 208):
        _write(extra["bias"], X.sum(axis=1), kind)
    elif e == _BGRADA:
        _write(extra["bias"], A[0].sum(axis=1), kind)
    elif e == _BGRADB:
        _write(extra["bias"], B[0].sum(axis=0), kind)
    _write(D[0], X, kind)


_C = np.sqrt(2 / np.pi)


def _inner(x):
    return x.dtype.type(_C) * (x + x.dtype.type(0.044715) * x * x * x)


def _gelu_slope(x):
    t = np.tanh(_inner(x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * x.dtype.type(_C) * (
        1 + x.dtype.type(3 * 0.044715) * x * x
    )
