"""Functions of one tensor, element by element."""

from __future__ import annotations

from typing import Any

from ..autograd import Operation, Variable
from ..dtypes import FLOATING
from ..ops import elementwise as _ops
from ..ops.activation import activation
from .arithmetic import fmod
from .conversion import cast, clone
from .promotion import floating, operands, pair

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "arccos",
    "arcsin",
    "arctan",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "cos",
    "cosh",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "frac",
    "log",
    "log1p",
    "log2",
    "log10",
    "nan_to_num",
    "neg",
    "negative",
    "reciprocal",
    "relu",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "trunc",
]


def _function(name: str) -> Operation:
    return Operation(*_ops.unary(name), name=name)


_abs = _function("absolute")
_acos = _function("arccos")
_acosh = _function("arccosh")
_asinh = _function("arcsinh")
_atanh = _function("arctanh")
_asin = _function("arcsin")
_atan = _function("arctan")
_ceil = _function("ceil")
_cos = _function("cos")
_cosh = _function("cosh")
_erf = _function("erf")
_exp = _function("exp")
_exp2 = _function("exp2")
_expm1 = _function("expm1")
_floor = _function("floor")
_log = _function("log")
_log10 = _function("log10")
_log1p = _function("log1p")
_log2 = _function("log2")
_neg = _function("negative")
_reciprocal = _function("reciprocal")
_relu = Operation(*activation("relu"))
_round = _function("round")
_rsqrt = _function("rsqrt")
_sigmoid = Operation(*activation("sigmoid"))
_sign = _function("sign")
_sin = _function("sin")
_sinh = _function("sinh")
_sqrt = _function("sqrt")
_square = _function("square")
_tan = _function("tan")
_tanh = Operation(*activation("tanh"))
_trunc = _function("trunc")
_clamp = Operation(_ops.clamp_forward, _ops.clamp_backward)
_nan_to_num = Operation(_ops.nan_to_num_forward, _ops.nan_to_num_backward)


# --- exponentials, logarithms, roots ------------------------------------------------------------


def exp(input: Variable) -> Any:
    """``e^x``."""
    return _exp(floating(input))


def exp2(input: Variable) -> Any:
    """``2^x``."""
    return _exp2(floating(input))


def expm1(input: Variable) -> Any:
    """``e^x - 1``, precise also for small x."""
    return _expm1(floating(input))


def log(input: Variable) -> Any:
    """The natural logarithm; minus infinity at 0, NaN below."""
    return _log(floating(input))


def log2(input: Variable) -> Any:
    """The logarithm to base 2."""
    return _log2(floating(input))


def log10(input: Variable) -> Any:
    """The logarithm to base 10."""
    return _log10(floating(input))


def log1p(input: Variable) -> Any:
    """``log(1 + x)``, precise also for small x."""
    return _log1p(floating(input))


def sqrt(input: Variable) -> Any:
    """The square root; NaN below 0."""
    return _sqrt(floating(input))


def rsqrt(input: Variable) -> Any:
    """``1 / sqrt(x)``."""
    return _rsqrt(floating(input))


def reciprocal(input: Variable) -> Any:
    """``1 / x``."""
    return _reciprocal(floating(input))


def square(input: Variable) -> Any:
    """``x^2``."""
    return _square(input if input.array.dtype.kind != "b" else cast(input, "int64"))


# --- trigonometric and hyperbolic functions -----------------------------------------------------


def sin(input: Variable) -> Any:
    """The sine."""
    return _sin(floating(input))


def cos(input: Variable) -> Any:
    """The cosine."""
    return _cos(floating(input))


def tan(input: Variable) -> Any:
    """The tangent."""
    return _tan(floating(input))


def asin(input: Variable) -> Any:
    """The inverse sine; NaN outside [-1, 1]."""
    return _asin(floating(input))


def acos(input: Variable) -> Any:
    """The inverse cosine; NaN outside [-1, 1]."""
    return _acos(floating(input))


def atan(input: Variable) -> Any:
    """The inverse tangent."""
    return _atan(floating(input))


def sinh(input: Variable) -> Any:
    """The hyperbolic sine."""
    return _sinh(floating(input))


def cosh(input: Variable) -> Any:
    """The hyperbolic cosine."""
    return _cosh(floating(input))


def tanh(input: Variable) -> Any:
    """The hyperbolic tangent."""
    return _tanh(floating(input))


def asinh(input: Variable) -> Any:
    """The inverse hyperbolic sine."""
    return _asinh(floating(input))


def acosh(input: Variable) -> Any:
    """The inverse hyperbolic cosine; NaN below 1."""
    return _acosh(floating(input))


def atanh(input: Variable) -> Any:
    """The inverse hyperbolic tangent; NaN outside [-1, 1]."""
    return _atanh(floating(input))


# --- functions of neural networks ---------------------------------------------------------------


def sigmoid(input: Variable) -> Any:
    """``1 / (1 + e^-x)``."""
    return _sigmoid(floating(input))


def relu(input: Variable, inplace: bool = False) -> Any:
    """``max(x, 0)``. NaN stays NaN; the gradient at 0 is 0.

    `inplace` is accepted for the sake of ``torch.nn.functional.relu``, which this is too; the
    result is a new tensor all the same.
    """
    return _relu(input)


def erf(input: Variable) -> Any:
    """The error function, ``2 / sqrt(pi) * integral of e^(-t^2) from 0 to x``."""
    return _erf(floating(input))


# --- sign and rounding --------------------------------------------------------------------------


def neg(input: Variable) -> Any:
    """``-x``.

    Raises
    ------
    RuntimeError
        For truth values.
    """
    if input.array.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. "
            "Use the `~` or `logical_not()` operator instead."
        )
    return _neg(input)


def abs(input: Variable) -> Any:
    """``|x|``. The gradient at 0 is 0."""
    return _abs(input)


def sign(input: Variable) -> Any:
    """1, 0 or -1."""
    return clone(input) if input.array.dtype.kind == "b" else _sign(input)


def floor(input: Variable) -> Any:
    """The largest whole number that is not above x."""
    return _floor(input) if input.array.dtype.kind in FLOATING else clone(input)


def ceil(input: Variable) -> Any:
    """The smallest whole number that is not below x."""
    return _ceil(input) if input.array.dtype.kind in FLOATING else clone(input)


def trunc(input: Variable) -> Any:
    """x without its fraction."""
    return _trunc(input) if input.array.dtype.kind in FLOATING else clone(input)


def frac(input: Variable) -> Any:
    """The fraction, ``x - trunc(x)``, of the sign of x."""
    return fmod(input, 1)


def round(input: Variable, *, decimals: int = 0) -> Any:
    """The nearest whole number, or multiple of ``10^-decimals``; halves go to the even one."""
    if input.array.dtype.kind not in FLOATING:
        return clone(input)
    return _round(input, decimals=decimals) if decimals else _round(input)


def nan_to_num(
    input: Variable,
    nan: float | None = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Any:
    """`input` with numbers in place of NaN and the infinities.

    Parameters
    ----------
    input : Tensor
    nan : float
        Default: 0.
    posinf, neginf : float, optional
        By default the largest and the smallest number of the dtype.
    """
    if input.array.dtype.kind not in FLOATING:
        return clone(input)
    return _nan_to_num(input, nan=nan or 0.0, posinf=posinf, neginf=neginf)


# --- bounds -------------------------------------------------------------------------------------


def clamp(input: Variable, min: Any = None, max: Any = None) -> Any:
    """``min(max(x, min), max)``.

    Parameters
    ----------
    input : Tensor
    min, max : Tensor, number or None
        The bounds; at least one. Where they cross, the result is `max`.

    Raises
    ------
    RuntimeError
        If both are None.
    """
    if min is None and max is None:
        raise RuntimeError("clamp: at least one of min and max must not be None")
    given = [x for x in (input, min, max) if x is not None]
    if len(given) == 2:
        input, bound = pair(*given)
        min, max = (bound, None) if max is None else (None, bound)
    else:
        input, min, max = operands(*given)
    return _clamp(input, min, max)


def clamp_min(input: Variable, min: Any) -> Any:
    """``max(x, min)``."""
    return clamp(input, min=min)


def clamp_max(input: Variable, max: Any) -> Any:
    """``min(x, max)``."""
    return clamp(input, max=max)


absolute = abs
arccos = acos
arcsin = asin
arctan = atan
clip = clamp
negative = neg
