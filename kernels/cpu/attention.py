"""The softmax of attention, its rows shared by the team."""

from __future__ import annotations

import numpy as np

from ._compile import inline, kernel
from ._math import exp
from .softmax import row_max, row_sum
from .team import array, array8, array64, number, run_tiles, team, tiles_by_size

__all__ = ["attention_softmax_backward", "attention_softmax_forward"]

_TILES = 64
#: Elements from which the work is shared.
_SHARED = 1 << 13

# Arguments of the jobs: rows of the matrix of all scores and of a tile; heads, queries, keys; the
# addresses of the input, of P or dP, of the output, and of the scale; the masks' addresses (0 for
# none), each followed by its strides by sample, head and query; and the flags.
(
    _ROWS, _EACH, _H, _L, _T, _X, _P, _Y, _SCALE, _KEEP, _KEEP_N, _KEEP_H, _KEEP_L,
    _BIAS, _BIAS_N, _BIAS_H, _BIAS_L, _CAUSAL, _SAFE,
) = range(19)  # fmt: skip


@inline
def place(args, mask, r):
    """Where the row of a mask begins that belongs to row r of the scores."""
    L, H = number(args, _L), number(args, _H)
    at = r % L * number(args, mask + 3) + r // L % H * number(args, mask + 2)
    return at + r // (L * H) * number(args, mask + 1)


@tiles_by_size
def _forward_job(args, i):
    T, L, each = number(args, _T), number(args, _L), number(args, _EACH)
    for r in range(i * each, min((i + 1) * each, number(args, _ROWS))):
        x = array(args, _X, r * T, (r + 1) * T)
        y = array(args, _Y, r * T, (r + 1) * T)
        scale = x.dtype.type(array64(args, _SCALE, 0, 1)[0])
        low = x.dtype.type(-np.inf)
        zero = x.dtype.type(0)
        seen = min(T, r % L + 1) if number(args, _CAUSAL) else T
        y[seen:] = zero
        x, y = x[:seen], y[:seen]
        for t in range(seen):
            y[t] = x[t] * scale
        if number(args, _BIAS):
            at = place(args, _BIAS, r)
            b = array(args, _BIAS, at, at + seen)
            for t in range(seen):
                y[t] += b[t]
        if number(args, _KEEP):
            at = place(args, _KEEP, r)
            k = array8(args, _KEEP, at, at + seen)
            for t in range(seen):
                y[t] = y[t] if k[t] else low
        top = row_max(y)
        if top == low and number(args, _SAFE):
            top = zero
        for t in range(seen):
            y[t] = exp(y[t] - top)
        total = row_sum(y)
        if total != zero:
            total = x.dtype.type(1) / total
        for t in range(seen):
            y[t] *= total


@tiles_by_size
def _backward_job(args, i):
    T, each = number(args, _T), number(args, _EACH)
    for r in range(i * each, min((i + 1) * each, number(args, _ROWS))):
        dp = array(args, _X, r * T, (r + 1) * T)
        p = array(args, _P, r * T, (r + 1) * T)
        ds = array(args, _Y, r * T, (r + 1) * T)
        scale = p.dtype.type(array64(args, _SCALE, 0, 1)[0])
        inner = p.dtype.type(0)
        for t in range(T):
            inner += dp[t] * p[t]
        for t in range(T):
            ds[t] = scale * p[t] * (dp[t] - inner)


@kernel
def _share(board, threads, job, args, tiles):
    run_tiles(board, threads, job, args.ctypes.data, tiles)
    return args[0]  # so that the list lives until here


def attention_softmax_forward(S, keep, bias, scale, causal, safe, P):
    masks = (*_mask(keep), *_mask(bias))
    _run(_forward_job, S, P, P, scale, (*masks, causal, safe))


def attention_softmax_backward(dP, P, scale, dS):
    _run(_backward_job, dP, P, dS, scale, ())


def _run(job, X, P, Y, scale, options):
    if not X.size:
        return
    N, H, L, T = X.shape
    rows = N * H * L
    helpers = team()
    threads = tiles = 1
    if X.size >= _SHARED and helpers.threads > 1:
        threads, tiles = helpers.threads, min(_TILES, rows)
    each = -(-rows // tiles)
    scale = np.array([scale], np.float64)
    args = np.array(
        [rows, each, H, L, T, _address(X), _address(P), _address(Y), _address(scale), *options],
        np.int64,
    )
    if threads > 1:
        helpers.wake()
    _share(helpers.board, threads, job[X.itemsize].address, args, -(-rows // each))


def _mask(mask):
    """Its address, and how far apart its rows are by sample, head and query: 0 for an axis of 1."""
    if mask is None:
        return 0, 0, 0, 0
    N, H, L, T = mask.shape
    steps = (H * L * T, L * T, T)
    return _address(mask), *(step if k > 1 else 0 for k, step in zip((N, H, L), steps))


def _address(X):
    return X.__array_interface__["data"][0]
