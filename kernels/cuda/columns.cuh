// Sums along the columns of a matrix of M rows and C columns, C order.
//
// Blocks of 32 x 8 threads on a grid of (C / 32, slices): thread (x, y) walks rows y, y + 8, ... of
// its slice of `chunk` rows in column x, so that a warp reads 32 neighbours. The eight sums of a
// column meet in shared memory; each slice leaves them in a row of `partial`, and a second kernel
// adds the rows. The order of all additions depends on M and C alone.

#define EACH_OF_MY_ROWS(m)                                                                  \
    for (index m = (index)blockIdx.y * chunk + threadIdx.y,                                 \
               m_end = min(M, ((index)blockIdx.y + 1) * chunk);                             \
         m < m_end; m += 8)

// The sum of `value` over the threads of a column, in those with y = 0. `shared` may not be used
// again before a barrier.
__device__ real column_sum(real value, real (*shared)[33])
{
    shared[threadIdx.y][threadIdx.x] = value;
    __syncthreads();
    if (threadIdx.y == 0)
        for (int y = 1; y < 8; y++) value += shared[y][threadIdx.x];
    return value;
}

// The sum of column c over the `slices` rows of `partial`, in the threads with y = 0.
__device__ real column_total(const real* partial, index slices, index C, index c,
                             real (*shared)[33])
{
    real sum = 0;
    if (c < C)
        for (index s = threadIdx.y; s < slices; s += 8) sum += partial[s * C + c];
    return column_sum(sum, shared);
}
