"""The GRU: each step is one job of the team (see `_sequence`)."""

from __future__ import annotations

from ..reference import gru as reference
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

__all__ = ["gru_backward", "gru_forward"]

_H, _W, _G, _BIAS_IH, _BIAS_HH, _STATE, _HPREV, _M, _Y, _COUNT = range(seq.ARRAYS, seq.ARRAYS + 10)
_DY, _DG, _DK, _DH = _Y, _BIAS_IH, _BIAS_HH, _STATE


@kernel_of_apart
def _units(Z, G, b_ih, n, going, H, low, used, width, before, h, following, M, Y):
    """Gates and new states from Z: into G and Y, and before the next step or, at last, into h."""
    bias = b_ih[2 * H + low : 2 * H + low + used]
    for m in range(n):
        z, at, gate = 3 * m * width, m * H + low, 3 * m * H + low
        zr, zu = Z[z : z + used], Z[z + width : z + width + used]
        product = Z[z + 2 * width : z + 2 * width + used]
        r, u = G[gate : gate + used], G[gate + H : gate + H + used]
        new = G[gate + 2 * H : gate + 2 * H + used]
        kept, y, old = M[at : at + used], Y[at : at + used], before[at : at + used]
        for j in range(used):
            r[j] = sigmoid(zr[j])
        for j in range(used):
            u[j] = sigmoid(zu[j])
        for j in range(used):
            kept[j] = product[j]
            zr[j] = new[j] + bias[j] + r[j] * product[j]
        for j in range(used):
            new[j] = tanh(zr[j])
        for j in range(used):
            y[j] = (1 - u[j]) * new[j] + u[j] * old[j]
        state = following[at : at + used] if m < going else h[at : at + used]
        for j in range(used):
            state[j] = y[j]


@kernel_of_apart
def _slopes(Z, G, before, M, n, H, low, used, width, dh, dG, dK):
    for m in range(n):
        at, gate = m * H + low, 3 * m * H + low
        z, d = Z[m * width : m * width + used], dh[at : at + used]
        old, kept = before[at : at + used], M[at : at + used]
        r, u = G[gate : gate + used], G[gate + H : gate + H + used]
        new = G[gate + 2 * H : gate + 2 * H + used]
        dr, du = dG[gate : gate + used], dG[gate + H : gate + H + used]
        da = dG[gate + 2 * H : gate + 2 * H + used]
        kr, ku = dK[gate : gate + used], dK[gate + H : gate + H + used]
        ka = dK[gate + 2 * H : gate + 2 * H + used]
        for j in range(used):
            a = z[j] * (1 - u[j]) * (1 - new[j] * new[j])
            da[j] = a
            ka[j] = a * r[j]
            dr[j] = a * kept[j] * r[j] * (1 - r[j])
            du[j] = z[j] * (old[j] - new[j]) * u[j] * (1 - u[j])
            d[j] = z[j] * u[j]
        for j in range(used):
            kr[j] = dr[j]
            ku[j] = du[j]


@tiles_by_size
def _forward_job(args, i):
    H = number(args, _H)
    low, used, width = block_of(args, H, i)
    n, offset, size = number(args, seq.N), number(args, seq.OFFSET), number(args, seq.SIZE)
    panels = array(args, seq.PANELS, i * 3 * H * width, (i + 1) * 3 * H * width)
    W = array(args, _W, 0, 3 * H * H)
    if number(args, seq.PHASE) == 0:
        pack_rows(W, 3, H, H, low, used, width, panels)
        return
    slot, place = 3 * number(args, seq.MOST) * width, slot_of(args, i)
    Z = array(args, seq.Z, place * slot, (place + 1) * slot)
    G = array(args, _G, 3 * offset * H, 3 * (offset + n) * H)
    b_ih, b_hh = array(args, _BIAS_IH, 0, 3 * H), array(args, _BIAS_HH, 0, 3 * H)
    begin(Z, G, b_ih, b_hh, n, 3, 2, H, low, used, width)
    before = array(args, _HPREV, offset * H, (offset + n) * H)
    if number(args, seq.PANELS) == 0:
        dot_rows(before, W, n, 3, H, H, low, used, width, Z)
    else:
        for q in range(3):
            multiply_panel(
                Z, before.ctypes.data, H * size, n, H, panels.ctypes.data + q * H * width * size,
                Z.ctypes.data + q * width * size, 3 * width * size,
            )  # fmt: skip
    going, next_offset = min(n, number(args, seq.NEXT_N)), number(args, seq.NEXT)
    following = array(args, _HPREV, next_offset * H, (next_offset + going) * H)
    Y = array(args, _Y, offset * H, (offset + n) * H)
    M = array(args, _M, offset * H, (offset + n) * H)
    first = number(args, seq.FIRST)
    h = array(args, _STATE, first * H, (first + n) * H)
    _units(Z, G, b_ih, n, going, H, low, used, width, before, h, following, M, Y)


@tiles_by_size
def _backward_job(args, i):
    H = number(args, _H)
    low, used, width = block_of(args, H, i)
    n, offset, size = number(args, seq.N), number(args, seq.OFFSET), number(args, seq.SIZE)
    panel = array(args, seq.PANELS, i * 3 * H * width, (i + 1) * 3 * H * width)
    W = array(args, _W, 0, 3 * H * H)
    if number(args, seq.PHASE) == 0:
        pack_columns(W, 3 * H, H, low, used, width, panel)
        return
    later, going = number(args, seq.NEXT), number(args, seq.NEXT_N)
    rows = max(n, going)
    slot, place = number(args, seq.MOST) * width, slot_of(args, i)
    Z = array(args, seq.Z, place * slot, (place + 1) * slot)
    dY = array(args, _DY, offset * H, (offset + n) * H)
    first = number(args, seq.FIRST)
    dh = array(args, _DH, first * H, (first + rows) * H)
    begin_backward(Z, dY, dh, n, rows, H, low, used, width)
    known = array(args, _DK, 3 * later * H, 3 * (later + going) * H)
    if number(args, seq.PANELS) == 0:
        add_rows(known, W, going, 3 * H, H, low, used, width, Z)
    else:
        multiply_panel(
            Z, known.ctypes.data, 3 * H * size, going, 3 * H, panel.ctypes.data, Z.ctypes.data,
            width * size,
        )  # fmt: skip
    end_backward(Z, dh, n, rows, H, low, used, width)
    G = array(args, _G, 3 * offset * H, 3 * (offset + n) * H)
    dG = array(args, _DG, 3 * offset * H, 3 * (offset + n) * H)
    dK = array(args, _DK, 3 * offset * H, 3 * (offset + n) * H)
    before = array(args, _HPREV, offset * H, (offset + n) * H)
    M = array(args, _M, offset * H, (offset + n) * H)
    _slopes(Z, G, before, M, n, H, low, used, width, dh, dG, dK)


@kernel
def _arguments(G, W, h, Hprev, M, Y, width, panels, space):
    """What both directions share; `panels`: elements of all panels."""
    args = arguments(_COUNT, width, space, panels, 0)
    args[_H] = h.shape[1]
    args[_W], args[_G], args[_STATE] = W.ctypes.data, G.ctypes.data, h.ctypes.data
    args[_HPREV], args[_M], args[_Y] = Hprev.ctypes.data, M.ctypes.data, Y.ctypes.data
    return args


@kernel
def _forward(
    board, shares, job, plan, tiles, width, G, W_hh, b_ih, b_hh, h, Hprev, M, Y, panels, space
):
    args = _arguments(G, W_hh, h, Hprev, M, Y, width, panels, space)
    args[_BIAS_IH], args[_BIAS_HH] = b_ih.ctypes.data, b_hh.ctypes.data
    return run_steps(board, shares, job, args, plan, tiles, 0)


@kernel
def _backward(
    board, shares, job, plan, tiles, width, G, dY, W_hh, Hprev, M, dh, dG, dK, panels, space
):
    args = _arguments(G, W_hh, dh, Hprev, M, dY, width, panels, space)
    args[_DG], args[_DK] = dG.ctypes.data, dK.ctypes.data
    return run_steps(board, shares, job, args, plan, tiles, 0)


def gru_forward(G, W_hh, b_ih, b_hh, h, sizes, reverse, Hprev, M, Y):
    tiles, width = blocks_of(h.shape[1], G.itemsize)
    if not tiles:
        reference.gru_forward(G, W_hh, b_ih, b_hh, h, sizes, reverse, Hprev, M, Y)
        return
    first_states(sizes, reverse, h, Hprev)
    board, shares = shares_of(G.shape[0], sizes, W_hh, tiles)
    space, panels, _ = space_of(shares, G.dtype, width, 3, tiles * width * W_hh.shape[0])
    plan, job = forward_plan(sizes, bool(reverse)), _forward_job[G.itemsize].address
    _forward(
        board, shares, job, plan, tiles, width, G, W_hh, b_ih, b_hh, h, Hprev, M, Y, panels, space
    )  # fmt: skip


def gru_backward(G, dY, W_hh, Hprev, M, dh, sizes, reverse, dG, dK):
    tiles, width = blocks_of(dh.shape[1], G.itemsize)
    if not tiles:
        reference.gru_backward(G, dY, W_hh, Hprev, M, dh, sizes, reverse, dG, dK)
        return
    board, shares = shares_of(G.shape[0], sizes, W_hh, tiles)
    space, panels, _ = space_of(shares, G.dtype, width, 1, tiles * width * W_hh.shape[0])
    plan, job = backward_plan(sizes, bool(reverse)), _backward_job[G.itemsize].address
    _backward(
        board, shares, job, plan, tiles, width, G, dY, W_hh, Hprev, M, dh, dG, dK, panels, space
    )  # fmt: skip
