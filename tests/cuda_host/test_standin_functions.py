"""Each function of the stand-in gives NumPy's values, through CuPy's parameters."""

import numpy as np
import pytest

cupy = pytest.importorskip("cupy")
if not getattr(cupy, "__standin__", False):
    pytest.skip("tests of the stand-in itself", allow_module_level=True)

# x: (3, 4) float32; y: (4,) float32; k: (3, 4) int64; m: (3, 4) bool
CALLS = [
    "xp.sum(x, 1)", "xp.sum(x, axis=(0, 1), keepdims=True)", "xp.sum(k, dtype='float32')",
    "xp.mean(x, 0)", "xp.var(x, axis=1, ddof=1)", "xp.std(x)", "xp.prod(x, axis=0)",
    "xp.max(x, 1)", "xp.amin(x, axis=0, keepdims=True)", "xp.argmax(x, 1)", "x.argmin(axis=0)",
    "xp.any(m, 1)", "xp.all(m, axis=0)", "xp.cumsum(x, 1)", "xp.cumprod(x, axis=0)",
    "xp.count_nonzero(m, axis=1)", "xp.median(x, axis=0)", "xp.percentile(x, 30, axis=1)",
    "xp.average(x, axis=1)", "xp.ptp(x, axis=1)", "xp.nansum(x, 1)", "xp.nanmax(x, axis=0)",
    "xp.reshape(x, (2, 6))", "x.reshape(2, -1)", "x.reshape((4, 3), order='F')", "xp.ravel(x.T)",
    "xp.transpose(x, (1, 0))", "xp.swapaxes(x, 0, 1)", "xp.moveaxis(x[None], 0, -1)",
    "xp.rollaxis(x, 1)", "xp.expand_dims(x, (0, 2))", "xp.squeeze(x[None], 0)", "xp.flip(x, 1)",
    "xp.roll(x, 2, axis=1)", "xp.rot90(x)", "xp.tile(x, (2, 1))", "xp.repeat(x, 2, axis=1)",
    "x.repeat(3)", "xp.broadcast_to(y, (2, 4))", "xp.broadcast_arrays(x, y)[1]",
    "xp.pad(x, ((1, 2), (0, 1)))", "xp.pad(x, 1, mode='edge')", "xp.pad(x, 2, constant_values=3)",
    "xp.concatenate([x, x], 1)", "xp.concatenate((x, x), axis=None)", "xp.stack([x, x], axis=2)",
    "xp.hstack([x, x])", "xp.vstack([x, y])", "xp.column_stack([y, y])", "xp.split(x, [1], 1)[1]",
    "xp.array_split(x, 2)[0]", "xp.atleast_2d(y)", "xp.triu(x)", "xp.tril(x, -1)", "xp.diag(y)",
    "xp.diagonal(x, 1)", "xp.trace(x)", "xp.tri(3, 4)", "xp.eye(3, 4, k=1)", "xp.identity(3)",
    "xp.where(m, x, 0)", "xp.where(m, x, y)", "xp.where(m)[1]", "xp.take(x, k[0] % 4, axis=1)",
    "xp.take(y, 2)", "xp.take_along_axis(x, k % 4, 1)", "xp.choose(k % 2, [x, -x])",
    "xp.sort(x, 0)", "xp.argsort(x, axis=1)", "xp.partition(x, 2, axis=1)[:, 2]",
    "xp.argpartition(x, 1, axis=1)[:, 1]", "xp.searchsorted(xp.sort(y), x)",
    "xp.unique(k % 3)", "xp.unique(k % 3, return_counts=True)[1]", "xp.nonzero(m)[0]",
    "xp.flatnonzero(m)", "xp.argwhere(m)", "xp.bincount(k.ravel() % 5)",
    "xp.bincount(k.ravel() % 5, minlength=9)", "xp.bincount(k[0] % 5, weights=y)",
    "xp.histogram(x, 4)[0]", "xp.digitize(x, xp.sort(y))", "xp.isin(k, k[0])", "xp.diff(x, axis=1)",
    "xp.clip(x, -0.5, 0.5)", "x.clip(0)", "x.clip(max=y)", "xp.clip(x, None, 0.1)",
    "xp.round(x, 1)",
    "xp.allclose(x, x + 1e-9)", "xp.isclose(x, y, rtol=1e-2)", "xp.array_equal(x, x)",
    "xp.nan_to_num(x / 0)", "xp.dot(x, y)", "x.dot(x.T)", "xp.vdot(x, x)", "xp.inner(x, y)",
    "xp.outer(y, y)", "xp.kron(y, y)", "xp.matmul(x, x.T)", "xp.tensordot(x, x, ((1,), (1,)))",
    "xp.tensordot(x, y, 1)", "xp.einsum('ij,kj->ik', x, x)", "xp.cross(x[:, :3], x[:, 1:])",
    "xp.linalg.norm(x)", "xp.linalg.norm(x, axis=1, keepdims=True)", "xp.linalg.norm(x, 1, 0)",
    "xp.linalg.solve(x[:, :3] + 3 * xp.eye(3), x[:, :2])", "xp.linalg.qr(x)[1]",
    "xp.arange(5)", "xp.arange(1, 3, 0.5)", "xp.arange(4, dtype='float32')", "xp.linspace(0, 1, 5)",
    "xp.linspace(0, 1, num=4, endpoint=False, dtype='float32')", "xp.full((2, 3), 7)",
    "xp.full_like(x, 2.5)", "xp.ones_like(k, dtype='float64')", "xp.zeros((2, 2), 'int8')",
    "xp.meshgrid(y, y)[0]", "xp.indices((2, 3))", "xp.logspace(0, 2, 3)", "xp.interp(x, y * 0, y)",
    "xp.ascontiguousarray(x.T)", "xp.array([[1, 2], [3, 4]], dtype='float32')", "xp.copy(x)",
    "xp.unravel_index(k % 12, (3, 4))[0]", "xp.packbits(m)", "xp.unpackbits(xp.packbits(m))",
    "xp.power(x * x, 0.5)", "x ** 2", "2 ** x", "-x", "+x", "abs(x)", "~m", "k % 3", "k // 2",
    "k << 2", "k >> 1", "k & 3", "k | 1", "k ^ 5", "x > y", "x == y", "k != 2", "1 / (x * x + 1)",
    "divmod(k, 3)[1]", "xp.maximum(x, 0)", "xp.fmin(x, y)", "xp.sign(x)", "xp.expm1(x)",
    "xp.log1p(x * x)", "xp.tanh(x, dtype='float64')", "xp.isnan(x / 0 * 0)", "xp.copysign(x, -1.0)",
    "xp.rint(x)", "xp.floor_divide(x, 0.3)", "xp.logical_and(m, x > 0)", "xp.hypot(x, y)",
    "xp.add.reduce(x, axis=1)", "xp.add.outer(y, y)", "xp.bitwise_xor(k, 3)", "xp.square(x)",
    "x.mean()", "x.var(axis=1)", "x.std(ddof=1)", "x.sum(0, 'float64')", "x.cumsum(axis=0)",
    "x.take(k[0] % 3, axis=0)", "x.argsort()", "x.max(1, keepdims=True)", "x.round(1)", "x.trace()",
    "x[1]", "x[:, None]", "x[..., ::-1]", "x[k[0] % 3]", "x[m]", "x[k % 3, k % 4]", "x[[0, 2], 1:]",
    "xp.mean(x[:0], axis=1)", "xp.lexsort(xp.stack([y, -y]))", "xp.select([m, x > 0], [x, -x])",
    "xp.append(x, y)", "xp.broadcast_shapes((3, 1), (4,))", "xp.promote_types('int32', 'float32')",
    "xp.ndim(x)", "xp.size(x)", "xp.shape(x)", "xp.can_cast('int32', 'float32')",
    "xp.apply_along_axis(lambda r: r * 2, 1, x)", "xp.convolve(y, y)", "xp.trim_zeros(k[0])",
]  # fmt: skip


def arguments(xp):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((3, 4), np.float32), rng.standard_normal(4, np.float32)
    k = rng.integers(0, 20, (3, 4))
    return {"xp": xp, **{n: xp.asarray(v) for n, v in zip("xykm", (x, y, k, x > 0.1))}}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_as_numpy(call):
    want = eval(call, arguments(np))
    got = eval(call, arguments(cupy))
    if not isinstance(want, (np.ndarray, np.generic)):
        if isinstance(got, cupy.ndarray):  # CuPy's allclose and array_equal stay on the device
            assert got.shape == ()
            got = got.item()
        assert got == want
        return
    assert isinstance(got, cupy.ndarray)
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    np.testing.assert_allclose(got.get(), want, rtol=1e-6)


@pytest.mark.parametrize(
    "call",
    ["xp.sum(x, axis=0, out=o)", "x.max(axis=0, out=o)", "xp.dot(x.T, x[:, 0], out=o)",
     "xp.exp(y, out=o)", "xp.exp(y, o)", "xp.add(y, 1, out=o)", "y.clip(0, out=o)",
     "xp.concatenate([y[:2], y[2:]], out=o)",
     "xp.matmul(x.T, x[:, 0], out=o)", "xp.mean(x, axis=0, out=o)", "xp.take(y, k[0] % 4, out=o)"],
)  # fmt: skip
def test_out_is_filled_and_returned(call):
    here, there = arguments(np), arguments(cupy)
    here["o"], there["o"] = np.zeros(4, "f"), cupy.empty(4, "f")
    eval(call, here)
    assert eval(call, there) is there["o"]
    np.testing.assert_allclose(there["o"].get(), here["o"], rtol=1e-6)


def test_special_functions_and_scatter():
    import cupyx
    import cupyx.scipy.special as special
    import scipy.special

    x = cupy.linspace(-2, 2, 9)
    for name in ("erf", "expit", "log_softmax", "softmax", "logsumexp"):
        got, want = getattr(special, name)(x), getattr(scipy.special, name)(x.get())
        np.testing.assert_allclose(got.get(), want)
    np.testing.assert_allclose(cupyx.rsqrt(x * x + 1).get(), (x.get() ** 2 + 1) ** -0.5)
    y = cupy.zeros(2)
    cupyx.scatter_add(y, cupy.array([1, 1]), cupy.ones(2))
    assert y.tolist() == [0, 2]
