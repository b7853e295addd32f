// The last step of a convolution in groups, whose products come one group at a time.

__device__ real activate(real z, int act)
{
    if (act == 1) return z < real(0) ? real(0) : z;  // keeps NaN
    if (act == 2) {
        real e = exp(-abs(z));
        return (z < real(0) ? e : real(1)) / (real(1) + e);
    }
    if (act == 3) return tanh(z);
    return z;
}

// Y[start + t, first + o] = act(Z[t, o] + bias[first + o]), for `rows` rows t and the `width`
// channels o of one group, of C in all.
extern "C" __global__ void place_group(const real* Z, const real* bias, int biased, int act,
                                       index rows, int width, index start, index C, index first,
                                       real* Y)
{
    for (index t = (index)blockIdx.x * blockDim.y + threadIdx.y; t < rows;
         t += (index)gridDim.x * blockDim.y) {
        for (int o = threadIdx.x; o < width; o += blockDim.x) {
            real z = Z[t * width + o];
            if (biased) z += bias[first + o];
            Y[(start + t) * C + first + o] = activate(z, act);
        }
    }
}
