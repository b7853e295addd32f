// Dropout, one thread for the four elements of a Philox block.

extern "C" __global__ void dropout(const real* X, index threshold, real scale, const index* state,
                                   index offset, index n, real* Y)
{
    GRID_STRIDE(j, (n + 3) / 4)
    {
        Words words = philox(state, offset, j);
        for (int k = 0; k < 4; k++) {
            index i = 4 * j + k;
            if (i < n) Y[i] = (index)words.w[k] >= threshold ? X[i] * scale : real(0);
        }
    }
}
