// Set before every source. -Dreal=float or -Dreal=double chooses the type of the arrays.
//
// Index arithmetic is in `index` (64 bits): an array may have more than 2^31 elements.

typedef long long index;

#define FULL_WARP 0xffffffffu

// One thread an element, in strides of the whole grid, so that any grid covers any n.
#define GRID_STRIDE(i, n)                                                        \
    for (index i = (index)blockIdx.x * blockDim.x + threadIdx.x; i < (n);        \
         i += (index)gridDim.x * blockDim.x)

// The sum of `value` over the threads of a block, in every thread. `shared` holds 32 values.
// blockDim.x is a multiple of 32, at most 1024.
template <typename T>
__device__ T block_sum(T value, T* shared)
{
    for (int offset = 16; offset > 0; offset /= 2)
        value += __shfl_xor_sync(FULL_WARP, value, offset);
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    __syncthreads();  // the previous use of `shared` is over
    if (lane == 0) shared[warp] = value;
    __syncthreads();
    value = lane < (int)(blockDim.x / 32) ? shared[lane] : T(0);
    for (int offset = 16; offset > 0; offset /= 2)
        value += __shfl_xor_sync(FULL_WARP, value, offset);
    return value;
}

// The same for the maximum.
template <typename T>
__device__ T block_max(T value, T* shared)
{
    for (int offset = 16; offset > 0; offset /= 2)
        value = max(value, __shfl_xor_sync(FULL_WARP, value, offset));
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    __syncthreads();
    if (lane == 0) shared[warp] = value;
    __syncthreads();
    value = lane < (int)(blockDim.x / 32) ? shared[lane] : shared[0];
    for (int offset = 16; offset > 0; offset /= 2)
        value = max(value, __shfl_xor_sync(FULL_WARP, value, offset));
    return value;
}
