// The softmax of attention: one block for each row of T scores, of one query of one head.

// Where the row of a mask begins for query l of head h of sample n, whose strides are 0 along axes
// on which the mask has length 1.
struct Mask {
    index n, h, l;
    __device__ index row(index m, index H, index L) const
    {
        return m / (H * L) * n + m / L % H * h + m % L * l;
    }
};

extern "C" __global__ void attention_softmax_forward(
    const real* S, const bool* keep, int kept, index keep_n, index keep_h, index keep_l,
    const real* bias, int biased, index bias_n, index bias_h, index bias_l, real scale, int causal,
    int safe, index M, index H, index L, index T, real* P)
{
    __shared__ real shared[32];
    const real low = log(real(0));  // minus infinity
    Mask keeps = {keep_n, keep_h, keep_l}, biases = {bias_n, bias_h, bias_l};
    for (index m = blockIdx.x; m < M; m += gridDim.x) {
        const bool* k = keep + (kept ? keeps.row(m, H, L) : 0);
        const real* b = bias + (biased ? biases.row(m, H, L) : 0);
        index seen = causal ? min(T, m % L + 1) : T;
        // P may be S: each thread reads what it alone writes.
        real high = low;
        for (index t = threadIdx.x; t < T; t += blockDim.x) {
            real z = low;
            if (t < seen && (!kept || k[t])) {
                z = scale * S[m * T + t];
                if (biased) z += b[t];
            }
            P[m * T + t] = z;
            high = max(high, z);
        }
        high = block_max(high, shared);
        if (safe && high == low) high = 0;
        real sum = 0;
        for (index t = threadIdx.x; t < T; t += blockDim.x) {
            real e = exp(P[m * T + t] - high);
            P[m * T + t] = e;
            sum += e;
        }
        sum = block_sum(sum, shared);
        real factor = sum == real(0) ? real(0) : real(1) / sum;
        for (index t = threadIdx.x; t < T; t += blockDim.x) P[m * T + t] *= factor;
    }
}

extern "C" __global__ void attention_softmax_backward(const real* dP, const real* P, real scale,
                                                      index M, index T, real* dS)
{
    __shared__ real shared[32];
    for (index m = blockIdx.x; m < M; m += gridDim.x) {
        real inner = 0;
        for (index t = threadIdx.x; t < T; t += blockDim.x) inner += dP[m * T + t] * P[m * T + t];
        inner = block_sum(inner, shared);
        for (index t = threadIdx.x; t < T; t += blockDim.x)
            dS[m * T + t] = scale * P[m * T + t] * (dP[m * T + t] - inner);
    }
}
