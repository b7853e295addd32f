// The last step of a convolution in groups, whose products come one group at a time.

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
