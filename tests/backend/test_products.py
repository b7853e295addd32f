"""Which library multiplies on a GPU, and how exactly."""

import builtins

import numpy as np
import pytest

import gpunet
from gpunet.backend import Device, backend_for, precision


@pytest.fixture
def be():
    pytest.importorskip("cupy")
    return backend_for(Device("cuda"))


@pytest.fixture
def products(be):
    from gpunet.backend import products

    return products


@pytest.fixture
def fallback(be, monkeypatch):
    """The backend without cuBLASLt."""
    monkeypatch.setitem(vars(be), "cublaslt", None)
    monkeypatch.setitem(vars(be), "without_cublaslt", "nvmath-python is not installed")
    return be


@pytest.fixture(autouse=True)
def _precision():
    yield
    gpunet.set_float32_matmul_precision("highest")


def test_the_default_is_the_highest_precision():
    assert gpunet.get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize("name", ["highest", "high", "medium"])
def test_precisions(name):
    gpunet.set_float32_matmul_precision(name)
    assert gpunet.get_float32_matmul_precision() == name
    assert precision.tf32() == (name != "highest")


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (3, RuntimeError, "expects a str, but got int"),
        (None, RuntimeError, "expects a str, but got NoneType"),
        ("low", ValueError, "must be 'highest', 'high' or 'medium', got 'low'"),
    ],
)
def test_no_precision(bad, error, words):
    with pytest.raises(error, match=words):
        gpunet.set_float32_matmul_precision(bad)
    assert gpunet.get_float32_matmul_precision() == "highest"


def errors(be, multiply):
    """The largest error of a product, in each precision."""
    rng = np.random.default_rng(0)
    A, B = (rng.uniform(-1, 1, (64, 64)).astype("float32") for _ in range(2))
    found = {}
    for name in ("highest", "high", "medium"):
        gpunet.set_float32_matmul_precision(name)
        got = be.to_numpy(multiply(be.from_numpy(A), be.from_numpy(B)))
        found[name] = np.abs(got - A.astype(np.float64) @ B).max()
    return found


def test_cublaslt_obeys(be):
    if be.cublaslt is None:
        pytest.skip(be.without_cublaslt)
    for multiply in (be.gemm, lambda A, B: be.batched_gemm(A[None], B[None])[0]):
        found = errors(be, multiply)
        assert found["highest"] < 1e-5
        assert 1e-4 < found["high"] < 1e-2
        assert found["medium"] == found["high"]


def test_the_cpu_takes_no_notice():
    from gpunet.backend import CPU

    found = errors(CPU, CPU.gemm)
    assert found["highest"] == found["high"] == found["medium"]


def test_cupy_is_told_and_then_set_back(fallback, products, monkeypatch):
    linalg = products.cupy_linalg
    seen = []
    dot, matmul = products.cupy.dot, products.cupy.matmul

    def spy(function):
        def call(*args, **kwargs):
            seen.append(linalg.get_compute_type("f"))
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(products.cupy, "dot", spy(dot))
    monkeypatch.setattr(products.cupy, "matmul", spy(matmul))
    A = fallback.from_numpy(np.ones((3, 3), "float32"))
    before = linalg.get_compute_type("f")
    for name in ("highest", "high", "highest"):
        gpunet.set_float32_matmul_precision(name)
        fallback.gemm(A, A)
        fallback.batched_gemm(A[None], A[None])
        assert linalg.get_compute_type("f") == before
    default, tf32 = linalg.COMPUTE_TYPE_DEFAULT, linalg.COMPUTE_TYPE_TF32
    assert seen == [default, default, tf32, tf32, default, default]


def test_cupy_is_set_back_after_an_error(fallback, products):
    gpunet.set_float32_matmul_precision("high")
    before = products.cupy_linalg.get_compute_type("f")
    A = fallback.from_numpy(np.ones((3, 2), "float32"))
    with pytest.raises(ValueError, match=r".+"):
        fallback.gemm(A, A)
    assert products.cupy_linalg.get_compute_type("f") == before


# -- the fallback -----------------------------------------------------------------------------
def test_everything_works_without_cublaslt(fallback):
    from gpunet import nn

    results = []
    for device in ("cpu", "cuda"):
        gpunet.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 16, 5), nn.Tanh()
        ).to(device)
        rnn = nn.LSTM(5, 4).to(device)
        x = gpunet.randn(4, 2, 6, 6).to(device)
        y, _ = rnn(model(x)[None])
        attended = nn.functional.scaled_dot_product_attention(*[y[None].repeat(2, 1, 4, 1)] * 3)
        (attended**2).sum().backward()
        results.append([p.grad.cpu().numpy() for p in (*model.parameters(), *rnn.parameters())])
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("front", [(), (3,), (2, 3)])
def test_the_fallback_takes_any_views(fallback, front):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((*front, 5, 4))
    X = fallback.from_numpy(A)
    out = fallback.empty((*front, 5, 10), "float64")[..., ::2]
    multiply = fallback.batched_gemm if front else fallback.gemm
    got = multiply(X, X.swapaxes(-1, -2), out)
    np.testing.assert_allclose(fallback.to_numpy(got), A @ A.swapaxes(-1, -2))


def test_nvmath_is_not_installed(be, products, monkeypatch):
    load = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.partition(".")[0] == "nvmath":
            raise ModuleNotFoundError("No module named 'nvmath'", name="nvmath")
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert products.load_cublaslt() == (None, "nvmath-python is not installed")


def test_nvmath_cannot_be_imported(be, products, monkeypatch):
    load = builtins.__import__

    def broken(name, *args, **kwargs):
        if name.partition(".")[0] == "nvmath":
            raise ImportError("libpython is odd\nmore", name="nvmath.bindings.cublasLt")
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", broken)
    found, why = products.load_cublaslt()
    assert found is None
    assert why == "nvmath-python cannot be imported: libpython is odd"


def test_the_library_is_missing(be, products, monkeypatch):
    lt = pytest.importorskip("nvmath.bindings.cublasLt")

    def fail():
        raise RuntimeError("libcublasLt.so was not found\nLook here")

    monkeypatch.setattr(lt, "create", fail)
    found, why = products.load_cublaslt()
    assert found is None
    assert why == "cuBLASLt cannot be loaded: libcublasLt.so was not found"


def test_info_says_which(be, monkeypatch):
    from gpunet import info

    rows = dict(row for row in info._gpu() if len(row) == 2)
    if be.cublaslt is not None:
        assert rows["matrix products"].startswith("cuBLASLt ")
    monkeypatch.setitem(vars(be), "cublaslt", None)
    monkeypatch.setitem(vars(be), "without_cublaslt", "nvmath-python is not installed")
    rows = dict(row for row in info._gpu() if len(row) == 2)
    assert rows["matrix products"] == "CuPy, without CUDA graphs (nvmath-python is not installed)"
