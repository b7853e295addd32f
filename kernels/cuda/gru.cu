// One step of the GRU for n sequences of H units, one thread a unit.
//
// The step's rows begin at `offset`; R (n, 3 H) is W_hh h, h (N, H) the present state.

extern "C" __global__ void gru_step_forward(real* G, const real* R, const real* b_ih,
                                            const real* b_hh, index offset, index n, index H,
                                            real* h, real* Hprev, real* M, real* Y)
{
    GRID_STRIDE(k, n * H)
    {
        index row = k / H, u = k % H, at = offset * H + k;
        real* gates = G + (offset + row) * 3 * H + u;
        const real* product = R + row * 3 * H + u;
        real r = logistic(gates[0] + b_ih[u] + product[0] + b_hh[u]);
        real z = logistic(gates[H] + b_ih[H + u] + product[H] + b_hh[H + u]);
        real m = product[2 * H] + b_hh[2 * H + u];
        real fresh = tanh(gates[2 * H] + b_ih[2 * H + u] + r * m);
        real before = h[k], y = (real(1) - z) * fresh + z * before;
        gates[0] = r;
        gates[H] = z;
        gates[2 * H] = fresh;
        M[at] = m;
        Hprev[at] = before;
        h[k] = y;
        Y[at] = y;
    }
}

// dh is left with what goes past the gates to the state before; the product with W_hh is added.
extern "C" __global__ void gru_step_backward(const real* G, const real* dY, const real* Hprev,
                                             const real* M, index offset, index n, index H,
                                             real* dh, real* dG, real* dK)
{
    GRID_STRIDE(k, n * H)
    {
        index row = k / H, u = k % H, at = offset * H + k;
        index unit = (offset + row) * 3 * H + u;
        real r = G[unit], z = G[unit + H], fresh = G[unit + 2 * H];
        real d = dY[at] + dh[k];
        real a = d * (real(1) - z) * (real(1) - fresh * fresh);
        real dr = a * M[at] * r * (real(1) - r);
        real dz = d * (Hprev[at] - fresh) * z * (real(1) - z);
        dG[unit] = dr;
        dK[unit] = dr;
        dG[unit + H] = dz;
        dK[unit + H] = dz;
        dG[unit + 2 * H] = a;
        dK[unit + 2 * H] = a * r;
        dh[k] = d * z;
    }
}
