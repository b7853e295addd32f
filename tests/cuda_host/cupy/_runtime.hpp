// Runs the threads of a block on the host: one fiber per CUDA thread, switched at barriers.
//
// The scheduler goes warp by warp. Within a warp it runs each lane until the lane waits or ends;
// when no lane can go on, it completes the warp operations (shuffle, ballot, __syncwarp) whose
// lanes are all there, and otherwise leaves the warp. When every warp is left, all threads that
// still live must wait at __syncthreads, which then opens. Anything else is an error, not a hang.
#pragma once
#include "_builtins.hpp"

extern "C" {
void* malloc(size_t);
int snprintf(char*, size_t, const char*, ...);
void* mmap(void*, size_t, int, int, int, long);
}

#ifdef __APPLE__
#define GPUNET_MAP 0x1002  // MAP_PRIVATE | MAP_ANON
#else
#define GPUNET_MAP 0x22  // MAP_PRIVATE | MAP_ANONYMOUS
#endif

namespace gpunet_host {

constexpr unsigned kStack = 128 * 1024, kMaxThreads = 1024, kMaxShared = 48 * 1024;
enum Op : unsigned char { kRun, kDone, kBlock, kSyncwarp, kShuffle, kVote };
static const char* const kOpName[] = {
    "running", "exited", "__syncthreads", "__syncwarp", "a shuffle", "a vote"};

struct Fiber {
  void* sp;
  void* stack;
  uint3 tid;
  Op op;
  unsigned mask, source, flat;
  unsigned width;
  unsigned long long value, result;
};

alignas(256) static unsigned char dynamic_shared[kMaxShared];
static Fiber* fibers;
static Fiber alone;  // the thread of a plain loop
static Fiber* current;
static void* scheduler_sp;
static void (*body)(void**);
static void** body_args;
static char* error_text;
static int failed, barrier_count, barrier_and, barrier_or;

inline void fail(const char* text, const Fiber* f, const char* what) {
  if (failed) return;
  failed = 1;
  snprintf(error_text, 512, "%s%s in block (%u, %u, %u), thread (%u, %u, %u)", text, what,
           blockIdx.x, blockIdx.y, blockIdx.z, f->tid.x, f->tid.y, f->tid.z);
}

// gpunet_switch(save, load): keep the callee-saved registers on this stack, go to the other one.
extern "C" void gpunet_switch(void** save, void* load) __attribute__((visibility("hidden")));
#if defined(__x86_64__)
asm(R"(
.text
.hidden gpunet_switch
.globl gpunet_switch
.type gpunet_switch,@function
gpunet_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size gpunet_switch,.-gpunet_switch
)");
constexpr int kFrame = 6, kReturn = 6;
#elif defined(__aarch64__)
asm(R"(
.text
.hidden gpunet_switch
.globl gpunet_switch
.type gpunet_switch,%function
gpunet_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size gpunet_switch,.-gpunet_switch
)");
constexpr int kFrame = 20, kReturn = 11;
#else
#error "the CUDA stand-in knows the context switch of x86-64 and aarch64 only"
#endif

inline __attribute__((noinline)) void wait(Op op) {
  Fiber* f = current;
  if (f == &alone) {  // a plain loop: Python found no wait in this kernel's text
    return fail(kOpName[op], f, " was not expected");
  }
  f->op = op;
  gpunet_switch(&f->sp, scheduler_sp);
}
static void fiber_main() {
  body(body_args);
  wait(kDone);
  __builtin_trap();
}
inline void prepare(Fiber* f) {
  // A fresh stack whose "return address" is fiber_main. There the stack is aligned as after a call
  // instruction: 8 beyond a multiple of 16 on x86-64, where compilers rely on it for SSE.
  void** top = (void**)((char*)f->stack + kStack - 64);
#if defined(__x86_64__)
  *--top = nullptr;
  void** sp = top - 1 - kFrame;
#else
  void** sp = top - kFrame;
#endif
  for (int i = 0; i < kFrame; ++i) sp[i] = nullptr;
  sp[kReturn] = (void*)fiber_main;
  f->sp = sp;
  f->op = kRun;
}

// Completes warp operations of lanes [first, last). Returns whether any lane can run again.
static bool complete_warp(unsigned first, unsigned last) {
  bool any = false;
  for (unsigned i = first; i < last; ++i) {
    Fiber& f = fibers[i];
    if (f.op < kSyncwarp) continue;
    const Op op = f.op;
    const unsigned mask = f.mask;
    if (!(mask >> (i - first) & 1)) {
      fail(kOpName[op], &f, " whose mask does not name the calling lane");
      return false;
    }
    bool ready = true;
    for (unsigned lane = 0; lane < 32; ++lane) {
      if (!(mask >> lane & 1)) continue;
      if (first + lane >= last || fibers[first + lane].op == kDone) {
        if (op == kSyncwarp) continue;  // exited lanes do not count
        fail(kOpName[op], &f, " whose mask names a lane that has exited or does not exist");
        return false;
      }
      const Fiber& g = fibers[first + lane];
      if (g.op != op || g.mask != mask) ready = false;
    }
    if (!ready) continue;
    unsigned long long votes = 0;
    for (unsigned lane = 0; lane < 32 && first + lane < last; ++lane) {
      if ((mask >> lane & 1) && fibers[first + lane].op == op) {
        votes |= (unsigned long long)(fibers[first + lane].value & 1) << lane;
      }
    }
    for (unsigned lane = 0; lane < 32 && first + lane < last; ++lane) {
      Fiber& g = fibers[first + lane];
      if (!(mask >> lane & 1) || g.op != op) continue;
      if (op == kVote) g.result = votes;
      if (op == kShuffle) {  // the value of a lane outside the mask is undefined: poison
        g.result = (mask >> g.source & 1) ? fibers[first + g.source].value : ~0ull;
      }
    }
    for (unsigned lane = 0; lane < 32 && first + lane < last; ++lane) {
      if (mask >> lane & 1 && fibers[first + lane].op == op) fibers[first + lane].op = kRun;
    }
    any = true;
  }
  return any;
}

inline void resume(Fiber* f) {
  current = f;
  threadIdx = f->tid;
  gpunet_switch(&scheduler_sp, f->sp);
}

static void run_block(unsigned threads, bool reverse) {
  for (unsigned i = 0; i < threads; ++i) prepare(&fibers[i]);
  const unsigned warps = (threads + 31) / 32;
  for (;;) {
    for (unsigned w = 0; w < warps; ++w) {
      const unsigned first = (reverse ? warps - 1 - w : w) * 32;
      const unsigned last = first + 32 < threads ? first + 32 : threads;
      do {
        for (unsigned i = first; i < last; ++i) {
          Fiber* f = &fibers[reverse ? first + last - 1 - i : i];
          if (f->op == kRun) resume(f);
          if (failed) return;
        }
      } while (complete_warp(first, last));
      if (failed) return;
    }
    unsigned waiting = 0, ended = 0;
    Fiber* stuck = nullptr;
    for (unsigned i = 0; i < threads; ++i) {
      if (fibers[i].op == kBlock) ++waiting;
      else if (fibers[i].op == kDone) ++ended;
      else if (!stuck) stuck = &fibers[i];
    }
    if (stuck) return fail(kOpName[stuck->op], stuck, waiting
        ? " that can not complete, as other threads wait at __syncthreads,"
        : " that can not complete, as lanes of its mask wait elsewhere,");
    if (ended == threads) return;
    barrier_count = 0, barrier_and = 1, barrier_or = 0;
    for (unsigned i = 0; i < threads; ++i) {
      if (fibers[i].op != kBlock) continue;
      const bool v = fibers[i].value;
      barrier_count += v, barrier_and &= v, barrier_or |= v;
    }
    for (unsigned i = 0; i < threads; ++i) {
      if (fibers[i].op == kBlock) fibers[i].op = kRun;
    }
  }
}

inline unsigned lane_of(const Fiber* f) { return f->flat & 31; }
template <class T> inline T exchange(unsigned mask, T v, unsigned source) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable<T>::value, "shuffle type");
  current->value = 0;
  __builtin_memcpy(&current->value, &v, sizeof v);
  current->mask = mask, current->source = source;
  wait(kShuffle);
  __builtin_memcpy(&v, &current->result, sizeof v);
  return v;
}
inline unsigned vote(unsigned mask, bool v) {
  current->value = v, current->mask = mask;
  wait(kVote);
  return (unsigned)current->result;
}
inline void barrier(bool v) {
  current->value = v;
  wait(kBlock);
}
}  // namespace gpunet_host

inline void __syncthreads() { gpunet_host::barrier(false); }
inline int __syncthreads_count(int v) { gpunet_host::barrier(v); return gpunet_host::barrier_count; }
inline int __syncthreads_and(int v) { gpunet_host::barrier(v); return gpunet_host::barrier_and; }
inline int __syncthreads_or(int v) { gpunet_host::barrier(v); return gpunet_host::barrier_or; }
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) {
  gpunet_host::current->mask = mask;
  gpunet_host::wait(gpunet_host::kSyncwarp);
}
template <class T> inline T __shfl_sync(unsigned mask, T v, int source, int width = 32) {
  const unsigned lane = gpunet_host::lane_of(gpunet_host::current);
  return gpunet_host::exchange(mask, v, (lane & ~(width - 1)) | (source & (width - 1)));
}
template <class T> inline T __shfl_xor_sync(unsigned mask, T v, int lanes, int width = 32) {
  const unsigned lane = gpunet_host::lane_of(gpunet_host::current), to = lane ^ lanes;
  return gpunet_host::exchange(mask, v, to >= (lane & ~(width - 1)) + width ? lane : to);
}
template <class T> inline T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32) {
  const unsigned lane = gpunet_host::lane_of(gpunet_host::current);
  return gpunet_host::exchange(
      mask, v, (lane & (width - 1)) + delta >= (unsigned)width ? lane : lane + delta);
}
template <class T> inline T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32) {
  const unsigned lane = gpunet_host::lane_of(gpunet_host::current);
  return gpunet_host::exchange(mask, v, (lane & (width - 1)) < delta ? lane : lane - delta);
}
inline unsigned __ballot_sync(unsigned mask, int v) { return gpunet_host::vote(mask, v); }
inline int __any_sync(unsigned mask, int v) { return gpunet_host::vote(mask, v) != 0; }
inline int __all_sync(unsigned mask, int v) { return gpunet_host::vote(mask, v) == mask; }
inline unsigned __activemask() {
  using namespace gpunet_host;
  const unsigned first = current->flat & ~31u, total = blockDim.x * blockDim.y * blockDim.z;
  unsigned mask = 0;
  for (unsigned i = 0; i < 32 && first + i < total; ++i) {
    if (fibers[first + i].op == kRun) mask |= 1u << i;
  }
  return mask;
}
