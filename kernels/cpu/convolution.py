"""Convolution without columns: the product's inner loop finds the windows in the image itself."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from . import _windows as w
from ._gather import gather
from ._gather_weight import gather_weight
from ._products import REGISTER
from ._scratch import Scratch
from .activation import bias_act_forward
from .team import team

__all__ = ["conv_backward_input", "conv_backward_weight", "conv_forward"]

_scratch = Scratch()
#: Multiplications from which the team shares a convolution.
_SHARED = 1 << 16


def conv_forward(X, W, bias, Y, stride, padding, dilation, groups, act):
    if not Y.size:
        return
    phase = w.forward_axes(Y.shape[1:4], W.shape[1:4], stride, padding, dilation)
    _phase(X, W, bias, Y, phase, groups, True, int(act == 1))
    if act > 1:
        rows = Y.reshape(Y.size // Y.shape[4], Y.shape[4])
        bias_act_forward(rows, np.zeros(rows.shape[1], Y.dtype), act, rows)


def conv_backward_input(dY, W, dX, stride, padding, dilation, groups):
    if not dX.size:
        return
    for phase in w.backward_axes(dX.shape[1:4], W.shape[1:4], stride, padding, dilation):
        _phase(dY, W, None, dX, phase, groups, False, 0)


def _phase(source, W, bias, target, phase, groups, forward, relu):
    helpers = team()
    threads = helpers.threads if target.size * W.size // W.shape[0] >= _SHARED else 1
    plan = w.gather_plan(source.shape, target.shape, phase, groups, W.itemsize, threads)
    taps, steps = _weights(W.shape, phase, groups, forward)
    if threads > 1:
        helpers.wake()
    front = -(-plan.packed * W.itemsize // 64) * 64
    block = _scratch.take(front + plan.scratch + 64 * (threads + 2))
    packed = block[: plan.packed * W.itemsize].view(W.dtype)
    gather(
        helpers.board, threads, plan, taps, steps, W.reshape(-1), bias, packed,
        source.reshape(-1), target.reshape(-1), block[front:], relu,
    )  # fmt: skip
    _scratch.give_back(block)


@lru_cache(maxsize=512)
def _weights(shape, phase, groups, forward):
    """The distance of each tap in the weights; those of a column, a channel and a group."""
    filters, KD, KH, KW, C = shape
    a, b, c = [axis.taps for axis in phase]
    taps = np.array([((i * KH + j) * KW + k) * C for i in a for j in b for k in c], np.int64)
    filter_ = KD * KH * KW * C
    steps = (filter_, 1) if forward else (1, filter_)
    return taps, (*steps, filters // groups * filter_)


def conv_backward_weight(X, dY, dW, stride, padding, dilation, groups):
    if not dY.size or not dW.size:
        dW.fill(0)
        return
    helpers = team()
    threads = helpers.threads if dY.size * dW.size // dW.shape[0] >= _SHARED else 1
    phase = w.forward_axes(dY.shape[1:4], dW.shape[1:4], stride, padding, dilation)
    plan = w.weight_plan(X.shape, dY.shape, phase, groups, dW.itemsize, threads)
    if threads > 1:
        helpers.wake()
    lanes = 2 * REGISTER // dW.itemsize
    front = -(-(plan.packed + lanes) * dW.itemsize // 64) * 64
    block = _scratch.take(front + plan.scratch + 64 * (threads + 2))
    sums = block[: (plan.packed + lanes) * dW.itemsize].view(dW.dtype)
    gather_weight(
        helpers.board, threads, plan, X.reshape(-1), dY.reshape(-1), dW.reshape(-1), sums,
        block[front:],
    )  # fmt: skip
    _scratch.give_back(block)
