"""``cupyx.scipy.special`` of the stand-in, from SciPy."""

import scipy.special as _special
from cupy._array import operand as _operand
from cupy._array import place as _place
from cupy._standin import words as _words
from cupy._ufunc import ufunc as _ufunc

for _name in _words("erf erfc erfinv expit logit log_expit gammaln digamma xlogy ndtr entr i0"):
    globals()[_name] = _ufunc(getattr(_special, _name))


def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False):
    weights = None if b is None else _operand(b)
    result = _special.logsumexp(_operand(a), axis, weights, keepdims, return_sign)
    return tuple(_place(r) for r in result) if return_sign else _place(result)


def log_softmax(x, axis=None):
    return _place(_special.log_softmax(_operand(x), axis))


def softmax(x, axis=None):
    return _place(_special.softmax(_operand(x), axis))
