"""exp, log, tanh, sigmoid, erf and their kin for float32 and float64, which LLVM vectorises.

Numba without Intel's SVML calls the C library for each element, 10 to 20 ns a time. The functions
here are straight lines of arithmetic and selects, so that a loop that calls them becomes SIMD code
of about one nanosecond an element. They keep NaN, infinities and signed zeros, overflow to
infinity, underflow gradually to zero, and are correct to a few units in the last place::

    from ._math import exp, sigmoid

    @kernel
    def f(X, Y):
        for i in range(X.size):
            Y[i] = sigmoid(X[i])

Each has one version for each precision, and works inside Numba kernels only. They are compiled
without the reassociation that `kernel` allows, which would cancel the compensated sums below.

Sources: the reduction to ``2^n e^r`` with a two-part ln 2 (Cody and Waite, Software Manual for the
Elementary Functions, 1980); log after fdlibm's ``e_log.c``; the double precision erf after
Cephes' ``ndtr.c``, the single precision one after N. Juffa's minimax form.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

__all__ = [
    "erf",
    "exp",
    "expm1",
    "log",
    "log1p",
    "sigmoid",
    "sincos_of_turn",
    "softplus",
    "tanh",
]


def _scalar(function: Any) -> Any:
    """Compile a helper into its callers. Products and sums may fuse, but not be reordered."""
    return njit(fastmath={"contract"}, error_model="numpy", forceinline=True)(function)


def _by_precision(name: str, doc: str, single: Any, double: Any) -> Any:
    """A function for use in kernels: `single` for float32 arguments, `double` for float64."""

    def function(x):
        raise NotImplementedError(f"{name} works inside Numba kernels only")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc

    @overload(function, jit_options={"fastmath": {"contract"}, "forceinline": True})
    def implementation(x):
        if x == types.float32:
            return lambda x: single(x)
        if x == types.float64:
            return lambda x: double(x)
        return None

    return function


# --- on the bits -------------------------------------------------------------------------------
#
#            sign  exponent      mantissa
#   float32    1       8            23       1.0 is 0x3f800000
#   float64    1      11            52       1.0 is 0x3ff0000000000000


def _layout(x: Any) -> tuple[Any, int, int, int]:
    """For a float type: LLVM's integer of its size, bits of mantissa, 1.0 and sqrt(1/2)."""
    if x == types.float32:
        return ir.IntType(32), 23, 0x3F800000, 0x3F3504F3
    return ir.IntType(64), 52, 0x3FF0000000000000, 0x3FE6A09E667F3BCC


@intrinsic
def _power_of_two(typingctx, biased):
    """``2^n`` for ``biased = n + 1.5 * 2^mantissa``, whose low bits are the integer n."""
    integer, mantissa, one, _ = _layout(biased)

    def codegen(context, builder, signature, args):
        bits = builder.bitcast(args[0], integer)
        bits = builder.add(builder.shl(bits, integer(mantissa)), integer(one))
        return builder.bitcast(bits, args[0].type)

    return biased(biased), codegen


@intrinsic
def _split(typingctx, x):
    """``(m, k)`` with ``x = m 2^k`` and m in [sqrt(1/2), sqrt(2)), for a normal x > 0."""
    integer, mantissa, one, root = _layout(x)
    pair = types.UniTuple(x, 2)

    def codegen(context, builder, signature, args):
        shifted = builder.add(builder.bitcast(args[0], integer), integer(one - root))
        exponent = builder.lshr(shifted, integer(mantissa))
        k = builder.sitofp(builder.sub(exponent, integer(one >> mantissa)), args[0].type)
        bits = builder.and_(shifted, integer((1 << mantissa) - 1))
        m = builder.bitcast(builder.add(bits, integer(root)), args[0].type)
        return context.make_tuple(builder, pair, (m, k))

    return pair(x), codegen


@intrinsic
def _with_sign_of(typingctx, x, sign):
    """``|x|`` with the sign of `sign`."""
    integer, _, _, _ = _layout(x)
    top = 1 << (integer.width - 1)

    def codegen(context, builder, signature, args):
        size = builder.and_(builder.bitcast(args[0], integer), integer(top - 1))
        bit = builder.and_(builder.bitcast(args[1], integer), integer(top))
        return builder.bitcast(builder.or_(size, bit), args[0].type)

    return x(x, x), codegen


# --- the functions, once for each precision ----------------------------------------------------


def _exponentials(T: Any) -> tuple[Any, Any, Any, Any]:
    """exp, expm1, tanh and sigmoid in the precision `T`."""
    single = T is np.float32
    ZERO, HALF, ONE, TWO = T(0), T(0.5), T(1), T(2)
    LOG2E = T(1 / math.log(2))
    # ln 2 = HIGH + LOW, with zeros at the end of HIGH, so that n HIGH is exact.
    HIGH = T(0.693359375) if single else T(6.93147180369123816490e-01)
    LOW = T(-2.12194440e-4) if single else T(1.90821492927058770002e-10)
    ROUND = T(1.5 * 2.0**23) if single else T(1.5 * 2.0**52)
    # Beyond these the result is 0 or infinity.
    LEAST, MOST = (T(-104.5), T(89.0)) if single else (T(-746.0), T(710.0))
    # Where e^x - 1 is -1, and where it is so large that the 1 does not count.
    LEAST_M1 = T(-18.0) if single else T(-38.0)
    # tanh x = 1 from here.
    SATURATED = T(9.5) if single else T(20.0)

    # (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2, by Chebyshev interpolation: error 8e-9 and 2e-17.
    if single:
        C0, C1, C2, C3, C4 = (
            T(c) for c in (0.5, 0.1666657685, 0.04166655444, 0.008363202972, 0.001392621347)
        )

        @_scalar
        def series(r):
            return (((C4 * r + C3) * r + C2) * r + C1) * r + C0

    else:
        C0, C1, C2, C3, C4, C5, C6, C7, C8, C9 = (
            0.50000000000000010262, 0.16666666666666667456, 0.041666666666623991516,
            0.0083333333333300513464, 0.0013888888917281793308, 0.00019841269863105968748,
            2.4801521190217727651e-5, 2.7557268378684192873e-6, 2.7620138719733995569e-7,
            2.5100424157005066788e-8,
        )  # fmt: skip

        @_scalar
        def series(r):
            # Estrin's scheme: half the latency of Horner's.
            r2 = r * r
            r4 = r2 * r2
            low = (C0 + C1 * r) + (C2 + C3 * r) * r2
            middle = (C4 + C5 * r) + (C6 + C7 * r) * r2
            return low + r4 * (middle + r4 * (C8 + C9 * r))

    @_scalar
    def exp(x):
        x = LEAST if x < LEAST else x
        x = MOST if x > MOST else x
        n = (x * LOG2E + ROUND) - ROUND
        r = (x - n * HIGH) - n * LOW
        p = ONE + (r + r * r * series(r))
        # 2^n in two factors: n may be beyond the exponents of normal numbers.
        half = (n * HALF + ROUND) - ROUND
        return p * _power_of_two(half + ROUND) * _power_of_two((n - half) + ROUND)

    @_scalar
    def expm1(x):
        small = LEAST_M1 if x < LEAST_M1 else x
        small = MOST if small > MOST else small
        n = (small * LOG2E + ROUND) - ROUND
        r = (small - n * HIGH) - n * LOW
        p = r + r * r * series(r)
        half = (n * HALF + ROUND) - ROUND
        a = _power_of_two(half + ROUND)
        b = _power_of_two((n - half) + ROUND)
        # (2^n - 1) + 2^n p, with 2^n = a b kept apart, as it may be infinite.
        y = (p * a + (a - ONE / b)) * b
        y = p if n == ZERO else y
        return _with_sign_of(y, x)

    @_scalar
    def tanh(x):
        # With E = e^(2|x|) - 1: tanh |x| = E / (E + 2), accurate at both ends.
        size = abs(x)
        size = SATURATED if size > SATURATED else size
        size = size + size
        n = (size * LOG2E + ROUND) - ROUND
        r = (size - n * HIGH) - n * LOW
        power = _power_of_two(n + ROUND)
        E = (r + r * r * series(r)) * power + (power - ONE)
        return _with_sign_of(E / (E + TWO), x)

    @_scalar
    def sigmoid(x):
        e = exp(-abs(x))
        y = ONE / (ONE + e)
        return e * y if x < ZERO else y

    return exp, expm1, tanh, sigmoid


def _logarithms(T: Any, exp: Any) -> tuple[Any, Any, Any]:
    """log, log1p and softplus in the precision `T`."""
    single = T is np.float32
    ZERO, HALF, ONE, TWO = T(0), T(0.5), T(1), T(2)
    NAN, INFINITY = T(np.nan), T(np.inf)
    SMALLEST = T(np.finfo(T).tiny)
    # Lifts a subnormal number to a normal one.
    LIFT, LIFTED = (T(2.0**25), T(25)) if single else (T(2.0**54), T(54))
    HIGH = T(6.9313812256e-01) if single else T(6.93147180369123816490e-01)
    LOW = T(9.0580006145e-06) if single else T(1.90821492927058770002e-10)
    # log(1 + f) = f - f^2 / 2 + s (f^2 / 2 + R(s^2)), s = f / (2 + f).
    if single:
        L1, L2, L3, L4 = (
            T(c) for c in (0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841)
        )

        @_scalar
        def R(z):
            w = z * z
            return z * (L1 + w * L3) + w * (L2 + w * L4)

    else:
        L1, L2, L3, L4, L5, L6, L7 = (
            6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
            2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
            1.479819860511658591e-01,
        )  # fmt: skip

        @_scalar
        def R(z):
            w = z * z
            return w * (L2 + w * (L4 + w * L6)) + z * (L1 + w * (L3 + w * (L5 + w * L7)))

    @_scalar
    def log(x):
        tiny = x < SMALLEST
        m, k = _split(x * LIFT if tiny else x)
        k = k - LIFTED if tiny else k
        f = m - ONE
        s = f / (TWO + f)
        square = HALF * f * f
        y = k * HIGH - ((square - (s * (square + R(s * s)) + k * LOW)) - f)
        y = x if x == INFINITY else y
        y = -INFINITY if x == ZERO else y
        return y if x >= ZERO else NAN

    @_scalar
    def log1p(x):
        y = ONE + x
        # What the rounding of 1 + x lost, to first order.
        lost = (x - (y - ONE)) / y
        result = log(y) + lost
        result = result if y < INFINITY else y
        result = -INFINITY if y == ZERO else result
        return x if abs(x) < SMALLEST else result

    @_scalar
    def softplus(x):
        e = log1p(exp(-abs(x)))
        return e + x if x > ZERO else (e if x <= ZERO else x)

    return log, log1p, softplus


def _error_function(T: Any, exp: Any) -> Any:
    """erf in the precision `T`."""
    ONE = T(1)
    if T is np.float32:
        # Above BREAK: 1 - e^q with q a polynomial; erf 4 rounds to 1.
        BREAK, MOST = T(0.927734375), T(4)
        A = tuple(T(c) for c in (-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1,
                                 -3.76125336e-1, 1.28379166e-1))  # fmt: skip
        B = tuple(T(c) for c in (-1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2,
                                 -1.06777877e-1, -6.34846687e-1, -1.28717512e-1))  # fmt: skip
        A0, A1, A2, A3, A4, A5 = A
        B0, B1, B2, B3, B4, B5, B6 = B

        @_scalar
        def erf(x):
            t = abs(x)
            t = MOST if t > MOST else t
            s = t * t
            q = (B0 * t + B1) * s + (B2 * t + B3)
            q = ((q * t + B4) * t + B5) * t + B6
            far = ONE - exp(q * t - t)
            p = ((((A0 * s + A1) * s + A2) * s + A3) * s + A4) * s + A5
            near = p * t + t
            return _with_sign_of(far if t > BREAK else near, x)

        return erf

    # |x| <= 1: x T(x^2) / U(x^2); beyond: 1 - e^(-x^2) P(x) / Q(x); erf 6 rounds to 1.
    TOP = 6.0
    T0, T1, T2, T3, T4 = (
        9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3,
        7.00332514112805075473e3, 5.55923013010394962768e4,
    )  # fmt: skip
    U0, U1, U2, U3, U4 = (
        3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
        2.26290000613890934246e4, 4.92673942608635921086e4,
    )  # fmt: skip
    P0, P1, P2, P3, P4, P5, P6, P7, P8 = (
        2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0,
        4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
        9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2,
    )  # fmt: skip
    Q0, Q1, Q2, Q3, Q4, Q5, Q6, Q7 = (
        1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
        9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
        1.65666309194161350182e3, 5.57535340817727675546e2,
    )  # fmt: skip

    @_scalar
    def erf64(x):
        t = abs(x)
        t = TOP if t > TOP else t
        s = t * t
        far_top = ((((P0 * t + P1) * t + P2) * t + P3) * t + P4) * t + P5
        far_top = ((far_top * t + P6) * t + P7) * t + P8
        far_bottom = ((((t + Q0) * t + Q1) * t + Q2) * t + Q3) * t + Q4
        far_bottom = ((far_bottom * t + Q5) * t + Q6) * t + Q7
        near_top = ((((T0 * s + T1) * s + T2) * s + T3) * s + T4) * t
        near_bottom = ((((s + U0) * s + U1) * s + U2) * s + U3) * s + U4
        far = t > ONE
        ratio = (far_top if far else near_top) / (far_bottom if far else near_bottom)
        return _with_sign_of(ONE - exp(-s) * ratio if far else ratio, x)

    return erf64


@_scalar
def sincos_of_turn(v):
    """``sin(2 pi v), cos(2 pi v)`` in float64, for v in [0, 1]."""
    # To the nearest quarter turn, which is exact; polynomials (Chebyshev, error 3e-18) from there.
    q = (v * 4.0 + 6755399441055744.0) - 6755399441055744.0
    f = v - q * 0.25
    s = f * f
    p = (3.7808650697534165699 * s - 15.093804042841079465) * s + 42.058685017489582474
    p = ((p * s - 76.705859704255069886) * s + 81.605249275947971786) * s - 41.341702240399636132
    sine = f * (p * s + 6.2831853071795864571)
    p = (-1.6990328650055456343 * s + 7.9032068458615612083) * s - 26.426253274804587896
    p = ((p * s + 60.244641352694350812) * s - 85.456817206643779314) * s + 64.939394022668242713
    cosine = 1.0 + s * (p * s - 19.73920880217871723)
    odd = (q == 1.0) | (q == 3.0)
    sine, cosine = (cosine if odd else sine), (sine if odd else cosine)
    sine = -sine if (q == 2.0) | (q == 3.0) else sine
    cosine = -cosine if (q == 1.0) | (q == 2.0) else cosine
    return sine, cosine


_exp32, _expm132, _tanh32, _sigmoid32 = _exponentials(np.float32)
_exp64, _expm164, _tanh64, _sigmoid64 = _exponentials(np.float64)
_log32, _log1p32, _softplus32 = _logarithms(np.float32, _exp32)
_log64, _log1p64, _softplus64 = _logarithms(np.float64, _exp64)

exp = _by_precision("exp", "``e^x``.", _exp32, _exp64)
expm1 = _by_precision("expm1", "``e^x - 1``, accurate near 0.", _expm132, _expm164)
log = _by_precision("log", "The natural logarithm.", _log32, _log64)
log1p = _by_precision("log1p", "``log(1 + x)``, accurate near 0.", _log1p32, _log1p64)
tanh = _by_precision("tanh", "The hyperbolic tangent.", _tanh32, _tanh64)
sigmoid = _by_precision("sigmoid", "``1 / (1 + e^-x)``.", _sigmoid32, _sigmoid64)
softplus = _by_precision("softplus", "``log(1 + e^x)``.", _softplus32, _softplus64)
erf = _by_precision(
    "erf",
    "The error function.",
    _error_function(np.float32, _exp32),
    _error_function(np.float64, _exp64),
)
