"""The line search of `gpunet.optim.LBFGS`: a step that fulfils the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..backend import Array

__all__ = ["cubic_interpolate", "strong_wolfe"]


@dataclass
class Point:
    """A place on the line: step length, loss, gradient and slope (the gradient along the line)."""

    t: float
    f: float
    g: Array
    slope: float


def cubic_interpolate(
    x1: float,
    f1: float,
    g1: float,
    x2: float,
    f2: float,
    g2: float,
    bounds: tuple[float, float] | None = None,
) -> float:
    """The minimum of the cubic with values f and slopes g at x1 and x2, kept within `bounds`.

    Source: Nocedal and Wright, Numerical optimization (2006), equation 3.59.
    """
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    if x1 <= x2:
        best = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        best = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(best, low), high)


def _between(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    return cubic_interpolate(a.t, a.f, a.slope, b.t, b.f, b.slope, bounds)


def strong_wolfe(
    evaluate: Callable[[float], tuple[float, Array]],
    slope_of: Callable[[Array], float],
    start: Point,
    t: float,
    longest: float,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_evaluations: int = 25,
) -> tuple[Point, int]:
    """A step length t with ``f(t) <= f(0) + c1 t f'(0)`` and ``|f'(t)| <= c2 |f'(0)|``.

    Bracket such a point, then narrow the bracket by cubic interpolation.

    Source: Nocedal and Wright, algorithms 3.5 and 3.6, in the form of minFunc and PyTorch.

    Parameters
    ----------
    evaluate : callable
        Loss and gradient at a step length. The gradient is an array of its own.
    slope_of : callable
        The slope along the line, of a gradient.
    start : Point
        At t = 0.
    t : float
        The first step length to try.
    longest : float
        The largest entry of the direction, to tell when the bracket has become too small.

    Returns
    -------
    Point
    evaluations : int
    """

    def at(t: float) -> Point:
        f, g = evaluate(t)
        return Point(t, f, g, slope_of(g))

    def falls_short(point: Point) -> bool:
        return point.f > start.f + c1 * point.t * start.slope

    new = at(t)
    evaluations = 1
    previous = start
    bracket: list[Point] = []
    rounds = 0
    while rounds < max_evaluations:
        if falls_short(new) or (rounds > 1 and new.f >= previous.f):
            bracket = [previous, new]
            break
        if abs(new.slope) <= -c2 * start.slope:
            return new, evaluations
        if new.slope >= 0:
            bracket = [previous, new]
            break
        bounds = (new.t + 0.01 * (new.t - previous.t), new.t * 10)
        t = _between(previous, new, bounds)
        previous = new
        new = at(t)
        evaluations += 1
        rounds += 1
    if rounds == max_evaluations:
        bracket = [start, new]

    stuck = False
    low, high = (0, 1) if bracket[0].f <= bracket[-1].f else (1, 0)
    while rounds < max_evaluations:
        a, b = bracket[0].t, bracket[1].t
        if abs(b - a) * longest < tolerance_change:
            break
        t = _between(bracket[0], bracket[1])
        # Close to an end of the bracket twice, or on it: move a tenth of its length inwards.
        margin = 0.1 * abs(b - a)
        if min(max(a, b) - t, t - min(a, b)) < margin:
            if stuck or t >= max(a, b) or t <= min(a, b):
                t = max(a, b) - margin if max(a, b) - t < t - min(a, b) else min(a, b) + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new = at(t)
        evaluations += 1
        rounds += 1
        if falls_short(new) or new.f >= bracket[low].f:
            bracket[high] = new
            low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
            continue
        done = abs(new.slope) <= -c2 * start.slope
        if not done and new.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = new
        if done:
            break
    return bracket[low], evaluations
