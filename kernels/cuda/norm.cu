// Layer, RMS and batch normalisation over a matrix of M rows and C columns, C order.
//
// Rows: one block each. Columns: slices, whose results a second kernel joins (see columns.cuh).
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
// x = (X - mean) rstd with the statistics of the row (by_row) or of the column.
extern "C" __global__ void column_sums(const real* dY, const real* X, const real* mean,
                                       const real* rstd, int by_row, int centered, index M, index C,
                                       index chunk, real* partial)
{
    __shared__ real dyx_shared[8][33], dy_shared[8][33];
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    real dyx_sum = 0, dy_sum = 0;
    if (c < C) {
        EACH_OF_MY_ROWS(m)
        {
            index k = by_row ? m : c;
            real d = dY[m * C + c];
            dyx_sum += d * ((X[m * C + c] - (centered ? mean[k] : real(0))) * rstd[k]);
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

// Count, mean and sum of squared deviations of some values (Welford 1962), and the same of two
// sets of values together (Chan, Golub and LeVeque 1979).
struct Moments {
    real n, mean, squares;

    __device__ void add(real x)
    {
        n += real(1);
        real d = x - mean;
        mean += d / n;
        squares += d * (x - mean);
    }

    __device__ void merge(const Moments& other)
    {
        real both = n + other.n;
        if (both == real(0)) return;
        real d = other.mean - mean, share = other.n / both;
        mean += d * share;
        squares += other.squares + d * d * n * share;
        n = both;
    }
};

// Those of a column, from its eight threads, in the one with y = 0.
__device__ Moments column_moments_of(const Moments& mine)
{
    __shared__ real n[8][33], mean[8][33], squares[8][33];
    int i = threadIdx.x, j = threadIdx.y;
    n[j][i] = mine.n;
    mean[j][i] = mine.mean;
    squares[j][i] = mine.squares;
    __syncthreads();
    Moments all = mine;
    if (j == 0) {
        for (int y = 1; y < 8; y++) {
            Moments other = {n[y][i], mean[y][i], squares[y][i]};
            all.merge(other);
        }
    }
    return all;
}

// partial[0 .. 2, slice, c]: the moments of the slice's rows.
extern "C" __global__ void column_moments(const real* X, index M, index C, index chunk,
                                          real* partial)
{
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    Moments moments = {0, 0, 0};
    if (c < C) {
        EACH_OF_MY_ROWS(m) moments.add(X[m * C + c]);
    }
    moments = column_moments_of(moments);
    if (threadIdx.y == 0 && c < C) {
        index size = (index)gridDim.y * C, at = blockIdx.y * C + c;
        partial[at] = moments.n;
        partial[size + at] = moments.mean;
        partial[2 * size + at] = moments.squares;
    }
}

extern "C" __global__ void batch_norm_statistics(const real* partial, index slices, index M,
                                                 index C, real eps, const index* count,
                                                 real momentum, real* running_mean,
                                                 real* running_var, int tracked, real* mean,
                                                 real* rstd)
{
    index c = (index)blockIdx.x * 32 + threadIdx.x, size = slices * C;
    Moments moments = {0, 0, 0};
    if (c < C) {
        for (index at = threadIdx.y * C + c; at < size; at += 8 * C) {
            Moments other = {partial[at], partial[size + at], partial[2 * size + at]};
            moments.merge(other);
        }
    }
    moments = column_moments_of(moments);
    if (threadIdx.y != 0 || c >= C) return;
    mean[c] = moments.mean;
    rstd[c] = real(1) / sqrt(moments.squares / real(M) + eps);
    if (tracked) {
        // `count` is increased by the next kernel, when no thread reads it any more.
        real f = momentum < real(0) ? real(1) / real(count[0] + 1) : momentum;
        running_mean[c] = (real(1) - f) * running_mean[c] + f * moments.mean;
        running_var[c] = (real(1) - f) * running_var[c] + f * moments.squares / real(M - 1);
    }
}

// `spread` holds 1 / sqrt(var + eps), or var itself where is_variance.
extern "C" __global__ void batch_norm_apply(const real* X, const real* mean, const real* spread,
                                            int is_variance, real eps, const real* weight,
                                            int weighted, const real* bias, int biased, index M,
                                            index C, index chunk, index* count, int counted,
                                            real* Y)
{
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    if (counted && c == 0 && threadIdx.y == 0 && blockIdx.y == 0) count[0] += 1;
    if (c >= C) return;
    real scale = is_variance ? real(1) / sqrt(spread[c] + eps) : spread[c];
    real center = mean[c], shift = biased ? bias[c] : real(0);
    if (weighted) scale *= weight[c];
    EACH_OF_MY_ROWS(m) Y[m * C + c] = (X[m * C + c] - center) * scale + shift;
}

extern "C" __global__ void batch_norm_dx(const real* dY, const real* X, const real* mean,
                                         const real* rstd, const real* weight, int weighted,
                                         int training, const real* dweight, const real* dbias,
                                         index M, index C, index chunk, real* dX)
{
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    if (c >= C) return;
    real scale = weighted ? rstd[c] * weight[c] : rstd[c];
    real center = mean[c], factor = 0, shift = 0;
    if (training) {
        factor = dweight[c] / real(M) * rstd[c];
        shift = dbias[c] / real(M);
    }
    EACH_OF_MY_ROWS(m)
    {
        index i = m * C + c;
        dX[i] = scale * (dY[i] - shift - (X[i] - center) * factor);
    }
}
