"""Naming the causes of slow learning, for each layer and for the whole network.

===============================  =============================================================
cause of a layer                 seen where
===============================  =============================================================
``"small input activation"``     the root mean square of its input is below `SMALL_INPUT`
``"small error"``                delta is below `VANISHED` times delta of the last layer, before
                                 the layer's own activation made it so
``"saturated neurons"``          `MANY_UNITS` of its units or more are saturated
``"dead ReLUs"``                 `MANY_UNITS` of its units or more are dead
``"exploding error"``            delta is above `EXPLODED` times delta of the last layer
``"gradient zero"``              every gradient of its parameters is exactly 0
``"no gradient"``                none arrived: it was cut off, by ``detach`` or ``no_grad``
``"not used"``                   the forward pass did not call it, and no gradient arrived
``"frozen"``                     its parameters have ``requires_grad=False``
``"large update"``               the next step changes its weights by more than `LARGE_UPDATE`
``"tiny update"``                the next step changes its weights by less than `SMALL_UPDATE`
``"not finite"``                 a number of it is infinite or NaN
===============================  =============================================================

A normalisation's weight multiplies its normalised input, and an embedding's input is an index: a
small input is none of their troubles. A saturated last layer of a network that is right (see
`RIGHT`) is as it should be, and not named.
"""

from __future__ import annotations

import math
from dataclasses import replace

from .report import LayerReport, Report, ratio
from .sentences import sentences
from .thresholds import (
    EXPLODED,
    LARGE_UPDATE,
    MANY_UNITS,
    SMALL_INPUT,
    SMALL_UPDATE,
    VANISHED,
)

__all__ = ["diagnose"]

#: Modules whose weight does not multiply the input itself.
_SCALE_FREE = ("Norm", "Embedding")


def diagnose(report: Report, finite_inputs: bool = True) -> Report:
    """`report` with the causes of each layer, and the diagnosis."""
    reference = report.last
    layers: list[LayerReport] = []
    arrives_small = False  # the error at the layer behind, which was looked at before
    for layer in reversed(report.layers):
        causes = _causes(layer, reference, arrives_small, report.is_right and layer is reference)
        layers.insert(0, replace(layer, causes=causes))
        if layer.delta is not None:
            arrives_small = _vanished(layer, reference)
    report = replace(report, layers=tuple(layers))
    return replace(report, diagnosis=tuple(sentences(report, finite_inputs)))


def _vanished(layer: LayerReport, reference: LayerReport | None) -> bool:
    share = _share(layer, reference)
    return share is not None and share < VANISHED


def _share(layer: LayerReport, reference: LayerReport | None) -> float | None:
    """Delta of `layer` by that of the last layer."""
    return ratio(layer.delta, None if reference is None else reference.delta)


def _causes(
    layer: LayerReport, reference: LayerReport | None, arrives_small: bool, is_right: bool
) -> tuple[str, ...]:
    """The causes of one layer, the most telling first."""
    if not all(math.isfinite(x) for x in _numbers(layer)):
        return ("not finite",)
    saturated = (layer.saturated or 0) >= MANY_UNITS and not is_right
    dead = (layer.dead or 0) >= MANY_UNITS
    causes = {"saturated neurons": saturated, "dead ReLUs": dead}
    if layer.frozen:
        causes["frozen"] = True
    elif layer.trained:
        gradient, update = layer.gradient, layer.relative_update
        scale_free = any(word in layer.kind.partition(" ")[0] for word in _SCALE_FREE)
        causes |= {
            "small input activation": not scale_free
            and layer.input is not None
            and layer.input < SMALL_INPUT,
            "small error": _vanished(layer, reference)
            and (arrives_small or not (saturated or dead)),
            "exploding error": (_share(layer, reference) or 0) > EXPLODED,
            "gradient zero": gradient == 0,
            "no gradient": gradient is None and layer.uses > 0,
            "not used": gradient is None and layer.uses == 0,
            "large update": update is not None and update > LARGE_UPDATE,
            "tiny update": update is not None and bool(gradient) and update < SMALL_UPDATE,
        }
    return tuple([cause for cause, seen in causes.items() if seen])


def _numbers(layer: LayerReport) -> list[float]:
    numbers = [layer.input, layer.output, layer.delta]
    for p in layer.parameters:
        numbers += [p.weight, p.gradient, p.update]
    return [x for x in numbers if x is not None]
