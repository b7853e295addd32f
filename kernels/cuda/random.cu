// Numbers from Philox, one thread a block of words: 4 elements for float, 2 for double.
// Products and sums that are rounded one by one (__dmul_rn) keep the bits equal to the CPU's.

__device__ double fraction(unsigned first, unsigned second)
{
    return (double)(((u64)(first >> 5) << 26) | (second >> 6)) * (1.0 / 9007199254740992.0);
}

__device__ double scaled_by(double low, double width, double u)
{
    return __dadd_rn(low, __dmul_rn(u, width));
}

extern "C" __global__ void philox_bits(unsigned* out, index n, const index* state, index offset)
{
    GRID_STRIDE(j, (n + 3) / 4)
    {
        Words words = philox(state, offset, j);
        for (int k = 0; k < 4 && 4 * j + k < n; k++) out[4 * j + k] = words.w[k];
    }
}

extern "C" __global__ void philox_uniform(real* out, index n, double low, double width,
                                          const index* state, index offset)
{
    const int each = sizeof(real) == 4 ? 4 : 2;
    GRID_STRIDE(j, (n + each - 1) / each)
    {
        Words words = philox(state, offset, j);
        for (int k = 0; k < each && each * j + k < n; k++) {
            double u = each == 4 ? (double)(words.w[k] >> 8) * (1.0 / 16777216.0)
                                 : fraction(words.w[2 * k % 4], words.w[(2 * k + 1) % 4]);
            out[each * j + k] = (real)scaled_by(low, width, u);
        }
    }
}

__device__ void box_muller(double rest, double v, double* z)
{
    double sine, cosine, radius = sqrt(-2.0 * log(rest));
    sincospi(2.0 * v, &sine, &cosine);
    z[0] = radius * cosine;
    z[1] = radius * sine;
}

extern "C" __global__ void philox_normal(real* out, index n, double mean, double std,
                                         const index* state, index offset)
{
    const int each = sizeof(real) == 4 ? 4 : 2;
    const double unit = 1.0 / 4294967296.0;
    GRID_STRIDE(j, (n + each - 1) / each)
    {
        Words words = philox(state, offset, j);
        const unsigned* w = words.w;
        double z[4];
        if (each == 4) {
            box_muller(((double)w[0] + 1) * unit, (double)w[1] * unit, z);
            box_muller(((double)w[2] + 1) * unit, (double)w[3] * unit, z + 2);
        } else {
            box_muller(1.0 - fraction(w[0], w[1]), fraction(w[2], w[3]), z);
        }
        for (int k = 0; k < each && each * j + k < n; k++)
            out[each * j + k] = (real)scaled_by(mean, std, z[k]);
    }
}

// low + the upper 64 bits of the product of 64 random bits with the width.
extern "C" __global__ void philox_integers(index* out, index n, index low, unsigned long long width,
                                           const index* state, index offset)
{
    GRID_STRIDE(j, (n + 1) / 2)
    {
        Words words = philox(state, offset, j);
        for (int k = 0; k < 2 && 2 * j + k < n; k++) {
            u64 bits = (u64)words.w[2 * k] << 32 | words.w[2 * k + 1];
            out[2 * j + k] = low + (index)__umul64hi(bits, width);
        }
    }
}
