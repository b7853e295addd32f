"""Convolution without columns: the product's inner loop finds the windows in the image itself."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from . import _windows as w
from ._gather import gather
from ._gather_weight import gather_weight
from ._products import REGISTER
from ._scratch import Scratch
from ._winograd import winograd
from ._winograd_weight import winograd_weight
from .activation import bias_act_forward
from .team import team

__all__ = ["conv_backward_input", "conv_backward_weight", "conv_forward"]

_scratch = Scratch()
#: For gradients of weights that lie with gaps.
_wholes = Scratch()
#: Multiplications from which the team shares a convolution.
_SHARED = 1 << 16
#: Pixels from which the weights' transform for `_winograd` pays.
_SQUARES = 2048


def conv_forward(X, W, scale, bias, Y, stride, padding, dilation, groups, act):
    if not Y.size:
        return
    if _is_for_squares(X, W, Y, stride, dilation, groups):
        _squares(X, W, scale, bias, Y, padding[1:], True, int(act == 1))
    else:
        phase = w.forward_axes(Y.shape[1:4], W.shape[1:4], stride, padding, dilation)
        _phase(X, W, scale, bias, Y, phase, groups, True, int(act == 1))
    if act > 1:
        rows = Y.reshape(Y.size // Y.shape[4], Y.shape[4])
        bias_act_forward(rows, np.zeros(rows.shape[1], Y.dtype), act, rows)


def conv_backward_input(dY, W, dX, stride, padding, dilation, groups):
    if not dX.size:
        return
    if _is_for_squares(dY, W, dX, stride, dilation, groups):
        _squares(dY, W, None, None, dX, (2 - padding[1], 2 - padding[2]), False, 0)
        return
    for phase in w.backward_axes(dX.shape[1:4], W.shape[1:4], stride, padding, dilation):
        _phase(dY, W, None, None, dX, phase, groups, False, 0)


def conv_backward_weight(X, dY, dW, stride, padding, dilation, groups):
    if not dY.size or not dW.size:
        dW.fill(0)
        return
    flat, steps = _flat(dW)
    if flat is None:
        whole = _wholes.array(dW.size, dW.dtype).reshape(dW.shape)
        conv_backward_weight(X, dY, whole, stride, padding, dilation, groups)
        dW[...] = whole
        return
    helpers = team()
    threads = helpers.threads if dY.size * dW.size // dW.shape[0] >= _SHARED else 1
    squares = _is_for_squares(X, dW, dY, stride, dilation, groups)
    # Squares that reach beyond dY have no gradient there to read.
    squares = squares and not (dY.shape[2] % 2 or dY.shape[3] % 2)
    if squares:
        plan = w.winograd_plan(X.shape, dY.shape, padding[1:], dW.itemsize, threads, True)
    else:
        phase = w.forward_axes(dY.shape[1:4], dW.shape[1:4], stride, padding, dilation)
        plan = w.weight_plan(X.shape, dY.shape, phase, groups, dW.itemsize, threads)
    if threads > 1:
        helpers.wake()
    front = (plan.packed + 2 * REGISTER // dW.itemsize) * dW.itemsize
    block = _scratch.take(front + plan.scratch + 64 * (threads + 2))
    arrays = (X.reshape(-1), dY.reshape(-1), flat, block[:front].view(dW.dtype))
    if squares:
        winograd_weight(helpers.board, threads, plan, steps, *arrays, dY.shape[2], block[front:])
    else:
        gather_weight(helpers.board, threads, plan, steps, *arrays, block[front:])
    _scratch.give_back(block)


def _is_for_squares(source, W, target, stride, dilation, groups):
    """Whether `_winograd` computes this: it can, and there are pixels enough to pay for it."""
    lanes = REGISTER // W.itemsize
    return (
        W.shape[1:4] == (1, 3, 3)
        and stride == (1, 1, 1)
        and dilation == (1, 1, 1)
        and groups == 1
        and source.shape[1] == target.shape[1] == 1
        and source.shape[4] % lanes == target.shape[4] % lanes == 0
        and target.size >= _SQUARES * target.shape[4]
    )


def _squares(source, W, scale, bias, target, padding, forward, relu):
    flat, steps = _flat(W)
    if flat is None:
        W = np.ascontiguousarray(W)
        flat, steps = _flat(W)
    filter_, tap, channel = steps
    # Backward, the taps are met in the reverse order.
    steps = (filter_, channel, tap, 0) if forward else (channel, filter_, -tap, 8 * tap)
    if scale is None:
        scale = _ones(target.shape[4], W.dtype)
    helpers = team()
    threads = helpers.threads
    plan = w.winograd_plan(source.shape, target.shape, padding, W.itemsize, threads)
    if threads > 1:
        helpers.wake()
    front = plan.packed * W.itemsize
    block = _scratch.take(front + plan.scratch + 64 * (threads + 2))
    winograd(
        helpers.board, threads, plan, steps, flat, scale, bias, block[:front].view(W.dtype),
        source.reshape(-1), target.reshape(-1), target.shape[2], block[front:], relu,
    )  # fmt: skip
    _scratch.give_back(block)


def _phase(source, W, scale, bias, target, phase, groups, forward, relu):
    flat, steps = _flat(W)
    if flat is None:
        W = np.ascontiguousarray(W)
        flat, steps = _flat(W)
    if scale is None:
        scale = _ones(target.shape[4], W.dtype)
    helpers = team()
    threads = helpers.threads if target.size * W.size // W.shape[0] >= _SHARED else 1
    plan = w.gather_plan(source.shape, target.shape, phase, groups, W.itemsize, threads)
    taps, steps = _weights(W.shape, steps, phase, groups, forward)
    if threads > 1:
        helpers.wake()
    front = plan.packed * W.itemsize
    block = _scratch.take(front + plan.scratch + 64 * (threads + 2))
    gather(
        helpers.board, threads, plan, taps, steps, flat, scale, bias, block[:front].view(W.dtype),
        source.reshape(-1), target.reshape(-1), block[front:], relu,
    )  # fmt: skip
    _scratch.give_back(block)


@lru_cache(maxsize=64)
def _ones(n, dtype):
    return np.ones(n, dtype)


def _flat(W):
    """The memory of weights and the distance in it of a filter, a tap and a channel.

    In the order of `W`, or in that of PyTorch, with the channels before the taps; otherwise None.
    """
    whole = W.size // W.shape[0]
    if W.flags.c_contiguous:
        return W.reshape(-1), (whole, W.shape[4], 1)
    channels_first = W.transpose(0, 4, 1, 2, 3)
    if channels_first.flags.c_contiguous:
        return channels_first.reshape(-1), (whole, 1, whole // W.shape[4])
    return None, None


@lru_cache(maxsize=512)
def _weights(shape, steps, phase, groups, forward):
    """The distance of each tap in the weights; those of a column, a channel and a group."""
    filters, _, KH, KW, _ = shape
    filter_, tap, channel = steps
    a, b, c = [axis.taps for axis in phase]
    taps = np.array([((i * KH + j) * KW + k) * tap for i in a for j in b for k in c], np.int64)
    order = (filter_, channel) if forward else (channel, filter_)
    return taps, (*order, filters // groups * filter_)
