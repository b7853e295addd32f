// Transposition of a stack of matrices: Y[n, j, i] = X[n, i, j].
//
// A block of 32 x 8 threads reads a square of 32 x 32 by rows into shared memory and writes it by
// columns, so that both sides of the copy touch whole cache lines.

extern "C" __global__ void transpose_matrices(const real* X, index squares, index I, index J,
                                              real* Y)
{
    __shared__ real square[32][33];  // 33: the columns lie in different banks
    index across = (J + 31) / 32, down = (I + 31) / 32;
    int x = threadIdx.x;
    for (index s = blockIdx.x; s < squares; s += gridDim.x) {
        index i0 = s / across % down * 32, j0 = s % across * 32, start = s / across / down * I * J;
        for (int y = threadIdx.y; y < 32; y += 8)
            if (i0 + y < I && j0 + x < J) square[y][x] = X[start + (i0 + y) * J + j0 + x];
        __syncthreads();
        for (int y = threadIdx.y; y < 32; y += 8)
            if (j0 + y < J && i0 + x < I) Y[start + (j0 + y) * I + i0 + x] = square[x][y];
        __syncthreads();  // before the next square
    }
}
