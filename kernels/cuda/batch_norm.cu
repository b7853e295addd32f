// Batch normalisation of the columns of a matrix of M rows and C columns, C order, and a ReLU after
// it where `act` is 1.
//
// Each column is cut into slices, whose results a second kernel joins (see columns.cuh).
//
// Optional arrays come with a flag; where it is 0 the pointer is valid but not read.

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
                                            int act, real* Y)
{
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    if (counted && c == 0 && threadIdx.y == 0 && blockIdx.y == 0) count[0] += 1;
    if (c >= C) return;
    real scale = is_variance ? real(1) / sqrt(spread[c] + eps) : spread[c];
    real center = mean[c], shift = biased ? bias[c] : real(0);
    if (weighted) scale *= weight[c];
    EACH_OF_MY_ROWS(m)
    {
        real z = (X[m * C + c] - center) * scale + shift;
        // Not max(z, 0), which would lose a NaN.
        Y[m * C + c] = act && z < real(0) ? real(0) : z;
    }
}

// dY, or 0 where the ReLU had an argument of 0 or less.
__device__ real masked(real dy, real x, real center, real scale, real shift, int act)
{
    return act && !((x - center) * scale + shift > real(0)) ? real(0) : dy;
}

// partial[0, slice, c] = sum of g x, partial[1, slice, c] = sum of g, over the slice's rows, where g
// is dY, masked, and x = (X - mean) rstd.
extern "C" __global__ void batch_norm_sums(const real* dY, const real* X, const real* mean,
                                           const real* rstd, const real* weight, int weighted,
                                           const real* bias, int biased, int act, index M, index C,
                                           index chunk, real* partial)
{
    __shared__ real gx_shared[8][33], g_shared[8][33];
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    real gx_sum = 0, g_sum = 0;
    if (c < C) {
        real center = mean[c], scale = weighted ? rstd[c] * weight[c] : rstd[c];
        real shift = biased ? bias[c] : real(0);
        EACH_OF_MY_ROWS(m)
        {
            real x = X[m * C + c], g = masked(dY[m * C + c], x, center, scale, shift, act);
            gx_sum += g * (x - center);
            g_sum += g;
        }
        gx_sum *= rstd[c];
    }
    gx_sum = column_sum(gx_sum, gx_shared);
    g_sum = column_sum(g_sum, g_shared);
    if (threadIdx.y == 0 && c < C) {
        partial[blockIdx.y * C + c] = gx_sum;
        partial[((index)gridDim.y + blockIdx.y) * C + c] = g_sum;
    }
}

extern "C" __global__ void batch_norm_totals(const real* partial, index slices, index C,
                                             real* dweight, real* dbias)
{
    __shared__ real gx_shared[8][33], g_shared[8][33];
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    real gx = column_total(partial, slices, C, c, gx_shared);
    real g = column_total(partial + slices * C, slices, C, c, g_shared);
    if (threadIdx.y == 0 && c < C) {
        dweight[c] = gx;
        dbias[c] = g;
    }
}

extern "C" __global__ void batch_norm_dx(const real* dY, const real* X, const real* mean,
                                         const real* rstd, const real* weight, int weighted,
                                         const real* bias, int biased, int act, int training,
                                         const real* dweight, const real* dbias, index M, index C,
                                         index chunk, real* dX)
{
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    if (c >= C) return;
    real scale = weighted ? rstd[c] * weight[c] : rstd[c];
    real center = mean[c], shift = biased ? bias[c] : real(0), factor = 0, average = 0;
    if (training) {
        factor = dweight[c] / real(M) * rstd[c];
        average = dbias[c] / real(M);
    }
    EACH_OF_MY_ROWS(m)
    {
        real x = X[m * C + c], g = masked(dY[m * C + c], x, center, scale, shift, act);
        dX[m * C + c] = scale * (g - average - (x - center) * factor);
    }
}
