// The gates of one step of a recurrent layer, for N sequences of H units, one thread a unit.
//
// Z and U (N, gates H) are W_ih x and W_hh h. `kind`: 0 tanh, 1 ReLU, 2 LSTM, 3 GRU.

extern "C" __global__ void recurrent_step(const real* Z, const real* U, const real* b_ih,
                                          const real* b_hh, const real* h, const real* c, int kind,
                                          index N, index H, real* Y, real* C)
{
    GRID_STRIDE(k, N * H)
    {
        index row = k / H, u = k % H;
        if (kind == 3) {
            const real *z = Z + row * 3 * H + u, *v = U + row * 3 * H + u;
            real r = logistic(z[0] + b_ih[u] + v[0] + b_hh[u]);
            real keep = logistic(z[H] + b_ih[H + u] + v[H] + b_hh[H + u]);
            real m = v[2 * H] + b_hh[2 * H + u];
            real fresh = tanh(z[2 * H] + b_ih[2 * H + u] + r * m);
            Y[k] = (real(1) - keep) * fresh + keep * h[k];
        } else if (kind == 2) {
            const real *z = Z + row * 4 * H + u, *v = U + row * 4 * H + u;
            real i = logistic(z[0] + b_ih[u] + v[0] + b_hh[u]);
            real f = logistic(z[H] + b_ih[H + u] + v[H] + b_hh[H + u]);
            real g = tanh(z[2 * H] + b_ih[2 * H + u] + v[2 * H] + b_hh[2 * H + u]);
            real o = logistic(z[3 * H] + b_ih[3 * H + u] + v[3 * H] + b_hh[3 * H + u]);
            real cell = f * c[k] + i * g;
            C[k] = cell;
            Y[k] = o * tanh(cell);
        } else {
            real z = Z[k] + b_ih[u] + U[k] + b_hh[u];
            Y[k] = kind == 0 ? tanh(z) : (z < real(0) ? real(0) : z);
        }
    }
}
