"""`Backend.batched_gemm`: stacks of matrices in every layout."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcheck import array_of

import gpunet
from gpunet.backend import CPU, Device, backend_for

SIZES = st.integers(1, 9) | st.sampled_from([0, 33, 64, 130])
LAYOUTS = ["as it is", "transposed", "wide", "wide transposed", "every second", "repeated"]


def laid_out(X, layout):
    """An array equal to `X` (or to its first entry, repeated), in another layout of memory."""
    if layout == "transposed":
        return np.ascontiguousarray(X.swapaxes(-1, -2)).swapaxes(-1, -2)
    if layout in ("wide", "wide transposed"):
        # One head in an array of all heads: (..., rows, heads, columns).
        X = laid_out(X, "transposed").swapaxes(-1, -2) if layout != "wide" else X
        memory = np.full((X.shape[0], X.shape[2], X.shape[1], X.shape[3] + 3), np.nan, X.dtype)
        memory[..., 3:] = X.transpose(0, 2, 1, 3)
        view = memory.transpose(0, 2, 1, 3)[..., 3:]
        return view if layout == "wide" else view.swapaxes(-1, -2)
    if layout == "every second":
        memory = np.full((*X.shape[:-1], 2 * X.shape[-1]), np.nan, X.dtype)
        memory[..., ::2] = X
        return memory[..., ::2]
    if layout == "repeated" and len(X):
        return np.broadcast_to(X[:1], X.shape)
    return X


@settings(max_examples=60)
@given(
    st.tuples(SIZES.filter(lambda n: n < 34), st.integers(0, 3)),
    st.tuples(SIZES, SIZES, SIZES),
    st.sampled_from(LAYOUTS),
    st.sampled_from(LAYOUTS),
    st.sampled_from([None, "as it is", "wide", "every second"]),
    st.sampled_from(["float32", "float64"]),
)
def test_products_are_right(batch, sizes, left, right, target, dtype):
    M, K, N = sizes
    rng = np.random.default_rng(0)
    A = laid_out(rng.standard_normal((*batch, M, K)).astype(dtype), left)
    B = laid_out(rng.standard_normal((*batch, K, N)).astype(dtype), right)
    expected = A.astype(np.float64) @ B.astype(np.float64)
    out = None if target is None else laid_out(np.full((*batch, M, N), np.nan, dtype), target)
    result = CPU.batched_gemm(A, B, out)
    assert out is None or result is out
    assert result.dtype == dtype
    top = np.abs(expected).max(initial=1)
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(result, expected, atol=tolerance * top)


@pytest.mark.parametrize("front", [(3,), (2, 3), (2, 2, 3)])
@pytest.mark.parametrize("inner", [(4, 5, 6), (300, 260, 250), (4, 0, 6), (0, 5, 6)])
@pytest.mark.parametrize("order", ["C", "other"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_any_number_of_axes_in_front(front, inner, order, dtype, device):
    if dtype == "float16" and inner[0] == 300:
        pytest.skip("NumPy multiplies float16 without BLAS, slowly")
    backend = backend_for(Device(device))
    M, K, N = inner
    rng = np.random.default_rng(0)
    A = rng.uniform(-1, 1, (*front, M, K)).astype(dtype)
    B = rng.uniform(-1, 1, (*front, N, K)).astype(dtype)
    out = None
    if order == "other":
        out = backend.empty((N, *front, M), dtype)
        out = out.transpose(*range(1, out.ndim), 0)
    result = backend.batched_gemm(
        backend.from_numpy(A), backend.from_numpy(B).swapaxes(-1, -2), out
    )
    assert out is None or result is out
    np.testing.assert_allclose(
        backend.to_numpy(result),
        A.astype(np.float64) @ B.astype(np.float64).swapaxes(-1, -2),
        atol=1e-4 if dtype == "float32" else 1e-2,
    )


def test_any_number_of_threads_is_right():
    before = gpunet.get_num_threads()
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((7, 5, 40, 30)), rng.standard_normal((7, 5, 50, 30))
    try:
        for n in (1, 2, 3, 7):
            gpunet.set_num_threads(n)
            for _ in range(20):
                C = CPU.batched_gemm(A, B.swapaxes(-1, -2))
                np.testing.assert_allclose(C, A @ B.swapaxes(-1, -2), atol=1e-12)
    finally:
        gpunet.set_num_threads(before)


def test_bmm_of_transposed_views(device):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6, 40, 30)).astype("float32")
    x = gpunet.tensor(X, device=device, requires_grad=True)
    (x.mT @ x).sum().backward()
    expected = 2 * X.sum(axis=2, keepdims=True) * np.ones_like(X)
    np.testing.assert_allclose(array_of(x.grad), expected, rtol=1e-4, atol=1e-3)
