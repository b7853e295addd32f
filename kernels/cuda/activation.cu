// Bias and activation over a matrix of M rows and N columns, C order.
// act: 0 identity, 1 ReLU, 2 logistic sigmoid, 3 tanh.

__device__ real activate(real z, int act)
{
    if (act == 1) return z < real(0) ? real(0) : z;  // keeps NaN
    if (act == 2) return real(0.5) + real(0.5) * tanh(real(0.5) * z);
    if (act == 3) return tanh(z);
    return z;
}

// The derivative, from the output y.
__device__ real derivative(real y, int act)
{
    if (act == 1) return y > real(0) ? real(1) : real(0);
    if (act == 2) return y * (real(1) - y);
    if (act == 3) return real(1) - y * y;
    return real(1);
}

extern "C" __global__ void bias_act_forward(const real* Z, const real* b, int act, index size,
                                            index N, real* Y)
{
    GRID_STRIDE(i, size) Y[i] = activate(Z[i] + b[i % N], act);
}

// One block of 32 x 8 threads for 32 columns: thread (x, y) walks rows y, y + 8, ... of column x,
// so that a warp reads 32 neighbours; the eight partial sums meet in shared memory.
extern "C" __global__ void bias_act_backward(const real* dY, const real* Y, int act, index M,
                                             index N, real* dZ, real* db)
{
    __shared__ real partial[8][33];
    index n = (index)blockIdx.x * 32 + threadIdx.x;
    real sum = 0;
    if (n < N) {
        for (index m = threadIdx.y; m < M; m += 8) {
            index i = m * N + n;
            real d = act == 0 ? dY[i] : (act == 1 && !(Y[i] > real(0))) ? real(0)
                                                                       : dY[i] * derivative(Y[i], act);
            dZ[i] = d;
            sum += d;
        }
    }
    partial[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && n < N) {
        for (int y = 1; y < 8; y++) sum += partial[y][threadIdx.x];
        db[n] = sum;
    }
}
