"""`Backend.narrow`: products of 16-bit numbers that are held in float32 arrays."""

import ml_dtypes
import numpy as np
import pytest

import gpunet
from gpunet.backend import Device, backend_for

TYPES = {"float16": np.dtype("float16"), "bfloat16": np.dtype(ml_dtypes.bfloat16)}


@pytest.fixture
def be(device):
    gpunet.zeros(1, device=device)
    return backend_for(Device(device))


def rounded(rng, shape, dtype):
    return rng.normal(size=shape).astype(dtype).astype(np.float32)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("front", [(), (3,), (2, 3)])
def test_products(be, kind, front):
    rng, dtype = np.random.default_rng(0), TYPES[kind]
    A, B = rounded(rng, (*front, 5, 300), dtype), rounded(rng, (*front, 300, 7), dtype)
    narrow = be.narrow(dtype)
    assert narrow is be.narrow(kind)
    product = narrow.batched_gemm if front else narrow.gemm
    exact = A.astype(np.float64) @ B.astype(np.float64)
    a, b = be.from_numpy(A), be.from_numpy(B)
    out = be.empty(exact.shape, "float32")
    for found in (product(a, b), product(a, b, out)):
        found = be.to_numpy(found)
        assert found.dtype == np.float32
        # The sum is one of float32; the result may be rounded to 16 bits.
        step = float(ml_dtypes.finfo(dtype).eps)
        np.testing.assert_allclose(found, exact, rtol=step / 2 + 1e-6, atol=1e-4)
    assert be.to_numpy(out).any()


def test_bfloat16_stays_in_float32_where_it_has_no_products(be, monkeypatch):
    if be.name != "cuda":
        pytest.skip("the CPU has none")
    rng = np.random.default_rng(0)
    A, B = (be.from_numpy(rounded(rng, (4, 4), TYPES["bfloat16"])) for _ in range(2))
    narrow = be.narrow("bfloat16")
    for name, value in (("compute_capability", "75"), ("cublaslt", None)):
        with monkeypatch.context() as patch:
            if name == "cublaslt":
                patch.setattr(be, name, value)
            else:
                patch.setattr(be.xp.cuda.Device, name, value)
            patch.delitem(vars(narrow), "dtype", raising=False)
            assert narrow.dtype is None
            expected = be.to_numpy(A) @ be.to_numpy(B)
            np.testing.assert_allclose(be.to_numpy(narrow.gemm(A, B)), expected, rtol=1e-6)
            del vars(narrow)["dtype"]
