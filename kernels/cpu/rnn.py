"""The plain recurrent layer: each step is one job of the team (see `_sequence`)."""

from __future__ import annotations

from ..reference import rnn as reference
from . import _sequence as seq
from ._compile import kernel, kernel_of_apart
from ._math import tanh
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

__all__ = ["rnn_backward", "rnn_forward"]

_H, _RELU, _W, _G, _BIAS_IH, _BIAS_HH, _STATE, _HPREV, _Y, _COUNT = range(
    seq.ARRAYS, seq.ARRAYS + 10
)
_DY, _DH, _DG = _G, _BIAS_IH, _BIAS_HH


@kernel_of_apart
def _units(Z, relu, n, going, H, low, used, width, h, following, Y):
    """The new states from Z: into Y, and before the next step or, after the last, into h."""
    for m in range(n):
        at = m * H + low
        z, y = Z[m * width : m * width + used], Y[at : at + used]
        if relu:
            for j in range(used):
                y[j] = 0 if z[j] < 0 else z[j]
        else:
            for j in range(used):
                y[j] = tanh(z[j])
        state = following[at : at + used] if m < going else h[at : at + used]
        for j in range(used):
            state[j] = y[j]


@kernel_of_apart
def _slopes(Z, relu, n, H, low, used, width, Y, dG):
    for m in range(n):
        at = m * H + low
        z, y, d = Z[m * width : m * width + used], Y[at : at + used], dG[at : at + used]
        if relu:
            for j in range(used):
                d[j] = z[j] if y[j] > 0 else 0
        else:
            for j in range(used):
                d[j] = z[j] * (1 - y[j] * y[j])


@tiles_by_size
def _forward_job(args, i):
    H = number(args, _H)
    low, used, width = block_of(args, H, i)
    n, offset, size = number(args, seq.N), number(args, seq.OFFSET), number(args, seq.SIZE)
    panel = array(args, seq.PANELS, i * H * width, (i + 1) * H * width)
    W = array(args, _W, 0, H * H)
    if number(args, seq.PHASE) == 0:
        pack_rows(W, 1, H, H, low, used, width, panel)
        return
    slot, place = number(args, seq.MOST) * width, slot_of(args, i)
    Z = array(args, seq.Z, place * slot, (place + 1) * slot)
    G = array(args, _G, offset * H, (offset + n) * H)
    b_ih, b_hh = array(args, _BIAS_IH, 0, H), array(args, _BIAS_HH, 0, H)
    begin(Z, G, b_ih, b_hh, n, 1, 1, H, low, used, width)
    before = array(args, _HPREV, offset * H, (offset + n) * H)
    if number(args, seq.PANELS) == 0:
        dot_rows(before, W, n, 1, H, H, low, used, width, Z)
    else:
        multiply_panel(
            Z, before.ctypes.data, H * size, n, H, panel.ctypes.data, Z.ctypes.data, width * size
        )
    going, next_offset = min(n, number(args, seq.NEXT_N)), number(args, seq.NEXT)
    following = array(args, _HPREV, next_offset * H, (next_offset + going) * H)
    Y = array(args, _Y, offset * H, (offset + n) * H)
    first = number(args, seq.FIRST)
    h = array(args, _STATE, first * H, (first + n) * H)
    _units(Z, number(args, _RELU), n, going, H, low, used, width, h, following, Y)


@tiles_by_size
def _backward_job(args, i):
    H = number(args, _H)
    low, used, width = block_of(args, H, i)
    n, offset, size = number(args, seq.N), number(args, seq.OFFSET), number(args, seq.SIZE)
    panel = array(args, seq.PANELS, i * H * width, (i + 1) * H * width)
    W = array(args, _W, 0, H * H)
    if number(args, seq.PHASE) == 0:
        pack_columns(W, H, H, low, used, width, panel)
        return
    later, going = number(args, seq.NEXT), number(args, seq.NEXT_N)
    rows = max(n, going)
    slot, place = number(args, seq.MOST) * width, slot_of(args, i)
    Z = array(args, seq.Z, place * slot, (place + 1) * slot)
    dY = array(args, _DY, offset * H, (offset + n) * H)
    first = number(args, seq.FIRST)
    dh = array(args, _DH, first * H, (first + rows) * H)
    begin_backward(Z, dY, dh, n, rows, H, low, used, width)
    known = array(args, _DG, later * H, (later + going) * H)
    if number(args, seq.PANELS) == 0:
        add_rows(known, W, going, H, H, low, used, width, Z)
    else:
        multiply_panel(
            Z, known.ctypes.data, H * size, going, H, panel.ctypes.data, Z.ctypes.data, width * size
        )
    end_backward(Z, dh, n, rows, H, low, used, width)
    Y = array(args, _Y, offset * H, (offset + n) * H)
    dG = array(args, _DG, offset * H, (offset + n) * H)
    _slopes(Z, number(args, _RELU), n, H, low, used, width, Y, dG)


@kernel
def _arguments(W_hh, relu, Y, width, panels, space):
    """What both directions share; `panels`: elements of all panels."""
    args = arguments(_COUNT, width, space, panels, 0)
    args[_H], args[_RELU] = W_hh.shape[1], relu
    args[_W], args[_Y] = W_hh.ctypes.data, Y.ctypes.data
    return args


@kernel
def _forward(
    board, shares, job, plan, tiles, width, relu, G, W_hh, b_ih, b_hh, h, Hprev, Y, panels, space
):
    args = _arguments(W_hh, relu, Y, width, panels, space)
    args[_G], args[_STATE], args[_HPREV] = G.ctypes.data, h.ctypes.data, Hprev.ctypes.data
    args[_BIAS_IH], args[_BIAS_HH] = b_ih.ctypes.data, b_hh.ctypes.data
    return run_steps(board, shares, job, args, plan, tiles, 0)


@kernel
def _backward(board, shares, job, plan, tiles, width, relu, Y, dY, W_hh, dh, dG, panels, space):
    args = _arguments(W_hh, relu, Y, width, panels, space)
    args[_DY], args[_DH], args[_DG] = dY.ctypes.data, dh.ctypes.data, dG.ctypes.data
    return run_steps(board, shares, job, args, plan, tiles, 0)


def rnn_forward(G, W_hh, b_ih, b_hh, relu, h, sizes, reverse, Hprev, Y):
    tiles, width = blocks_of(h.shape[1], G.itemsize)
    if not tiles:
        reference.rnn_forward(G, W_hh, b_ih, b_hh, relu, h, sizes, reverse, Hprev, Y)
        return
    first_states(sizes, reverse, h, Hprev)
    board, shares = shares_of(G.shape[0], sizes, W_hh, tiles)
    space, panels, _ = space_of(shares, G.dtype, width, 1, tiles * width * W_hh.shape[0])
    plan, job = forward_plan(sizes, bool(reverse)), _forward_job[G.itemsize].address
    _forward(
        board, shares, job, plan, tiles, width, bool(relu), G, W_hh, b_ih, b_hh, h, Hprev, Y,
        panels, space,
    )  # fmt: skip


def rnn_backward(Y, dY, W_hh, relu, dh, sizes, reverse, dG):
    tiles, width = blocks_of(dh.shape[1], Y.itemsize)
    if not tiles:
        reference.rnn_backward(Y, dY, W_hh, relu, dh, sizes, reverse, dG)
        return
    board, shares = shares_of(Y.shape[0], sizes, W_hh, tiles)
    space, panels, _ = space_of(shares, Y.dtype, width, 1, tiles * width * W_hh.shape[0])
    plan, job = backward_plan(sizes, bool(reverse)), _backward_job[Y.itemsize].address
    _backward(
        board, shares, job, plan, tiles, width, bool(relu), Y, dY, W_hh, dh, dG, panels, space
    )  # fmt: skip
