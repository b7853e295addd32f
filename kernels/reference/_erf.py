"""The error function in array operations."""

from __future__ import annotations

from typing import Any

from ._namespace import namespace

__all__ = ["erf"]

# |x| <= 1: x T(x^2) / U(x^2); beyond: 1 - e^(-x^2) P(x) / Q(x).
# Source: S. L. Moshier, Cephes Mathematical Library, ndtr.
_T = (9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3,
      7.00332514112805075473e3, 5.55923013010394962768e4)  # fmt: skip
_U = (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
      2.26290000613890934246e4, 4.92673942608635921086e4)  # fmt: skip
_P = (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0,
      4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
      9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2)  # fmt: skip
_Q = (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
      9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
      1.65666309194161350182e3, 5.57535340817727675546e2)  # fmt: skip
_TOP = 6.0  # from here on the nearest float64 to erf is 1


def erf(X: Any) -> Any:
    """``2 / sqrt(pi) int_0^x exp(-t^2) dt``, to a few units in the last place of float64.

    Computed in float64 and rounded to the dtype of `X`.
    """
    xp = namespace(X)
    x = X.astype("float64", copy=False)
    t = xp.minimum(xp.abs(x), _TOP)  # keeps NaN
    s = t * t
    near = t * _polynomial(_T, s) / _polynomial(_U, s)
    far = 1.0 - xp.exp(-s) * _polynomial(_P, t) / _polynomial(_Q, t)
    return xp.copysign(xp.where(t > 1.0, far, near), x).astype(X.dtype, copy=False)


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    value = coefficients[0]
    for c in coefficients[1:]:
        value = value * x + c
    return value
