// What the recurrent kernels share.

// 1 / (1 + e^-z); overflows nowhere, and keeps its digits where it is small.
__device__ real logistic(real z)
{
    real e = exp(-abs(z));
    return (z < real(0) ? e : real(1)) / (real(1) + e);
}
