// Launching, and the table of parameter types that Python checks the arguments against.
#pragma once
#include "_runtime.hpp"

extern "C" unsigned char __start_gpunet_shared[] __attribute__((weak, visibility("hidden")));
extern "C" unsigned char __stop_gpunet_shared[] __attribute__((weak, visibility("hidden")));

namespace gpunet_host {

struct Param {
  int kind, size, align, pointee_kind, pointee_size, is_const;
};
template <class T> constexpr int kind_of() {
  using C = typename Component<std::remove_cv_t<T>>::type;
  if (std::is_pointer<T>::value) return 'p';
  if (std::is_same<C, bool>::value) return 'b';
  if (std::is_same<C, _Float16>::value || std::is_floating_point<C>::value) return 'f';
  if (std::is_integral<C>::value) return std::is_signed<C>::value ? 'i' : 'u';
  return 's';
}
template <class T> constexpr Param describe() {
  if constexpr (std::is_pointer<T>::value) {
    using P = std::remove_pointer_t<T>;
    if constexpr (std::is_void<P>::value) {
      return {'p', 8, 1, 'v', 0, std::is_const<P>::value};
    } else {
      using C = typename Component<std::remove_cv_t<P>>::type;
      return {'p', 8, alignof(P), kind_of<P>(), sizeof(C), std::is_const<P>::value};
    }
  } else {
    return {kind_of<T>(), sizeof(T), alignof(T), 0, 0, 0};
  }
}
template <int... I> struct Indices {};
template <int N, int... I> struct Count : Count<N - 1, N - 1, I...> {};
template <int... I> struct Count<0, I...> { using type = Indices<I...>; };

template <auto kernel> struct Entry;
template <class... A, void (*kernel)(A...)> struct Entry<kernel> {
  static constexpr int count = sizeof...(A);
  static constexpr Param params[sizeof...(A) + 1] = {describe<A>()..., {}};
  template <int... I> static void call(void** args, Indices<I...>) {
    kernel(*(std::remove_reference_t<A>*)args[I]...);
  }
  static void run(void** args) { call(args, typename Count<count>::type()); }
  // The plain loop: kernels without barriers need no fibers.
  static void loop(void** args, bool reverse) {
    current = &alone;
    const unsigned nx = blockDim.x, ny = blockDim.y, n = nx * ny * blockDim.z;
    for (unsigned k = 0; k < n; ++k) {
      const unsigned i = reverse ? n - 1 - k : k;
      threadIdx = {i % nx, i / nx % ny, i / nx / ny};
      run(args);
    }
  }
};

inline void ensure_fibers() {
  if (fibers) return;
  fibers = (Fiber*)malloc(sizeof(Fiber) * kMaxThreads);
  // Anonymous pages: a stack costs memory only once a kernel touches it.
  char* stacks = (char*)mmap(nullptr, (size_t)kStack * kMaxThreads, 3, GPUNET_MAP, -1, 0);
  for (unsigned i = 0; i < kMaxThreads; ++i) {
    fibers[i].stack = stacks + (size_t)i * kStack;
    fibers[i].flat = i;
  }
}

using Loop = void (*)(void**, bool);
static int launch(void (*run)(void**), Loop loop, const unsigned* grid, const unsigned* block,
                  void** args, unsigned shared, bool fibered, bool reverse, char* error) {
  gridDim = {grid[0], grid[1], grid[2]};
  blockDim = {block[0], block[1], block[2]};
  const unsigned threads = block[0] * block[1] * block[2];
  failed = 0, error_text = error, body = run, body_args = args;
  const size_t fixed = __start_gpunet_shared ? __stop_gpunet_shared - __start_gpunet_shared : 0;
  if (fixed + shared > kMaxShared) {
    snprintf(error, 512, "%zu bytes of shared memory (%zu static, %u dynamic); the limit is %u",
             fixed + shared, fixed, shared, kMaxShared);
    return 1;
  }
  if (fibered) {
    ensure_fibers();
    for (unsigned i = 0; i < threads; ++i) {
      fibers[i].tid = {i % block[0], i / block[0] % block[1], i / block[0] / block[1]};
    }
  }
  const size_t blocks = (size_t)grid[0] * grid[1] * grid[2];
  for (size_t k = 0; k < blocks; ++k) {
    const size_t b = reverse ? blocks - 1 - k : k;
    blockIdx = {(unsigned)(b % grid[0]), (unsigned)(b / grid[0] % grid[1]),
                (unsigned)(b / grid[0] / grid[1])};
    if (fixed) __builtin_memset(__start_gpunet_shared, 0xFF, fixed);
    // Poison for the kernel's share; beyond it a guard that shows writes past the end.
    __builtin_memset(dynamic_shared, 0xFF, shared);
    const unsigned guard = kMaxShared - shared < 256 ? kMaxShared - shared : 256;
    __builtin_memset(dynamic_shared + shared, 0xA5, guard);
    if (fibered) run_block(threads, reverse);
    else loop(args, reverse);
    if (failed) return 2;
    for (unsigned i = 0; i < guard; ++i) {
      if (dynamic_shared[shared + i] == 0xA5) continue;
      snprintf(error, 512, "a write %u bytes past the %u bytes of dynamic shared memory, in block "
               "(%u, %u, %u)", i, shared, blockIdx.x, blockIdx.y, blockIdx.z);
      return 3;
    }
  }
  return 0;
}
}  // namespace gpunet_host

#define GPUNET_EXPORT(name)                                                                  \
  extern "C" __attribute__((visibility("default"))) int gpunet_count_##name() {              \
    return gpunet_host::Entry<&name>::count; }                                               \
  extern "C" __attribute__((visibility("default"))) const gpunet_host::Param*                \
  gpunet_params_##name() { return gpunet_host::Entry<&name>::params; }                       \
  extern "C" __attribute__((visibility("default"))) int gpunet_launch_##name(                \
      const unsigned* grid, const unsigned* block, void** args, unsigned shared, int fibered, \
      int reverse, char* error) {                                                            \
    return gpunet_host::launch(gpunet_host::Entry<&name>::run, gpunet_host::Entry<&name>::loop, \
                               grid, block, args, shared, fibered, reverse, error);          \
  }
