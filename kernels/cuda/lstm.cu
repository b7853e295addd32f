// One step of the LSTM for n sequences of H units, one thread a unit.
//
// The step's rows begin at `offset`; R (n, 4 H) is W_hh h, h and c (N, H) the present state. With a
// projection h is longer or shorter, and what it is made from goes to `raw` (n, H).

extern "C" __global__ void lstm_step_forward(real* G, const real* R, const real* b_ih,
                                             const real* b_hh, bool projected, index offset,
                                             index n, index H, real* h, real* c, real* Hprev,
                                             real* Cprev, real* S, real* Y, real* raw)
{
    GRID_STRIDE(k, n * H)
    {
        index row = k / H, u = k % H, at = offset * H + k;
        real z[4];
        for (int q = 0; q < 4; q++) {
            index unit = q * H + u;
            z[q] = G[(offset + row) * 4 * H + unit] + b_ih[unit] + R[row * 4 * H + unit] + b_hh[unit];
        }
        real i = logistic(z[0]), f = logistic(z[1]), g = tanh(z[2]), o = logistic(z[3]);
        real cell = f * c[k] + i * g, s = tanh(cell), y = o * s;
        real* gates = G + (offset + row) * 4 * H + u;
        gates[0] = i;
        gates[H] = f;
        gates[2 * H] = g;
        gates[3 * H] = o;
        Cprev[at] = c[k];
        c[k] = cell;
        S[at] = s;
        if (projected) {
            raw[k] = y;
        } else {
            Hprev[at] = h[k];
            h[k] = y;
            Y[at] = y;
        }
    }
}

// d: the gradient of o tanh(c), of which dh holds what comes from later steps; with a projection
// all of it.
extern "C" __global__ void lstm_step_backward(const real* G, const real* dY, const real* Cprev,
                                              const real* S, const real* dh, bool projected,
                                              index offset, index n, index H, real* dc, real* dG)
{
    GRID_STRIDE(k, n * H)
    {
        index row = k / H, u = k % H, at = offset * H + k;
        index unit = (offset + row) * 4 * H + u;
        real i = G[unit], f = G[unit + H], g = G[unit + 2 * H], o = G[unit + 3 * H];
        real s = S[at], d = projected ? dh[k] : dY[at] + dh[k];
        real e = dc[k] + d * o * (real(1) - s * s);
        dG[unit] = e * g * i * (real(1) - i);
        dG[unit + H] = e * Cprev[at] * f * (real(1) - f);
        dG[unit + 2 * H] = e * i * (real(1) - g * g);
        dG[unit + 3 * H] = d * s * o * (real(1) - o);
        dc[k] = e * f;
    }
}
