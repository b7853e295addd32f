"""The elementary functions of the Numba kernels against extended precision."""

import numba
import numpy as np
import pytest
from scipy import special

from gpunet.kernels.cpu import _math
from gpunet.kernels.cpu._compile import FAST_MATH

WIDE = np.longdouble
REFERENCE = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0),
    "erf": lambda x: special.erf(x.astype(np.float64)),  # itself exact to an ulp
}
EDGES = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1.0, -1.0]


def applied(name):
    function = getattr(_math, name)

    @numba.njit(fastmath=FAST_MATH, error_model="numpy")  # as the kernels are compiled
    def loop(X, Y):
        for i in range(X.size):
            Y[i] = function(X[i])

    return loop


def sample(dtype):
    rng = np.random.default_rng(0)
    most = 100 if dtype == "float32" else 740  # beyond the overflow of exp
    n = 50_000
    return np.concatenate([
        rng.uniform(-most, most, n), rng.standard_normal(n), rng.uniform(-1.5, 1.5, n),
        rng.standard_normal(n) * 10.0 ** rng.uniform(-44, 2, n),
        np.exp(rng.uniform(-87, 87, n)), 1 + rng.uniform(-0.1, 0.1, n),
    ]).astype(dtype)  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFERENCE))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_within_a_few_units_in_the_last_place(name, dtype):
    X = sample(dtype)
    Y = np.empty_like(X)
    loop = applied(name)
    loop(X, Y)
    with np.errstate(all="ignore"):
        wide = REFERENCE[name](X.astype(WIDE))
        expected = wide.astype(dtype)
    np.testing.assert_array_equal(np.isnan(Y), np.isnan(expected))
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(Y[~finite], expected[~finite])
    ulp = np.spacing(np.abs(expected[finite])).astype(WIDE)
    error = np.abs(Y[finite] - wide[finite]) / ulp
    assert error.max() < 4, f"{error.max()} ulp at {X[finite][error.argmax()]!r}"
    # Far outside, and what is no number.
    edges = np.array(EDGES, dtype)
    Y = np.empty_like(edges)
    loop(edges, Y)
    with np.errstate(all="ignore"):
        expected = REFERENCE[name](edges.astype(WIDE)).astype(dtype)
    np.testing.assert_allclose(Y, expected, rtol=1e-6)
    zeros = (edges == 0) & (expected == 0)
    np.testing.assert_array_equal(np.signbit(Y[zeros]), np.signbit(expected[zeros]))


def test_sine_and_cosine_of_a_turn():
    @numba.njit(error_model="numpy")
    def loop(V, S, C):
        for i in range(V.size):
            S[i], C[i] = _math.sincos_of_turn(V[i])

    V = np.concatenate([np.linspace(0, 1, 40_001), np.arange(9) / 8])
    S, C = np.empty_like(V), np.empty_like(V)
    loop(V, S, C)
    pi = WIDE("3.14159265358979323846264338327950288")
    angle = 2 * pi * V.astype(WIDE)
    np.testing.assert_allclose(S, np.sin(angle).astype(float), rtol=0, atol=2e-16)
    np.testing.assert_allclose(C, np.cos(angle).astype(float), rtol=0, atol=2e-16)
    assert S[V == 0.5].tolist() == [0, 0]
    assert C[V == 0.25].tolist() == [0, 0]


def test_python_is_told_where_they_work():
    with pytest.raises(NotImplementedError, match="exp works inside Numba kernels"):
        _math.exp(1.0)
