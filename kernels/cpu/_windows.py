"""How a convolution is cut into tiles: whole numbers, computed once for each shape.

Forward and backward pass are one kind of sum, over the taps t of a filter along each axis::

    target[j t_step + t_start] = sum_t W[tap t] source[j s_step + offset t]

Forward, the source is X, and the offset of tap k is ``k dilation - padding``. Backward, the
source is dY; the windows that contain an element of X are reached by different taps from places
that differ modulo the stride, so there is one such sum, a *phase*, for each remainder.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ._products import REGISTER, ROWS

__all__ = [
    "Axis",
    "backward_axes",
    "forward_axes",
    "gather_plan",
    "panels_of",
    "weight_plan",
    "winograd_plan",
]

#: Pixels of a tile: enough for a panel of weights that comes from the second-level cache to be
#: used again and again, few enough for the pixels to stay there beside it.
_PIXELS = 384
#: Pixels of a tile when weights' gradients are summed: both its images pass through the first-level
#: cache once for each block of the gradient.
_PIXELS_WEIGHT = 128
#: Tiles for each thread, so that none waits long for the last.
_TILES = 4
#: Clock cycles for packing a row of a panel of weights and for taking it from the cache.
_PACKING = 36


class Axis(NamedTuple):
    """One axis of a phase.

    Attributes
    ----------
    places : int
        How many j of the target there are.
    source_step, target_step, target_start : int
    taps, offsets : tuple of int
        The taps by rising offset.
    """

    places: int
    source_step: int
    target_step: int
    target_start: int
    taps: tuple[int, ...]
    offsets: tuple[int, ...]


@lru_cache(maxsize=512)
def forward_axes(out, kernel, stride, padding, dilation):
    """The one phase of the forward pass: an `Axis` for D, H and W."""
    return tuple(
        Axis(o, s, 1, 0, tuple(range(k)), tuple([i * d - p for i in range(k)]))
        for o, k, s, p, d in zip(out, kernel, stride, padding, dilation)
    )


@lru_cache(maxsize=512)
def backward_axes(lengths, kernel, stride, padding, dilation):
    """The phases of the backward pass."""
    choices = []
    for n, k, s, p, d in zip(lengths, kernel, stride, padding, dilation):
        axes = []
        for r in range(min(s, n)):
            taps = [i for i in reversed(range(k)) if (r + p - i * d) % s == 0]
            offsets = tuple([(r + p - i * d) // s for i in taps])
            axes.append(Axis((n - r + s - 1) // s, 1, s, r, tuple(taps), offsets))
        choices.append(axes)
    return tuple([(a, b, c) for a in choices[0] for b in choices[1] for c in choices[2]])


def panels_of(columns: int, size: int) -> tuple[int, int]:
    """How many panels, of one or two vectors, hold so many columns; and all their columns."""
    vectors = -(-columns * size // REGISTER)
    return -(-vectors // 2), vectors * REGISTER // size


class _Source(NamedTuple):
    """How the tiles read the source: the image itself, or a copy of a part with zeros around."""

    direct: bool
    samples: int  # of a tile
    rows: int  # of a tile
    copied: tuple[int, int, int]  # planes, rows and columns of the copy
    first: tuple[int, int]  # the offsets of its first row and column
    segments: np.ndarray  # distances of the segments in bytes
    length: int  # elements of each segment
    parts: int  # tiles


def _source(shape, channels, axes, pixels, size, direct_too) -> _Source:
    N, *lengths, C = shape
    across, down, along = axes
    samples, rows = 1, down.places
    if across.places == 1 and down.places * along.places <= pixels:
        samples = max(1, min(N, pixels // max(1, down.places * along.places)))
    else:
        rows = min(down.places, max(1, round(pixels / max(1, along.places))))
    direct = direct_too and all(
        not axis.offsets
        or (axis.offsets[0] >= 0 and (axis.places - 1) * axis.source_step + axis.offsets[-1] < n)
        for axis, n in zip(axes, lengths)
    )
    planes = len(across.offsets)
    first_row, first_column = [axis.offsets[0] if axis.offsets else 0 for axis in (down, along)]
    first = (first_row, first_column)
    reach = [
        axis.offsets[-1] - axis.offsets[0] + 1 if axis.offsets else 0 for axis in (down, along)
    ]
    copied = (
        planes,
        (rows - 1) * down.source_step + reach[0],
        (along.places - 1) * along.source_step + reach[1],
    )
    # Neighbouring taps along a row meet neighbouring elements in memory.
    offsets = along.offsets
    neighbours = offsets == tuple(range(first[1], first[1] + len(offsets)))
    run = max(1, len(offsets)) if channels == C and neighbours else 1
    distances = []
    for p, d in enumerate(across.offsets):
        for h in down.offsets:
            for w in offsets[::run]:
                if direct:
                    distances.append(((d * lengths[1] + h) * lengths[2] + w) * C * size)
                else:
                    row = p * copied[1] + h - first[0]
                    distances.append((row * copied[2] + w - first[1]) * C * size)
    parts = -(-N // samples) if samples > 1 else N * across.places * -(-down.places // rows)
    segments = np.array(distances, np.int64)
    return _Source(direct, samples, rows, copied, first, segments, run * channels, parts)


# The places of the numbers of a plan.
(
    P_N, P_JD, P_JH, P_JW, P_STEP_D, P_STEP_H, P_STEP_W, P_SD, P_SH, P_SW, P_SC, P_DIRECT,
    P_SAMPLES, P_ROWS, P_PLANES, P_PH, P_PW, P_FIRST_H, P_FIRST_W, P_SEGMENTS, P_LENGTH,
    P_PARTS, P_JOBS, P_SHARE, P_GROUPS, P_CS, P_CT, P_PANELS, P_COLUMNS, P_DEPTH, P_COPY,
    P_TABLE, P_BYTES, P_SLOTS, P_TN, P_TD, P_TH, P_TW, P_START, P_DENSE, P_OFFSETS, P_PACK, P_END,
) = range(43)  # fmt: skip


class Plan(NamedTuple):
    """The numbers of a phase, in the places above; then the distances of the segments and the
    offsets of the planes. `taps`: what element of a filter each step of the sum takes.
    """

    numbers: np.ndarray
    taps: np.ndarray
    jobs: int
    copies: int
    packed: int
    scratch: int


def _numbers(shape, axes, source, size) -> list[int]:
    N, D, H, W, C = shape
    across, down, along = axes
    values = [0] * P_END
    values[P_N] = N
    values[P_JD], values[P_JH], values[P_JW] = across.places, down.places, along.places
    values[P_STEP_D], values[P_STEP_H], values[P_STEP_W] = [axis.source_step for axis in axes]
    values[P_SD], values[P_SH], values[P_SW], values[P_SC] = D, H, W, C
    values[P_DIRECT] = source.direct
    values[P_SAMPLES], values[P_ROWS] = source.samples, source.rows
    values[P_PLANES], values[P_PH], values[P_PW] = source.copied
    values[P_FIRST_H], values[P_FIRST_W] = source.first
    values[P_SEGMENTS], values[P_LENGTH] = source.segments.size, source.length
    values[P_PARTS] = source.parts
    values[P_DEPTH] = source.segments.size * source.length
    values[P_OFFSETS] = P_END + source.segments.size
    copy = 0 if source.direct else source.samples * np.prod(source.copied, dtype=int) * C * size
    values[P_COPY] = -(-int(copy) // 64) * 64
    return values


@lru_cache(maxsize=512)
def gather_plan(shape, target, axes, groups, size, threads) -> Plan:
    """A phase of the forward pass or of the backward pass by the input.

    Parameters
    ----------
    shape, target : tuple of int
        Of the source, (N, D, H, W, C), and of the target.
    axes : tuple of Axis
    groups, size, threads : int
        `size`: bytes of an element.
    """
    across, down, along = axes
    channels, columns = shape[4] // groups, target[4] // groups
    total = shape[0] * across.places * down.places * along.places
    panels, width = panels_of(columns, size)
    few = total < 8 * ROWS * _TILES * threads
    if few:
        source, share = _few_tiles(shape, channels, axes, size, groups * panels, threads)
    else:
        pixels = min(_PIXELS, total // (_TILES * threads))
        source, share = _source(shape, channels, axes, pixels, size, True), 1
    values = _numbers(shape, axes, source, size)
    values[P_GROUPS], values[P_CS], values[P_CT] = groups, channels, columns
    values[P_PANELS], values[P_COLUMNS] = panels, width
    values[P_JOBS] = jobs = min(source.parts, 2 * _TILES * threads)
    values[P_SHARE] = share
    tile = source.samples * source.rows * along.places
    values[P_TABLE] = table = 8 * (tile + ROWS)
    block = ROWS * 2 * REGISTER
    bytes_ = -(-(values[P_COPY] + 2 * table + block) // 64) * 64 + 64
    # The panels, and a row of biases for each.
    packed = groups * width * (values[P_DEPTH] + 1)
    if few:
        values[P_PACK] = bytes_
        own = -(-groups * panels // share) * 2 * REGISTER * (values[P_DEPTH] + 1)
        bytes_, packed = bytes_ + own + 64, 0
    values[P_BYTES] = bytes_
    values[P_SLOTS] = threads
    _, D, H, W, C = target
    values[P_TN], values[P_TD] = D * H * W * C, H * W * C * across.target_step
    values[P_TH], values[P_TW] = W * C * down.target_step, C * along.target_step
    starts = [axis.target_start for axis in axes]
    values[P_START] = ((starts[0] * H + starts[1]) * W + starts[2]) * C
    values[P_DENSE] = all(axis.target_step == 1 for axis in axes)
    taps = [(a, b, c) for a in across.taps for b in down.taps for c in along.taps]
    return Plan(
        np.array([*values, *source.segments, *across.offsets], np.int64),
        np.array(taps, np.int64).reshape(len(taps), 3),
        jobs * share,
        1,
        packed,
        threads * bytes_,
    )


def _few_tiles(shape, channels, axes, size, panels, threads) -> tuple[_Source, int]:
    """The source, and in how many shares of the panels to cut its tiles, when the pixels are few.

    Each tile packs its weights itself then: to take them from another core's cache takes longer.
    The estimate is in clock cycles: what the thread takes that has most to do.
    """
    best = None
    for blocks in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32):
        source = _source(shape, channels, axes, blocks * ROWS, size, True)
        tile = source.samples * source.rows * axes[2].places
        depth = source.segments.size * source.length
        each = depth * (ROWS * -(-tile // ROWS) + _PACKING)
        copy = 0 if source.direct else source.samples * math.prod(source.copied) * shape[4] // 8
        for share in range(1, min(panels, 2 * threads) + 1):
            rounds = -(-source.parts * share // threads)
            cycles = rounds * (500 + copy + 2 * tile + -(-panels // share) * each)
            if best is None or cycles < best[0]:
                best = cycles, source, share
    assert best is not None
    return best[1:]


@lru_cache(maxsize=512)
def weight_plan(shape, out, axes, groups, size, threads) -> Plan:
    """The gradient of the weights: `shape` of the input, `out` that of the output."""
    across, down, along = axes
    channels, columns = shape[4] // groups, out[4] // groups
    total = shape[0] * across.places * down.places * along.places
    source = _source(shape, channels, axes, _PIXELS_WEIGHT, size, False)
    values = _numbers(shape, axes, source, size)
    panels, width = panels_of(columns, size)
    values[P_GROUPS], values[P_CS], values[P_CT] = groups, channels, columns
    values[P_PANELS], values[P_COLUMNS] = panels, width
    wanted = 2 * threads if total > 2 * _PIXELS_WEIGHT else 1
    values[P_SHARE] = share = min(groups * panels, wanted)
    values[P_JOBS] = jobs = max(1, min(source.parts, -(-wanted // share)))
    tile = source.samples * source.rows * along.places
    depth = values[P_DEPTH]
    rounded = -(-depth // ROWS) * ROWS
    values[P_TABLE] = rounded * 8 + 8 * (source.samples * source.rows)
    strip = -(-tile * 2 * REGISTER // 64) * 64
    # Behind the copy there is room for a pixel's channels that do not count.
    values[P_COPY] += 64 + shape[4] * size // 64 * 64
    values[P_BYTES] = bytes_ = -(-(values[P_COPY] + values[P_TABLE] + strip) // 64) * 64 + 64
    values[P_SLOTS] = threads
    return Plan(
        np.array([*values, *source.segments, *across.offsets], np.int64),
        np.empty((0, 3), np.int64),
        jobs * share,
        jobs,
        jobs * groups * width * rounded,
        threads * bytes_,
    )


#: Squares of 2x2 pixels of a tile: so many that sixteen products with them pay, so few that their
#: transforms stay in the second-level cache.
_SQUARES = (36, 144)
_SQUARE_BYTES = 1 << 20
_SUM_BYTES = 600_000


@lru_cache(maxsize=512)
def winograd_plan(shape, target, padding, size, threads, weight=False) -> Plan:
    """The forward or backward pass in squares of 2x2 pixels: `_winograd`, `_winograd_weight`.

    Parameters
    ----------
    shape, target : tuple of int
        Of the source, (N, 1, H, W, C), and of the target.
    padding : tuple of int
        Of H and W, before the first element.
    size, threads : int
    weight : bool
        Whether this is for the gradient of the weights, `target` being the output's.
    """
    N, C = shape[0], shape[4]
    down, along = [-(-n // 2) for n in target[2:4]]
    axes = (
        Axis(1, 1, 1, 0, (0,), (0,)),
        *[
            Axis(n, 2, 1, 0, tuple(range(4)), tuple(range(-p, 4 - p)))
            for n, p in zip((down, along), padding)
        ],
    )
    # The tile that leaves the fewest rows of the last block empty.
    most = max(_SQUARES[0], min(_SQUARES[1], _SQUARE_BYTES // (16 * C * size)))
    most = min(most, max(ROWS, N * down * along // (2 * threads)))
    choices = []
    for samples in range(1, max(1, most // (down * along)) + 1):
        for rows in range(1, down + 1) if samples == 1 else (down,):
            squares = samples * rows * along
            if squares <= most or squares == along:
                rest = N % samples * down if samples > 1 else down % rows
                blocks = (N // samples) * (down // rows) * -(-squares // ROWS)
                blocks += (1 if samples > 1 else N) * -(-rest * along // ROWS)
                # Few blocks; and of equals the larger tile.
                choices.append(
                    (round(50 * blocks * ROWS / (N * down * along)), -squares, samples, rows)
                )
    *_, samples, rows = min(choices)
    source = _source(shape, C, axes, 1, size, False)
    copied = (1, 2 * rows + 2, source.copied[2])
    parts = -(-N // samples) if samples > 1 else N * -(-down // rows)
    source = source._replace(samples=samples, rows=rows, copied=copied, parts=parts)
    values = _numbers(shape, axes, source, size)
    panels, width = panels_of(target[4], size)
    values[P_GROUPS], values[P_CS], values[P_CT] = 1, C, target[4]
    values[P_PANELS], values[P_COLUMNS] = panels, width
    rounded = -(-C // ROWS) * ROWS
    packed = 16 * width * C + width + 2 * REGISTER // size
    copies = 1
    if weight:
        # Shares of the panels so that the sums of a tile stay in the second-level cache.
        share = min(panels, -(-16 * rounded * width * size // _SUM_BYTES))
        copies = jobs = max(1, min(parts, -(-2 * threads // share)))
        packed = jobs * 16 * rounded * width
    else:
        jobs = min(parts, 2 * _TILES * threads)
        share = max(1, min(panels, 2 * threads // jobs))
    values[P_JOBS], values[P_SHARE] = jobs, share
    values[P_TH], values[P_TW] = target[3] * target[4], target[3]
    squares = -(-samples * rows * along // ROWS) * ROWS
    bytes_ = values[P_COPY] + 8 * max(squares, rounded) + 128 + 64
    bytes_ += 16 * (squares * (C * size + 2 * REGISTER) + 2 * 64)
    values[P_BYTES] = bytes_ = -(-bytes_ // 64) * 64 + 64
    values[P_SLOTS] = threads
    return Plan(
        np.array([*values, *source.segments, 0], np.int64),
        np.empty((0, 3), np.int64),
        jobs * share,
        copies,
        packed,
        threads * bytes_,
    )
