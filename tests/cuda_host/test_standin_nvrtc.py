"""NVRTC compiles without a GPU, and the stand-in's prelude accepts what it accepts, no more."""

import pytest

cupy = pytest.importorskip("cupy")
if not getattr(cupy, "__standin__", False):
    pytest.skip("tests of the stand-in itself", allow_module_level=True)

from cuda_host import nvrtc  # noqa: E402

try:
    nvrtc.library()
except RuntimeError as problem:
    pytest.skip(str(problem), allow_module_level=True)

SNIPPETS = [
    "Y[0] = INFINITY;", "Y[0] = NAN;", "Y[0] = M_PI;", "Y[0] = FLT_MAX;", "Y[0] = INT_MAX;",
    "size_t a = 1;", "ptrdiff_t a = 1;", "int32_t a = 1;", "uint32_t a = 1;", "uint a = 1;",
    "Y[0] = std::exp(Y[0]);", "Y[0] = std::max(1, 2);", "Y[0] = ::exp(Y[0]);",
    "Y[0] = max(n, 3u);", "Y[0] = max(1.0f, 2.0);", "Y[0] = max(2, 3.0f);",
    "long long a = 3; a = min(a, 4);", "long long a = 3; a = min(a, 4LL);",
    "Y[0] = rsqrtf(Y[0]) + rsqrt((double)n);", "Y[0] = isnan(Y[0]) + isinf(Y[0]);",
    "Y[0] = __saturatef(1.0f);", "Y[0] = exp10f(1.0f);", "Y[0] = erff(n) + erf(1.0);",
    "Y[0] = tanh(Y[0]);", "Y[0] = abs(n) + fabs(Y[0]);", "Y[0] = abs(Y[0]);",
    "atomicAdd(Y, 1.0f);", "atomicMax(Y, 1.0f);", "long long z = 0; atomicAdd(&z, 1LL);",
    "unsigned long long z = 0; atomicAdd(&z, 1ull);", "atomicExch(Y, 1.0f);",
    "Y[0] = __shfl_xor_sync(~0u, Y[0], 1);", "Y[0] = __ballot_sync(~0u, n);",
    "__shared__ float s[3]; s[0] = 1; __syncthreads();", "extern __shared__ float d[]; d[0] = 1;",
    "float4 v = make_float4(1, 2, 3, 4); Y[0] = v.w;", "dim3 d(1, 2); Y[0] = d.z;",
    "Y[0] = __ldg(Y) + warpSize;", "Y[0] = __umulhi(3u, n);", "Y[0] = __uint_as_float(1u);",
    "Y[0] = __expf(1.0f) + __logf(2.0f) + __fdividef(1.0f, 2.0f);", "Y[0] = fmaf(1, 2, 3);",
    "Y[0] = __popc(3u) + __clz(n) + __ffs(n) + __brev(1u);", "Y[0] = copysignf(1.0f, Y[0]);",
    "Y[0] = __float2int_rn(Y[0]);", "Y[0] = lgammaf(2.0f) + normcdff(1.0f);", "float16 h;",
    "#ifdef __CUDA_ARCH__\\nY[0] = 1;\\n#else\\nno;\\n#endif", "assert(n > 0);",
    "#ifndef __CUDACC_RTC__\\nno;\\n#endif", "Y[0] = log1pf(Y[0]) + expm1f(Y[0]);",
]  # fmt: skip


def source(body):
    body = body.replace("\\n", "\n")
    return f'extern "C" __global__ void k(float* Y, int n) {{\n{body}\n}}\n'


@pytest.mark.parametrize("body", SNIPPETS)
def test_both_compilers_agree(body):
    real, log = nvrtc.compile_source(source(body))
    try:
        cupy.RawKernel(source(body), "k").compile()
        own = True
    except cupy.cuda.compiler.CompileException:
        own = False
    assert own == real, log


@pytest.mark.parametrize("arch", nvrtc.ARCHITECTURES)
def test_every_architecture(arch):
    assert nvrtc.compile_source(source("Y[0] = 1;"), arch) == (True, "")
    ok, log = nvrtc.compile_source(source("Y[0] = nothing;"), arch)
    assert not ok
    assert "nothing" in log


def test_elementwise_source_compiles():
    kernel = cupy.ElementwiseKernel(
        "T x, raw float32 w, int64 n0", "T y", "y = twice(x) * w[0] + w.size() + n0 + i", "probe",
        preamble="template <class A> __device__ A twice(A v) { return v + v; }",
    )  # fmt: skip
    for dtype in ("float32", "float64"):
        text = nvrtc.elementwise_source(kernel, {"T": dtype}, ndim=3)
        assert nvrtc.compile_source(text) == (True, "")
