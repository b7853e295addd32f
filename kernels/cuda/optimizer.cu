// Optimiser steps over flat arrays, one thread an element, and the norm of a gradient.
// hyper and count: see kernels/reference/optimizer.py.

// Count one step more, once every block has read the count: the block that takes the last ticket
// is the one. Called by all threads; thread 0 alone reads and writes the count.
__device__ void count_step(double* count)
{
    if (threadIdx.x != 0) return;
    unsigned* tickets = (unsigned*)(count + 1);
    __threadfence();
    if (atomicAdd(tickets, 1u) == gridDim.x - 1) {
        *tickets = 0;
        count[0] += 1;
    }
}

extern "C" __global__ void sgd_step(real* P, const real* G, index N, const double* hyper, int decay,
                                    int maximize)
{
    real lr = (real)hyper[0];
    real wd = decay ? (real)hyper[3] : real(0);
    real sign = maximize ? real(-1) : real(1);
    GRID_STRIDE(n, N) P[n] -= lr * (sign * G[n] + wd * P[n]);
}

extern "C" __global__ void sgd_momentum_step(real* P, const real* G, real* B, index N,
                                             double* count, const double* hyper, int nesterov,
                                             int decay, int maximize)
{
    __shared__ bool first;
    if (threadIdx.x == 0) first = count[0] == 0;
    __syncthreads();
    real lr = (real)hyper[0], momentum = (real)hyper[1];
    real keep = first ? real(0) : momentum;
    real take = first ? real(1) : (real)(1 - hyper[2]);
    real wd = decay ? (real)hyper[3] : real(0);
    real sign = maximize ? real(-1) : real(1);
    GRID_STRIDE(n, N)
    {
        real d = sign * G[n] + wd * P[n];
        real b = keep * B[n] + take * d;
        B[n] = b;
        P[n] -= lr * (nesterov ? d + momentum * b : b);
    }
    count_step(count);
}

// V_max is null for plain Adam.
__device__ void adam(real* P, const real* G, real* M, real* V, real* V_max, index N, double* count,
                     const double* hyper, int decay, int maximize)
{
    __shared__ real size, correct;
    if (threadIdx.x == 0) {
        double t = count[0] + 1;
        size = (real)(hyper[0] / (1 - pow(hyper[1], t)));
        correct = (real)(1 / sqrt(1 - pow(hyper[2], t)));
    }
    __syncthreads();
    real beta1 = (real)(1 - hyper[1]);
    real keep2 = (real)hyper[2], beta2 = (real)(1 - hyper[2]);
    real eps = (real)hyper[3];
    real shrink = decay == 2 ? (real)(1 - hyper[0] * hyper[4]) : real(1);
    real wd = decay == 1 ? (real)hyper[4] : real(0);
    real sign = maximize ? real(-1) : real(1);
    GRID_STRIDE(n, N)
    {
        real p = shrink * P[n];
        real d = sign * G[n] + wd * p;
        real m = M[n] + beta1 * (d - M[n]);
        real v = keep2 * V[n] + beta2 * (d * d);
        M[n] = m;
        V[n] = v;
        if (V_max) {
            real top = V_max[n];
            v = top >= v || top != top ? top : v;  // keeps a NaN of either
            V_max[n] = v;
        }
        P[n] = p - size * (m / (sqrt(v) * correct + eps));
    }
    count_step(count);
}

extern "C" __global__ void adam_step(real* P, const real* G, real* M, real* V, index N,
                                     double* count, const double* hyper, int decay, int maximize)
{
    adam(P, G, M, V, nullptr, N, count, hyper, decay, maximize);
}

extern "C" __global__ void amsgrad_step(real* P, const real* G, real* M, real* V, real* V_max,
                                        index N, double* count, const double* hyper, int decay,
                                        int maximize)
{
    adam(P, G, M, V, V_max, N, count, hyper, decay, maximize);
}

// The sum of squares in two launches, in an order that the grid alone decides: each block sums its
// strides, then one block sums the blocks.
extern "C" __global__ void sum_of_squares(const real* X, index N, double* partial)
{
    __shared__ double shared[32];
    double sum = 0;
    GRID_STRIDE(n, N) sum += (double)X[n] * (double)X[n];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

extern "C" __global__ void sum_of_partials(const double* partial, int blocks, double* total)
{
    __shared__ double shared[32];
    double sum = 0;
    for (int i = threadIdx.x; i < blocks; i += blockDim.x) sum += partial[i];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) total[0] = sum;
}

extern "C" __global__ void clip_scale(real* X, index N, const double* norm, double max_norm)
{
    double factor = max_norm / (norm[0] + 1e-6);
    if (factor >= 1) return;
    GRID_STRIDE(n, N) X[n] *= (real)factor;
}
