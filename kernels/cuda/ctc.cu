// Connectionist temporal classification: a block for each sample, a thread for each state.

struct Sample {
    const index* target;
    index steps, last, blank;

    __device__ index label(index s) const { return s % 2 ? target[s / 2] : blank; }
    // Whether a path may come to state s from two states before.
    __device__ bool skips(index s) const
    {
        return s % 2 && s > 1 && target[s / 2] != target[s / 2 - 1];
    }
};

__device__ Sample sample_of(const index* targets, const index* input_lengths,
                            const index* target_lengths, index n, index T, index S, index blank)
{
    index steps = min(max(input_lengths[n], index(0)), T);
    index length = min(max(target_lengths[n], index(0)), S);
    Sample sample = {targets + n * S, steps, 2 * length, blank};
    return sample;
}

// log(exp a + exp b + exp c), also of minus infinities alone.
__device__ real log_sum(real a, real b, real c)
{
    real top = max(max(a, b), c);
    if (top == log(real(0))) return a + b + c;  // there may be NaN, which max passes over
    return log(exp(a - top) + exp(b - top) + exp(c - top)) + top;
}

// What a label that is no class has for its log-probability.
__device__ real emission(const real* x, index label, index C)
{
    return label < 0 || label >= C ? real(nan("")) : x[label];
}

extern "C" __global__ void ctc_forward(const real* X, const index* targets,
                                       const index* input_lengths, const index* target_lengths,
                                       index blank, index T, index N, index C, index S,
                                       real* alpha, real* losses)
{
    const real low = log(real(0));  // minus infinity
    const index W = 2 * S + 1;
    for (index n = blockIdx.x; n < N; n += gridDim.x) {
        Sample sample = sample_of(targets, input_lengths, target_lengths, n, T, S, blank);
        for (index t = 0; t < T; t++) {
            real* now = alpha + (n * T + t) * W;
            const real* before = now - W;
            for (index s = threadIdx.x; s < W; s += blockDim.x) {
                real a = low;
                if (t < sample.steps && s <= sample.last) {
                    if (t == 0) a = s < 2 ? real(0) : low;
                    else
                        a = log_sum(before[s], s > 0 ? before[s - 1] : low,
                                    sample.skips(s) ? before[s - 2] : low);
                    a += emission(X + (t * N + n) * C, sample.label(s), C);
                }
                now[s] = a;
            }
            __syncthreads();
        }
        if (threadIdx.x == 0) {
            index last = sample.last;
            if (sample.steps > 0) {
                const real* end = alpha + (n * T + sample.steps - 1) * W;
                losses[n] = -log_sum(end[last], last > 0 ? end[last - 1] : low, low);
            }
            else losses[n] = last > 0 ? -low : real(0);
        }
    }
}

// `scratch` holds for each sample two rows of 2 S + 1 states for beta and two for the posteriors:
// one of each is read while the other is written.
extern "C" __global__ void ctc_backward(const real* X, const index* targets,
                                        const index* input_lengths, const index* target_lengths,
                                        index blank, const real* alpha, const real* losses,
                                        const real* dlosses, int zero_infinity, index T, index N,
                                        index C, index S, real* scratch, real* dX)
{
    const real low = log(real(0));
    const index W = 2 * S + 1;
    for (index n = blockIdx.x; n < N; n += gridDim.x) {
        Sample sample = sample_of(targets, input_lengths, target_lengths, n, T, S, blank);
        const index last = sample.last;
        const real loss = losses[n], g = dlosses[n];
        const bool infinite = loss == -low;
        for (index t = T - 1; t >= 0; t--) {
            const real* x = X + (t * N + n) * C;
            real* dx = dX + (t * N + n) * C;
            if (t >= sample.steps || infinite) {
                bool zero = t >= sample.steps || zero_infinity;
                for (index c = threadIdx.x; c < C; c += blockDim.x)
                    dx[c] = zero ? real(0) : real(nan(""));
                continue;
            }
            // beta with the emission of its own step, as step t - 1 reads it.
            real* now = scratch + (4 * n + t % 2) * W;
            const real* after = scratch + (4 * n + 1 - t % 2) * W;
            real* posterior = scratch + (4 * n + 2 + t % 2) * W;
            for (index s = threadIdx.x; s <= last; s += blockDim.x) {
                real beta;
                if (t == sample.steps - 1) beta = s + 1 >= last ? real(0) : low;
                else
                    beta = log_sum(after[s], s < last ? after[s + 1] : low,
                                   s + 2 <= last && sample.skips(s + 2) ? after[s + 2] : low);
                posterior[s] = exp(alpha[(n * T + t) * W + s] + beta + loss);
                now[s] = beta + emission(x, sample.label(s), C);
            }
            __syncthreads();
            for (index c = threadIdx.x; c < C; c += blockDim.x) {
                real d = exp(x[c]);
                for (index s = 0; s <= last; s++)
                    if (sample.label(s) == c) d -= posterior[s];
                dx[c] = g * d;
            }
        }
    }
}
