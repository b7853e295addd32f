// Softmax and the losses of class labels: one block for each of M rows of C columns, C order.

#define NOT_A_NUMBER real(nan(""))

__device__ real row_max(const real* x, index C, real* shared)
{
    real high = x[0];
    for (index c = threadIdx.x; c < C; c += blockDim.x) high = max(high, x[c]);
    return block_max(high, shared);
}

__device__ real row_exp_sum(const real* x, index C, real high, real* shared)
{
    real sum = 0;
    for (index c = threadIdx.x; c < C; c += blockDim.x) sum += exp(x[c] - high);
    return block_sum(sum, shared);
}

extern "C" __global__ void softmax_forward(const real* X, index M, index C, real* Y)
{
    __shared__ real shared[32];
    for (index m = blockIdx.x; m < M; m += gridDim.x) {
        const real* x = X + m * C;
        real high = row_max(x, C, shared);
        real scale = real(1) / row_exp_sum(x, C, high, shared);
        // Y may be X: each thread writes only what it alone reads from here on.
        for (index c = threadIdx.x; c < C; c += blockDim.x) Y[m * C + c] = exp(x[c] - high) * scale;
    }
}

extern "C" __global__ void softmax_backward(const real* dY, const real* Y, index M, index C,
                                            real* dX)
{
    __shared__ real shared[32];
    for (index m = blockIdx.x; m < M; m += gridDim.x) {
        real inner = 0;
        for (index c = threadIdx.x; c < C; c += blockDim.x) inner += dY[m * C + c] * Y[m * C + c];
        inner = block_sum(inner, shared);
        for (index c = threadIdx.x; c < C; c += blockDim.x)
            dX[m * C + c] = Y[m * C + c] * (dY[m * C + c] - inner);
    }
}

extern "C" __global__ void log_softmax_forward(const real* X, index M, index C, real* Y)
{
    __shared__ real shared[32];
    for (index m = blockIdx.x; m < M; m += gridDim.x) {
        const real* x = X + m * C;
        real high = row_max(x, C, shared);
        real shift = log(row_exp_sum(x, C, high, shared));
        for (index c = threadIdx.x; c < C; c += blockDim.x) Y[m * C + c] = x[c] - high - shift;
    }
}

extern "C" __global__ void log_softmax_backward(const real* dY, const real* Y, index M, index C,
                                                real* dX)
{
    __shared__ real shared[32];
    for (index m = blockIdx.x; m < M; m += gridDim.x) {
        real sum = 0;
        for (index c = threadIdx.x; c < C; c += blockDim.x) sum += dY[m * C + c];
        sum = block_sum(sum, shared);
        for (index c = threadIdx.x; c < C; c += blockDim.x)
            dX[m * C + c] = dY[m * C + c] - exp(Y[m * C + c]) * sum;
    }
}

// The weight of a label; `weight` is read only if `weighted`. NaN for a label that is no class.
__device__ real weight_of(index label, const real* weight, int weighted, index C)
{
    if (label < 0 || label >= C) return NOT_A_NUMBER;
    return weighted ? weight[label] : real(1);
}

extern "C" __global__ void cross_entropy_rows(const real* X, const index* labels,
                                              const real* weight, int weighted, index ignore_index,
                                              real smoothing, index M, index C, real* rows)
{
    __shared__ real shared[32];
    for (index m = blockIdx.x; m < M; m += gridDim.x) {
        const real* x = X + m * C;
        real high = row_max(x, C, shared);
        real sum = row_exp_sum(x, C, high, shared);
        real logarithm = log(sum);
        real evenly = 0;
        if (smoothing != real(0)) {
            for (index c = threadIdx.x; c < C; c += blockDim.x)
                evenly += (logarithm - (x[c] - high)) * (weighted ? weight[c] : real(1));
            evenly = block_sum(evenly, shared);
        }
        if (threadIdx.x == 0) {
            index y = labels[m];
            real w = weight_of(y, weight, weighted, C);
            real loss = 0;
            if (y != ignore_index) {
                loss = y < 0 || y >= C ? w : w * (logarithm - (x[y] - high));
                if (smoothing != real(0))
                    loss = (real(1) - smoothing) * loss + smoothing / real(C) * evenly;
            }
            rows[m] = high;
            rows[M + m] = real(1) / sum;
            rows[2 * M + m] = loss;
        }
    }
}

// One block: the sums of the losses and of the weights, in a fixed order, and their quotient.
extern "C" __global__ void label_totals(const real* losses, const index* labels,
                                        const real* weight, int weighted, index ignore_index,
                                        index M, index C, real* total)
{
    __shared__ real shared[32];
    real loss = 0, w = 0;
    for (index m = threadIdx.x; m < M; m += blockDim.x) {
        loss += losses[m];
        if (labels[m] != ignore_index) w += weight_of(labels[m], weight, weighted, C);
    }
    loss = block_sum(loss, shared);
    w = block_sum(w, shared);
    if (threadIdx.x == 0) {
        total[0] = loss;
        total[1] = w;
        total[2] = loss / w;
    }
}

extern "C" __global__ void cross_entropy_backward(const real* X, const index* labels,
                                                  const real* weight, int weighted,
                                                  index ignore_index, real smoothing,
                                                  const real* rows, const real* total,
                                                  const real* dloss, int each, int mean, index M,
                                                  index C, real* dX)
{
    __shared__ real shared[32];
    real spread = smoothing / real(C);
    real weights = real(C);
    if (weighted && smoothing != real(0)) {
        weights = 0;
        for (index c = threadIdx.x; c < C; c += blockDim.x) weights += weight[c];
        weights = block_sum(weights, shared);
    }
    for (index m = blockIdx.x; m < M; m += gridDim.x) {
        index y = labels[m];
        bool counts = y != ignore_index;
        real g = dloss[each ? m : 0];
        if (mean) g /= total[1];
        real t = (real(1) - smoothing) * weight_of(y, weight, weighted, C);
        real high = rows[m], p = rows[M + m] * (t + spread * weights);
        for (index c = threadIdx.x; c < C; c += blockDim.x) {
            index i = m * C + c;
            real d = exp(X[i] - high) * p - spread * (weighted ? weight[c] : real(1));
            if (c == y) d -= t;
            dX[i] = counts ? g * d : real(0);
        }
    }
}

extern "C" __global__ void nll_rows(const real* X, const index* labels, const real* weight,
                                    int weighted, index ignore_index, index M, index C,
                                    real* losses)
{
    GRID_STRIDE(m, M)
    {
        index y = labels[m];
        real w = weight_of(y, weight, weighted, C);
        if (y == ignore_index) losses[m] = 0;
        else losses[m] = y < 0 || y >= C ? w : -w * X[m * C + y];
    }
}

extern "C" __global__ void nll_backward(const index* labels, const real* weight, int weighted,
                                        index ignore_index, const real* total, const real* dloss,
                                        int each, int mean, index size, index C, real* dX)
{
    GRID_STRIDE(i, size)
    {
        index m = i / C, c = i % C, y = labels[m];
        real d = 0;
        // A label that is no class has no column of its own: NaN in all of them.
        if (y != ignore_index && (c == y || y < 0 || y >= C)) {
            d = -dloss[each ? m : 0] * weight_of(y, weight, weighted, C);
            if (mean) d /= total[1];
        }
        dX[i] = d;
    }
}
