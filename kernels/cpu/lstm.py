"""The LSTM: each step is one job of the team, with a projection two (see `_sequence`)."""

from __future__ import annotations

import numpy as np

from ..reference import lstm as reference
from . import _sequence as seq
from ._compile import kernel, kernel_of_apart
from ._math import sigmoid, tanh
from ._panel import multiply_panel
from ._sequence import (
    add_rows,
    arguments,
    backward_plan,
    begin,
    begin_backward,
    block_of,
    blocks_of,
    dot_rows,
    end_backward,
    first_states,
    forward_plan,
    pack_columns,
    pack_rows,
    run_steps,
    shares_of,
    slot_of,
    space_of,
)
from .team import array, number, tiles_by_size

__all__ = ["lstm_backward", "lstm_forward"]

_H, _P, _PROJECTED, _W, _W_HR, _G, _BIAS_IH, _BIAS_HH = range(seq.ARRAYS, seq.ARRAYS + 8)
_STATE, _CELL, _HPREV, _CPREV, _S, _Y, _RAW, _COUNT = range(seq.ARRAYS + 8, seq.ARRAYS + 16)
_DY, _DG, _DP, _DH, _DC = _Y, _BIAS_IH, _BIAS_HH, _STATE, _CELL


@kernel_of_apart
def _units(
    Z, G, n, going, H, low, used, width, projected, cells, c, following_cells, h, following, S, Y
):
    """Gates, cells and states from Z. With a projection Y is what is projected.

    The new states go before the next step or, after a sequence's last one, into h and c.
    """
    for m in range(n):
        z, at, gate = 4 * m * width, m * H + low, 4 * m * H + low
        zi, zf = Z[z : z + used], Z[z + width : z + width + used]
        zg, zo = Z[z + 2 * width :][:used], Z[z + 3 * width :][:used]
        i, f = G[gate : gate + used], G[gate + H : gate + H + used]
        g, o = G[gate + 2 * H :][:used], G[gate + 3 * H :][:used]
        s, y, cell = S[at : at + used], Y[at : at + used], cells[at : at + used]
        next_cell = following_cells[at : at + used] if m < going else c[at : at + used]
        for j in range(used):
            si, sf, tg, so = sigmoid(zi[j]), sigmoid(zf[j]), tanh(zg[j]), sigmoid(zo[j])
            i[j], f[j], g[j], o[j] = si, sf, tg, so
            new = sf * cell[j] + si * tg
            bent = tanh(new)
            next_cell[j] = new
            s[j] = bent
            y[j] = so * bent
        if not projected:
            state = following[at : at + used] if m < going else h[at : at + used]
            for j in range(used):
                state[j] = y[j]


@kernel_of_apart
def _projected(Z, n, going, P, low, used, width, h, following, Y):
    for m in range(n):
        at = m * P + low
        z, y = Z[m * width : m * width + used], Y[at : at + used]
        state = following[at : at + used] if m < going else h[at : at + used]
        for j in range(used):
            y[j] = z[j]
            state[j] = z[j]


@kernel_of_apart
def _slopes(Z, G, cells, S, n, H, low, used, width, dc, dG):
    for m in range(n):
        at, gate = m * H + low, 4 * m * H + low
        z, s, cell = Z[m * width : m * width + used], S[at : at + used], cells[at : at + used]
        i, f = G[gate : gate + used], G[gate + H : gate + H + used]
        g, o = G[gate + 2 * H :][:used], G[gate + 3 * H :][:used]
        di, df = dG[gate : gate + used], dG[gate + H : gate + H + used]
        dg, do = dG[gate + 2 * H :][:used], dG[gate + 3 * H :][:used]
        d_cell = dc[at : at + used]
        for j in range(used):
            e = d_cell[j] + z[j] * o[j] * (1 - s[j] * s[j])
            di[j] = e * g[j] * i[j] * (1 - i[j])
            df[j] = e * cell[j] * f[j] * (1 - f[j])
            dg[j] = e * i[j] * (1 - g[j] * g[j])
            do[j] = z[j] * s[j] * o[j] * (1 - o[j])
            d_cell[j] = e * f[j]


@kernel_of_apart
def _copy_block(Z, n, P, low, used, width, dP):
    for m in range(n):
        dP[m * P + low : m * P + low + used] = Z[m * width : m * width + used]


@tiles_by_size
def _forward_job(args, i):
    H, P, size = number(args, _H), number(args, _P), number(args, seq.SIZE)
    n, offset, phase = number(args, seq.N), number(args, seq.OFFSET), number(args, seq.PHASE)
    low, used, width = block_of(args, H, i)
    W, W_hr = array(args, _W, 0, 4 * H * P), array(args, _W_HR, 0, P * H)
    panels = array(args, seq.PANELS, i * 4 * P * width, (i + 1) * 4 * P * width)
    panel = array(args, seq.MORE_PANELS, i * H * width, (i + 1) * H * width)
    if phase == 0:
        if used > 0:
            pack_rows(W, 4, H, P, low, used, width, panels)
        low, used, width = block_of(args, P, i)
        if number(args, _PROJECTED) and used > 0:
            pack_rows(W_hr, 1, P, H, low, used, width, panel)
        return
    slot, place = 4 * number(args, seq.MOST) * width, slot_of(args, i)
    Z = array(args, seq.Z, place * slot, (place + 1) * slot)
    first = number(args, seq.FIRST)
    going, after = min(n, number(args, seq.NEXT_N)), number(args, seq.NEXT)
    following = array(args, _HPREV, after * P, (after + going) * P)
    Y = array(args, _Y, offset * P, (offset + n) * P)
    h = array(args, _STATE, first * P, (first + n) * P)
    raw = array(args, _RAW, first * H, (first + n) * H)
    if phase == 2:
        low, used, width = block_of(args, P, i)
        Z[: n * width] = 0
        if number(args, seq.PANELS) == 0:
            dot_rows(raw, W_hr, n, 1, P, H, low, used, width, Z)
        else:
            multiply_panel(
                Z, raw.ctypes.data, H * size, n, H, panel.ctypes.data, Z.ctypes.data, width * size
            )
        _projected(Z, n, going, P, low, used, width, h, following, Y)
        return
    G = array(args, _G, 4 * offset * H, 4 * (offset + n) * H)
    b_ih, b_hh = array(args, _BIAS_IH, 0, 4 * H), array(args, _BIAS_HH, 0, 4 * H)
    begin(Z, G, b_ih, b_hh, n, 4, 4, H, low, used, width)
    before = array(args, _HPREV, offset * P, (offset + n) * P)
    if number(args, seq.PANELS) == 0:
        dot_rows(before, W, n, 4, H, P, low, used, width, Z)
    else:
        for q in range(4):
            multiply_panel(
                Z, before.ctypes.data, P * size, n, P, panels.ctypes.data + q * P * width * size,
                Z.ctypes.data + q * width * size, 4 * width * size,
            )  # fmt: skip
    cells = array(args, _CPREV, offset * H, (offset + n) * H)
    following_cells = array(args, _CPREV, after * H, (after + going) * H)
    c = array(args, _CELL, first * H, (first + n) * H)
    S = array(args, _S, offset * H, (offset + n) * H)
    projected = number(args, _PROJECTED)
    if projected:
        Y = raw
    _units(
        Z, G, n, going, H, low, used, width, projected, cells, c, following_cells, h, following, S,
        Y,
    )  # fmt: skip


@tiles_by_size
def _backward_job(args, i):
    H, P, size = number(args, _H), number(args, _P), number(args, seq.SIZE)
    n, offset, phase = number(args, seq.N), number(args, seq.OFFSET), number(args, seq.PHASE)
    projected = number(args, _PROJECTED)
    W, W_hr = array(args, _W, 0, 4 * H * P), array(args, _W_HR, 0, P * H)
    low, used, width = block_of(args, P, i)
    panel = array(args, seq.PANELS, i * 4 * H * width, (i + 1) * 4 * H * width)
    more = array(args, seq.MORE_PANELS, i * P * width, (i + 1) * P * width)
    if phase == 0:
        if used > 0:
            pack_columns(W, 4 * H, P, low, used, width, panel)
        if projected:
            low, used, width = block_of(args, H, i)
            if used > 0:
                pack_columns(W_hr, P, H, low, used, width, more)
        return
    slot, place = number(args, seq.MOST) * width, slot_of(args, i)
    Z = array(args, seq.Z, place * slot, (place + 1) * slot)
    first = number(args, seq.FIRST)
    if phase == 1:
        later, going = number(args, seq.NEXT), number(args, seq.NEXT_N)
        rows = max(n, going)
        dY = array(args, _DY, offset * P, (offset + n) * P)
        dh = array(args, _DH, first * P, (first + rows) * P)
        begin_backward(Z, dY, dh, n, rows, P, low, used, width)
        known = array(args, _DG, 4 * later * H, 4 * (later + going) * H)
        if number(args, seq.PANELS) == 0:
            add_rows(known, W, going, 4 * H, P, low, used, width, Z)
        else:
            multiply_panel(
                Z, known.ctypes.data, 4 * H * size, going, 4 * H, panel.ctypes.data, Z.ctypes.data,
                width * size,
            )  # fmt: skip
        end_backward(Z, dh, n, rows, P, low, used, width)
    dP = array(args, _DP, offset * P, (offset + n) * P)
    if projected and phase == 1:
        _copy_block(Z, n, P, low, used, width, dP)
        return
    low, used, width = block_of(args, H, i)
    if projected:
        Z[: n * width] = 0
        if number(args, seq.PANELS) == 0:
            add_rows(dP, W_hr, n, P, H, low, used, width, Z)
        else:
            multiply_panel(
                Z, dP.ctypes.data, P * size, n, P, more.ctypes.data, Z.ctypes.data, width * size
            )
    G = array(args, _G, 4 * offset * H, 4 * (offset + n) * H)
    dG = array(args, _DG, 4 * offset * H, 4 * (offset + n) * H)
    cells = array(args, _CPREV, offset * H, (offset + n) * H)
    S = array(args, _S, offset * H, (offset + n) * H)
    dc = array(args, _DC, first * H, (first + n) * H)
    _slopes(Z, G, cells, S, n, H, low, used, width, dc, dG)


@kernel
def _arguments(
    G, W_hh, W_hr, projected, h, c, Hprev, Cprev, S, Y, width, panels, more_panels, space
):
    """What both directions share; `panels`, `more_panels`: the elements of all panels."""
    args = arguments(_COUNT, width, space, panels, more_panels)
    args[_H], args[_P], args[_PROJECTED] = c.shape[1], W_hh.shape[1], projected
    args[_W], args[_W_HR], args[_G] = W_hh.ctypes.data, W_hr.ctypes.data, G.ctypes.data
    args[_STATE], args[_CELL] = h.ctypes.data, c.ctypes.data
    args[_HPREV], args[_CPREV] = Hprev.ctypes.data, Cprev.ctypes.data
    args[_S], args[_Y] = S.ctypes.data, Y.ctypes.data
    return args


@kernel
def _forward(
    board, shares, job, plan, tiles, more, width, G, W_hh, b_ih, b_hh, W_hr, h, c, Hprev,
    Cprev, S, Y, raw, panels, more_panels, space,
):  # fmt: skip
    args = _arguments(
        G, W_hh, W_hr, more > 0, h, c, Hprev, Cprev, S, Y, width, panels, more_panels, space
    )  # fmt: skip
    args[_BIAS_IH], args[_BIAS_HH] = b_ih.ctypes.data, b_hh.ctypes.data
    args[_RAW] = raw.ctypes.data
    return run_steps(board, shares, job, args, plan, tiles, more)


@kernel
def _backward(
    board, shares, job, plan, tiles, more, width, G, dY, W_hh, W_hr, Cprev, S, dh, dc, dG,
    dP, panels, more_panels, space,
):  # fmt: skip
    args = _arguments(
        G, W_hh, W_hr, more > 0, dh, dc, dY, Cprev, S, dY, width, panels, more_panels, space
    )  # fmt: skip
    args[_DG], args[_DP] = dG.ctypes.data, dP.ctypes.data
    return run_steps(board, shares, job, args, plan, tiles, more)


def lstm_forward(G, W_hh, b_ih, b_hh, W_hr, h, c, sizes, reverse, Hprev, Cprev, S, Y):
    n, H = c.shape
    projected = W_hr is not None
    tiles, width = blocks_of(H, G.itemsize)
    more = blocks_of(h.shape[1], G.itemsize)[0] if projected else 0
    if not tiles or (projected and not more):
        reference.lstm_forward(
            G, W_hh, b_ih, b_hh, W_hr, h, c, sizes, reverse, Hprev, Cprev, S, Y
        )  # fmt: skip
        return
    first_states(sizes, reverse, h, Hprev)
    first_states(sizes, reverse, c, Cprev)
    board, shares = shares_of(G.shape[0], sizes, W_hh, max(tiles, more))
    raw = np.empty((n, H), G.dtype) if projected else Y
    space, panels, more_panels = space_of(
        shares, G.dtype, width, 4, 4 * tiles * width * h.shape[1], more * width * H
    )
    plan, job = forward_plan(sizes, bool(reverse)), _forward_job[G.itemsize].address
    _forward(
        board, shares, job, plan, tiles, more, width, G, W_hh, b_ih, b_hh,
        W_hr if projected else W_hh, h, c, Hprev, Cprev, S, Y, raw, panels, more_panels, space,
    )  # fmt: skip


def lstm_backward(G, dY, W_hh, W_hr, Cprev, S, dh, dc, sizes, reverse, dG, dP):
    H = dc.shape[1]
    projected = W_hr is not None
    units, width = blocks_of(H, G.itemsize)
    tiles = blocks_of(dh.shape[1], G.itemsize)[0] if projected else units
    if not units or not tiles:
        reference.lstm_backward(
            G, dY, W_hh, W_hr, Cprev, S, dh, dc, sizes, reverse, dG, dP
        )  # fmt: skip
        return
    more = units if projected else 0
    board, shares = shares_of(G.shape[0], sizes, W_hh, max(tiles, units))
    space, panels, more_panels = space_of(
        shares, G.dtype, width, 1, 4 * tiles * width * H, more * width * dh.shape[1]
    )
    plan, job = backward_plan(sizes, bool(reverse)), _backward_job[G.itemsize].address
    _backward(
        board, shares, job, plan, tiles, more, width, G, dY, W_hh,
        W_hr if projected else W_hh, Cprev, S, dh, dc, dG, dP if projected else dG, panels,
        more_panels, space,
    )  # fmt: skip
