// Layer and RMS normalisation of the rows of a matrix of M rows and C columns, C order.
//
// Rows: one block each. The sums along the columns, for the gradients of weight and bias: slices,
// whose results a second kernel joins (see columns.cuh).
//
// Optional arrays come with a flag; where it is 0 the pointer is valid but not read.

// centered: layer norm; otherwise RMS norm, which has no mean.
extern "C" __global__ void row_norm_forward(const real* X, const real* weight, int weighted,
                                            const real* bias, int biased, real eps, int centered,
                                            index M, index C, real* Y, real* mean, real* rstd)
{
    __shared__ real shared[32];
    for (index m = blockIdx.x; m < M; m += gridDim.x) {
        const real* x = X + m * C;
        real center = 0, squares = 0;
        if (centered) {
            for (index c = threadIdx.x; c < C; c += blockDim.x) center += x[c];
            center = block_sum(center, shared) / real(C);
        }
        for (index c = threadIdx.x; c < C; c += blockDim.x)
            squares += (x[c] - center) * (x[c] - center);
        real scale = real(1) / sqrt(block_sum(squares, shared) / real(C) + eps);
        for (index c = threadIdx.x; c < C; c += blockDim.x) {
            real z = (x[c] - center) * scale;
            if (weighted) z *= weight[c];
            if (biased) z += bias[c];
            Y[m * C + c] = z;
        }
        if (threadIdx.x == 0) {
            if (centered) mean[m] = center;
            rstd[m] = scale;
        }
    }
}

extern "C" __global__ void row_norm_backward(const real* dY, const real* X, const real* mean,
                                             const real* rstd, const real* weight, int weighted,
                                             int centered, index M, index C, real* dX)
{
    __shared__ real shared[32];
    for (index m = blockIdx.x; m < M; m += gridDim.x) {
        const real *dy = dY + m * C, *x = X + m * C;
        real center = centered ? mean[m] : real(0), scale = rstd[m];
        real g_sum = 0, gx_sum = 0;
        for (index c = threadIdx.x; c < C; c += blockDim.x) {
            real g = weighted ? dy[c] * weight[c] : dy[c];
            g_sum += g;
            gx_sum += g * ((x[c] - center) * scale);
        }
        gx_sum = block_sum(gx_sum, shared) / real(C);
        g_sum = centered ? block_sum(g_sum, shared) / real(C) : real(0);
        for (index c = threadIdx.x; c < C; c += blockDim.x) {
            real g = weighted ? dy[c] * weight[c] : dy[c];
            dX[m * C + c] = scale * (g - g_sum - (x[c] - center) * scale * gx_sum);
        }
    }
}

// partial[0, slice, c] = sum of dY x, partial[1, slice, c] = sum of dY, over the slice's rows, where
// x = (X - mean) rstd.
extern "C" __global__ void column_sums(const real* dY, const real* X, const real* mean,
                                       const real* rstd, int centered, index M, index C,
                                       index chunk, real* partial)
{
    __shared__ real dyx_shared[8][33], dy_shared[8][33];
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    real dyx_sum = 0, dy_sum = 0;
    if (c < C) {
        EACH_OF_MY_ROWS(m)
        {
            real d = dY[m * C + c];
            dyx_sum += d * ((X[m * C + c] - (centered ? mean[m] : real(0))) * rstd[m]);
            dy_sum += d;
        }
    }
    dyx_sum = column_sum(dyx_sum, dyx_shared);
    dy_sum = column_sum(dy_sum, dy_shared);
    if (threadIdx.y == 0 && c < C) {
        partial[blockIdx.y * C + c] = dyx_sum;
        partial[((index)gridDim.y + blockIdx.y) * C + c] = dy_sum;
    }
}

extern "C" __global__ void column_totals(const real* partial, index slices, index C, real* dweight,
                                         int want_weight, real* dbias, int want_bias)
{
    __shared__ real dyx_shared[8][33], dy_shared[8][33];
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    real dyx = column_total(partial, slices, C, c, dyx_shared);
    real dy = column_total(partial + slices * C, slices, C, c, dy_shared);
    if (threadIdx.y == 0 && c < C) {
        if (want_weight) dweight[c] = dyx;
        if (want_bias) dbias[c] = dy;
    }
}
