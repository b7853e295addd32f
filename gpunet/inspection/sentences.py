"""The diagnosis of a whole network, in sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from .report import LayerReport, Report
from .thresholds import SMALL_DELTA

__all__ = ["label", "sentences"]

#: So many layers are named; of more, the rest is counted.
_MOST_NAMES = 6


def sentences(report: Report, finite_inputs: bool) -> Iterator[str]:
    """What is to be said of `report`, whose layers have their causes."""
    if not math.isfinite(report.loss) or _with(report, "not finite"):
        yield _not_finite(report, finite_inputs)
        return
    said = [*_causes_of_slow_learning(report), *_oddities(report)]
    yield from said
    if not said:
        yield "None of the three causes of slow learning is seen on this batch."


def _causes_of_slow_learning(report: Report) -> Iterator[str]:
    saturated, dead = _with(report, "saturated neurons"), _with(report, "dead ReLUs")
    if saturated:
        share = _range([layer.saturated for layer in saturated])
        yield (
            f"Saturated neurons: in {_names(saturated)}, {share} of the units hardly respond to "
            "their input any more, so their weights, and those of the layers before them, learn "
            "slowly. Smaller initial weights or normalisation keep units out of saturation."
        )
    if dead:
        share = _range([layer.dead for layer in dead])
        yield (
            f"Dead ReLUs: in {_names(dead)}, {share} of the units are 0 for every sample and pass "
            "no error on. Look for large negative biases or too large a learning rate; a LeakyReLU "
            "cannot die."
        )
    small = _with(report, "small input activation")
    if small:
        yield _small_input(report, small)
    yield from _small_error(report)


def _small_input(report: Report, small: Sequence[LayerReport]) -> str:
    size = _range([layer.input for layer in small], _short)
    before = list(report.layers)
    first = before.index(small[0])
    after_dead = any("dead ReLUs" in layer.causes for layer in before[:first])
    advice = "That is what the dead units before leave." if after_dead else (
        "Scale the inputs to a size of about 1." if first == 0
        else "Larger initial weights in the layers before, or normalisation, help."
    )  # fmt: skip
    verb = "receives" if len(small) == 1 else "receive"
    return (
        f"Small input activation: {_names(small)} {verb} inputs of size {size} (root mean square); "
        f"the gradients of the weights are that many times those of the biases. {advice}"
    )


def _small_error(report: Report) -> Iterator[str]:
    """Small because it vanishes on its way, because the network is right, or in itself."""
    arrived = [layer for layer in report.layers if layer.delta is not None]
    last = report.last
    if last is None or last.delta is None:
        return
    if report.is_right:
        yield (
            "Small error, because the network is right on this batch: the error at its output is "
            f"{report.error:.1%} of what wrong targets would give. There is little left to learn "
            "from these samples."
        )
    elif last.delta < SMALL_DELTA and "saturated neurons" not in last.causes:
        yield (
            f"Small error: delta is only {_short(last.delta)} at the output, in {label(last)}, "
            "although the network is not seen to be right. Look at the scale of the loss and of "
            "the targets."
        )
    vanished = _with(report, "small error")
    if vanished:
        first = vanished[0]
        steps = arrived.index(last) - arrived.index(first)
        each = ""
        if first.delta and steps > 1:
            each = f", by a factor of {(first.delta / last.delta) ** (1 / steps):.2g} a layer"
        yield (
            f"Small error: it vanishes on its way back. Delta is {_short(last.delta)} in "
            f"{label(last)} and {_short(first.delta)} in {label(first)}{each}; "
            f"gradient descent by itself hardly changes {_names(vanished)}. "
            "ReLUs, normalisation, shortcuts or larger initial weights let more of it through."
        )
    exploding = _with(report, "exploding error")
    if exploding:
        yield (
            f"Exploding error: delta grows on its way back, from {_short(last.delta)} in "
            f"{label(last)} to {_short(exploding[0].delta)} in {label(exploding[0])}. Smaller "
            "initial weights, normalisation or gradient clipping help."
        )


def _oddities(report: Report) -> Iterator[str]:
    texts = {
        "gradient zero": "The gradients are exactly zero in {}: nothing is learned there.",
        "no gradient": "No gradient arrives at {}: cut off by detach() or no_grad(), or without "
        "influence on the loss.",
        "not used": "The forward pass does not use {}.",
        "frozen": "Frozen (requires_grad=False): {}.",
        "large update": "The next step changes {} by {} of the weights' size; about 0.1% is usual. "
        "Lower the learning rate.",
        "tiny update": "The next step changes {} by only {} of the weights' size; about 0.1% is "
        "usual.",
    }
    for cause, text in texts.items():
        layers = _with(report, cause)
        if layers:
            form = "{:.0%}".format if cause == "large update" else _short
            sizes = _range([layer.relative_update for layer in layers], form)
            yield text.format(_names(layers), sizes)
    if report.layers and not any(layer.trained for layer in report.layers):
        yield "No parameter requires a gradient: nothing is learned."


def _not_finite(report: Report, finite_inputs: bool) -> str:
    """Where the first value came from that is infinite or NaN."""
    forward = not math.isfinite(report.loss)
    start = f"The loss is {report.loss}" if forward else "Not finite"
    return f"{start}: {_first_not_finite(report, finite_inputs)}."


def _first_not_finite(report: Report, finite_inputs: bool) -> str:
    if not finite_inputs:
        return "the inputs of the model hold values that are not finite"
    for layer in report.layers:
        bad = [p.name for p in layer.parameters if not math.isfinite(p.weight)]
        if bad:
            return f"{' and '.join(bad)} of {label(layer)} has values that are not finite"
        if not _finite(layer.output):
            known = "inputs and parameters" if _finite(layer.input) else "parameters"
            return f"{label(layer)} is the first whose output is not finite, from finite {known}"
    if not math.isfinite(report.loss):
        return "the output of every layer is finite, so look at the targets and the loss function"
    for layer in reversed(report.layers):
        if not _finite(layer.delta):
            return f"going back, {label(layer)} is the first whose delta is not finite"
    for layer in reversed(report.layers):
        if not all(_finite(p.gradient) for p in layer.parameters):
            return f"the gradients of {label(layer)} are not finite"
    layer = next(layer for layer in report.layers if "not finite" in layer.causes)
    return f"the optimiser's next step of {label(layer)} is not"


def _finite(x: float | None) -> bool:
    return x is None or math.isfinite(x)


def _with(report: Report, cause: str) -> list[LayerReport]:
    return [layer for layer in report.layers if cause in layer.causes]


def label(layer: LayerReport) -> str:
    """``layer 0 (Linear + ReLU)``, ``the model itself``."""
    return (
        f"layer {layer.name} ({layer.kind})" if layer.name else f"the model itself ({layer.kind})"
    )


def _names(layers: Sequence[LayerReport]) -> str:
    """``layers 0, 2 and 4``."""
    if len(layers) == 1:
        return label(layers[0])
    names = [layer.name or "the model itself" for layer in layers]
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} more"]
    return f"layers {', '.join(names[:-1])} and {names[-1]}"


def _range(values: Sequence[float | None], text: Callable[[float], str] = "{:.0%}".format) -> str:
    """``31% to 92%``."""
    known = [x for x in values if x is not None]
    if not known:
        return ""
    low, high = text(min(known)), text(max(known))
    return low if low == high else f"{low} to {high}"


def _short(x: float | None) -> str:
    """Two digits: ``0.31``, ``2.1e-09``."""
    return "-" if x is None else f"{x:.2g}"
