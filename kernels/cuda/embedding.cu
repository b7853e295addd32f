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
// One block of 32 x 8 threads for 32 columns of one row: thread (x, y) adds every eighth of its
// positions, and the eight partial sums meet in shared memory.
extern "C" __global__ void embedding_backward(const real* dY, const index* order,
                                              const index* starts, index D, real* dW)
{
    __shared__ real partial[8][33];
    index v = blockIdx.x, d = (index)blockIdx.y * 32 + threadIdx.x;
    real sum = 0;
    if (d < D)
        for (index i = starts[v] + threadIdx.y; i < starts[v + 1]; i += 8)
            sum += dY[order[i] * D + d];
    partial[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && d < D) {
        for (int y = 1; y < 8; y++) sum += partial[y][threadIdx.x];
        dW[v * D + d] = sum;
    }
}
