// Bias and activation over a matrix of M rows and N columns, C order.
// act: as in activate.cuh.

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

extern "C" __global__ void layer_forward(real* Z, const real* b, int act, index size, index N,
                                         real* A)
{
    GRID_STRIDE(i, size)
    {
        real z = Z[i] + b[i % N];
        Z[i] = z;
        A[i] = activate(z, act);
    }
}

// partial[slice, n]: the sum of dZ over the slice's rows (see columns.cuh).
extern "C" __global__ void bias_act_backward(const real* dY, const real* Y, int act, index M,
                                             index N, index chunk, real* dZ, real* partial)
{
    __shared__ real shared[8][33];
    index n = (index)blockIdx.x * 32 + threadIdx.x;
    real sum = 0;
    if (n < N) {
        EACH_OF_MY_ROWS(m)
        {
            index i = m * N + n;
            real d = act == 0 ? dY[i] : (act == 1 && !(Y[i] > real(0))) ? real(0)
                                                                       : dY[i] * derivative(Y[i], act);
            dZ[i] = d;
            sum += d;
        }
    }
    sum = column_sum(sum, shared);
    if (threadIdx.y == 0 && n < N) partial[blockIdx.y * N + n] = sum;
}

extern "C" __global__ void bias_totals(const real* partial, index slices, index N, real* db)
{
    __shared__ real shared[8][33];
    index n = (index)blockIdx.x * 32 + threadIdx.x;
    real sum = column_total(partial, slices, N, n, shared);
    if (threadIdx.y == 0 && n < N) db[n] = sum;
}

// The activations by themselves; act, a and b as in reference/activation.py.

__device__ real softplus(real x)
{
    return max(x, real(0)) + log1p(exp(-abs(x)));
}

__device__ real sigmoid(real x)
{
    return activate(x, 2);
}

__device__ real normal_cdf(real x)
{
    return real(0.5) + real(0.5) * erf(x * real(0.70710678118654752));
}

#define C real(0.79788456080286536)  // sqrt(2 / pi)
#define C3 (C * real(0.044715))

extern "C" __global__ void activation_forward(const real* X, int act, real a, real b, index n,
                                              real* Y)
{
    GRID_STRIDE(i, n)
    {
        real x = X[i], y;
        switch (act) {
            case 4: y = x > real(0) ? x : x * a; break;
            case 5: y = x > real(0) ? x : a * expm1(x); break;
            case 6: y = x * normal_cdf(x); break;
            case 7: y = x * (real(0.5) + real(0.5) * tanh(x * (C + C3 * x * x))); break;
            case 8: y = x * sigmoid(x); break;
            case 9: y = x * a > b ? x : softplus(x * a) / a; break;
            case 10: y = x < a ? a : x; y = y > b ? b : y; break;
            case 11: y = x != x ? x : x * tanh(softplus(x)); break;
            case 12: y = x / (real(1) + abs(x)); break;
            default: y = activate(x, act);
        }
        Y[i] = y;
    }
}

__device__ real slope(real s, int act, real a, real b)
{
    real t;
    switch (act) {
        case 4: return s > real(0) ? real(1) : a;
        case 5: return s > real(0) ? real(1) : a * exp(s);
        case 6: return normal_cdf(s) + s * exp(real(-0.5) * s * s) * real(0.39894228040143268);
        case 7:
            t = tanh(s * (C + C3 * s * s));
            return real(0.5) + real(0.5) * t +
                   real(0.5) * s * (real(1) - t * t) * (C + 3 * C3 * s * s);
        case 8: t = sigmoid(s); return t * (real(1) + s * (real(1) - t));
        case 9: return s * a > b ? real(1) : sigmoid(s * a);
        case 11:
            t = tanh(softplus(s));
            return t + s * (real(1) - t * t) * sigmoid(s);
        case 12: t = real(1) + abs(s); return real(1) / (t * t);
        default: return derivative(s, act);
    }
}

extern "C" __global__ void activation_backward(const real* dY, const real* S, int act, real a,
                                               real b, index n, real* dX)
{
    GRID_STRIDE(i, n)
    {
        real s = S[i];
        bool cut = act == 1 ? !(s > real(0)) : act == 10 && (s <= a || s >= b);
        dX[i] = cut ? real(0) : act == 10 ? dY[i] : dY[i] * slope(s, act, a, b);
    }
}
