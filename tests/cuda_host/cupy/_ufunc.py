"""``cupy.ufunc``: NumPy's loops behind CuPy's narrower interface."""

import numpy as np

from . import _stream
from ._array import adopt, computed, ndarray, operand, place, tame, unsupported, written
from ._standin import words

# CuPy's scatter kernels use atomics, which exist for these types only. int64 add came after 14.0.
_INTS = words("int32 uint32 int64 uint64")
_SCATTER = {
    "add": words("int32 uint32 uint64 float16 float32 float64"),
    "subtract": words("int32 uint32"),
    "maximum": [*_INTS, "float32", "float64"],
    "minimum": [*_INTS, "float32", "float64"],
    "bitwise_and": _INTS,
    "bitwise_or": _INTS,
    "bitwise_xor": _INTS,
}


def out_array(out):
    """The NumPy array behind an ``out=`` argument, which must be on the device."""
    if not isinstance(out, ndarray):
        raise TypeError("Output arguments type must be cupy.ndarray")
    return out._a


def _placed(result):
    return tuple(place(r) for r in result) if isinstance(result, tuple) else place(result)


class ufunc:
    """An elementwise function of the device."""

    def __init__(self, fn, name=None):
        self._fn = fn
        self.name = self.__name__ = name or fn.__name__
        self.nin, self.nout, self.nargs = fn.nin, fn.nout, fn.nin + fn.nout
        self.types = list(getattr(fn, "types", ()))

    def __repr__(self):
        return f"<ufunc 'cupy_{self.name}'>"

    def __call__(self, *args, out=None, dtype=None, casting="same_kind"):
        if not self.nin <= len(args) <= self.nargs:
            raise TypeError(
                f"Wrong number of arguments for 'cupy_{self.name}'. It must be either {self.nin} "
                f"or {self.nargs} (with outputs), but given {len(args)}."
            )
        given = args[self.nin :]
        if given and out is not None:
            raise ValueError("Cannot specify 'out' as both a positional and keyword argument")
        if out is None and given:
            out = given
        inputs = [operand(x) for x in args[: self.nin]]
        keywords = {"casting": casting}
        if dtype is not None:
            keywords["dtype"] = dtype
        if out is not None:
            outs = out if isinstance(out, tuple) else (out,)
            keywords["out"] = tuple(out_array(o) for o in outs)
        fn = self._fn
        if self.name == "matmul":
            _stream.refuse_library("cuBLAS")
        if out is not None:
            written(lambda *o: fn(*inputs, **keywords, out=o), keywords.pop("out"), inputs)
            return outs[0] if self.nout == 1 else outs
        with np.errstate(all="ignore"):
            return computed(lambda: fn(*inputs, **keywords), inputs, _placed)

    def at(self, a, indices, b=None):
        if self.name not in _SCATTER:
            raise NotImplementedError(f"`cupy_{self.name}.at` is not supported yet")
        if not isinstance(a, ndarray):
            raise unsupported(a)
        if a.dtype.name not in _SCATTER[self.name]:
            raise TypeError(
                f"cupy.{self.name}.at only supports {', '.join(_SCATTER[self.name])} as data type"
            )
        index = tuple(a._index(indices)[0])
        fn, b = self._fn, operand(b)
        written(
            lambda target: fn.at(target, index, b), [a._a], [index, b],
            lambda target: fn.at(target, tame(index), b),
        )  # fmt: skip

    def outer(self, A, B, **kwargs):
        A, B = (
            x if isinstance(x, ndarray) else computed(lambda x=x: np.asarray(operand(x)), [])
            for x in (A, B)
        )
        return self(
            A.reshape(A.shape + (1,) * B.ndim), B.reshape((1,) * A.ndim + B.shape), **kwargs
        )

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        method = {"add": "sum", "multiply": "prod"}.get(self.name)
        if method is None:
            raise NotImplementedError(f"`cupy_{self.name}.reduce` is not supported yet")
        return getattr(array, method)(axis, dtype, out, keepdims)

    def accumulate(self, array, axis=0, dtype=None, out=None):
        method = {"add": "cumsum", "multiply": "cumprod"}.get(self.name)
        if method is None:
            raise NotImplementedError(f"`cupy_{self.name}.accumulate` is not supported yet")
        return getattr(array, method)(axis, dtype, out)

    def reduceat(self, array, indices, axis=0, dtype=None, out=None):
        if self.name != "add":
            raise NotImplementedError(f"`cupy_{self.name}.reduceat` is not supported yet")
        a, indices = array._a, operand(indices)
        if out is not None:
            written(
                lambda o: np.add.reduceat(a, indices, axis, dtype, o),
                [out_array(out)],
                [a, indices],
            )
            return out
        return computed(lambda: np.add.reduceat(a, indices, axis, dtype), [a, indices], adopt)


_NAMES = words("""
abs absolute acos acosh add arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh
atan atan2 atanh bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not
bitwise_or bitwise_right_shift bitwise_xor cbrt ceil conj conjugate copysign cos cosh deg2rad
degrees divide divmod equal exp exp2 expm1 fabs float_power floor floor_divide fmax fmin fmod
frexp gcd greater greater_equal heaviside hypot invert isfinite isinf isnan lcm ldexp
left_shift less less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not
logical_or logical_xor maximum minimum mod modf multiply negative nextafter not_equal positive
pow power rad2deg radians reciprocal remainder right_shift rint sign signbit sin sinh sqrt
square subtract tan tanh true_divide trunc
""")
#: Every ufunc by name. Aliases of NumPy (abs, mod, true_divide) are the same object.
TABLE = {}
for _name in _NAMES:
    _fn = getattr(np, _name)
    TABLE[_name] = TABLE.get(_fn.__name__) or ufunc(_fn)
    TABLE.setdefault(_fn.__name__, TABLE[_name])
TABLE["matmul"] = ufunc(np.matmul)


def _binary(function, reflected=False):
    def method(self, other):
        if isinstance(other, ndarray) or not _defers(other):
            pair = (other, self) if reflected else (self, other)
            return function(*pair)
        return NotImplemented

    return method


def _defers(other):
    """Whether ``other`` asked (``__array_ufunc__ = None`` or a higher priority) to go first."""
    if isinstance(other, (bool, int, float, complex, np.generic, np.ndarray)):
        return False
    if hasattr(other, "__array_ufunc__"):
        return other.__array_ufunc__ is None
    return getattr(other, "__array_priority__", 0) > ndarray.__array_priority__


def _inplace(function):
    def method(self, other):
        return function(self, other, out=self)

    return method


def _unary(function):
    return lambda self: function(self)


def _compare(function, missing):
    """Comparison; == and != with None or another stranger give all False or all True."""

    def method(self, other):
        if isinstance(other, np.ndarray) and other.ndim == 0:
            other = other[()]
        if missing is not None and (other is None or type(other).__eq__ is object.__eq__):
            shape = self.shape
            return computed(lambda: np.full(shape, missing), [])
        return function(self, other)

    return method


def install():
    """Put the operators on ndarray."""
    table = {
        "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide",
        "floordiv": "floor_divide", "mod": "remainder", "pow": "power", "lshift": "left_shift",
        "rshift": "right_shift", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
        "matmul": "matmul",
    }  # fmt: skip
    for short, name in table.items():
        setattr(ndarray, f"__{short}__", _binary(TABLE[name]))
        setattr(ndarray, f"__r{short}__", _binary(TABLE[name], reflected=True))
        if short != "matmul":  # CuPy has no in-place matmul of its own; Python falls back to a @ b
            setattr(ndarray, f"__i{short}__", _inplace(TABLE[name]))
    ndarray.__divmod__ = _binary(TABLE["divmod"])
    ndarray.__rdivmod__ = _binary(TABLE["divmod"], reflected=True)
    for short, name in {"neg": "negative", "pos": "positive", "abs": "absolute"}.items():
        setattr(ndarray, f"__{short}__", _unary(TABLE[name]))
    ndarray.__invert__ = _unary(TABLE["invert"])
    for short, name in {"lt": "less", "le": "less_equal", "gt": "greater"}.items():
        setattr(ndarray, f"__{short}__", _compare(TABLE[name], None))
    ndarray.__ge__ = _compare(TABLE["greater_equal"], None)
    ndarray.__eq__ = _compare(TABLE["equal"], False)
    ndarray.__ne__ = _compare(TABLE["not_equal"], True)
