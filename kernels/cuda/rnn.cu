// One step of the plain recurrent layer for n sequences of H units, one thread a unit.
//
// The step's rows begin at `offset`; R (n, H) is W_hh h, h (N, H) the present state.

extern "C" __global__ void rnn_step_forward(const real* G, const real* R, const real* b_ih,
                                            const real* b_hh, bool relu, index offset, index n,
                                            index H, real* h, real* Hprev, real* Y)
{
    GRID_STRIDE(k, n * H)
    {
        index at = offset * H + k, u = k % H;
        real z = G[at] + b_ih[u] + R[k] + b_hh[u];
        real y = relu ? (z < real(0) ? real(0) : z) : tanh(z);
        Hprev[at] = h[k];
        h[k] = y;
        Y[at] = y;
    }
}

extern "C" __global__ void rnn_step_backward(const real* Y, const real* dY, const real* dh,
                                             bool relu, index offset, index n, index H, real* dG)
{
    GRID_STRIDE(k, n * H)
    {
        index at = offset * H + k;
        real y = Y[at], d = dY[at] + dh[k];
        dG[at] = relu ? (y > real(0) ? d : real(0)) : d * (real(1) - y * y);
    }
}
