"""Weights in panels, as the product in registers reads them (see `_gather`)."""

from __future__ import annotations

import numpy as np

from . import _windows as w
from ._compile import kernel
from ._lanes import turn_lanes
from ._products import REGISTER
from ._tiles import like, numbers_at
from .team import MOST_TILES, array, number, tiles_by_size

__all__ = ["ELEMENTS", "PACKING_END", "WEIGHTS", "pack", "pack_job", "place_of", "plan_packing"]

# Arguments of a job that packs, behind its own (of which the plan comes first, and packed weights
# have place 2): weights and how many; factors of the columns, biases or 0, taps; distances in the
# weights of a lane, a channel and a group; elements of the packed weights; whether the taps of a
# channel are neighbours in memory and the channels of a filter, too; how many panels a tile packs,
# where that is a job of its own.
WEIGHTS, ELEMENTS, _SCALE, _BIAS, _TAPS, _LANE, _CHANNEL, _GROUP, _PACKED, _TURN, _EACH = range(
    9, 20
)
PACKING_END = 20


@kernel
def _turned(W, start, lane_step, steps, channels, to, width, scale):
    """Pack as many filters as a vector has lanes; each one's weights, C by taps, lie together."""
    lanes = REGISTER // W.itemsize
    targets = np.empty(lanes, np.int64)
    whole = channels * steps
    for k in range(0, whole, lanes):
        k = min(k, whole - lanes)  # the last ones overlap
        c = k // steps
        t = k - c * steps
        for i in range(lanes):
            targets[i] = to + (t * channels + c) * width * W.itemsize
            t += 1
            if t == steps:
                t, c = 0, c + 1
        source = W.ctypes.data + (start + k) * W.itemsize
        turn_lanes(W, source, lane_step * W.itemsize, targets.ctypes.data, scale)


@kernel
def pack(args, plan, W, packed, k):
    """Pack panel k of all groups' weights into `packed`, and its biases behind them."""
    channels, depth, panels = plan[w.P_CS], plan[w.P_DEPTH], plan[w.P_PANELS]
    steps = depth // channels if channels else 0
    taps = numbers_at(number(args, _TAPS), steps)
    lane_step, channel_step = number(args, _LANE), number(args, _CHANNEL)
    lanes = REGISTER // W.itemsize
    g, p = k // panels, k % panels
    width = min(2 * lanes, plan[w.P_COLUMNS] - p * 2 * lanes)
    used = min(plan[w.P_CT] - p * 2 * lanes, width)
    column = g * plan[w.P_CT] + p * 2 * lanes
    start = g * number(args, _GROUP) + p * 2 * lanes * lane_step
    scale = like(W, number(args, _SCALE) + column * W.itemsize, used)
    turned = 0
    if number(args, _TURN) and depth >= lanes:
        while turned + lanes <= used:
            _turned(
                W, start + turned * lane_step, lane_step, steps, channels,
                packed.ctypes.data + turned * W.itemsize, width,
                scale.ctypes.data + turned * W.itemsize,
            )  # fmt: skip
            turned += lanes
    # In this order the weights are read line by line, of whichever order they are.
    for c in range(channels if turned < width else 0):
        for t in range(steps):
            at = start + taps[t] + c * channel_step
            to = (t * channels + c) * width
            for j in range(turned, used):
                packed[to + j] = W[at + j * lane_step] * scale[j]
            for j in range(used, width):
                packed[to + j] = 0
    for j in range(width):
        packed[depth * width + j] = 0
    if number(args, _BIAS):
        bias = like(W, number(args, _BIAS) + column * W.itemsize, used)
        for j in range(used):
            packed[depth * width + j] = bias[j]


@kernel
def place_of(plan, k, lanes):
    """Where panel k begins among the packed ones: each is followed by its biases."""
    g, p = k // plan[w.P_PANELS], k % plan[w.P_PANELS]
    return (g * plan[w.P_COLUMNS] + p * 2 * lanes) * (plan[w.P_DEPTH] + 1)


@tiles_by_size
def pack_job(args, i):
    plan = numbers_at(number(args, 0), w.P_END)
    W = array(args, WEIGHTS, 0, number(args, ELEMENTS))
    packed = array(args, 2, 0, number(args, _PACKED))
    panels, each = plan[w.P_GROUPS] * plan[w.P_PANELS], number(args, _EACH)
    for k in range(i * each, min((i + 1) * each, panels)):
        pack(args, plan, W, packed[place_of(plan, k, REGISTER // W.itemsize) :], k)


@kernel
def plan_packing(args, plan, taps, steps, W, scale, bias, packed):
    """Fill in the arguments from WEIGHTS on; how many tiles `pack_job` has."""
    args[WEIGHTS], args[_SCALE], args[_BIAS] = W.ctypes.data, scale.ctypes.data, bias
    args[_TAPS] = taps.ctypes.data
    args[_LANE], args[_CHANNEL], args[_GROUP] = steps
    args[ELEMENTS], args[_PACKED] = W.size, packed.size
    # Taps by rising or falling place: neighbours if the last is as far on as there are others.
    n = taps.size
    args[_TURN] = n > 0 and steps[1] == n and taps[0] == 0 and taps[n - 1] == n - 1
    panels = plan[w.P_GROUPS] * plan[w.P_PANELS]
    args[_EACH] = each = (panels + MOST_TILES - 1) // MOST_TILES
    return (panels + each - 1) // each
