"""The stand-in's kernels: results, and the faults that a GPU would keep quiet about."""

import time

import numpy as np
import pytest

cupy = pytest.importorskip("cupy")
if not getattr(cupy, "__standin__", False):
    pytest.skip("tests of the stand-in itself", allow_module_level=True)

F32, F64 = ("-Dreal=float",), ("-Dreal=double",)


def kernel(body, parameters, options=F32, before="", name="k"):
    code = f'{before}\nextern "C" __global__ void {name}({parameters}) {{\n{body}\n}}\n'
    return cupy.RawKernel(code, name, options)


SHARED_SUM = """
    __shared__ real part[128];
    part[threadIdx.x] = X[blockIdx.x * 128 + threadIdx.x];
    __syncthreads();
    for (int half = 64; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) Y[blockIdx.x] = part[0];
"""
WARP_SUM = """
    real v = X[blockIdx.x * 128 + threadIdx.x];
    __shared__ real part[4];
    for (int d = 16; d; d /= 2) v += __shfl_down_sync(0xffffffffu, v, d);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
    __syncthreads();
    if (threadIdx.x == 0) Y[blockIdx.x] = part[0] + part[1] + part[2] + part[3];
"""


@pytest.fixture(params=["forward", "reverse"])
def order(request, monkeypatch):
    monkeypatch.setenv("GPUNET_CUDA_HOST_ORDER", request.param)
    return request.param


@pytest.mark.parametrize("body", [SHARED_SUM, WARP_SUM], ids=["shared", "warp"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_block_reduction(body, dtype, order):
    X = np.random.default_rng(0).standard_normal((6, 128)).astype(dtype)
    Y = cupy.empty(6, dtype)
    k = kernel(body, "const real* X, real* Y", F32 if dtype == "float32" else F64)
    k((6,), (128,), (cupy.asarray(X), Y))
    np.testing.assert_allclose(Y.get(), X.sum(1), rtol=1e-4 if dtype == "float32" else 1e-12)


def test_stacks_are_aligned_for_sse():
    body = """
        struct __align__(16) Pair { double a, b; } pair;
        volatile size_t address = (size_t)&pair;
        __syncthreads();
        Y[threadIdx.x] = address % 16;
    """
    Y = cupy.empty(64, "int32")
    kernel(body, "int* Y")((1,), (64,), (Y,))
    assert not Y.get().any()


@pytest.mark.parametrize("body", [SHARED_SUM, WARP_SUM], ids=["shared", "warp"])
def test_without_its_barriers_a_reduction_is_wrong(body):
    X, Y = cupy.ones((2, 128), "float32"), cupy.empty(2, "float32")
    kernel(body.replace("__syncthreads();", ""), "const real* X, real* Y")((2,), (128,), (X, Y))
    assert not (Y.get() == 128).any()


def test_shuffles_votes_and_widths(order):
    body = """
        unsigned all = 0xffffffffu; int t = threadIdx.x;
        Y[t] = __shfl_sync(all, t, 3);           Y[32 + t] = __shfl_xor_sync(all, t, 5);
        Y[64 + t] = __shfl_up_sync(all, t, 2);   Y[96 + t] = __shfl_down_sync(all, t, 4, 8);
        Y[128 + t] = __ballot_sync(all, t % 3 == 0);
        Y[160 + t] = __any_sync(all, t == 9) * 10 + __all_sync(all, t < 32);
        Y[192 + t] = t < 16 ? __shfl_xor_sync(0xffffu, t, 1) : -1;
    """
    Y = cupy.empty((7, 32), "int32")
    kernel(body, "int* Y")((1,), (32,), (Y,))
    t = np.arange(32)
    want = [t * 0 + 3, t ^ 5, np.where(t < 2, t, t - 2), np.where(t % 8 < 4, t + 4, t)]
    np.testing.assert_array_equal(Y.get()[:4], want)
    assert (Y.get()[4].view("uint32") == sum(1 << i for i in range(0, 32, 3))).all()
    assert (Y.get()[5] == 11).all()
    np.testing.assert_array_equal(Y.get()[6], np.where(t < 16, t ^ 1, -1))


def test_barrier_with_a_vote_and_early_exit():
    body = """
        if (threadIdx.x >= n) return;
        int count = __syncthreads_count(threadIdx.x % 2);
        Y[threadIdx.x] = count * 10 + (__syncthreads_or(threadIdx.x == 3) ? 1 : 0);
    """
    Y = cupy.zeros(64, "int32")
    kernel(body, "int* Y, int n")((1,), (64,), (Y, np.int32(40)))
    assert Y.get()[:40].tolist() == [201] * 40


def test_two_and_three_dimensional_blocks_and_grids(order):
    body = """
        int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
        int z = blockIdx.z * blockDim.z + threadIdx.z;
        if (x < 7 && y < 5 && z < 3) Y[(z * 5 + y) * 7 + x] = 100 * z + 10 * y + x;
    """
    Y = cupy.empty((3, 5, 7), "int32")
    kernel(body, "int* Y")((2, 3, 2), (4, 2, 2), (Y,))
    z, y, x = np.indices((3, 5, 7))
    np.testing.assert_array_equal(Y.get(), 100 * z + 10 * y + x)


def test_dynamic_shared_memory():
    body = """
        extern __shared__ real s[];
        s[threadIdx.x] = X[threadIdx.x];
        __syncthreads();
        Y[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
    """
    X, Y = cupy.arange(64, dtype="float32"), cupy.empty(64, "float32")
    k = kernel(body, "const real* X, real* Y")
    k((1,), (64,), (X, Y), shared_mem=256)
    assert Y.tolist() == list(range(63, -1, -1))
    with pytest.raises(RuntimeError, match="past the 128 bytes of dynamic shared memory"):
        k((1,), (64,), (X, Y), shared_mem=128)
    with pytest.raises(RuntimeError, match="the limit is 49152"):
        k((1,), (64,), (X, Y), shared_mem=48 * 1024 + 4)


def test_shared_and_device_memory_are_poisoned():
    body = """
        __shared__ real s[4]; extern __shared__ real d[];
        Y[0] = s[0]; Y[1] = d[0];
        s[0] = d[0] = 1;
    """
    Y = cupy.zeros(3, "float32")
    k = kernel(body, "real* Y")
    for _ in range(2):  # the second block must not see what the first wrote
        k((2,), (1,), (Y,), shared_mem=16)
    assert np.isnan(Y.get()[:2]).all()


def test_atomics(order):
    body = """
        atomicAdd(&F[0], 1.0f); atomicAdd(&D[0], 0.5); atomicAdd(&I[threadIdx.x % 4], 2);
        atomicMax(&I[4], (int)threadIdx.x); atomicAdd(&U[0], 3u);
        unsigned old = atomicCAS(&U[1], 7u, threadIdx.x); (void)old;
    """
    F, D = cupy.zeros(1, "float32"), cupy.zeros(1)
    I, U = cupy.zeros(5, "int32"), cupy.zeros(2, "uint32")  # noqa: E741
    kernel(body, "float* F, double* D, int* I, unsigned* U")((4,), (64,), (F, D, I, U))
    assert (F.tolist(), D.tolist()) == ([256], [128])
    assert (I.tolist(), U.tolist()) == ([128] * 4 + [63], [768, 0])


@pytest.mark.parametrize(("at", "where"), [("n", "0 bytes past"), ("-1", "4 bytes before")])
def test_a_write_out_of_bounds_is_found(at, where):
    X, Y = cupy.zeros(10, "float32"), cupy.zeros(10, "float32")
    k = kernel(f"Y[{at}] = X[0];", "const float* X, float* Y, int n", name="stray")
    with pytest.raises(RuntimeError, match=rf"'stray' wrote out of bounds: argument 1.*{where}"):
        k((1,), (1,), (X, Y, np.int32(10)))
    kernel("Y[0] = X[0];", "const float* X, float* Y")((1,), (1,), (X, Y))  # reported once


def test_a_copy_past_both_ends_is_found():
    X, Y = cupy.zeros(10, "float32"), cupy.zeros(10, "float32")
    with pytest.raises(RuntimeError, match="wrote out of bounds: argument 1"):
        kernel("Y[threadIdx.x] = X[threadIdx.x];", "const float* X, float* Y")((1,), (16,), (X, Y))


SIGNATURE = "const float* X, long long n, float p, int act, bool flag"


@pytest.mark.parametrize(
    ("position", "value", "says"),
    [
        (0, np.zeros(3, "f"), "numpy.ndarray"),
        (0, "float64 array", "array of float64"),
        (0, "int32 array", "array of int32"),
        (0, 3, "wants a pointer"),
        (1, np.int32(3), "64-bit int"),
        (1, 3.0, "64-bit int"),
        (1, "float32 array", "is an array"),
        (1, np.uint64(2**63), "can not hold"),
        (2, 1.5, "float .packed as float64., the kernel wants 32-bit float"),
        (3, 1, "packed as int64., the kernel wants 32-bit int"),
        (4, 1, "8-bit bool"),
        (4, "yes", "is a str"),
    ],
)
def test_an_argument_of_the_wrong_type_is_refused(position, value, says):
    args = [cupy.zeros(3, "float32"), 3, np.float32(1), np.int32(1), True]
    k = kernel("", SIGNATURE, name="typed")
    k((1,), (1,), tuple(args))
    is_array = isinstance(value, str) and value.endswith("array")
    args[position] = cupy.zeros(3, value.split()[0]) if is_array else value
    with pytest.raises(TypeError, match=rf"kernel 'typed', argument {position}.*{says}"):
        k((1,), (1,), tuple(args))


def test_number_of_arguments_and_alignment():
    k = kernel("Y[0].x = 1;", "float4* Y")
    with pytest.raises(TypeError, match="takes 1 arguments, 2 were given"):
        k((1,), (1,), (cupy.zeros(8, "float32"), 1))
    k((1,), (1,), (cupy.zeros(8, "float32"),))
    with pytest.raises(TypeError, match="misaligned"):
        k((1,), (1,), (cupy.zeros(8, "float32")[1:],))


@pytest.mark.parametrize(
    ("grid", "block"), [((0,), (1,)), ((1,), (0,)), ((1,), (1025,)), ((1, 65536), (1,)),
                        ((1,), (32, 32, 2)), ((2**31,), (1,))]
)  # fmt: skip
def test_launch_limits(grid, block):
    with pytest.raises(RuntimeError, match="CUDA_ERROR_INVALID_VALUE"):
        kernel("", "int n")(grid, block, (np.int32(1),))


def test_launch_bounds_bind():
    code = 'extern "C" __global__ void __launch_bounds__(64, 2) k(int n) {}'
    k = cupy.RawKernel(code, "k")
    k((1,), (64,), (np.int32(1),))
    with pytest.raises(RuntimeError, match="allow 64 threads"):
        k((1,), (65,), (np.int32(1),))


def test_local_arrays_beyond_a_fibers_stack_do_not_compile():
    body = """
        volatile char local[140000];
        for (int i = 0; i < 140000; i += 64) local[i] = i;
        __syncthreads(); Y[threadIdx.x] = local[0];
    """
    with pytest.raises(cupy.cuda.compiler.CompileException, match="frame"):
        kernel(body, "float* Y").compile()


STUCK = {
    "if (threadIdx.x < 16) __syncthreads(); else __syncwarp(0xffff0000u); __shfl_sync(~0u, 1, 0);":
        "a shuffle",
    "if (threadIdx.x < 16) return; __shfl_sync(0xffffffffu, 1, 0);": "has exited or does not",
    "if (threadIdx.x < 16) __shfl_sync(0xffffffffu, 1, 0);": "has exited or does not",
    "if (threadIdx.x < 16) __syncthreads(); else __shfl_sync(0xffffffffu, 1, 0);":
        "can not complete, as other threads wait at __syncthreads",
    "__shfl_sync(0xfu, 1, 0);": "does not name the calling lane",
}  # fmt: skip


@pytest.mark.parametrize("body", STUCK)
def test_what_would_hang_is_an_error(body):
    with pytest.raises(RuntimeError, match=rf"{STUCK[body]}.*block .0, 0, 0., thread"):
        kernel(body, "int n")((1,), (32,), (np.int32(1),))


def test_a_shuffle_in_a_partial_warp_is_an_error():
    with pytest.raises(RuntimeError, match="does not exist"):
        kernel("__shfl_xor_sync(0xffffffffu, 1, 1);", "int n")((1,), (48,), (np.int32(1),))


def test_what_nvrtc_lacks_does_not_compile():
    compile_error = cupy.cuda.compiler.CompileException
    for body in ("Y[0] = INFINITY;", "int32_t a = 1;", "Y[0] = std::exp(1.0f);",
                 "long long a = 3; a = min(a, 4);", "atomicMax(Y, 1.0f);", "Y[0] = no_such;",
                 "long long a = 0; atomicAdd(&a, 1LL);", "Y[0] = M_PI;"):  # fmt: skip
        with pytest.raises(compile_error):
            kernel(body, "float* Y").compile()
    with pytest.raises(compile_error):
        kernel("", "int n", before="#include <math.h>").compile()
    with pytest.raises(RuntimeError, match="named symbol not found"):
        cupy.RawModule(code='extern "C" __global__ void a() {}').get_function("b")


def test_templates_structs_overloads_and_constants():
    before = """
    __constant__ float table[3] = {1, 2, 4};
    struct Pair { float a, b; __device__ float sum() const { return a + b; } };
    __device__ __forceinline__ int max(Pair p, int n) { return n; }
    template <typename T, int N> __device__ T power(T v) {
        T r = 1;
        #pragma unroll
        for (int i = 0; i < N; ++i) r *= v;
        return r;
    }
    """
    body = """
        float4 v = make_float4(1, 2, 3, 4); Pair p{v.x, v.w};
        Y[0] = power<float, 3>(table[1]) + p.sum() + max(2, 3) + __ldg(&table[2]);
        Y[1] = __uint_as_float(__float_as_uint(2.5f)); Y[2] = __umulhi(0x80000000u, 6u);
        Y[3] = rsqrtf(4.0f) + fminf(3.0f, 2.0f) + __fdividef(1.0f, 4.0f) + erff(0.0f);
    """
    Y = cupy.empty(4, "float32")
    kernel(body, "float* __restrict__ Y", before=before)((1,), (1,), (Y,))
    assert Y.tolist() == [8 + 5 + 3 + 4, 2.5, 3, 2.75]


def test_only_kernels_that_wait_get_fibers():
    from cupy._compile import load

    code = """
    template <typename T> __device__ T total(T v) {
        return v + __shfl_xor_sync(~0u, v, 1); }
    extern "C" __global__ void __launch_bounds__(256) plain(float* Y) { if (Y) { Y[0] = 1; } }
    extern "C" __global__ void summed(float* Y) { Y[0] = total<float>(Y[0]); }
    """
    _, kernels, fibers = load(code)
    assert kernels == {"plain": 256, "summed": 1024}
    assert fibers == {"summed"}


def test_elementwise_broadcasts_and_infers_types():
    k = cupy.ElementwiseKernel(
        "T x, T y, float32 s, raw int32 w", "T z, bool big",
        "z = x * y + s + w[0] + w[w.size() - 1]; big = z > 20;", "mix",
    )  # fmt: skip
    for dtype in ("float32", "float64"):
        x, y = np.arange(12, dtype=dtype).reshape(3, 4), np.arange(4, dtype=dtype)
        z, big = k(cupy.asarray(x).T, cupy.asarray(y)[:, None], 0.5, cupy.array([1, 2], "int32"))
        want = x.T * y[:, None] + 3.5
        assert z.dtype == dtype
        np.testing.assert_array_equal(z.get(), want)
        np.testing.assert_array_equal(big.get(), want > 20)


def test_elementwise_refusals_and_outputs():
    k = cupy.ElementwiseKernel("T x, T y", "T z", "z = x + y", "plus")
    x = cupy.ones(3, "float32")
    out = cupy.empty(3, "float32")
    assert k(x, 2, out) is out
    assert out.tolist() == [3, 3, 3]
    with pytest.raises(TypeError, match="Type is mismatched"):
        k(x, cupy.ones(3))
    with pytest.raises(TypeError, match="Unsupported type"):
        k(x, np.ones(3, "f"))
    with pytest.raises(ValueError, match="mismatch"):
        k(x, x, cupy.empty(4, "float32"))
    with pytest.raises(ValueError, match="Loop size is undecided"):
        k(1, 2)
    with pytest.raises(TypeError, match="Wrong number of arguments"):
        k(x)
    fill = cupy.ElementwiseKernel("raw T x", "raw T y", "y[i] = x[n - 1 - i] * 2", "turn")
    with pytest.raises(RuntimeError, match="wrote out of bounds"):
        fill(cupy.arange(8.0), out := cupy.empty(3), size=8)
    assert fill(cupy.arange(3.0), cupy.empty(3), size=3).tolist() == [4, 2, 0]


def test_reduction_kernel():
    norm = cupy.ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "norm")
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_allclose(norm(cupy.asarray(x), axis=1).get(), np.sqrt((x**2).sum(1)))
    assert norm(cupy.asarray(x), axis=(0, 2), keepdims=True).shape == (1, 3, 1)
    assert norm(cupy.asarray(x)).shape == ()


def test_many_threads_with_shuffles_are_quick():
    X, Y = cupy.ones((512, 128), "float32"), cupy.empty(512, "float32")
    k = kernel(WARP_SUM, "const real* X, real* Y")
    k((512,), (128,), (X, Y))
    start = time.perf_counter()
    k((512,), (128,), (X, Y))
    assert time.perf_counter() - start < 0.5
