"""Connectionist temporal classification, the samples shared by the team."""

from __future__ import annotations

import numpy as np

from ._atomic import load
from ._compile import inline, kernel
from ._math import exp, log
from .team import array, number, run_tiles, team, tiles_by_size

__all__ = ["ctc_backward", "ctc_forward"]

#: Elements of the log-probabilities from which the work is shared.
_SHARED = 1 << 11

# Arguments of the jobs: steps, samples, classes, labels of a target, the blank; the addresses of
# targets, lengths, log-probabilities, alpha, losses, and their gradients; zero_infinity.
_T, _N, _C, _S, _BLANK, _TARGETS, _STEPS, _LENGTHS, _X, _ALPHA, _LOSSES, _DLOSSES, _DX, _ZERO = (
    range(14)
)


@inline
def log_sum(a, b, c, low, zero):
    """``log(exp a + exp b + exp c)``, also of minus infinities alone: of `low`."""
    top = a if a > b else b
    top = top if top > c else c
    top = top if top > low else zero
    return log(exp(a - top) + exp(b - top) + exp(c - top)) + top


@inline
def lengths_of(args, n):
    """Steps of sample n, and the number of its last state."""
    steps = load(number(args, _STEPS) + 8 * n)
    length = load(number(args, _LENGTHS) + 8 * n)
    steps = max(0, min(steps, number(args, _T)))
    return steps, 2 * max(0, min(length, number(args, _S)))


@inline
def fill_states(args, n, last, labels, skip):
    """The label of each state, and 0 where it may be skipped to, otherwise minus infinity."""
    blank = number(args, _BLANK)
    row = number(args, _TARGETS) + 8 * n * number(args, _S)
    for s in range(last + 1):
        labels[s] = load(row + 8 * (s // 2)) if s % 2 else blank
        skip[s] = -np.inf
        if s % 2 and s > 1 and labels[s] != labels[s - 2]:
            skip[s] = 0


@tiles_by_size
def _forward_job(args, n):
    T, N, C, W = number(args, _T), number(args, _N), number(args, _C), 2 * number(args, _S) + 1
    X = array(args, _X, 0, T * N * C)
    alpha = array(args, _ALPHA, n * T * W, (n + 1) * T * W)
    losses = array(args, _LOSSES, 0, N)
    low, zero = X.dtype.type(-np.inf), X.dtype.type(0)
    steps, last = lengths_of(args, n)
    states = last + 1
    labels = np.empty(states, np.int64)
    skip = np.empty(states, X.dtype)
    fill_states(args, n, last, labels, skip)
    alpha[:] = -np.inf
    before = np.full(states + 2, low)
    before[2] = 0
    emitted = np.empty(states, X.dtype)
    for t in range(steps):
        x = X[(t * N + n) * C : (t * N + n + 1) * C]
        now = alpha[t * W : t * W + states]
        for s in range(states):
            emitted[s] = x[labels[s]]
        for s in range(states):
            now[s] = (
                log_sum(before[s + 2], before[s + 1], before[s] + skip[s], low, zero) + emitted[s]
            )
        before[2:] = now
    if steps:
        losses[n] = -log_sum(before[last + 2], before[last + 1], low, low, zero)
    else:
        losses[n] = np.inf if last else 0


@tiles_by_size
def _backward_job(args, n):
    T, N, C, W = number(args, _T), number(args, _N), number(args, _C), 2 * number(args, _S) + 1
    X = array(args, _X, 0, T * N * C)
    dX = array(args, _DX, 0, T * N * C)
    alpha = array(args, _ALPHA, n * T * W, (n + 1) * T * W)
    loss = array(args, _LOSSES, n, n + 1)[0]
    g = array(args, _DLOSSES, n, n + 1)[0]
    low, zero = X.dtype.type(-np.inf), X.dtype.type(0)
    steps, last = lengths_of(args, n)
    states = last + 1
    if loss == np.inf:
        for t in range(steps):
            x = X[(t * N + n) * C : (t * N + n + 1) * C]
            dx = dX[(t * N + n) * C : (t * N + n + 1) * C]
            dx[:] = 0 if number(args, _ZERO) else np.nan
    labels = np.empty(states, np.int64)
    skip = np.full(states + 2, low)
    fill_states(args, n, last, labels, skip)
    after = np.full(states + 2, low)
    beta = np.empty(states, X.dtype)
    posterior = np.empty(states, X.dtype)
    for t in range(steps, T):
        dX[(t * N + n) * C : (t * N + n + 1) * C] = 0
    for t in range(steps - 1, -1, -1):
        if loss == np.inf:
            break
        x = X[(t * N + n) * C : (t * N + n + 1) * C]
        dx = dX[(t * N + n) * C : (t * N + n + 1) * C]
        a = alpha[t * W : t * W + states]
        if t == steps - 1:
            beta[:] = -np.inf
            beta[max(0, last - 1) :] = 0
        else:
            for s in range(states):
                beta[s] = log_sum(after[s], after[s + 1], after[s + 2] + skip[s + 2], low, zero)
        for s in range(states):
            posterior[s] = exp(a[s] + beta[s] + loss)
        for c in range(C):
            dx[c] = exp(x[c])
        for s in range(states):
            dx[labels[s]] -= posterior[s]
            after[s] = beta[s] + x[labels[s]]
        for c in range(C):
            dx[c] *= g


@kernel
def _share(board, threads, job, args, tiles):
    run_tiles(board, threads, job, args.ctypes.data, tiles)
    return args[0]  # so that the list lives until here


def ctc_forward(X, targets, input_lengths, target_lengths, blank, alpha, losses):
    arrays = (targets, input_lengths, target_lengths, X, alpha, losses, losses, X)
    _run(_forward_job, X, targets, blank, arrays, False)


def ctc_backward(
    X,
    targets,
    input_lengths,
    target_lengths,
    blank,
    alpha,
    losses,
    dlosses,
    zero_infinity,
    dX,
):
    arrays = (targets, input_lengths, target_lengths, X, alpha, losses, dlosses, dX)
    _run(_backward_job, X, targets, blank, arrays, zero_infinity)


def _run(jobs, X, targets, blank, arrays, zero_infinity):
    N = X.shape[1]
    helpers = team()
    threads = helpers.threads if X.size >= _SHARED and N > 1 else 1
    addresses = [A.__array_interface__["data"][0] for A in arrays]
    args = np.array([*X.shape, targets.shape[1], blank, *addresses, zero_infinity], np.int64)
    if threads > 1:
        helpers.wake()
    _share(helpers.board, threads, jobs[X.itemsize].address, args, N)
