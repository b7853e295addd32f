"""The arithmetic of `GradScaler` on raw arrays; nothing here waits for the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..backend import Array, backend_for, backend_of

__all__ = ["full", "moved", "unscale", "update"]


def full(like: Array, value: float, dtype: str) -> Array:
    """`value` as an array without axes, on the device of `like`."""
    backend = backend_of(like)
    return backend.from_numpy(np.array(value, dtype), backend.device_of(like))


def moved(x: Array, like: Array) -> Array:
    """`x` on the device of `like`; itself where it is there already."""
    source, target = backend_of(x), backend_of(like)
    device = target.device_of(like)
    if source.device_of(x) == device:
        return x
    return backend_for(device).from_numpy(source.to_numpy(x), device)


def unscale(gradients: Sequence[Array], scale: Array) -> Array:
    """Divide the gradients by the scale, in place.

    Parameters
    ----------
    gradients : sequence of array
        With at least one.
    scale : array of float32, shape ()

    Returns
    -------
    array of float32, shape (), on the device of `scale`
        1 if any number among the gradients is infinite or NaN, otherwise 0.
    """
    found = None
    for gradient in gradients:
        be = backend_of(gradient)
        own = moved(scale, gradient)
        bad = be.empty((), np.float32)
        bad[...] = be.xp.logical_not(be.xp.isfinite(gradient).all())
        bad = moved(bad, scale)
        # The factor is rounded once: 1 / scale in float64, then as the gradient's type.
        inverse = be.xp.reciprocal(own.astype(np.float64)).astype(gradient.dtype)
        with np.errstate(all="ignore"):  # what is not finite is the finding, no accident
            be.xp.multiply(gradient, inverse, out=gradient)
        found = bad if found is None else backend_of(scale).xp.maximum(found, bad)
    return backend_of(scale).xp.asarray(found)


def update(
    scale: Array,
    tracker: Array,
    found: Sequence[Array],
    growth: float,
    backoff: float,
    interval: int,
) -> None:
    """Change the scale and the count of finite steps, both in place.

    ::

        any found:                   scale *= backoff,  tracker = 0
        tracker + 1 == interval:     scale *= growth,   tracker = 0   (unless it would overflow)
        otherwise:                                      tracker += 1
    """
    be = backend_of(scale)
    xp = be.xp
    bad = xp.asarray(sum(found[1:], start=found[0])) > 0
    count = tracker + 1
    full_row = count == interval
    with np.errstate(over="ignore"):
        grown = scale * np.float32(growth)
    grown = xp.where(xp.isfinite(grown), grown, scale)
    scale[...] = xp.where(bad, scale * np.float32(backoff), xp.where(full_row, grown, scale))
    tracker[...] = xp.where(bad | full_row, 0, count)
