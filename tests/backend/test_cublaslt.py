"""Products by cuBLASLt: every layout, dtype, epilogue and size against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpunet
from gpunet.backend import Device, backend_for
from gpunet.backend.cublaslt_problem import Epilogue

SIZES = st.integers(1, 9) | st.sampled_from([16, 33, 130])
LAYOUTS = ["rows", "columns", "sliced rows", "sliced columns", "every second", "odd start"]
TOLERANCE = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-13}


@pytest.fixture(scope="module")
def be():
    backend = pytest.importorskip("cupy") and backend_for(Device("cuda"))
    if backend.cublaslt is None:
        pytest.skip(f"without cuBLASLt: {backend.without_cublaslt}")
    return backend


def laid_out(be, X, layout):
    """The NumPy array `X` (..., M, N) on the GPU, in some layout of memory; the rest is NaN."""
    *front, M, N = X.shape
    if layout == "rows":
        return be.from_numpy(X)
    if layout == "columns":
        return be.from_numpy(np.ascontiguousarray(X.swapaxes(-1, -2))).swapaxes(-1, -2)
    if layout == "sliced columns":
        wide = laid_out(be, np.ascontiguousarray(X.swapaxes(-1, -2)), "sliced rows")
        return wide.swapaxes(-1, -2)
    if layout == "sliced rows":
        memory = np.full((*front, M, N + 3), np.nan, X.dtype)
        memory[..., 2:-1] = X
        return be.from_numpy(memory)[..., 2:-1]
    if layout == "every second":
        memory = np.full((*front, M, 2 * N), np.nan, X.dtype)
        memory[..., ::2] = X
        return be.from_numpy(memory)[..., ::2]
    flat = np.full(X.size + 1, np.nan, X.dtype)
    flat[1:] = X.ravel()
    return be.from_numpy(flat)[1:].reshape(X.shape)


def matrix(shape, dtype, seed=0):
    return np.random.default_rng([seed, *shape]).uniform(-1, 1, shape).astype(dtype)


def agree(be, got, expected):
    tolerance = TOLERANCE[str(got.dtype)] * max(1, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(be.to_numpy(got), expected, rtol=0, atol=tolerance * 4)


def exact(*arrays):
    return [a.astype(np.float64) for a in arrays]


@settings(max_examples=150)
@given(
    sizes=st.tuples(SIZES, SIZES, SIZES),
    left=st.sampled_from(LAYOUTS),
    right=st.sampled_from(LAYOUTS),
    target=st.sampled_from([None, *LAYOUTS]),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_products(be, sizes, left, right, target, dtype):
    M, K, N = sizes
    A, B = matrix((M, K), dtype), matrix((K, N), dtype, 1)
    out = None if target is None else laid_out(be, np.full((M, N), np.nan, dtype), target)
    got = be.gemm(laid_out(be, A, left), laid_out(be, B, right), out)
    assert out is None or got is out
    assert got.dtype == dtype
    agree(be, got, np.matmul(*exact(A, B)))


@settings(max_examples=150)
@given(
    front=st.sampled_from([(1,), (5,), (2, 3), (3, 1, 2), (1, 1), (20, 19)]),
    sizes=st.tuples(SIZES, SIZES, SIZES),
    left=st.sampled_from([*LAYOUTS, "heads", "repeated", "reversed axes"]),
    right=st.sampled_from([*LAYOUTS, "heads", "repeated", "reversed axes"]),
    target=st.sampled_from([None, *LAYOUTS, "heads"]),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_stacks(be, front, sizes, left, right, target, dtype):
    M, K, N = (min(n, 16) for n in sizes)
    A, B = matrix((*front, M, K), dtype), matrix((*front, K, N), dtype, 1)
    if left == "repeated":
        A = np.broadcast_to(A[:1], A.shape)
    if right == "repeated":
        B = np.broadcast_to(B[:1], B.shape)
    out = None
    if target is not None:
        out = stacked(be, np.full((*front, M, N), np.nan, dtype), target)
    got = be.batched_gemm(stacked(be, A, left), stacked(be, B, right), out)
    assert out is None or got is out
    agree(be, got, np.matmul(*exact(A, B)))


def stacked(be, X, layout):
    n = X.ndim
    if layout == "heads":  # the axis before the matrices lies between their rows and columns
        moved = np.moveaxis(X, -3, -2)
        return be.xp.moveaxis(laid_out(be, np.ascontiguousarray(moved), "rows"), -2, -3)
    if layout == "reversed axes":
        order = (*range(n - 2)[::-1], n - 2, n - 1)
        return be.from_numpy(np.ascontiguousarray(X.transpose(order))).transpose(order)
    if layout == "repeated":
        return be.xp.broadcast_to(be.from_numpy(np.ascontiguousarray(X[:1])), X.shape)
    return laid_out(be, X, layout)


@pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)])
@pytest.mark.parametrize("front", [(), (2,), (0,)])
def test_empty_matrices(be, shape, front):
    M, K, N = shape
    A, B = be.empty((*front, M, K), "float32"), be.empty((*front, K, N), "float32")
    product = be.batched_gemm if front else be.gemm
    for out in (None, be.empty((*front, M, N), "float32")):
        got = product(A, B, out)
        assert got.shape == (*front, M, N)
        assert not be.to_numpy(got).any()


def test_attention_heads_are_not_copied(be):
    """(N, heads, L, D) in the memory of (N, L, heads, D), as attention has them."""
    from cupy import _standin

    Q = be.from_numpy(matrix((3, 5, 4, 8), "float32")).transpose(0, 2, 1, 3)
    S = be.empty((3, 4, 5, 5), "float32")
    be.batched_gemm(Q, Q.swapaxes(-1, -2), S)
    _standin.reset()
    before = be.xp.get_default_memory_pool().used_bytes()
    be.batched_gemm(Q, Q.swapaxes(-1, -2), S)
    assert be.xp.get_default_memory_pool().used_bytes() == before
    assert [what for _, what in _standin.history] == ["cublasLt matmul"] * 3


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 3), (33, 20, 130), (64, 128, 256)])
@pytest.mark.parametrize("start", [0, 1])
def test_bias(be, dtype, shape, start):
    R, K, N = shape
    X, W, b = matrix((R, K), dtype), matrix((N, K), dtype, 1), matrix((N + start,), dtype, 2)
    expected = exact(X)[0] @ exact(W)[0].T + exact(b)[0][start:]
    Y = be.empty((R, N), dtype)
    X, W, b = (be.from_numpy(x) for x in (X, W, b))
    assert be.cublaslt.fused(X, W.T, Y, Epilogue.BIAS, b[start:])
    agree(be, Y, expected)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 3), (33, 20, 130), (64, 128, 256)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_bias_gradient_with_the_weights(be, dtype, shape):
    R, K, N = shape
    dZ, X = matrix((R, N), dtype), matrix((R, K), dtype, 1)
    dW, db = be.empty((N, K), dtype), be.empty((N,), dtype)
    assert be.cublaslt.fused(be.from_numpy(dZ).T, be.from_numpy(X), dW, Epilogue.BGRADB, db)
    agree(be, dW, exact(dZ)[0].T @ exact(X)[0])
    agree(be, db, exact(dZ)[0].sum(axis=0))


def test_linear_layers_are_two_launches_fewer(be):
    from cupy import _standin

    from gpunet.nn import functional as F

    x = gpunet.randn(8, 5, device="cuda")
    w = gpunet.randn(3, 5, device="cuda", requires_grad=True)
    b = gpunet.randn(3, device="cuda", requires_grad=True)
    _standin.reset()
    y = F.linear(x, w, b)
    assert [what for _, what in _standin.history] == ["cublasLt matmul"]
    _standin.reset()
    y.backward(gpunet.ones(8, 3, device="cuda"))
    assert [what for _, what in _standin.history].count("cublasLt matmul") == 1
    assert "bias_act_backward" not in [what for _, what in _standin.history]
    np.testing.assert_array_equal(b.grad.cpu().numpy(), [8, 8, 8])


def test_shapes_that_do_not_fit(be):
    A, B = be.empty((3, 4), "float32"), be.empty((5, 2), "float32")
    with pytest.raises(ValueError, match=r"shapes \(3, 4\), \(5, 2\) and \(3, 2\) do not fit"):
        be.gemm(A, B)


def test_other_dtypes_are_left_to_cupy(be):
    A, B = (be.from_numpy(np.arange(6).reshape(s)) for s in ((2, 3), (3, 2)))
    np.testing.assert_array_equal(be.to_numpy(be.gemm(A, B)), [[10, 13], [28, 40]])
    mixed = be.gemm(A.astype("float32"), B.astype("float64"))
    np.testing.assert_array_equal(be.to_numpy(mixed), [[10, 13], [28, 40]])


# -- plans ------------------------------------------------------------------------------------
def test_a_plan_is_made_once_for_a_problem(be, monkeypatch):
    lt = be.cublaslt
    made = []
    heuristic = lt.lt.matmul_algo_get_heuristic
    monkeypatch.setattr(
        lt.lt, "matmul_algo_get_heuristic", lambda *a: (made.append(1), heuristic(*a))
    )
    A = be.from_numpy(matrix((11, 23), "float32"))
    for _ in range(3):
        be.gemm(A, A.T)
    assert len(made) == 1
    be.gemm(A.T, A)
    assert len(made) == 2
    gpunet.set_float32_matmul_precision("high")
    try:
        be.gemm(A, A.T)
        be.gemm(A.astype("float64"), A.T.astype("float64"))
        assert len(made) == 4
    finally:
        gpunet.set_float32_matmul_precision("highest")
    be.gemm(A, A.T)
    assert len(made) == 4


def test_plans_are_dropped_when_there_are_too_many(be, monkeypatch):
    from gpunet.backend import cublaslt_table as cublaslt

    monkeypatch.setattr(cublaslt, "_MOST_PLANS", len(be.cublaslt._plans) + 3)
    for n in range(1, 12):
        A = be.from_numpy(matrix((n, 41), "float32"))
        agree(be, be.gemm(A, A.T), np.matmul(*exact(be.to_numpy(A), be.to_numpy(A.T))))
    assert len(be.cublaslt._plans) <= cublaslt._MOST_PLANS


def test_every_stream_has_one_workspace(be):
    A = be.from_numpy(matrix((6, 6), "float32"))
    lt, pool = be.cublaslt, be.xp.get_default_memory_pool()
    stream = be.xp.cuda.Stream(non_blocking=True)
    with stream:
        out = be.gemm(A, A)
        before = pool.used_bytes()
        for _ in range(3):
            be.gemm(A, A, out)
        assert pool.used_bytes() == before
    stream.synchronize()
    assert (0, stream.ptr) in lt._workspaces


def test_a_problem_without_an_algorithm_is_left_to_cupy(be, monkeypatch):
    lt = be.cublaslt.lt

    def refuse(*args):
        raise lt.cuBLASLtError(15)

    monkeypatch.setattr(lt, "matmul_algo_get_heuristic", refuse)
    monkeypatch.setattr(be.cublaslt, "_plans", {})
    A, b = matrix((7, 5), "float32"), matrix((7,), "float32")
    X = be.from_numpy(A)
    agree(be, be.gemm(X, X.T), np.matmul(*exact(A, A.T)))
    agree(be, be.batched_gemm(X[None], X.T[None])[0], np.matmul(*exact(A, A.T)))
    agree(be, be.affine(X, X, be.from_numpy(b), 0), np.matmul(*exact(A, A.T)) + b)
    dW, db = be.affine_gradients(X, X, None, None)
    agree(be, dW, np.matmul(*exact(A.T, A)))
    agree(be, db, A.sum(axis=0))


# -- activations ------------------------------------------------------------------------------
def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gelu_slope(x, step=1e-5):
    return (gelu(x + step) - gelu(x - step)) / (2 * step)


SHAPES = [(1, 1, 1), (5, 7, 3), (33, 20, 130), (64, 128, 256)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_relu_in_the_product(be, dtype, shape):
    R, K, N = shape
    X, W, b = matrix((R, K), dtype), matrix((N, K), dtype, 1), matrix((N,), dtype, 2)
    got = be.affine(*(be.from_numpy(x) for x in (X, W, b)), 1)
    agree(be, got, np.maximum(exact(X)[0] @ exact(W)[0].T + b, 0))


@pytest.mark.parametrize("act", [1, 7])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("joined", [(True, True), (True, False), (False, True), (False, False)])
def test_activations_and_their_gradients(be, act, dtype, shape, joined, monkeypatch):
    """Each half by cuBLASLt or by kernels, whatever the other half was."""
    R, K, N = shape
    M = 6
    X, W, b = matrix((R, K), dtype), matrix((N, K), dtype, 1), matrix((N,), dtype, 2)
    dY, V = matrix((R, M), dtype, 3), matrix((M, N), dtype, 4)
    Z = exact(X)[0] @ exact(W)[0].T + b
    fused = be.cublaslt.fused
    monkeypatch.setattr(be.cublaslt, "fused", fused if joined[0] else lambda *args: False)
    H, kept = be.activated(*(be.from_numpy(x) for x in (X, W, b)), act)
    agree(be, H, np.maximum(Z, 0) if act == 1 else gelu(Z))
    monkeypatch.setattr(be.cublaslt, "fused", fused if joined[1] else lambda *args: False)
    db = be.empty((N,), dtype)
    dZ, got = be.activated_gradients(be.from_numpy(dY), be.from_numpy(V), act, H, kept, db)
    assert got is db
    slope = (Z > 0) if act == 1 else gelu_slope(Z)
    expected = (exact(dY)[0] @ exact(V)[0]) * slope
    tolerance = 1e-4 if dtype == "float32" else 1e-8
    np.testing.assert_allclose(be.to_numpy(dZ), expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(be.to_numpy(db), expected.sum(axis=0), rtol=0, atol=20 * tolerance)


def launches(be, function):
    """The kernels and products of the second call."""
    from cupy import _standin

    function()
    _standin.reset()
    function()
    return [what for _, what in _standin.history]


@pytest.mark.parametrize("between", ["ReLU", "GELU"])
def test_a_network_of_two_layers_is_six_products_and_no_kernel(be, between):
    from gpunet import nn

    options = ("tanh",) if between == "GELU" else ()
    model = nn.Sequential(nn.Linear(16, 32), getattr(nn, between)(*options), nn.Linear(32, 8)).to(
        "cuda"
    )
    x = gpunet.randn(4, 16, device="cuda").requires_grad_()
    dy = gpunet.randn(4, 8, device="cuda")
    assert launches(be, lambda: model(x).backward(dy)).count("cublasLt matmul") == 6
    assert not {"bias_act_forward", "bias_act_backward", "activation_forward"} & set(
        launches(be, lambda: model(x).backward(dy))
    )


def test_a_relu_that_loses_nan_is_not_used(be, monkeypatch):
    standin = pytest.importorskip("nvmath.bindings._matmul")
    X = matrix((4, 6), "float32")
    X[2, 3] = np.nan
    W, b = matrix((11, 6), "float32", 1), matrix((11,), "float32", 2)
    arrays = [be.from_numpy(x) for x in (X, W, b)]
    for keeps in (True, False):
        monkeypatch.setattr(standin, "relu_keeps_nan", keeps)
        monkeypatch.setattr(be.cublaslt, "_plans", {})
        lost = np.isnan(be.to_numpy(be.affine(*arrays, 1)))
        assert lost[2].all()
        assert lost.sum() == 11
        H, kept = be.activated(*arrays, 1)
        assert np.isnan(be.to_numpy(H)).sum() == 11
        assert (kept is not None) == keeps


def test_products_with_epilogues_in_a_graph(be):
    from gpunet.backend.cuda_graph import Graph

    X, W, b = (be.from_numpy(matrix(s, "float32")) for s in ((5, 8), (24, 8), (24,)))

    def step():
        H, kept = be.activated(X, W, b, 1)
        dZ, db = be.activated_gradients(X, W.T.copy(), 1, H, kept, None)
        return [be.batched_gemm(H[None], dZ.T[None]), db]

    expected = [be.to_numpy(x) for x in step()]
    graph = Graph(Device("cuda"))
    graph.warm_up(step)
    got = graph.capture(step)
    for _ in range(2):
        graph.replay()
        for a, e in zip(got, expected):
            np.testing.assert_array_equal(be.to_numpy(a), e)
