// The activations that the last step of a layer may have: 0 identity, 1 ReLU, 2 logistic sigmoid,
// 3 tanh.

__device__ real activate(real z, int act)
{
    if (act == 1) return z < real(0) ? real(0) : z;  // keeps NaN
    if (act == 2) {
        real e = exp(-abs(z));  // overflows nowhere, and keeps its digits where it is small
        return (z < real(0) ? e : real(1)) / (real(1) + e);
    }
    if (act == 3) return tanh(z);
    return z;
}
