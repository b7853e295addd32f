// Rows of a table W of V rows and D columns.

extern "C" __global__ void embedding_forward(const index* indices, const real* W, index V, index D,
                                             index size, real* Y)
{
    GRID_STRIDE(i, size)
    {
        index v = indices[i / D];
        Y[i] = v >= 0 && v < V ? W[v * D + i % D] : real(nan(""));
    }
}

// The gradient without atomics, hence the same in every run. `order` lists the positions t by
// rising index; those of row v are order[starts[v]] to order[starts[v + 1] - 1]:
//
//     indices  3 0 3 1        order  1 3 0 2        starts (V = 4)  0 1 2 2 4
//
// Blocks of 32 x 8 threads on a grid of (V, D / 32, slices): thread (x, y) of slice z adds every
// (8 slices)-th position of its row. The eight sums meet in shared memory; slice z leaves them in
// partial[z, v, d]. A table with few rows has several slices, which a second kernel adds.
extern "C" __global__ void embedding_backward(const real* dY, const index* order,
                                              const index* starts, index D, real* partial)
{
    __shared__ real shared[8][33];
    index v = blockIdx.x, d = (index)blockIdx.y * 32 + threadIdx.x;
    index first = starts[v] + blockIdx.z * 8 + threadIdx.y;
    real sum = 0;
    if (d < D)
        for (index i = first; i < starts[v + 1]; i += 8 * gridDim.z)
            sum += dY[order[i] * D + d];
    sum = column_sum(sum, shared);
    if (threadIdx.y == 0 && d < D) partial[((index)blockIdx.z * gridDim.x + v) * D + d] = sum;
}

extern "C" __global__ void embedding_totals(const real* partial, index slices, index size, real* dW)
{
    __shared__ real shared[8][33];
    index i = (index)blockIdx.x * 32 + threadIdx.x;
    real sum = column_total(partial, slices, size, i, shared);
    if (threadIdx.y == 0 && i < size) dW[i] = sum;
}
