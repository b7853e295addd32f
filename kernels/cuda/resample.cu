// Resampling along the middle axis: Y[m, o, k] = sum over e of weights[o, e] X[m, places[o, e], k].

extern "C" __global__ void resample(const real* X, const index* places, const real* weights,
                                    index size, index I, index K, index O, index E, real* Y)
{
    GRID_STRIDE(i, size)
    {
        index k = i % K, o = i / K % O, m = i / K / O;
        real sum = 0;
        for (index e = o * E; e < o * E + E; e++) {
            real w = weights[e];
            if (w != real(0)) sum += X[(m * I + places[e]) * K + k] * w;
        }
        Y[i] = sum;
    }
}
