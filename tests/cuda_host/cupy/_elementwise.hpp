// The array views and loops of ElementwiseKernel and ReductionKernel. Dimensions are known at run
// time only, so that one compiled kernel serves every number of them.
#pragma once
#include "_builtins.hpp"

using float16 = _Float16;

namespace gpunet_host {
struct View {  // filled in by Python: one per argument
  void* data;
  long long size, ndim, contiguous;
  const long long *shape, *strides;
};

inline long long offset(const View& v, long long i) {
  long long at = 0;
  for (long long d = v.ndim - 1; d >= 0; --d) {
    at += i % v.shape[d] * v.strides[d];
    i /= v.shape[d];
  }
  return at;
}
template <class T> struct Array {
  const View& v;
  long long size() const { return v.size; }
  long long ndim() const { return v.ndim; }
  const long long* shape() const { return v.shape; }
  const long long* strides() const { return v.strides; }
  // A template, so that the literal 0 is an index and not a null pointer.
  template <class I, class = std::enable_if_t<std::is_integral<I>::value>>
  T& operator[](I i) const {
    if (v.contiguous) return ((T*)v.data)[i];
    return *(T*)((char*)v.data + offset(v, i));
  }
  T& operator[](const long long* index) const {
    char* at = (char*)v.data;
    for (long long d = 0; d < v.ndim; ++d) at += index[d] * v.strides[d];
    return *(T*)at;
  }
};
struct Indexer {
  long long n, ndim;
  const long long* dims;
  long long at, position[32];
  long long size() const { return n; }
  void set(long long i) {
    at = i;
    for (long long d = ndim - 1; d >= 0; --d) position[d] = i % dims[d], i /= dims[d];
  }
  const long long* get() const { return position; }
};
}  // namespace gpunet_host
