// What NVRTC offers a kernel without any #include: qualifiers, vector types and math.
#pragma once
#include <math.h>
#include <type_traits>

// NVRTC defines none of these, so a kernel that uses one must fail here as well.
#undef INFINITY
#undef NAN
#undef HUGE_VAL
#undef HUGE_VALF
#undef HUGE_VALL
#undef M_E
#undef M_LOG2E
#undef M_LOG10E
#undef M_LN2
#undef M_LN10
#undef M_PI
#undef M_PI_2
#undef M_PI_4
#undef M_1_PI
#undef M_2_PI
#undef M_2_SQRTPI
#undef M_SQRT2
#undef M_SQRT1_2

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __grid_constant__
#define __managed__
#define __constant__ static
// Static shared arrays gather in one section, which is poisoned at the start of every block.
#define __shared__ static __attribute__((section("gpunet_shared")))
#undef assert
#define assert(condition) ((void)(condition))

using size_t = decltype(sizeof(0));
using ptrdiff_t = decltype((char*)0 - (char*)0);

namespace gpunet_host {
template <class V> struct Component { using type = V; };
}
#define GPUNET_VEC(name, T)                                                                \
  struct name##1 { T x; };                                                                 \
  struct alignas(sizeof(T) * 2) name##2 { T x, y; };                                       \
  struct name##3 { T x, y, z; };                                                           \
  struct alignas(sizeof(T) * 4 > 16 ? 16 : sizeof(T) * 4) name##4 { T x, y, z, w; };       \
  inline name##1 make_##name##1(T x) { return {x}; }                                       \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }                               \
  inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                       \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }               \
  namespace gpunet_host {                                                                  \
  template <> struct Component<name##1> { using type = T; };                               \
  template <> struct Component<name##2> { using type = T; };                               \
  template <> struct Component<name##3> { using type = T; };                               \
  template <> struct Component<name##4> { using type = T; };                               \
  }
GPUNET_VEC(char, signed char)
GPUNET_VEC(uchar, unsigned char)
GPUNET_VEC(short, short)
GPUNET_VEC(ushort, unsigned short)
GPUNET_VEC(int, int)
GPUNET_VEC(uint, unsigned int)
GPUNET_VEC(longlong, long long)
GPUNET_VEC(ulonglong, unsigned long long)
GPUNET_VEC(float, float)
GPUNET_VEC(double, double)
#undef GPUNET_VEC

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
static constexpr int warpSize = 32;

// -- bits ---------------------------------------------------------------------------------
namespace gpunet_host {
template <class To, class From> inline To bits(From v) {
  static_assert(sizeof(To) == sizeof(From));
  To r;
  __builtin_memcpy(&r, &v, sizeof r);
  return r;
}
}
inline unsigned __float_as_uint(float v) { return gpunet_host::bits<unsigned>(v); }
inline int __float_as_int(float v) { return gpunet_host::bits<int>(v); }
inline float __uint_as_float(unsigned v) { return gpunet_host::bits<float>(v); }
inline float __int_as_float(int v) { return gpunet_host::bits<float>(v); }
inline long long __double_as_longlong(double v) { return gpunet_host::bits<long long>(v); }
inline double __longlong_as_double(long long v) { return gpunet_host::bits<double>(v); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned long long)a * b >> 32; }
inline int __mulhi(int a, int b) { return (long long)a * b >> 32; }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned __int128)a * b >> 64;
}
inline long long __mul64hi(long long a, long long b) { return (__int128)a * b >> 64; }
inline int __mul24(int a, int b) { return (a << 8 >> 8) * (b << 8 >> 8); }
inline unsigned __umul24(unsigned a, unsigned b) { return (a & 0xFFFFFF) * (b & 0xFFFFFF); }
inline int __clz(int v) { return v ? __builtin_clz(v) : 32; }
inline int __clzll(long long v) { return v ? __builtin_clzll(v) : 64; }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline int __ffsll(long long v) { return __builtin_ffsll(v); }
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
inline unsigned __brev(unsigned v) {
  unsigned r = 0;
  for (int i = 0; i < 32; ++i) r |= (v >> i & 1u) << (31 - i);
  return r;
}
inline unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned n) {
  return ((unsigned long long)hi << 32 | lo) << (n & 31) >> 32;
}
inline unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned n) {
  return ((unsigned long long)hi << 32 | lo) >> (n & 31);
}

// -- math ---------------------------------------------------------------------------------
// CUDA's own overloads, no more: min(int, long long) and max(int, float) are ambiguous there too.
#define GPUNET_MINMAX(A, B, R)                                        \
  inline R max(A a, B b) { return (R)a > (R)b ? (R)a : (R)b; }        \
  inline R min(A a, B b) { return (R)a < (R)b ? (R)a : (R)b; }
GPUNET_MINMAX(int, int, int)
GPUNET_MINMAX(unsigned, unsigned, unsigned)
GPUNET_MINMAX(int, unsigned, unsigned)
GPUNET_MINMAX(unsigned, int, unsigned)
GPUNET_MINMAX(long, long, long)
GPUNET_MINMAX(unsigned long, unsigned long, unsigned long)
GPUNET_MINMAX(long, unsigned long, unsigned long)
GPUNET_MINMAX(unsigned long, long, unsigned long)
GPUNET_MINMAX(long long, long long, long long)
GPUNET_MINMAX(unsigned long long, unsigned long long, unsigned long long)
GPUNET_MINMAX(long long, unsigned long long, unsigned long long)
GPUNET_MINMAX(unsigned long long, long long, unsigned long long)
#undef GPUNET_MINMAX
inline float max(float a, float b) { return fmaxf(a, b); }
inline float min(float a, float b) { return fminf(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(float a, double b) { return fmax(a, b); }
inline double min(float a, double b) { return fmin(a, b); }
inline double max(double a, float b) { return fmax(a, b); }
inline double min(double a, float b) { return fmin(a, b); }
inline float rsqrtf(float v) { return 1.0f / sqrtf(v); }
inline double rsqrt(double v) { return 1.0 / sqrt(v); }
inline float rsqrt(float v) { return 1.0f / sqrtf(v); }
inline float rcbrtf(float v) { return 1.0f / cbrtf(v); }
static constexpr double gpunet_pi = 3.14159265358979323846;
inline float sinpif(float v) { return (float)sin(gpunet_pi * (double)v); }
inline float cospif(float v) { return (float)cos(gpunet_pi * (double)v); }
inline double sinpi(double v) { return sin(gpunet_pi * v); }
inline double cospi(double v) { return cos(gpunet_pi * v); }
inline void sincospif(float v, float* s, float* c) { *s = sinpif(v), *c = cospif(v); }
inline void sincospi(double v, double* s, double* c) { *s = sinpi(v), *c = cospi(v); }
inline float __saturatef(float v) { return v > 0.0f ? (v < 1.0f ? v : 1.0f) : 0.0f; }
inline float normcdff(float v) { return 0.5f * erfcf(-v * 0.70710678f); }
inline double normcdf(double v) { return 0.5 * erfc(-v * 0.70710678118654752); }
inline float __expf(float v) { return expf(v); }
inline float __exp10f(float v) { return powf(10.0f, v); }
inline float __logf(float v) { return logf(v); }
inline float __log2f(float v) { return log2f(v); }
inline float __log10f(float v) { return log10f(v); }
inline float __powf(float a, float b) { return powf(a, b); }
inline float __sinf(float v) { return sinf(v); }
inline float __cosf(float v) { return cosf(v); }
inline float __tanf(float v) { return tanf(v); }
inline void __sincosf(float v, float* s, float* c) { *s = sinf(v), *c = cosf(v); }
inline float __fdividef(float a, float b) { return a / b; }
inline float fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float v) { return 1.0f / v; }
inline float __fsqrt_rn(float v) { return sqrtf(v); }
inline float __frsqrt_rn(float v) { return 1.0f / sqrtf(v); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline int __float2int_rn(float v) { return (int)rintf(v); }
inline int __float2int_rz(float v) { return (int)v; }
inline int __float2int_rd(float v) { return (int)floorf(v); }
inline int __float2int_ru(float v) { return (int)ceilf(v); }
inline unsigned __float2uint_rz(float v) { return (unsigned)v; }
inline float __int2float_rn(int v) { return (float)v; }
inline float __uint2float_rn(unsigned v) { return (float)v; }
inline float __double2float_rn(double v) { return (float)v; }

// -- memory -------------------------------------------------------------------------------
template <class T> inline T __ldg(const T* p) { return *p; }
template <class T> inline T __ldca(const T* p) { return *p; }
template <class T> inline T __ldcg(const T* p) { return *p; }
template <class T> inline T __ldcs(const T* p) { return *p; }
template <class T> inline void __stcg(T* p, T v) { *p = v; }
template <class T> inline void __stcs(T* p, T v) { *p = v; }
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}

// CUDA's own set of types: atomicAdd of long long or atomicMax of float does not compile there.
#define GPUNET_ATOMIC(name, T, result)                 \
  inline T name(T* address, T v) {                     \
    T old = *address;                                  \
    *address = (result);                               \
    return old;                                        \
  }
using gpunet_ull = unsigned long long;
GPUNET_ATOMIC(atomicAdd, int, (int)((unsigned)old + (unsigned)v))
GPUNET_ATOMIC(atomicAdd, unsigned, old + v)
GPUNET_ATOMIC(atomicAdd, gpunet_ull, old + v)
GPUNET_ATOMIC(atomicAdd, float, old + v)
GPUNET_ATOMIC(atomicAdd, double, old + v)
GPUNET_ATOMIC(atomicSub, int, (int)((unsigned)old - (unsigned)v))
GPUNET_ATOMIC(atomicSub, unsigned, old - v)
GPUNET_ATOMIC(atomicExch, float, v)
#define GPUNET_ATOMICS(T)                              \
  GPUNET_ATOMIC(atomicMax, T, old > v ? old : v)       \
  GPUNET_ATOMIC(atomicMin, T, old < v ? old : v)       \
  GPUNET_ATOMIC(atomicAnd, T, old & v)                 \
  GPUNET_ATOMIC(atomicOr, T, old | v)                  \
  GPUNET_ATOMIC(atomicXor, T, old ^ v)                 \
  GPUNET_ATOMIC(atomicExch, T, v)                      \
  inline T atomicCAS(T* address, T compare, T v) {     \
    T old = *address;                                  \
    if (old == compare) *address = v;                  \
    return old;                                        \
  }
GPUNET_ATOMICS(int)
GPUNET_ATOMICS(unsigned)
GPUNET_ATOMICS(gpunet_ull)
GPUNET_ATOMIC(atomicMax, long long, old > v ? old : v)
GPUNET_ATOMIC(atomicMin, long long, old < v ? old : v)
GPUNET_ATOMIC(atomicInc, unsigned, old >= v ? 0 : old + 1)
GPUNET_ATOMIC(atomicDec, unsigned, old == 0 || old > v ? v : old - 1)
#undef GPUNET_ATOMICS
#undef GPUNET_ATOMIC

// The kernel source is compiled inside an unnamed namespace. An overload of its own would hide
// these names there instead of joining them, so they are brought in.
namespace {
using ::atomicAdd; using ::atomicCAS; using ::atomicExch; using ::atomicMax; using ::atomicMin;
using ::max; using ::min; using ::rsqrt; using ::__ldg;
}
