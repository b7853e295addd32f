// Group normalisation of images X[n, s, c] of S pixels and C channels, channels last. A group is
// `width` channels side by side; there are C / width.
//
// Each channel of each sample has a column of threads (see columns.cuh), on a grid of (C / 32, N);
// a second kernel joins the channels of a group.
//
// Optional arrays come with a flag; where it is 0 the pointer is valid but not read.

// partial[0, n, c] = mean of the channel, partial[1, n, c] = sum of its squared deviations.
extern "C" __global__ void channel_moments(const real* X, index N, index S, index C, real* partial)
{
    __shared__ real sum_shared[8][33], square_shared[8][33], mean_shared[32];
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    for (index n = blockIdx.y; n < N; n += gridDim.y) {
        const real* x = X + n * S * C;
        __syncthreads();  // the previous sample's sums have been read
        real sum = 0;
        if (c < C)
            for (index s = threadIdx.y; s < S; s += 8) sum += x[s * C + c];
        sum = column_sum(sum, sum_shared);
        if (threadIdx.y == 0) mean_shared[threadIdx.x] = sum / real(S);
        __syncthreads();
        real mean = mean_shared[threadIdx.x], squares = 0;
        if (c < C)
            for (index s = threadIdx.y; s < S; s += 8)
                squares += (x[s * C + c] - mean) * (x[s * C + c] - mean);
        squares = column_sum(squares, square_shared);
        if (threadIdx.y == 0 && c < C) {
            partial[n * C + c] = mean;
            partial[(N + n) * C + c] = squares;
        }
    }
}

// One thread for each group of each sample: moments of parts of equal size, joined (Chan, Golub and
// LeVeque 1979).
extern "C" __global__ void group_moments(const real* partial, index N, index S, index C,
                                         index width, real eps, real* mean, real* rstd)
{
    index groups = C / width;
    GRID_STRIDE(i, N * groups)
    {
        index first = i / groups * C + i % groups * width;
        real average = 0, squares = 0;
        for (index k = 0; k < width; k++) {
            real d = partial[first + k] - average;
            average += d / real(k + 1);
            squares += partial[N * C + first + k] + d * d * real(S) * real(k) / real(k + 1);
        }
        mean[i] = average;
        rstd[i] = real(1) / sqrt(squares / real(S * width) + eps);
    }
}

extern "C" __global__ void group_norm_apply(const real* X, const real* mean, const real* rstd,
                                            const real* weight, int weighted, const real* bias,
                                            int biased, index N, index S, index C, index width,
                                            real* Y)
{
    GRID_STRIDE(i, N * S * C)
    {
        index c = i % C, g = i / (S * C) * (C / width) + c / width;
        real z = (X[i] - mean[g]) * rstd[g];
        if (weighted) z *= weight[c];
        if (biased) z += bias[c];
        Y[i] = z;
    }
}

// partial[0, n, c] = sum of dY x, partial[1, n, c] = sum of dY, over the sample's pixels, where
// x = (X - mean) rstd.
extern "C" __global__ void channel_sums(const real* dY, const real* X, const real* mean,
                                        const real* rstd, index N, index S, index C, index width,
                                        real* partial)
{
    __shared__ real dyx_shared[8][33], dy_shared[8][33];
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    for (index n = blockIdx.y; n < N; n += gridDim.y) {
        __syncthreads();  // the previous sample's sums have been read
        real dyx = 0, dy = 0;
        if (c < C) {
            index g = n * (C / width) + c / width;
            for (index s = threadIdx.y; s < S; s += 8) {
                index i = (n * S + s) * C + c;
                dyx += dY[i] * ((X[i] - mean[g]) * rstd[g]);
                dy += dY[i];
            }
        }
        dyx = column_sum(dyx, dyx_shared);
        dy = column_sum(dy, dy_shared);
        if (threadIdx.y == 0 && c < C) {
            partial[n * C + c] = dyx;
            partial[(N + n) * C + c] = dy;
        }
    }
}

// terms[0, n, g] = average of dY weight x over the group, terms[1, n, g] = average of dY weight.
extern "C" __global__ void group_terms(const real* partial, const real* weight, int weighted,
                                       index N, index S, index C, index width, real* terms)
{
    index groups = C / width;
    GRID_STRIDE(i, N * groups)
    {
        index c = i % groups * width, first = i / groups * C + c;
        real dyx = 0, dy = 0;
        for (index k = 0; k < width; k++) {
            real w = weighted ? weight[c + k] : real(1);
            dyx += w * partial[first + k];
            dy += w * partial[N * C + first + k];
        }
        terms[i] = dyx / real(S * width);
        terms[N * groups + i] = dy / real(S * width);
    }
}

extern "C" __global__ void channel_totals(const real* partial, index N, index C, real* dweight,
                                          real* dbias)
{
    __shared__ real dyx_shared[8][33], dy_shared[8][33];
    index c = (index)blockIdx.x * 32 + threadIdx.x;
    real dyx = column_total(partial, N, C, c, dyx_shared);
    real dy = column_total(partial + N * C, N, C, c, dy_shared);
    if (threadIdx.y == 0 && c < C) {
        dweight[c] = dyx;
        dbias[c] = dy;
    }
}

extern "C" __global__ void group_norm_dx(const real* dY, const real* X, const real* mean,
                                         const real* rstd, const real* weight, int weighted,
                                         const real* terms, index N, index S, index C, index width,
                                         real* dX)
{
    index groups = C / width;
    GRID_STRIDE(i, N * S * C)
    {
        index c = i % C, g = i / (S * C) * groups + c / width;
        real h = weighted ? dY[i] * weight[c] : dY[i];
        real x = (X[i] - mean[g]) * rstd[g];
        dX[i] = rstd[g] * (h - terms[N * groups + g] - x * terms[g]);
    }
}
