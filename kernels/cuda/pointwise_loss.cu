// Losses of single elements. kind: 0 squared, 1 absolute, 2 Huber, 3 logits.

__device__ real cut_off(real d, real limit)
{
    d = d > limit ? limit : d;  // keeps NaN
    return d < -limit ? -limit : d;
}

__device__ real loss_of(real x, real t, int kind, real delta)
{
    real d = x - t;
    if (kind == 0) return d * d;
    if (kind == 1) return fabs(d);
    if (kind == 2) {
        real slope = cut_off(d, delta);
        return slope * (d - real(0.5) * slope);
    }
    return (x > real(0) ? x : real(0)) - t * x + log1p(exp(-fabs(x)));
}

__device__ real slope_of(real x, real t, int kind, real delta)
{
    real d = x - t;
    if (kind == 0) return real(2) * d;
    if (kind == 1) return d > real(0) ? real(1) : (d < real(0) ? real(-1) : d);
    if (kind == 2) return cut_off(d, delta);
    return real(0.5) + real(0.5) * tanh(real(0.5) * x) - t;
}

// Every block leaves the sum over its elements in `partial`.
extern "C" __global__ void pointwise_loss_forward(const real* X, const real* T, int kind,
                                                  real delta, real scale, index n, real* L,
                                                  int each, real* partial)
{
    __shared__ real shared[32];
    real sum = 0;
    GRID_STRIDE(i, n)
    {
        real loss = scale * loss_of(X[i], T[i], kind, delta);
        if (each) L[i] = loss;
        sum += loss;
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// One block: the sum of the partial sums, in a fixed order.
extern "C" __global__ void total_of(const real* partial, index n, real* total)
{
    __shared__ real shared[32];
    real sum = 0;
    for (index i = threadIdx.x; i < n; i += blockDim.x) sum += partial[i];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) *total = sum;
}

extern "C" __global__ void pointwise_loss_backward(const real* X, const real* T, int kind,
                                                   real delta, real scale, const real* dL,
                                                   int each, index n, real* dX)
{
    GRID_STRIDE(i, n) dX[i] = scale * dL[each ? i : 0] * slope_of(X[i], T[i], kind, delta);
}
